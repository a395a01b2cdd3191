//! Reads only: everything the plan of one integration at one plant may see, live from the API server.

use super::{kept, pods};
use crate::adapter::{counters, direct, prometheus};
use crate::context::{Context, said};
use crate::kinds::{CHILDREN, Kind};
use crate::server_side_apply::Owner;
use andon_api::{Approval, ApprovalSpec, Blueprint, PlantIntegration, PlantSite, Trial, label};
use andon_plan::{DryRun, Integration, Neighbour, Observed, Reading, Revision, Seen, Site};
use futures::future::try_join_all;
use futures::try_join;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, TypeMeta};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why an integration could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not give it.
    #[error("failed to read {what}")]
    Read {
        /// What was to be read.
        what: &'static str,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
    /// It is not what it was when the look began.
    #[error("the PlantIntegration has changed meanwhile")]
    Changed,
    /// A ControllerRevision holds no rendering.
    #[error("failed to read the rendering in ControllerRevision {name}")]
    Revision {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

fn read(what: &'static str) -> impl Fn(kube::Error) -> Error {
    move |source| Error::Read {
        what,
        source: Box::new(source),
    }
}

/// Reads one integration. None: it is gone, or its plant is.
pub async fn observe(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Observed>, Error> {
    let client = &context.client;
    let integrations = Api::<PlantIntegration>::namespaced(client.clone(), namespace);
    let found = integrations
        .get_opt(name)
        .await
        .map_err(read("the PlantIntegration"))?;
    let Some(mine) = found else {
        return Ok(None);
    };
    let labelled = ListParams::default().labels(&format!("{}={name}", label::INTEGRATION));
    let (site, blueprint, neighbours, revisions, objects, pods) = try_join!(
        site(client, namespace),
        blueprint(client, &mine),
        neighbours(&integrations, name),
        revisions(client, namespace, &labelled),
        objects(client, namespace, &labelled),
        pods(client, namespace, &labelled),
    )?;
    let Some(site) = site else {
        return Ok(None);
    };
    let mut observed = Observed {
        now: Timestamp::now(),
        site,
        integration: integration(mine),
        blueprint,
        neighbours,
        revisions: revisions.into_iter().map(Arc::new).collect(),
        objects,
        pods,
        readings: BTreeMap::new(),
        vetoes: BTreeMap::new(),
        dry_runs: BTreeMap::new(),
        approvals: Seen::Absent,
    };
    observed.approvals = approvals(client, &observed).await;
    observed.readings = readings(context, &observed).await;
    observed.vetoes = vetoes(context, &observed).await;
    observed.dry_runs = dry_runs(context, &observed).await;
    // Asking took time; the decision is about now.
    observed.now = Timestamp::now();
    Ok(Some(observed))
}

/// An error if the PlantIntegration has moved on since it was observed: what was planned then is not to be done now. The
/// status write has the same precondition, but it comes last.
pub async fn unchanged(context: &Context, observed: &Observed) -> Result<(), Error> {
    let api = Api::<PlantIntegration>::namespaced(context.client.clone(), &observed.site.namespace);
    let now = api
        .get_metadata_opt(&observed.integration.name)
        .await
        .map_err(read("the PlantIntegration's version"))?;
    let version = now.and_then(|it| it.metadata.resource_version);
    match version.as_deref() == Some(&observed.integration.resource_version) {
        true => Ok(()),
        false => Err(Error::Changed),
    }
}

fn integration(mine: PlantIntegration) -> Integration {
    Integration {
        name: mine.name_any(),
        uid: mine.uid().unwrap_or_default(),
        generation: mine.metadata.generation.unwrap_or_default(),
        resource_version: mine.resource_version().unwrap_or_default(),
        deleting: mine.metadata.deletion_timestamp.is_some(),
        annotations: mine.metadata.annotations.unwrap_or_default(),
        spec: mine.spec,
        status: mine.status.unwrap_or_default(),
    }
}

/// The plant: the oldest PlantSite of the namespace, as the site controller sees it too.
async fn site(client: &Client, namespace: &str) -> Result<Option<Site>, Error> {
    let api = Api::<PlantSite>::namespaced(client.clone(), namespace);
    let sites = api
        .list(&ListParams::default())
        .await
        .map_err(read("the PlantSite"))?;
    let oldest = sites
        .into_iter()
        .min_by_key(|site| (site.creation_timestamp().map(|it| it.0), site.name_any()));
    Ok(oldest.map(|site| Site {
        name: site.name_any(),
        namespace: namespace.to_owned(),
        spec: site.spec,
    }))
}

async fn blueprint(
    client: &Client,
    mine: &PlantIntegration,
) -> Result<Seen<andon_api::BlueprintSpec>, Error> {
    let Some(target) = &mine.spec.target else {
        return Ok(Seen::Absent);
    };
    let api = Api::<Blueprint>::all(client.clone());
    // What the target asks cannot be known now; what runs can be looked after all the same.
    Ok(match api.get_opt(&target.blueprint.object_name()).await {
        Ok(Some(blueprint)) => Seen::Present(blueprint.spec),
        Ok(None) => Seen::Absent,
        Err(error) => Seen::Unknown(said(&error)),
    })
}

/// What people approved, in the namespace of the release. Only asked for where a line is validated. No answer holds such lines; it does
/// not keep anything from going back.
async fn approvals(client: &Client, observed: &Observed) -> Seen<Vec<ApprovalSpec>> {
    let spec = &observed.site.spec;
    let target = observed.integration.spec.target.as_ref();
    let Some((namespace, release)) = target.and_then(|it| it.release.split_once('/')) else {
        return Seen::Absent;
    };
    if !spec.lines.iter().any(|line| line.validated) {
        return Seen::Absent;
    }
    let api = Api::<Approval>::namespaced(client.clone(), namespace);
    match api.list(&ListParams::default()).await {
        Ok(all) => {
            let specs = all.into_iter().map(|it| it.spec);
            let ours = specs.filter(|it| it.line.is_some() && it.release == release);
            Seen::Present(ours.collect())
        }
        Err(error) => Seen::Unknown(said(&error)),
    }
}

async fn neighbours(api: &Api<PlantIntegration>, name: &str) -> Result<Vec<Neighbour>, Error> {
    let all = api
        .list(&ListParams::default())
        .await
        .map_err(read("the plant's other integrations"))?;
    let others = all.into_iter().filter(|other| other.name_any() != name);
    Ok(others
        .map(|other| {
            let lines = other.status.unwrap_or_default().lines;
            let blueprint = other.spec.target.map(|it| it.blueprint.name);
            Neighbour::of(
                other.spec.integration,
                blueprint.unwrap_or_default(),
                &lines,
            )
        })
        .collect())
}

async fn revisions(
    client: &Client,
    namespace: &str,
    labelled: &ListParams,
) -> Result<Vec<Revision>, Error> {
    let api = Api::<ControllerRevision>::namespaced(client.clone(), namespace);
    let list = api
        .list(labelled)
        .await
        .map_err(read("the kept renderings"))?;
    // A StatefulSet keeps revisions of its own, and gives them the labels of its pods.
    let ours = list.into_iter().filter(|revision| {
        let mut owners = revision.owner_references().iter();
        owners.any(|owner| owner.kind == PlantIntegration::kind(&()))
    });
    ours.map(kept::revision).collect()
}

async fn objects(
    client: &Client,
    namespace: &str,
    labelled: &ListParams,
) -> Result<Vec<Arc<Value>>, Error> {
    let lists = CHILDREN.map(|kind| async move {
        let api =
            Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind.resource());
        let list = api.list(labelled).await.map_err(read(kind.plural))?;
        Ok::<_, Error>(
            list.into_iter()
                .map(move |object| Arc::new(value(object, kind))),
        )
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// An object as `kubectl get -o json` shows it; the members of a list do not say what they are.
fn value(mut object: DynamicObject, kind: Kind) -> Value {
    object.metadata.managed_fields = None;
    object.types = Some(TypeMeta {
        api_version: kind.api_version(),
        kind: kind.kind.to_owned(),
    });
    serde_json::to_value(object).unwrap_or_default()
}

async fn pods(
    client: &Client,
    namespace: &str,
    labelled: &ListParams,
) -> Result<Vec<andon_plan::Pod>, Error> {
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    let list = api.list(labelled).await.map_err(read("the pods"))?;
    Ok(list.into_iter().map(|pod| pods::pod(&pod)).collect())
}

/// Counters, only while a line is judged.
async fn readings(context: &Context, observed: &Observed) -> BTreeMap<String, Reading> {
    let lines = &observed.integration.status.lines;
    if !lines.iter().any(andon_plan::is_counted) {
        return BTreeMap::new();
    }
    let questions = counters::questions(&observed.pods, &observed.revisions);
    ask(context, observed, &questions).await
}

/// Whether what runs on lines that are about to change may be disturbed.
async fn vetoes(context: &Context, observed: &Observed) -> BTreeMap<String, Reading> {
    let asked = andon_plan::vetoes(observed);
    ask(context, observed, &counters::vetoes(&asked)).await
}

async fn ask(
    context: &Context,
    observed: &Observed,
    questions: &[counters::Question<'_>],
) -> BTreeMap<String, Reading> {
    let namespace = &observed.site.namespace;
    match &observed.site.spec.metrics {
        Some(source) => {
            let url = &source.prometheus.url;
            prometheus::read(&context.http, url, namespace, questions).await
        }
        None => direct::read(&context.client, namespace, questions).await,
    }
}

/// Whether the API server would take the objects of the unchecked trials, by line.
async fn dry_runs(context: &Context, observed: &Observed) -> BTreeMap<String, DryRun> {
    let mut answers = BTreeMap::new();
    for line in &observed.integration.status.lines {
        let trial = line.trial.as_ref();
        // One that runs as a shadow has been asked for, and is again before it changes anything.
        let unchecked =
            trial.filter(|it| !it.checked && it.failure.is_none() && !it.is_shadowing());
        if let Some(trial) = unchecked
            && let Some(answer) = dry_run(context, observed, trial).await
        {
            answers.insert(line.name.clone(), answer);
        }
    }
    answers
}

/// Whether the API server would take the objects of a trial; none: its rendering is not kept.
async fn dry_run(context: &Context, observed: &Observed, trial: &Trial) -> Option<DryRun> {
    let mut revisions = observed.revisions.iter();
    let revision = revisions.find(|it| it.name == trial.rendering.revision)?;
    let rendering = &revision.rendering;
    let check = rendering.check.iter().flat_map(|check| &check.objects);
    let stages = rendering.stages.iter().flat_map(|stage| &stage.objects);
    let target = observed.integration.spec.target.as_ref();
    let asked = target.and_then(|it| it.analysis.shadow.as_ref());
    let shadow = asked.and_then(|_| rendering.shadow()).into_iter();
    let beside = check.chain(shadow.flat_map(|(_, shadow)| &shadow.objects));
    let owner = Owner::of::<PlantIntegration>(
        &observed.site.namespace,
        &observed.integration.name,
        &observed.integration.uid,
    );
    for object in beside.chain(&rendering.common).chain(stages) {
        let there = observed.objects.iter().find(|it| same(it, object));
        let uid = there.and_then(|it| it.pointer("/metadata/uid")?.as_str());
        match context.writer.dry_run(&owner, object, uid).await {
            DryRun::Accepted => {}
            no => return Some(no),
        }
    }
    Some(DryRun::Accepted)
}

fn same(one: &Value, other: &Value) -> bool {
    ["/apiVersion", "/kind", "/metadata/name"]
        .iter()
        .all(|pointer| one.pointer(pointer) == other.pointer(pointer))
}
