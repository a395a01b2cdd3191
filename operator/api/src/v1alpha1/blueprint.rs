//! Kind `Blueprint`: a versioned package, packed from a folder of `blueprints/`.

use super::{Parameters, parameters_schema};
use crate::rule;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A versioned package. Immutable; one object per version, named `<name>-<version>`.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[kube(
    group = "andon.dev",
    version = "v1alpha1",
    kind = "Blueprint",
    shortname = "bp",
    category = "andon",
    validation = Rule::new("self.metadata.name == self.spec.name + '-' + self.spec.version")
        .message("metadata.name must be spec.name, - and spec.version"),
    printcolumn(name = "Blueprint", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version"),
    printcolumn(name = "Scope", type_ = "string", json_path = ".spec.scope"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = rule::immutable("spec", "pack the change as a new version"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlueprintSpec {
    /// Name of the blueprint.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("name"))]
    pub name: String,
    /// Semantic version.
    #[schemars(length(max = rule::VERSION))]
    #[x_kube(validation = rule::version("version"))]
    pub version: String,
    /// Whether it is installed once per line or once per plant.
    pub scope: Scope,
    /// What must run at the plant before this can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["blueprint".to_owned()]))]
    pub requires: Vec<Requirement>,
    /// What others may rely on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["address".to_owned()]))]
    pub provides: Vec<Address>,
    /// The workloads of one line.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub stages: Vec<Stage>,
    /// What can be measured. Limits belong to the release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub indicators: Vec<Indicator>,
    /// How to see that documents get done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// How a line says that it must not be disturbed now; left out: it never says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub veto: Option<Veto>,
    /// JSON Schema of the parameters.
    #[serde(default)]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
    /// The package's files by path: templates, routes, schemas, golden documents.
    #[schemars(schema_with = "files_schema")]
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
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// Name of the blueprint.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("blueprint"))]
    pub blueprint: String,
    /// Versions that will do, for instance `>=1.0.0 <2.0.0`.
    #[schemars(length(max = rule::TEXT))]
    #[x_kube(validation = Rule::new(r"self.matches('^[0-9A-Za-z<>=^~*., +-]+$')").message("version must be a range of versions, for instance >=1.0.0 <2.0.0"))]
    pub version: String,
}

/// A raw address that other integrations may read.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    /// Address on the plant's broker.
    #[schemars(length(min = 1, max = rule::TEXT))]
    pub address: String,
}

/// One workload of a line.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.standby) || !self.standby || (self.strategy == 'Takeover' && has(self.metrics))").message("stages: one with standby needs strategy: Takeover, since two of it are connected at once, and metrics, by which it is noticed that the standby got the queue"))]
pub struct Stage {
    /// Name; its templates are the files below `templates/<name>/`.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("name"))]
    pub name: String,
    /// How a new instance takes the old one's place.
    pub strategy: Strategy,
    /// Whether two instances may be connected at once.
    #[serde(default)]
    pub session: Session,
    /// Stages that must be in place first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = rule::NAME)))]
    pub after: Vec<String>,
    /// Where its pods serve counters, in the Prometheus text format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsEndpoint>,
    /// Whether the last good may stay connected behind a canary (`rollback.standby` of a release): the stage reads an exclusive queue,
    /// so that of two that are connected one works. Only with the strategy `Takeover`, and with `metrics`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// What runs beside the old one on the same documents, without being able to post, before a new one takes its place. Its
    /// templates are the files below `templates/<name>/shadow/`. One stage of a blueprint may have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
}

/// A shadow's counters. Its pods serve them where the stage's own do (`metrics`). Each document is counted once, when the results of
/// both are known: what is left out of the comparison, and how long one waits for the other, the shadow's own configuration says.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shadow {
    /// Counts documents that came out the same as those of the old one.
    pub same: CounterSelector,
    /// Counts documents that did not, those included that only one of the two has.
    pub different: CounterSelector,
    /// Counts differences by what differs, for messages alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Breakdown>,
}

/// Series of one metric, told apart by the values of a label.
#[derive(
    Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, KubeSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Breakdown {
    /// Name of the metric.
    #[schemars(length(min = 1, max = rule::TEXT))]
    pub metric: String,
    /// Labels that must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    pub labels: BTreeMap<String, String>,
    /// The label whose values tell the series apart, for instance `field`.
    #[schemars(length(min = 1, max = rule::NAME))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z_][a-zA-Z0-9_]*$')").message("by must be the name of a label, for instance field"))]
    pub by: String,
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
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricsEndpoint {
    /// TCP port, 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Path, for instance `/observe/metrics`.
    #[schemars(length(max = rule::TEXT))]
    #[x_kube(validation = ("self.startsWith('/')", "path must begin with /"))]
    pub path: String,
}

/// A named measurement: documents that came out well and documents that did not, or a value that each document has.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.value) ? !has(self.good) && !has(self.bad) : has(self.good) && has(self.bad)").message("indicators: each counts documents with good and bad, or measures them with value"))]
pub struct Indicator {
    /// Name, as a check of a release names it.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("name"))]
    pub name: String,
    /// The stage whose pods count.
    #[schemars(length(max = rule::NAME))]
    pub stage: String,
    /// Counts documents that came out well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<CounterSelector>,
    /// Counts documents that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<CounterSelector>,
    /// Measures documents: a histogram, by its name without `_bucket`. Delays are measured in seconds, from the arrival at the broker
    /// (not from the event: a document may have waited for days in a machine's buffer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<CounterSelector>,
}

/// What an indicator asks a pod for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure<'a> {
    /// Counters of documents that came out well, and of those that did not.
    Pair(&'a CounterSelector, &'a CounterSelector),
    /// A histogram.
    Value(&'a CounterSelector),
}

impl Indicator {
    /// What it asks a pod for; none: it has neither both counters nor a histogram alone, which the API server refuses.
    pub fn measure(&self) -> Option<Measure<'_>> {
        match (&self.good, &self.bad, &self.value) {
            (Some(good), Some(bad), None) => Some(Measure::Pair(good, bad)),
            (None, None, Some(value)) => Some(Measure::Value(value)),
            _ => None,
        }
    }
}

/// How to see that documents get done.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Progress {
    /// The stage whose pods count.
    #[schemars(length(max = rule::NAME))]
    pub stage: String,
    /// Counters of finished documents, whatever became of them.
    #[schemars(length(min = 1, max = 16))]
    pub done: Vec<CounterSelector>,
    /// A gauge above zero while input waits.
    pub waiting: CounterSelector,
}

/// How a line says that it must not be disturbed now, since it is in the middle of an order. A change waits for that, but not for ever;
/// going back does not wait.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Veto {
    /// The stage whose pods say so.
    #[schemars(length(max = rule::NAME))]
    pub stage: String,
    /// A gauge above zero while the line must not be disturbed.
    pub busy: CounterSelector,
    /// How long a change waits at most, from when it could begin otherwise. Go duration above zero, for instance `2h`.
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("patience")[0].clone(), validation = rule::duration("patience")[1].clone(), validation = ("duration(self) > duration('0s')", "patience must be longer than 0s"))]
    pub patience: String,
}

/// Selects series; their values are summed.
#[derive(
    Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, KubeSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CounterSelector {
    /// Name of the metric.
    #[schemars(length(min = 1, max = rule::TEXT))]
    pub metric: String,
    /// Labels that must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    pub labels: BTreeMap<String, String>,
}

/// Together at most about 1 MiB; the limits here bound what comparing two blueprints may cost.
fn files_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 256,
        "additionalProperties": {"type": "string", "maxLength": 262_144},
    })
}

fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": {"type": "string", "maxLength": rule::TEXT},
    })
}
