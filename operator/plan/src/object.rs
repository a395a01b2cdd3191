//! Reading Kubernetes objects kept as JSON.

use crate::observed::{Observed, Pod, Reading};
use crate::plan::{Change, Related};
use andon_api::label;
use andon_render::RenderedStage;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A text of an object's metadata, or nothing.
fn metadata<'a>(object: &'a Value, key: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn api_version(object: &Value) -> &str {
    object
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(crate) fn kind(object: &Value) -> &str {
    object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    metadata(object, "name")
}

pub(crate) fn uid(object: &Value) -> &str {
    metadata(object, "uid")
}

fn labels(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("labels")
}

/// The value of a label, or nothing.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> &'a str {
    labels(object)
        .and_then(|labels| labels.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether it is being deleted.
pub(crate) fn terminating(object: &Value) -> bool {
    object
        .get("metadata")
        .is_some_and(|metadata| metadata.get("deletionTimestamp").is_some())
}

/// Whether it runs pods that stay.
pub(crate) fn is_workload(object: &Value) -> bool {
    matches!(kind(object), "Deployment" | "StatefulSet")
}

/// The object as an event names it.
pub(crate) fn related(object: &Value) -> Related {
    Related {
        api_version: api_version(object).to_owned(),
        kind: kind(object).to_owned(),
        name: name(object).to_owned(),
    }
}

/// Deletes an observed object.
pub(crate) fn delete(object: &Value) -> Change {
    Change::Delete {
        api_version: api_version(object).to_owned(),
        kind: kind(object).to_owned(),
        name: name(object).to_owned(),
        uid: uid(object).to_owned(),
    }
}

/// The observed objects, found once: every line asks for its own many times in a look.
#[derive(Default)]
pub(crate) struct Index<'a> {
    /// By name and kind.
    named: BTreeMap<(&'a str, &'a str), &'a Value>,
    /// By line, those that belong to a stage (not shared, not a check).
    staged: BTreeMap<&'a str, Vec<Staged<'a>>>,
    /// By line, the pods that belong to a stage.
    pods: BTreeMap<&'a str, Vec<&'a Pod>>,
    /// Every line that an object belongs to.
    pub(crate) lines: BTreeSet<&'a str>,
}

/// An object that belongs to a stage.
#[derive(Clone, Copy)]
pub(crate) struct Staged<'a> {
    pub(crate) object: &'a Value,
    pub(crate) stage: &'a str,
    pub(crate) instance: &'a str,
}

impl<'a> Index<'a> {
    pub(crate) fn of(observed: &'a Observed) -> Self {
        let mut index = Self::default();
        for object in observed.objects.iter().map(AsRef::as_ref) {
            index.named.insert((name(object), kind(object)), object);
            let labels = labels(object);
            let label = |key| labels.and_then(|labels| labels.get(key)?.as_str());
            let line = label(label::LINE).unwrap_or_default();
            index.lines.insert(line);
            let stage = label(label::STAGE).unwrap_or_default();
            if matches!(stage, "" | label::COMMON | label::CHECK | label::SHADOW) {
                continue;
            }
            index.staged.entry(line).or_default().push(Staged {
                object,
                stage,
                instance: label(label::INSTANCE).unwrap_or_default(),
            });
        }
        let others = [label::CHECK, label::SHADOW];
        let pods = observed.pods.iter();
        for pod in pods.filter(|it| !others.contains(&it.stage.as_str())) {
            index.pods.entry(&pod.line).or_default().push(pod);
        }
        index
    }
}

/// One line of the observed plant.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) observed: &'a Observed,
    /// What the pods' counters said, as the input has it.
    pub(crate) readings: &'a BTreeMap<String, Reading>,
    pub(crate) index: &'a Index<'a>,
    pub(crate) line: &'a str,
}

impl<'a> Scene<'a> {
    /// The line's objects, those included that its stages share.
    pub(crate) fn objects(self) -> impl Iterator<Item = &'a Value> {
        let objects = self.observed.objects.iter().map(AsRef::as_ref);
        objects.filter(move |object| label(object, label::LINE) == self.line)
    }

    /// The observed object of that kind and name.
    pub(crate) fn find(self, wanted: &Value) -> Option<&'a Value> {
        let wanted = (name(wanted), kind(wanted));
        self.index.named.get(&wanted).copied()
    }

    /// The line's objects that belong to a stage (not shared, not a check).
    pub(crate) fn stage_objects(self) -> impl Iterator<Item = &'a Staged<'a>> {
        self.index.staged.get(self.line).into_iter().flatten()
    }

    /// The line's pods that belong to a stage.
    pub(crate) fn pods(self) -> impl Iterator<Item = &'a Pod> {
        self.index
            .pods
            .get(self.line)
            .into_iter()
            .flatten()
            .copied()
    }

    /// The pods of the line's shadows, which belong to no stage.
    pub(crate) fn shadow_pods(self) -> impl Iterator<Item = &'a Pod> {
        let pods = self.observed.pods.iter();
        pods.filter(move |pod| pod.line == self.line && pod.stage == label::SHADOW)
    }

    /// The pods of one instance of a stage.
    pub(crate) fn pods_of(self, stage: &'a RenderedStage) -> impl Iterator<Item = &'a Pod> {
        self.pods()
            .filter(move |pod| pod.instance == stage.instance)
    }
}
