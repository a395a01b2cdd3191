//! Kind `PlantSite`: a plant, its production lines, its parameters.

use super::{Parameters, parameters_schema};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One factory site. Alone in its own namespace: that namespace is the plant.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(
    group = "andon.dev",
    version = "v1alpha1",
    kind = "PlantSite",
    namespaced,
    status = "PlantSiteStatus",
    shortname = "plant",
    category = "andon"
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlantSiteSpec {
    /// The plant's code in the company's own books, for instance `DE-ULM-01`.
    pub site_code: String,
    /// IANA time zone; all civil times of this plant, for instance `Europe/Berlin`.
    pub time_zone: String,
    /// The namespace whose releases may act here. The plant opts in; nobody else's releases do anything.
    pub fleet: String,
    /// Values for every blueprint used here; each blueprint takes those that its schema names.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
    /// The production lines.
    pub lines: Vec<Line>,
    /// The integrations this plant wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<IntegrationChoice>,
    /// Where the counters that decide come from. Left out: read directly from the pods on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsSource>,
}

/// One production line.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// Unique in the plant; a DNS label of at most 30 characters.
    pub name: String,
    /// 0 to 1000. The line with the lowest number moves first.
    pub criticality: i32,
    /// Values for this line alone; they win over the plant's.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
}

/// An integration that the plant wants.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegrationChoice {
    /// The integration's name, as releases name it; a DNS label of at most 30 characters.
    pub name: String,
    /// Which lines take part. Left out: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LineSelection>,
    /// Values for this integration at this plant; every one must be in its blueprint's schema.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
}

/// Which lines of a plant take part in an integration.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineSelection {
    /// Lines that stay out.
    pub exclude: Vec<String>,
}

/// Where counters come from.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricsSource {
    /// Ask a Prometheus server instead of the pods.
    pub prometheus: PrometheusSource,
}

/// A Prometheus server that scrapes this plant's pods.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusSource {
    /// Base address, for instance `http://prometheus.monitoring:9090`.
    pub url: String,
}

/// What is true of the plant now.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlantSiteStatus {
    /// The generation this status speaks of; -1 until the plant has been looked at.
    #[serde(default = "super::plant_site::unobserved")]
    pub observed_generation: i64,
    /// `Ready`, `Reconciling`, `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// kstatus: an object nobody has looked at is not current.
pub(crate) fn unobserved() -> i64 {
    -1
}
