//! Blueprints as the demo and the tests release them: the shipped ones, and versions made by laying files over them.

use crate::cluster::Cluster;
use crate::process::{root, run};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packs a folder with `kubectl andon pack` and applies the Blueprint.
pub fn publish(cluster: &Cluster, folder: &Path) -> Result<()> {
    let packed = root()
        .join("target/packed")
        .join(format!("{}.yaml", std::process::id()));
    if let Some(parent) = packed.parent() {
        std::fs::create_dir_all(parent)?;
    }
    run(Command::new(kubectl_andon()?)
        .arg("pack")
        .arg(folder)
        .arg("-o")
        .arg(&packed))?;
    cluster
        .apply(&packed)
        .with_context(|| format!("failed to apply the blueprint of {}", folder.display()))?;
    std::fs::remove_file(packed)?;
    Ok(())
}

/// A blueprint's folder with the files of `overlay` laid over it, in `target/versions/<name>`.
pub fn lay_over(blueprint: &str, overlay: &Path, name: &str) -> Result<PathBuf> {
    let target = root().join("target/versions").join(name);
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    copy(&root().join("blueprints").join(blueprint), &target)?;
    copy(overlay, &target)?;
    Ok(target)
}

/// The program that people type as `kubectl andon`, as `make` built it.
pub fn kubectl_andon() -> Result<PathBuf> {
    beside_this("kubectl-andon")
}

/// A program of this workspace, in the folder that cargo built this one into.
pub fn beside_this(name: &str) -> Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let program = folder.join(name);
    anyhow::ensure!(
        program.exists(),
        "{} has not been built: run cargo build --workspace --bins",
        program.display()
    );
    Ok(program)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in
        std::fs::read_dir(from).with_context(|| format!("failed to read {}", from.display()))?
    {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Sends a line's dead letters through again, as `blueprints/line-confirmations/tools/replay.yaml` says; says how many.
pub fn replay(cluster: &Cluster, line: &str) -> Result<i64> {
    let instance = format!("confirmations-{line}");
    let selector = format!("andon.dev/instance={instance}-replay");
    let manifest = root().join("blueprints/line-confirmations/tools/replay.yaml");
    let job = std::fs::read_to_string(manifest)?.replace("INSTANCE", &instance);
    let written = crate::plant::written("replay.yaml", &job)?;
    let kubectl = |arguments: &[&str]| {
        run(cluster
            .kubectl()
            .args(["-n", crate::plant::PLANT])
            .args(arguments))
    };
    run(cluster
        .kubectl()
        .args(["-n", crate::plant::PLANT, "create", "-f"])
        .arg(written))?;
    kubectl(&[
        "wait",
        "--for=condition=complete",
        "--timeout=5m",
        "job",
        "-l",
        &selector,
    ])?;
    let path = "jsonpath={.items[*].status.containerStatuses[*].state.terminated.message}";
    let said = kubectl(&["get", "pod", "-l", &selector, "-o", path])?;
    kubectl(&["delete", "job", "-l", &selector, "--wait=true"])?;
    let number = said
        .split(|c: char| !c.is_ascii_digit())
        .find(|word| !word.is_empty());
    number
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("the replay said {said:?}, without a number"))
}
