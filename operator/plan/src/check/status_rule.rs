//! Rules about what is told: kstatus, and never a state that waits for time without looking again.

use super::Findings;
use crate::observed::Observed;
use crate::plan::Plan;
use andon_api::condition::{self, ConditionType};
use andon_api::reason::{ConditionReason, HoldReason};
use andon_api::{LineStatus, PlantIntegrationStatus, Trial};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub(super) fn check(observed: &Observed, plan: &Plan, findings: &mut Findings<'_>) {
    let status = &plan.status;
    let is_true = |kind| condition::is_true(&status.conditions, kind);
    let ready = condition::find(&status.conditions, ConditionType::Ready);
    findings.demand(ready.is_some(), "I17", || "Ready is missing".to_owned());
    let (moving, stalled) = (
        is_true(ConditionType::Reconciling),
        is_true(ConditionType::Stalled),
    );
    findings.demand(!(moving && stalled), "I17", || {
        "Reconciling and Stalled together".to_owned()
    });
    findings.demand(
        !(is_true(ConditionType::Ready) && (moving || stalled)),
        "I17",
        || "Ready together with Reconciling or Stalled".to_owned(),
    );
    let generation = observed.integration.generation;
    findings.demand(status.observed_generation == generation, "I17", || {
        "observedGeneration is another one".to_owned()
    });
    for condition in &status.conditions {
        let known = ConditionReason::parse(&condition.reason).is_some();
        findings.demand(known, "I17", || {
            format!(
                "{} has the unknown reason {}",
                condition.type_, condition.reason
            )
        });
        findings.demand(
            condition.observed_generation == Some(generation),
            "I17",
            || format!("{} speaks of another generation", condition.type_),
        );
        let present_only_while_true = condition.type_ == "Ready" || condition.status == "True";
        findings.demand(present_only_while_true, "I17", || {
            format!("{} is there though it is not true", condition.type_)
        });
    }
    typed(&status.lines, findings);
    let invalid = ready.is_some_and(|it| it.reason == ConditionReason::Invalid.as_str());
    findings.demand(
        plan.wake.is_some() || !plan.write_status || invalid,
        "I18",
        || "a status is written, and nobody looks at what follows from it".to_owned(),
    );
    let on_trial = status.lines.iter().any(|line| line.trial.is_some());
    findings.demand(plan.wake.is_some() || !(on_trial || moving), "I18", || {
        "something goes on, and nobody looks again".to_owned()
    });
    findings.demand(
        plan.write_status || !decided(&observed.integration.status, status),
        "I19",
        || "a decision is not written".to_owned(),
    );
}

/// Every hold has a reason that is known, and words.
fn typed(lines: &[LineStatus], findings: &mut Findings<'_>) {
    for line in lines {
        let known = line.hold.as_ref().is_none_or(|hold| {
            HoldReason::parse(&hold.reason).is_some() && !hold.message.is_empty()
        });
        findings.demand(known, "I17", || {
            format!("the hold of {} is not typed", line.name)
        });
    }
}

/// Whether a decision was taken.
fn decided(before: &PlantIntegrationStatus, after: &PlantIntegrationStatus) -> bool {
    let lines = || before.lines.iter().zip(&after.lines);
    before.retried != after.retried
        || before.release_retried != after.release_retried
        || before.promote != after.promote
        || before.lines.len() != after.lines.len()
        || lines().any(|(before, after)| line_decided(before, after))
}

/// What was decided about a trial's shadow.
fn shown(trial: &Trial) -> Option<(&Time, Option<&Time>, bool)> {
    let shadow = trial.shadow.as_ref()?;
    Some((&shadow.since, shadow.passed.as_ref(), shadow.claims))
}

fn line_decided(before: &LineStatus, after: &LineStatus) -> bool {
    let trial = match (&before.trial, &after.trial) {
        (None, None) => false,
        (Some(old), Some(new)) => {
            old.rendering != new.rendering
                || old.target_digest != new.target_digest
                || old.checked != new.checked
                || shown(old) != shown(new)
                || old.busy_since != new.busy_since
                || old.baking_since != new.baking_since
                || old.failure != new.failure
                || old.withdrawn != new.withdrawn
        }
        _ => true,
    };
    trial
        || before.name != after.name
        || before.last_good != after.last_good
        || before.failed != after.failed
        || before.promoted.as_ref().map(|it| &it.leaving)
            != after.promoted.as_ref().map(|it| &it.leaving)
        || before
            .removing
            .as_ref()
            .map(|it| (it.stopping, &it.busy_since))
            != after
                .removing
                .as_ref()
                .map(|it| (it.stopping, &it.busy_since))
}
