//! What of a status is worth a write: decisions at once, counts that merely tick every now and then.

use crate::input::Input;
use crate::observed::Observed;
use crate::progress::elapsed;
use andon_api::{LineStatus, PlantIntegrationStatus, Trial};
use std::time::Duration;

/// Counts that merely tick are written this often at most.
const CHECKPOINT: Duration = Duration::from_secs(10);
/// While promoted lines are judged on, which may take days. What was not written is read again from the containers; only what one
/// counted that has gone meanwhile is lost.
const CHECKPOINT_SOAK: Duration = Duration::from_secs(300);

/// Whether the status differs enough from the observed one to be written. Counts that merely tick are no reason before
/// the last ones that were written are ten seconds old.
pub(super) fn worth_writing(observed: &Observed, status: &PlantIntegrationStatus) -> bool {
    let before = &observed.integration.status;
    if before == status {
        return false;
    }
    if decides(before, status) {
        return true;
    }
    let old = |trial: Option<&Trial>, every| {
        let written = trial.and_then(|trial| trial.checkpoint.as_ref());
        trial.is_some() && written.is_none_or(|at| elapsed(at.0, observed.now) >= every)
    };
    let ticking = |line: &LineStatus| line.trial.is_some() || judged(line).is_some();
    // What a line that merely holds is told may change as often as it likes.
    !before.lines.iter().any(ticking)
        || before
            .lines
            .iter()
            .any(|line| old(line.trial.as_ref(), CHECKPOINT) || old(judged(line), CHECKPOINT_SOAK))
}

/// The trial of a promoted line that is judged on.
fn judged(line: &LineStatus) -> Option<&Trial> {
    line.promoted.as_ref()?.trial.as_ref()
}

/// Whether two statuses differ in more than what merely ticks.
fn decides(before: &PlantIntegrationStatus, status: &PlantIntegrationStatus) -> bool {
    let lines = || before.lines.iter().zip(&status.lines);
    let rest = |status: &PlantIntegrationStatus| PlantIntegrationStatus {
        lines: Vec::new(),
        target_digest: status.target_digest.clone(),
        retried: status.retried.clone(),
        release_retried: status.release_retried.clone(),
        promote: status.promote.clone(),
        summary: status.summary.clone(),
        conditions: status.conditions.clone(),
        ..*status
    };
    before.lines.len() != status.lines.len()
        || lines().any(|(before, now)| before != now && essence(before) != essence(now))
        || rest(before) != rest(status)
}

/// A line without what merely ticks. What a restarted operator could not find out again stays in: which containers are
/// counted, and from where.
fn essence(line: &LineStatus) -> LineStatus {
    let mut line = line.clone();
    if let Some(hold) = &mut line.hold {
        hold.message.clear();
    }
    let judged = line
        .promoted
        .as_mut()
        .and_then(|promoted| promoted.trial.as_mut());
    for trial in line.trial.iter_mut().chain(judged) {
        trial.good = 0;
        trial.bad = 0;
        trial.evidence = None;
        trial.outage = None;
        trial.checkpoint = None;
        trial.baseline_completed = None;
        let shadow = trial.shadow.as_mut();
        let shadow = shadow.map(|shadow| {
            (shadow.same, shadow.different) = (0, 0);
            shadow.evidence = None;
            shadow.fields.clear();
            &mut shadow.containers
        });
        for container in trial
            .containers
            .iter_mut()
            .chain(shadow.into_iter().flatten())
        {
            container.last.clear();
            container.done.truncate(1);
        }
        if let Some(mark) = &mut trial.progress {
            // While it finishes documents only the last one counts; once it has stopped, since when input waits.
            mark.waiting_since = mark.waiting_since.take().filter(|_| mark.done == 0);
            mark.at = trial.started.clone();
            mark.done = 0;
            mark.controls.clear();
            mark.advanced = 0;
            mark.moved = None;
        }
    }
    line
}

/// Notes when the counts were written.
pub(super) fn note(input: &Input<'_>, status: &mut PlantIntegrationStatus) {
    let trials = status.lines.iter_mut().flat_map(|line| {
        let judged = line
            .promoted
            .as_mut()
            .and_then(|promoted| promoted.trial.as_mut());
        line.trial.iter_mut().chain(judged)
    });
    for trial in trials.filter(|trial: &&mut Trial| trial.checked || trial.is_shadowing()) {
        trial.checkpoint = Some(input.stamp());
    }
}
