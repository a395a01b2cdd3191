//! The last good stands by behind its canary.

use crate::fault;
use andon_api::{IntegrationRelease, LinePhase, LineStatus, label};
use andon_tests::demo::Demo;
use andon_tests::plant::{FLEET, LINES, PLANT};
use andon_tests::process::root;
use andon_tests::wait::{Look, until};
use andon_tests::{rollback, story};
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The release whose mapping the ERP refuses.
const BAD: &str = "1.2.0";
const LIMIT: Duration = Duration::from_secs(300);

/// A good change and a bad release with a warm standby: it stands there while the canary is on trial, gets the queue when the canary
/// fails, and is gone afterwards.
pub async fn standby(demo: &mut Demo) -> Result<()> {
    ask(demo, json!({"rollback": {"standby": "Warm"}})).await?;
    let before = fault::change(demo, 1300).await?;
    let line = LINES[0];
    stood_by(demo, "1.1.0 to bake with the version before it behind").await?;
    fault::promoted(demo, &before).await?;
    let left = posts(demo, line).await?;
    ensure!(left.len() == 1, "more than one instance is left: {left:?}");

    let good = left.into_keys().next().context("there is no post")?;
    let watched = tokio::spawn(rollback::moments(demo.cluster.client.clone()));
    ask(demo, json!({"blueprint": {"version": BAD}})).await?;
    let both = both_ready(demo, line, &good).await?;
    let taken_back = demo
        .story
        .follow("the bad release to be taken back", LIMIT, |lines| {
            lines.iter().any(|line| story::taken_back(line, BAD))
        });
    taken_back.await?;
    let moments = watched.await??;
    let first = first_posted(demo, line, moments.decided).await?;
    let seconds = |to: Timestamp| to.duration_since(moments.decided).as_secs_f64();
    let figures = json!({
        "secondsToFirstDocumentOfLastGood": seconds(first),
        "secondsToRestored": seconds(moments.restored),
    });
    demo.story.say(&format!(
        "{both} stood by; from the decision to the first document of the last good {:.2} s, to the canary's end {:.2} s",
        seconds(first),
        seconds(moments.restored)
    ));
    let file = root().join("target/e2e/standby.json");
    std::fs::write(&file, format!("{figures:#}\n"))?;
    let left = posts(demo, line).await?;
    ensure!(
        left.len() == 1 && left.contains_key(&good),
        "only {good} should be left: {left:?}"
    );
    demo.replay_dead_letters(line)?;
    // What runs is asked for, and nothing stands by any more.
    let back = json!({"blueprint": {"version": "1.1.0"}, "rollback": {"standby": "None"}});
    ask(demo, back).await
}

/// Changes the release, as a commit in Git would.
async fn ask(demo: &Demo, spec: Value) -> Result<()> {
    let releases: Api<IntegrationRelease> = Api::namespaced(demo.cluster.client.clone(), FLEET);
    let patch = json!({"spec": spec});
    let params = PatchParams::default();
    releases
        .patch("confirmations", &params, &Patch::Merge(&patch))
        .await?;
    demo.story.say(&format!("the release says {spec}"));
    Ok(())
}

/// Waits until the first line bakes and says what stands by.
async fn stood_by(demo: &mut Demo, what: &str) -> Result<()> {
    let says = |line: &LineStatus| {
        let hold = line.hold.as_ref();
        line.name == LINES[0]
            && line.phase == LinePhase::Baking
            && hold.is_some_and(|hold| hold.message.contains("stands by until the bake is over"))
    };
    demo.story
        .follow(what, LIMIT, |lines| lines.iter().any(says))
        .await?;
    let instances = posts(demo, LINES[0]).await?;
    ensure!(
        instances.len() == 2,
        "two instances of post should be there: {instances:?}"
    );
    Ok(())
}

/// Ready pods of a line's post, by instance.
async fn posts(demo: &Demo, line: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let pods: Api<Pod> = Api::namespaced(demo.cluster.client.clone(), PLANT);
    let selector = format!("{}={line},{}=post", label::LINE, label::STAGE);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pod in pods.list(&ListParams::default().labels(&selector)).await? {
        let conditions = pod.status.and_then(|it| it.conditions).unwrap_or_default();
        let ready = conditions
            .iter()
            .any(|it| it.type_ == "Ready" && it.status == "True");
        let labels = pod.metadata.labels.unwrap_or_default();
        let instance = labels.get(label::INSTANCE).filter(|_| ready);
        if let (Some(instance), Some(name)) = (instance, pod.metadata.name) {
            found.entry(instance.clone()).or_default().insert(name);
        }
    }
    Ok(found)
}

/// Waits until a pod of the last good that was not there before is ready beside the canary: that one stands by.
async fn both_ready(demo: &Demo, line: &str, good: &str) -> Result<String> {
    let began = posts(demo, line).await?;
    let first = began.get(good).cloned().unwrap_or_default();
    let what = "a pod of the last good to be ready beside the canary";
    until(what, LIMIT, || async {
        let now = posts(demo, line).await?;
        let own = now.get(good).cloned().unwrap_or_default();
        let second = own.difference(&first).next().cloned();
        Ok(match second.filter(|_| now.len() == 2) {
            Some(pod) => Look::Done(pod),
            None => Look::NotYet(format!("{now:?}")),
        })
    })
    .await
}

/// When the ERP first posted a document after the decision, by its own clock. Of the bad release it posts none, so it is the last good's.
async fn first_posted(demo: &Demo, line: &str, decided: Timestamp) -> Result<Timestamp> {
    let what = "a document of the last good in the ledger";
    until(what, Duration::from_secs(60), || async {
        let entries = demo.floor.entries(line).await?;
        let times = entries
            .iter()
            .filter(|it| it["outcome"] == "posted")
            .filter_map(|it| it["time"].as_str()?.parse::<Timestamp>().ok());
        Ok(match times.filter(|it| *it >= decided).min() {
            Some(time) => Look::Done(time),
            None => Look::NotYet(format!("{} entries", entries.len())),
        })
    })
    .await
}
