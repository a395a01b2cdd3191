//! A rendering kept in the plant, read back from its ControllerRevision.

use super::observe::Error;
use andon_api::label;
use andon_plan::Revision;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::ResourceExt;

/// Reads a kept rendering.
pub fn revision(object: ControllerRevision) -> Result<Revision, Error> {
    let name = object.name_any();
    let annotation = |key: &str| object.annotations().get(key).cloned();
    let (uid, line) = (
        object.uid().unwrap_or_default(),
        object
            .labels()
            .get(label::LINE)
            .cloned()
            .unwrap_or_default(),
    );
    let (last_good, failed) = (annotation(label::LAST_GOOD), annotation(label::FAILED));
    let data = object.data.map(|data| data.0).unwrap_or_default();
    let rendering = serde_json::from_value(data).map_err(|source| Error::Revision {
        name: name.clone(),
        source,
    })?;
    Ok(Revision {
        name,
        uid,
        line,
        number: object.revision,
        last_good: last_good.as_deref() == Some("true"),
        failed,
        rendering,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(data: serde_json::Value) -> ControllerRevision {
        serde_json::from_value(json!({
            "metadata": {
                "name": "confirmations-packaging-1-aaaaaaaa", "uid": "u",
                "labels": {"andon.dev/line": "packaging-1"},
                "annotations": {"andon.dev/last-good": "true", "andon.dev/failed": "sha256:bb"}
            },
            "revision": 3, "data": data
        }))
        .unwrap()
    }

    #[test]
    fn marks_are_read_back() {
        let data = json!({"version": "1.0.0", "digest": "sha256:aa", "stages": [], "common": []});
        let revision = revision(object(data)).unwrap();
        assert_eq!(
            (revision.number, revision.line.as_str()),
            (3, "packaging-1")
        );
        assert!(revision.last_good);
        assert_eq!(revision.failed.as_deref(), Some("sha256:bb"));
    }

    #[test]
    fn a_spoilt_one_is_named() {
        let error = revision(object(json!({"version": 1}))).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("confirmations-packaging-1-aaaaaaaa"),
            "{error}"
        );
    }
}
