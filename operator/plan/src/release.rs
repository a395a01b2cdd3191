//! The release controller's decision: the target of every plant that wants the integration, and the release's status.

use crate::observed::Seen;
use crate::plan::Event;
use crate::site::{Named, speaker, stalled};
use andon_api::condition::{self, ConditionType, Wanted};
use andon_api::reason::{ConditionReason, EventReason};
use andon_api::{
    Analysis, BlueprintSpec, Go, HoldCount, IntegrationReleaseSpec, IntegrationReleaseStatus,
    Parameters, PlantCounts, PlantIntegrationSpec, PlantIntegrationStatus, PlantSiteSpec,
    ReleasePhase, Target,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// What the release controller saw of one release.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ObservedRelease {
    /// When it was seen.
    pub now: Timestamp,
    /// The release.
    pub release: ReleaseSeen,
    /// Other releases of the fleet for the same integration.
    pub others: Vec<Named>,
    /// The blueprint that the release names.
    pub blueprint: Seen<BlueprintSpec>,
    /// Plants that let this fleet act and want the integration.
    pub plants: Vec<ReleasePlant>,
}

/// An `IntegrationRelease` as the API server gave it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSeen {
    /// Its name and age.
    #[serde(flatten)]
    pub named: Named,
    /// Its namespace: the fleet.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its resource version: the precondition of the status write.
    pub resource_version: String,
    /// What people ask.
    pub spec: IntegrationReleaseSpec,
    /// What is remembered.
    pub status: IntegrationReleaseStatus,
}

/// A plant as a release sees it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePlant {
    /// Its namespace.
    pub namespace: String,
    /// Its `PlantIntegration`; none: the site controller has not made it yet.
    pub integration: Option<TargetSeen>,
}

/// A `PlantIntegration` as a release sees it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TargetSeen {
    /// Its name.
    pub name: String,
    /// Its UID: the precondition of giving it a target.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// What it is asked now.
    pub spec: PlantIntegrationSpec,
    /// What runs.
    pub status: PlantIntegrationStatus,
}

/// What the release controller writes.
#[must_use = "a plan that nobody carries out changes nothing"]
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePlan {
    /// Targets to apply. Each may be repeated without harm.
    pub changes: Vec<Assign>,
    /// The status after this plan.
    pub status: IntegrationReleaseStatus,
    /// Whether it differs from the observed one.
    pub write_status: bool,
    /// What to tell once the status is written.
    pub events: Vec<Event>,
}

/// Gives a `PlantIntegration` its target.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Assign {
    /// Namespace of the plant.
    pub namespace: String,
    /// Name of the `PlantIntegration`.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The target.
    pub target: Target,
}

/// Whether a plant lets the releases of `fleet` act and wants `integration`.
pub fn wants(site: &PlantSiteSpec, fleet: &str, integration: &str) -> bool {
    site.fleet == fleet
        && site
            .integrations
            .iter()
            .any(|choice| choice.name == integration)
}

/// Digest of what a release asks for: blueprint content, release parameters and analysis; not whether it is paused.
pub fn target_digest(
    blueprint: &BlueprintSpec,
    parameters: &Parameters,
    analysis: &Analysis,
) -> String {
    // Through a `Value`, whose members are sorted: the same text, so the same digest, on every machine.
    let asked = json!({
        "blueprint": andon_render::content_digest(blueprint),
        "parameters": parameters,
        "analysis": analysis,
    });
    andon_render::digest_json(&asked)
}

/// Decides every plant's target, and what the release's status says.
pub fn plan_release(observed: &ObservedRelease) -> ReleasePlan {
    let release = &observed.release;
    if let Some(older) = speaker(&release.named, &observed.others) {
        let message = format!(
            "spec.integration: release {} of this namespace already speaks for \"{}\"; bump its version instead, \
             or delete one of the two",
            older.name, release.spec.integration
        );
        return refused(observed, ConditionReason::Overlapping, message);
    }
    let blueprint = match &observed.blueprint {
        Seen::Present(blueprint) => blueprint,
        Seen::Absent => {
            let name = release.spec.blueprint.object_name();
            let message = format!(
                "spec.blueprint: there is no Blueprint \"{name}\"; pack and apply it (kubectl andon pack), or name a \
                 version that exists; the plants keep their targets"
            );
            return refused(observed, ConditionReason::BlueprintMissing, message);
        }
        // Nobody could tell: what is known stays as it is, until somebody can.
        Seen::Unknown(_) => return unchanged(observed),
    };
    let target = target(release, blueprint);
    let changes = observed
        .plants
        .iter()
        .filter_map(|plant| assign(plant, &target))
        .collect();
    let tally = tally(&observed.plants, &target.digest);
    let (phase, wanted) = conclude(observed, &tally);
    let status = IntegrationReleaseStatus {
        digest: Some(target.digest),
        phase: Some(phase),
        plants: tally.plants,
        holds: tally.holds,
        ..IntegrationReleaseStatus::default()
    };
    finish(observed, changes, status, wanted)
}

fn target(release: &ReleaseSeen, blueprint: &BlueprintSpec) -> Target {
    let spec = &release.spec;
    Target {
        release: format!("{}/{}", release.namespace, release.named.name),
        blueprint: spec.blueprint.clone(),
        parameters: spec.parameters.clone(),
        analysis: spec.analysis.clone(),
        digest: target_digest(blueprint, &spec.parameters, &spec.analysis),
        go: if spec.paused { Go::Wait } else { Go::Proceed },
    }
}

fn assign(plant: &ReleasePlant, target: &Target) -> Option<Assign> {
    let seen = plant.integration.as_ref()?;
    (seen.spec.target.as_ref() != Some(target)).then(|| Assign {
        namespace: plant.namespace.clone(),
        name: seen.name.clone(),
        uid: seen.uid.clone(),
        target: target.clone(),
    })
}

/// What the plants do, added up.
struct Tally {
    plants: PlantCounts,
    holds: Vec<HoldCount>,
}

fn tally(plants: &[ReleasePlant], digest: &str) -> Tally {
    let mut counts = PlantCounts::default();
    let mut holds = BTreeMap::<&str, i64>::new();
    for plant in plants {
        counts.total += 1;
        let Some(seen) = plant
            .integration
            .as_ref()
            .filter(|seen| speaks_of(seen, digest))
        else {
            counts.waiting += 1;
            continue;
        };
        let lines = &seen.status.lines;
        let failed = |target: &str| target == digest;
        if lines.iter().any(|line| line.trial.is_some()) {
            counts.moving += 1;
        } else if lines.iter().any(|line| {
            line.failed
                .as_ref()
                .is_some_and(|it| failed(&it.target_digest))
        }) {
            counts.rolled_back += 1;
        } else if condition::is_true(&seen.status.conditions, ConditionType::Ready) {
            counts.done += 1;
        } else {
            counts.waiting += 1;
        }
        for hold in lines.iter().filter_map(|line| line.hold.as_ref()) {
            *holds.entry(&hold.reason).or_default() += 1;
        }
    }
    let holds = holds.into_iter().map(|(reason, count)| HoldCount {
        reason: reason.to_owned(),
        count,
    });
    Tally {
        plants: counts,
        holds: holds.collect(),
    }
}

/// Whether a plant's status is about this target, not about an earlier one.
fn speaks_of(seen: &TargetSeen, digest: &str) -> bool {
    seen.status.target_digest.as_deref() == Some(digest)
        && seen.status.observed_generation == seen.generation
}

fn conclude(observed: &ObservedRelease, tally: &Tally) -> (ReleasePhase, Vec<Wanted>) {
    let spec = &observed.release.spec;
    let plants = &tally.plants;
    if plants.total == 0 {
        let message = format!(
            "no PlantSite has spec.fleet \"{}\" and lists \"{}\" in spec.integrations; nothing to do until one does",
            observed.release.namespace, spec.integration
        );
        return (
            ReleasePhase::Progressing,
            stalled(ConditionReason::NoPlants, message),
        );
    }
    let story = format!(
        "{} of {} plants run {}; moving {}, waiting {}, rolled back {}",
        plants.done,
        plants.total,
        spec.blueprint.version,
        plants.moving,
        plants.waiting,
        plants.rolled_back
    );
    if plants.done == plants.total {
        let ready = wanted(
            ConditionType::Ready,
            true,
            ConditionReason::Complete,
            &story,
        );
        return (ReleasePhase::Complete, vec![ready]);
    }
    let (phase, reason) = if plants.rolled_back > 0 {
        (ReleasePhase::RolledBack, ConditionReason::LineRolledBack)
    } else if spec.paused {
        (ReleasePhase::Paused, ConditionReason::Paused)
    } else {
        (ReleasePhase::Progressing, ConditionReason::Progressing)
    };
    // Somebody has to act when nothing more can happen by itself: every plant is done or has rolled back, or none may start.
    let stuck = plants.moving == 0 && (spec.paused || plants.waiting == 0);
    let activity = if stuck {
        ConditionType::Stalled
    } else {
        ConditionType::Reconciling
    };
    let mut all = vec![
        wanted(ConditionType::Ready, false, reason, &story),
        wanted(activity, true, reason, &story),
    ];
    if plants.rolled_back > 0 {
        all.push(wanted(ConditionType::RolledBack, true, reason, &story));
    }
    (phase, all)
}

fn wanted(kind: ConditionType, status: bool, reason: ConditionReason, message: &str) -> Wanted {
    Wanted {
        kind,
        status,
        reason,
        message: message.to_owned(),
    }
}

/// Nothing is asked of any plant; what was counted last stays, so that a person still sees where the plants are.
fn refused(observed: &ObservedRelease, reason: ConditionReason, message: String) -> ReleasePlan {
    let status = IntegrationReleaseStatus {
        phase: Some(ReleasePhase::Invalid),
        ..observed.release.status.clone()
    };
    finish(observed, Vec::new(), status, stalled(reason, message))
}

fn unchanged(observed: &ObservedRelease) -> ReleasePlan {
    ReleasePlan {
        changes: Vec::new(),
        status: observed.release.status.clone(),
        write_status: false,
        events: Vec::new(),
    }
}

fn finish(
    observed: &ObservedRelease,
    changes: Vec<Assign>,
    status: IntegrationReleaseStatus,
    wanted: Vec<Wanted>,
) -> ReleasePlan {
    let release = &observed.release;
    let had = &release.status;
    let status = IntegrationReleaseStatus {
        observed_generation: release.generation,
        conditions: condition::merge(&had.conditions, &wanted, release.generation, observed.now),
        ..status
    };
    let events = news(had, &status).into_iter().collect();
    ReleasePlan {
        changes,
        write_status: status != *had,
        events,
        status,
    }
}

/// What is worth telling: that every plant runs it, or that it cannot be tried. Told once, when it becomes so.
fn news(had: &IntegrationReleaseStatus, now: &IntegrationReleaseStatus) -> Option<Event> {
    let message = |status: &IntegrationReleaseStatus| {
        condition::find(&status.conditions, ConditionType::Ready).map(|it| it.message.clone())
    };
    let (warning, reason) = match now.phase {
        Some(ReleasePhase::Complete) if had.phase != now.phase || had.digest != now.digest => {
            (false, EventReason::ReleaseComplete)
        }
        Some(ReleasePhase::Invalid) if message(had) != message(now) => (true, EventReason::Invalid),
        _ => return None,
    };
    Some(Event {
        warning,
        reason,
        note: message(now).unwrap_or_default(),
        related: None,
    })
}

#[cfg(test)]
mod tests;
