//! Whether a canary gets documents done. One that finishes nothing while others do has failed; one that stands still
//! together with them waits.
//!
//! ```text
//!   mark                 the clock runs from the mark, and starts anew when
//!    |                     * the canary finishes a document
//!    |<--- deadline --->|  * the controls move again after they stood still (an outage that ends must not fail
//!    |        |<-- G -->|    the canary at once: it gets a whole deadline counted from then)
//!    |        |         |
//!    |   a control moved here, within G = deadline/2 of now: the controls are moving, so the canary fails.
//!    |   no control moved within G: nobody finishes anything, so the canary holds.
//! ```
//!
//! Input counts from when it was first seen waiting since the mark, so that a document that has just arrived fails nobody.
//! It goes on counting when none is in hand for a moment: what was in hand and was not finished went back to its queue.

use crate::count::Tally;
use crate::hold::Hold;
use crate::input::{Input, Rules};
use crate::observed::Reading;
use andon_api::duration;
use andon_api::{ControlCount, LineStatus, ProgressMark, Trial};
use andon_render::Rendering;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::time::Duration;

/// A plant has tens of lines; more would only make the status longer, not the comparison better.
const MOST_CONTROLS: usize = 50;

/// What progress says of a trial now.
pub(crate) enum Progress {
    /// It finishes documents, or there is nothing to compare with yet, or nothing is measured.
    Fine,
    /// Nothing finished within the deadline, but nothing says that it could have been.
    Still(Hold),
    /// Nothing finished while others did.
    Failed(String),
}

/// The trial, as progress sees it.
pub(crate) struct Canary<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) line: &'a LineStatus,
    pub(crate) rendering: &'a Rendering,
    pub(crate) rules: &'a Rules,
    pub(crate) tally: &'a Tally,
}

/// Moves the mark on and judges by it.
pub(crate) fn judge(canary: &Canary<'_>, trial: &mut Trial) -> Progress {
    // What cannot be read now neither passes nor fails.
    if canary.rendering.progress.is_none() || !canary.tally.progress_read {
        return Progress::Fine;
    }
    let now = canary.input.stamp();
    let controls = controls(canary);
    let waits = canary.tally.waiting.is_some_and(|waiting| waiting > 0);
    let new_mark = |waiting_since: Option<Time>| ProgressMark {
        at: now.clone(),
        done: canary.tally.done,
        controls: controls.clone(),
        advanced: 0,
        moved: None,
        waiting_since,
    };
    let waiting_now = waits.then(|| now.clone());
    let Some(mark) = &mut trial.progress else {
        trial.progress = Some(new_mark(waiting_now));
        return Progress::Fine;
    };
    if canary.tally.done > mark.done {
        *mark = new_mark(waiting_now);
        return Progress::Fine;
    }
    mark.waiting_since = mark.waiting_since.clone().or(waiting_now.clone());
    let advanced = advance(&mark.controls, &controls, mark.at.0);
    if advanced > mark.advanced {
        let moved = mark.moved.as_ref().unwrap_or(&mark.at).0;
        if elapsed(moved, now.0) > canary.rules.deadline / 2 {
            *mark = new_mark(waiting_now);
            mark.moved = Some(now.clone());
            return Progress::Fine;
        }
        mark.advanced = advanced;
        mark.moved = Some(now.clone());
    }
    let mark = mark.clone();
    verdict(canary, trial, &mark, controls.len())
}

/// Judges by the mark.
fn verdict(canary: &Canary<'_>, trial: &Trial, mark: &ProgressMark, controls: usize) -> Progress {
    let now = canary.input.stamp().0;
    let deadline = canary.rules.deadline;
    let still = elapsed(mark.at.0, now);
    let waited = mark
        .waiting_since
        .as_ref()
        .map(|since| elapsed(since.0, now));
    let starved = waited.is_none()
        && trial.baseline_completed.is_some()
        && replaces_earlier_stage(canary)
        && still >= deadline;
    let stuck = waited.is_some_and(|waited| waited >= deadline);
    if !starved && !stuck {
        return match still >= deadline && waited.is_none() {
            true => Progress::Still(Hold::NoInput { still }),
            false => Progress::Fine,
        };
    }
    let moving = mark
        .moved
        .as_ref()
        .is_some_and(|moved| mark.advanced > 0 && elapsed(moved.0, now) <= deadline / 2);
    let alone = trial.baseline_completed.is_some() && !has_controls(canary);
    if !moving && !alone {
        return Progress::Still(Hold::AllLinesStandStill { still, controls });
    }
    let others = match alone {
        true => "the line had finished some just before".to_owned(),
        false => format!("the other lines finished {}", mark.advanced),
    };
    let input = match stuck {
        true => "with input waiting",
        false => "and no input arrives",
    };
    let still = duration::display(Duration::from_secs(still.as_secs()));
    Progress::Failed(format!("nothing finished for {still} {input}; {others}"))
}

/// Whether the trial replaced a stage that comes before the one that shows progress, such as `source`: then no input at
/// all may be its own doing.
fn replaces_earlier_stage(canary: &Canary<'_>) -> bool {
    let Some(progress) = &canary.rendering.progress else {
        return false;
    };
    let before = canary
        .line
        .last_good
        .as_ref()
        .and_then(|kept| canary.input.revision(&canary.line.name, kept));
    let Some(before) = before else {
        return false;
    };
    canary
        .rendering
        .stages
        .iter()
        .filter(|stage| stage.name != progress.stage)
        .any(|stage| {
            before
                .rendering
                .stages
                .iter()
                .all(|old| old.instance != stage.instance || old.digest != stage.digest)
        })
}

/// What the containers of all other lines have finished.
fn controls(canary: &Canary<'_>) -> Vec<ControlCount> {
    let Some(progress) = &canary.rendering.progress else {
        return Vec::new();
    };
    counted(canary.input, &progress.stage)
        .filter(|count| count.line != canary.line.name)
        .take(MOST_CONTROLS)
        .collect()
}

/// Whether other lines run the stage at all, readable or not.
fn has_controls(canary: &Canary<'_>) -> bool {
    let progress = canary.rendering.progress.as_ref();
    let mut pods = canary.input.observed.pods.iter();
    progress.is_some_and(|p| {
        pods.any(|pod| pod.stage == p.stage && !pod.line.is_empty() && pod.line != canary.line.name)
    })
}

/// What each container of a stage has finished, on every line.
fn counted<'a>(input: &'a Input<'_>, stage: &'a str) -> impl Iterator<Item = ControlCount> {
    input
        .observed
        .pods
        .iter()
        .filter(move |pod| pod.stage == stage && !pod.terminating && !pod.line.is_empty())
        .filter_map(move |pod| {
            let Some(Reading::Counts(counts)) = input.readings.get(&pod.uid) else {
                return None;
            };
            Some(ControlCount {
                line: pod.line.clone(),
                pod: pod.uid.clone(),
                started: Time(pod.started?),
                done: counts.done?,
            })
        })
}

/// Documents that controls have finished since the mark. A container that started since then counts from 0.
fn advance(then: &[ControlCount], now: &[ControlCount], mark: Timestamp) -> i64 {
    let same = |a: &ControlCount, b: &ControlCount| {
        a.pod == b.pod && a.started.0.as_second() == b.started.0.as_second()
    };
    now.iter()
        .map(|control| match then.iter().find(|old| same(old, control)) {
            Some(old) => (control.done - old.done).max(0),
            None if control.started.0 >= mark => control.done,
            None => 0,
        })
        .sum()
}

/// Notes whether the line's own earlier containers finish documents while they still run.
pub(crate) fn watch_baseline(
    input: &Input<'_>,
    line: &str,
    rendering: &Rendering,
    trial: &mut Trial,
) {
    let Some(progress) = &rendering.progress else {
        return;
    };
    // What stands by is the line's own earlier version, but no baseline: it may get the queue only because the canary lost it.
    if trial.standby.is_some() && trial.baking_since.is_some() {
        return;
    }
    let canary = rendering
        .stages
        .iter()
        .find(|stage| stage.name == progress.stage);
    let by_trial = |uid: &str| {
        trial.checked
            && input
                .observed
                .pods
                .iter()
                .any(|pod| pod.uid == uid && canary.is_some_and(|c| c.instance == pod.instance))
    };
    let seen: Vec<ControlCount> = counted(input, &progress.stage)
        .filter(|count| count.line == line && !by_trial(&count.pod))
        .take(MOST_CONTROLS)
        .collect();
    for count in seen {
        let known = trial.baseline.iter().find(|old| {
            old.pod == count.pod && old.started.0.as_second() == count.started.0.as_second()
        });
        match known {
            Some(old) if count.done > old.done => trial.baseline_completed = Some(input.stamp()),
            Some(_) => {}
            None if trial.baseline.len() < MOST_CONTROLS => trial.baseline.push(count),
            None => {}
        }
    }
}

/// The time between two instants; none if the second is earlier.
pub(crate) fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
