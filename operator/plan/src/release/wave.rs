//! Waves: which plant belongs to which, when one opens, when it is over. What decides is written in the status first, and plants
//! are asked in the next look only, when it has been read back.

use super::ObservedRelease;
use super::approval::{self, Question};
use super::fleet::{Fleet, Member};
use crate::plan::Event;
use andon_api::reason::{EventReason, HoldReason};
use andon_api::{
    IntegrationReleaseSpec, Levers, LineHold, PlantOperator, PlantRequirement, PlantSelector, Wave,
    WavePhase, WaveStatus, duration, label,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;
use std::time::Duration;

/// The waves of a release, read; without waves one that has every plant, is always open and knows no limits.
pub(super) struct Waves<'a> {
    waves: Vec<Read<'a>>,
}

/// One wave, read.
struct Read<'a> {
    wave: &'a Wave,
    soak: Duration,
}

/// Reads the waves. An error names the field, the value and what would be right.
pub(super) fn read(spec: &IntegrationReleaseSpec) -> Result<Waves<'_>, String> {
    let mut waves: Vec<Read<'_>> = Vec::new();
    for (index, wave) in spec.waves.iter().enumerate() {
        let at = format!("spec.waves[{index}] ({})", wave.name);
        if waves.iter().any(|other| other.wave.name == wave.name) {
            return Err(format!(
                "{at}: the name is there twice; every wave has a name of its own"
            ));
        }
        for requirement in &wave.plants.match_expressions {
            requirement_is_right(requirement)
                .map_err(|why| format!("{at}.plants.matchExpressions: {why}"))?;
        }
        if let Some(limit) = &wave.max_concurrent_plants {
            most(limit, 1).ok_or_else(|| {
                format!(
                    "{at}.maxConcurrentPlants: {} is neither a number of at least 1 nor a percentage from 1% to 100%",
                    shown(limit)
                )
            })?;
        }
        let soak = wave.soak.as_deref().map(duration::parse).transpose();
        waves.push(Read {
            wave,
            soak: soak
                .map_err(|error| format!("{at}.soak: {error}"))?
                .unwrap_or_default(),
        });
    }
    Ok(Waves { waves })
}

fn requirement_is_right(requirement: &PlantRequirement) -> Result<(), String> {
    let PlantRequirement {
        key,
        operator,
        values,
    } = requirement;
    match (operator, values.is_empty()) {
        (PlantOperator::In | PlantOperator::NotIn, true) => {
            Err(format!("{operator:?} of {key} needs values"))
        }
        (PlantOperator::Exists | PlantOperator::DoesNotExist, false) => {
            Err(format!("{operator:?} of {key} takes no values"))
        }
        _ => Ok(()),
    }
}

/// Whether a selector selects a plant with these labels.
fn selects(selector: &PlantSelector, labels: &BTreeMap<String, String>) -> bool {
    let mut wanted = selector.match_labels.iter();
    let exact = wanted.all(|(key, value)| labels.get(key) == Some(value));
    exact
        && selector.match_expressions.iter().all(|it| {
            let value = labels.get(&it.key);
            let listed = value.is_some_and(|value| it.values.contains(value));
            match it.operator {
                PlantOperator::In => listed,
                PlantOperator::NotIn => !listed,
                PlantOperator::Exists => value.is_some(),
                PlantOperator::DoesNotExist => value.is_none(),
            }
        })
}

/// A number, or a percentage of `total` rounded up, of at least 1.
fn most(limit: &IntOrString, total: usize) -> Option<usize> {
    match limit {
        IntOrString::Int(number) => usize::try_from(*number).ok().filter(|number| *number >= 1),
        IntOrString::String(text) => {
            let percent: usize = text.strip_suffix('%')?.parse().ok()?;
            (1..=100)
                .contains(&percent)
                .then(|| (total * percent).div_ceil(100).max(1))
        }
    }
}

fn shown(limit: &IntOrString) -> String {
    match limit {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => format!("\"{text}\""),
    }
}

impl Waves<'_> {
    /// Index of the first wave that selects a plant with these labels.
    pub(super) fn of(&self, labels: &BTreeMap<String, String>) -> Option<usize> {
        if self.waves.is_empty() {
            return Some(0);
        }
        self.waves
            .iter()
            .position(|read| selects(&read.wave.plants, labels))
    }
}

/// Where each wave is after this look.
pub(super) struct Progress {
    /// None: the release has no waves.
    waves: Option<Vec<Step>>,
    /// Whether any plant may be asked at all.
    pub(super) going: bool,
}

struct Step {
    status: WaveStatus,
    /// Whether it was open already when this look began, so that plants may be asked now.
    was_open: bool,
    /// Plants that may be under way at a time.
    most: usize,
    soak: Duration,
    failed: usize,
}

/// Brings the waves up to date.
pub(super) fn advance(
    observed: &ObservedRelease,
    waves: &Waves<'_>,
    fleet: &Fleet<'_>,
    levers: &Levers,
) -> Progress {
    let stopped = waves.waves.iter().enumerate().find_map(|(index, read)| {
        let failed = failed(fleet, index);
        (failed > limit(read.wave)).then(|| hold(HoldReason::TooManyFailedPlants, format!(
            "{failed} plants of wave {} failed, maxFailedPlants is {}; change the release, or set {} anew",
            read.wave.name, limit(read.wave), label::RETRY
        )))
    });
    let paused = observed.release.spec.paused || levers.paused;
    let barred = match &levers.given_up {
        Some(given_up) => Some(hold(
            HoldReason::GivenUp,
            format!("{:?}: {}", given_up.go, given_up.why),
        )),
        None if paused => Some(hold(HoldReason::Paused, "the release is paused".to_owned())),
        None => stopped,
    };
    let going = barred.is_none();
    if waves.waves.is_empty() {
        return Progress { waves: None, going };
    }
    let mut steps: Vec<Step> = Vec::new();
    for (index, read) in waves.waves.iter().enumerate() {
        let gate = Gate {
            observed,
            fleet,
            index,
            read,
            barred: barred.as_ref(),
        };
        let step = gate.step(steps.last());
        steps.push(step);
    }
    Progress {
        waves: Some(steps),
        going,
    }
}

fn limit(wave: &Wave) -> usize {
    usize::try_from(wave.max_failed_plants).unwrap_or(0)
}

fn failed(fleet: &Fleet<'_>, index: usize) -> usize {
    fleet
        .wave(index)
        .filter(|member| member.has_failed(&fleet.digest))
        .count()
}

fn hold(reason: HoldReason, message: String) -> LineHold {
    LineHold {
        reason: reason.as_str().to_owned(),
        message,
    }
}

/// One wave and all that its gate asks about.
struct Gate<'a> {
    observed: &'a ObservedRelease,
    fleet: &'a Fleet<'a>,
    index: usize,
    read: &'a Read<'a>,
    /// Why nothing may start anywhere.
    barred: Option<&'a LineHold>,
}

impl Gate<'_> {
    fn step(&self, before: Option<&Step>) -> Step {
        let (fleet, wave) = (self.fleet, self.read.wave);
        let total = fleet.wave(self.index).count();
        let had = self.remembered();
        let was_open = had.as_ref().is_some_and(|had| had.opened.is_some());
        let mut step = Step {
            status: WaveStatus {
                name: wave.name.clone(),
                phase: WavePhase::Waiting,
                total: count(total),
                done: count(
                    fleet
                        .wave(self.index)
                        .filter(|it| it.doing == super::fleet::Doing::Done)
                        .count(),
                ),
                opened: had.as_ref().and_then(|had| had.opened.clone()),
                finished: had.as_ref().and_then(|had| had.finished.clone()),
                completed: had.and_then(|had| had.completed),
                hold: None,
            },
            was_open,
            most: wave
                .max_concurrent_plants
                .as_ref()
                .map_or(usize::MAX, |limit| most(limit, total).unwrap_or(1)),
            soak: self.read.soak,
            failed: failed(fleet, self.index),
        };
        // A status can be lost; plants that have been asked tell that the wave had been opened. Only then: a plant that was
        // asked may also have come from another wave.
        let lost = self.observed.release.status.observed_generation < 1;
        if lost && step.status.opened.is_none() && fleet.wave(self.index).any(Member::is_asked) {
            step.status.opened = Some(self.now());
        }
        if step.status.opened.is_none() {
            step.status.hold = self.closed(before, total);
            if step.status.hold.is_none() {
                step.status.opened = Some(self.now());
            }
        } else if step.status.completed.is_none() {
            self.finish(&mut step);
        }
        step.status.phase = phase(&step, limit(wave));
        step
    }

    /// What is remembered of this wave, for this digest.
    fn remembered(&self) -> Option<WaveStatus> {
        let status = &self.observed.release.status;
        if status.digest.as_ref() != Some(&self.fleet.digest) {
            return None;
        }
        status
            .waves
            .iter()
            .find(|had| had.name == self.read.wave.name)
            .cloned()
    }

    /// Now, as it stands in a status: in whole seconds.
    fn now(&self) -> Time {
        let now = self.observed.now;
        Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
    }

    /// What keeps the wave from opening; none: it opens.
    fn closed(&self, before: Option<&Step>, total: usize) -> Option<LineHold> {
        if let Some(barred) = self.barred {
            return Some(barred.clone());
        }
        if let Some(before) = before.filter(|before| before.status.completed.is_none()) {
            return Some(hold(
                HoldReason::EarlierWaveNotDone,
                format!(
                    "waits for wave {}: {} of {} plants done",
                    before.status.name, before.status.done, before.status.total
                ),
            ));
        }
        if total == 0 {
            return Some(hold(
                HoldReason::WaveEmpty,
                format!(
                    "spec.waves[{}].plants selects no plant that no earlier wave has; label a PlantSite so, or take the wave out",
                    self.index
                ),
            ));
        }
        let policy = self.read.wave.approval.as_ref()?;
        let question = Question {
            digest: &self.fleet.digest,
            wave: &self.read.wave.name,
            author: self
                .observed
                .release
                .annotations
                .get(label::AUTHOR)
                .map(String::as_str),
            now: self.observed.now,
        };
        let missing = approval::missing(policy, &self.observed.approvals, &question)?;
        Some(hold(HoldReason::AwaitingApproval, missing))
    }

    /// Whether an open wave is over.
    fn finish(&self, step: &mut Step) {
        let wave = self.read.wave;
        let open = |member: &&Member<'_>| match member.plant.offline {
            true => wave.wait_for_offline && !member.settled(),
            false => !member.settled(),
        };
        let left = self.fleet.wave(self.index).filter(open).count();
        if left > 0 || step.failed > limit(wave) {
            // One that joined, or was asked to try again, is soaked with the others.
            step.status.finished = None;
            step.status.hold = self.barred.cloned().or_else(|| self.offline(left));
            return;
        }
        let finished = step
            .status
            .finished
            .get_or_insert_with(|| self.now())
            .clone();
        let soaked = self.observed.now.duration_since(finished.0);
        match Duration::try_from(soaked) {
            Ok(soaked) if soaked >= step.soak => step.status.completed = Some(self.now()),
            // A clock that was set back only lengthens the soak.
            _ => {
                let until = end(&finished, step.soak);
                step.status.hold = Some(hold(
                    HoldReason::Soaking,
                    format!(
                        "every plant is done; the soak of {} ends {until}",
                        duration::display(step.soak)
                    ),
                ));
            }
        }
    }

    fn offline(&self, left: usize) -> Option<LineHold> {
        let away = self
            .fleet
            .wave(self.index)
            .filter(|it| it.plant.offline && !it.settled())
            .count();
        (away == left && left > 0).then(|| {
            hold(
                HoldReason::PlantOffline,
                format!(
                    "{away} plants are out of reach, and the wave waits for them (waitForOffline)"
                ),
            )
        })
    }
}

fn end(finished: &Time, soak: Duration) -> Timestamp {
    finished.0.checked_add(soak).unwrap_or(Timestamp::MAX)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn phase(step: &Step, limit: usize) -> WavePhase {
    let status = &step.status;
    if status.completed.is_some() {
        WavePhase::Done
    } else if step.failed > limit {
        WavePhase::Stopped
    } else if status.opened.is_none() {
        WavePhase::Waiting
    } else if status.finished.is_some() {
        WavePhase::Soaking
    } else {
        WavePhase::Progressing
    }
}

impl Progress {
    /// How many more plants of a wave may be asked now, when `under_way` are.
    pub(super) fn places(&self, wave: usize, under_way: usize) -> usize {
        if !self.going {
            return 0;
        }
        let Some(steps) = &self.waves else {
            return usize::MAX;
        };
        match steps.get(wave).filter(|step| step.was_open) {
            Some(step) => step.most.saturating_sub(under_way),
            None => 0,
        }
    }

    /// Whether the plants of a wave go on being judged although they are done.
    pub(super) fn soaking(&self, wave: usize) -> bool {
        let step = self.waves.as_ref().and_then(|steps| steps.get(wave));
        step.is_some_and(|step| step.status.completed.is_none())
    }

    /// The waves as the status shows them.
    pub(super) fn statuses(&self) -> Vec<WaveStatus> {
        self.waves
            .iter()
            .flatten()
            .map(|step| step.status.clone())
            .collect()
    }

    /// The first wave that is not over.
    pub(super) fn current(&self) -> Option<&WaveStatus> {
        let mut steps = self.waves.iter().flatten();
        steps
            .find(|step| step.status.completed.is_none())
            .map(|step| &step.status)
    }

    /// When the next soak is over. The gate of the next wave is looked at at once.
    pub(super) fn wake(&self, now: Timestamp) -> Option<Duration> {
        let soaking = self
            .waves
            .iter()
            .flatten()
            .filter(|step| step.status.completed.is_none());
        let ends = soaking.filter_map(|step| Some(end(step.status.finished.as_ref()?, step.soak)));
        let wait = |end: Timestamp| Duration::try_from(end.duration_since(now)).unwrap_or_default();
        ends.map(wait).min()
    }

    /// What became true in this look and is worth telling.
    pub(super) fn news(&self, observed: &ObservedRelease) -> Vec<Event> {
        let had = &observed.release.status;
        let mut events = Vec::new();
        for status in self.waves.iter().flatten().map(|step| &step.status) {
            let old = had.waves.iter().find(|old| old.name == status.name);
            let same = |get: fn(&WaveStatus) -> &Option<Time>| {
                old.is_some_and(|old| get(old) == get(status))
            };
            if status.opened.is_some() && !same(|it| &it.opened) {
                events.push(told(
                    EventReason::WaveOpened,
                    format!(
                        "wave {}: its {} plants may start with {}",
                        status.name, status.total, observed.release.spec.blueprint.version
                    ),
                ));
            }
            if status.completed.is_some() && !same(|it| &it.completed) {
                events.push(told(
                    EventReason::WaveCompleted,
                    format!(
                        "wave {}: {} of {} plants run {}",
                        status.name,
                        status.done,
                        status.total,
                        observed.release.spec.blueprint.version
                    ),
                ));
            }
        }
        events
    }
}

fn told(reason: EventReason, note: String) -> Event {
    Event {
        warning: false,
        reason,
        note,
        related: None,
    }
}
