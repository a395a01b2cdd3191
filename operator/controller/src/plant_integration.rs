//! The controller of `PlantIntegration`: renders, applies, judges, rolls back, line by line. The decisions are `andon_plan`'s.
//!
//! ```text
//! observe -> plan -> check -> apply -> report
//! ```

mod apply;
mod kept;
mod observe;
mod pods;
mod report;

use crate::context::{Context, Failure, RECONCILE_PATIENCE, Which, look_again};
use crate::kinds::CHILDREN;
use crate::server_side_apply::{self, Owner};
use crate::watch::{self, Stop};
use andon_api::{Approval, Blueprint, PlantIntegration, PlantSite, label};
use andon_plan::{Observed, Plan};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, ResourceExt};
use std::sync::Arc;

const CONTROLLER: &str = "plant-integration";

/// Why a reconcile failed; one variant per step.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to observe")]
    Observe(#[source] observe::Error),
    #[error("refused a plan that breaks a rule, and carried nothing of it out: {0}")]
    Check(String),
    #[error("failed to apply the plan")]
    Apply(#[source] server_side_apply::Error),
    #[error("failed to report")]
    Report(#[source] server_side_apply::Error),
    #[error("failed to finish within {} s", RECONCILE_PATIENCE.as_secs())]
    TooLong,
}

impl Failure for Error {
    fn stale(&self) -> bool {
        matches!(
            self,
            Self::Report(server_side_apply::Error::Stale { .. })
                | Self::Observe(observe::Error::Changed)
        )
    }

    fn too_long() -> Self {
        Self::TooLong
    }
}

/// Runs the controller until it is told to stop.
pub async fn run(context: Arc<Context>, stop: Stop) {
    let client = context.client.clone();
    let (trigger, reader) =
        watch::primary::<PlantIntegration>(client.clone(), |it| it.status = None);
    let controller = Controller::for_stream(trigger, reader.clone())
        .with_config(watch::config())
        .graceful_shutdown_on(stop);
    let controller = children(controller, &client);
    relatives(controller, &client, &reader)
        .run(reconcile, error_policy, context)
        .for_each(|_| std::future::ready(()))
        .await;
}

/// Everything Andon made for an integration, by metadata alone: what changed is read when it is looked at.
fn children(
    mut controller: Controller<PlantIntegration>,
    client: &Client,
) -> Controller<PlantIntegration> {
    let revisions = ApiResource::erase::<ControllerRevision>(&());
    let kinds = CHILDREN
        .map(|kind| kind.resource())
        .into_iter()
        .chain([revisions]);
    for resource in kinds {
        let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(client.clone(), &resource);
        controller = controller.owns_with(api, resource, watch::ours());
    }
    // Pods belong to Deployments and Jobs; their labels say whose they are.
    let pods = Api::<PartialObjectMeta<Pod>>::all(client.clone());
    controller.watches(pods, watch::ours(), |pod| {
        let name = pod.labels().get(label::INTEGRATION).cloned();
        name.map(|name| in_namespace(&name, pod.namespace()))
    })
}

/// The plant, the blueprints, approvals of its lines and the plant's other integrations.
fn relatives(
    controller: Controller<PlantIntegration>,
    client: &Client,
    reader: &Store<PlantIntegration>,
) -> Controller<PlantIntegration> {
    let (of_plant, of_blueprint, neighbours) = (reader.clone(), reader.clone(), reader.clone());
    let of_approval = reader.clone();
    let approvals = Api::<Approval>::all(client.clone());
    let last_good = watch::filtered::<PlantIntegration>(client.clone(), |it| {
        let lines = it.status.iter().flat_map(|status| &status.lines);
        // What others require, and what they are required for.
        let versions = lines.map(|line| {
            let promoted = line.promoted.as_ref();
            (
                &line.name,
                line.last_good.as_ref().map(|it| &it.version),
                line.trial.as_ref().map(|it| &it.rendering.version),
                promoted.is_some_and(|it| it.leaving.is_some()),
            )
        });
        watch::hash(versions.collect::<Vec<_>>())
    });
    let blueprints = Api::<PartialObjectMeta<Blueprint>>::all(client.clone());
    controller
        .watches_stream(watch::changes::<PlantSite>(client.clone()), move |site| {
            select(&of_plant, |it| it.namespace() == site.namespace())
        })
        .watches(
            blueprints,
            kube::runtime::watcher::Config::default(),
            move |blueprint| {
                let name = blueprint.name_any();
                select(&of_blueprint, |it| {
                    let target = it.spec.target.as_ref();
                    target.is_some_and(|target| target.blueprint.object_name() == name)
                })
            },
        )
        .watches(
            approvals,
            kube::runtime::watcher::Config::default(),
            move |approval| {
                let plant = approval.spec.line.as_ref().map(|line| line.plant.clone());
                select(&of_approval, |it| {
                    plant.is_some() && it.namespace() == plant
                })
            },
        )
        .watches_stream(last_good, move |changed| {
            select(&neighbours, |it| {
                it.namespace() == changed.namespace() && it.name_any() != changed.name_any()
            })
        })
}

fn select(
    reader: &Store<PlantIntegration>,
    wanted: impl Fn(&PlantIntegration) -> bool,
) -> Vec<ObjectRef<PlantIntegration>> {
    let all = reader.state();
    let found = all.iter().filter(|it| wanted(it));
    found.map(|it| ObjectRef::from_obj(&**it)).collect()
}

fn in_namespace(name: &str, namespace: Option<String>) -> ObjectRef<PlantIntegration> {
    ObjectRef::new(name).within(&namespace.unwrap_or_default())
}

async fn reconcile(object: Arc<PlantIntegration>, context: Arc<Context>) -> Result<Action, Error> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let steps = steps(&context, &namespace, &name);
    context
        .reconcile(&Which::of(CONTROLLER, &*object), steps)
        .await
}

async fn steps(context: &Context, namespace: &str, name: &str) -> Result<Action, Error> {
    // reads only
    let observed = observe::observe(context, namespace, name)
        .await
        .map_err(Error::Observe)?;
    let Some(observed) = observed else {
        let object = format!("{namespace}/{name}");
        context.take_renderings(&object);
        context.metrics.forget(&object);
        return Ok(Action::await_change());
    };
    // no client: pure
    let plan = decide(context, &observed)?;
    if !plan.changes.is_empty() {
        observe::unchanged(context, &observed)
            .await
            .map_err(Error::Observe)?;
    }
    let wake = plan.wake;
    let owner = Owner::of::<PlantIntegration>(namespace, name, &observed.integration.uid);
    // writes only
    let applied = apply::apply(&context.writer, &owner, plan)
        .await
        .map_err(Error::Apply)?;
    // status, then events
    report::report(context, &owner, &observed, &applied)
        .await
        .map_err(Error::Report)?;
    Ok(look_again(wake))
}

/// A plan that keeps every rule.
fn decide(context: &Context, observed: &Observed) -> Result<Plan, Error> {
    let object = format!("{}/{}", observed.site.namespace, observed.integration.name);
    let mut renderings = context.take_renderings(&object);
    let plan = andon_plan::plan_with(observed, &mut renderings);
    let checked = andon_plan::check_with(observed, &plan, &mut renderings);
    context.keep_renderings(object, renderings);
    checked.map_err(|rules| broken(&rules))?;
    Ok(plan)
}

fn broken(rules: &[andon_plan::Violation]) -> Error {
    let texts: Vec<_> = rules.iter().map(ToString::to_string).collect();
    Error::Check(texts.join("; "))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn error_policy(object: Arc<PlantIntegration>, error: &Error, context: Arc<Context>) -> Action {
    context.after_failure(Which::of(CONTROLLER, &*object), error)
}
