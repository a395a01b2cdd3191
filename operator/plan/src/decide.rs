//! The order of a decision.

use crate::desired::Memory;
use crate::input::{self, Input};
use crate::line::Turn;
use crate::object;
use crate::observed::Observed;
use crate::plan::{Change, Plan};
use crate::status::Honoured;
use crate::{memory, promote, shadow, start, status, undo};
use andon_api::label;
use std::collections::BTreeSet;

/// What to do, what not and why, and when to look again. Never fails: what cannot be used gives a plan without changes.
pub fn plan(observed: &Observed) -> Plan {
    plan_with(observed, &mut Memory::default())
}

/// The same, with the renderings of the looks before. The plan is that of [`plan`]; it only comes sooner.
pub fn plan_with(observed: &Observed, memory: &mut Memory) -> Plan {
    match input::read(observed, memory) {
        Ok(input) => decide(&input),
        Err(problems) => status::refused(observed, &problems),
    }
}

fn decide(input: &Input<'_>) -> Plan {
    let (mut lines, rebuilt) = memory::recall(input);
    let mut changes = Vec::new();
    if input.observed.integration.deleting && lines.is_empty() {
        return let_go(input);
    }
    if rebuilt {
        // Written down first: nothing follows from it before it has been read back.
        let turns = lines
            .into_iter()
            .map(|line| Turn::new(input, line))
            .collect();
        let honoured = Honoured {
            retried: memory::retry(input, &mut [], &mut changes),
            promote: promote::asked(input),
        };
        return status::finish(input, turns, honoured, changes);
    }
    let retried = memory::retry(input, &mut lines, &mut changes);
    let mut turns: Vec<Turn<'_>> = lines
        .iter()
        .map(|line| Turn::new(input, line.clone()).take(&lines))
        .collect();
    undo::next(input, &mut turns);
    start::next(input, &mut turns);
    forget_checks(input, &turns, &mut changes);
    changes.extend(shadow::sweep(input));
    let honoured = Honoured {
        retried,
        promote: promote::honour(input, &mut turns),
    };
    status::finish(input, turns, honoured, changes)
}

/// Nothing is left of an integration that somebody deleted. Its status goes with it.
fn let_go(input: &Input<'_>) -> Plan {
    let status = &input.observed.integration.status;
    let honoured = Honoured {
        retried: memory::retry(input, &mut [], &mut Vec::new()),
        promote: status.promote.clone(),
    };
    let plan = status::finish(input, Vec::new(), honoured, vec![Change::RemoveFinalizer]);
    Plan {
        write_status: false,
        wake: None,
        ..plan
    }
}

/// Deletes check Jobs that nothing asks for any more, once nothing is on trial.
fn forget_checks(input: &Input<'_>, turns: &[Turn<'_>], changes: &mut Vec<Change>) {
    if turns.iter().any(|turn| turn.line.trial.is_some())
        || input.lines.iter().any(|(_, desired)| desired.is_err())
    {
        return;
    }
    let checks = input.observed.objects.iter();
    let mut checks = checks
        .filter(|o| object::label(o, label::STAGE) == label::CHECK && !object::terminating(o))
        .peekable();
    if checks.peek().is_none() {
        return;
    }
    let desired = input
        .lines
        .iter()
        .filter_map(|(_, desired)| desired.as_deref().ok());
    let kept = input
        .observed
        .revisions
        .iter()
        .map(|revision| &revision.rendering);
    let wanted: BTreeSet<(&str, &str)> = desired
        .chain(kept)
        .filter_map(|rendering| rendering.check.as_ref())
        .flat_map(|check| &check.objects)
        .map(|o| (object::kind(o), object::name(o)))
        .collect();
    let old = checks.filter(|o| !wanted.contains(&(object::kind(o), object::name(o))));
    changes.extend(old.map(|o| object::delete(o)));
}
