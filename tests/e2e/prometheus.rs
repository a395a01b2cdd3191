//! The counters that decide come from a Prometheus instead of the pods.

use crate::fault::{change, promoted};
use andon_api::{LineStatus, PlantSite};
use andon_tests::demo::Demo;
use andon_tests::plant::{LINES, PLANT};
use andon_tests::prometheus::Prometheus;
use anyhow::{Result, ensure};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Longer than the release's bake (10 s) and its progress deadline (45 s): whoever passes or fails blindly has done so by then.
const BLIND: Duration = Duration::from_secs(60);

/// A change passes by what Prometheus says; while Prometheus is away the next one neither passes nor fails.
pub async fn judged_through_prometheus(demo: &mut Demo) -> Result<()> {
    if demo.cluster.name.is_none() {
        demo.story
            .say("skipped: this cluster is not ours to put a Prometheus beside");
        return Ok(());
    }
    let prometheus = Prometheus::start(&demo.cluster).await?;
    let url = prometheus.url(demo.operator.is_none());
    source(demo, &json!({"prometheus": {"url": url}})).await?;
    demo.story.say("plant ulm is judged through Prometheus now");
    let before = change(demo, 1110).await?;
    promoted(demo, &before).await?;
    let scraped = prometheus.query("andon_posted_total").await?;
    ensure!(
        scraped.len() >= LINES.len(),
        "Prometheus knows {scraped:?}, not the posts of {} lines",
        LINES.len()
    );

    drop(prometheus);
    demo.story.say("Prometheus is gone");
    let before = change(demo, 1120).await?;
    let lines = demo
        .story
        .follow("the hold", Duration::from_secs(240), |lines| {
            lines.iter().any(|line| baking(line) && holds(line).is_ok())
        })
        .await?;
    stays_undecided(demo, &lines).await?;

    let prometheus = Prometheus::start(&demo.cluster).await?;
    demo.story.say("Prometheus is back");
    promoted(demo, &before).await?;
    source(demo, &Value::Null).await?;
    demo.story.say("plant ulm reads its pods itself again");
    drop(prometheus);
    Ok(())
}

/// Where the plant's counters come from, from now on; null: from the pods themselves.
async fn source(demo: &Demo, metrics: &Value) -> Result<()> {
    let sites: Api<PlantSite> = Api::namespaced(demo.cluster.client.clone(), PLANT);
    let patch = json!({"spec": {"metrics": metrics}});
    sites
        .patch("ulm", &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    Ok(())
}

/// The first line goes on with the same trial and says that it has no data; the others are left alone.
async fn stays_undecided(demo: &Demo, before: &[LineStatus]) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < BLIND {
        let now = demo.story.lines().await?;
        for (line, before) in now.iter().zip(before) {
            let untouched = line.failed == before.failed
                && line.last_good == before.last_good
                && rendering(line) == rendering(before);
            ensure!(untouched, "without data, {before:?} became {line:?}");
            if line.trial.is_some() {
                holds(line)?;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    demo.story
        .say(&format!("no verdict for {} s", BLIND.as_secs()));
    Ok(())
}

fn rendering(line: &LineStatus) -> Option<&str> {
    let trial = line.trial.as_ref()?;
    Some(trial.rendering.digest.as_str())
}

fn baking(line: &LineStatus) -> bool {
    let trial = line.trial.as_ref();
    trial.is_some_and(|trial| trial.baking_since.is_some())
}

/// An error unless the line has a trial and holds because nobody tells it the counts.
fn holds(line: &LineStatus) -> Result<()> {
    let reason = line.hold.as_ref().map(|hold| hold.reason.as_str());
    ensure!(
        line.trial.is_some() && reason == Some("NoData"),
        "{} holds because of {reason:?}, not NoData",
        line.name
    );
    Ok(())
}
