//! Waves: which plants of a release go first, how many at a time, and what has to be true in between.

use super::LineHold;
use crate::rule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A group of plants, done before the next wave starts.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wave {
    /// Unique in the release; a DNS label of at most 30 characters.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("name"))]
    pub name: String,
    /// Labels of the PlantSites that belong to it. A plant that two waves select belongs to the first. An empty selector
    /// selects every plant that no earlier wave has.
    pub plants: PlantSelector,
    /// How many plants may be under way at a time: a number, or a percentage of the wave's plants, rounded up. Left out: all.
    /// (No rule here: the API server cannot bound the cost of one on what is a number or a text; the operator says what is wrong.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_plants: Option<IntOrString>,
    /// How many plants may fail before the release stops everywhere. Left out: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_failed_plants: i32,
    /// How long the wave's last plant must have been done before the next wave may start; its lines are judged on meanwhile.
    /// Go duration, for instance `24h`. Left out: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("soak")[0].clone(), validation = rule::duration("soak")[1].clone())]
    pub soak: Option<String>,
    /// Who must have approved before the wave starts. Left out: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalPolicy>,
    /// Whether the wave waits for plants that are out of reach. They keep their place and get the release when they are back,
    /// by the same gates. Left out: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait_for_offline: bool,
}

/// Labels of plants, as in Kubernetes' own selectors: all that is asked must hold; nothing asked selects every plant.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlantSelector {
    /// Labels with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    pub match_labels: BTreeMap<String, String>,
    /// What else must hold of labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub match_expressions: Vec<PlantRequirement>,
}

/// What must hold of one label.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlantRequirement {
    /// Key of the label.
    #[schemars(length(min = 1, max = rule::TEXT))]
    pub key: String,
    /// What must hold.
    pub operator: PlantOperator,
    /// The values of `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = rule::LABEL)))]
    pub values: Vec<String>,
}

/// What must hold of a label.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum PlantOperator {
    /// It is there and has one of the values.
    In,
    /// It is not there, or has none of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": rule::LABEL},
    })
}

/// Who must approve.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// Every one of these groups, each by its number of people. A person counts for one group only; the author never counts.
    #[schemars(length(min = 1, max = 8))]
    pub all_of: Vec<ApprovalGroup>,
}

/// A group and how many of it must approve.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalGroup {
    /// Name of the group, as the API server's authentication gives it.
    #[schemars(length(min = 1, max = rule::TEXT))]
    pub group: String,
    /// How many people of it.
    #[schemars(range(min = 1, max = 10))]
    pub count: i32,
}

/// How a release goes back.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollback {
    /// What happens to lines that were promoted already.
    #[serde(default)]
    pub scope: RollbackScope,
    /// What stays beside a canary while it bakes, so that taking it back is removing it. Left out: nothing.
    #[serde(default, skip_serializing_if = "Standby::is_none")]
    pub standby: Standby,
}

/// What stays beside a canary while it bakes.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum Standby {
    /// Nothing: what the canary replaces leaves as soon as the canary works, and is started anew if the canary fails.
    #[default]
    None,
    /// The last good of each stage that can (`standby` in the blueprint): connected, and second on its exclusive queue. It costs
    /// its pods for the time of the bake.
    Warm,
}

impl Standby {
    /// Whether nothing stays.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// What happens to promoted lines when another line fails. The failed line itself always goes back.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum RollbackScope {
    /// They are kept.
    Line,
    /// Those of the same plant are taken back too, the most critical first.
    #[default]
    Plant,
    /// Those of every plant are taken back too.
    Release,
}

/// Where a wave is.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaveStatus {
    /// The wave.
    pub name: String,
    /// For people; nothing decides by it.
    pub phase: WavePhase,
    /// Plants it selects.
    pub total: i64,
    /// Plants where every line runs the release.
    pub done: i64,
    /// How many of its plants had failed when that stopped the release. It stays stopped, whatever plants leave, until another target
    /// digest is asked for, `andon.dev/retry` is set anew, or `maxFailedPlants` is no longer exceeded by this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_after: Option<i64>,
    /// When its gate was passed; from then on its plants may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Time>,
    /// When its last plant was done and its soak began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Time>,
    /// When its soak was over: the next wave may open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Time>,
    /// Why it does not go on now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LineHold>,
}

/// Where a wave is. For people.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum WavePhase {
    /// It has not started.
    Waiting,
    /// Its plants are under way.
    Progressing,
    /// Every plant is done; the soak is not over.
    Soaking,
    /// It is over.
    Done,
    /// Too many of its plants failed.
    Stopped,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}
