//! What rendering yields: the complete objects of one integration on one line.

use andon_api::{Indicator, MetricsEndpoint, Progress, Requirement, Strategy, Veto};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The complete objects of one integration on one line. Immutable; kept in the plant as a ControllerRevision, with
/// all that is needed to judge it and to go back to it without its blueprint.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Rendering {
    /// Blueprint version it was rendered from. Not part of the digest: a version that changes nothing moves nothing.
    pub version: String,
    /// Digest over the stages' digests and the common objects: `sha256:…`.
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
