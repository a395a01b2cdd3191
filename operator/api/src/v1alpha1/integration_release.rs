//! Kind `IntegrationRelease`: which blueprint version goes to the plants, and how it is judged.

use super::{Analysis, Parameters, Rollback, Wave, WaveStatus, parameters_schema};
use crate::rule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One integration of a fleet on its way through the plants. Bumping the version in Git is the next release.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[kube(
    group = "andon.dev",
    version = "v1alpha1",
    kind = "IntegrationRelease",
    namespaced,
    status = "IntegrationReleaseStatus",
    shortname = "ir",
    category = "andon",
    printcolumn(
        name = "Version",
        type_ = "string",
        json_path = ".spec.blueprint.version"
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Done", type_ = "integer", json_path = ".status.plants.done"),
    printcolumn(
        name = "Moving",
        type_ = "integer",
        json_path = ".status.plants.moving"
    ),
    printcolumn(
        name = "Waiting",
        type_ = "integer",
        json_path = ".status.plants.waiting"
    ),
    printcolumn(
        name = "Rolled back",
        type_ = "integer",
        json_path = ".status.plants.rolledBack"
    ),
    printcolumn(name = "Plants", type_ = "integer", json_path = ".status.plants.total"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Blueprint",
        type_ = "string",
        json_path = ".spec.blueprint.name",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegrationReleaseSpec {
    /// The integration, as the plants name it.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(
        validation = rule::name("integration"),
        validation = rule::immutable("integration", "make another IntegrationRelease for another integration")
    )]
    pub integration: String,
    /// The blueprint and its version.
    pub blueprint: BlueprintReference,
    /// Values for every plant of this release; a plant's own values win over them.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
    /// Which plants go first. Left out: all at once. A plant that no wave selects is left alone, and the status says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub waves: Vec<Wave>,
    /// How many lines of a plant may be on trial at a time. More than one only among lines of the same criticality, and of an
    /// equipment family only once one of its lines has passed. Left out: 1.
    #[serde(default = "super::one", skip_serializing_if = "super::is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub max_concurrent_lines: i32,
    /// How many lines may be on trial at a time at all plants together. No more plants are under way than could each have
    /// `maxConcurrentLines` on trial. Left out: no limit but that of the waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_concurrent_lines_in_fleet: Option<i32>,
    /// How each canary is judged.
    pub analysis: Analysis,
    /// What a failure takes back.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollback: Rollback,
    /// No line starts to move while this is true; a line on trial is still judged and taken back if need be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// A blueprint and its version.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlueprintReference {
    /// Name of the blueprint.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("name"))]
    pub name: String,
    /// Semantic version, for instance `1.2.0`.
    #[schemars(length(max = rule::VERSION))]
    #[x_kube(validation = rule::version("version"))]
    pub version: String,
}

impl BlueprintReference {
    /// Name of the `Blueprint` object that holds this version.
    pub fn object_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// What is true of the release now: counts, never lines.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationReleaseStatus {
    /// The generation this status speaks of; -1 until the release has been looked at.
    #[serde(default = "super::plant_site::unobserved")]
    pub observed_generation: i64,
    /// Target digest of what `spec` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// For people; nothing decides by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<ReleasePhase>,
    /// Plants by what they do.
    #[serde(default)]
    pub plants: PlantCounts,
    /// The waves, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<WaveStatus>,
    /// What people have asked for by annotations, as it was honoured last.
    #[serde(default, skip_serializing_if = "Levers::is_empty")]
    pub levers: Levers,
    /// Why plants wait, grouped by reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldCount>,
    /// `Ready`, `Reconciling`, `Stalled`, `RolledBack`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// What people have asked for by annotations. Each value of an annotation is honoured once, so Git may keep it for ever; the
/// value is repeated here when that has happened.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Levers {
    /// Value of `andon.dev/pause` that was honoured last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// Value of `andon.dev/resume` that was honoured last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Value of `andon.dev/abort` that was honoured last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<String>,
    /// Value of `andon.dev/undo` that was honoured last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Value of `andon.dev/retry` that was honoured last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<String>,
    /// Paused by `andon.dev/pause`, until `andon.dev/resume` has a new value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// The target digest that was given up, and how; it stays so until another one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<GivenUp>,
}

/// A target digest that was given up.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GivenUp {
    /// The digest.
    pub digest: String,
    /// `Abort` or `Undo`.
    pub go: super::Go,
    /// Why: the annotation's value, or the plant that failed it.
    pub why: String,
}

impl Levers {
    /// Whether nobody has asked for anything yet.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a release is. For people.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum ReleasePhase {
    /// Some plant has not finished.
    Progressing,
    /// Paused by a person.
    Paused,
    /// Every line of every plant runs it.
    Complete,
    /// A line failed it and went back; the plant has stopped for this target.
    RolledBack,
    /// Given up by a person, or taken back everywhere.
    Aborted,
    /// It cannot be tried: the spec or the blueprint is wrong.
    Invalid,
}

/// Plants of a release by what they do.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlantCounts {
    /// Plants that want this integration and that a wave selects.
    pub total: i64,
    /// Plants where every line runs it.
    pub done: i64,
    /// Plants where a line is on trial.
    pub moving: i64,
    /// Plants where nothing moves yet.
    pub waiting: i64,
    /// Plants where a line failed it.
    pub rolled_back: i64,
    /// Plants out of reach; they are counted here only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offline: i64,
}

/// How many plants wait for one reason.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldCount {
    /// The hold's reason.
    pub reason: String,
    /// Lines that wait for it.
    pub count: i64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}
