//! How a release is judged. Limits belong to the release, indicators to the blueprint.

use crate::rule;
use kube::KubeSchema;
use schemars::JsonSchema;
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
    /// Documents of so long after everything is in place are not judged: a runtime that warms up, caches that fill. Counts begin anew
    /// at its end. Restarts, readiness and progress are judged meanwhile, and the bake goes on. Go duration; left out: every
    /// document is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("startDelay")[0].clone(), validation = rule::duration("startDelay")[1].clone())]
    pub start_delay: Option<String>,
    /// How sure a pass must be that the rate is below every absolute limit; a percent string. Left out: a pass needs no evidence,
    /// only `minSamples` and a rate that is not above the limit. Dear: against a limit of 1 % it takes 804 good documents at 99.9%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::PERCENT))]
    #[x_kube(validation = rule::percent("passConfidence"))]
    pub pass_confidence: Option<String>,
    /// How long a canary may go without a verdict, counted from the beginning of its bake. Left out: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<MaxWait>,
    /// What a candidate must show as a shadow before anything of the line changes. Left out: it does not run as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowLimit>,
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
    /// What counts towards it. Left out: all time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clock: BakeClock,
}

/// What counts towards a bake.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum BakeClock {
    /// All time.
    #[default]
    Always,
    /// The hours in which the plant produces: the shifts of its schedule. A canary is judged at all times; only the bake waits.
    Production,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How long a canary may go without a verdict, and what then.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaxWait {
    /// Go duration, for instance `8h`.
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("duration")[0].clone(), validation = rule::duration("duration")[1].clone())]
    pub duration: String,
    /// What then.
    pub then: Then,
}

/// What a candidate must show while it runs as a shadow: beside the old one, on the same documents, without being able to post. Needs a
/// blueprint of which a stage has a shadow. A line on which nothing runs yet, or whose stage does not change, skips it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShadowLimit {
    /// The largest share of documents that may come out otherwise; a percent string such as `1%`. A share that is proven to be larger
    /// fails the trial; it is a check of the trial, and takes its share of `confidence`.
    #[schemars(length(max = rule::PERCENT))]
    #[x_kube(validation = rule::percent("limit"))]
    pub limit: String,
    /// Documents that must have been compared before it can pass. At least one: silence never passes.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub min_samples: i64,
    /// How long it may go without a verdict, counted from its beginning. Left out: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<MaxWait>,
}

/// What happens to a canary that waits too long for a verdict.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum Then {
    /// It goes on waiting, and the status says that somebody should look.
    Hold,
    /// It is taken back as failed.
    RollBack,
}

/// An indicator with a bar: an absolute limit, one against the baseline, or one against the other lines.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.max) ? 1 : 0) + (has(self.notWorseThanBaseline) ? 1 : 0) + (has(self.notWorseThanControls) ? 1 : 0) == 1").message("checks: each has one of max, notWorseThanBaseline and notWorseThanControls"))]
#[x_kube(validation = Rule::new("!has(self.max) || has(self.quantile) != self.max.endsWith('%')").message("checks: max is a percentage, for instance 1%; with quantile it is a duration or a number in the unit of the histogram, for instance 60s"))]
#[x_kube(validation = Rule::new("!has(self.quantile) || has(self.max)").message("checks: quantile needs max, for instance quantile: 95%, max: 60s"))]
pub struct Check {
    /// Name of an indicator of the blueprint.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("indicator"))]
    pub indicator: String,
    /// The largest share of bad documents that is acceptable; a percent string such as `1%`. With `quantile`: the largest value that is
    /// acceptable; a Go duration such as `60s` for a histogram in seconds, or a plain number in the histogram's own unit. Best one of the
    /// histogram's bounds: what is in the bucket that it lies within counts neither for a fail nor for a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::percent_or_value("max"))]
    pub max: Option<String>,
    /// Share of documents that must not be over `max`, for an indicator that is a value: `95%` with `max: 60s` asks that at most
    /// 5 % of the documents take longer than 60 s. A percent string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::PERCENT))]
    #[x_kube(validation = rule::percent("quantile"))]
    pub quantile: Option<String>,
    /// How much larger the share of bad documents may be than what the line had before the change; percentage points, such as
    /// `0.5%`. Frozen when the canary starts. A first install has no baseline and skips the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::PERCENT))]
    #[x_kube(validation = rule::percent("notWorseThanBaseline"))]
    pub not_worse_than_baseline: Option<String>,
    /// How much larger the share of bad documents may be than what the plant's other lines have meanwhile; percentage points, such
    /// as `0.5%`. For what changes with the hour and the ERP, so that neither a fixed limit nor yesterday says much. Where no other
    /// line finishes documents the check is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::PERCENT))]
    #[x_kube(validation = rule::percent("notWorseThanControls"))]
    pub not_worse_than_controls: Option<String>,
    /// Only say what it finds: it neither fails a canary nor keeps it from passing, and takes no share of the confidence.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}
