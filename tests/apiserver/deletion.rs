//! What somebody deletes by hand goes as if it had been taken out: in its order, inside a window, or not at all yet.

use crate::approval::{Rules, under_the_rules};
use crate::fixture::{INTEGRATION, Operator, Plant, eventually};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use kube::{Client, ResourceExt};
use serde_json::json;

/// Waits until nothing is left of an integration, and of the plant itself if `plant_too`.
async fn nothing_left(plant: &Plant, plant_too: bool) -> Result<()> {
    eventually("nothing to be left", async || {
        let integration = plant.api("PlantIntegration").get_opt(INTEGRATION).await?;
        let site = plant.api("PlantSite").get_opt("ulm").await?;
        let workloads = plant.made("apps", "Deployment").await?.len();
        let kept = plant.made("apps", "ControllerRevision").await?.len();
        let state = integration.map(|found| found.data["status"].to_string());
        let site_left = site.is_some() && plant_too;
        Ok(match (&state, workloads + kept, site_left) {
            (None, 0, false) => Ok(()),
            _ => Err(format!(
                "{workloads} workloads, {kept} kept, plant there: {site_left}, {state:?}"
            )),
        })
    })
    .await
}

/// As kubectl does it if nothing is said: children go when their owner has gone.
async fn deleted(plant: &Plant, kind: &str, name: &str) -> Result<()> {
    let deleted = plant
        .api(kind)
        .delete(name, &DeleteParams::background())
        .await;
    deleted
        .map(drop)
        .with_context(|| format!("failed to delete {kind} {name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_plant_runs_on_until_its_window_opens_and_then_goes() -> Result<()> {
    let plant = Plant::new("deleted").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let before = plant.made("apps", "Deployment").await?[0].uid();
    let mut closed = plant.site();
    closed["schedule"] = json!({"windows": [
        {"name": "leap-day", "kind": "Allow", "cron": "0 3 29 2 *", "duration": "1h"},
    ]});
    plant.apply("PlantSite", "ulm", &closed).await?;
    deleted(&plant, "PlantSite", "ulm").await?;
    eventually("the line to be held until the window opens", async || {
        let found = plant.integration().await?;
        let deleted = found.metadata.deletion_timestamp.is_some();
        let hold = &found.data["status"]["lines"][0]["hold"];
        Ok(match deleted && hold["reason"] == "WindowClosed" {
            true => Ok(()),
            false => Err(format!("deleted: {deleted}, {}", found.data["status"])),
        })
    })
    .await?;
    let runs = plant.made("apps", "Deployment").await?;
    ensure!(
        runs.len() == 1 && runs[0].uid() == before && runs[0].metadata.deletion_timestamp.is_none(),
        "{runs:?}"
    );
    let said = plant.says("PlantSite", "ulm", ("Ready", "Waiting")).await?;
    ensure!(said.contains("deleted; its lines are removed"), "{said}");
    // A person cannot wait for the leap day.
    plant.apply("PlantSite", "ulm", &plant.site()).await?;
    nothing_left(&plant, true).await?;
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_deleted_by_hand_is_removed_and_made_anew() -> Result<()> {
    let plant = Plant::new("again").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let before = plant.integration().await?.uid();
    deleted(&plant, "PlantIntegration", INTEGRATION).await?;
    eventually("another PlantIntegration to be there", async || {
        let found = plant.api("PlantIntegration").get_opt(INTEGRATION).await?;
        Ok(match found {
            Some(found) if found.uid() != before => Ok(()),
            other => Err(format!("{other:?}")),
        })
    })
    .await?;
    plant.runs("1.0.0").await?;
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_namespace_goes() -> Result<()> {
    let plant = Plant::new("swept").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    let namespaces = Api::<Namespace>::all(Client::clone(&plant.client));
    namespaces
        .delete(&plant.namespace, &DeleteParams::default())
        .await?;
    eventually("the namespace to be gone", async || {
        let found = namespaces.get_opt(&plant.namespace).await?;
        Ok(found.map_or(Ok(()), |found| Err(format!("{:?}", found.status))))
    })
    .await?;
    operator.stop().await?;
    plant.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_deletes_a_plant_in_the_foreground() -> Result<()> {
    under_the_rules("foreground", connectors_first).await
}

async fn connectors_first(plant: &Plant, _: &Rules) -> Result<()> {
    plant.apply("PlantSite", "ulm", &plant.site()).await?;
    let dry = |how: DeleteParams| DeleteParams {
        dry_run: true,
        ..how
    };
    let sites = plant.api("PlantSite");
    let said = eventually("a deletion in the foreground to be refused", async || {
        let deleted = sites.delete("ulm", &dry(DeleteParams::foreground())).await;
        Ok(match deleted {
            Err(error) if error.to_string().contains("-deletions'") => Ok(error.to_string()),
            other => Err(format!("{other:?}")),
        })
    })
    .await?;
    for word in [
        "ulm",
        "Foreground",
        "--cascade=background",
        "PrunePropagationPolicy=background",
    ] {
        ensure!(said.contains(word), "{said}");
    }
    sites
        .delete("ulm", &dry(DeleteParams::background()))
        .await?;
    sites.delete("ulm", &dry(DeleteParams::default())).await?;
    Ok(())
}
