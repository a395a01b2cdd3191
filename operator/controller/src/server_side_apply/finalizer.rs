//! Keeps what somebody deletes until its lines are removed in their order.

use super::{Error, Owner, Writer, gone_is_fine, strict};
use andon_api::{PlantSite, label};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

impl Writer {
    /// Puts the finalizer on a `PlantSite`, as the site controller. Of all that people write in it nothing else is touched.
    pub async fn keep_site(&self, site: &Owner) -> Result<(), Error> {
        let api = Api::<PlantSite>::namespaced(self.client.clone(), &site.namespace);
        let body = json!({
            "apiVersion": site.api_version, "kind": site.kind,
            "metadata": {"name": site.name, "namespace": site.namespace, "uid": site.uid, "finalizers": [label::DRAIN]},
        });
        let params = strict(label::SITE_MANAGER, false);
        let (what, patch) = (
            format!("the finalizer of PlantSite {}", site.name),
            Patch::Apply(&body),
        );
        let patched = self.edge(&what, api.patch_metadata(&site.name, &params, &patch));
        patched.await.map(drop)
    }

    /// Takes the finalizer off an object that was deleted. One that has gone, or another one of the same name, is left alone.
    pub async fn let_go<K>(&self, object: &Owner) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug,
    {
        let api = Api::<K>::namespaced(self.client.clone(), &object.namespace);
        let what = format!("the finalizer of {} {}", object.kind, object.name);
        let found = api.get_metadata_opt(&object.name).await;
        let found = found.map_err(|source| Error::Api {
            what: what.clone(),
            source: Box::new(source),
        })?;
        let Some(found) = found.filter(|it| it.uid().as_ref() == Some(&object.uid)) else {
            return Ok(());
        };
        let finalizers = found.finalizers();
        let others: Vec<&String> = finalizers.iter().filter(|it| *it != label::DRAIN).collect();
        if others.len() == finalizers.len() {
            return Ok(());
        }
        // With the version that was read: nobody else's finalizer is lost.
        let body = json!({"metadata": {
            "uid": object.uid, "resourceVersion": found.resource_version(), "finalizers": others,
        }});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&body));
        let patched = self.edge(&what, api.patch_metadata(&object.name, &params, &patch));
        gone_is_fine(patched.await.map(drop))
    }
}
