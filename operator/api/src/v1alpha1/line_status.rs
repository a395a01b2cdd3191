//! What is remembered of one line. Every decision that must survive a crash is written here *before* it is acted on.

use super::{Requirement, TrialShadow};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// One line of one integration.
///
/// What should exist in the cluster follows from `last_good` and `trial` alone:
///
/// ```text
/// trial           last_good   the cluster should hold
/// none            none        nothing
/// none            L           L, drift put back
/// unchecked       any         what it held; the check Job, or the shadow, beside it
/// checked         any         the trial, stage by stage, by each stage's strategy
/// failed          L           L again; then the trial is cleared and remembered as `failed`
/// failed          none        nothing but InPlace stages (a first install has nothing to go back to)
///
/// `removing` set: less and less, in the end nothing
/// ```
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineStatus {
    /// Name of the line.
    pub name: String,
    /// Where the line is. For people; nothing decides by it.
    pub phase: LinePhase,
    /// What the line runs now; during a change the one that is being put in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<RenderingReference>,
    /// Digest of what a validated line should run and does not run yet: what people approve. None on other lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// The newest rendering that passed here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<RenderingReference>,
    /// What the last good replaced, so that it can still be taken back. None after a first install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<Promoted>,
    /// The rendering on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// The rendering that failed last; it is not tried again for the same target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failed>,
    /// Set while a line that takes no part any more is being removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removing: Option<Removing>,
    /// Why nothing happens now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LineHold>,
}

/// How far the removal of a line is.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Removing {
    /// When it began.
    pub since: Time,
    /// Since when the workload keeps it from beginning (`veto` of the blueprint); none: it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_since: Option<Time>,
    /// Whether its stages may be stopped: the plant is open, and the workload had no veto, or its patience was over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopping: bool,
    /// Since when no document waits and none was finished; none: some wait, or nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_since: Option<Time>,
    /// Documents finished then, by what its containers counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<i64>,
    /// Whether none is left, so that what gets documents done may go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
}

/// Where a line is (design: a line's way through a change). For people.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum LinePhase {
    /// Runs its last good; nothing to do.
    Steady,
    /// A change is due, but not now; the hold says why.
    Waiting,
    /// The routes start and their golden documents come out right, in the real engine.
    Checking,
    /// The candidate runs beside the old one on the same documents, cannot post, and the results are compared.
    Shadowing,
    /// Stages are replaced one after the other.
    Replacing,
    /// The canary runs and is judged.
    Baking,
    /// The last good is being put back.
    RollingBack,
    /// A first install failed and was stopped; there is nothing to go back to.
    Stopped,
    /// The line takes no part any more: its source is stopped, what waits is got done, the rest is pruned.
    Removing,
}

/// Names one rendering.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderingReference {
    /// Blueprint version it was rendered from.
    pub version: String,
    /// Rendering digest, `sha256:…`.
    pub digest: String,
    /// Name of the ControllerRevision that holds its objects.
    pub revision: String,
    /// Digest of what the plant itself put into it (PlantSite), on validated lines: tells a release's change from an edited PlantSite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plant_part: Option<String>,
    /// What it needs at the plant: blueprints and ranges of their versions.
    #[schemars(schema_with = "requirements_schema")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
}

/// As in a blueprint, but without its rules: a status is written by the operator alone, and rules in a list of lines cost the API server
/// more than it allows.
fn requirements_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["blueprint", "version"],
            "properties": {"blueprint": {"type": "string"}, "version": {"type": "string"}},
        },
    })
}

/// A rendering on trial.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// The rendering.
    pub rendering: RenderingReference,
    /// Target digest it was made for.
    pub target_digest: String,
    /// When the trial began.
    pub started: Time,
    /// Whether the routes were checked in the real engine, so that pods may change.
    #[serde(default)]
    pub checked: bool,
    /// How the candidate did as a shadow; none: it has not run as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<TrialShadow>,
    /// Since when the workload that runs has kept the change from beginning (`veto` of its blueprint); none: it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_since: Option<Time>,
    /// When pods may first have changed (the check passed); deadlines count from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacing_since: Option<Time>,
    /// When every stage was in place and the bake began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baking_since: Option<Time>,
    /// When `startDelay` was over and the counts began anew; none where the analysis has none, or while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_since: Option<Time>,
    /// How fast the line's own containers worked before the change; none: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<LinePace>,
    /// Set once a person has promoted it (`andon.dev/promote`): the rest of the bake and `minSamples` are not asked for any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<Promotion>,
    /// Documents finished well since the canary started.
    #[serde(default)]
    pub good: i64,
    /// Documents refused since the canary started.
    #[serde(default)]
    pub bad: i64,
    /// Documents needed for a pass.
    #[serde(default)]
    pub needed: i64,
    /// Evidence against the canary, for instance `1:4005`; a fail needs `1:(1/alpha)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Last reading of each container that worked for this trial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerCount>,
    /// When the canary last finished a document, and where the control lines stood then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressMark>,
    /// Set once the trial has failed; from then on the line goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TrialFailure>,
    /// Set once the spec asks for the last good again: the line goes back, and nothing is held against the rendering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Time>,
    /// The stage that is not ready, and since when; none while every stage that was begun is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unready: Option<Unready>,
    /// How often the line's containers had restarted before pods changed, by pod UID (those that had).
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub restarts_before: std::collections::BTreeMap<String, i32>,
    /// What the baseline's containers had finished when the trial first saw them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<ControlCount>,
    /// When the baseline was last seen to have finished a document since; none: it has not been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_completed: Option<Time>,
    /// What the line's own containers had counted before the change: indicator -> `[good, bad]`. Frozen when pods may first change.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub baseline_counts: std::collections::BTreeMap<String, Vec<i64>>,
    /// What the other lines' containers had counted when pods could first change, or when a shared outage was last seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlIndicators>,
    /// The comparison with the other lines, as far as it has gone; none: no check asks for one, or it has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// When the other lines were last seen to fail alike; the counts begin anew from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<Time>,
    /// What dry-run checks say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<String>,
    /// What of the last good stays connected behind the canary; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<WarmStandby>,
    /// When these counts were last written; they are written every ten seconds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Time>,
}

/// The last good beside its canary: connected, and second on its exclusive queue, until the bake is over.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WarmStandby {
    /// Version that stands by.
    pub version: String,
    /// The stages of it that do.
    pub stages: Vec<String>,
    /// What that costs until the bake is over, for people: pods, and what they request.
    pub cost: String,
    /// Its pods that are, or may be, before the canary on its queue, by UID, and whether that one is known to have had the queue. They are
    /// deleted once the canary works, and what their Deployment makes instead queues up behind it. None: the queue is the canary's.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub before: std::collections::BTreeMap<String, bool>,
    /// The canary's pods when that was last looked at, by UID, and how often they had restarted.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub canary: std::collections::BTreeMap<String, i32>,
    /// How often the standby had the queue during the bake although no container of the canary had restarted; each counts as a restart.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken: i32,
    /// Restarts of the canary's containers when that was last counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: i32,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// How fast a line works: documents, and the time in which its containers finished them.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinePace {
    /// The documents.
    pub documents: i64,
    /// The seconds.
    pub seconds: i64,
}

/// That a person has promoted a trial before its time.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// Who.
    pub by: String,
    /// Why, in their words.
    pub why: String,
    /// When it was honoured.
    pub at: Time,
}

/// A last good that may still be taken back, because it fails late or because the release is given up.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Promoted {
    /// Target digest it passed for.
    pub target_digest: String,
    /// When it passed.
    pub at: Time,
    /// What the line ran before anything of that target; it is kept in the plant.
    pub previous: RenderingReference,
    /// Its trial, while it goes on being judged: until every line of the plant is done and the wave's soak is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Set once it is decided that it is taken back, and before it is: what relies on it goes back first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
}

/// That a last good is about to be taken back.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// Its own failure in one word; none: it is taken back with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, with the numbers that decided it.
    pub message: String,
    /// When it was decided.
    pub at: Time,
}

/// A stage that is not ready.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unready {
    /// Name of the stage.
    pub stage: String,
    /// Since when.
    pub since: Time,
}

/// Counters of one run of one container, as last read. Kept because a container that has gone cannot be asked again.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerCount {
    /// Pod UID.
    pub pod: String,
    /// When this run of the container started: a restart begins at 0 again.
    pub started: Time,
    /// Indicator name -> `[good, bad]` when the trial began to count this container (0 for one the trial itself started).
    pub base: std::collections::BTreeMap<String, Vec<i64>>,
    /// Indicator name -> `[good, bad]` as last read.
    pub last: std::collections::BTreeMap<String, Vec<i64>>,
    /// Finished documents: first reading and last reading.
    pub done: Vec<i64>,
}

/// When the canary last finished a document, and where the control lines stood then.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgressMark {
    /// When.
    pub at: Time,
    /// Documents the canary had finished then.
    pub done: i64,
    /// What each control line's containers had finished then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlCount>,
    /// Documents the control lines have finished since.
    #[serde(default)]
    pub advanced: i64,
    /// When a control line was last seen to have finished one more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Time>,
    /// Since when input has been waiting on the canary without a pause; none: none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Time>,
}

/// What one container of a control line had finished.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlCount {
    /// The control line.
    pub line: String,
    /// Pod UID.
    pub pod: String,
    /// When this run of the container started.
    pub started: Time,
    /// Documents it had finished.
    pub done: i64,
}

/// What one container of a control line had counted.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlIndicators {
    /// Pod UID.
    pub pod: String,
    /// When this run of the container started.
    pub started: Time,
    /// Indicator name -> `[good, bad]`.
    pub base: std::collections::BTreeMap<String, Vec<i64>>,
}

/// How the canary compares with the lines that run meanwhile. What was counted and the evidence that follows from it are one
/// value, so that one write holds both or neither: no document is judged twice, and none is lost, when the operator dies.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// How much of the canary's counts is in the evidence: indicator -> `[good, bad]`. Below zero where the counts began anew
    /// before all of them were taken up.
    #[serde(default)]
    pub taken: std::collections::BTreeMap<String, Vec<i64>>,
    /// Where the counters of the other lines' containers stood then.
    #[serde(default)]
    pub controls: Vec<ControlIndicators>,
    /// The evidence by indicator.
    #[serde(default)]
    pub evidence: std::collections::BTreeMap<String, ComparedIndicator>,
}

/// The evidence that one indicator's rate is higher than on the other lines. Each pair is `[bad, total]`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparedIndicator {
    /// What the other lines had counted before the comparison began: a guess of their rate, no evidence.
    pub history: Vec<i64>,
    /// The canary's documents in closed blocks.
    pub canary: Vec<i64>,
    /// The other lines' documents in closed blocks.
    pub controls: Vec<i64>,
    /// The canary's documents in the open block: no other line has finished one since.
    pub open_canary: Vec<i64>,
    /// The other lines' documents in the open block.
    pub open_controls: Vec<i64>,
    /// Natural logarithm of the evidence, in millionths, rounded down after each block.
    pub log_e_millionths: i64,
}

/// Why and when a trial failed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialFailure {
    /// Reason in one word.
    pub reason: String,
    /// What happened, with the numbers that decided it.
    pub message: String,
    /// When it was decided.
    pub at: Time,
}

/// A rendering that failed and is not tried again for the same target.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The rendering.
    pub rendering: RenderingReference,
    /// Target digest it failed for.
    pub target_digest: String,
    /// Reason in one word.
    pub reason: String,
    /// What happened, with the numbers that decided it.
    pub message: String,
    /// When it was decided.
    pub at: Time,
    /// When the last good was back in place and ready; none while there is nothing to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Time>,
}

/// Why nothing happens on a line now.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineHold {
    /// Reason in one word.
    pub reason: String,
    /// The reason with its numbers, and what will end it.
    pub message: String,
}
