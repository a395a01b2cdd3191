//! What is observed, made trustworthy: every value parsed once, or every reason why it cannot be used.

use crate::calendar::Calendar;
use crate::desired::{self, Memory, Refusal};
use crate::hold::Hold;
use crate::object::{Index, Scene};
use crate::observed::{Observed, Revision};
use crate::stage::Strategies;
use andon_api::{
    Analysis, BakeClock, Failed, Line, LineStatus, RenderingReference, SITE_LINE, Strategy, Target,
    Then, duration, percent,
};
use andon_render::Rendering;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What a decision sees.
pub(crate) struct Input<'a> {
    pub(crate) observed: &'a Observed,
    /// Its objects by name and kind.
    pub(crate) index: Index<'a>,
    /// The lines that take part, in the order in which they move, each with what it should run.
    pub(crate) lines: Vec<(String, Result<Arc<Rendering>, Refusal>)>,
    /// How a canary is judged; none: nobody asks anything.
    pub(crate) rules: Result<Rules, Hold>,
    /// When the plant may be changed and when it produces; none: always. One that cannot be read lets nothing start, but what is on
    /// trial is judged all the same.
    pub(crate) calendar: Result<Option<Calendar>, Hold>,
}

impl<'a> Input<'a> {
    pub(crate) fn now(&self) -> Timestamp {
        self.observed.now
    }

    /// One line of what is observed.
    pub(crate) fn scene<'b>(&'b self, line: &'b str) -> Scene<'b> {
        Scene {
            observed: self.observed,
            index: &self.index,
            line,
        }
    }

    /// Now, as it stands in a status: in whole seconds, so that reading it back changes nothing.
    pub(crate) fn stamp(&self) -> Time {
        let second = Timestamp::from_second(self.now().as_second());
        Time(second.unwrap_or(self.observed.now))
    }

    pub(crate) fn target(&self) -> Option<&'a Target> {
        self.observed.integration.spec.target.as_ref()
    }

    /// What a line should run; none: it takes no part.
    pub(crate) fn desired(&self, line: &str) -> Option<Result<&Rendering, &Refusal>> {
        let (_, desired) = self.lines.iter().find(|(name, _)| name == line)?;
        Some(desired.as_ref().map(AsRef::as_ref))
    }

    /// A line's failed mark, if it counts: as long as both the target and the line's own rendering are the same.
    pub(crate) fn failed<'b>(&self, line: &'b LineStatus) -> Option<&'b Failed> {
        let target = self.target()?;
        let desired = self.desired(&line.name)?.ok()?;
        let failed = line.failed.as_ref()?;
        let same =
            failed.target_digest == target.digest && failed.rendering.digest == desired.digest;
        same.then_some(failed)
    }

    /// A line as the PlantSite describes it.
    pub(crate) fn line(&self, name: &str) -> Option<&'a Line> {
        let mut lines = self.observed.site.spec.lines.iter();
        lines.find(|line| line.name == name)
    }

    /// How many lines the release lets be on trial at a time.
    pub(crate) fn most_on_trial(&self) -> usize {
        let most = self
            .target()
            .map_or(1, |target| target.max_concurrent_lines);
        usize::try_from(most).unwrap_or(0).max(1)
    }

    /// The kept rendering that a status names.
    pub(crate) fn revision(&self, line: &str, kept: &RenderingReference) -> Option<&'a Revision> {
        self.revisions(line)
            .find(|revision| revision.rendering.digest == kept.digest)
    }

    /// The kept renderings of a line.
    pub(crate) fn revisions(&self, line: &str) -> impl Iterator<Item = &'a Revision> {
        let revisions = self.observed.revisions.iter().map(AsRef::as_ref);
        revisions.filter(move |revision: &&Revision| revision.line == line)
    }

    /// How the line's instances may be treated.
    pub(crate) fn strategies<'b>(&'b self, line: &'b str) -> LineStrategies<'b> {
        LineStrategies { input: self, line }
    }
}

/// How a line's instances may be treated, from its kept renderings.
pub(crate) struct LineStrategies<'a> {
    input: &'a Input<'a>,
    line: &'a str,
}

impl Strategies for LineStrategies<'_> {
    fn of(&self, instance: &str) -> Option<Strategy> {
        self.input
            .revisions(self.line)
            .flat_map(|revision| &revision.rendering.stages)
            .find(|stage| stage.instance == instance)
            .map(|stage| stage.strategy)
    }
}

/// How a canary is judged, parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(crate) bake: Duration,
    pub(crate) clock: BakeClock,
    pub(crate) min_samples: i64,
    pub(crate) deadline: Duration,
    /// How long a canary may be not ready.
    pub(crate) ready_deadline: Duration,
    /// Chance of failing a release that is no worse, for all checks together.
    pub(crate) alpha: f64,
    /// `1 - passConfidence`; none: a pass needs no evidence.
    pub(crate) pass_alpha: Option<f64>,
    /// How long it may go without a verdict, and what then; none: for ever.
    pub(crate) max_wait: Option<(Duration, Then)>,
    pub(crate) checks: Vec<Rule>,
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) indicator: String,
    pub(crate) bar: Bar,
    /// It only says what it finds.
    pub(crate) dry_run: bool,
}

/// What an indicator is held against, as a share and as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bar {
    /// An absolute limit.
    Max(f64, String),
    /// The baseline's rate and so much more.
    Baseline(f64, String),
}

impl Rules {
    /// Alpha of one check: the checks share it, but those that only say what they find.
    pub(crate) fn alpha_each(&self) -> f64 {
        let judged = self.checks.iter().filter(|rule| !rule.dry_run).count();
        self.alpha / judged.max(1) as f64
    }

    /// Whether anything is held against the baseline.
    pub(crate) fn needs_baseline(&self) -> bool {
        self.checks
            .iter()
            .any(|rule| matches!(rule.bar, Bar::Baseline(..)))
    }

    /// The first check whose indicator the rendering does not have.
    pub(crate) fn fit(&self, rendering: &Rendering) -> Result<(), Hold> {
        let known: Vec<&str> = rendering
            .indicators
            .iter()
            .map(|i| i.name.as_str())
            .collect();
        match self
            .checks
            .iter()
            .position(|rule| !known.contains(&rule.indicator.as_str()))
        {
            None => Ok(()),
            Some(index) => Err(Hold::AnalysisInvalid {
                message: format!(
                    "analysis.checks[{index}].indicator: version {} of the blueprint has no indicator \"{}\"; it has {}",
                    rendering.version,
                    self.checks[index].indicator,
                    if known.is_empty() {
                        "none".to_owned()
                    } else {
                        known.join(", ")
                    },
                ),
            }),
        }
    }
}

/// Reads what is observed. An error is every reason why the PlantSite cannot be used.
pub(crate) fn read<'a>(
    observed: &'a Observed,
    memory: &mut Memory,
) -> Result<Input<'a>, Vec<String>> {
    let problems = site_problems(observed);
    let calendar = Calendar::of(&observed.site.spec).map_err(|wrong| {
        let texts: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Hold::SpecInvalid {
            message: texts.join("; "),
        }
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let lines = desired::order(observed)
        .into_iter()
        .map(|line| {
            let desired = memory.desired(observed, &line);
            (line, desired)
        })
        .collect();
    let rules = match &observed.integration.spec.target {
        None => Err(Hold::NoRelease),
        Some(target) => {
            rules(&target.analysis).map_err(|message| Hold::AnalysisInvalid { message })
        }
    };
    Ok(Input {
        observed,
        index: Index::of(observed),
        lines,
        rules,
        calendar,
    })
}

/// What the API server's own rules would refuse, checked again: a rule can be switched off, a file can be edited.
fn site_problems(observed: &Observed) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, line) in observed.site.spec.lines.iter().enumerate() {
        let name = &line.name;
        if !is_label(name) {
            problems.push(format!(
                "lines[{index}].name: \"{name}\" is no DNS label of at most {LABEL} characters; use small letters, digits and dashes"
            ));
        }
        if name == SITE_LINE {
            problems.push(format!(
                "lines[{index}].name: \"{name}\" means the plant itself; use another name"
            ));
        }
        if !seen.insert(name) {
            problems.push(format!(
                "lines[{index}].name: \"{name}\" is there twice; line names are unique in a plant"
            ));
        }
        if !(0..=1000).contains(&line.criticality) {
            problems.push(format!(
                "lines[{index}].criticality: {} of \"{name}\" is not between 0 and 1000",
                line.criticality
            ));
        }
    }
    let integration = &observed.integration.spec.integration;
    if !is_label(integration) {
        problems.push(format!(
            "integration: \"{integration}\" is no DNS label of at most {LABEL} characters"
        ));
    }
    problems
}

/// Names of lines and integrations become parts of object names, which hold 63 characters.
const LABEL: usize = 30;

fn is_label(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (1..=LABEL).contains(&name.len())
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The checks, each with one bar; no indicator is held against the same kind of bar twice.
fn checks(analysis: &Analysis) -> Result<Vec<Rule>, String> {
    let mut checks: Vec<Rule> = Vec::new();
    for (index, check) in analysis.checks.iter().enumerate() {
        let at = format!("analysis.checks[{index}]");
        let share = |field: &str, text: &str| {
            percent::parse(text).map_err(|error| format!("{at}.{field}: {error}"))
        };
        let bar = match (&check.max, &check.not_worse_than_baseline) {
            (Some(max), None) => Bar::Max(share("max", max)?, max.clone()),
            (None, Some(text)) => Bar::Baseline(share("notWorseThanBaseline", text)?, text.clone()),
            _ => return Err(format!("{at}: give either max or notWorseThanBaseline")),
        };
        let same = |rule: &Rule| {
            rule.indicator == check.indicator
                && std::mem::discriminant(&rule.bar) == std::mem::discriminant(&bar)
        };
        if checks.iter().any(same) {
            return Err(format!(
                "{at}.indicator: \"{}\" is there twice; keep the stricter one",
                check.indicator
            ));
        }
        checks.push(Rule {
            indicator: check.indicator.clone(),
            bar,
            dry_run: check.dry_run,
        });
    }
    Ok(checks)
}

/// Parses an analysis; the error names field, value and remedy.
fn rules(analysis: &Analysis) -> Result<Rules, String> {
    let time = |field: &str, text: &str| {
        duration::parse(text).map_err(|error| format!("analysis.{field}: {error}"))
    };
    let share = |field: &str, text: &str| {
        percent::parse(text).map_err(|error| format!("analysis.{field}: {error}"))
    };
    let deadline = |field: &str, text: &str| match time(field, text)? {
        short if short < SHORTEST_DEADLINE => Err(format!(
            "analysis.{field}: \"{text}\" is shorter than a pod takes to start; write at least {}",
            duration::display(SHORTEST_DEADLINE)
        )),
        long => Ok(long),
    };
    let progress_deadline = deadline("progressDeadline", &analysis.progress_deadline)?;
    let ready_deadline = match &analysis.ready_deadline {
        Some(text) => deadline("readyDeadline", text)?,
        None => progress_deadline,
    };
    if !(0..=MOST_SAMPLES).contains(&analysis.min_samples) {
        return Err(format!(
            "analysis.minSamples: {} is not between 0 and {MOST_SAMPLES}",
            analysis.min_samples
        ));
    }
    let checks = checks(analysis)?;
    let confidence = analysis.pass_confidence.as_deref();
    let pass_alpha = confidence
        .map(|text| share("passConfidence", text))
        .transpose()?;
    let max_wait = analysis.max_wait.as_ref().map(|wait| {
        let limit = time("maxWait.duration", &wait.duration)?;
        Ok::<_, String>((limit, wait.then))
    });
    Ok(Rules {
        bake: time("bake.duration", &analysis.bake.duration)?,
        clock: analysis.bake.clock,
        pass_alpha: pass_alpha.map(|share| 1.0 - share),
        max_wait: max_wait.transpose()?,
        min_samples: analysis.min_samples,
        deadline: progress_deadline,
        ready_deadline,
        alpha: 1.0 - share("confidence", &analysis.confidence)?,
        checks,
    })
}

/// Pods take seconds to start; a shorter deadline would fail every release.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(5);
/// A billion documents: far above any bake, far below what a double counts exactly.
const MOST_SAMPLES: i64 = 1_000_000_000;
