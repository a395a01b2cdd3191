//! The plants of a release: which wave each belongs to and what it does.

use super::selection::Waves;
use super::{ObservedRelease, ReleasePlant, TargetSeen};
use andon_api::condition::{self, ConditionType};
use andon_api::reason::HoldReason;
use andon_api::{HoldCount, PlantCounts};
use std::collections::BTreeMap;

/// What a plant does about the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It has not been asked.
    NotAsked,
    /// It has been asked, and nothing moves.
    Waiting,
    /// A line is on trial, or going back.
    Moving,
    /// A line failed, and nothing moves.
    Failed,
    /// Every line runs what is asked.
    Done,
}

/// A plant of the release.
pub(super) struct Member<'a> {
    pub(super) plant: &'a ReleasePlant,
    /// Index of its wave; none: no wave selects it.
    pub(super) wave: Option<usize>,
    pub(super) doing: Doing,
    /// Whether it has not been asked, and is still on trial for an earlier target of this release.
    pub(super) still_moves: bool,
    /// Whether it has yet to honour a retry, so that what it failed before does not count any more.
    pub(super) forgotten: bool,
}

/// Every plant of the release, by namespace.
pub(super) struct Fleet<'a> {
    pub(super) digest: String,
    pub(super) members: Vec<Member<'a>>,
}

/// Looks at every plant.
pub(super) fn muster<'a>(
    observed: &'a ObservedRelease,
    waves: &Waves<'_>,
    digest: &str,
) -> Fleet<'a> {
    let release = &observed.release;
    let mine = format!("{}/{}", release.namespace, release.named.name);
    let retry = super::lever::retry(observed);
    let mut members: Vec<Member<'a>> = observed
        .plants
        .iter()
        .map(|plant| {
            let doing = doing(plant, digest, retry.as_ref());
            Member {
                plant,
                wave: waves.of(&plant.labels),
                doing,
                forgotten: forgotten(plant, retry.as_ref()),
                still_moves: doing == Doing::NotAsked && on_trial(plant, &mine),
            }
        })
        .collect();
    members.sort_by(|a, b| a.plant.namespace.cmp(&b.plant.namespace));
    Fleet {
        digest: digest.to_owned(),
        members,
    }
}

/// Whether a plant has yet to honour a retry: what failed there before is about to be taken off.
fn forgotten(plant: &ReleasePlant, retry: Option<&String>) -> bool {
    let honoured = plant.integration.as_ref();
    let honoured = honoured.and_then(|seen| seen.status.release_retried.as_ref());
    retry.is_some() && honoured != retry
}

/// Whether a line is on trial for a target that this release gave.
fn on_trial(plant: &ReleasePlant, release: &str) -> bool {
    plant.integration.as_ref().is_some_and(|seen| {
        let asked = seen.spec.target.as_ref();
        asked.is_some_and(|it| it.release == release)
            && seen.status.lines.iter().any(|line| line.trial.is_some())
    })
}

fn doing(plant: &ReleasePlant, digest: &str, retry: Option<&String>) -> Doing {
    let Some(seen) = &plant.integration else {
        return Doing::NotAsked;
    };
    let asked = seen.spec.target.as_ref();
    if asked.is_none_or(|target| target.digest != digest) {
        return Doing::NotAsked;
    }
    let lines = &seen.status.lines;
    let speaks = speaks_of(seen, digest);
    let forgotten = forgotten(plant, retry);
    // Trials and failed marks name their target: they count also while the plant has yet to see that it may not go on.
    let tries = |it: &andon_api::Trial| speaks || it.target_digest == digest;
    let failed = |it: &andon_api::Failed| it.target_digest == digest && !forgotten;
    if lines
        .iter()
        .any(|line| line.trial.as_ref().is_some_and(tries))
    {
        Doing::Moving
    } else if lines
        .iter()
        .any(|line| line.failed.as_ref().is_some_and(failed))
    {
        Doing::Failed
    } else if speaks && condition::is_true(&seen.status.conditions, ConditionType::Ready) {
        Doing::Done
    } else {
        Doing::Waiting
    }
}

/// Whether a plant's status is about this target, not about an earlier one. Being told to wait, or that a soak is over, raises the
/// generation, but what was said about the same digest stays true.
fn speaks_of(seen: &TargetSeen, digest: &str) -> bool {
    seen.status.target_digest.as_deref() == Some(digest)
}

impl<'a> Fleet<'a> {
    /// The plants of a wave.
    pub(super) fn wave(&self, index: usize) -> impl Iterator<Item = &Member<'a>> {
        self.members
            .iter()
            .filter(move |member| member.wave == Some(index))
    }

    /// Plants that failed; one that still goes back has failed already.
    pub(super) fn failed(&self) -> impl Iterator<Item = &Member<'a>> {
        self.members
            .iter()
            .filter(|member| member.has_failed(&self.digest))
    }

    /// Plants by what they do; those that no wave selects take no part.
    pub(super) fn counts(&self) -> PlantCounts {
        let mut counts = PlantCounts::default();
        for member in self.members.iter().filter(|it| it.wave.is_some()) {
            counts.total += 1;
            if member.plant.offline {
                counts.offline += 1;
                continue;
            }
            match member.doing {
                Doing::NotAsked | Doing::Waiting => counts.waiting += 1,
                Doing::Moving => counts.moving += 1,
                Doing::Failed => counts.rolled_back += 1,
                Doing::Done => counts.done += 1,
            }
        }
        counts
    }

    /// Why lines and plants wait, grouped. `without_place` plants wait for others to be done.
    pub(super) fn holds(&self, without_place: usize) -> Vec<HoldCount> {
        let mut holds = BTreeMap::<String, i64>::new();
        if without_place > 0 {
            holds.insert(
                HoldReason::EnoughPlantsUnderWay.to_string(),
                i64::try_from(without_place).unwrap_or(i64::MAX),
            );
        }
        for member in &self.members {
            if member.wave.is_none() {
                *holds.entry(HoldReason::NoWave.to_string()).or_default() += 1;
            }
            let Some(seen) = &member.plant.integration else {
                continue;
            };
            if member.doing == Doing::NotAsked || !speaks_of(seen, &self.digest) {
                continue;
            }
            for hold in seen
                .status
                .lines
                .iter()
                .filter_map(|line| line.hold.as_ref())
            {
                *holds.entry(hold.reason.clone()).or_default() += 1;
            }
        }
        holds
            .into_iter()
            .map(|(reason, count)| HoldCount { reason, count })
            .collect()
    }
}

impl Member<'_> {
    /// Whether a line failed what is asked, whether or not it is back already, and no retry is about to take the mark off.
    pub(super) fn has_failed(&self, digest: &str) -> bool {
        if self.doing == Doing::Failed || self.forgotten {
            return !self.forgotten;
        }
        let lines = self
            .plant
            .integration
            .iter()
            .flat_map(|seen| &seen.status.lines);
        self.doing == Doing::Moving
            && lines.into_iter().any(|line| {
                let trial = line.trial.as_ref();
                let failing =
                    trial.is_some_and(|it| it.target_digest == digest && it.failure.is_some());
                failing
                    || line
                        .failed
                        .as_ref()
                        .is_some_and(|it| it.target_digest == digest)
            })
    }

    /// Whether it takes one of the places under way: also one that is still on trial for an earlier target of this release.
    pub(super) fn under_way(&self, digest: &str) -> bool {
        let doing = matches!(self.doing, Doing::Waiting | Doing::Moving) || self.still_moves;
        doing && !self.plant.offline && !self.has_failed(digest)
    }

    /// Whether the wave need not wait for it any more.
    pub(super) fn settled(&self) -> bool {
        matches!(self.doing, Doing::Done | Doing::Failed)
    }
}
