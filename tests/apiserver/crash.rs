//! The operator dies right after its n-th write, for every n of an install and of a change. Another one starts and must come
//! to the same end, with nothing left behind.

use crate::fixture::{INTEGRATION, Operator, PATIENCE, Plant, eventually};
use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use std::time::Duration;

/// More writes than an install or a change can take; a test that reaches it does not converge.
const MOST: u64 = 60;

/// What must be true once a version runs, however often the operator died on the way.
async fn tidy(plant: &Plant, version: &str) -> Result<()> {
    plant.runs(version).await?;
    eventually("nothing to be left behind", async || {
        let (workloads, configs) = (
            plant.made("apps", "Deployment").await?,
            plant.made("", "ConfigMap").await?,
        );
        let names = |made: &[kube::api::DynamicObject]| {
            made.iter().map(ResourceExt::name_any).collect::<Vec<_>>()
        };
        let one = workloads.len() == 1 && names(&workloads) == names(&configs);
        Ok(if one {
            Ok(())
        } else {
            Err(format!("{:?} {:?}", names(&workloads), names(&configs)))
        })
    })
    .await?;
    let integration = plant.integration().await?;
    let line = &integration.data["status"]["lines"][0];
    for absent in ["trial", "failed", "hold"] {
        ensure!(line[absent].is_null(), "{absent} is left: {line}");
    }
    let revisions = plant.made("apps", "ControllerRevision").await?;
    let good: Vec<_> = revisions
        .iter()
        .filter(|it| {
            it.annotations()
                .get("andon.dev/last-good")
                .is_some_and(|mark| mark == "true")
        })
        .map(ResourceExt::name_any)
        .collect();
    ensure!(
        good == [line["lastGood"]["revision"].as_str().unwrap_or_default()],
        "marked {good:?}, line {line}"
    );
    ensure!(line["running"] == line["lastGood"], "{line}");
    Ok(())
}

/// Runs an operator with a budget. True: it died of it; false: it came to its end with some to spare.
async fn dies(plant: &Plant, writes: u64, version: &str) -> Result<bool> {
    let operator = Operator::start(plant, "one", writes).await?;
    let began = std::time::Instant::now();
    let mut quiet = 0;
    loop {
        ensure!(
            began.elapsed() < PATIENCE,
            "neither dead nor done: {:?}",
            plant.integration().await?.data["status"]
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
        if operator.ended() {
            operator.died().await?;
            return Ok(true);
        }
        let found = plant.api("PlantIntegration").get_opt(INTEGRATION).await?;
        let done = found.is_some_and(|it| {
            crate::fixture::condition(&it, "Ready").0 == "True"
                && it.data["status"]["lines"][0]["lastGood"]["version"] == version
        });
        // Events and the release's own status come a moment later.
        quiet = if done { quiet + 1 } else { 0 };
        if quiet > 15 {
            operator.stop().await?;
            return Ok(false);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_write_of_an_install() -> Result<()> {
    for writes in 1..=MOST {
        let plant = Plant::new("install").await?;
        if !dies(&plant, writes, "1.0.0").await? {
            println!("an install takes {} writes", writes - 1);
            ensure!(
                writes > 8,
                "an install of {} writes cannot have happened",
                writes - 1
            );
            return plant.end().await;
        }
        let operator = Operator::start(&plant, "one", u64::MAX).await?;
        tidy(&plant, "1.0.0")
            .await
            .with_context(|| format!("after a crash at write {writes}"))?;
        operator.stop().await?;
        plant.end().await?;
    }
    anyhow::bail!("an install took more than {MOST} writes")
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_write_of_a_change() -> Result<()> {
    let plant = Plant::new("change").await?;
    let operator = Operator::start(&plant, "one", u64::MAX).await?;
    plant.runs("1.0.0").await?;
    operator.stop().await?;
    let versions = ["1.1.0", "1.0.0"];
    for (writes, version) in (1..=MOST).zip(versions.iter().cycle()) {
        plant
            .apply("IntegrationRelease", INTEGRATION, &plant.release(version))
            .await?;
        let died = dies(&plant, writes, version).await?;
        let operator = Operator::start(&plant, "one", u64::MAX).await?;
        tidy(&plant, version)
            .await
            .with_context(|| format!("after a crash at write {writes}"))?;
        operator.stop().await?;
        if !died {
            println!("a change takes {} writes", writes - 1);
            ensure!(
                writes > 8,
                "a change of {} writes cannot have happened",
                writes - 1
            );
            return plant.end().await;
        }
    }
    anyhow::bail!("a change took more than {MOST} writes")
}
