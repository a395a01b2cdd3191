//! Rules about what is decided: trials begin in order, go on as they were written, and are not forgotten.

use super::Findings;
use super::ending::{ends, has_evidence};
use crate::observed::Observed;
use crate::plan::Plan;
use andon_api::{LineStatus, Trial, label};

pub(super) fn check(observed: &Observed, plan: &Plan, findings: &mut Findings<'_>) {
    let before = |name: &str| {
        observed
            .integration
            .status
            .lines
            .iter()
            .find(|l| l.name == name)
    };
    super::beside::check(observed, plan, findings);
    for line in &plan.status.lines {
        let had = before(&line.name);
        match (had.and_then(|l| l.trial.as_ref()), &line.trial) {
            (None, Some(new)) if going_back(new) => {
                super::undoing::check(observed, plan, (line, had), findings);
            }
            (None, Some(new)) => begins(observed, plan, line, new, findings),
            (Some(old), Some(new)) => goes_on(observed, plan, line, (old, new), findings),
            (Some(_), None) if super::leaving::swept_away(observed, &line.name) => {}
            (Some(old), None) => {
                super::shadowing::ends(observed, &line.name, findings);
                ends(observed, (line, had), old, findings);
            }
            (None, None) => {}
        }
        last_good(observed, line, had, findings);
        super::leaving::drained(observed, line, findings);
        super::vetoing::stops(observed, line, had, findings);
        super::requiring::leaves(observed, line, had, findings);
    }
    for had in &observed.integration.status.lines {
        let kept = plan.status.lines.iter().any(|l| l.name == had.name);
        let anything = had.trial.is_some() || had.last_good.is_some();
        let anything = anything && !super::leaving::has_left(observed, had);
        findings.demand(kept || !anything, "I13", || {
            format!("{} is forgotten", had.name)
        });
    }
    let bounded = plan
        .status
        .lines
        .iter()
        .filter_map(|l| l.trial.as_ref())
        .all(|t| t.containers.len() <= 20);
    findings.demand(bounded, "I14", || {
        "more than 20 containers in a status".to_owned()
    });
}

/// Whether a line goes back.
pub(super) fn going_back(trial: &Trial) -> bool {
    trial.failure.is_some() || trial.withdrawn.is_some()
}

/// A trial begins.
fn begins(
    observed: &Observed,
    plan: &Plan,
    line: &LineStatus,
    new: &Trial,
    findings: &mut Findings<'_>,
) {
    let name = &line.name;
    findings.demand(
        !new.checked && new.failure.is_none() && new.promoted.is_none() && new.shadow.is_none(),
        "I2",
        || format!("the trial of {name} begins half-way"),
    );
    let Some(target) = &observed.integration.spec.target else {
        return findings.demand(false, "I7", || format!("{name} begins without a release"));
    };
    findings.demand(target.go == andon_api::Go::Proceed, "I7", || {
        format!("{name} begins though the release is paused")
    });
    findings.demand(new.target_digest == target.digest, "I7", || {
        format!("{name} begins another target")
    });
    is_open(observed, name, findings);
    let remembered = observed.integration.status.lines.iter();
    let same = |l: &&LineStatus| {
        l.failed
            .as_ref()
            .is_some_and(|f| f.target_digest == target.digest)
    };
    let stopped = remembered.filter(same).find(|l| {
        let failed = l.failed.as_ref().map(|f| f.rendering.digest.as_str());
        let asked = findings.desired(observed, &l.name);
        asked.as_deref() == failed
    });
    let lifted = lifted(observed, plan);
    findings.demand(stopped.is_none() || lifted, "I10", || {
        format!("{name} begins though the plant has stopped for this target")
    });
    super::beside::may_begin(observed, plan, name, findings);
    super::approving::approved(observed, name, &new.rendering.digest, findings);
    super::standing::begins(observed, plan, (line, new), findings);
    super::requiring::met(observed, name, &new.rendering, findings);
    let digest = &new.rendering.digest;
    let saved = plan.changes.iter().any(|c| matches!(c, crate::Change::SaveRevision { rendering, .. } if rendering.digest == *digest));
    let kept = observed
        .revisions
        .iter()
        .any(|r| r.line == *name && r.rendering.digest == *digest);
    findings.demand(saved || kept, "I12", || {
        format!("the trial of {name} begins without its rendering being kept")
    });
}

/// A change begins, and its first pods change, only while the plant's calendar lets it.
fn is_open(observed: &Observed, name: &str, findings: &mut Findings<'_>) {
    if let Ok(Some(calendar)) = findings.memory.calendar(&observed.site.spec) {
        findings.demand(calendar.state(observed.now).open, "I21", || {
            format!("{name} begins while the plant is closed for changes")
        });
    }
}

/// Whether a person has asked to try again what failed, and that is written now.
fn lifted(observed: &Observed, plan: &Plan) -> bool {
    let (before, after) = (&observed.integration.status, &plan.status);
    let target = observed.integration.spec.target.as_ref();
    let own = label::lever(&observed.integration.annotations, label::RETRY);
    let release = target.and_then(|target| target.retry.as_ref());
    (after.retried != before.retried && after.retried == own)
        || (after.release_retried != before.release_retried
            && after.release_retried.as_ref() == release)
}

/// A trial goes on, or another takes its place.
fn goes_on(
    observed: &Observed,
    plan: &Plan,
    line: &LineStatus,
    (old, new): (&Trial, &Trial),
    findings: &mut Findings<'_>,
) {
    let name = &line.name;
    let same = old.rendering == new.rendering
        && old.target_digest == new.target_digest
        && old.started == new.started;
    if !same {
        if old.failure.is_some() || old.withdrawn.is_some() {
            let had = observed.integration.status.lines.iter();
            let had = had.clone().find(|l| l.name == *name);
            ends(observed, (line, had), old, findings);
        }
        return begins(observed, plan, line, new, findings);
    }
    findings.demand(old.checked <= new.checked, "I3", || {
        format!("{name} is unchecked again")
    });
    findings.demand(
        old.failure.is_none() || old.failure == new.failure,
        "I8",
        || format!("the failure of {name} is forgotten"),
    );
    findings.demand(
        old.withdrawn.is_none() || old.withdrawn == new.withdrawn,
        "I8",
        || format!("{name} is no longer withdrawn"),
    );
    super::standing::goes_on(observed, name, (old, new), findings);
    super::standing::counts_its_own(observed, name, new, findings);
    super::shadowing::goes_on(observed, name, (old, new), findings);
    let since = (old.busy_since.as_ref(), new.busy_since.as_ref());
    super::vetoing::remembered(observed, name, since, findings);
    super::comparing::goes_on(observed, name, (old, new), findings);
    super::ending::begins_to_be_judged(name, (old, new), findings);
    if old.promoted != new.promoted {
        super::ending::may_promote(observed, plan, name, (old, new), findings);
    }
    if let (None, Some(failure)) = (&old.failure, &new.failure) {
        let touched = plan.changes.iter().any(|c| touches(observed, c, name));
        findings.demand(!touched, "I2", || {
            format!("{name} goes back before its failure is written")
        });
        if failure.reason == "CheckFailed" {
            has_evidence(observed, line, new, findings);
        }
    }
    if !old.checked && new.checked {
        super::beside::may_change(observed, name, findings);
        super::vetoing::undisturbed(observed, name, old.busy_since.as_ref(), findings);
        super::approving::approved(observed, name, &new.rendering.digest, findings);
        super::requiring::met(observed, name, &new.rendering, findings);
        is_open(observed, name, findings);
        let touched = plan.changes.iter().any(|c| touches(observed, c, name));
        findings.demand(!touched, "I2", || {
            format!("{name} changes before its check is written")
        });
    }
}

/// Whether a change touches a line's objects. What is left of a shadow is none of them.
pub(super) fn touches(observed: &Observed, change: &crate::Change, line: &str) -> bool {
    let is_shadow = |uid: &str| {
        let mut objects = observed.objects.iter();
        let live = objects.find(|it| it["metadata"]["uid"] == uid);
        live.is_some_and(|it| it["metadata"]["labels"][label::STAGE] == label::SHADOW)
    };
    match change {
        crate::Change::Delete { uid, .. } if is_shadow(uid) => false,
        crate::Change::Apply { object, .. } => object["metadata"]["labels"][label::LINE] == line,
        crate::Change::Delete { name, .. } | crate::Change::DeletePod { name, .. } => {
            name.contains(&format!("-{line}-"))
        }
        _ => false,
    }
}

/// The last good changes only to what has just passed, or by its version, or is put together again from marks.
fn last_good(
    observed: &Observed,
    line: &LineStatus,
    had: Option<&LineStatus>,
    findings: &mut Findings<'_>,
) {
    let digest = |l: Option<&LineStatus>| {
        l.and_then(|l| l.last_good.as_ref())
            .map(|kept| kept.digest.clone())
    };
    let (was, is) = (digest(had), digest(Some(line)));
    if was == is {
        return;
    }
    let trial = had
        .and_then(|l| l.trial.as_ref())
        .filter(|t| t.failure.is_none() && t.withdrawn.is_none());
    let passed = trial.is_some_and(|t| Some(&t.rendering.digest) == is.as_ref());
    let marked = observed
        .revisions
        .iter()
        .any(|r| r.line == line.name && r.last_good && Some(&r.rendering.digest) == is.as_ref());
    let promoted = had.and_then(|l| l.promoted.as_ref());
    let undone = line.trial.as_ref().is_some_and(going_back)
        && promoted.map(|it| &it.previous.digest) == is.as_ref();
    findings.demand(passed || undone || (had.is_none() && marked), "I9", || {
        format!(
            "the last good of {} becomes {is:?}, which has not passed",
            line.name
        )
    });
}
