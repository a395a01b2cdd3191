//! Rules about promoted lines that are taken back.

use super::Findings;
use super::deciding::{going_back, touches};
use super::ending::has_evidence;
use crate::observed::Observed;
use crate::plan::Plan;
use andon_api::{Go, LineStatus, RollbackScope};

/// A line that ran its last good goes back to what it ran before: only for a cause, only to what was kept, and nothing of it is
/// touched before that is written.
pub(super) fn check(
    observed: &Observed,
    plan: &Plan,
    (line, had): (&LineStatus, Option<&LineStatus>),
    findings: &mut Findings<'_>,
) {
    let name = &line.name;
    let promoted = had.and_then(|l| l.promoted.as_ref());
    let (Some(promoted), Some(trial)) = (promoted, &line.trial) else {
        return findings.demand(false, "I20", || {
            format!("{name} goes back though nothing was promoted")
        });
    };
    let kept = observed
        .revisions
        .iter()
        .any(|r| r.line == *name && r.rendering.digest == promoted.previous.digest);
    let back = line.last_good.as_ref() == Some(&promoted.previous);
    let from = had.and_then(|l| l.last_good.as_ref()) == Some(&trial.rendering);
    findings.demand(kept && back && from, "I20", || {
        format!("{name} goes back to something else than it ran before")
    });
    let touched = plan.changes.iter().any(|c| touches(observed, c, name));
    findings.demand(!touched, "I2", || {
        format!("{name} goes back before that is written")
    });
    super::requiring::nobody_needs(observed, name, (&trial.rendering, promoted), findings);
    let announced = promoted.leaving.as_ref();
    match &trial.failure {
        // What was announced had its evidence then.
        Some(failure) if announced.is_some_and(|it| it.message == failure.message) => {}
        Some(failure) if failure.reason == "CheckFailed" => {
            has_evidence(observed, line, trial, findings);
        }
        Some(_) => {}
        None => {
            if given_up(observed, findings) {
                return most_critical_first(observed, plan, name, findings);
            }
            let follows = super::requiring::has_to_follow(observed, &trial.rendering);
            findings.demand(follows, "I20", || {
                format!("{name} is taken back without a cause")
            });
            super::requiring::most_critical_first(observed, plan, name, findings);
        }
    }
}

/// Whether the target was given up: by the release, or because a line of this plant failed it.
fn given_up(observed: &Observed, findings: &mut Findings<'_>) -> bool {
    let Some(target) = &observed.integration.spec.target else {
        return false;
    };
    if target.go == Go::Undo {
        return true;
    }
    if target.rollback.scope == RollbackScope::Line {
        return false;
    }
    let lines = &observed.integration.status.lines;
    lines.iter().any(|line| {
        let failing = line
            .trial
            .as_ref()
            .is_some_and(|trial| trial.failure.is_some() && trial.target_digest == target.digest);
        let failed = line.failed.as_ref().is_some_and(|failed| {
            let asked = findings.desired(observed, &line.name);
            failed.target_digest == target.digest
                && asked.as_ref() == Some(&failed.rendering.digest)
        });
        let leaving = line.promoted.as_ref().is_some_and(|promoted| {
            let own = promoted
                .leaving
                .as_ref()
                .is_some_and(|it| it.reason.is_some());
            own && promoted.target_digest == target.digest
        });
        failing || failed || leaving
    })
}

/// No line is taken back while a more critical one that passed for the same target could be.
fn most_critical_first(observed: &Observed, plan: &Plan, name: &str, findings: &mut Findings<'_>) {
    let target = observed
        .integration
        .spec
        .target
        .as_ref()
        .map(|target| &target.digest);
    let rank = |name: &str| {
        let line = observed.site.spec.lines.iter().find(|l| l.name == name);
        line.map(|l| (l.criticality, l.name.clone()))
    };
    for other in &plan.status.lines {
        let promoted = other.promoted.as_ref();
        let waits = other.trial.is_none()
            && promoted.is_some_and(|it| {
                Some(&it.target_digest) == target
                    && observed
                        .revisions
                        .iter()
                        .any(|r| r.line == other.name && r.rendering.digest == it.previous.digest)
            });
        let sooner = !waits || rank(&other.name) < rank(name);
        findings.demand(sooner, "I20", || {
            format!(
                "{name} is taken back before {}, which is more critical",
                other.name
            )
        });
    }
    let others = plan.status.lines.iter().filter(|l| l.name != name);
    let judged = others
        .filter_map(|l| l.trial.as_ref())
        .any(|trial| !going_back(trial));
    findings.demand(!judged, "I20", || {
        format!("{name} is taken back while another line is tried")
    });
}
