//! What an object of a blueprint may be. Refused here, in the reviewer's hands, and not by an API server at night.

use crate::problem::{Problem, alternatives, shown};
use crate::template::{DIGIT, Document};
use andon_api::{digest, label};
use serde_json::{Map, Value};

/// Longest name of an object: names become label values (a Job's, a pod's).
const LONGEST_NAME: usize = 63;
/// A StatefulSet's pods carry `<name>-<hash>` as a label, with a hash of up to ten digits.
const LONGEST_STATEFUL_SET: usize = LONGEST_NAME - 11;

/// A kind that blueprints may hold, and its `apiVersion`.
const KINDS: &[(&str, &str)] = &[
    ("ConfigMap", "v1"),
    ("Service", "v1"),
    ("ServiceAccount", "v1"),
    ("Deployment", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("Job", "batch/v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
    ("PodDisruptionBudget", "policy/v1"),
];

/// Kinds of a stage's workload.
pub(crate) const WORKLOADS: &[&str] = &["Deployment", "StatefulSet"];
/// Kind of the check's workload.
pub(crate) const JOB: &str = "Job";

/// Which part of a rendering an object belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A stage: exactly one Deployment or StatefulSet.
    Stage,
    /// What all stages share: no workload.
    Common,
    /// The check: exactly one Job.
    Check,
    /// A stage's shadow: exactly one Deployment or StatefulSet.
    Shadow,
}

impl Kind {
    /// The kinds of its one workload.
    pub fn workloads(self) -> &'static [&'static str] {
        match self {
            Self::Stage | Self::Shadow => WORKLOADS,
            Self::Check => &[JOB],
            Self::Common => &[],
        }
    }
}

/// A part of a rendering while it is made: its names still hold slots for the digest's digits.
pub(crate) struct Part {
    /// Stage, `<stage>/shadow`, `common` or `check`: its folder below `templates/`.
    pub name: String,
    /// What it may hold.
    pub kind: Kind,
    /// `name` of the templates' context, with slots for digits where the name ends in them.
    pub instance: String,
    /// `labels` of the templates' context.
    pub labels: Map<String, Value>,
}

impl Part {
    /// Checks an object and puts the standard labels on it.
    pub fn accept(&self, document: &Document<'_, '_>) -> Result<Value, Vec<Problem>> {
        let mut object = document.value.clone();
        let mut problems: Vec<Problem> = Vec::new();
        problems.extend(self.kind_problem(document, &object));
        problems.extend(self.metadata_problem(document, &object));
        if problems.is_empty() && self.is_workload(&object) {
            problems.extend(self.workload_problem(document, &object));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            let own = metadata
                .entry("labels")
                .or_insert_with(|| Value::Object(Map::new()));
            if let Some(own) = own.as_object_mut() {
                for (key, value) in &self.labels {
                    own.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(object)
    }

    /// Whether an object is of a kind that a part has exactly one of.
    pub fn is_workload(&self, object: &Value) -> bool {
        self.kind
            .workloads()
            .contains(&object["kind"].as_str().unwrap_or_default())
    }

    fn allowed(&self, kind: &str) -> bool {
        self.kind.workloads().contains(&kind) || (!WORKLOADS.contains(&kind) && kind != JOB)
    }

    fn kind_problem(&self, document: &Document<'_, '_>, object: &Value) -> Option<Problem> {
        let Some(kind) = object["kind"].as_str() else {
            return Some(document.problem(
                &["kind"],
                "an object without kind",
                "write apiVersion and kind",
            ));
        };
        let known = KINDS
            .iter()
            .find(|(known, _)| *known == kind && self.allowed(kind));
        let Some((_, version)) = known else {
            let here: Vec<&str> = KINDS
                .iter()
                .map(|(kind, _)| *kind)
                .filter(|kind| self.allowed(kind))
                .collect();
            return Some(document.problem(
                &["kind"],
                format!("the kind {kind} may not be in {}", self.name),
                format!("use {}", alternatives(&here)),
            ));
        };
        (object["apiVersion"].as_str() != Some(version)).then(|| {
            document.problem(
                &["apiVersion"],
                format!("apiVersion {} of a {kind}", shown(&object["apiVersion"])),
                format!("write apiVersion: {version}"),
            )
        })
    }

    fn metadata_problem(&self, document: &Document<'_, '_>, object: &Value) -> Option<Problem> {
        let metadata = &object["metadata"];
        if metadata.get("namespace").is_some() {
            return Some(document.problem(
                &["metadata", "namespace"],
                "metadata.namespace in a template",
                "leave it out: objects go to the plant's namespace",
            ));
        }
        if let Some(field) = ["ownerReferences", "finalizers", "generateName"]
            .into_iter()
            .find(|field| metadata.get(field).is_some())
        {
            return Some(document.problem(
                &["metadata", field],
                format!("metadata.{field} in a template"),
                "leave it out: Andon owns what it makes",
            ));
        }
        if !matches!(metadata.get("labels"), None | Some(Value::Object(_))) {
            return Some(document.problem(
                &["metadata", "labels"],
                format!("metadata.labels is {}", shown(&metadata["labels"])),
                "write labels: {{ labels }}, or a mapping",
            ));
        }
        let at = |problem: String, remedy: &str| {
            Some(document.problem(&["metadata", "name"], problem, remedy))
        };
        match metadata["name"].as_str() {
            None => at(
                "an object without metadata.name".to_owned(),
                "write name: {{ name }}",
            ),
            Some(name) => {
                let (problem, remedy) =
                    self.name_problem(name, object["kind"].as_str().unwrap_or_default())?;
                at(problem, &remedy)
            }
        }
    }

    fn name_problem(&self, name: &str, kind: &str) -> Option<(String, String)> {
        let own = name == self.instance
            || name
                .strip_prefix(&self.instance)
                .is_some_and(|rest| rest.starts_with('-'));
        let plain = name.replace(DIGIT, "0");
        if !own {
            return Some((
                format!("the name {plain} does not begin with this instance's own"),
                "write {{ name }} or {{ name }}-something, so that two instances can stand side by side".to_owned(),
            ));
        }
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !plain.chars().all(inner) || plain.starts_with('-') || plain.ends_with('-') {
            return Some((
                format!("the name {plain} is no DNS label"),
                "use a-z, 0-9 and - between them".to_owned(),
            ));
        }
        let longest = if kind == "StatefulSet" {
            LONGEST_STATEFUL_SET
        } else {
            LONGEST_NAME
        };
        (plain.len() > longest).then(|| {
            (
                format!(
                    "the name {plain} has {} characters; a {kind} may have {longest}",
                    plain.len()
                ),
                "shorten the name of the integration, the line or the stage".to_owned(),
            )
        })
    }

    /// Andon finds pods by their labels: without the standard ones a canary could not be told from the line beside it.
    fn workload_problem(&self, document: &Document<'_, '_>, object: &Value) -> Option<Problem> {
        if object["metadata"]["name"].as_str() != Some(&self.instance) {
            return Some(document.problem(
                &["metadata", "name"],
                "the workload does not have the instance's name",
                "write name: {{ name }}",
            ));
        }
        let lacks = |labels: &Value, keys: &[&str]| {
            keys.iter()
                .any(|key| labels.get(key) != self.labels.get(*key))
        };
        let all: Vec<&str> = self.labels.keys().map(String::as_str).collect();
        if lacks(&object["spec"]["template"]["metadata"]["labels"], &all) {
            return Some(document.problem(
                &["spec", "template", "metadata", "labels"],
                "the pods lack some of the standard labels",
                "write labels: {{ labels }} in spec.template.metadata",
            ));
        }
        if self.kind != Kind::Check
            && lacks(
                &object["spec"]["selector"]["matchLabels"],
                &[label::INSTANCE],
            )
        {
            return Some(document.problem(
                &["spec", "selector", "matchLabels"],
                format!("the selector does not name {}", label::INSTANCE),
                "write matchLabels: {{ labels }}, so that two instances never share a pod",
            ));
        }
        None
    }
}

/// Writes the digest's digits into every text and key of an object. Says so where a template cut the slots.
pub(crate) fn fill_digits(value: &mut Value, digits: &str) -> Result<(), ()> {
    let slots = String::from(DIGIT).repeat(digest::SHORT);
    let fill = |text: &str| {
        let filled = text.replace(&slots, digits);
        if filled.contains(DIGIT) {
            Err(())
        } else {
            Ok(filled)
        }
    };
    match value {
        Value::String(text) if text.contains(DIGIT) => *text = fill(text)?,
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| fill_digits(item, digits))?,
        Value::Object(members) => {
            if members.keys().any(|key| key.contains(DIGIT)) {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(key, member)| Ok((fill(&key)?, member)))
                    .collect::<Result<Map<_, _>, ()>>()?;
            }
            members
                .values_mut()
                .try_for_each(|member| fill_digits(member, digits))?;
        }
        _ => {}
    }
    Ok(())
}
