//! A line that takes no part any more is a change too: its source is stopped, what waits is got done, then the rest is pruned.
//!
//! ```text
//! removing (written) -> the line may be disturbed: stopping (written) -> what feeds the queue goes -> the queue is empty for a while: drained (written) -> the rest goes -> forgotten
//! ```
//!
//! Stages go against the order in which they came, each gone before the next is touched. The stage that gets documents done
//! (the blueprint's `progress`) stays until it has none left: nothing that was taken up is lost because a line goes.

use crate::event;
use crate::hold::Hold;
use crate::input::Input;
use crate::line::Turn;
use crate::object;
use crate::observed::{Reading, Revision};
use crate::plan::Change;
use crate::progress::elapsed;
use crate::stage;
use crate::veto;
use andon_api::{Removing, SITE_LINE, Strategy, label};
use andon_render::{RenderedStage, Rendering};
use std::time::Duration;

/// An empty queue must stay empty for so long: what a source has just handed over may be on its way yet.
const EMPTY_FOR: Duration = Duration::from_secs(10);

/// One step of a line that takes no part any more and is not on trial.
pub(crate) fn step(turn: &mut Turn<'_>) {
    let Some(removing) = turn.line.removing.clone() else {
        return begin(turn);
    };
    // Whoever deletes a namespace deletes what tells the order too.
    if swept_away(turn) {
        return forget(turn);
    }
    if !removing.stopping {
        return may_stop(turn, removing);
    }
    let Some(revision) = known(turn) else {
        return match is_bare(turn) {
            true => forget(turn),
            // Nobody knows in which order its stages may go.
            false => turn.hold = Some(Hold::LineRemoved),
        };
    };
    let rendering = &revision.rendering;
    if let Some(stage) = upstream(turn, rendering) {
        let outcome = stage::stop_one(turn.scene(), &stage.name);
        return turn.follow(outcome);
    }
    let progress = rendering.progress.as_ref();
    let progress = progress.and_then(|p| rendering.stages.iter().find(|s| s.name == p.stage));
    match progress {
        Some(stage) if !removing.drained => drain(turn, removing, stage),
        _ => prune(turn, rendering),
    }
}

/// What tells how the line's stages depend on each other: what it runs, or else what was tried there last.
fn known<'a>(turn: &Turn<'a>) -> Option<&'a Revision> {
    let name = &turn.line.name;
    let runs = turn.line.last_good.as_ref();
    let runs = runs.and_then(|kept| turn.input.revision(name, kept));
    let tried = turn.input.revisions(name);
    runs.or_else(|| tried.max_by_key(|revision| revision.number))
}

/// Whether a line was on trial when everything of it was deleted with its namespace, so that nothing can go back or be drained.
pub(crate) fn swept_away(turn: &Turn<'_>) -> bool {
    turn.input.observed.integration.deleting && is_bare(turn)
}

/// Decides that the line goes. Nothing is touched before that has been written.
pub(crate) fn begin(turn: &mut Turn<'_>) {
    // Where nothing is left, nothing is changed either, and no window is needed.
    turn.hold = match swept_away(turn) {
        true => None,
        false => not_now(turn.input, &turn.line.name),
    };
    if turn.hold.is_some() {
        return;
    }
    turn.line.trial = None;
    turn.tell(event::removing(&turn.line));
    turn.line.promoted = None;
    turn.line.removing = Some(Removing {
        since: turn.input.stamp(),
        busy_since: None,
        stopping: !veto::may_say_so(turn),
        empty_since: None,
        done: None,
        drained: false,
    });
}

/// Decides that the stages may be stopped: the plant is still open, and what runs there may be disturbed.
fn may_stop(turn: &mut Turn<'_>, mut removing: Removing) {
    turn.hold = not_now(turn.input, &turn.line.name)
        .or_else(|| veto::obstacle(turn, &mut removing.busy_since));
    removing.stopping = turn.hold.is_none();
    turn.line.removing = Some(removing);
}

/// Why a line must not begin to go.
fn not_now(input: &Input<'_>, line: &str) -> Option<Hold> {
    if line == SITE_LINE {
        let neighbours = input.observed.neighbours.iter();
        let runs = neighbours.filter(|it| !it.last_good.is_empty() || !it.on_trial.is_empty());
        let by: Vec<String> = runs.map(|it| it.integration.clone()).collect();
        if !by.is_empty() {
            return Some(Hold::StillNeeded { by });
        }
    }
    match &input.calendar {
        Ok(calendar) => {
            let closed = calendar.as_ref()?.may_start(input.now(), EMPTY_FOR);
            closed.err().map(|closed| Hold::WindowClosed { closed })
        }
        Err(hold) => Some(hold.clone()),
    }
}

/// Whether nothing of the line is there.
fn is_bare(turn: &Turn<'_>) -> bool {
    let scene = turn.scene();
    scene.objects().next().is_none() && scene.pods().next().is_none()
}

/// The last stage, in the order in which they came, of those after the one that gets documents done, of which something is there.
fn upstream<'b>(turn: &Turn<'_>, rendering: &'b Rendering) -> Option<&'b RenderedStage> {
    let progress = rendering.progress.as_ref()?;
    let place = |name: &str| rendering.stages.iter().position(|s| s.name == name);
    let after = place(&progress.stage)? + 1;
    let mut stages = rendering.stages[after..].iter().rev();
    stages.find(|stage| stage.strategy != Strategy::InPlace && is_there(turn, &stage.name))
}

fn is_there(turn: &Turn<'_>, stage: &str) -> bool {
    let scene = turn.scene();
    let mut objects = scene.stage_objects();
    objects.any(|o| o.stage == stage) || scene.pods().any(|pod| pod.stage == stage)
}

/// Waits until the stage that gets documents done has none left.
fn drain(turn: &mut Turn<'_>, mut removing: Removing, stage: &RenderedStage) {
    let name = &turn.line.name;
    if skips(turn.input, name) {
        removing.drained = true;
        turn.tell(event::not_drained(name));
        turn.line.removing = Some(removing);
        return;
    }
    // A stage that was stopped before nobody starts again.
    let works = is_there(turn, &stage.name);
    let hold = |waiting, why| Hold::NotDrained {
        stage: stage.name.clone(),
        waiting,
        why,
        works,
    };
    let now = turn.input.now();
    match in_hand(turn, stage) {
        // A blueprint may only count what it has in hand: between two documents that is none. So none may be finished either.
        Ok(Hand { waiting: 0, done }) => {
            if removing.done != done || removing.empty_since.is_none() {
                (removing.done, removing.empty_since) = (done, Some(turn.input.stamp()));
            }
            let since = removing.empty_since.as_ref();
            removing.drained = since.is_some_and(|since| elapsed(since.0, now) >= EMPTY_FOR);
            turn.hold = (!removing.drained).then(|| hold(Some(0), None));
        }
        Ok(Hand { waiting, .. }) => {
            removing.empty_since = None;
            turn.hold = Some(hold(Some(waiting), None));
        }
        Err(why) => {
            removing.empty_since = None;
            turn.hold = Some(hold(None, Some(why)));
        }
    }
    turn.line.removing = Some(removing);
}

/// Whether a person has said that what waits is to be left where it is.
fn skips(input: &Input<'_>, line: &str) -> bool {
    let asked = input
        .observed
        .integration
        .annotations
        .get(label::SKIP_DRAIN);
    asked.is_some_and(|lines| lines.split(',').any(|it| it.trim() == line))
}

/// What the pods of a stage say of their documents.
struct Hand {
    /// Documents that wait.
    waiting: i64,
    /// Documents finished; none where the blueprint does not say.
    done: Option<i64>,
}

/// What the pods of a stage say of their documents; an error where nobody can tell.
fn in_hand(turn: &Turn<'_>, stage: &RenderedStage) -> Result<Hand, String> {
    let scene = turn.scene();
    let mut sum: Option<Hand> = None;
    for pod in scene.pods().filter(|pod| pod.stage == stage.name) {
        let counts = match scene.observed.readings.get(&pod.uid) {
            Some(Reading::Counts(counts)) if pod.ready => counts,
            Some(Reading::Counts(_)) => return Err(format!("{} is not ready", pod.name)),
            Some(Reading::NoAnswer(why)) => return Err(format!("{}: {why}", pod.name)),
            None => return Err(format!("{} was not asked", pod.name)),
        };
        let waiting = counts.waiting;
        let waiting = waiting.ok_or_else(|| format!("{} does not say", pod.name))?;
        let before = sum.take().unwrap_or(Hand {
            waiting: 0,
            done: None,
        });
        sum = Some(Hand {
            waiting: before.waiting + waiting,
            done: counts.done.map(|done| done + before.done.unwrap_or(0)),
        });
    }
    sum.ok_or_else(|| format!("no pod of {} runs", stage.name))
}

/// What is left of the line goes.
fn prune(turn: &mut Turn<'_>, rendering: &Rendering) {
    let stopped = stage::stop(turn.scene(), Some(rendering));
    if stopped.waits.is_some() {
        return turn.follow(stopped);
    }
    if is_bare(turn) {
        return forget(turn);
    }
    let rest: Vec<Change> = turn
        .scene()
        .objects()
        .filter(|object| !object::terminating(object))
        .map(object::delete)
        .collect();
    turn.changes.extend(rest);
    turn.hold = Some(Hold::OldInstanceLeaving {
        stage: "what is left".to_owned(),
        left: turn.scene().objects().count() + turn.scene().pods().count(),
    });
}

/// Nothing is left: what was kept of the line is forgotten, and so is the line.
fn forget(turn: &mut Turn<'_>) {
    let kept = turn.input.revisions(&turn.line.name);
    let kept: Vec<Change> = kept
        .map(|revision| Change::DeleteRevision {
            name: revision.name.clone(),
            uid: revision.uid.clone(),
        })
        .collect();
    turn.changes.extend(kept);
    turn.tell(event::removed(&turn.line.name));
    turn.gone = true;
}
