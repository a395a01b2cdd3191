//! What is remembered of a candidate that runs as a shadow.

use super::{ContainerCount, Trial};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

impl Trial {
    /// Whether the candidate runs as a shadow now, so that its shadow should be there.
    pub fn is_shadowing(&self) -> bool {
        let over = self.checked || self.failure.is_some() || self.withdrawn.is_some();
        !over && self.shadow.as_ref().is_some_and(|it| it.passed.is_none())
    }

    /// Whether it takes one of the places of the plant's `maxConcurrentLines`. One that runs as a shadow, or waits after that until
    /// the plant may be changed, touches nothing of its line and keeps nobody waiting.
    pub fn takes_place(&self) -> bool {
        self.checked || self.shadow.as_ref().is_none_or(|it| it.claims)
    }
}

/// How a candidate does as a shadow.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialShadow {
    /// When it was decided that it runs as one.
    pub since: Time,
    /// Documents that came out the same.
    #[serde(default)]
    pub same: i64,
    /// Documents that did not.
    #[serde(default)]
    pub different: i64,
    /// Documents needed for a pass.
    #[serde(default)]
    pub needed: i64,
    /// Evidence that too many come out otherwise, for instance `1:4005`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// What differs most, with how often, as last read. A few of them, and never a document's own values.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub fields: std::collections::BTreeMap<String, i64>,
    /// Last reading of each container of the shadow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerCount>,
    /// When it passed: what is left of the shadow goes, then the trial waits for its turn to change the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Time>,
    /// Whether the trial takes a place of the plant's `maxConcurrentLines` again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claims: bool,
}
