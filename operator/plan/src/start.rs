//! Which line moves next, and why the others do not.

use crate::event;
use crate::hold::Hold;
use crate::input::Input;
use crate::line::Turn;
use crate::order;
use crate::require;
use crate::standby;
use crate::validated;
use andon_api::{BakeClock, Go, LineStatus, RenderingReference, Trial, digest};
use andon_render::Rendering;
use std::collections::BTreeMap;
use std::time::Duration;

/// Starts the next line's trial, and gives every other line that should move the reason why it does not.
pub(crate) fn next(input: &Input<'_>, turns: &mut [Turn<'_>]) {
    // As they are decided so far.
    let mut lines = None;
    for (name, desired) in &input.lines {
        let Some(index) = turns.iter().position(|turn| turn.line.name == *name) else {
            continue;
        };
        let line = &turns[index].line;
        let promoted = line.promoted.as_ref();
        let leaves = promoted.is_some_and(|it| it.leaving.is_some());
        if line.trial.is_some() || leaves || was_leaving(input, name) {
            continue;
        }
        let obstacle = match desired {
            Err(refusal) => Some(refusal.clone()),
            Ok(desired) if is_done(line, desired) => continue,
            Ok(desired) => {
                let all = || turns.iter().map(|turn| turn.line.clone()).collect();
                let lines: &mut Vec<LineStatus> = lines.get_or_insert_with(all);
                obstacle(input, line, desired, lines)
            }
        };
        let turn = &mut turns[index];
        match obstacle {
            // Going back has its own reason to wait.
            Some(obstacle) => {
                turn.hold.get_or_insert(obstacle);
            }
            // What keeps the last good from being in place is put right before anything new is tried on it.
            None if turn.hold.as_ref().is_some_and(keeps) => {}
            None => {
                begin(turn);
                lines = None;
            }
        }
    }
}

/// Whether a hold of what the line runs keeps it from moving. What cannot go back with what it requires may well go forward.
fn keeps(hold: &Hold) -> bool {
    !matches!(hold, Hold::RequirementLeaving { .. })
}

/// Whether the line was being removed until now: what it ran has to be in place again before anything is tried on it.
fn was_leaving(input: &Input<'_>, name: &str) -> bool {
    let line = input.remembered(name);
    line.is_some_and(|line| line.removing.is_some())
}

/// Whether a line runs what it should, and has passed.
pub(crate) fn is_done(line: &LineStatus, desired: &Rendering) -> bool {
    line.trial.is_none()
        && line
            .last_good
            .as_ref()
            .is_some_and(|kept| kept.digest == desired.digest)
}

/// Begins the trial of what the line should run.
pub(crate) fn begin(turn: &mut Turn<'_>) {
    let (Some(target), Some(Ok(desired))) =
        (turn.input.target(), turn.input.desired(&turn.line.name))
    else {
        return;
    };
    let name = revision_name(turn.input, &turn.line.name, desired);
    let reference = RenderingReference {
        version: desired.version.clone(),
        digest: desired.digest.clone(),
        revision: name.clone(),
        plant_part: validated::is_so(turn.input.observed, &turn.line.name)
            .then(|| validated::plant_part(turn.input.observed, &turn.line.name)),
        requires: desired.requires.clone(),
    };
    turn.tell(event::started(&turn.line, &reference, desired));
    if turn.input.revision(&turn.line.name, &reference).is_none() {
        turn.save(&name, desired);
    }
    let needed = turn
        .input
        .rules
        .as_ref()
        .map_or(0, |rules| rules.min_samples);
    let standby = standby::asked(turn.input, &turn.line, desired);
    if let Some(Err(why)) = &standby {
        turn.tell(event::no_standby(&turn.line.name, why));
    }
    turn.line.trial = Some(Trial {
        needed,
        standby: standby.and_then(Result::ok),
        ..blank(turn.input, reference, &target.digest)
    });
    turn.hold = None;
}

/// A trial that begins now.
pub(crate) fn blank(input: &Input<'_>, rendering: RenderingReference, target: &str) -> Trial {
    Trial {
        rendering,
        target_digest: target.to_owned(),
        started: input.stamp(),
        checked: false,
        shadow: None,
        busy_since: None,
        replacing_since: None,
        baking_since: None,
        judged_since: None,
        pace: None,
        promoted: None,
        good: 0,
        bad: 0,
        needed: 0,
        evidence: None,
        containers: Vec::new(),
        progress: None,
        failure: None,
        withdrawn: None,
        unready: None,
        restarts_before: BTreeMap::new(),
        baseline: Vec::new(),
        baseline_completed: None,
        baseline_counts: BTreeMap::new(),
        controls: Vec::new(),
        comparison: None,
        dry_run: None,
        outage: None,
        standby: None,
        checkpoint: None,
    }
}

/// Name of the ControllerRevision of a rendering.
fn revision_name(input: &Input<'_>, line: &str, rendering: &Rendering) -> String {
    let integration = &input.observed.integration.spec.integration;
    format!("{integration}-{line}-{}", digest::short(&rendering.digest))
}

/// Why a line must not start the trial of what it should run; none: it may. Its own trial, which would be replaced, does
/// not count.
pub(crate) fn obstacle(
    input: &Input<'_>,
    line: &LineStatus,
    desired: &Rendering,
    lines: &[LineStatus],
) -> Option<Hold> {
    let Some(target) = input.target() else {
        return Some(Hold::NoRelease);
    };
    failed_here(input, line)
        .or_else(|| failed_elsewhere(input, line, lines))
        .or(match target.go {
            Go::Proceed => None,
            Go::Wait => Some(Hold::Paused),
            go @ (Go::Abort | Go::Undo) => Some(Hold::GivenUp { go }),
        })
        .or_else(|| match &input.rules {
            Ok(rules) => rules
                .fit(desired)
                .and_then(|()| rules.can_shadow(desired))
                .err(),
            Err(hold) => Some(hold.clone()),
        })
        .or_else(|| require::obstacle(input, &desired.requires))
        .or_else(|| order::obstacle(input, line, lines))
        .or_else(|| no_way_back(input, line))
        .or_else(|| validated::obstacle(input, line, &desired.digest))
        .or_else(|| window(input, Step::Start))
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing has happened yet.
    Start,
    /// The routes are checked; the next thing is to replace.
    Replace,
}

/// Why the plant's calendar does not let a change begin now: all of it, and taking it back at the very end, must fit before the
/// opening closes. A rollback never asks.
pub(crate) fn window(input: &Input<'_>, step: Step) -> Option<Hold> {
    let calendar = match &input.calendar {
        Ok(calendar) => calendar.as_ref()?,
        Err(hold) => return Some(hold.clone()),
    };
    let rules = input.rules.as_ref().ok()?;
    // The check takes about as long as a pod takes to start.
    let check = match step {
        Step::Start => rules.ready_deadline,
        Step::Replace => Duration::ZERO,
    };
    let begins = input.now().checked_add(check + rules.ready_deadline).ok()?;
    let bake = match rules.clock {
        BakeClock::Always => rules.bake.max(rules.start_delay),
        BakeClock::Production => match calendar.production_instant(begins, rules.bake) {
            Some(end) => Duration::try_from(end.duration_since(begins)).unwrap_or_default(),
            None => return Some(Hold::NeverProduces { bake: rules.bake }),
        },
    };
    let needed = check + rules.ready_deadline + bake + rules.ready_deadline;
    let closed = calendar.may_start(input.now(), needed).err()?;
    Some(Hold::WindowClosed { closed })
}

/// The line's own failed mark.
fn failed_here(input: &Input<'_>, line: &LineStatus) -> Option<Hold> {
    let failed = input.failed(line)?;
    let version = failed.rendering.version.clone();
    let message = failed.message.clone();
    Some(match line.last_good {
        Some(_) => Hold::FailedBefore { version, message },
        None => Hold::InstallFailed { version, message },
    })
}

/// A failed mark of another line stops the plant for this target.
fn failed_elsewhere(input: &Input<'_>, line: &LineStatus, lines: &[LineStatus]) -> Option<Hold> {
    let mut others = lines.iter().filter(|other| other.name != line.name);
    others.find_map(|other| {
        let failed = input.failed(other)?;
        Some(Hold::PlantStopped {
            line: other.name.clone(),
            version: failed.rendering.version.clone(),
        })
    })
}

/// A trial is started only if the line could go back.
fn no_way_back(input: &Input<'_>, line: &LineStatus) -> Option<Hold> {
    let kept = line.last_good.as_ref()?;
    match input.revision(&line.name, kept) {
        Some(_) => None,
        None => Some(Hold::LastGoodMissing {
            revision: kept.revision.clone(),
        }),
    }
}
