//! What must hold in every state, at every write, and wherever the plant comes to rest. Told apart from the rules of
//! `andon_plan::check`, which are asked of every plan: these look at the plant.

use super::operator::{Facts, Line, Tried};
use super::state::{At, Hand, Id, Phase, State, VERSIONS, places};
use super::step::Machine;
use super::{Kind, Late};
use andon_api::{RollbackScope, Strategy};

/// What is wrong with a state.
pub fn always(machine: &Machine, state: &State) -> Option<String> {
    let facts = machine.operator.facts(state.status);
    let on_trial = facts.lines.iter().filter_map(|line| line.trial);
    if on_trial.filter(|trial| !trial.back).count() > 1 {
        return Some("two lines are on trial".to_owned());
    }
    (0..machine.config.lines).find_map(|line| {
        let wrong = of_line(machine, state, line)?;
        Some(format!("line {}: {wrong}", line + 1))
    })
}

fn of_line(machine: &Machine, state: &State, line: usize) -> Option<String> {
    let facts = &machine.operator.facts(state.status).lines[line];
    let there = |version: u8| state.slots[line][usize::from(version)].phase != Phase::Absent;
    let exclusive = machine.config.strategies.contains(&Strategy::Replace);
    if exclusive && there(0) && there(1) {
        return Some("W1: two instances may hold the session".to_owned());
    }
    let kept = |version: u8| state.revisions[line][usize::from(version)].number > 0;
    let named = [facts.last_good, facts.previous];
    let named = named.into_iter().flatten();
    if let Some(lost) = named
        .chain(facts.trial.map(|it| it.version))
        .find(|it| !kept(*it))
    {
        return Some(format!("version {} is named and not kept", lost + 1));
    }
    let at = |version: u8| At {
        line: u8::try_from(line).unwrap_or(0),
        version,
    };
    let kind = |version| machine.operator.plant().kind(state.quality, at(version));
    let is_bad = |version| !matches!(kind(version), Kind::Good | Kind::Fickle);
    if facts.last_good.is_some_and(is_bad) {
        return Some("a bad version passed".to_owned());
    }
    let failing = facts.trial.filter(|it| it.failed).map(|it| it.version);
    let failed = facts.failed.map(|(version, _)| version);
    if failing
        .into_iter()
        .chain(failed)
        .any(|it| kind(it) == Kind::Good)
    {
        return Some("a good version failed".to_owned());
    }
    None
}

/// A workload comes. What is wrong with that?
pub fn comes(machine: &Machine, state: &State, at: At) -> Option<String> {
    let line = &machine.operator.facts(state.status).lines[usize::from(at.line)];
    // What is on its way since before a takeover belongs to what was written then.
    let late =
        matches!(machine.operator.hand_of(state.deposed), Hand::Begun(ops) if !ops.is_empty());
    if late && machine.config.late != Late::Never {
        return None;
    }
    let unchecked = line
        .trial
        .is_some_and(|it| it.version == at.version && !it.checked);
    let (number, name) = (at.version + 1, at.line + 1);
    if unchecked {
        return Some(format!("version {number} comes to line {name} unchecked"));
    }
    let on_trial = line
        .trial
        .is_some_and(|it| it.version == at.version && !it.back);
    let good = line.last_good == Some(at.version);
    (!on_trial && !good)
        .then(|| format!("version {number} comes to line {name}, which nobody asked"))
}

/// A workload is deleted. What is wrong with that?
pub fn goes(machine: &Machine, state: &State, at: At) -> Option<String> {
    let line = &machine.operator.facts(state.status).lines[usize::from(at.line)];
    let takes_over = machine.config.strategies == [Strategy::Takeover; 2];
    let in_a_hurry = line.trial.is_some_and(|it| it.failed) || line.last_good.is_none();
    let other = state.slots[usize::from(at.line)][1 - usize::from(at.version)];
    // A pod may stop being ready between the look and the write.
    let works = machine.config.flaps || other.phase == Phase::Ready;
    (takes_over && !in_a_hurry && !works).then(|| {
        let (number, name) = (at.version + 1, at.line + 1);
        format!("version {number} leaves line {name} before the other works")
    })
}

/// A status is written. What is wrong with that?
pub fn written(machine: &Machine, state: &State, status: Id) -> Option<String> {
    let before = machine.operator.facts(state.status);
    let after = machine.operator.facts(status);
    let has_failed =
        |line: usize, target: u8| state.failed & (1 << (2 * line + usize::from(target))) != 0;
    for line in 0..machine.config.lines {
        let back = before.lines[line].trial.filter(|it| it.back);
        let over = back.filter(|_| after.lines[line].trial.is_none_or(|it| !it.back));
        let left = |it: &Tried| {
            let good = after.lines[line].last_good == Some(it.version);
            !good && state.slots[line][usize::from(it.version)].phase != Phase::Absent
        };
        if over.as_ref().is_some_and(left) {
            return Some(format!("line {} has gone back, and has not", line + 1));
        }
        let tried = |facts: &Facts| facts.lines[line].trial.filter(|it| !it.back);
        let begins = match (tried(before), tried(after)) {
            (None, Some(new)) => Some(new),
            (Some(old), Some(new)) => {
                (old.version != new.version || old.target != new.target).then_some(new)
            }
            _ => None,
        };
        let Some(new) = begins else { continue };
        let lines = 0..machine.config.lines;
        let stopped = lines.clone().find(|other| has_failed(*other, new.target));
        if let Some(other) = stopped {
            return Some(format!(
                "line {} tries target {} again, which failed on line {}",
                line + 1,
                new.target + 1,
                other + 1
            ));
        }
        let earlier = (0..line).find(|it| after.lines[*it].last_good != Some(new.version));
        if let Some(earlier) = earlier {
            return Some(format!(
                "line {} begins before line {}",
                line + 1,
                earlier + 1
            ));
        }
    }
    None
}

/// Whether nothing goes on any more; an error is what is wrong with the end.
pub fn rests(machine: &mut Machine, state: &State) -> Result<bool, String> {
    let moves = places(machine.config.lines).any(|at| match at.get(&state.slots).phase {
        Phase::Pending => machine.operator.plant().kind(state.quality, at) != Kind::NeverReady,
        Phase::Leaving => true,
        Phase::Absent | Phase::Ready => false,
    });
    if moves || [state.leader, state.deposed] != [super::state::IDLE; 2] {
        return Ok(false);
    }
    let (mut acts, mut waits, mut wakes) = (false, false, false);
    for sight in machine.sights(state, None) {
        let look = machine.operator.look(&sight);
        acts |= !look.ops.is_empty();
        waits |= look.ops.is_empty() && !look.wakes;
        wakes |= look.wakes;
    }
    match (acts, waits, wakes) {
        (true, true, _) => return Err("it waits for another answer, and nobody asks".to_owned()),
        (true, false, _) => return Ok(false),
        (false, _, true) => return Err("at rest, and yet it looks again and again".to_owned()),
        (false, _, false) => {}
    }
    end(machine, state).map(|()| true)
}

/// What is wrong with an end: every line runs what it should, or what failed was taken back and the plant has stopped.
fn end(machine: &Machine, state: &State) -> Result<(), String> {
    let facts = machine.operator.facts(state.status);
    let lines = &facts.lines[..machine.config.lines];
    let say = |what: &str| Err(format!("at rest, {what}"));
    for (index, line) in lines.iter().enumerate() {
        // A late write of a deposed leader may take the mark off: it is put back.
        let marked = |version: u8| state.revisions[index][usize::from(version)].last_good;
        if line.last_good.is_some_and(|good| !marked(good)) {
            return say("the last good is not marked");
        }
        if line.trial.is_some() {
            return say("a line is on trial");
        }
        let runs = (0..VERSIONS).all(|version| {
            let phase = state.slots[index][version].phase;
            let good = line.last_good.map(usize::from) == Some(version);
            phase == if good { Phase::Ready } else { Phase::Absent }
        });
        if !runs {
            return say("a line does not run its last good, and that alone");
        }
    }
    if lines
        .iter()
        .all(|line| line.last_good == Some(state.target))
    {
        return Ok(());
    }
    let kinds = &machine.config.qualities[usize::from(state.quality)][..machine.config.lines];
    let first_bad = kinds.iter().position(|kind| *kind != Kind::Good);
    let has_failed = |line: &Line| line.failed == Some((state.target, state.target));
    match lines.iter().position(has_failed) {
        None => say("not every line runs what it should, and none has failed"),
        Some(failed) if Some(failed) != first_bad && !kinds.contains(&Kind::Fickle) => {
            say("another line than the first bad one has failed")
        }
        Some(failed) if lines[failed].last_good == Some(state.target) => {
            say("a line failed what it runs")
        }
        // One that fails late fails when others have passed.
        Some(failed)
            if kinds[failed] != Kind::Fickle
                && lines[failed + 1..]
                    .iter()
                    .any(|it| it.last_good == Some(state.target)) =>
        {
            say("a line after the failed one runs what failed")
        }
        Some(_)
            if machine.config.scope == RollbackScope::Plant
                && lines
                    .iter()
                    .any(|it| it.last_good == Some(state.target) && it.previous.is_some()) =>
        {
            say("a line could be taken back and was not")
        }
        Some(_) => Ok(()),
    }
}
