//! What is told, with the numbers that decided it and the object that moves.

use crate::input::Input;
use crate::object;
use crate::observed::Pod;
use crate::plan::{Event, Related};
use crate::progress::elapsed;
use andon_api::reason::{EventReason, FailureReason};
use andon_api::{
    LineStatus, RenderingReference, Trial, TrialFailure, TrialShadow, WarmStandby, duration,
};
use andon_render::{RenderedCheck, RenderedShadow, Rendering};
use std::time::Duration;

fn event(warning: bool, reason: EventReason, note: String, related: Option<Related>) -> Event {
    Event {
        warning,
        reason,
        note,
        related,
    }
}

/// The workload that counts: of the first indicator's stage, or of the last stage.
fn workload(rendering: &Rendering) -> Option<Related> {
    let counting = rendering
        .indicators
        .first()
        .map(|indicator| &indicator.stage);
    let stage = rendering
        .stages
        .iter()
        .find(|stage| Some(&stage.name) == counting)
        .or(rendering.stages.last())?;
    stage
        .objects
        .iter()
        .find(|o| object::is_workload(o))
        .map(object::related)
}

/// The workload of a kept rendering.
fn workload_of(input: &Input<'_>, line: &str, kept: &RenderingReference) -> Option<Related> {
    input
        .revision(line, kept)
        .and_then(|revision| workload(&revision.rendering))
}

pub(crate) fn started(line: &LineStatus, new: &RenderingReference, rendering: &Rendering) -> Event {
    let runs = match &line.last_good {
        Some(kept) if kept.version == new.version => {
            format!("other parameters than the {} it runs", kept.version)
        }
        Some(kept) => format!("it runs {}", kept.version),
        None => "its first install".to_owned(),
    };
    let note = format!("{}: {} on trial; {runs}", line.name, new.version);
    event(false, EventReason::LineStarted, note, workload(rendering))
}

pub(crate) fn checked(line: &str, version: &str, check: &RenderedCheck) -> Event {
    let note =
        format!("{line}: the routes of {version} start and their golden documents come out right");
    let job = check
        .objects
        .iter()
        .find(|o| object::kind(o) == "Job")
        .map(object::related);
    event(false, EventReason::RoutesChecked, note, job)
}

/// The workload of a shadow.
fn shadow_workload(shadow: &RenderedShadow) -> Option<Related> {
    let mut objects = shadow.objects.iter();
    objects
        .find(|o| object::is_workload(o))
        .map(object::related)
}

pub(crate) fn shadow_started(line: &str, version: &str, shadow: &RenderedShadow) -> Event {
    let note = format!("{line}: {version} runs beside it as a shadow, which posts nothing");
    let reason = EventReason::ShadowStarted;
    event(false, reason, note, shadow_workload(shadow))
}

pub(crate) fn shadow_passed(line: &str, version: &str, seen: &TrialShadow) -> Event {
    let note = format!(
        "{line}: as a shadow {version} came out the same in {} documents, otherwise in {}",
        seen.same, seen.different
    );
    event(false, EventReason::ShadowPassed, note, None)
}

/// The release asks for a shadow, and this line has nothing to compare.
pub(crate) fn shadow_skipped(line: &str, version: &str, why: &str) -> Event {
    let note = format!("{line}: {version} does not run as a shadow first, since {why}");
    event(false, EventReason::ShadowSkipped, note, None)
}

pub(crate) fn out_of_reach(line: &str, warning: &str, rendering: &Rendering) -> Event {
    let note = format!("{line}: {warning}");
    let reason = EventReason::SamplesOutOfReach;
    event(true, reason, note, workload(rendering))
}

/// A line changes although what runs there does not want to be disturbed.
pub(crate) fn patience_over(
    line: &str,
    said: &str,
    (waited, patience): (Duration, Duration),
) -> Event {
    let note = format!(
        "{line}: goes ahead although {said}; it has waited for {}, and veto.patience is {}",
        duration::display(Duration::from_secs(waited.as_secs())),
        duration::display(patience)
    );
    event(true, EventReason::PatienceOver, note, None)
}

pub(crate) fn baking(line: &str, version: &str, rendering: &Rendering) -> Event {
    let note = format!("{line}: every stage of {version} is in place");
    event(false, EventReason::LineBaking, note, workload(rendering))
}

pub(crate) fn promotion_asked(line: &str, trial: &Trial, (who, why): (&str, &str)) -> Event {
    let note = format!(
        "{line}: {who} promotes {} with {} good and {} bad documents: {why}",
        trial.rendering.version, trial.good, trial.bad
    );
    event(false, EventReason::LinePromotionAsked, note, None)
}

/// A value of `andon.dev/promote` that does nothing.
pub(crate) fn promotion_refused(value: &str, why: &str) -> Event {
    let key = andon_api::label::PROMOTE;
    let note = format!("{key} \"{value}\" does nothing: {why}");
    event(true, EventReason::LinePromotionAsked, note, None)
}

pub(crate) fn promoted(input: &Input<'_>, line: &str, trial: &Trial) -> Event {
    let version = &trial.rendering.version;
    let counted = format!("{} good and {} bad documents", trial.good, trial.bad);
    let note = match (&trial.promoted, trial.needed) {
        (Some(promotion), _) => format!(
            "{line}: {version} passed, {counted}; promoted before its time by {}: {}",
            promotion.by, promotion.why
        ),
        (None, 0) => format!("{line}: {version} passed"),
        (None, _) => format!("{line}: {version} passed, {counted}"),
    };
    event(
        false,
        EventReason::LinePromoted,
        note,
        workload_of(input, line, &trial.rendering),
    )
}

pub(crate) fn failed(
    input: &Input<'_>,
    line: &LineStatus,
    trial: &Trial,
    reason: FailureReason,
    message: &str,
) -> Event {
    let version = &trial.rendering.version;
    let next = match &line.last_good {
        Some(kept) => format!("going back to {}", kept.version),
        None => "stopping it, since there is nothing to go back to".to_owned(),
    };
    let note = format!(
        "{}: {version} failed ({reason}): {message}; {next}",
        line.name
    );
    event(
        true,
        EventReason::LineFailed,
        note,
        workload_of(input, &line.name, &trial.rendering),
    )
}

pub(crate) fn gone_back(
    input: &Input<'_>,
    line: &LineStatus,
    trial: &Trial,
    failure: &TrialFailure,
) -> Event {
    let seconds = elapsed(failure.at.0, input.now()).as_secs();
    let version = &trial.rendering.version;
    let message = &failure.message;
    match &line.last_good {
        Some(kept) if !trial.checked => {
            let note = format!(
                "{}: still runs {}; {version} failed before anything was changed: {message}",
                line.name, kept.version
            );
            event(
                true,
                EventReason::LineRolledBack,
                note,
                workload_of(input, &line.name, kept),
            )
        }
        Some(kept) => {
            let note = format!(
                "{}: runs {} again, {seconds} s after {version} failed: {message}",
                line.name, kept.version
            );
            event(
                true,
                EventReason::LineRolledBack,
                note,
                workload_of(input, &line.name, kept),
            )
        }
        None => {
            let note = format!(
                "{}: {version} was stopped, {seconds} s after it failed: {message}",
                line.name
            );
            event(true, EventReason::LineStopped, note, None)
        }
    }
}

/// What stays beside a canary, what it costs and until when.
pub(crate) fn stands_by(line: &str, standby: &WarmStandby) -> Event {
    let note = format!(
        "{line}: {} of {} stays connected beside the canary until the bake is over ({})",
        standby.stages.join(", "),
        standby.version,
        standby.cost
    );
    event(false, EventReason::LineStandby, note, None)
}

pub(crate) fn no_standby(line: &str, why: &str) -> Event {
    let note = format!(
        "{line}: nothing stands by, since {why}; a failure starts the last good anew, as without rollback.standby"
    );
    event(false, EventReason::LineStandby, note, None)
}

/// What stands by may be before the canary.
pub(crate) fn standby_before(line: &str, version: &str) -> Event {
    let note = format!(
        "{line}: the canary does not work or has started anew, so {version}, which stands by, may get its queue; it goes behind it when the canary works"
    );
    event(true, EventReason::StandbyActive, note, None)
}

/// What stands by had the canary's queue.
pub(crate) fn standby_active(line: &str, (pod, version): (&Pod, &str), documents: i64) -> Event {
    let some = match documents {
        1 => "1 document, which does".to_owned(),
        _ => format!("{documents} documents, which do"),
    };
    let note = format!(
        "{line}: {version}, which stands by, had the canary's queue and finished {some} not count for the canary; it goes behind it"
    );
    let related = Related {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: pod.name.clone(),
    };
    event(true, EventReason::StandbyActive, note, Some(related))
}

pub(crate) fn superseded(line: &str, trial: &Trial, version: &str, withdrawn: bool) -> Event {
    let old = &trial.rendering.version;
    let note = match withdrawn {
        true => format!(
            "{line}: the trial of {old} ends without a verdict, since {version} is asked for now; going back"
        ),
        false => format!(
            "{line}: the trial of {old} ends without a verdict; {version} is on trial instead"
        ),
    };
    event(false, EventReason::LineSuperseded, note, None)
}

pub(crate) fn withdrawn(line: &str, trial: &Trial, why: &str) -> Event {
    let old = &trial.rendering.version;
    let note =
        format!("{line}: the trial of {old} ends without a verdict, since {why}; going back");
    event(false, EventReason::LineSuperseded, note, None)
}

/// A promoted line is taken back.
pub(crate) fn undone(
    line: &str,
    (from, to): (&RenderingReference, &RenderingReference),
    why: &str,
) -> Event {
    let note = format!(
        "{line}: taken back from {} to {}, since {why}",
        from.version, to.version
    );
    event(true, EventReason::LineUndone, note, None)
}

pub(crate) fn removing(line: &LineStatus) -> Event {
    let note = format!(
        "{}: no longer a line of this integration; what feeds its queue is stopped, what waits is got done, then the rest is removed",
        line.name
    );
    event(false, EventReason::LineRemoving, note, None)
}

/// A person has said that what waits is to be left.
pub(crate) fn not_drained(line: &str) -> Event {
    let note = format!(
        "{line}: {} names it, so what waits in its queue is left there",
        andon_api::label::SKIP_DRAIN
    );
    event(true, EventReason::LineRemoving, note, None)
}

pub(crate) fn removed(line: &str) -> Event {
    let note = format!("{line}: nothing of it is left");
    event(false, EventReason::LineRemoved, note, None)
}

pub(crate) fn drift(line: &str, related: Related) -> Event {
    let note = format!(
        "{line}: {} {} was not as rendered and is put back",
        related.kind, related.name
    );
    event(true, EventReason::DriftPutBack, note, Some(related))
}

pub(crate) fn complete(input: &Input<'_>, lines: usize) -> Event {
    let version = input
        .target()
        .map_or("", |target| target.blueprint.version.as_str());
    let run = if lines == 1 {
        "1 line of this plant runs".to_owned()
    } else {
        format!("{lines} lines of this plant run")
    };
    event(
        false,
        EventReason::ReleaseComplete,
        format!("{run} {version}"),
        None,
    )
}

pub(crate) fn invalid(message: &str) -> Event {
    event(true, EventReason::Invalid, message.to_owned(), None)
}
