//! What this machine and Kubernetes need for the parts that nobody can leave out.

use crate::cluster::Cluster;
use crate::plant::{LINES, PLANT};
use crate::wait::{Look, until};
use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, GetParams, ListParams, Patch, PatchParams};
use kube::core::Request;
use serde_json::json;
use std::time::{Duration, Instant};

/// Seconds of one look at a canary: its counters, read through the API server, and one read of an object.
pub async fn look(cluster: &Cluster) -> Result<f64> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), PLANT);
    let found = pods.list(&posts()).await?;
    let pod = found
        .items
        .first()
        .and_then(|pod| pod.metadata.name.clone())
        .context("the first line has no post")?;
    let counters = format!("{pod}:8080/proxy/observe/metrics");
    let request = Request::new(format!("/api/v1/namespaces/{PLANT}/pods"))
        .get(&counters, &GetParams::default())?;
    let began = Instant::now();
    let text = cluster.client.request_text(request).await?;
    anyhow::ensure!(
        text.contains("andon_posted_total"),
        "{pod} serves no counters: {text}"
    );
    pods.get(&pod).await?;
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds until the first line's `post` is ready again after `kubectl rollout restart`. Nobody else may touch it meanwhile.
pub async fn restart(cluster: &Cluster) -> Result<f64> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), PLANT);
    let found = deployments.list(&posts()).await?;
    let name = found
        .items
        .first()
        .and_then(|it| it.metadata.name.clone())
        .context("the first line has no post")?;
    let began = Instant::now();
    let annotations =
        json!({"kubectl.kubernetes.io/restartedAt": jiff::Timestamp::now().to_string()});
    let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    let patched = deployments
        .patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    let generation = patched.metadata.generation;
    let what = format!("{name} to be ready after a plain restart");
    until(&what, Duration::from_secs(180), || async {
        let status = deployments.get(&name).await?.status.unwrap_or_default();
        let done = status.observed_generation >= generation
            && status.updated_replicas == Some(1)
            && status.ready_replicas == Some(1)
            && status.replicas == Some(1);
        Ok(if done {
            Look::Done(began.elapsed().as_secs_f64())
        } else {
            Look::NotYet(format!("{status:?}"))
        })
    })
    .await
}

fn posts() -> ListParams {
    ListParams::default().labels(&format!("andon.dev/line={},andon.dev/stage=post", LINES[0]))
}
