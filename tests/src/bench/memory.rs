//! What the operator takes of the machine.

use crate::cluster::Cluster;
use crate::plant::SYSTEM;
use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use std::fs;
use std::path::Path;

/// Megabytes of main memory that the operator's process has in use now, as the kernel counts them.
pub async fn operator(cluster: &Cluster) -> Result<f64> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), SYSTEM);
    let found = pods.list(&ListParams::default()).await?;
    let names: Vec<_> = found
        .items
        .into_iter()
        .filter_map(|pod| pod.metadata.name)
        .collect();
    for process in fs::read_dir("/proc")?.flatten() {
        let folder = process.path();
        // A pod's host has the pod's name.
        let host = fs::read_to_string(folder.join("root/etc/hostname")).unwrap_or_default();
        let program = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        if program.trim() == "andon" && names.iter().any(|name| name == host.trim()) {
            return megabytes(&folder);
        }
    }
    bail!("found no operator of the pods {names:?} among this machine's processes")
}

fn megabytes(process: &Path) -> Result<f64> {
    let status = fs::read_to_string(process.join("status"))?;
    let kibibytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("no VmRSS in {status}"))?;
    Ok(kibibytes * 1024.0 / 1e6)
}
