//! What is remembered and told: status, conditions, and whether they are worth a write.

mod checkpoint;

use crate::event;
use crate::hold::{Ends, Hold};
use crate::input::Input;
use crate::line::Turn;
use crate::memory;
use crate::observed::Observed;
use crate::plan::{Change, Plan};
use crate::standby;
use crate::start::is_done;
use crate::validated;
use andon_api::condition::{self, ConditionType, Wanted};
use andon_api::reason::{ConditionReason, EventReason};
use andon_api::{LineHold, LinePhase, LineStatus, PlantIntegrationStatus};
use std::time::Duration;

/// While a canary is put in place or judged: two bad documents must not become four before they are seen.
const WAKE_CANARY: Duration = Duration::from_secs(1);
/// When to look again after a status was written.
const WAKE_WRITTEN: Duration = Duration::from_millis(200);
/// While only a Job runs, or an object of a steady line settles: the watches tell sooner.
const WAKE_CHECK: Duration = Duration::from_secs(2);
/// While something outside of this integration has to change, of which no watch tells.
const WAKE_OTHERS: Duration = Duration::from_secs(10);

/// Values of annotations that count as honoured.
pub(crate) struct Honoured {
    /// Of retries.
    pub(crate) retried: memory::Retried,
    /// Of `andon.dev/promote`.
    pub(crate) promote: Option<String>,
}

/// Puts the plan together.
pub(crate) fn finish(
    input: &Input<'_>,
    turns: Vec<Turn<'_>>,
    honoured: Honoured,
    mut changes: Vec<Change>,
) -> Plan {
    let observed = input.observed;
    let mut events = Vec::new();
    let mut view = View {
        input,
        lines: Vec::new(),
    };
    for turn in turns {
        for change in turn.changes {
            // Lines with the same routes ask for the same check.
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        events.extend(turn.events);
        if turn.gone {
            continue;
        }
        view.lines.push(Row {
            line: settled(input, turn.line, turn.hold.as_ref()),
            hold: turn.hold,
            in_place: turn.in_place,
        });
    }
    let taking_part = input.lines.len();
    let done = view.done();
    if done == taking_part && events.iter().any(|e| e.reason == EventReason::LinePromoted) {
        events.push(event::complete(input, taking_part));
    }
    let wake = view.wake();
    let mut status = PlantIntegrationStatus {
        observed_generation: observed.integration.generation,
        target_digest: input.target().map(|target| target.digest.clone()),
        retried: honoured.retried.own,
        release_retried: honoured.retried.release,
        promote: honoured.promote,
        summary: Some(format!("{done}/{taking_part}")),
        conditions: merged(observed, &view.conditions()),
        lines: view.lines.into_iter().map(|row| row.line).collect(),
    };
    let write_status = checkpoint::worth_writing(observed, &status);
    if write_status {
        checkpoint::note(input, &mut status);
    }
    Plan {
        changes,
        status,
        write_status,
        events,
        // What was decided is acted on once it has been read back, and nobody watches for that: a status is written by us alone.
        wake: match write_status {
            true => Some(wake.map_or(WAKE_WRITTEN, |wake| wake.min(WAKE_WRITTEN))),
            false => wake,
        },
    }
}

/// The plan for a plant whose spec cannot be used: nothing moves, and everybody is told why.
pub(crate) fn refused(observed: &Observed, problems: &[String]) -> Plan {
    let hold = Hold::SpecInvalid {
        message: problems.join("; "),
    };
    let message = hold.to_string();
    let mut status = observed.integration.status.clone();
    status.observed_generation = observed.integration.generation;
    for line in &mut status.lines {
        line.hold = Some(line_hold(&hold));
    }
    let wanted = |kind, status| Wanted {
        kind,
        status,
        reason: ConditionReason::Invalid,
        message: message.clone(),
    };
    status.conditions = merged(
        observed,
        &[
            wanted(ConditionType::Ready, false),
            wanted(ConditionType::Stalled, true),
        ],
    );
    let write_status = status != observed.integration.status;
    // A trial goes on by itself meanwhile; it is looked after again as soon as the spec can be used.
    let on_trial = status.lines.iter().any(|line| line.trial.is_some());
    Plan {
        changes: Vec::new(),
        status,
        write_status,
        events: if write_status {
            vec![event::invalid(&message)]
        } else {
            Vec::new()
        },
        wake: on_trial.then_some(WAKE_OTHERS),
    }
}

fn merged(
    observed: &Observed,
    wanted: &[Wanted],
) -> Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    let second = jiff::Timestamp::from_second(observed.now.as_second());
    condition::merge(
        &observed.integration.status.conditions,
        wanted,
        observed.integration.generation,
        second.unwrap_or(observed.now),
    )
}

fn line_hold(hold: &Hold) -> LineHold {
    LineHold {
        reason: hold.reason().as_str().to_owned(),
        message: hold.to_string(),
    }
}

/// A line with everything that follows from what was decided.
fn settled(input: &Input<'_>, mut line: LineStatus, hold: Option<&Hold>) -> LineStatus {
    line.hold = hold.map(line_hold);
    if let (Some(hold), Some(trial)) = (&mut line.hold, &line.trial)
        && trial.failure.is_none()
        && trial.withdrawn.is_none()
        && let Some(standby) = standby::said(trial)
    {
        hold.message.push_str(&standby);
    }
    line.running = match &line.trial {
        Some(trial) if trial.failure.is_some() || trial.withdrawn.is_some() => {
            line.last_good.clone()
        }
        Some(trial) if trial.checked => Some(trial.rendering.clone()),
        Some(_) => line.running.take(),
        None => line.last_good.clone(),
    };
    line.phase = phase(input, &line, hold);
    line.desired = validated::desired(input, &line);
    line
}

fn phase(input: &Input<'_>, line: &LineStatus, hold: Option<&Hold>) -> LinePhase {
    if line.removing.is_some() {
        return LinePhase::Removing;
    }
    match (&line.trial, &line.last_good, hold) {
        (Some(trial), _, _) if trial.failure.is_some() || trial.withdrawn.is_some() => {
            LinePhase::RollingBack
        }
        (Some(trial), _, _) if trial.is_shadowing() => LinePhase::Shadowing,
        (Some(trial), _, _) if !trial.checked => LinePhase::Checking,
        (Some(trial), _, _) if trial.baking_since.is_some() => LinePhase::Baking,
        (Some(_), _, _) => LinePhase::Replacing,
        (None, None, Some(Hold::InstallFailed { .. })) => LinePhase::Stopped,
        (None, Some(_), None | Some(Hold::FailedBefore { .. } | Hold::LineRemoved)) => {
            LinePhase::Steady
        }
        (None, Some(kept), Some(_)) => match input.desired(&line.name) {
            Some(Ok(desired)) if desired.digest == kept.digest => LinePhase::Steady,
            _ => LinePhase::Waiting,
        },
        (None, None, _) if line.failed.is_some() && hold.is_none() => LinePhase::Stopped,
        (None, None, _) => LinePhase::Waiting,
    }
}

/// A line, as the summary and the conditions see it.
struct Row {
    line: LineStatus,
    hold: Option<Hold>,
    in_place: bool,
}

impl Row {
    /// Whether the line is being removed, without a person's help.
    fn goes(&self) -> bool {
        self.line.removing.is_some() && !self.hold.as_ref().is_some_and(Hold::stalls)
    }
}

/// All lines, as the summary and the conditions see them.
struct View<'a> {
    input: &'a Input<'a>,
    lines: Vec<Row>,
}

impl View<'_> {
    fn taking_part(&self) -> impl Iterator<Item = &Row> {
        self.lines
            .iter()
            .filter(|row| self.input.desired(&row.line.name).is_some())
    }

    fn done(&self) -> usize {
        let done = |row: &&Row| matches!(self.input.desired(&row.line.name), Some(Ok(desired)) if is_done(&row.line, desired));
        self.taking_part().filter(done).count()
    }

    fn conditions(&self) -> Vec<Wanted> {
        let wanted = |kind, status, (reason, message): (ConditionReason, String)| Wanted {
            kind,
            status,
            reason,
            message,
        };
        let mut conditions = vec![match self.not_ready() {
            None => {
                let lines = self.input.lines.len();
                wanted(
                    ConditionType::Ready,
                    true,
                    (
                        ConditionReason::AllLinesSteady,
                        format!("{lines} of {lines} lines run what they should"),
                    ),
                )
            }
            Some(why) => wanted(ConditionType::Ready, false, why),
        }];
        if let Some(why) = self.moving() {
            conditions.push(wanted(ConditionType::Reconciling, true, why));
        } else if let Some(why) = self.stalled() {
            conditions.push(wanted(ConditionType::Stalled, true, why));
        }
        if let Some(why) = self.rolled_back() {
            conditions.push(wanted(ConditionType::RolledBack, true, why));
        }
        conditions
    }

    /// Why not everything is as it should be.
    fn not_ready(&self) -> Option<(ConditionReason, String)> {
        if self.input.target().is_none() {
            return Some((ConditionReason::NoRelease, Hold::NoRelease.to_string()));
        }
        if let Some(why) = self.moving() {
            return Some(why);
        }
        if let Some(why) = self.stalled() {
            return Some(why);
        }
        let Some(row) = self.taking_part().find(|row| row.hold.is_some()) else {
            // A status that was lost is put together first: what the lines wait for is known from the next look on.
            let known = self.done() == self.input.lines.len();
            let message = "what the lines run is known, what they wait for not yet".to_owned();
            return (!known).then_some((ConditionReason::Waiting, message));
        };
        let hold = row.hold.as_ref()?;
        let reason = match hold {
            Hold::Paused => ConditionReason::Paused,
            Hold::AwaitingApproval { .. } => ConditionReason::AwaitingApproval,
            _ => ConditionReason::Waiting,
        };
        Some((reason, format!("{}: {hold}", row.line.name)))
    }

    /// What goes on: a trial, or something that will go on by itself. Without numbers that tick.
    fn moving(&self) -> Option<(ConditionReason, String)> {
        let on_trial = self
            .lines
            .iter()
            .find_map(|row| Some((row, row.line.trial.as_ref()?)));
        if let Some((row, trial)) = on_trial {
            let message = format!(
                "{}: {:?} {}",
                row.line.name, row.line.phase, trial.rendering.version
            );
            return Some((ConditionReason::LineOnTrial, message));
        }
        if let Some(row) = self.lines.iter().find(|row| row.goes()) {
            let what = row.hold.as_ref().map(Hold::reason);
            let what = what.map_or_else(String::new, |reason| format!(" ({reason})"));
            let message = format!("{}: is being removed{what}", row.line.name);
            return Some((ConditionReason::Waiting, message));
        }
        // An earlier line that only a person can move moves nobody.
        let stalled = self.taking_part().any(|row| {
            let hold = row.hold.as_ref();
            hold.is_some_and(|hold| hold.stalls() || matches!(hold, Hold::AwaitingApproval { .. }))
        });
        let row = self.taking_part().find(|row| {
            let hold = row.hold.as_ref();
            hold.is_some_and(|hold| hold.ends() == Ends::BySelf && !stalled)
        })?;
        let hold = row.hold.as_ref()?;
        Some((
            ConditionReason::Waiting,
            format!("{}: {hold}", row.line.name),
        ))
    }

    /// What only a person can change.
    fn stalled(&self) -> Option<(ConditionReason, String)> {
        let row = self
            .lines
            .iter()
            .find(|row| row.hold.as_ref().is_some_and(Hold::stalls))?;
        let hold = row.hold.as_ref()?;
        let reason = match hold {
            Hold::FailedBefore { .. } | Hold::InstallFailed { .. } | Hold::PlantStopped { .. } => {
                ConditionReason::LineRolledBack
            }
            Hold::BlueprintMissing { .. } => ConditionReason::BlueprintMissing,
            _ => ConditionReason::Invalid,
        };
        Some((reason, format!("{}: {hold}", row.line.name)))
    }

    /// A line that failed what it should run, and went back.
    fn rolled_back(&self) -> Option<(ConditionReason, String)> {
        self.taking_part().find_map(|row| {
            let failed = self.input.failed(&row.line)?;
            let message = format!(
                "{}: {} failed: {}",
                row.line.name, failed.rendering.version, failed.message
            );
            Some((ConditionReason::LineRolledBack, message))
        })
    }

    /// When to look again.
    fn wake(&self) -> Option<Duration> {
        let edge = |hold: Option<&Hold>| match hold {
            Some(Hold::WindowClosed { closed }) => closed.next_open.map(|at| {
                Duration::try_from(at.duration_since(self.input.now())).unwrap_or_default()
            }),
            _ => None,
        };
        let of = |row: &Row| match &row.line.trial {
            // What it had to show as a shadow it has shown; the plant may stay closed for days.
            Some(trial) if !trial.takes_place() && edge(row.hold.as_ref()).is_some() => {
                edge(row.hold.as_ref())
            }
            Some(trial) if !trial.checked => Some(WAKE_CHECK),
            Some(_) => Some(WAKE_CANARY),
            None if row.goes() => Some(WAKE_CHECK),
            None => match &row.hold {
                Some(
                    Hold::RequirementNotMet { .. }
                    | Hold::RequirementLeaving { .. }
                    | Hold::BudgetTaken { .. }
                    | Hold::StillNeeded { .. }
                    | Hold::ApprovalsUnknown { .. }
                    | Hold::BlueprintMissing {
                        unknown: Some(_), ..
                    },
                ) => Some(WAKE_OTHERS),
                Some(
                    Hold::StageNotReady { .. }
                    | Hold::OldInstanceLeaving { .. }
                    | Hold::StillRequired { .. },
                ) => Some(WAKE_CHECK),
                // At the edge, not by polling.
                Some(Hold::WindowClosed { .. }) => edge(row.hold.as_ref()),
                Some(Hold::EarlierLineNotDone { .. }) => {
                    Some(WAKE_OTHERS).filter(|_| self.moving().is_some())
                }
                _ => None,
            },
        };
        let rows = self.lines.iter().filter_map(of).min();
        // What was only just put right has not been seen to work yet.
        let settling = self.taking_part().any(|row| {
            row.line.trial.is_none()
                && row.line.last_good.is_some()
                && row.hold.is_none()
                && !row.in_place
        });
        let judged = self.lines.iter().any(|row| {
            let promoted = row.line.promoted.as_ref();
            promoted.is_some_and(|it| it.trial.is_some() || it.leaving.is_some())
        });
        let slower = (settling || judged).then_some(WAKE_CHECK);
        rows.into_iter().chain(slower).min()
    }
}
