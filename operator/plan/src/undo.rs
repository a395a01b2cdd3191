//! Lines that have passed and are taken back all the same: because they fail late, because another line failed the same
//! target, or because the release was given up.
//!
//! Or because what it requires goes back (`require.rs`). Where it may be required itself that it goes back is written before it does.
//!
//! A line is taken back by the same way as a trial: its last good becomes what it ran before, and what it runs now a trial that has
//! failed or was withdrawn. So everything that holds for going back holds here too.

use crate::canary;
use crate::count;
use crate::event;
use crate::hold::Hold;
use crate::input::Input;
use crate::line::Turn;
use crate::memory;
use crate::observed::Revision;
use crate::progress::elapsed;
use crate::require;
use crate::restart;
use crate::start::{self, is_done};
use andon_api::reason::FailureReason;
use andon_api::{Go, Leaving, LineStatus, Promoted, RollbackScope, Trial, TrialFailure};
use andon_render::Rendering;

/// Whether a line is judged or drained now, so that its counters have to be read.
pub fn is_counted(line: &LineStatus) -> bool {
    let promoted = line.promoted.as_ref();
    line.trial.is_some()
        || line.removing.is_some()
        || promoted.is_some_and(|promoted| promoted.trial.is_some())
}

/// Why a trial of the current target is not worth finishing; none: it is.
pub(crate) fn given_up(input: &Input<'_>, trial: &Trial, lines: &[LineStatus]) -> Option<String> {
    let target = input.target()?;
    if target.digest != trial.target_digest {
        return None;
    }
    asked(input).or_else(|| failed_elsewhere(input, &trial.rendering.digest, lines.iter()))
}

/// Whether a person, or the release, has given the target up.
fn asked(input: &Input<'_>) -> Option<String> {
    let go = input.target()?.go;
    matches!(go, Go::Abort | Go::Undo).then(|| format!("the release was given up ({go:?})"))
}

/// Whether a line failed the current target: then the plant stops for it. A trial that fails now is not in `lines` yet.
fn failed_elsewhere<'b>(
    input: &Input<'_>,
    but: &str,
    mut lines: impl Iterator<Item = &'b LineStatus>,
) -> Option<String> {
    let target = input.target()?;
    lines.find_map(|line| {
        let leaving = line.promoted.as_ref().filter(|it| {
            let failed = it.leaving.as_ref().is_some_and(|it| it.reason.is_some());
            failed && it.target_digest == target.digest
        });
        let leaving = leaving.and(line.last_good.as_ref());
        let failing = line
            .trial
            .as_ref()
            .filter(|trial| trial.failure.is_some() && trial.target_digest == target.digest);
        let failed = input.failed(line);
        let rendering = failing
            .map(|trial| &trial.rendering)
            .or(failed.map(|it| &it.rendering))
            .or(leaving)?;
        (rendering.digest != but).then(|| format!("{} failed {}", line.name, rendering.version))
    })
}

/// Judges a promoted line on, and takes it back if it fails late.
pub(crate) fn soak(turn: &mut Turn<'_>, rendering: &Rendering, lines: &[LineStatus]) {
    let Some(mut promoted) = turn.line.promoted.clone() else {
        return;
    };
    // What has been decided is not judged again.
    if let Some(leaving) = &promoted.leaving {
        let reason = leaving.reason.as_deref().and_then(FailureReason::parse);
        if reason.is_some() {
            take_back(turn, reason, &leaving.message);
        }
        return;
    }
    let Some(mut trial) = promoted.trial.take() else {
        return;
    };
    if !is_judged(turn.input, &promoted, lines) {
        turn.line.promoted = Some(promoted);
        return;
    }
    let rules = turn.input.rules.clone();
    let Ok(rules) = rules.and_then(|rules| rules.fit(rendering).map(|()| rules)) else {
        return;
    };
    let tally = count::update(turn.scene(), rendering, &mut trial);
    let verdict = canary::judged(turn, &rules, &tally, &mut trial);
    let failure = match (verdict.failure, restart::too_often(turn, &trial, rendering)) {
        (Some(message), _) => Some((FailureReason::CheckFailed, message)),
        (None, Some(message)) => Some((FailureReason::CanaryRestarts, message)),
        (None, None) => None,
    };
    promoted.trial = Some(trial);
    turn.line.promoted = Some(promoted);
    if let Some((reason, message)) = failure {
        take_back(turn, Some(reason), &message);
    }
}

/// Whether a promoted line is still judged: until every line is done, or the plant has stopped, and the wave is soaked.
fn is_judged(input: &Input<'_>, promoted: &Promoted, lines: &[LineStatus]) -> bool {
    let Some(target) = input.target() else {
        return false;
    };
    let over = input.lines.iter().all(|(name, desired)| {
        let line = lines.iter().find(|line| line.name == *name);
        match desired {
            // Only a person can move it: nobody knows when.
            Err(_) => true,
            Ok(desired) => line.is_some_and(|line| is_done(line, desired)),
        }
    });
    let stopped = lines.iter().any(|line| {
        let failed = line.failed.as_ref();
        line.trial.is_none() && failed.is_some_and(|it| it.target_digest == target.digest)
    });
    target.digest == promoted.target_digest && (target.soaking || !(over || stopped))
}

/// Takes promoted lines back, the most critical first, one after the other.
pub(crate) fn next(input: &Input<'_>, turns: &mut [Turn<'_>]) {
    let why = given_up_here(input, turns);
    // One that cannot go back does not keep the others from it.
    let patience = input
        .rules
        .as_ref()
        .map(|rules| rules.ready_deadline)
        .unwrap_or_default();
    let on_its_way = turns.iter().find(|turn| {
        turn.line.trial.as_ref().is_some_and(|trial| {
            going_back_since(trial).is_none_or(|since| elapsed(since, input.now()) < patience)
        })
    });
    let on_its_way = on_its_way.map(|turn| turn.line.name.clone());
    // `turns` are in the order in which lines move: the most critical is the last.
    for turn in turns.iter_mut().rev() {
        let Some(why) = cause(turn, why.as_deref()) else {
            stay(turn);
            continue;
        };
        // One that has nothing to go back to is told so, and does not keep the others from it.
        if let Err(missing) = kept_before(turn) {
            turn.hold = Some(missing);
            continue;
        }
        match &on_its_way {
            Some(line) => {
                turn.hold = Some(Hold::EarlierLineNotDone {
                    line: line.clone(),
                    what: "going back; this line is taken back next".to_owned(),
                });
            }
            None => return take_back(turn, None, &why),
        }
    }
}

/// Why the promoted lines of the current target are taken back; none: they are not.
fn given_up_here(input: &Input<'_>, turns: &[Turn<'_>]) -> Option<String> {
    let target = input.target()?;
    match target.go {
        Go::Undo => asked(input),
        Go::Proceed | Go::Wait | Go::Abort if target.rollback.scope == RollbackScope::Line => None,
        Go::Proceed | Go::Wait | Go::Abort => {
            failed_elsewhere(input, "", turns.iter().map(|turn| &turn.line))
        }
    }
}

/// Why a line is taken back without having failed itself; none: it is not. One that cannot go back although what it requires does is told
/// so.
fn cause(turn: &mut Turn<'_>, given_up: Option<&str>) -> Option<String> {
    let (input, line) = (turn.input, &turn.line);
    // A trial that is only just over is written first, as every end of a trial.
    let remembered = input.remembered(&line.name);
    if line.removing.is_some()
        || line.trial.is_some()
        || remembered.is_some_and(|line| line.trial.is_some())
    {
        return None;
    }
    let promoted = line.promoted.as_ref();
    let failed = |it: &Promoted| it.leaving.as_ref().is_some_and(|it| it.reason.is_some());
    if promoted.is_some_and(failed) {
        return None;
    }
    let target = input.target().map(|target| &target.digest);
    if let Some(why) = given_up
        && promoted.is_some_and(|it| Some(&it.target_digest) == target)
    {
        return Some(why.to_owned());
    }
    let why = require::broken(input, line.last_good.as_ref()?)?;
    let but = match promoted.map(|it| &it.previous) {
        None => "what it ran before is not known".to_owned(),
        Some(previous) if require::broken(input, previous).is_some() => {
            format!("{}, which it ran before, needs that too", previous.version)
        }
        Some(_) => return Some(why),
    };
    turn.hold = Some(Hold::RequirementLeaving { why, but });
    None
}

/// What a line was to be taken back for is over before it was.
fn stay(turn: &mut Turn<'_>) {
    let leaving = turn.line.promoted.as_mut().map(|it| &mut it.leaving);
    if let Some(leaving) = leaving
        && leaving.as_ref().is_some_and(|it| it.reason.is_none())
    {
        *leaving = None;
    }
}

/// What a promoted line ran before; an error where it is not kept any more, so that the line cannot go back.
fn kept_before<'a>(turn: &Turn<'a>) -> Result<&'a Revision, Hold> {
    let previous = turn.line.promoted.as_ref().map(|it| &it.previous);
    let kept = previous.and_then(|it| turn.input.revision(&turn.line.name, it));
    kept.ok_or_else(|| Hold::LastGoodMissing {
        revision: previous.map_or_else(String::new, |it| it.revision.clone()),
    })
}

fn going_back_since(trial: &Trial) -> Option<jiff::Timestamp> {
    let failed = trial.failure.as_ref().map(|failure| failure.at.0);
    failed.or(trial.withdrawn.as_ref().map(|at| at.0))
}

/// What the line ran before becomes its last good again. With a reason, what it runs is held as failed. Where what it ran before
/// is not kept any more, it holds.
fn take_back(turn: &mut Turn<'_>, reason: Option<FailureReason>, why: &str) {
    let before = match kept_before(turn) {
        Ok(before) => before,
        Err(missing) => {
            turn.hold = Some(missing);
            return;
        }
    };
    if !may_leave(turn, reason, why) {
        return;
    }
    let (Some(promoted), Some(runs)) = (turn.line.promoted.take(), turn.line.last_good.clone())
    else {
        return;
    };
    let input = turn.input;
    turn.tell(event::undone(
        &turn.line.name,
        (&runs, &promoted.previous),
        why,
    ));
    // Nothing is touched before this has been written; the marks say the same as the status will.
    turn.changes.clear();
    turn.changes.extend(memory::mark(before, true, None));
    if let Some(runs) = input.revision(&turn.line.name, &runs) {
        let failed = reason.map(|_| promoted.target_digest.clone());
        turn.changes.extend(memory::mark(runs, false, failed));
    }
    let trial = promoted
        .trial
        .unwrap_or_else(|| start::blank(input, runs.clone(), &promoted.target_digest));
    let failure = reason.map(|reason| TrialFailure {
        reason: reason.as_str().to_owned(),
        message: why.to_owned(),
        at: promoted.leaving.map_or(input.stamp(), |leaving| leaving.at),
    });
    turn.line.trial = Some(Trial {
        rendering: runs,
        checked: true,
        withdrawn: failure.is_none().then(|| input.stamp()),
        failure,
        unready: None,
        ..trial
    });
    turn.line.last_good = Some(promoted.previous);
    turn.hold = None;
}

/// Whether nothing relies on what a line would be taken back from. That it is about to is written first, and read back: whoever begins to
/// rely on it at this moment sees that, or is seen.
fn may_leave(turn: &mut Turn<'_>, reason: Option<FailureReason>, why: &str) -> bool {
    let input = turn.input;
    let (Some(promoted), Some(runs)) = (&mut turn.line.promoted, &turn.line.last_good) else {
        return true;
    };
    let to = promoted.previous.version.clone();
    if input.observed.neighbours.is_empty() || runs.version == to {
        return true;
    }
    let remembered = input.remembered(&turn.line.name);
    let remembered = remembered.and_then(|line| line.promoted.as_ref()?.leaving.as_ref());
    if remembered.is_none() {
        promoted.leaving = Some(Leaving {
            reason: reason.map(|reason| reason.as_str().to_owned()),
            message: why.to_owned(),
            at: input.stamp(),
        });
        turn.changes.clear();
        return false;
    }
    let by = require::needed_by(input, (&runs.version, &to));
    if by.is_empty() {
        return true;
    }
    turn.hold = Some(Hold::StillRequired { to, by });
    false
}
