//! What a line should run: its rendering, or why there is none. The planner asks only here.

use crate::calendar::{Almanac, Calendar, Problem};
use crate::hold::Hold;
use crate::observed::{Observed, Seen};
use andon_api::{BlueprintSpec, Line, Parameters, PlantSiteSpec, SITE_LINE, Schedule, Scope};
use andon_render::{
    Facts, Layers, LineFacts, NamedParameters, PlantFacts, RenderRequest, Rendering,
};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

/// Why a line has no rendering.
pub(crate) type Refusal = Hold;

/// Renderings that were made before, by line. Rendering is pure, so an answer that was given to the same question is the
/// answer: keeping it saves a controller that looks every second most of its work, and changes no plan. So with the plant's calendar.
pub struct Memory {
    answers: BTreeMap<String, Vec<(Question<'static>, Answer)>>,
    /// By time zone and schedule.
    calendars: Vec<((String, Schedule), Arc<Almanac>)>,
    most: usize,
}

type Answer = Result<Arc<Rendering>, Refusal>;

impl Default for Memory {
    fn default() -> Self {
        Self::of(1)
    }
}

impl Memory {
    /// A memory of the last `most` answers of each line. One is enough for whoever looks at the world as it is.
    pub fn of(most: usize) -> Self {
        Self {
            answers: BTreeMap::new(),
            calendars: Vec::new(),
            most,
        }
    }

    /// The calendar of a plant; none: it has no schedule.
    pub(crate) fn calendar(
        &mut self,
        plant: &PlantSiteSpec,
    ) -> Result<Option<Arc<Almanac>>, Vec<Problem>> {
        let Some(schedule) = &plant.schedule else {
            return Ok(None);
        };
        let mut known = self.calendars.iter();
        let same =
            |(zone, known): &(String, Schedule)| *zone == plant.time_zone && known == schedule;
        if let Some((_, almanac)) = known.find(|(key, _)| same(key)) {
            return Ok(Some(Arc::clone(almanac)));
        }
        let calendar = Calendar::read(schedule, &plant.time_zone)?;
        let almanac = Arc::new(Almanac::new(calendar));
        if self.calendars.len() >= self.most {
            drop(self.calendars.remove(0));
        }
        let key = (plant.time_zone.clone(), schedule.clone());
        self.calendars.push((key, Arc::clone(&almanac)));
        Ok(Some(almanac))
    }

    /// What `line` should run.
    pub(crate) fn desired(&mut self, observed: &Observed, line: &str) -> Answer {
        let question = Question::of(observed, line)?;
        if let Some(known) = self.answers.get_mut(line)
            && let Some(found) = known.iter().rposition(|(asked, _)| *asked == question)
        {
            // What was asked last is asked next.
            let newest = known.remove(found);
            let answer = newest.1.clone();
            known.push(newest);
            return answer;
        }
        let answer = question.answer().map(Arc::new);
        let known = self.answers.entry(line.to_owned()).or_default();
        if known.len() >= self.most {
            drop(known.remove(0));
        }
        known.push((question.into_owned(), answer.clone()));
        answer
    }
}

/// All that a rendering depends on.
#[derive(Clone, PartialEq)]
struct Question<'a> {
    plant: [Cow<'a, str>; 4],
    integration: Cow<'a, str>,
    release: Cow<'a, Parameters>,
    site: Cow<'a, Parameters>,
    chosen: Option<Cow<'a, Parameters>>,
    /// Name and criticality, and its own parameters.
    line: Option<(Cow<'a, str>, i32, Cow<'a, Parameters>)>,
    blueprint: Cow<'a, BlueprintSpec>,
}

impl<'a> Question<'a> {
    fn into_owned(self) -> Question<'static> {
        fn own<T: ToOwned + ?Sized>(value: Cow<'_, T>) -> Cow<'static, T> {
            Cow::Owned(value.into_owned())
        }
        Question {
            plant: self.plant.map(own),
            integration: own(self.integration),
            release: own(self.release),
            site: own(self.site),
            chosen: self.chosen.map(own),
            line: self
                .line
                .map(|(name, criticality, own_ones)| (own(name), criticality, own(own_ones))),
            blueprint: own(self.blueprint),
        }
    }

    fn of(observed: &'a Observed, line: &str) -> Result<Self, Refusal> {
        let Some(target) = &observed.integration.spec.target else {
            return Err(Hold::NoRelease);
        };
        let missing = |unknown| {
            Err(Hold::BlueprintMissing {
                name: target.blueprint.object_name(),
                unknown,
            })
        };
        let blueprint = match &observed.blueprint {
            Seen::Present(blueprint) => blueprint,
            Seen::Absent => return missing(None),
            Seen::Unknown(why) => return missing(Some(why.clone())),
        };
        let site = &observed.site;
        let spec = &site.spec;
        let integration = &observed.integration.spec.integration;
        let chosen = spec.integrations.iter().find(|i| i.name == *integration);
        Ok(Self {
            plant: [
                &site.name,
                &site.namespace,
                &spec.site_code,
                &spec.time_zone,
            ]
            .map(|text| Cow::Borrowed(text.as_str())),
            release: Cow::Borrowed(&target.parameters),
            site: Cow::Borrowed(&spec.parameters),
            chosen: chosen.map(|i| Cow::Borrowed(&i.parameters)),
            line: line_of(blueprint, &spec.lines, line).map(|line| {
                let name = Cow::Borrowed(line.name.as_str());
                (name, line.criticality, Cow::Borrowed(&line.parameters))
            }),
            blueprint: Cow::Borrowed(blueprint),
            integration: Cow::Borrowed(integration),
        })
    }

    fn answer(&self) -> Result<Rendering, Refusal> {
        let line = self.line.as_ref();
        let none = Parameters::new();
        let parameters = andon_render::effective(
            &self.blueprint,
            &Layers {
                release: &self.release,
                site: &self.site,
                integration: NamedParameters {
                    name: &self.integration,
                    parameters: self.chosen.as_deref().unwrap_or(&none),
                },
                line: line.map(|(name, _, parameters)| NamedParameters { name, parameters }),
            },
        )
        .map_err(|errors| Hold::ParametersInvalid {
            message: listed(&errors),
        })?;
        let [name, namespace, site_code, time_zone] = &self.plant;
        andon_render::render(&RenderRequest {
            blueprint: &self.blueprint,
            facts: Facts {
                plant: PlantFacts {
                    name,
                    namespace,
                    site_code,
                    time_zone,
                },
                line: line.map(|(name, criticality, _)| LineFacts {
                    name,
                    criticality: *criticality,
                }),
                integration: &self.integration,
            },
            parameters: &parameters,
        })
        .map_err(|errors| Hold::RenderFailed {
            message: listed(&errors),
        })
    }
}

/// The line's entry in the PlantSite; none for a blueprint that is installed once for the plant.
fn line_of<'a>(blueprint: &BlueprintSpec, lines: &'a [Line], name: &str) -> Option<&'a Line> {
    match blueprint.scope {
        Scope::Site => None,
        Scope::Line => lines.iter().find(|line| line.name == name),
    }
}

/// The lines that take part, in the order in which they move.
pub(crate) fn order(observed: &Observed) -> Vec<String> {
    let scope = match &observed.blueprint {
        Seen::Present(blueprint) => blueprint.scope,
        // Nobody can tell what it is now; what it was is in the status.
        _ => match observed.integration.status.lines.as_slice() {
            [only] if only.name == SITE_LINE => Scope::Site,
            _ => Scope::Line,
        },
    };
    if observed.integration.deleting {
        return Vec::new();
    }
    let spec = &observed.site.spec;
    let integration = &observed.integration.spec.integration;
    let Some(choice) = spec.integrations.iter().find(|i| i.name == *integration) else {
        return Vec::new();
    };
    if scope == Scope::Site {
        return vec![SITE_LINE.to_owned()];
    }
    let excluded = |name: &String| {
        let selection = choice.lines.as_ref();
        selection.is_some_and(|lines| lines.exclude.contains(name))
    };
    let mut lines: Vec<&Line> = spec.lines.iter().filter(|l| !excluded(&l.name)).collect();
    lines.sort_by_key(|line| (line.criticality, &line.name));
    lines.into_iter().map(|line| line.name.clone()).collect()
}

/// Errors as one message: the first few in full, since a status is no log.
fn listed<E: Display>(errors: &[E]) -> String {
    const SHOWN: usize = 3;
    let mut message: Vec<String> = errors.iter().take(SHOWN).map(E::to_string).collect();
    if errors.len() > SHOWN {
        message.push(format!("and {} more", errors.len() - SHOWN));
    }
    message.join("; ")
}
