//! The plants of a release: which wave each belongs to and what it does.

use super::wave::Waves;
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
    let mut members: Vec<Member<'a>> = observed
        .plants
        .iter()
        .map(|plant| Member {
            plant,
            wave: waves.of(&plant.labels),
            doing: doing(plant, digest),
        })
        .collect();
    members.sort_by(|a, b| a.plant.namespace.cmp(&b.plant.namespace));
    Fleet {
        digest: digest.to_owned(),
        members,
    }
}

fn doing(plant: &ReleasePlant, digest: &str) -> Doing {
    let Some(seen) = &plant.integration else {
        return Doing::NotAsked;
    };
    let asked = seen.spec.target.as_ref();
    if asked.is_none_or(|target| target.digest != digest) {
        return Doing::NotAsked;
    }
    if !speaks_of(seen, digest) {
        return Doing::Waiting;
    }
    let lines = &seen.status.lines;
    let failed = |it: &andon_api::Failed| it.target_digest == digest;
    if lines.iter().any(|line| line.trial.is_some()) {
        Doing::Moving
    } else if lines
        .iter()
        .any(|line| line.failed.as_ref().is_some_and(failed))
    {
        Doing::Failed
    } else if condition::is_true(&seen.status.conditions, ConditionType::Ready) {
        Doing::Done
    } else {
        Doing::Waiting
    }
}

/// Whether a plant's status is about this target, not about an earlier one.
fn speaks_of(seen: &TargetSeen, digest: &str) -> bool {
    seen.status.target_digest.as_deref() == Some(digest)
        && seen.status.observed_generation == seen.generation
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

    /// Why lines and plants wait, grouped.
    pub(super) fn holds(&self) -> Vec<HoldCount> {
        let mut holds = BTreeMap::<String, i64>::new();
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
    /// Whether a line failed what is asked, whether or not it is back already.
    pub(super) fn has_failed(&self, digest: &str) -> bool {
        if self.doing == Doing::Failed {
            return true;
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

    /// Whether it takes one of the places under way.
    pub(super) fn under_way(&self, digest: &str) -> bool {
        matches!(self.doing, Doing::Waiting | Doing::Moving)
            && !self.plant.offline
            && !self.has_failed(digest)
    }

    /// Whether the wave need not wait for it any more.
    pub(super) fn settled(&self) -> bool {
        matches!(self.doing, Doing::Done | Doing::Failed)
    }
}
