//! A checked trial: put in place stage by stage, and judged from its first document on.

use crate::compare;
use crate::count::{self, Tally};
use crate::event;
use crate::hold::Hold;
use crate::input::Rules;
use crate::line::Turn;
use crate::memory;
use crate::pace;
use crate::plan::Change;
use crate::progress::{self, Canary, Progress, elapsed};
use crate::promote;
use crate::restart;
use crate::stage::{self, Outcome};
use crate::standby::{self, Reserve};
use crate::verdict::{self, Case, Verdict};
use andon_api::reason::FailureReason;
use andon_api::{BakeClock, Promoted, Then, Trial, Unready, duration};
use andon_render::Rendering;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::time::Duration;

/// A container may restart this often during its trial: once for a broker that is just being moved, once for a node that
/// is short of memory, once for bad luck. A crash loop reaches the fourth restart within a minute and a half.
pub const MOST_RESTARTS: i32 = 3;

/// Revisions kept beside the last good: the one before it, so that a person can compare or go back by hand.
const EARLIER_KEPT: usize = 1;

/// What one look at a canary showed.
struct Look<'a> {
    rendering: &'a Rendering,
    rules: Rules,
    tally: Tally,
    verdict: Verdict,
    progress: Progress,
}

/// One look at a canary.
pub(crate) fn watch(turn: &mut Turn<'_>, mut trial: Trial) {
    let Some(revision) = turn.kept(&trial.rendering) else {
        turn.line.trial = Some(trial);
        return;
    };
    let rendering = &revision.rendering;
    let rules = turn.input.rules.clone();
    let rules = match rules.and_then(|rules| rules.fit(rendering).map(|()| rules)) {
        Ok(rules) => promote::relaxed(rules, &trial),
        // Nobody says any more how it should be judged: nothing is moved until somebody does.
        Err(hold) => {
            turn.hold = Some(hold);
            turn.line.trial = Some(trial);
            return;
        }
    };
    let strategies = turn.input.strategies(&turn.line.name);
    let way = stage::Way {
        reserve: Reserve::of(turn.input, &turn.line, &trial),
        ..stage::Way::new(&strategies, stage::Purpose::Try)
    };
    let outcome = stage::bring_about(turn.scene(), rendering, &way);
    standby::notice(turn, &mut trial, rendering);
    note_unready(&mut trial, &outcome, turn.input.stamp());
    let look = look(
        turn,
        rendering,
        rules,
        (&mut trial, outcome.waits.is_none()),
    );
    if let Some((reason, message)) = failure(turn, &trial, &look) {
        return turn.fail(trial, reason, message);
    }
    if trial.baking_since.is_some() {
        turn.tell_drift(&outcome);
    } else if outcome.waits.is_none() {
        bake(turn, &mut trial, rendering);
    }
    turn.follow(outcome);
    if turn.hold.is_none() {
        turn.hold = short_of_pass(turn, &trial, look);
    }
    match &turn.hold {
        None => promote(turn, trial),
        Some(hold) => match overdue(turn, &trial) {
            Some((Then::RollBack, waited)) => {
                let waited = duration::display(waited);
                let message = format!("no verdict for {waited}: {}: {hold}", hold.reason());
                turn.fail(trial, FailureReason::Inconclusive, message);
            }
            Some((Then::Hold, waited)) => {
                let why = format!("{}: {hold}", hold.reason());
                let limit = "analysis.maxWait";
                turn.hold = Some(Hold::NoVerdict { waited, limit, why });
                turn.line.trial = Some(trial);
            }
            None => turn.line.trial = Some(trial),
        },
    }
}

/// Everything is in place: the bake begins.
fn bake(turn: &mut Turn<'_>, trial: &mut Trial, rendering: &Rendering) {
    trial.baking_since = Some(turn.input.stamp());
    let line = &turn.line.name;
    let baking = event::baking(line, &trial.rendering.version, rendering);
    let standby = trial.standby.as_ref();
    let standby = standby.map(|standby| event::stands_by(line, standby));
    turn.tell(baking);
    turn.events.extend(standby);
}

/// How long a canary has waited for its verdict and what then, if that is longer than the release lets it.
fn overdue(turn: &Turn<'_>, trial: &Trial) -> Option<(Then, Duration)> {
    let (limit, then) = turn.input.rules.as_ref().ok()?.max_wait?;
    let waited = elapsed(trial.baking_since.as_ref()?.0, turn.input.now());
    (waited >= limit).then(|| (then, Duration::from_secs(waited.as_secs())))
}

/// Takes up what can be read now, and judges it.
fn look<'a>(
    turn: &Turn<'_>,
    rendering: &'a Rendering,
    rules: Rules,
    (trial, in_place): (&mut Trial, bool),
) -> Look<'a> {
    let tally = count::update(turn.scene(), rendering, trial);
    progress::watch_baseline(turn.input, &turn.line.name, rendering, trial);
    let verdict = judged(turn, &rules, &tally, trial);
    trial.needed = rules.min_samples;
    // Before everything is in place, documents may rightly still go to the old instance.
    let progress = match in_place {
        false => Progress::Fine,
        true => progress::judge(
            &Canary {
                input: turn.input,
                line: &turn.line,
                rendering,
                rules: &rules,
                tally: &tally,
            },
            trial,
        ),
    };
    Look {
        rendering,
        rules,
        tally,
        verdict,
        progress,
    }
}

/// The verdict on the newest counts. Where the other lines fail alike, everybody's counts begin anew: what was refused in an outage
/// says nothing about the canary once it is over.
pub(crate) fn judged(turn: &Turn<'_>, rules: &Rules, tally: &Tally, trial: &mut Trial) -> Verdict {
    if let Some(hold) = not_judged_yet(turn, rules, tally, trial) {
        return Verdict {
            short: Some(hold),
            ..Verdict::default()
        };
    }
    let controls = count::controls(turn.input, &turn.line.name, trial);
    let compared = compare::update((turn.input, &turn.line.name), rules, tally, trial);
    let case = Case {
        canary: &tally.indicators,
        baseline: &trial.baseline_counts,
        controls: &controls,
        compared: &compared,
    };
    let verdict = verdict::judge(rules, &case);
    trial.good = verdict.first.good;
    trial.bad = verdict.first.bad;
    trial.evidence.clone_from(&verdict.evidence);
    // A check that counted would have ended the trial then and there.
    if trial.dry_run.is_none() {
        trial.dry_run.clone_from(&verdict.dry_run);
    }
    if verdict.shared.is_some() {
        trial.outage = Some(turn.input.stamp());
        compare::begin_anew(trial, tally);
        begin_anew(turn, trial);
    }
    verdict
}

/// Everybody's counts begin anew.
fn begin_anew(turn: &Turn<'_>, trial: &mut Trial) {
    for container in &mut trial.containers {
        container.base.clone_from(&container.last);
    }
    trial.controls = count::snapshot(turn.input, &turn.line.name);
}

/// The first documents after everything is in place are not judged. At the end of that time the counts begin anew: what was counted
/// until then says nothing, for a check as little as against it.
fn not_judged_yet(
    turn: &Turn<'_>,
    rules: &Rules,
    tally: &Tally,
    trial: &mut Trial,
) -> Option<Hold> {
    if rules.start_delay.is_zero() || rules.checks.is_empty() || trial.judged_since.is_some() {
        return None;
    }
    let since = trial.baking_since.as_ref();
    let elapsed = since.map_or(Duration::ZERO, |since| elapsed(since.0, turn.input.now()));
    // Where a counter cannot be read now, nobody knows where to begin.
    if elapsed >= rules.start_delay && tally.missing.is_none() {
        trial.judged_since = Some(turn.input.stamp());
        begin_anew(turn, trial);
    }
    (trial.good, trial.bad) = (0, 0);
    let delay = rules.start_delay;
    Some(Hold::StartDelay { elapsed, delay })
}

/// Remembers which stage is not ready, and since when. A stage that waits for an old instance to leave is not blamed.
fn note_unready(trial: &mut Trial, outcome: &Outcome, now: Time) {
    trial.unready = match &outcome.waits {
        Some(Hold::StageNotReady { stage, .. }) => match trial.unready.take() {
            Some(known) if known.stage == *stage => Some(known),
            _ => Some(Unready {
                stage: stage.clone(),
                since: now,
            }),
        },
        _ => None,
    };
}

/// Why the canary fails; none: it does not.
fn failure(turn: &Turn<'_>, trial: &Trial, look: &Look<'_>) -> Option<(FailureReason, String)> {
    if let Some(message) = &look.verdict.failure {
        return Some((FailureReason::CheckFailed, message.clone()));
    }
    if let Some(message) = restart::too_often(turn, trial, look.rendering) {
        return Some((FailureReason::CanaryRestarts, message));
    }
    if let Some(unready) = &trial.unready {
        let since = elapsed(unready.since.0, turn.input.now());
        if since >= look.rules.ready_deadline {
            let since = duration::display(Duration::from_secs(since.as_secs()));
            let why = trouble(turn, look.rendering, &unready.stage);
            let message = format!("{} is not ready for {since}{why}", unready.stage);
            return Some((FailureReason::NotReady, message));
        }
    }
    match &look.progress {
        Progress::Failed(message) => Some((FailureReason::NoProgress, message.clone())),
        Progress::Fine | Progress::Still(_) => None,
    }
}

/// What keeps the pods of a stage from being ready, as the end of a sentence.
fn trouble(turn: &Turn<'_>, rendering: &Rendering, stage: &str) -> String {
    let stage = rendering.stages.iter().find(|known| known.name == stage);
    stage
        .and_then(|stage| {
            let mut pods = turn.scene().pods_of(stage);
            pods.find_map(|pod| pod.trouble.clone())
        })
        .map_or_else(String::new, |trouble| format!(": {trouble}"))
}

/// What keeps the canary from passing; none: it passes.
fn short_of_pass(turn: &Turn<'_>, trial: &Trial, look: Look<'_>) -> Option<Hold> {
    if let Some(standby) = trial.standby.as_ref().filter(|it| !it.before.is_empty()) {
        let version = standby.version.clone();
        return Some(Hold::StandbyActive { version });
    }
    if let Some(why) = look.tally.missing.clone()
        && (!look.rules.checks.is_empty() || look.rendering.progress.is_some())
    {
        return Some(Hold::NoData { why });
    }
    let since = trial
        .baking_since
        .as_ref()
        .map_or(turn.input.now(), |since| since.0);
    let elapsed = baked(turn, &look.rules, since);
    let baking = elapsed < look.rules.bake;
    if let Some(hold) = outage(turn, trial, &look) {
        return Some(hold);
    }
    let seen = look.verdict.first.good + look.verdict.first.bad;
    // Why no document comes says more than that none has come.
    if let Progress::Still(hold) = look.progress {
        // A person may promote what has no input, but not what finishes none of it.
        let stuck = trial.promoted.is_some() && !matches!(hold, Hold::NoInput { .. });
        if baking || look.verdict.short.is_some() || stuck {
            return Some(hold);
        }
    }
    if let Some(Hold::StartDelay { .. }) = look.verdict.short {
        return look.verdict.short;
    }
    let now = turn.input.now();
    let outlook = |more: i64| pace::outlook(now, &look.rules, trial, (seen, more)).map(Box::new);
    if baking {
        let counts = !look.rules.checks.is_empty();
        let missing = look.rules.min_samples - seen;
        return Some(Hold::Baking {
            elapsed,
            bake: look.rules.bake,
            seen: counts.then_some((seen, look.rules.min_samples)),
            outlook: outlook(missing).filter(|_| counts && missing > 0),
        });
    }
    let mut short = look.verdict.short;
    if let Some(Hold::TooFewSamples {
        more: Some(more),
        outlook: known,
        ..
    }) = &mut short
    {
        *known = outlook(*more);
    }
    short
}

/// How long a canary has baked, by the clock that counts.
fn baked(turn: &Turn<'_>, rules: &Rules, since: jiff::Timestamp) -> Duration {
    match (rules.clock, &turn.input.calendar) {
        (BakeClock::Production, Ok(Some(calendar))) => {
            calendar.production_elapsed(since, turn.input.now())
        }
        // Nobody knows when the plant produces: the bake waits.
        (BakeClock::Production, Err(_)) => Duration::ZERO,
        _ => elapsed(since, turn.input.now()),
    }
}

/// A shared outage that was seen a moment ago: a pass would come from its pauses.
fn outage(turn: &Turn<'_>, trial: &Trial, look: &Look<'_>) -> Option<Hold> {
    let seen = trial.outage.as_ref()?;
    let ago = elapsed(seen.0, turn.input.now());
    let hold = Hold::SharedOutage {
        canary: format!("{} was refused", trial.rendering.version),
        controls: "a moment ago".to_owned(),
    };
    (ago < look.rules.deadline / 2).then(|| look.verdict.shared.clone().unwrap_or(hold))
}

/// The canary has passed.
fn promote(turn: &mut Turn<'_>, trial: Trial) {
    let old = turn.line.last_good.take();
    turn.tell(event::promoted(turn.input, &turn.line.name, &trial));
    let Some(new) = turn.input.revision(&turn.line.name, &trial.rendering) else {
        return;
    };
    // The new mark first: a crash in between leaves two, of which the higher number counts, and never none.
    turn.changes.extend(memory::mark(new, true, None));
    // Two promotions for one target (its PlantSite was edited in between) are taken back together.
    let earlier = turn.line.promoted.take();
    let previous = match earlier {
        Some(earlier) if earlier.target_digest == trial.target_digest => Some(earlier.previous),
        _ => old,
    };
    let before = previous
        .as_ref()
        .and_then(|old| turn.input.revision(&turn.line.name, old));
    let mut others: Vec<_> = turn
        .input
        .revisions(&turn.line.name)
        .filter(|revision| revision.uid != new.uid)
        .collect();
    others.sort_by_key(|revision| {
        let was_good = before.is_some_and(|before| before.uid == revision.uid);
        (!was_good, std::cmp::Reverse(revision.number))
    });
    for (rank, revision) in others.into_iter().enumerate() {
        if rank >= EARLIER_KEPT {
            turn.changes.push(Change::DeleteRevision {
                name: revision.name.clone(),
                uid: revision.uid.clone(),
            });
        } else {
            turn.changes
                .extend(memory::mark(revision, false, revision.failed.clone()));
        }
    }
    turn.line.promoted = previous.map(|previous| Promoted {
        target_digest: trial.target_digest.clone(),
        at: turn.input.stamp(),
        previous,
        trial: Some(Trial {
            standby: None,
            ..trial.clone()
        }),
        leaving: None,
    });
    turn.line.last_good = Some(trial.rendering);
    turn.line.trial = None;
    turn.line.failed = None;
}
