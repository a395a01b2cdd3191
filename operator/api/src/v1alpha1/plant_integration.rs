//! Kind `PlantIntegration`: one integration at one plant, with everything needed to judge and go back alone.

use super::{Analysis, BlueprintReference, LineStatus, Parameters, Rollback, parameters_schema};
use crate::rule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One integration at one plant. Made by Andon: people read it.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[kube(
    group = "andon.dev",
    version = "v1alpha1",
    kind = "PlantIntegration",
    namespaced,
    status = "PlantIntegrationStatus",
    shortname = "pi",
    category = "andon",
    validation = ("self.metadata.name == self.spec.integration", "metadata.name must be the same as spec.integration"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.target.blueprint.version"),
    printcolumn(name = "Lines", type_ = "string", json_path = ".status.summary"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Blueprint", type_ = "string", json_path = ".spec.target.blueprint.name", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlantIntegrationSpec {
    /// The integration. Owned by the site controller.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("integration"))]
    pub integration: String,
    /// What a release asks of this plant. Owned whole by the release controller; none: hold `NoRelease`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub target: Option<Target>,
}

/// What a release asks of a plant.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// `namespace/name` of the release.
    #[schemars(length(max = rule::TEXT))]
    #[x_kube(validation = ("self.matches('^[a-z0-9-]+/[a-z0-9.-]+$')", "release must be namespace/name"))]
    pub release: String,
    /// The blueprint and its version.
    pub blueprint: BlueprintReference,
    /// The release's parameters.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
    /// How each canary is judged.
    pub analysis: Analysis,
    /// What a failure takes back.
    #[serde(default)]
    pub rollback: Rollback,
    /// Target digest: of blueprint content, release parameters, analysis and rollback.
    #[schemars(length(max = rule::DIGEST))]
    #[x_kube(validation = rule::digest("digest"))]
    pub digest: String,
    /// Whether lines may start to move.
    pub go: Go,
    /// How many lines may be on trial at a time.
    #[serde(default = "super::one", skip_serializing_if = "super::is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub max_concurrent_lines: i32,
    /// Whether promoted lines go on being judged: until the wave's soak is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub soaking: bool,
    /// Who asked for it, as the release's `andon.dev/author` says; never counts as an approver. No part of the digest. Left out: nobody
    /// knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::TEXT))]
    pub author: Option<String>,
    /// The release's `andon.dev/retry`: failed marks are taken off, once for each value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::TEXT))]
    pub retry: Option<String>,
}

/// Whether lines may start to move.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum Go {
    /// Lines may start.
    Proceed,
    /// No line starts; a line on trial is judged on.
    Wait,
    /// No line starts; a line on trial goes back, and nothing is held against what it tried.
    Abort,
    /// No line starts; a line on trial goes back, and so do the lines that were promoted, the most critical first.
    Undo,
}

/// What runs here, line by line.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlantIntegrationStatus {
    /// The generation this status speaks of; -1 until it has been looked at.
    #[serde(default = "super::plant_site::unobserved")]
    pub observed_generation: i64,
    /// The target digest this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_digest: Option<String>,
    /// One entry a line, in the order in which they move.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub lines: Vec<LineStatus>,
    /// The value of the annotation `andon.dev/retry` that was honoured last; each value counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<String>,
    /// The value of the target's `retry` that was honoured last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_retried: Option<String>,
    /// The value of the annotation `andon.dev/promote` that was honoured last; each value counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<String>,
    /// Lines done out of lines that take part, for instance `2/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// `Ready`, `Reconciling`, `Stalled`, `RolledBack`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
