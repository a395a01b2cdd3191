//! Plant `ulm` of `examples/01-first-plant`, on whatever cluster and floor there is.

use crate::cluster::Cluster;
use crate::floor::Floor;
use crate::packages;
use crate::process::{Background, root, run};
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, ListParams, PostParams};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Whether the operator runs as a process beside the cluster (`ANDON_OPERATOR=process`): while it is worked on, the program just
/// built, without an image.
pub fn operator_is_process() -> bool {
    std::env::var("ANDON_OPERATOR").is_ok_and(|how| how == "process")
}

/// The operator as a process beside the cluster, so that it can be killed for good, or tried without an image.
pub fn start_operator(cluster: &Cluster, log: &Path) -> Result<Background> {
    let mut command = Command::new(packages::beside_this("andon")?);
    command.env("KUBECONFIG", &cluster.kubeconfig);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--lease-seconds",
        "15",
        "--log-format",
        "text",
        "--identity",
    ]);
    command.arg(format!("process-{}", std::process::id()));
    Background::start("the operator", command, log)
}

/// Only the kinds of the chart: for an operator that runs as a process beside the cluster.
pub fn install_kinds(cluster: &Cluster) -> Result<()> {
    let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {SYSTEM}}}\n");
    cluster.apply(&written("system.yaml", &namespace)?)?;
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
    broker_accounts(cluster, PLANT).await?;
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
    pods_of(client, PLANT).await
}

/// The same, of any plant.
pub async fn pods_of(
    client: &kube::Client,
    plant: &str,
) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), plant);
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

/// The broker's accounts: passwords are made here, at run time, as a plant's own secret store would. Once made they stay.
pub async fn broker_accounts(cluster: &Cluster, plant: &str) -> Result<()> {
    let (source, post, admin) = (password()?, password()?, password()?);
    let mut secret = Secret::default();
    secret.metadata.name = Some("broker-accounts".to_owned());
    secret.string_data = Some(BTreeMap::from([
        (
            "artemis-users.properties".to_owned(),
            format!("source={source}\npost={post}\nadmin={admin}\n"),
        ),
        (
            "artemis-roles.properties".to_owned(),
            "source=source\npost=post\nadmin=admin\n".to_owned(),
        ),
        ("source-password".to_owned(), source),
        ("post-password".to_owned(), post),
    ]));
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), plant);
    if secrets.get_opt("broker-accounts").await?.is_none() {
        secrets.create(&PostParams::default(), &secret).await?;
    }
    Ok(())
}

fn password() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file below `target` with this text.
pub fn written(name: &str, text: &str) -> Result<PathBuf> {
    let folder = root()
        .join("target/plant")
        .join(std::process::id().to_string());
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}
