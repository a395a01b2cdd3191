//! Keeps renderings in the plant, as ControllerRevisions.

use super::{Error, Owner, Writer, by_uid, gone_is_fine};
use andon_api::label;
use andon_render::Rendering;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::{Patch, PatchParams, PropagationPolicy};
use kube::core::PartialObjectMeta;
use kube::{Api, Resource};
use serde_json::{Value, json};

impl Writer {
    /// Keeps a rendering in the plant. One of that name is the same: names carry the digest.
    pub async fn save_revision(
        &self,
        owner: &Owner,
        (name, line, number): (&str, &str, i64),
        rendering: &Rendering,
    ) -> Result<(), Error> {
        let revision = json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {
                "name": name, "namespace": owner.namespace, "ownerReferences": [owner.reference()],
                "labels": {
                    (label::MANAGED_BY): label::MANAGED_BY_ANDON, (label::INTEGRATION): owner.name, (label::LINE): line,
                },
                "annotations": {(label::VERSION): rendering.version, (label::DIGEST): rendering.digest},
            },
            "revision": number,
            "data": rendering,
        });
        let url = ControllerRevision::url_path(&(), Some(&owner.namespace));
        let request =
            http::Request::post(format!("{url}?fieldManager={}", label::INTEGRATION_MANAGER))
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(as_go_writes(&revision).into_bytes());
        let what = format!("ControllerRevision {name}");
        let write = async {
            let request = request.map_err(kube::Error::HttpError)?;
            self.client
                .request::<PartialObjectMeta<ControllerRevision>>(request)
                .await
        };
        match self.edge(&what, write).await {
            Err(Error::Api { source, .. }) if already_there(&source) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Sets or takes off the marks of a kept rendering.
    pub async fn mark_revision(
        &self,
        namespace: &str,
        (name, uid): (&str, &str),
        last_good: bool,
        failed: Option<&str>,
    ) -> Result<(), Error> {
        let patch = json!({"metadata": {"uid": uid, "annotations": {
            (label::LAST_GOOD): last_good.then_some("true"), (label::FAILED): failed,
        }}});
        let api = Api::<ControllerRevision>::namespaced(self.client.clone(), namespace);
        let params = PatchParams {
            field_manager: Some(label::INTEGRATION_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let what = format!("ControllerRevision {name}");
        self.edge(
            &what,
            api.patch_metadata(name, &params, &Patch::Merge(&patch)),
        )
        .await?;
        Ok(())
    }

    /// Forgets a kept rendering.
    pub async fn delete_revision(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<(), Error> {
        let api = Api::<ControllerRevision>::namespaced(self.client.clone(), namespace);
        let params = by_uid(uid, PropagationPolicy::Background);
        let what = format!("ControllerRevision {name}");
        gone_is_fine(self.edge(&what, api.delete(name, &params)).await.map(drop))
    }
}

/// The API server keeps the bytes of `data` as they came, compares bytes to see that they never change, and writes them
/// anew the way Go does whenever an annotation changes. So they have to come the way Go writes them: these characters,
/// which can stand in strings only, escaped.
fn as_go_writes(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)))
            }
            other => text.push(other),
        }
    }
    text
}

fn already_there(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_already_exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_escapes_is_escaped_and_means_the_same() {
        let value = json!({"xml": "<a b=\"c\">&amp;\u{2028}ü</a>"});
        let text = as_go_writes(&value);
        assert!(
            text.contains("\\u003ca b=") && !text.contains('<') && text.contains('ü'),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
