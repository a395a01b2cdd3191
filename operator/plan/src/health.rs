//! Whether what was applied works.

use crate::object::{self, Scene};
use crate::observed::{Observed, Pod};
use andon_api::label;
use andon_render::{RenderedCheck, RenderedStage};
use jiff::Timestamp;
use serde_json::Value;

/// Whether a stage works.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// All of its pods are ready, and they run what was applied.
    Ready { wanted: i64 },
    /// They are not.
    NotReady {
        ready: i64,
        wanted: i64,
        trouble: Option<String>,
    },
}

/// The health of the instance that `stage` names. The workload's own status can be a moment old, and pods of an earlier
/// spec can be ready: so the generation, the rollout and the pods themselves must all agree.
pub(crate) fn of_stage(scene: Scene<'_>, stage: &RenderedStage) -> Health {
    of_objects(scene, &stage.objects, scene.pods_of(stage))
}

/// The health of what these objects should be, with these pods.
pub(crate) fn of_objects<'a>(
    scene: Scene<'_>,
    objects: &[Value],
    pods: impl Iterator<Item = &'a Pod>,
) -> Health {
    let mut wanted = 0;
    let mut rolled_out = true;
    for rendered in objects.iter().filter(|o| object::is_workload(o)) {
        let Some(live) = scene.find(rendered) else {
            rolled_out = false;
            wanted += number(rendered, ["spec", "replicas"]).unwrap_or(1);
            continue;
        };
        wanted += number(live, ["spec", "replicas"]).unwrap_or(1);
        rolled_out &= is_rolled_out(live);
    }
    let pods: Vec<&Pod> = pods.filter(|pod| !pod.terminating).collect();
    let ready = pods.iter().map(|pod| i64::from(pod.ready)).sum();
    if rolled_out && ready >= wanted && pods.iter().all(|pod| pod.ready) {
        return Health::Ready { wanted };
    }
    Health::NotReady {
        ready: i64::min(ready, wanted),
        wanted,
        trouble: pods
            .iter()
            .filter(|pod| !pod.ready)
            .find_map(|pod| pod.trouble.clone()),
    }
}

/// Whether a Deployment or StatefulSet says that all of its pods are of its newest spec and ready.
fn is_rolled_out(live: &Value) -> bool {
    let replicas = number(live, ["spec", "replicas"]).unwrap_or(1);
    let said = |path| number(live, path).unwrap_or(0);
    !object::terminating(live)
        && said(["status", "observedGeneration"]) >= said(["metadata", "generation"])
        && said(["status", "updatedReplicas"]) >= replicas
        && said(["status", "readyReplicas"]) >= replicas
        && said(["status", "replicas"]) <= replicas
}

fn number(object: &Value, [part, field]: [&str; 2]) -> Option<i64> {
    object.get(part)?.get(field)?.as_i64()
}

/// Where a check Job stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JobState<'a> {
    /// It, or something that it reads, is not there.
    Missing,
    /// It has not finished; what keeps its pod from running, if anything.
    Running(Option<String>),
    /// It came out well.
    Complete,
    /// It did not.
    Failed { job: &'a Value, said: String },
}

/// Where the check Job of a rendering stands.
pub(crate) fn of_check<'a>(scene: Scene<'a>, check: &RenderedCheck) -> JobState<'a> {
    let observed = scene.observed;
    let job = observed
        .objects
        .iter()
        .map(AsRef::as_ref)
        .find(|o| object::kind(o) == "Job" && object::name(o) == check.name);
    let Some(job) = job else {
        return JobState::Missing;
    };
    if has_condition(job, "Complete") {
        return JobState::Complete;
    }
    if has_condition(job, "Failed") {
        return JobState::Failed {
            job,
            said: last_words(observed, check)
                .or_else(|| condition_message(job, "Failed"))
                .unwrap_or_else(|| "no reason given".to_owned()),
        };
    }
    if check.objects.iter().any(|o| scene.find(o).is_none()) {
        return JobState::Missing;
    }
    let trouble = check_pods(observed, check).find_map(|pod| pod.trouble.clone());
    JobState::Running(trouble)
}

/// The pods of a check Job.
fn check_pods<'a>(
    observed: &'a Observed,
    check: &'a RenderedCheck,
) -> impl Iterator<Item = &'a Pod> {
    observed.pods.iter().filter(|pod| {
        pod.stage == label::CHECK
            && (pod.instance == check.name || pod.name.starts_with(&format!("{}-", check.name)))
    })
}

/// What the check said when it ended.
fn last_words(observed: &Observed, check: &RenderedCheck) -> Option<String> {
    let said = |pod: &Pod| pod.last_words.clone().filter(|words| !words.is_empty());
    check_pods(observed, check)
        .find_map(said)
        .or_else(|| check_pods(observed, check).find_map(|pod| pod.trouble.clone()))
}

fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn has_condition(object: &Value, kind: &str) -> bool {
    conditions(object).any(|c| c["type"] == kind && c["status"] == "True")
}

fn condition_message(object: &Value, kind: &str) -> Option<String> {
    let found = conditions(object).find(|c| c["type"] == kind)?;
    found["message"].as_str().map(str::to_owned)
}

/// When the API server made an object.
pub(crate) fn created(object: &Value) -> Option<Timestamp> {
    object
        .pointer("/metadata/creationTimestamp")
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
}
