//! The Kubernetes that a test or the demo runs on: the embedded one, or the one in `$KUBECONFIG`.

use crate::process::{root, run, tool};
use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running cluster.
#[derive(Clone)]
pub struct Cluster {
    /// Name of the embedded cluster; none for one that somebody else keeps.
    pub name: Option<String>,
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
    /// A client.
    pub client: kube::Client,
}

impl Cluster {
    /// Takes `$KUBECONFIG` if it is set, else starts the embedded cluster of this name (or takes it if it runs).
    pub async fn up(name: &str) -> Result<Self> {
        let (name, kubeconfig) = match std::env::var_os("KUBECONFIG") {
            Some(path) if !path.is_empty() => (None, PathBuf::from(path)),
            _ => {
                let status = tool("andon-cluster").args(["up", name]).status()?;
                anyhow::ensure!(
                    status.success(),
                    "andon-cluster up {name} ended with {status}"
                );
                (
                    Some(name.to_owned()),
                    root().join("target/cluster").join(name).join("kubeconfig"),
                )
            }
        };
        let client = client(&kubeconfig).await?;
        Ok(Self {
            name,
            kubeconfig,
            client,
        })
    }

    /// Brings images into the cluster's nodes.
    pub fn load(&self, images: &[&str]) -> Result<()> {
        let tars = images
            .iter()
            .map(|image| root().join(".cache/images").join(format!("{image}.tar")));
        if let Some(name) = &self.name {
            run(tool("andon-cluster").args(["load", name]).args(tars))?;
            return Ok(());
        }
        let load = std::env::var("ANDON_IMAGE_LOAD").context(
            "KUBECONFIG is set, so say in ANDON_IMAGE_LOAD how to bring an image archive into that cluster, \
             for instance ANDON_IMAGE_LOAD=\"kind load image-archive\"",
        )?;
        for tar in tars {
            run(Command::new("sh")
                .arg("-c")
                .arg(format!("{load} \"$1\""))
                .arg("load")
                .arg(tar))?;
        }
        Ok(())
    }

    /// `kubectl` on this cluster.
    pub fn kubectl(&self) -> Command {
        self.with_kubeconfig(tool("kubectl"))
    }

    /// A command that finds this cluster, and the tools that `make` built.
    pub fn with_kubeconfig(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("KUBECONFIG", &self.kubeconfig);
        command.env(
            "PATH",
            format!("{}:{path}", root().join(".cache/bin").display()),
        );
        command
    }

    /// Applies a manifest, as a person would.
    pub fn apply(&self, manifest: &Path) -> Result<()> {
        run(self
            .kubectl()
            .args(["apply", "--server-side", "--force-conflicts", "-f"])
            .arg(manifest))?;
        Ok(())
    }

    /// `helm` on this cluster.
    pub fn helm(&self) -> Command {
        self.with_kubeconfig(tool("helm"))
    }

    /// Takes the embedded cluster down; one that somebody else keeps stays.
    pub fn down(&self) -> Result<()> {
        if let Some(name) = &self.name {
            run(tool("andon-cluster").args(["down", name]))?;
        }
        Ok(())
    }
}

/// A client for a kubeconfig file.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    // A second installation in the same process is refused, and the first is the one we want.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let config = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("failed to read {}", kubeconfig.display()))?;
    let config =
        kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}
