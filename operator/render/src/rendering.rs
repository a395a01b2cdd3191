//! What rendering yields: the complete objects of one integration on one line.

use crate::canonical::digest_of;
use andon_api::{Indicator, MetricsEndpoint, Progress, Requirement, Shadow, Strategy, Veto};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The complete objects of one integration on one line. Immutable; kept in the plant as a ControllerRevision, with
/// all that is needed to judge it and to go back to it without its blueprint.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Rendering {
    /// Blueprint version it was rendered from. Not part of the digest: a version that changes nothing moves nothing.
    pub version: String,
    /// Digest over the stages' digests, those of their shadows and the common objects: `sha256:…`.
    pub digest: String,
    /// The stages, in the order in which they start (`after` first, then as written).
    pub stages: Vec<RenderedStage>,
    /// Objects that all stages share; names without a digest.
    pub common: Vec<Value>,
    /// The check Job and what it reads; the same for all lines with the same routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<RenderedCheck>,
    /// What can be measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indicators: Vec<Indicator>,
    /// How to see that documents get done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// How its workload says that it must not be disturbed now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub veto: Option<Veto>,
    /// What it needs at the plant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
}

impl Rendering {
    /// The stage that has a shadow, and the shadow; none: no stage has one.
    pub fn shadow(&self) -> Option<(&RenderedStage, &RenderedShadow)> {
        let mut stages = self.stages.iter();
        stages.find_map(|stage| Some((stage, stage.shadow.as_ref()?)))
    }
}

/// One stage of a rendering.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RenderedStage {
    /// Name of the stage.
    pub name: String,
    /// How a new instance takes the old one's place.
    pub strategy: Strategy,
    /// Digest of the stage's objects.
    pub digest: String,
    /// Value of the label `andon.dev/instance`; also the name of the stage's workload.
    /// `<integration>-<line>-<stage>-<digest8>`, or without the digest where the strategy is `InPlace`.
    pub instance: String,
    /// Where its pods serve counters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsEndpoint>,
    /// Whether the last good may stay connected behind it. Not part of the digest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// Its objects, workload and all, without namespace and owner.
    pub objects: Vec<Value>,
    /// What can run beside the old instance without being able to post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<RenderedShadow>,
}

/// The shadow of a stage. Its objects carry the label `andon.dev/stage: shadow`: they are no instance of the stage.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RenderedShadow {
    /// `<integration>-<line>-<stage>-shadow-<digest8>`; also the name of its workload.
    pub instance: String,
    /// Digest of its objects.
    pub digest: String,
    /// What its pods count.
    pub counters: Shadow,
    /// Its objects, workload and all, without namespace and owner.
    pub objects: Vec<Value>,
}

/// The check Job of a rendering.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RenderedCheck {
    /// `<integration>-check-<digest8>`; also the name of the Job.
    pub name: String,
    /// Digest of its objects.
    pub digest: String,
    /// The Job and the ConfigMaps it reads, without namespace and owner.
    pub objects: Vec<Value>,
}

/// What people approve and a line is moved for: everything that will run there, the shadow included.
pub(crate) fn digest(stages: &[RenderedStage], common: &[Value]) -> String {
    let digests: Vec<&str> = stages.iter().map(|stage| stage.digest.as_str()).collect();
    let mut content = json!({"stages": digests, "common": common});
    let shadows = stages.iter().filter_map(|stage| stage.shadow.as_ref());
    let shadows: Vec<&str> = shadows.map(|shadow| shadow.digest.as_str()).collect();
    if !shadows.is_empty() {
        content["shadows"] = json!(shadows);
    }
    digest_of(&content)
}
