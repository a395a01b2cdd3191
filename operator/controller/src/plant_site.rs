//! The controller of `PlantSite`: creates and deletes the plant's `PlantIntegration` objects. The decisions are
//! `andon_plan::plan_site`'s.

mod observe;

pub(crate) use observe::named;

use crate::context::{Context, Failure, RECONCILE_PATIENCE, Which, look_again};
use crate::server_side_apply::{self, Owner, StatusOf, Writer};
use crate::watch::{self, Stop};
use andon_api::{PlantIntegration, PlantSite, label};
use andon_plan::{SiteChange, SitePlan};
use futures::StreamExt;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use std::sync::Arc;

const CONTROLLER: &str = "plant-site";

/// Why a reconcile failed; one variant per step.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to observe")]
    Observe(#[source] Box<kube::Error>),
    #[error("failed to apply the plan")]
    Apply(#[source] server_side_apply::Error),
    #[error("failed to report")]
    Report(#[source] server_side_apply::Error),
    #[error("failed to finish within {} s", RECONCILE_PATIENCE.as_secs())]
    TooLong,
}

impl Failure for Error {
    fn stale(&self) -> bool {
        let (Self::Apply(error) | Self::Report(error)) = self else {
            return false;
        };
        matches!(error, server_side_apply::Error::Stale { .. })
    }

    fn too_long() -> Self {
        Self::TooLong
    }
}

/// Runs the controller until it is told to stop.
pub async fn run(context: Arc<Context>, stop: Stop) {
    let client = context.client.clone();
    let (trigger, reader) = watch::primary::<PlantSite>(client.clone(), |_| {});
    let integrations = Api::<PartialObjectMeta<PlantIntegration>>::all(client.clone());
    Controller::for_stream(trigger, reader.clone())
        .with_config(watch::config())
        .graceful_shutdown_on(stop)
        // By namespace, not by owner: an integration whose owner reference was taken off has to be put back.
        .watches(integrations, kube::runtime::watcher::Config::default(), {
            let reader = reader.clone();
            move |changed| in_namespace(&reader, changed.namespace())
        })
        // A sibling that has gone frees the namespace.
        .watches_stream(watch::changes::<PlantSite>(client), move |changed| {
            in_namespace(&reader, changed.namespace())
        })
        .run(reconcile, error_policy, context)
        .for_each(|_| std::future::ready(()))
        .await;
}

fn in_namespace(
    reader: &kube::runtime::reflector::Store<PlantSite>,
    namespace: Option<String>,
) -> Vec<ObjectRef<PlantSite>> {
    let all = reader.state();
    let here = all.iter().filter(|site| site.namespace() == namespace);
    here.map(|site| ObjectRef::from_obj(&**site)).collect()
}

async fn reconcile(object: Arc<PlantSite>, context: Arc<Context>) -> Result<Action, Error> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let steps = steps(&context, &namespace, &name);
    context
        .reconcile(&Which::of(CONTROLLER, &*object), steps)
        .await
}

async fn steps(context: &Context, namespace: &str, name: &str) -> Result<Action, Error> {
    // reads only
    let observed = observe::observe(&context.client, namespace, name).await;
    let Some(observed) = observed.map_err(|source| Error::Observe(Box::new(source)))? else {
        return Ok(Action::await_change());
    };
    // no client: pure
    let plan = andon_plan::plan_site(&observed);
    let owner = Owner::of::<PlantSite>(namespace, name, &observed.site.uid);
    // writes only
    apply(&context.writer, &owner, &plan)
        .await
        .map_err(Error::Apply)?;
    if plan.write_status {
        let status = StatusOf {
            owner: &owner,
            manager: label::SITE_MANAGER,
            resource_version: &observed.site.resource_version,
            status: &plan.status,
        };
        context
            .writer
            .status::<PlantSite, _>(status)
            .await
            .map_err(Error::Report)?;
    }
    // The calendar's next edge.
    Ok(look_again(plan.wake))
}

async fn apply(
    writer: &Writer,
    owner: &Owner,
    plan: &SitePlan,
) -> Result<(), server_side_apply::Error> {
    for change in &plan.changes {
        match change {
            SiteChange::Apply { integration, uid } => {
                writer.claim(owner, integration, uid.as_deref()).await?;
            }
            SiteChange::AddFinalizer => writer.keep_site(owner).await?,
            SiteChange::RemoveFinalizer => writer.let_go::<PlantSite>(owner).await?,
            SiteChange::Delete { integration, uid } => {
                writer.disown(&owner.namespace, integration, uid).await?;
            }
        }
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn error_policy(object: Arc<PlantSite>, error: &Error, context: Arc<Context>) -> Action {
    context.after_failure(Which::of(CONTROLLER, &*object), error)
}
