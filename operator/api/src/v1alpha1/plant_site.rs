//! Kind `PlantSite`: a plant, its production lines, its parameters.

use super::{ApprovalPolicy, Parameters, Schedule, ScheduleState, parameters_schema};
use crate::rule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One factory site. Alone in its own namespace: that namespace is the plant.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[kube(
    group = "andon.dev",
    version = "v1alpha1",
    kind = "PlantSite",
    namespaced,
    status = "PlantSiteStatus",
    shortname = "plant",
    category = "andon",
    validation = rule::object_name("PlantSite"),
    printcolumn(name = "Site", type_ = "string", json_path = ".spec.siteCode"),
    printcolumn(name = "Fleet", type_ = "string", json_path = ".spec.fleet"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Time zone", type_ = "string", json_path = ".spec.timeZone", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(validation = excluded_lines_exist(), validation = validated_lines_have_approvers())]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlantSiteSpec {
    /// The plant's code in the company's own books, for instance `DE-ULM-01`.
    #[schemars(length(min = 1, max = rule::LABEL))]
    #[x_kube(validation = Rule::new(r"self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$')").message("siteCode must be letters and digits, with - . or _ between them, for instance DE-ULM-01"))]
    pub site_code: String,
    /// IANA time zone; all civil times of this plant, for instance `Europe/Berlin`.
    #[schemars(length(max = rule::LABEL))]
    #[x_kube(validation = rule::time_zone("timeZone"))]
    pub time_zone: String,
    /// The namespace whose releases may act here. The plant opts in; nobody else's releases do anything.
    #[schemars(length(max = rule::LABEL))]
    #[x_kube(validation = rule::label("fleet"))]
    pub fleet: String,
    /// Values for every blueprint used here; each blueprint takes those that its schema names.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
    /// The production lines.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub lines: Vec<Line>,
    /// What the changes of validated lines need. Required where a line is validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// How many lines may be on trial at a time, over all integrations of the plant; what takes part once for the whole plant counts
    /// as one. Left out: each integration keeps to what its release allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_concurrent_lines: Option<i32>,
    /// The integrations this plant wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub integrations: Vec<IntegrationChoice>,
    /// When the plant may be changed and when it produces. Left out: always, and always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Where the counters that decide come from. Left out: read directly from the pods on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsSource>,
}

/// One production line.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// Unique in the plant; a DNS label of at most 30 characters.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(
        validation = rule::name("name"),
        validation = ("self != 'site'", "name must not be site: that line stands for what a plant needs once; choose another name")
    )]
    pub name: String,
    /// 0 to 1000. The line with the lowest number moves first.
    #[schemars(range(min = 0, max = 1000))]
    pub criticality: i32,
    /// Lines with the same kind of equipment, for instance `filler-k`. A change passes on one line of a family before it is tried
    /// on a second one at the same time as others. Lines without a family count as one family: nobody has said that they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::label("equipmentFamily"))]
    pub equipment_family: Option<String>,
    /// The line is validated: each change of what it runs, whatever made it differ, starts only once the people whom
    /// `validation.approval` asks for have approved its rendering digest. Going back needs nobody: what a line goes back to was
    /// approved before. What the plant needs once (the line `site`) is validated if any line is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub validated: bool,
    /// Values for this line alone; they win over the plant's.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[schemars(schema_with = "parameters_schema")]
    pub parameters: Parameters,
}

/// What the changes of validated lines need.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validation {
    /// Who must have approved the rendering of a validated line before it is tried there. Nobody knows who edited a PlantSite, so where
    /// the plant's own values have changed too, at least two people.
    pub approval: ApprovalPolicy,
}

/// An integration that the plant wants.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegrationChoice {
    /// The integration's name, as releases name it; a DNS label of at most 30 characters.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("name"))]
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
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineSelection {
    /// Lines that stay out.
    #[schemars(length(max = 64), inner(length(max = rule::NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
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
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrometheusSource {
    /// Base address, for instance `http://prometheus.monitoring:9090`.
    #[schemars(length(max = rule::TEXT))]
    #[x_kube(validation = rule::url("url"))]
    pub url: String,
}

/// What is true of the plant now.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlantSiteStatus {
    /// The generation this status speaks of; -1 until the plant has been looked at.
    #[serde(default = "super::plant_site::unobserved")]
    pub observed_generation: i64,
    /// What the schedule says now; none where there is no schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleState>,
    /// `Ready`, `Reconciling`, `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A line that stays out must be a line. (A message that names it would cost more than the API server allows.)
fn excluded_lines_exist() -> Rule {
    Rule::new(
        "!has(self.integrations) || self.integrations.all(i, !has(i.lines) || \
         i.lines.exclude.all(e, self.lines.exists(l, l.name == e)))",
    )
    .message(
        "integrations[].lines.exclude names a line that is not in lines; correct the name or take it out",
    )
}

/// Who approves must be said before anything needs it.
fn validated_lines_have_approvers() -> Rule {
    Rule::new("has(self.validation) || !self.lines.exists(l, has(l.validated) && l.validated)").message(
        "spec.validation is missing though a line is validated; write validation.approval.allOf: who approves changes of such lines",
    )
}

/// kstatus: an object nobody has looked at is not current.
pub(crate) fn unobserved() -> i64 {
    -1
}
