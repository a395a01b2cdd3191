//! Kind `Approval`: a person's yes to one digest.

use crate::rule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// A person's yes to what a release asks for, or to what a validated line would run, by digest: it is void as soon as anything
/// else is asked. Create-only. Admission demands that `approver` and `groups` are those of the person who creates it, and the verb
/// `approve` on the release.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[kube(
    group = "andon.dev",
    version = "v1alpha1",
    kind = "Approval",
    namespaced,
    category = "andon",
    validation = ("self.spec == oldSelf.spec", "an Approval cannot be changed; make another one"),
    printcolumn(name = "Release", type_ = "string", json_path = ".spec.release"),
    printcolumn(name = "Wave", type_ = "string", json_path = ".spec.wave"),
    printcolumn(name = "Plant", type_ = "string", json_path = ".spec.line.plant"),
    printcolumn(name = "Line", type_ = "string", json_path = ".spec.line.name"),
    printcolumn(name = "Approver", type_ = "string", json_path = ".spec.approver"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expires"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".spec.digest", priority = 1),
    printcolumn(name = "Comment", type_ = "string", json_path = ".spec.comment", priority = 1)
)]
#[x_kube(validation = ("!has(self.wave) || !has(self.line)",
    "spec.wave and spec.line exclude each other: an Approval is of a wave or of a validated line; make one for each"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalSpec {
    /// The release, of the same namespace.
    #[schemars(length(max = rule::TEXT))]
    pub release: String,
    /// What is approved. For waves the target digest, as the release's status shows it; for a validated line the rendering digest, as
    /// the line's status in the PlantIntegration shows it (`desired`).
    #[schemars(length(max = rule::DIGEST))]
    #[x_kube(validation = rule::digest("digest"))]
    pub digest: String,
    /// The wave that may start. Left out, without `line`: every wave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("wave"))]
    pub wave: Option<String>,
    /// The validated line that may be changed, by what this release asks for or by what its PlantSite says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<ApprovedLine>,
    /// Who approves: the name that the API server knows the person by.
    #[schemars(length(min = 1, max = rule::TEXT))]
    pub approver: String,
    /// For which groups; the person is in each of them.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = rule::TEXT)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub groups: Vec<String>,
    /// What the person wants to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub comment: Option<String>,
    /// From when on it does not count any more. A wave that has started goes on, and so does a line whose pods change already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

/// A validated line of a plant.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovedLine {
    /// The plant's namespace.
    #[schemars(length(max = rule::LABEL))]
    #[x_kube(validation = rule::label("plant"))]
    pub plant: String,
    /// The line.
    #[schemars(length(max = rule::NAME))]
    #[x_kube(validation = rule::name("name"))]
    pub name: String,
}
