//! How a release is judged. Limits belong to the release, indicators to the blueprint.

use crate::rule;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How a canary is judged.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Analysis {
    /// How long a canary must run before it can pass. Delays a pass only, never a fail.
    pub bake: Bake,
    /// Documents a canary must have finished before it can pass. Delays a pass only, never a fail.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub min_samples: i64,
    /// Confidence of a fail, per line and trial, shared over its checks; a percent string such as `99.9%`.
    #[schemars(length(max = rule::PERCENT))]
    #[x_kube(validation = rule::percent("confidence"))]
    pub confidence: String,
    /// A canary with input waiting that finishes nothing for so long, while the other lines do, fails.
    /// Go duration, for instance `10m`.
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("progressDeadline")[0].clone(), validation = rule::duration("progressDeadline")[1].clone())]
    pub progress_deadline: String,
    /// A canary that is not ready for so long fails. Go duration; left out: as `progressDeadline`. Longer than that where
    /// images are pulled over a thin line or machines are slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("readyDeadline")[0].clone(), validation = rule::duration("readyDeadline")[1].clone())]
    pub ready_deadline: Option<String>,
    /// The checks. None: a canary passes when it is ready, has baked and has not restarted again and again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub checks: Vec<Check>,
}

/// How long a canary must run before it can pass.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bake {
    /// Go duration, for instance `30m` or `1h30m`.
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("duration")[0].clone(), validation = rule::duration("duration")[1].clone())]
    pub duration: String,
}

/// An indicator with a limit.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// Name of an indicator of the blueprint.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("indicator"))]
    pub indicator: String,
    /// The largest share of bad documents that is acceptable; a percent string such as `1%`.
    #[schemars(length(max = rule::PERCENT))]
    #[x_kube(validation = rule::percent("max"))]
    pub max: String,
}
