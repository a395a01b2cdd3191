//! The one place that writes to Kubernetes. Every write passes one edge, which asks whether we still lead; every write
//! carries what makes it harmless when it is late: a UID, a resource version, or a name that holds the digest of the content.
#![allow(clippy::disallowed_methods, reason = "the one module that writes")]

mod event;
mod finalizer;
mod integration;
mod revision;

use crate::context::said;
use crate::kinds::Kind;
use crate::leader::Leadership;
use andon_api::label;
use andon_plan::DryRun;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::api::{
    DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy,
    ValidationDirective,
};
use kube::{Api, Client, Resource};
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

    /// Deletes a pod, if it is still the one that was observed. That it has gone is fine.
    pub async fn delete_pod(&self, namespace: &str, name: &str, uid: &str) -> Result<(), Error> {
        let api = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let params = by_uid(uid, PropagationPolicy::Background);
        let what = format!("Pod {name}");
        gone_is_fine(self.edge(&what, api.delete(name, &params)).await.map(drop))
    }

    /// Writes a status, if the object is still the one that was observed.
    pub async fn status<K, S>(&self, wanted: StatusOf<'_, S>) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + serde::de::DeserializeOwned,
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
