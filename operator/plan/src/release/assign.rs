//! What each plant is asked.

use super::Assign;
use super::fleet::{Doing, Fleet, Member};
use super::progress::{Places, Progress};
use andon_api::condition::{self, ConditionType};
use andon_api::{Go, Target};

/// What plants are asked in this look.
pub(super) struct Assigned {
    /// The targets to write.
    pub(super) changes: Vec<Assign>,
    /// Plants that could start but for those that are under way: of their wave, or of the whole fleet.
    pub(super) without_place: usize,
}

/// The targets to write: of plants that take part already whatever changed, and of as many more as may start now.
pub(super) fn assign(fleet: &Fleet<'_>, progress: &Progress, target: &Target) -> Assigned {
    let waves = fleet.members.iter().filter_map(|member| member.wave).max();
    let mut places: Vec<Places> = (0..=waves.unwrap_or(0))
        .map(|wave| {
            let under_way = fleet
                .wave(wave)
                .filter(|it| it.under_way(&fleet.digest))
                .count();
            progress.places(wave, under_way)
        })
        .collect();
    let under_way = fleet.members.iter();
    let under_way = under_way.filter(|it| it.under_way(&fleet.digest)).count();
    let mut free = progress.most.saturating_sub(under_way);
    let mut changes = Vec::new();
    let mut without_place = 0;
    for member in &fleet.members {
        let wanted = match member.doing {
            Doing::NotAsked => match starts(member, &mut places, &mut free) {
                Start::Now(wave) => Some(asked(target, progress, wave)),
                start => {
                    without_place += usize::from(start == Start::NoPlace);
                    member.waits()
                }
            },
            _ => Some(member.goes_on(
                asked(target, progress, member.wave.unwrap_or(usize::MAX)),
                progress,
            )),
        };
        let Some((seen, wanted)) = member.plant.integration.as_ref().zip(wanted) else {
            continue;
        };
        if seen.spec.target.as_ref() != Some(&wanted) {
            changes.push(Assign {
                namespace: member.plant.namespace.clone(),
                name: seen.name.clone(),
                uid: seen.uid.clone(),
                target: wanted,
            });
        }
    }
    Assigned {
        changes,
        without_place,
    }
}

/// Whether a plant that has not been asked may start.
#[derive(PartialEq, Eq)]
enum Start {
    /// It may, with this wave; its place is taken.
    Now(usize),
    /// Only when one that is under way is done.
    NoPlace,
    /// Its wave is not open, or it cannot be asked.
    NotYet,
}

fn starts(member: &Member<'_>, places: &mut [Places], free: &mut usize) -> Start {
    let can = !member.plant.offline && member.plant.integration.is_some();
    let Some(wave) = member.wave.filter(|_| can) else {
        return Start::NotYet;
    };
    let Some(place) = places.get_mut(wave).filter(|place| place.open) else {
        return Start::NotYet;
    };
    // One that is still on trial for an earlier target has its place already.
    if !member.still_moves {
        let left = place.free.checked_sub(1).zip(free.checked_sub(1));
        let Some((left, in_fleet)) = left else {
            return Start::NoPlace;
        };
        (place.free, *free) = (left, in_fleet);
    }
    Start::Now(wave)
}

fn asked(target: &Target, progress: &Progress, wave: usize) -> Target {
    let mut target = target.clone();
    target.soaking = progress.soaking(wave);
    if target.go == Go::Proceed && !progress.going {
        target.go = Go::Wait;
    }
    target
}

impl Member<'_> {
    /// What a plant is asked that has this target already. One that stands still (paused, given up, or left over from when the
    /// release asked for this the last time) goes on only when its wave is open; one that goes on keeps what it was asked.
    fn goes_on(&self, mut wanted: Target, progress: &Progress) -> Target {
        let seen = self.plant.integration.as_ref();
        let had = seen.and_then(|seen| seen.spec.target.as_ref());
        let open = progress.is_open(self.wave.unwrap_or(usize::MAX));
        if wanted.go == Go::Proceed && !open && had.is_none_or(|it| it.go != Go::Proceed) {
            wanted.go = Go::Wait;
        }
        wanted
    }

    /// What a plant is asked that is in the middle of an earlier target and may not start with this one yet: to finish the line on
    /// trial and to begin no other. Nobody asks for that target any more. A plant that is done with it is left alone, so that
    /// edits of its PlantSite still go through.
    fn waits(&self) -> Option<Target> {
        let seen = self.plant.integration.as_ref()?;
        let earlier = seen.spec.target.clone()?;
        let done = condition::is_true(&seen.status.conditions, ConditionType::Ready)
            && seen.status.target_digest.as_ref() == Some(&earlier.digest);
        (earlier.go == Go::Proceed && !done).then_some(Target {
            go: Go::Wait,
            ..earlier
        })
    }

    /// Whether it has been asked for what the release asks for.
    pub(super) fn is_asked(&self) -> bool {
        self.doing != Doing::NotAsked
    }
}
