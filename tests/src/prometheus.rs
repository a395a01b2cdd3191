//! A Prometheus that scrapes the plant's connectors, beside the embedded cluster's API server.

use crate::cluster::Cluster;
use crate::process::{Background, root, run, tool};
use crate::wait::{Look, until};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Where it listens: node1's address, which pods reach too.
const ADDRESS: &str = "10.99.0.1:9090";

/// A running server; it ends when this is dropped. What it has scraped stays for the next one on the same cluster.
pub struct Prometheus {
    server: Background,
    from_here: String,
    http: reqwest::Client,
}

impl Prometheus {
    /// Starts it and waits until it answers. Its state lies in the cluster's folder and goes with it.
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        let name = cluster.name.as_deref().context(
            "KUBECONFIG is set: a Prometheus of ours runs only beside a cluster of ours",
        )?;
        let folder = settings(cluster, name)?;
        let mut command = tool("andon-cluster");
        command
            .args(["run", name, "--"])
            .arg(root().join(".cache/bin/prometheus"))
            .arg(format!(
                "--config.file={}",
                folder.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={ADDRESS}"))
            .arg("--log.level=warn");
        let server = Background::start("Prometheus", command, &folder.join("log"))?;
        let port = run(tool("andon-cluster").args(["forward", name, "--to", ADDRESS]))?;
        let mut prometheus = Self {
            server,
            from_here: format!("http://127.0.0.1:{}", port.trim()),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(5))
                .build()?,
        };
        prometheus.answers().await?;
        Ok(prometheus)
    }

    /// Its address for an operator: one that runs in a pod, or one that runs as a process of this machine. The latter stays
    /// the same when Prometheus is started again.
    pub fn url(&self, in_a_pod: bool) -> String {
        match in_a_pod {
            true => format!("http://{ADDRESS}"),
            false => self.from_here.clone(),
        }
    }

    /// What it answers to a query, as its API says it.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        let url = reqwest::Url::parse_with_params(
            &format!("{}/api/v1/query", self.from_here),
            &[("query", query)],
        )?;
        let response = self.http.get(url).send().await?.error_for_status()?;
        let mut answer: Value = response.json().await?;
        match answer["data"]["result"].take() {
            Value::Array(series) => Ok(series),
            _ => anyhow::bail!("Prometheus answered {query} with {answer}"),
        }
    }

    async fn answers(&mut self) -> Result<()> {
        let ready = format!("{}/-/ready", self.from_here);
        let answered = until(
            "Prometheus to be ready",
            Duration::from_secs(60),
            || async {
                self.http.get(&ready).send().await?.error_for_status()?;
                Ok(Look::Done(()))
            },
        )
        .await;
        self.server.must_run()?;
        answered
    }
}

/// Lays everything that its configuration names into a folder.
fn settings(cluster: &Cluster, name: &str) -> Result<PathBuf> {
    let source = root().join("tests/prometheus");
    cluster.apply(&source.join("access.yaml"))?;
    let folder = root().join("target/cluster").join(name).join("prometheus");
    fs::create_dir_all(&folder)?;
    fs::copy(source.join("prometheus.yml"), folder.join("prometheus.yml"))?;
    let token = run(cluster.kubectl().args([
        "create",
        "token",
        "prometheus",
        "--namespace=monitoring",
        "--duration=12h",
    ]))?;
    fs::write(folder.join("token"), token.trim())?;
    run(cluster.kubectl().args([
        "wait",
        "--for=create",
        "configmap/kube-root-ca.crt",
        "--namespace=monitoring",
        "--timeout=60s",
    ]))?;
    let authority = run(cluster.kubectl().args([
        "get",
        "configmap",
        "kube-root-ca.crt",
        "--namespace=monitoring",
        "--output=jsonpath={.data.ca\\.crt}",
    ]))?;
    fs::write(folder.join("ca.crt"), authority)?;
    Ok(folder)
}
