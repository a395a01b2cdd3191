//! Rules about what relies on what: forward only on what is there, and back only when nothing relies on it any more.

use super::Findings;
use super::deciding::going_back;
use super::ending::has_evidence;
use crate::observed::{Neighbour, Observed};
use crate::plan::Plan;
use andon_api::{LineStatus, Promoted, RenderingReference, Requirement, label};
use andon_render::{RenderedStage, Rendering};

/// A line begins, or its first pod changes, only while everything that it requires runs and stays.
pub(super) fn met(
    observed: &Observed,
    name: &str,
    rendering: &RenderingReference,
    findings: &mut Findings<'_>,
) {
    for required in &rendering.requires {
        let runs = observed.neighbours.iter().any(|it| stays(it, required));
        findings.demand(runs, "I28", || {
            let Requirement { blueprint, version } = required;
            format!("{name} changes though {blueprint} {version} does not run, or goes back")
        });
    }
}

/// Whether all of an integration is what is required, and stays so.
fn stays(it: &Neighbour, required: &Requirement) -> bool {
    let all = it.last_good.iter().all(|(line, version)| {
        accepts(required, version) && it.leaving.get(line).is_none_or(|to| accepts(required, to))
    });
    it.blueprint == required.blueprint && !it.last_good.is_empty() && all
}

fn accepts(required: &Requirement, version: &str) -> bool {
    let range = andon_render::version_range(&required.version);
    let version = semver::Version::parse(version);
    range.is_ok_and(|range| version.is_ok_and(|version| range.matches(&version)))
}

/// Whether a rendering has to go back, since something that it requires goes back to what it does not accept.
pub(super) fn has_to_follow(observed: &Observed, rendering: &RenderingReference) -> bool {
    rendering.requires.iter().any(|required| {
        let of_it = observed.neighbours.iter();
        let of_it = of_it.filter(|it| it.blueprint == required.blueprint);
        let left = of_it.clone().flat_map(|it| &it.leaving);
        let mut left = left.filter(|(_, to)| !accepts(required, to)).peekable();
        left.peek().is_some() && !of_it.into_iter().any(|it| stays(it, required))
    })
}

/// Of the lines that follow what they require the most critical goes first, unless it cannot.
pub(super) fn most_critical_first(
    observed: &Observed,
    plan: &Plan,
    name: &str,
    findings: &mut Findings<'_>,
) {
    let rank = |name: &str| {
        let lines = &observed.site.spec.lines;
        let line = lines.iter().find(|line| line.name == name);
        line.map(|line| (line.criticality, line.name.clone()))
    };
    for other in plan.status.lines.iter().filter(|it| it.name != name) {
        let could = other.promoted.as_ref().is_some_and(|it| {
            let mut kept = observed.revisions.iter();
            !has_to_follow(observed, &it.previous)
                && kept.any(|kept| {
                    kept.line == other.name && kept.rendering.digest == it.previous.digest
                })
        });
        let must = other.last_good.as_ref();
        let must = must.is_some_and(|runs| has_to_follow(observed, runs));
        let sooner = could && must && other.trial.is_none() && rank(&other.name) > rank(name);
        findings.demand(!sooner, "I28", || {
            format!("{name} follows what it requires before {}", other.name)
        });
    }
}

/// A line is taken back from what others may rely on only after that was written, and once nobody does.
pub(super) fn nobody_needs(
    observed: &Observed,
    name: &str,
    (from, promoted): (&RenderingReference, &Promoted),
    findings: &mut Findings<'_>,
) {
    let to = &promoted.previous.version;
    if observed.neighbours.is_empty() || from.version == *to {
        return;
    }
    findings.demand(promoted.leaving.is_some(), "I28", || {
        format!("{name} goes back before that is written, and others may rely on it")
    });
    let target = observed.integration.spec.target.as_ref();
    let own = target.map(|target| target.blueprint.name.as_str());
    for it in &observed.neighbours {
        for need in &it.needs {
            let required = &need.requires;
            let relies = Some(required.blueprint.as_str()) == own
                && accepts(required, &from.version)
                && !accepts(required, to);
            let another = observed.neighbours.iter().any(|it| stays(it, required));
            findings.demand(!relies || another, "I28", || {
                format!(
                    "{name} goes back to {to} though {} {} on {} needs {}",
                    it.integration, need.version, need.line, required.version
                )
            });
        }
    }
}

/// That a line failed, and is about to go back for it, has its evidence and is not forgotten.
pub(super) fn leaves(
    observed: &Observed,
    line: &LineStatus,
    had: Option<&LineStatus>,
    findings: &mut Findings<'_>,
) {
    let of = |line: &LineStatus| line.promoted.as_ref()?.leaving.clone();
    let (before, now) = (had.and_then(of), of(line));
    if let (None, Some(leaving)) = (&before, &now)
        && leaving.reason.as_deref() == Some("CheckFailed")
    {
        let trial = line.promoted.as_ref().and_then(|it| it.trial.as_ref());
        match trial {
            Some(trial) => has_evidence(observed, line, trial, findings),
            None => findings.demand(false, "I28", || {
                format!("{} fails though it is not judged", line.name)
            }),
        }
    }
    let Some(failed) = before.filter(|it| it.reason.is_some()) else {
        return;
    };
    let trial = line.trial.as_ref().filter(|trial| going_back(trial));
    let taken_back = trial.and_then(|trial| trial.failure.as_ref());
    let taken_back = taken_back.is_some_and(|it| it.message == failed.message);
    findings.demand(
        taken_back || line.removing.is_some() || now.as_ref() == Some(&failed),
        "I28",
        || format!("the failure of {} is forgotten", line.name),
    );
}

/// A line that goes back: nothing of a stage comes while what came after it is still there.
pub(super) fn in_reverse(
    observed: &Observed,
    name: &str,
    (rendering, stage): (&Rendering, &RenderedStage),
    findings: &mut Findings<'_>,
) {
    let mut lines = observed.integration.status.lines.iter();
    let line = lines.find(|line| line.name == name);
    let back = line.and_then(|line| line.trial.as_ref());
    if !back.is_some_and(going_back) {
        return;
    }
    let later = rendering.stages.iter();
    for later in later.skip_while(|it| it.name != stage.name).skip(1) {
        let pods = observed.pods.iter();
        let pods = pods.filter(|pod| pod.line == name && pod.stage == later.name);
        let pods = pods.map(|pod| pod.instance.as_str());
        let objects = observed.objects.iter().filter_map(|object| {
            let tag = |key: &str| object["metadata"]["labels"][key].as_str().unwrap_or("");
            let own = tag(label::LINE) == name && tag(label::STAGE) == later.name;
            own.then(|| tag(label::INSTANCE))
        });
        let left = pods.chain(objects).find(|it| *it != later.instance);
        findings.demand(left.is_none(), "I28", || {
            let what = left.unwrap_or_default();
            format!(
                "{} comes back while {what} is there, which came after it",
                stage.instance
            )
        });
    }
}
