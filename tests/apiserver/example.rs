//! Every example we ship, as the API server takes it: kinds of our own against their schemas, the others against Kubernetes'.

use crate::fixture::{Plant, resource};
use andon_tests::process::root;
use anyhow::{Context, Result, anyhow, ensure};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Manifests of the examples.
fn manifests() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root().join("examples"))? {
        let folder = folder?.path();
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn kind_of(object: &Value) -> Result<ApiResource> {
    let text = |key: &str| object[key].as_str().context("no apiVersion or no kind");
    let (api_version, kind) = (text("apiVersion")?, text("kind")?);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Ok(resource(group, version, kind))
}

/// Has the API server look at an object as if it were applied, in a namespace that there is.
async fn tried(plant: &Plant, path: &Path, mut object: Value) -> Result<()> {
    let kind = kind_of(&object)?;
    let name = object["metadata"]["name"].as_str().context("no name")?;
    let name = name.to_owned();
    let api: Api<DynamicObject> = if object["metadata"]["namespace"].is_null() {
        Api::all_with(plant.client.clone(), &kind)
    } else {
        object["metadata"]["namespace"] = json!(plant.fleet);
        Api::namespaced_with(plant.client.clone(), &plant.fleet, &kind)
    };
    // Strict: what the schema does not know is an error.
    let how = PatchParams {
        field_validation: Some(kube::api::ValidationDirective::Strict),
        ..PatchParams::apply("andon-test").force().dry_run()
    };
    let answer = api.patch(&name, &how, &Patch::Apply(&object)).await;
    answer.with_context(|| format!("the API server refuses {} {name}", path.display()))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_taken() -> Result<()> {
    let plant = Plant::bare("example").await?;
    let mut waves = 0;
    for path in manifests()? {
        let text = std::fs::read_to_string(&path)?;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text)
            .map_err(|error| anyhow!("{}: {error}", path.display()))?;
        for object in objects {
            waves += object["spec"]["waves"].as_array().map_or(0, Vec::len);
            tried(&plant, &path, object).await?;
        }
    }
    ensure!(waves >= 4, "{waves} waves among the examples");
    plant.end().await
}
