//! The release controller's decision: the target of every plant that wants the integration, and the release's status.

mod assign;
mod conclude;
mod fleet;
mod lever;
mod progress;
mod selection;
mod wave;

use crate::observed::Seen;
use crate::plan::Event;
use crate::site::{Named, speaker, stalled};
use andon_api::condition::{self, ConditionType, Wanted};
use andon_api::reason::{ConditionReason, EventReason};
use andon_api::{
    ApprovalSpec, BlueprintSpec, IntegrationReleaseSpec, IntegrationReleaseStatus, Levers,
    PlantIntegrationSpec, PlantIntegrationStatus, PlantSiteSpec, ReleasePhase, Target, label,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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
    /// Shared, since most are the same in the next look.
    #[serde(with = "crate::observed::shared")]
    pub plants: Vec<Arc<ReleasePlant>>,
    /// What people approved, in the release's namespace and by its name.
    pub approvals: Vec<ApprovalSpec>,
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
    /// Its annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
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
    /// Labels of its `PlantSite`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether it is out of reach: its `PlantSite` says `Reachable=False`.
    #[serde(default)]
    pub offline: bool,
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
    /// When to look again although nothing changes; none: something will announce itself.
    pub wake: Option<Duration>,
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

/// Digest of what a release asks for: blueprint content, release parameters, analysis and rollback; not its waves, and not
/// whether it is paused.
pub fn target_digest(blueprint: &BlueprintSpec, spec: &IntegrationReleaseSpec) -> String {
    // Through a `Value`, whose members are sorted: the same text, so the same digest, on every machine.
    let asked = json!({
        "blueprint": andon_render::content_digest(blueprint),
        "parameters": spec.parameters,
        "analysis": spec.analysis,
        "rollback": spec.rollback,
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
    let waves = match selection::read(&release.spec) {
        Ok(waves) => waves,
        Err(message) => return refused(observed, ConditionReason::Invalid, message),
    };
    let digest = target_digest(blueprint, &release.spec);
    let fleet = fleet::muster(observed, &waves, &digest);
    let levers = lever::pull(observed, &fleet);
    let progress = wave::advance(observed, &waves, &fleet, &levers);
    let target = target(release, &digest, &levers);
    let assigned = assign::assign(&fleet, &progress, &target);
    let (phase, wanted) = conclude::conclude(observed, &fleet, &progress, &levers);
    let status = IntegrationReleaseStatus {
        digest: Some(digest),
        phase: Some(phase),
        plants: fleet.counts(),
        waves: progress.statuses(),
        holds: fleet.holds(assigned.without_place),
        levers,
        ..IntegrationReleaseStatus::default()
    };
    let mut plan = finish(observed, assigned.changes, status, wanted);
    plan.events.extend(progress.news(observed));
    // What was decided now is acted on when it has been read back.
    let decided = plan.status.waves != release.status.waves;
    plan.wake = progress
        .wake(observed.now)
        .filter(|_| !decided)
        .or(decided.then_some(Duration::ZERO));
    plan
}

fn target(release: &ReleaseSeen, digest: &str, levers: &Levers) -> Target {
    let spec = &release.spec;
    Target {
        release: format!("{}/{}", release.namespace, release.named.name),
        blueprint: spec.blueprint.clone(),
        parameters: spec.parameters.clone(),
        analysis: spec.analysis.clone(),
        rollback: spec.rollback.clone(),
        digest: digest.to_owned(),
        go: lever::go(spec, levers, digest),
        max_concurrent_lines: spec.max_concurrent_lines,
        soaking: false,
        author: author(release),
        retry: levers.retry.clone(),
    }
}

/// Who stands as the author. A name that is longer than a name can be is nobody's.
fn author(release: &ReleaseSeen) -> Option<String> {
    let author = release.annotations.get(label::AUTHOR)?;
    let fits = (1..=label::LEVER_LENGTH).contains(&author.chars().count());
    fits.then(|| author.clone())
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
        wake: None,
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
    // Whole seconds, as a status keeps them: reading it back changes nothing.
    let second = Timestamp::from_second(observed.now.as_second()).unwrap_or(observed.now);
    let status = IntegrationReleaseStatus {
        observed_generation: release.generation,
        conditions: condition::merge(&had.conditions, &wanted, release.generation, second),
        ..status
    };
    let events = news(had, &status).into_iter().collect();
    ReleasePlan {
        changes,
        write_status: status != *had,
        events,
        status,
        wake: None,
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
