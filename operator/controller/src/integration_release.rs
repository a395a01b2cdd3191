//! The controller of `IntegrationRelease`: gives every plant that wants the integration its target, and counts what
//! became of it. The decisions are `andon_plan::plan_release`'s.

mod observe;

use crate::context::{Context, Failure, RECONCILE_PATIENCE, Which, look_again};
use crate::server_side_apply::{self, Owner, StatusOf};
use crate::watch::{self, Stop};
use andon_api::{Approval, Blueprint, IntegrationRelease, PlantIntegration, PlantSite, label};
use futures::StreamExt;
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, ResourceExt};
use std::sync::Arc;

const CONTROLLER: &str = "integration-release";

/// Why a reconcile failed; one variant per step.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to observe")]
    Observe(#[source] Box<kube::Error>),
    #[error("failed to read the blueprint, so nothing was asked of any plant: {0}")]
    Blueprint(String),
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
    let (trigger, reader) = watch::primary::<IntegrationRelease>(client.clone(), |_| {});
    let (of_blueprint, of_integration) = (reader.clone(), reader.clone());
    let (of_fleet, siblings) = (reader.clone(), reader.clone());
    let integrations = Api::<PartialObjectMeta<PlantIntegration>>::all(client.clone());
    let blueprints = Api::<PartialObjectMeta<Blueprint>>::all(client.clone());
    let any = kube::runtime::watcher::Config::default();
    Controller::for_stream(trigger, reader)
        .with_config(watch::config())
        .graceful_shutdown_on(stop)
        .watches(
            Api::<Approval>::all(client.clone()),
            any.clone(),
            |approval| {
                let namespace = approval.namespace()?;
                Some(ObjectRef::new(&approval.spec.release).within(&namespace))
            },
        )
        .watches(blueprints, any.clone(), move |blueprint| {
            let name = blueprint.name_any();
            select(&of_blueprint, |it| it.spec.blueprint.object_name() == name)
        })
        // An integration's object bears its name, so metadata say enough.
        .watches(integrations, any, move |integration| {
            let name = integration.name_any();
            select(&of_integration, |it| it.spec.integration == name)
        })
        // A plant may have left a fleet as well as joined one, and metadata do not say which: all of them look.
        .watches_stream(watch::changes::<PlantSite>(client.clone()), move |_| {
            select(&of_fleet, |_| true)
        })
        // A release that has gone, or speaks for another integration now, may make room.
        .watches_stream(
            watch::changes::<IntegrationRelease>(client),
            move |changed| select(&siblings, |it| it.namespace() == changed.namespace()),
        )
        .run(reconcile, error_policy, context)
        .for_each(|_| std::future::ready(()))
        .await;
}

fn select(
    reader: &Store<IntegrationRelease>,
    wanted: impl Fn(&IntegrationRelease) -> bool,
) -> Vec<ObjectRef<IntegrationRelease>> {
    let all = reader.state();
    let found = all.iter().filter(|it| wanted(it));
    found.map(|it| ObjectRef::from_obj(&**it)).collect()
}

async fn reconcile(
    object: Arc<IntegrationRelease>,
    context: Arc<Context>,
) -> Result<Action, Error> {
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
    let plan = andon_plan::plan_release(&observed);
    // writes only
    for assign in &plan.changes {
        let integration = (assign.name.as_str(), assign.uid.as_str());
        let written = context
            .writer
            .assign(&assign.namespace, integration, &assign.target);
        written.await.map_err(Error::Apply)?;
    }
    // status, then events
    let owner = Owner::of::<IntegrationRelease>(namespace, name, &observed.release.uid);
    if plan.write_status {
        let status = StatusOf {
            owner: &owner,
            manager: label::RELEASE_MANAGER,
            resource_version: &observed.release.resource_version,
            status: &plan.status,
        };
        let written = context.writer.status::<IntegrationRelease, _>(status);
        written.await.map_err(Error::Report)?;
    }
    for event in &plan.events {
        context.teller.tell(&owner, event);
    }
    // What could not be known does not announce itself.
    if let andon_plan::Seen::Unknown(why) = observed.blueprint {
        return Err(Error::Blueprint(why));
    }
    Ok(look_again(plan.wake))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn error_policy(object: Arc<IntegrationRelease>, error: &Error, context: Arc<Context>) -> Action {
    context.after_failure(Which::of(CONTROLLER, &*object), error)
}
