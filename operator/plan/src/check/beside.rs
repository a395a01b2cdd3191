//! Rules about lines that are on trial beside each other.

use super::Findings;
use super::deciding::going_back;
use crate::observed::Observed;
use crate::plan::Plan;
use andon_api::{Line, LineStatus, PlantIntegrationStatus};

/// Never more lines on trial than the release allows; a limit that is lowered takes back nothing.
pub(super) fn check(observed: &Observed, plan: &Plan, findings: &mut Findings<'_>) {
    let on_trial = |status: &PlantIntegrationStatus| {
        let trials = status.lines.iter().filter_map(|l| l.trial.as_ref());
        trials.filter(|trial| !going_back(trial)).count()
    };
    let target = observed.integration.spec.target.as_ref();
    let most = target.map_or(1, |target| target.max_concurrent_lines.max(1) as usize);
    let (before, now) = (
        on_trial(&observed.integration.status),
        on_trial(&plan.status),
    );
    findings.demand(now <= most.max(before), "I1", || {
        format!("{now} lines are on trial at once, {most} may be")
    });
}

/// What a line that begins has to leave to others.
pub(super) fn may_begin(observed: &Observed, plan: &Plan, name: &str, findings: &mut Findings<'_>) {
    let spec = &observed.site.spec;
    let Some(own) = spec.lines.iter().find(|l| l.name == name) else {
        return;
    };
    for other in taking_part(observed).filter(|l| l.criticality < own.criticality) {
        let done = done(observed, plan, other, findings);
        findings.demand(done, "I11", || {
            format!("{name} begins before {}", other.name)
        });
    }
    // Of the same criticality in the order of their names, but for those that wait for one of their own family.
    let equal = taking_part(observed).filter(|l| l.criticality == own.criticality);
    for other in equal.filter(|l| l.name < own.name) {
        let begun = line(plan, &other.name).is_some_and(|it| it.trial.is_some());
        let waits = taking_part(observed).any(|l| {
            let trial = line(plan, &l.name).is_some_and(|it| it.trial.is_some());
            trial && l.equipment_family == other.equipment_family && l.name != name
        });
        let done = done(observed, plan, other, findings);
        findings.demand(done || begun || waits, "I11", || {
            format!(
                "{name} begins before {} of the same criticality",
                other.name
            )
        });
    }
    let family: Vec<&Line> = taking_part(observed)
        .filter(|l| l.equipment_family == own.equipment_family && l.name != name)
        .collect();
    let passed = family
        .iter()
        .any(|other| done(observed, plan, other, findings));
    let tried = family
        .iter()
        .find(|other| line(plan, &other.name).is_some_and(|it| it.trial.is_some()));
    if let (false, Some(tried)) = (passed, tried) {
        findings.demand(false, "I22", || {
            format!(
                "{name} begins while {} of the same family is on trial, and none has passed",
                tried.name
            )
        });
    }
}

/// The lines that take part in the integration.
fn taking_part(observed: &Observed) -> impl Iterator<Item = &Line> {
    let spec = &observed.site.spec;
    let integration = &observed.integration.spec.integration;
    let chosen = spec.integrations.iter().find(|i| i.name == *integration);
    let excluded = move |l: &str| {
        let selection = chosen.and_then(|c| c.lines.as_ref());
        selection.is_some_and(|s| s.exclude.iter().any(|e| e == l))
    };
    spec.lines.iter().filter(move |l| !excluded(&l.name))
}

fn line<'a>(plan: &'a Plan, name: &str) -> Option<&'a LineStatus> {
    plan.status.lines.iter().find(|l| l.name == name)
}

/// Whether a line runs what it should.
fn done(observed: &Observed, plan: &Plan, other: &Line, findings: &mut Findings<'_>) -> bool {
    let known = line(plan, &other.name);
    let runs = known.and_then(|l| l.last_good.as_ref());
    let asked = findings.desired(observed, &other.name);
    asked.is_some()
        && asked.as_ref() == runs.map(|r| &r.digest)
        && known.is_some_and(|l| l.trial.is_none())
}

/// The first pod of a line changes only while all trials of the plant, this one included, fit what the plant allows.
pub(super) fn may_change(observed: &Observed, name: &str, findings: &mut Findings<'_>) {
    let Some(most) = observed.site.spec.max_concurrent_lines else {
        return;
    };
    let lines = observed.integration.status.lines.iter();
    // What only runs as a shadow, or waits after that, keeps no place.
    let own = lines.filter(|l| {
        let trial = l.trial.as_ref();
        trial.is_some_and(|t| t.checked || t.shadow.as_ref().is_none_or(|it| it.claims))
    });
    let own = own.count();
    let others: usize = observed.neighbours.iter().map(|it| it.on_trial.len()).sum();
    findings.demand(own + others <= most.max(1) as usize, "I23", || {
        format!(
            "{name} changes while {} lines of the plant are on trial, {most} may be",
            own + others
        )
    });
}
