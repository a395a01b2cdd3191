//! Everything a decision may see. Serializable: an incident becomes a test by saving one of these.

use andon_api::{
    ApprovalSpec, BlueprintSpec, LineStatus, PlantIntegrationSpec, PlantIntegrationStatus,
    PlantSiteSpec, Requirement,
};
use andon_render::Rendering;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the integration controller saw of one integration at one plant, at one moment.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// When it was seen; the only time a decision knows.
    pub now: Timestamp,
    /// The plant.
    pub site: Site,
    /// The integration and what is remembered of its lines.
    pub integration: Integration,
    /// The blueprint that the target names.
    pub blueprint: Seen<BlueprintSpec>,
    /// The other integrations of the plant, for `requires`.
    pub neighbours: Vec<Neighbour>,
    /// The renderings kept in the plant.
    #[serde(with = "shared")]
    pub revisions: Vec<Arc<Revision>>,
    /// Every object that carries this integration's labels, as the API server gave it (managed fields left out).
    /// Kinds: ConfigMap, Service, ServiceAccount, Deployment, StatefulSet, Job, NetworkPolicy, PodDisruptionBudget.
    /// Shared with whoever saw them: they are large, and most are the same in the next look.
    #[serde(with = "shared")]
    pub objects: Vec<Arc<Value>>,
    /// The pods that carry this integration's labels.
    pub pods: Vec<Pod>,
    /// What the pods' counters said, by pod UID. Only pods with a metrics endpoint are asked, and only while a trial
    /// is on; a pod that is not in here was not asked.
    pub readings: BTreeMap<String, Reading>,
    /// What the pods of lines that are about to be disturbed said of that (`busy`), by pod UID; a pod that is not in here was not
    /// asked. Apart from the other readings: a gauge that cannot be read must not disturb the judgement.
    #[serde(default)]
    pub vetoes: BTreeMap<String, Reading>,
    /// Whether the API server would take the objects of an unchecked trial, by line; one that is not in here was not asked.
    #[serde(default)]
    pub dry_runs: BTreeMap<String, DryRun>,
    /// What people approved in the namespace of the release; only asked for where a line is validated.
    #[serde(default = "not_asked")]
    pub approvals: Seen<Vec<ApprovalSpec>>,
}

fn not_asked() -> Seen<Vec<ApprovalSpec>> {
    Seen::Absent
}

/// Shared values, written as if each stood there by itself.
pub(crate) mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        values: &[Arc<T>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(AsRef::as_ref))
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Arc<T>>, D::Error> {
        let values = Vec::<T>::deserialize(deserializer)?;
        Ok(values.into_iter().map(Arc::new).collect())
    }
}

/// Something that may be there, may not be there, or may not be known. Unknown is not absent.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Seen<T> {
    /// It is there.
    Present(T),
    /// It is not there.
    Absent,
    /// Nobody could tell.
    Unknown(String),
}

/// The plant.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// Name of the `PlantSite`.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its spec.
    pub spec: PlantSiteSpec,
}

/// A `PlantIntegration`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Its name.
    pub name: String,
    /// Its UID; part of every owner reference.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its resource version: the precondition of every status write.
    pub resource_version: String,
    /// Whether somebody has deleted it. Its finalizer keeps it until nothing of it is left.
    #[serde(default)]
    pub deleting: bool,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its spec.
    pub spec: PlantIntegrationSpec,
    /// What is remembered.
    pub status: PlantIntegrationStatus,
}

/// Another integration of the same plant. At least as new as `Observed.integration`: the plant's budget relies on it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Neighbour {
    /// Name of the integration.
    pub integration: String,
    /// Blueprint it runs, by its target.
    pub blueprint: String,
    /// Version of the last good of each of its lines, by line.
    pub last_good: BTreeMap<String, String>,
    /// Its lines whose trials take a place of the plant's budget, those included that go back: whether pods may change already.
    #[serde(default)]
    pub on_trial: BTreeMap<String, bool>,
    /// What its lines need of other blueprints: by what they run and by what they try.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Its lines that are about to go back, each with the version that it goes back to.
    #[serde(default)]
    pub leaving: BTreeMap<String, String>,
}

/// What a line of another integration needs.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The line.
    pub line: String,
    /// The version of it that needs this.
    pub version: String,
    /// What it needs.
    pub requires: Requirement,
}

impl Neighbour {
    /// An integration as its neighbours see it: its name, the blueprint of its target, and what is remembered of its lines.
    pub fn of(integration: String, blueprint: String, lines: &[LineStatus]) -> Self {
        let last_good = lines
            .iter()
            .filter_map(|line| Some((line.name.clone(), line.last_good.as_ref()?.version.clone())));
        let on_trial = lines
            .iter()
            .filter_map(|line| Some((line.name.clone(), line.trial.as_ref()?)))
            .filter(|(_, trial)| trial.takes_place())
            .map(|(name, trial)| (name, trial.checked));
        let leaving = lines.iter().filter_map(|line| {
            let promoted = line.promoted.as_ref()?;
            promoted.leaving.as_ref()?;
            Some((line.name.clone(), promoted.previous.version.clone()))
        });
        let needs = lines.iter().flat_map(|line| {
            let trial = line.trial.as_ref().map(|trial| &trial.rendering);
            let there = line.last_good.iter().chain(trial);
            there.flat_map(|there| {
                there.requires.iter().map(|requires| Need {
                    line: line.name.clone(),
                    version: there.version.clone(),
                    requires: requires.clone(),
                })
            })
        });
        Self {
            last_good: last_good.collect(),
            on_trial: on_trial.collect(),
            needs: needs.collect(),
            leaving: leaving.collect(),
            integration,
            blueprint,
        }
    }
}

/// A rendering kept in the plant (a ControllerRevision).
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Name of the ControllerRevision: `<integration>-<line>-<digest8>`.
    pub name: String,
    /// Its UID: the precondition of marking and deleting it.
    pub uid: String,
    /// Line it belongs to.
    pub line: String,
    /// Counts up with each revision of a line.
    pub number: i64,
    /// Marked as the line's newest last good.
    pub last_good: bool,
    /// Target digest it failed for.
    pub failed: Option<String>,
    /// The rendering.
    pub rendering: Rendering,
}

/// A pod.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Line, by its label (empty on the check Job's pods).
    pub line: String,
    /// Stage, by its label.
    pub stage: String,
    /// Instance, by its label.
    pub instance: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// When its (first) container started this time; none while it is not running.
    pub started: Option<Timestamp>,
    /// How often that container has restarted.
    pub restarts: i32,
    /// Why it is not running, for instance `ImagePullBackOff`, or what it said when it ended.
    pub trouble: Option<String>,
    /// Message that the container wrote when it last ended (its termination log).
    pub last_words: Option<String>,
}

/// What a pod's counters said.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Reading {
    /// It answered.
    Counts(Counts),
    /// It could not be asked, or the answer could not be read.
    NoAnswer(String),
}

/// Counters of one container since it started.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Indicator -> documents that came out well and that did not. A selector that matches no series makes the whole
    /// reading `NoAnswer`: unknown is not zero.
    pub indicators: BTreeMap<String, GoodBad>,
    /// Indicator -> its histogram, by rising bound, the last one +Inf; cumulative.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Vec<BucketCount>>,
    /// Finished documents, whatever became of them; none where the blueprint does not say how to see them.
    pub done: Option<i64>,
    /// Whether input waits; none where the blueprint does not say.
    pub waiting: Option<i64>,
    /// Of a shadow, whose documents are the indicator `shadow` (good: they came out the same): what differs, with how often; the most
    /// frequent few.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, i64>,
    /// Above zero while the line must not be disturbed; none where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<i64>,
}

/// One bucket of a histogram.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BucketCount {
    /// Its bound, in the histogram's unit; none: +Inf.
    pub le: Option<f64>,
    /// Documents whose value is at most that.
    pub count: i64,
}

/// Documents that came out well and documents that did not.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GoodBad {
    /// Came out well.
    pub good: i64,
    /// Did not.
    pub bad: i64,
}

/// Whether the API server would take the objects of a rendering.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum DryRun {
    /// It would.
    Accepted,
    /// It would not, and says why.
    Refused(String),
    /// It did not answer.
    NoAnswer(String),
}
