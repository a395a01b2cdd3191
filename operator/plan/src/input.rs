//! What is observed, made trustworthy: every value parsed once, or every reason why it cannot be used.

use crate::calendar::Almanac;
use crate::desired::{self, Memory, Refusal};
use crate::hold::Hold;
use crate::object::{Index, Scene};
use crate::observed::{Observed, Reading, Revision};
use crate::rules;
use crate::stage::Strategies;
use crate::value;
use andon_api::{Failed, Line, LineStatus, RenderingReference, SITE_LINE, Strategy, Target};
use andon_render::Rendering;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use crate::rules::{Bar, Rule, Rules};

/// What a decision sees.
pub(crate) struct Input<'a> {
    pub(crate) observed: &'a Observed,
    /// Its objects by name and kind.
    pub(crate) index: Index<'a>,
    /// The lines that take part, in the order in which they move, each with what it should run.
    pub(crate) lines: Vec<(String, Result<Arc<Rendering>, Refusal>)>,
    /// How a canary is judged; none: nobody asks anything.
    pub(crate) rules: Result<Rules, Hold>,
    /// What the pods' counters said, by pod UID, with the counts that the rules' values come to.
    pub(crate) readings: Cow<'a, BTreeMap<String, Reading>>,
    /// When the plant may be changed and when it produces; none: always. One that cannot be read lets nothing start, but what is on
    /// trial is judged all the same.
    pub(crate) calendar: Result<Option<Arc<Almanac>>, Hold>,
}

impl<'a> Input<'a> {
    pub(crate) fn now(&self) -> Timestamp {
        self.observed.now
    }

    /// One line of what is observed.
    pub(crate) fn scene<'b>(&'b self, line: &'b str) -> Scene<'b> {
        Scene {
            observed: self.observed,
            readings: &self.readings,
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

    /// A line as it was when this look began.
    pub(crate) fn remembered(&self, name: &str) -> Option<&'a LineStatus> {
        let mut lines = self.observed.integration.status.lines.iter();
        lines.find(|line| line.name == name)
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

/// Reads what is observed. An error is every reason why the PlantSite cannot be used.
pub(crate) fn read<'a>(
    observed: &'a Observed,
    memory: &mut Memory,
) -> Result<Input<'a>, Vec<String>> {
    // What is deleted goes whatever its PlantSite says now.
    let problems = match observed.integration.deleting {
        true => Vec::new(),
        false => site_problems(observed),
    };
    let calendar = memory.calendar(&observed.site.spec).map_err(|wrong| {
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
            rules::read(&target.analysis).map_err(|message| Hold::AnalysisInvalid { message })
        }
    };
    Ok(Input {
        observed,
        index: Index::of(observed),
        readings: value::readings(observed, rules.as_ref().ok()),
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
