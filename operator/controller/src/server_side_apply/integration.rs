//! Writes `PlantIntegration` objects: their metadata as the site controller, their target as the release controller.

use super::{Error, Owner, Writer, by_uid, gone_is_fine, strict};
use andon_api::{PlantIntegration, Target, label};
use kube::api::{Patch, PropagationPolicy};
use kube::{Api, Resource};
use serde_json::{Value, json};

impl Writer {
    /// Makes a `PlantIntegration` the plant's own: its metadata and `spec.integration`, as the site controller. The finalizer keeps
    /// it until its lines are removed.
    pub async fn claim(
        &self,
        site: &Owner,
        integration: &str,
        uid: Option<&str>,
    ) -> Result<(), Error> {
        let mut body = integration_body(&site.namespace, integration, uid);
        body["metadata"]["labels"] = json!({
            (label::MANAGED_BY): label::MANAGED_BY_ANDON, (label::PLANT): site.name, (label::INTEGRATION): integration,
        });
        body["metadata"]["ownerReferences"] = json!([site.reference()]);
        body["metadata"]["finalizers"] = json!([label::DRAIN]);
        body["spec"] = json!({"integration": integration});
        self.patch_integration(&site.namespace, integration, (label::SITE_MANAGER, body))
            .await
    }

    /// Deletes a `PlantIntegration`; its finalizer keeps it until its lines are removed.
    pub async fn disown(&self, namespace: &str, integration: &str, uid: &str) -> Result<(), Error> {
        let api = Api::<PlantIntegration>::namespaced(self.client.clone(), namespace);
        let params = by_uid(uid, PropagationPolicy::Background);
        let what = format!("PlantIntegration {namespace}/{integration}");
        gone_is_fine(
            self.edge(&what, api.delete(integration, &params))
                .await
                .map(drop),
        )
    }

    /// Gives a `PlantIntegration` its target, whole, as the release controller.
    pub async fn assign(
        &self,
        namespace: &str,
        (name, uid): (&str, &str),
        target: &Target,
    ) -> Result<(), Error> {
        let mut body = integration_body(namespace, name, Some(uid));
        body["spec"] = json!({"target": target});
        self.patch_integration(namespace, name, (label::RELEASE_MANAGER, body))
            .await
    }

    async fn patch_integration(
        &self,
        namespace: &str,
        name: &str,
        (manager, body): (&str, Value),
    ) -> Result<(), Error> {
        let api = Api::<PlantIntegration>::namespaced(self.client.clone(), namespace);
        let what = format!("PlantIntegration {namespace}/{name}");
        self.edge(
            &what,
            api.patch(name, &strict(manager, true), &Patch::Apply(&body)),
        )
        .await?;
        Ok(())
    }
}

fn integration_body(namespace: &str, name: &str, uid: Option<&str>) -> Value {
    let mut metadata = json!({"name": name, "namespace": namespace});
    if let Some(uid) = uid {
        metadata["uid"] = json!(uid);
    }
    json!({
        "apiVersion": PlantIntegration::api_version(&()), "kind": PlantIntegration::kind(&()), "metadata": metadata,
    })
}
