//! Plant `ulm` of `examples/01-first-plant`, on whatever cluster and floor there is.

use crate::cluster::Cluster;
use crate::floor::Floor;
use crate::packages;
use crate::process::{root, run};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The plant's namespace.
pub const PLANT: &str = "plant-ulm";
/// The fleet's namespace.
pub const FLEET: &str = "andon-fleet";
/// The operator's namespace.
pub const SYSTEM: &str = "andon-system";
/// The plant's lines, least critical first.
pub const LINES: [&str; 3] = ["packaging-1", "filling-1", "sterile-1"];

/// Installs the operator with its chart.
pub fn install_operator(cluster: &Cluster) -> Result<()> {
    let chart = root().join("charts/andon");
    let mut helm = cluster.helm();
    helm.args(["upgrade", "--install", "andon"]).arg(chart);
    helm.args([
        "--namespace",
        SYSTEM,
        "--create-namespace",
        "--wait",
        "--timeout",
        "3m",
    ]);
    run(&mut helm).context("failed to install the chart")?;
    Ok(())
}

/// Only the kinds of the chart: for an operator that runs as a process beside the cluster.
pub fn install_kinds(cluster: &Cluster) -> Result<()> {
    cluster.apply(&root().join("crds"))?;
    run(cluster
        .kubectl()
        .args(["wait", "--for=condition=Established", "--timeout=60s", "-f"])
        .arg(root().join("crds")))?;
    Ok(())
}

/// Everything that `examples/01-first-plant` says, with the floor's addresses.
pub async fn install_plant(cluster: &Cluster, floor: &Floor) -> Result<()> {
    let example = root().join("examples/01-first-plant");
    cluster.apply(&example.join("namespaces.yaml"))?;
    broker_accounts(cluster)?;
    for blueprint in ["plant-base", "line-confirmations"] {
        packages::publish(cluster, &root().join("blueprints").join(blueprint))?;
    }
    let plant =
        std::fs::read_to_string(example.join("plant.yaml"))?.replace("172.31.0.10", floor.host());
    cluster.apply(&written("plant.yaml", &plant)?)?;
    cluster.apply(&example.join("plant-base.yaml"))?;
    cluster.apply(&example.join("confirmations.yaml"))
}

/// UIDs of the pods of each line's stages; two equal sets mean that nothing was touched.
pub async fn pods_by_line(client: &kube::Client) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), PLANT);
    let mut lines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pod in pods
        .list(&ListParams::default().labels(andon_api::label::LINE))
        .await?
    {
        let labels = pod.metadata.labels.unwrap_or_default();
        if let (Some(line), Some(uid)) = (labels.get(andon_api::label::LINE), pod.metadata.uid) {
            lines.entry(line.clone()).or_default().insert(uid);
        }
    }
    Ok(lines)
}

/// The broker's accounts: made here, at run time, as a plant's own secret store would.
fn broker_accounts(cluster: &Cluster) -> Result<()> {
    let script = root().join("blueprints/plant-base/tools/accounts");
    run(cluster
        .with_kubeconfig(std::process::Command::new(script))
        .arg(PLANT))
    .context("failed to make the broker's accounts")?;
    Ok(())
}

fn written(name: &str, text: &str) -> Result<PathBuf> {
    let folder = root()
        .join("target/plant")
        .join(std::process::id().to_string());
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}
