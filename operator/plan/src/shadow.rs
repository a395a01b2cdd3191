//! A candidate that runs as a shadow: beside the old one, on the same documents, without being able to post. Nothing of its line is
//! touched meanwhile, so going back is to delete it.
//!
//! ```text
//! check Job done -> begin (written) -> its objects stand, its documents are judged -> passed (written) -> its objects go
//!                -> the plant may be changed -> claims a place (written) -> checked
//! ```
//!
//! How many documents come out otherwise is judged by the same test as a check of the canary, whose alpha it shares. Silence never
//! passes. It runs on when a window closes, and keeps no place of the plant's budget.

use crate::budget;
use crate::canary::MOST_RESTARTS;
use crate::count;
use crate::event;
use crate::health::{self, Health};
use crate::hold::Hold;
use crate::input::Input;
use crate::line::Turn;
use crate::object;
use crate::plan::Change;
use crate::progress::elapsed;
use crate::rules::ShadowRule;
use crate::stage::Outcome;
use crate::statistics::{documents_to_pass_min, log_e};
use crate::verdict::odds;
use andon_api::reason::FailureReason;
use andon_api::{Then, Trial, TrialShadow, duration, label};
use andon_render::{RenderedShadow, RenderedStage, Rendering};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What differs is told apart by so many values at most: a status is no log.
pub const MOST_FIELDS: usize = 8;

/// What differs most is named so often in a message.
const NAMED: usize = 3;

/// Whether a trial runs as a shadow first.
pub(crate) enum Shadow<'a> {
    /// The release does not ask for one.
    NotAsked,
    /// It does, and there is nothing to compare: why.
    Skipped(&'static str),
    /// It does.
    Asked(Asked<'a>),
}

/// What runs as a shadow, and what it has to show.
pub(crate) struct Asked<'a> {
    stage: &'a RenderedStage,
    shadow: &'a RenderedShadow,
    rule: ShadowRule,
    /// The part of the trial's alpha that it may spend.
    alpha: f64,
}

/// Whether a rendering runs as a shadow first; an error: nobody can tell.
pub(crate) fn asked<'a>(turn: &Turn<'_>, rendering: &'a Rendering) -> Result<Shadow<'a>, Hold> {
    let input = turn.input;
    let asked = input
        .target()
        .is_some_and(|it| it.analysis.shadow.is_some());
    if !asked {
        return Ok(Shadow::NotAsked);
    }
    let rules = input.rules.as_ref().map_err(Clone::clone)?;
    rules.can_shadow(rendering)?;
    let (Some(rule), Some((stage, shadow))) = (rules.shadow.clone(), rendering.shadow()) else {
        return Ok(Shadow::NotAsked);
    };
    let Some(kept) = &turn.line.last_good else {
        return Ok(Shadow::Skipped("nothing runs here yet"));
    };
    let runs = input.revision(&turn.line.name, kept);
    let same = |it: &RenderedStage| it.instance == stage.instance;
    if runs.is_some_and(|runs| runs.rendering.stages.iter().any(same)) {
        return Ok(Shadow::Skipped("what it would compare does not change"));
    }
    Ok(Shadow::Asked(Asked {
        stage,
        shadow,
        rule,
        alpha: rules.alpha_each(),
    }))
}

/// Decides that the trial runs as a shadow. Nothing is there before that has been written.
pub(crate) fn begin(turn: &mut Turn<'_>, trial: &mut Trial, asked: &Asked<'_>) {
    let begun = TrialShadow {
        since: turn.input.stamp(),
        same: 0,
        different: 0,
        needed: asked.rule.min_samples,
        evidence: None,
        fields: BTreeMap::new(),
        containers: Vec::new(),
        passed: None,
        claims: false,
    };
    turn.tell(event::shadow_started(
        &turn.line.name,
        &trial.rendering.version,
        asked.shadow,
    ));
    turn.hold = short(&begun, &asked.rule);
    trial.shadow = Some(begun);
}

/// One look at a shadow.
pub(crate) fn run(turn: &mut Turn<'_>, mut trial: Trial, asked: &Asked<'_>) {
    let Some(mut shadow) = trial.shadow.take() else {
        turn.line.trial = Some(trial);
        return;
    };
    let mut outcome = Outcome::default();
    let waits = in_place(turn, asked, &mut outcome);
    let missing = take_up(turn, asked, &mut shadow);
    shadow.needed = asked.rule.min_samples;
    let failure = judge(asked, &mut shadow);
    let failure = failure.or_else(|| restarts(turn, asked));
    let hold = waits
        .or_else(|| missing.map(|why| Hold::NoData { why }))
        .or_else(|| short(&shadow, &asked.rule));
    if failure.is_none() && hold.is_none() {
        shadow.passed = Some(turn.input.stamp());
        let version = &trial.rendering.version;
        turn.tell(event::shadow_passed(&turn.line.name, version, &shadow));
    }
    let waited = elapsed(shadow.since.0, turn.input.now());
    trial.shadow = Some(shadow);
    if let Some((reason, message)) = failure {
        return turn.fail(trial, reason, message);
    }
    turn.changes.extend(outcome.changes);
    match hold.map(|hold| overdue(&asked.rule, waited, hold)) {
        Some(Err(message)) => turn.fail(trial, FailureReason::Inconclusive, message),
        Some(Ok(hold)) => {
            turn.hold = Some(hold);
            turn.line.trial = Some(trial);
        }
        None => turn.line.trial = Some(trial),
    }
}

/// Why a shadow fails, once the evidence is strong enough; none: it does not.
fn judge(asked: &Asked<'_>, shadow: &mut TrialShadow) -> Option<(FailureReason, String)> {
    let total = shadow.same + shadow.different;
    let against = log_e(shadow.different, total, asked.rule.limit);
    let needed = -asked.alpha.ln();
    shadow.evidence = Some(odds(against)).filter(|_| total > 0);
    (against >= needed).then(|| {
        let message = format!(
            "{} of {total} documents differ (limit {}){}, evidence {} (needs {})",
            shadow.different,
            asked.rule.text,
            named(&shadow.fields),
            odds(against),
            odds(needed)
        );
        (FailureReason::ShadowDiffers, message)
    })
}

/// A hold that lasts longer than the release lets it says so; an error: it ends the trial.
fn overdue(rule: &ShadowRule, waited: Duration, hold: Hold) -> Result<Hold, String> {
    let Some((_, then)) = rule.max_wait.filter(|(limit, _)| waited >= *limit) else {
        return Ok(hold);
    };
    let why = format!("{}: {hold}", hold.reason());
    let waited = Duration::from_secs(waited.as_secs());
    match then {
        Then::Hold => Ok(Hold::NoVerdict {
            waited,
            limit: "analysis.shadow.maxWait",
            why,
        }),
        Then::RollBack => Err(format!(
            "as a shadow no verdict for {}: {why}",
            duration::display(waited)
        )),
    }
}

/// Applies what is missing of the shadow, and says what keeps it from working. It may be a node without room for one pod more, so that
/// nobody is blamed: only `maxWait` ends it.
fn in_place(turn: &Turn<'_>, asked: &Asked<'_>, outcome: &mut Outcome) -> Option<Hold> {
    let scene = turn.scene();
    let mut free = true;
    // What closes it in comes before it runs.
    let (pods, rest): (Vec<_>, Vec<_>) = asked
        .shadow
        .objects
        .iter()
        .partition(|object| object::is_workload(object));
    for object in rest.into_iter().chain(pods) {
        free &= outcome.ensure(scene, object);
    }
    if !free {
        return leaving(turn);
    }
    let instance = &asked.shadow.instance;
    let pods = scene.shadow_pods().filter(|pod| pod.instance == *instance);
    let not_ready = |(ready, wanted, trouble)| Hold::StageNotReady {
        stage: format!("shadow of {}", asked.stage.name),
        ready,
        wanted,
        trouble,
    };
    match health::of_objects(scene, &asked.shadow.objects, pods) {
        Health::Ready { .. } if outcome.changes.is_empty() => None,
        Health::Ready { wanted } => Some(not_ready((0, wanted, None))),
        Health::NotReady {
            ready,
            wanted,
            trouble,
        } => Some(not_ready((ready, wanted, trouble))),
    }
}

/// Takes up the newest readings; what keeps them from being complete.
fn take_up(turn: &Turn<'_>, asked: &Asked<'_>, shadow: &mut TrialShadow) -> Option<String> {
    let scene = turn.scene();
    let mut missing = None;
    let mut alive: BTreeSet<(&str, i64)> = BTreeSet::new();
    let mut fields: BTreeMap<String, i64> = BTreeMap::new();
    let mut asked_of = 0;
    let pods = scene.shadow_pods();
    for pod in pods.filter(|pod| pod.instance == asked.shadow.instance) {
        asked_of += usize::from(!pod.terminating);
        let taken = count::read(scene, pod).and_then(|(started, counts)| {
            alive.insert((&pod.uid, started.as_second()));
            let seen = (started, counts);
            count::take_up(&mut shadow.containers, Some(&shadow.since), pod, seen)?;
            for (field, count) in &counts.fields {
                *fields.entry(field.clone()).or_default() += count;
            }
            Ok(())
        });
        match taken {
            Err(why) if !pod.terminating => {
                missing.get_or_insert(why);
            }
            _ => {}
        }
    }
    if asked_of == 0 {
        missing.get_or_insert(format!("the shadow of {} has no pod yet", asked.stage.name));
    }
    count::fold(&mut shadow.containers, &alive);
    let seen = shadow.containers.iter();
    let seen = seen.map(|container| count::increase(container, label::SHADOW));
    (shadow.same, shadow.different) = seen.fold((0, 0), |(same, different), it| {
        (same + it.good, different + it.bad)
    });
    // What cannot be read now is not forgotten.
    if missing.is_none() {
        shadow.fields = most(fields);
    }
    missing
}

/// The most frequent few.
fn most(fields: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let mut fields: Vec<(String, i64)> = fields.into_iter().filter(|(_, it)| *it > 0).collect();
    fields.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    fields.into_iter().take(MOST_FIELDS).collect()
}

/// What differs most, as part of a sentence; empty where nobody knows.
fn named(fields: &BTreeMap<String, i64>) -> String {
    let mut fields: Vec<(&String, &i64)> = fields.iter().collect();
    fields.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    let fields: Vec<String> = fields
        .iter()
        .take(NAMED)
        .map(|(field, count)| format!("{field} {count}"))
        .collect();
    match fields.is_empty() {
        true => String::new(),
        false => format!(", most of all {}", fields.join(", ")),
    }
}

/// What keeps the counts from being good enough for a pass; none: they are.
fn short(shadow: &TrialShadow, rule: &ShadowRule) -> Option<Hold> {
    let (same, different) = (shadow.same, shadow.different);
    let more = documents_to_pass_min(different, same + different, rule.limit, rule.min_samples);
    (more != Some(0)).then(|| Hold::Shadowing {
        same,
        different,
        needed: rule.min_samples,
        limit: rule.text.clone(),
        more,
        fields: named(&shadow.fields),
    })
}

/// Whether a container of the shadow restarts again and again: the documents of the line bring it down.
fn restarts(turn: &Turn<'_>, asked: &Asked<'_>) -> Option<(FailureReason, String)> {
    let pods = turn.scene().shadow_pods();
    let mut pods = pods.filter(|pod| pod.instance == asked.shadow.instance);
    let pod = pods.find(|pod| pod.restarts > MOST_RESTARTS)?;
    let words = pod.last_words.as_deref().or(pod.trouble.as_deref());
    let words = words.map_or_else(String::new, |words| format!(": {words}"));
    let message = format!("{} restarted {} times{words}", pod.name, pod.restarts);
    Some((FailureReason::CanaryRestarts, message))
}

/// A trial that has passed as a shadow takes a place of the plant's budget only once nothing else keeps it from changing the line,
/// and not while it waits again.
pub(crate) fn claim(turn: &mut Turn<'_>, passed: &mut TrialShadow, may_change: bool) {
    if !may_change {
        passed.claims = false;
    } else if !passed.claims && turn.hold.is_none() {
        let lines = &turn.input.observed.integration.status.lines;
        turn.hold = budget::obstacle(turn.input, &turn.line.name, lines);
        passed.claims = turn.hold.is_none();
    }
}

/// What is left of the line's shadows; none: nothing is.
pub(crate) fn leaving(turn: &Turn<'_>) -> Option<Hold> {
    let scene = turn.scene();
    let objects = scene
        .objects()
        .filter(|o| object::label(o, label::STAGE) == label::SHADOW);
    let left = objects.count() + scene.shadow_pods().count();
    (left > 0).then(|| Hold::OldInstanceLeaving {
        stage: label::SHADOW.to_owned(),
        left,
    })
}

/// Deletes every shadow that no trial runs now: one that is over, was superseded or withdrawn, or was forgotten with a status. What
/// closes it in goes last, once none of its pods is there.
pub(crate) fn sweep(input: &Input<'_>) -> Vec<Change> {
    let objects = input.observed.objects.iter().map(AsRef::as_ref);
    let shadows = objects.filter(|o| object::label(o, label::STAGE) == label::SHADOW);
    let old: Vec<&Value> = shadows.filter(|live| !is_run(input, live)).collect();
    let runs = |live: &Value| {
        let own = object::label(live, label::INSTANCE);
        let same = |it: &Value| object::label(it, label::INSTANCE) == own;
        old.iter().any(|it| object::is_workload(it) && same(it))
            || input.observed.pods.iter().any(|pod| pod.instance == own)
    };
    let goes =
        |live: &&&Value| !object::terminating(live) && (object::is_workload(live) || !runs(live));
    old.iter()
        .filter(goes)
        .map(|live| object::delete(live))
        .collect()
}

/// Whether an object is of the shadow that its line's trial runs now.
fn is_run(input: &Input<'_>, live: &Value) -> bool {
    let line = object::label(live, label::LINE);
    let trial = input.remembered(line).and_then(|it| it.trial.as_ref());
    let trial = trial.filter(|it| it.is_shadowing());
    let revision = trial.and_then(|it| input.revision(line, &it.rendering));
    let shadow = revision.and_then(|it| it.rendering.shadow());
    let id = |o| (object::kind(o), object::name(o));
    shadow.is_some_and(|(_, shadow)| shadow.objects.iter().any(|o| id(o) == id(live)))
}
