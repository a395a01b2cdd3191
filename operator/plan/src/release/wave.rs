//! Waves: when one opens, and when it is over. What decides is written in the status first, and plants
//! are asked in the next look only, when it has been read back.

use super::ObservedRelease;
use super::fleet::{Fleet, Member};
use super::progress::{Progress, Step};
use super::selection::{Read, Waves, most};
use crate::approval::{self, Question, Subject};
use andon_api::reason::HoldReason;
use andon_api::{Levers, LineHold, Wave, WavePhase, WaveStatus, duration, label};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::time::Duration;

/// Brings the waves up to date.
pub(super) fn advance(
    observed: &ObservedRelease,
    waves: &Waves<'_>,
    fleet: &Fleet<'_>,
    levers: &Levers,
) -> Progress {
    let failed: Vec<usize> = waves
        .waves
        .iter()
        .enumerate()
        .map(|(index, read)| failed(observed, fleet, levers, (index, read.wave)))
        .collect();
    let stopped = waves.waves.iter().zip(&failed).find_map(|(read, failed)| {
        (*failed > limit(read.wave)).then(|| hold(HoldReason::TooManyFailedPlants, format!(
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
        return Progress {
            waves: None,
            going,
            most: waves.most,
        };
    }
    let mut steps: Vec<Step> = Vec::new();
    for (index, read) in waves.waves.iter().enumerate() {
        let gate = Gate {
            observed,
            fleet,
            index,
            read,
            failed: failed[index],
            barred: barred.as_ref(),
        };
        // Not only the last one: a wave may have been put in before one that is over.
        let before = steps.iter().find(|it| it.status.completed.is_none());
        let step = gate.step(before);
        steps.push(step);
    }
    Progress {
        waves: Some(steps),
        going,
        most: waves.most,
    }
}

fn limit(wave: &Wave) -> usize {
    usize::try_from(wave.max_failed_plants).unwrap_or(0)
}

/// How many plants of a wave have failed. What stopped the release stays: a plant that leaves, or changes its ring, shows nothing about
/// those that come next. A retry lifts it.
fn failed(
    observed: &ObservedRelease,
    fleet: &Fleet<'_>,
    levers: &Levers,
    (index, wave): (usize, &Wave),
) -> usize {
    let now = fleet
        .wave(index)
        .filter(|member| member.has_failed(&fleet.digest))
        .count();
    let retried = levers.retry != observed.release.status.levers.retry;
    let had = remembered(observed, fleet, wave).and_then(|had| had.stopped_after);
    let had = had.filter(|_| !retried).unwrap_or(0);
    now.max(usize::try_from(had).unwrap_or(0))
}

/// What is remembered of a wave, for this digest.
fn remembered(observed: &ObservedRelease, fleet: &Fleet<'_>, wave: &Wave) -> Option<WaveStatus> {
    let status = &observed.release.status;
    if status.digest.as_ref() != Some(&fleet.digest) {
        return None;
    }
    let mut waves = status.waves.iter();
    waves.find(|had| had.name == wave.name).cloned()
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
    /// How many of its plants have failed.
    failed: usize,
    /// Why nothing may start anywhere.
    barred: Option<&'a LineHold>,
}

impl Gate<'_> {
    fn step(&self, before: Option<&Step>) -> Step {
        let (fleet, wave) = (self.fleet, self.read.wave);
        let total = fleet.wave(self.index).count();
        let had = remembered(self.observed, fleet, wave);
        let was_open = had.as_ref().is_some_and(|had| had.opened.is_some());
        let was_over = had.as_ref().is_some_and(|had| had.completed.is_some());
        let mut step = Step {
            status: WaveStatus {
                name: wave.name.clone(),
                stopped_after: (self.failed > limit(wave)).then(|| count(self.failed)),
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
            was_over,
            most: wave
                .max_concurrent_plants
                .as_ref()
                .map_or(usize::MAX, |limit| most(limit, total).unwrap_or(1)),
            soak: self.read.soak,
            failed: self.failed,
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
        if let Some(before) = before {
            return Some(hold(
                HoldReason::EarlierWaveNotDone,
                format!(
                    "waits for wave {}: {} of {} plants done",
                    before.status.name, before.status.done, before.status.total
                ),
            ));
        }
        if total == 0 {
            return Some(self.empty());
        }
        let policy = self.read.wave.approval.as_ref()?;
        let question = Question {
            subject: Subject::Wave(&self.read.wave.name),
            digest: &self.fleet.digest,
            author: self
                .observed
                .release
                .annotations
                .get(label::AUTHOR)
                .map(String::as_str),
            also_unknown: None,
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
        // Nobody has shown anything: all are out of reach, or have left. That is no reason to go on.
        let shown = self.fleet.wave(self.index).any(Member::settled);
        if step.status.finished.is_none() && !shown {
            step.status.hold = self.barred.cloned().or_else(|| self.nobody());
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

    /// Why an open wave cannot be over although it waits for nobody.
    fn nobody(&self) -> Option<LineHold> {
        let total = self.fleet.wave(self.index).count();
        Some(match total {
            0 => self.empty(),
            _ => hold(
                HoldReason::PlantOffline,
                format!("all {total} plants are out of reach, so none could show that it works"),
            ),
        })
    }

    fn empty(&self) -> LineHold {
        hold(
            HoldReason::WaveEmpty,
            format!(
                "spec.waves[{}].plants selects no plant that no earlier wave has; label a PlantSite so, or take the wave out",
                self.index
            ),
        )
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

pub(super) fn end(finished: &Time, soak: Duration) -> Timestamp {
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
