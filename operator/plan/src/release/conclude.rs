//! What the release's conditions say.

use super::ObservedRelease;
use super::fleet::Fleet;
use super::progress::Progress;
use crate::site::stalled;
use andon_api::condition::{ConditionType, Wanted};
use andon_api::reason::{ConditionReason, HoldReason};
use andon_api::{Levers, PlantCounts, ReleasePhase, WaveStatus};

pub(super) fn conclude(
    observed: &ObservedRelease,
    fleet: &Fleet<'_>,
    progress: &Progress,
    levers: &Levers,
) -> (ReleasePhase, Vec<Wanted>) {
    let plants = fleet.counts();
    if plants.total == 0 {
        let why = stalled(ConditionReason::NoPlants, nobody(observed, fleet));
        return (ReleasePhase::Progressing, why);
    }
    let current = progress.current();
    let story = story(observed, &plants, fleet, current);
    if plants.done == plants.total && current.is_none() && levers.given_up.is_none() {
        let ready = wanted(
            ConditionType::Ready,
            true,
            ConditionReason::Complete,
            &story,
        );
        return (ReleasePhase::Complete, vec![ready]);
    }
    let paused = observed.release.spec.paused || levers.paused;
    let waits_for = |reason: HoldReason| {
        let hold = current.and_then(|wave| wave.hold.as_ref());
        hold.is_some_and(|hold| hold.reason == reason.as_str())
    };
    let empty = waits_for(HoldReason::WaveEmpty);
    let (phase, reason) = if levers.given_up.is_some() {
        (ReleasePhase::Aborted, ConditionReason::GivenUp)
    } else if plants.rolled_back > 0 || waits_for(HoldReason::TooManyFailedPlants) {
        (ReleasePhase::RolledBack, ConditionReason::LineRolledBack)
    } else if paused {
        (ReleasePhase::Paused, ConditionReason::Paused)
    } else if empty {
        (ReleasePhase::Progressing, ConditionReason::WaveEmpty)
    } else if waits_for(HoldReason::AwaitingApproval) {
        (ReleasePhase::Progressing, ConditionReason::AwaitingApproval)
    } else {
        (ReleasePhase::Progressing, ConditionReason::Progressing)
    };
    // Somebody has to act when nothing more can happen by itself: every plant is done or has rolled back, or none may start.
    let by_itself = current.is_some() && progress.going && !empty;
    let stuck =
        plants.moving == 0 && !by_itself && (!progress.going || plants.waiting == 0 || empty);
    let activity = match stuck {
        true => ConditionType::Stalled,
        false => ConditionType::Reconciling,
    };
    let mut all = vec![
        wanted(ConditionType::Ready, false, reason, &story),
        wanted(activity, true, reason, &story),
    ];
    if plants.rolled_back > 0 {
        let reason = ConditionReason::LineRolledBack;
        all.push(wanted(ConditionType::RolledBack, true, reason, &story));
    }
    (phase, all)
}

/// Why no plant takes part.
fn nobody(observed: &ObservedRelease, fleet: &Fleet<'_>) -> String {
    let integration = &observed.release.spec.integration;
    match fleet.members.len() {
        0 => format!(
            "no PlantSite has spec.fleet \"{}\" and lists \"{integration}\" in spec.integrations; nothing to do until one does",
            observed.release.namespace
        ),
        strays => format!(
            "spec.waves: no wave selects any of the {strays} plants that want \"{integration}\"; correct the selectors or \
             the labels of the PlantSites"
        ),
    }
}

/// What a person reads first.
fn story(
    observed: &ObservedRelease,
    plants: &PlantCounts,
    fleet: &Fleet<'_>,
    current: Option<&WaveStatus>,
) -> String {
    let mut story = format!(
        "{} of {} plants run {}; moving {}, waiting {}, rolled back {}",
        plants.done,
        plants.total,
        observed.release.spec.blueprint.version,
        plants.moving,
        plants.waiting,
        plants.rolled_back
    );
    if plants.offline > 0 {
        story.push_str(&format!(", offline {}", plants.offline));
    }
    if let Some(wave) = current {
        story.push_str(&format!(
            "; wave {}: {} of {} done",
            wave.name, wave.done, wave.total
        ));
        if let Some(hold) = &wave.hold {
            story.push_str(&format!(", {}: {}", hold.reason, hold.message));
        }
    }
    let mut strays = fleet
        .members
        .iter()
        .filter(|it| it.wave.is_none())
        .map(|it| it.plant.namespace.as_str());
    if let Some(first) = strays.next() {
        story.push_str(&format!("; no wave selects {first}"));
        match strays.count() {
            0 => {}
            more => story.push_str(&format!(" and {more} more")),
        }
    }
    story
}

fn wanted(kind: ConditionType, status: bool, reason: ConditionReason, message: &str) -> Wanted {
    Wanted {
        kind,
        status,
        reason,
        message: message.to_owned(),
    }
}
