//! The one place that writes to Kubernetes. Every write passes one edge, which asks whether we still lead; every write
//! carries what makes it harmless when it is late: a UID, a resource version, or a name that holds the digest of the content.

use crate::context::said;
use crate::kinds::Kind;
use crate::leader::Leadership;
use andon_api::{PlantIntegration, Target, label};
use andon_plan::{DryRun, Event};
use andon_render::Rendering;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1 as events;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{
    DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
    ValidationDirective,
};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another operator leads now.
    #[error("failed to write: this operator does not lead")]
    NotLeader,
    /// A rendering holds what no rendering may hold.
    #[error(
        "failed to write a {kind} ({api_version}): a rendering may not hold that kind; use one of the fixed list"
    )]
    UnknownKind {
        /// What was given.
        api_version: String,
        /// What was given.
        kind: String,
    },
    /// The object is not what it was when it was observed; look again.
    #[error("failed to write {what}: it has changed meanwhile")]
    Stale {
        /// The object.
        what: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not take it.
    #[error("failed to write {what}")]
    Api {
        /// The object.
        what: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Who controls what is written.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Namespace of the owner, and so of everything it owns.
    pub namespace: String,
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl Owner {
    /// An owner of kind `K`.
    pub fn of<K: Resource<DynamicType = ()>>(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
        }
    }

    fn reference(&self) -> Value {
        json!({
            "apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid,
            "controller": true, "blockOwnerDeletion": true,
        })
    }

    fn object_reference(&self) -> ObjectReference {
        ObjectReference {
            api_version: Some(self.api_version.clone()),
            kind: Some(self.kind.clone()),
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            uid: Some(self.uid.clone()),
            ..ObjectReference::default()
        }
    }
}

/// A status to write.
pub struct StatusOf<'a, S> {
    /// Whose status.
    pub owner: &'a Owner,
    /// Field manager.
    pub manager: &'static str,
    /// Resource version that was observed: the precondition.
    pub resource_version: &'a str,
    /// The status.
    pub status: &'a S,
}

/// Writes to Kubernetes, while this operator leads.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    leadership: Leadership,
    #[cfg(feature = "fault-injection")]
    budget: crate::fault::WriteBudget,
}

impl Writer {
    /// A writer that asks `leadership` before each write.
    #[cfg(not(feature = "fault-injection"))]
    pub fn new(client: Client, leadership: Leadership) -> Self {
        Self { client, leadership }
    }

    /// A writer that asks `leadership` before each write, and stops for good when `budget` is spent.
    #[cfg(feature = "fault-injection")]
    pub fn new(client: Client, leadership: Leadership, budget: crate::fault::WriteBudget) -> Self {
        Self {
            client,
            leadership,
            budget,
        }
    }

    /// Applies an object of a rendering. `uid`: of the object that is there; none: it must not be there, so fields that
    /// somebody else owns are not taken.
    pub async fn apply(
        &self,
        owner: &Owner,
        object: &Value,
        uid: Option<&str>,
    ) -> Result<(), Error> {
        let (api, name, body) = self.prepare(owner, object, uid)?;
        let params = strict(label::INTEGRATION_MANAGER, uid.is_some());
        self.edge(
            &what(object),
            api.patch(&name, &params, &Patch::Apply(&body)),
        )
        .await?;
        Ok(())
    }

    /// Asks the API server whether it would take an object. Writes nothing, so it needs no leadership.
    pub async fn dry_run(&self, owner: &Owner, object: &Value, uid: Option<&str>) -> DryRun {
        let (api, name, body) = match self.prepare(owner, object, uid) {
            Ok(prepared) => prepared,
            Err(error) => return DryRun::Refused(error.to_string()),
        };
        let mut params = strict(label::INTEGRATION_MANAGER, uid.is_some());
        params.dry_run = true;
        match api.patch(&name, &params, &Patch::Apply(&body)).await {
            Ok(_) => DryRun::Accepted,
            Err(kube::Error::Api(status)) if (400..429).contains(&status.code) => {
                DryRun::Refused(format!("{}: {}", what(object), status.message))
            }
            Err(error) => DryRun::NoAnswer(format!("{}: {}", what(object), said(&error))),
        }
    }

    fn prepare(
        &self,
        owner: &Owner,
        object: &Value,
        uid: Option<&str>,
    ) -> Result<(Api<DynamicObject>, String, Value), Error> {
        let text = |pointer| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        let found = Kind::find(api_version, kind).ok_or_else(|| Error::UnknownKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        })?;
        let mut body = object.clone();
        body["metadata"]["namespace"] = json!(owner.namespace);
        body["metadata"]["ownerReferences"] = json!([owner.reference()]);
        body["metadata"]["labels"][label::MANAGED_BY] = json!(label::MANAGED_BY_ANDON);
        if let Some(uid) = uid {
            body["metadata"]["uid"] = json!(uid);
        }
        let api = Api::namespaced_with(self.client.clone(), &owner.namespace, &found.resource());
        Ok((api, text("/metadata/name").to_owned(), body))
    }

    /// Deletes an object in the foreground. One that has gone, or another one of the same name, is left alone.
    pub async fn delete(
        &self,
        namespace: &str,
        kind: &Kind,
        name: &str,
        uid: &str,
    ) -> Result<(), Error> {
        let api =
            Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &kind.resource());
        let params = by_uid(uid, PropagationPolicy::Foreground);
        let what = format!("{} {name}", kind.kind);
        gone_is_fine(self.edge(&what, api.delete(name, &params)).await.map(drop))
    }

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
        let api = Api::<DynamicObject>::namespaced_with(
            self.client.clone(),
            &owner.namespace,
            &revisions(),
        );
        let object = serde_json::from_value(revision).map_err(|source| Error::Api {
            what: format!("ControllerRevision {name}"),
            source: Box::new(kube::Error::SerdeError(source)),
        })?;
        let params = PostParams {
            field_manager: Some(label::INTEGRATION_MANAGER.to_owned()),
            ..PostParams::default()
        };
        match self
            .edge(
                &format!("ControllerRevision {name}"),
                api.create(&params, &object),
            )
            .await
        {
            Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.is_already_exists()) => {
                Ok(())
            }
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

    /// Writes a status, if the object is still the one that was observed.
    pub async fn status<K, S>(&self, wanted: StatusOf<'_, S>) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + serde::de::DeserializeOwned,
        S: Serialize,
    {
        let owner = wanted.owner;
        let body = json!({
            "apiVersion": owner.api_version, "kind": owner.kind,
            "metadata": {"name": owner.name, "namespace": owner.namespace, "resourceVersion": wanted.resource_version},
            "status": wanted.status,
        });
        let api = Api::<K>::namespaced(self.client.clone(), &owner.namespace);
        let params = strict(wanted.manager, true);
        let what = format!(
            "the status of {} {}/{}",
            owner.kind, owner.namespace, owner.name
        );
        self.edge(
            &what,
            api.patch_status(&owner.name, &params, &Patch::Apply(&body)),
        )
        .await?;
        Ok(())
    }

    /// Makes a `PlantIntegration` the plant's own: its metadata and `spec.integration`, as the site controller.
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
        body["spec"] = json!({"integration": integration});
        self.patch_integration(&site.namespace, integration, (label::SITE_MANAGER, body))
            .await
    }

    /// Deletes a `PlantIntegration`.
    pub async fn disown(&self, namespace: &str, integration: &str, uid: &str) -> Result<(), Error> {
        let api = Api::<PlantIntegration>::namespaced(self.client.clone(), namespace);
        let params = by_uid(uid, PropagationPolicy::Foreground);
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

    /// Tells an event.
    pub async fn tell(
        &self,
        regarding: &Owner,
        instance: &str,
        event: &Event,
    ) -> Result<(), Error> {
        let now = jiff::Timestamp::now();
        let related = event.related.as_ref().map(|it| ObjectReference {
            api_version: Some(it.api_version.clone()),
            kind: Some(it.kind.clone()),
            name: Some(it.name.clone()),
            namespace: Some(regarding.namespace.clone()),
            ..ObjectReference::default()
        });
        let reason = event.reason.as_str().to_owned();
        let mut object = events::Event {
            event_time: Some(MicroTime(now)),
            type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
            action: Some(reason.clone()),
            reason: Some(reason),
            note: Some(clipped(&event.note)),
            regarding: Some(regarding.object_reference()),
            related,
            reporting_controller: Some("andon.dev/operator".to_owned()),
            reporting_instance: Some(instance.chars().take(128).collect()),
            ..events::Event::default()
        };
        object.metadata.namespace = Some(regarding.namespace.clone());
        object.metadata.name = Some(format!("{}.{:x}", regarding.name, now.as_nanosecond()));
        let api = Api::<events::Event>::namespaced(self.client.clone(), &regarding.namespace);
        let what = format!("event {}", object.name_any());
        self.edge(&what, api.create(&PostParams::default(), &object))
            .await?;
        Ok(())
    }

    /// The edge that every write passes.
    async fn edge<T>(
        &self,
        what: &str,
        write: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Error> {
        if !self.leadership.held() {
            return Err(Error::NotLeader);
        }
        let answer = write.await;
        #[cfg(feature = "fault-injection")]
        self.budget.spend(what, answer.is_ok()).await;
        answer.map_err(|error| {
            let stale = matches!(&error, kube::Error::Api(status) if status.is_conflict());
            let (what, source) = (what.to_owned(), Box::new(error));
            if stale {
                Error::Stale { what, source }
            } else {
                Error::Api { what, source }
            }
        })
    }
}

/// The longest note the API takes is 1 kB.
fn clipped(note: &str) -> String {
    const LONGEST: usize = 1000;
    if note.len() <= LONGEST {
        return note.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|at| note.is_char_boundary(*at));
    format!("{}…", &note[..end.unwrap_or(0)])
}

fn what(object: &Value) -> String {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("?")
    };
    format!("{} {}", text("/kind"), text("/metadata/name"))
}

fn strict(manager: &str, force: bool) -> PatchParams {
    let mut params = PatchParams::apply(manager);
    params.force = force;
    params.field_validation = Some(ValidationDirective::Strict);
    params
}

fn by_uid(uid: &str, propagation: PropagationPolicy) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(propagation),
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    }
}

/// What should be gone has gone, or is another object of the same name.
fn gone_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Stale { .. }) => Ok(()),
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.is_not_found()) => {
            Ok(())
        }
        other => other,
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

fn revisions() -> kube::api::ApiResource {
    kube::api::ApiResource::erase::<ControllerRevision>(&())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_clipped_between_characters() {
        assert_eq!(clipped("short"), "short");
        let clipped = clipped(&"ü".repeat(900));
        assert!(
            clipped.len() <= 1024 && clipped.ends_with('…'),
            "{}",
            clipped.len()
        );
    }
}
