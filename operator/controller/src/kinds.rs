//! The kinds that a rendering may hold: a fixed list, so that RBAC, watches and reads can name each of them.

use kube::api::ApiResource;

/// A kind of object that a rendering may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Its name in URLs.
    pub plural: &'static str,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
) -> Kind {
    Kind {
        group,
        version,
        kind,
        plural,
    }
}

/// Every kind that a rendering may hold.
pub const CHILDREN: [Kind; 8] = [
    kind("", "v1", "ConfigMap", "configmaps"),
    kind("", "v1", "Service", "services"),
    kind("", "v1", "ServiceAccount", "serviceaccounts"),
    kind("apps", "v1", "Deployment", "deployments"),
    kind("apps", "v1", "StatefulSet", "statefulsets"),
    kind("batch", "v1", "Job", "jobs"),
    kind(
        "networking.k8s.io",
        "v1",
        "NetworkPolicy",
        "networkpolicies",
    ),
    kind(
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
    ),
];

impl Kind {
    /// `apiVersion` as it stands in an object.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// For a client that does not know the kind at compile time.
    pub fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: self.api_version(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }

    /// The kind of that name, if a rendering may hold it.
    pub fn find(api_version: &str, kind: &str) -> Option<Self> {
        CHILDREN
            .into_iter()
            .find(|it| it.kind == kind && it.api_version() == api_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_what_stands_in_an_object() {
        let found = Kind::find("apps/v1", "Deployment").map(|it| it.resource().plural);
        assert_eq!(found.as_deref(), Some("deployments"));
        assert_eq!(Kind::find("v1", "Service").map(|it| it.group), Some(""));
        for (version, kind) in [("v1", "Secret"), ("apps/v1beta1", "Deployment"), ("", "")] {
            assert_eq!(Kind::find(version, kind), None);
        }
    }
}
