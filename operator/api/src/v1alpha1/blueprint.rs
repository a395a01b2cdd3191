//! Kind `Blueprint`: a versioned package, packed from a folder of `blueprints/`.

use super::{Parameters, parameters_schema};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A versioned package. Immutable; one object per version, named `<name>-<version>`.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(
    group = "andon.dev",
    version = "v1alpha1",
    kind = "Blueprint",
    shortname = "bp",
    category = "andon"
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlueprintSpec {
    /// Name of the blueprint.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// Whether it is installed once per line or once per plant.
    pub scope: Scope,
    /// What must run at the plant before this can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// What others may rely on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Address>,
    /// The workloads of one line.
    pub stages: Vec<Stage>,
    /// What can be measured. Limits belong to the release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indicators: Vec<Indicator>,
    /// How to see that documents get done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// JSON Schema of the parameters.
    #[serde(default)]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
    /// The package's files by path: templates, routes, schemas, golden documents.
    pub files: BTreeMap<String, String>,
}

/// Whether a blueprint is installed once per line or once per plant.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum Scope {
    /// Once per line.
    Line,
    /// Once per plant, on the pseudo-line `site`.
    Site,
}

/// A blueprint that must run at the plant.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// Name of the blueprint.
    pub blueprint: String,
    /// Versions that will do, for instance `>=1.0.0 <2.0.0`.
    pub version: String,
}

/// A raw address that other integrations may read.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    /// Address on the plant's broker.
    pub address: String,
}

/// One workload of a line.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// Name; its templates are the files below `templates/<name>/`.
    pub name: String,
    /// How a new instance takes the old one's place.
    pub strategy: Strategy,
    /// Whether two instances may be connected at once.
    #[serde(default)]
    pub session: Session,
    /// Stages that must be in place first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Where its pods serve counters, in the Prometheus text format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsEndpoint>,
}

/// How a new instance of a stage takes the old one's place.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum Strategy {
    /// The old one is gone before the new one starts.
    Replace,
    /// The new one is ready and waits on an exclusive queue, then the old one leaves.
    Takeover,
    /// One object of a constant name is changed where it stands (a broker with its journal).
    InPlace,
}

/// Whether two instances of a stage may be connected at once.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum Session {
    /// They may.
    #[default]
    Shared,
    /// Never two at once.
    Exclusive,
}

/// Where pods serve counters.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricsEndpoint {
    /// TCP port, 1 to 65535.
    pub port: i32,
    /// Path, for instance `/observe/metrics`.
    pub path: String,
}

/// A named measurement: documents that came out well and documents that did not.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Indicator {
    /// Name, as a check of a release names it.
    pub name: String,
    /// The stage whose pods count.
    pub stage: String,
    /// Counts documents that came out well.
    pub good: CounterSelector,
    /// Counts documents that did not.
    pub bad: CounterSelector,
}

/// How to see that documents get done.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Progress {
    /// The stage whose pods count.
    pub stage: String,
    /// Counters of finished documents, whatever became of them.
    pub done: Vec<CounterSelector>,
    /// A gauge above zero while input waits.
    pub waiting: CounterSelector,
}

/// Selects series; their values are summed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CounterSelector {
    /// Name of the metric.
    pub metric: String,
    /// Labels that must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}
