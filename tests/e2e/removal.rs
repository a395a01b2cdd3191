//! A line that is taken out of the plant.

use andon_api::{LinePhase, LineStatus, PlantSite};
use andon_tests::demo::Demo;
use andon_tests::plant::{LINES, PLANT};
use andon_tests::wait::{Look, until};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;
use std::time::Duration;

/// Documents that wait when the line goes.
const WAITING: i64 = 8;

/// The last line is taken out of the PlantSite while the ERP is down and documents wait for it. Its source goes; what posts stays
/// until the ERP has them all; then nothing of the line is left.
pub async fn line_removed(demo: &mut Demo) -> Result<()> {
    let line = LINES[2];
    demo.floor.erp_mode("down503").await?;
    demo.story.say("the ERP is down");
    let before = made(demo, line).await?.0;
    handed_over(demo, line, before + WAITING).await?;
    demo.floor.produce(false).await?;
    // Everything the line has made is in the broker: what is not taken up yet stays with the line, which is another story.
    let all = made(demo, line).await?.0;
    handed_over(demo, line, all).await?;
    demo.story.say(&format!(
        "{line} stands still; what it made waits for the ERP"
    ));

    let sites: Api<PlantSite> = Api::namespaced(demo.cluster.client.clone(), PLANT);
    let site = sites.list(&ListParams::default()).await?;
    let site = site
        .items
        .into_iter()
        .next()
        .context("there is no PlantSite")?;
    let name = site.metadata.name.context("the PlantSite has no name")?;
    let left: Vec<_> = site
        .spec
        .lines
        .iter()
        .filter(|it| it.name != line)
        .collect();
    let patch = json!({"spec": {"lines": left}});
    sites
        .patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    demo.story
        .say(&format!("{line} is taken out of the PlantSite"));
    let held = |it: &LineStatus| {
        let hold = it.hold.as_ref();
        it.name == line
            && it.phase == LinePhase::Removing
            && hold.is_some_and(|hold| hold.reason == "NotDrained")
    };
    let limit = Duration::from_secs(120);
    demo.story
        .follow("the line to wait for its documents", limit, |lines| {
            lines.iter().any(held)
        })
        .await?;
    let pods = pods(demo, line).await?;
    ensure!(
        pods.iter().all(|name| !name.contains("-source-")) && !pods.is_empty(),
        "the source should be gone and the post there: {pods:?}"
    );
    demo.floor.erp_mode("ok").await?;
    demo.story.say("the ERP is back");
    demo.story
        .follow("the line to go", limit, |lines| {
            lines.iter().all(|it| it.name != line)
        })
        .await?;
    nothing_is_left(demo, line).await
}

/// Documents that a line has made, and those that somebody took up.
async fn made(demo: &Demo, line: &str) -> Result<(i64, i64)> {
    let journal = demo.floor.journal(line).await?;
    let number = |name: &str| {
        let number = journal[name].as_i64();
        number.with_context(|| format!("the journal of {line} has no {name}: {journal}"))
    };
    Ok((number("made")?, number("acknowledged")?))
}

/// Waits until a line's source has taken up so many documents.
async fn handed_over(demo: &Demo, line: &str, wanted: i64) -> Result<()> {
    let what = format!("{wanted} documents of {line} to be taken up");
    until(&what, Duration::from_secs(60), || async {
        let (made, taken) = made(demo, line).await?;
        Ok(match taken >= wanted {
            true => Look::Done(()),
            false => Look::NotYet(format!("{taken} of {made}")),
        })
    })
    .await
}

async fn pods(demo: &Demo, line: &str) -> Result<Vec<String>> {
    let pods: Api<Pod> = Api::namespaced(demo.cluster.client.clone(), PLANT);
    let labelled = ListParams::default().labels(&format!("andon.dev/line={line}"));
    let found = pods.list(&labelled).await?;
    Ok(found
        .items
        .into_iter()
        .filter_map(|pod| pod.metadata.name)
        .collect())
}

/// Neither pods nor kept renderings of a line are there.
async fn nothing_is_left(demo: &Demo, line: &str) -> Result<()> {
    let left = pods(demo, line).await?;
    ensure!(left.is_empty(), "pods are left: {left:?}");
    let revisions: Api<ControllerRevision> = Api::namespaced(demo.cluster.client.clone(), PLANT);
    let labelled = ListParams::default().labels(&format!("andon.dev/line={line}"));
    let kept = revisions.list(&labelled).await?.items.len();
    ensure!(kept == 0, "{kept} kept renderings of {line} are left");
    demo.story.say(&format!("nothing of {line} is left"));
    Ok(())
}
