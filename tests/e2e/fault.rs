//! What goes wrong on purpose.

use andon_api::{LinePhase, LineStatus};
use andon_tests::cluster::Cluster;
use andon_tests::demo::Demo;
use andon_tests::plant::{self, FLEET, LINES, PLANT, SYSTEM};
use andon_tests::process::{Background, root, run};
use andon_tests::story;
use andon_tests::wait::{Look, until};
use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

/// A line's `post` Deployment is edited by hand; Andon puts it back.
pub async fn drift(demo: &mut Demo) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(demo.cluster.client.clone(), PLANT);
    let selector = "andon.dev/line=filling-1,andon.dev/stage=post";
    let found = deployments
        .list(&ListParams::default().labels(selector))
        .await?;
    let name = found
        .items
        .first()
        .and_then(|d| d.metadata.name.clone())
        .context("filling-1 has no post")?;
    let patch = json!({"spec": {"replicas": 0}});
    deployments
        .patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    demo.story.say(&format!("somebody scales {name} to 0"));
    until(
        "the replicas to be put back",
        Duration::from_secs(60),
        || async {
            let deployment = deployments.get(&name).await?;
            let ready = deployment
                .status
                .and_then(|status| status.ready_replicas)
                .unwrap_or(0);
            let wanted = deployment.spec.and_then(|spec| spec.replicas);
            Ok(if wanted == Some(1) && ready == 1 {
                Look::Done(())
            } else {
                Look::NotYet(format!("spec.replicas {wanted:?}, ready {ready}"))
            })
        },
    )
    .await?;
    demo.story.say("it is back");
    Ok(())
}

/// Every `post` is killed with documents in its hands, while the ERP is slow.
pub async fn post_killed(demo: &mut Demo) -> Result<()> {
    demo.floor.erp_mode("slow").await?;
    let before = posted(demo).await?;
    until(
        "documents to be under way",
        Duration::from_secs(60),
        || async {
            let now = posted(demo).await?;
            Ok(if now > before {
                Look::Done(())
            } else {
                Look::NotYet(format!("{now} posted"))
            })
        },
    )
    .await?;
    if demo.cluster.name.is_none() {
        demo.story
            .say("skipped: the containers' processes are not on this machine");
    } else {
        for line in LINES {
            kill_container(demo, line, "post").await?;
        }
    }
    demo.floor.erp_mode("ok").await?;
    let before = posted(demo).await?;
    until(
        "every line to post again",
        Duration::from_secs(120),
        || async {
            let now = posted(demo).await?;
            Ok(if now > before + 30 {
                Look::Done(())
            } else {
                Look::NotYet(format!("{now} posted, {before} before"))
            })
        },
    )
    .await
}

/// The ERP answers nothing but 503 while a canary bakes: that is nobody's fault, so the line holds; then it passes.
pub async fn erp_down(demo: &mut Demo) -> Result<()> {
    let before = change(demo, 1100).await?;
    follow(demo, "the canary to bake", |line| {
        line.phase == LinePhase::Baking
    })
    .await?;
    demo.floor.erp_mode("down503").await?;
    demo.story.say("the ERP is down");
    follow(demo, "the hold", |line| {
        line.hold
            .as_ref()
            .is_some_and(|hold| hold.reason == "AllLinesStandStill")
    })
    .await?;
    demo.floor.erp_mode("ok").await?;
    demo.story.say("the ERP is back");
    promoted(demo, &before).await
}

/// kill -9 of the operator in every phase of a good change, then of a bad one.
pub async fn operator_killed(demo: &mut Demo) -> Result<()> {
    let mut operator = take_operator(demo)?;
    let before = change(demo, 1200).await?;
    for line in [LINES[0], LINES[2]] {
        for phase in [LinePhase::Checking, LinePhase::Replacing, LinePhase::Baking] {
            killed_at(demo, &mut operator, line, phase).await?;
        }
    }
    promoted(demo, &before).await?;
    demo.story.release("1.2.0").await?;
    for phase in [
        LinePhase::Checking,
        LinePhase::Replacing,
        LinePhase::RollingBack,
    ] {
        killed_at(demo, &mut operator, LINES[0], phase).await?;
    }
    let limit = Duration::from_secs(240);
    demo.story
        .follow("1.2.0 to be taken back", limit, |lines| {
            lines.iter().any(|line| story::taken_back(line, "1.2.0"))
        })
        .await?;
    give_back_operator(demo, operator)?;
    demo.story
        .say("killed nine times; 1.2.0 was taken back all the same");
    demo.replay_dead_letters(LINES[0])
}

/// An operator that can be killed: the one beside the cluster, or one that takes the place of the chart's.
fn take_operator(demo: &mut Demo) -> Result<Background> {
    if let Some(operator) = demo.operator.take() {
        return Ok(operator);
    }
    let system = ["-n", SYSTEM];
    let scale = ["scale", "deployment", "andon", "--replicas=0"];
    run(demo.cluster.kubectl().args(system).args(scale))?;
    let gone = ["wait", "--for=delete", "pod", "--all", "--timeout=60s"];
    run(demo.cluster.kubectl().args(system).args(gone))?;
    start_operator(&demo.cluster)
}

/// The chart's operator takes over again, if the chart is installed.
fn give_back_operator(demo: &mut Demo, operator: Background) -> Result<()> {
    if plant::operator_is_process() {
        demo.operator = Some(operator);
        return Ok(());
    }
    drop(operator);
    let scale = ["scale", "deployment", "andon", "--replicas=1"];
    run(demo.cluster.kubectl().args(["-n", SYSTEM]).args(scale))?;
    Ok(())
}

/// kill -9 as soon as `line` is in `phase`; then another operator takes over.
async fn killed_at(
    demo: &mut Demo,
    operator: &mut Background,
    line: &str,
    phase: LinePhase,
) -> Result<()> {
    let passed = |status: &LineStatus| {
        status.name == line && (status.phase == phase || story::taken_back(status, "1.2.0"))
    };
    let what = format!("{line} in {phase:?}");
    let lines = demo
        .story
        .follow(&what, Duration::from_secs(240), |lines| {
            lines.iter().any(passed)
        })
        .await?;
    let caught = lines
        .iter()
        .any(|status| status.name == line && status.phase == phase);
    ensure!(caught, "{what} was over before it was seen: {lines:?}");
    operator.kill()?;
    demo.story
        .say(&format!("the operator is killed while {line} is {phase:?}"));
    *operator = start_operator(&demo.cluster)?;
    Ok(())
}

/// What a person would look at first.
pub fn show(cluster: &Cluster) {
    for arguments in [
        &[
            "get",
            "integrationreleases,plantsites,plantintegrations,pods,jobs",
            "-A",
            "-o",
            "wide",
        ][..],
        &["get", "plantintegrations", "-A", "-o", "yaml"],
        &["get", "events", "-A", "--sort-by=.lastTimestamp"],
        &["-n", SYSTEM, "logs", "deployment/andon", "--tail=60"],
    ] {
        match run(cluster.kubectl().args(arguments)) {
            Ok(text) => println!("--- kubectl {}\n{text}", arguments.join(" ")),
            Err(error) => println!("--- {error:#}"),
        }
    }
}

async fn follow(demo: &mut Demo, what: &str, done: impl Fn(&LineStatus) -> bool) -> Result<()> {
    demo.story
        .follow(what, Duration::from_secs(240), |lines| {
            lines.iter().any(&done)
        })
        .await?;
    Ok(())
}

/// What each line ran when a change was asked for, by digest.
pub type Before = BTreeMap<String, String>;

/// A harmless change: another parameter of the release. Its value stands in every rendering that came from it.
pub async fn change(demo: &Demo, millis: i64) -> Result<Before> {
    let before = demo.story.lines().await?;
    let releases: Api<andon_api::IntegrationRelease> =
        Api::namespaced(demo.cluster.client.clone(), FLEET);
    let spec = json!({"spec": {"blueprint": {"version": "1.1.0"}, "parameters": {"retry": {"maxDelayMillis": millis}}}});
    releases
        .patch(
            "confirmations",
            &PatchParams::default(),
            &Patch::Merge(&spec),
        )
        .await?;
    demo.story.say(&format!(
        "the release now asks for 1.1.0 with retry.maxDelayMillis {millis}"
    ));
    Ok(before
        .into_iter()
        .filter_map(|line| Some((line.name, line.last_good?.digest)))
        .collect())
}

/// Waits until every line is steady on something else than it ran before the change.
pub async fn promoted(demo: &mut Demo, before: &Before) -> Result<()> {
    let limit = Duration::from_secs(420);
    demo.story
        .follow("the change on every line", limit, |lines| {
            let changed = lines.iter().all(|line| {
                let good = line.last_good.as_ref();
                good.is_some_and(|good| before.get(&line.name) != Some(&good.digest))
            });
            changed
                && story::all_run(lines, LINES.len(), "1.1.0")
                && lines.iter().all(|line| line.hold.is_none())
        })
        .await?;
    Ok(())
}

/// Whatever has been posted, of all lines.
async fn posted(demo: &Demo) -> Result<i64> {
    demo.floor.ledger().await?["posted"]
        .as_i64()
        .context("the ledger does not say what was posted")
}

fn start_operator(cluster: &Cluster) -> Result<Background> {
    plant::start_operator(cluster, &root().join("target/e2e/operator.log"))
}

/// SIGKILL for the process in a container, as when the kernel runs out of memory. Found by the pod's UID, which stands in
/// the process's cgroup: pods of other clusters on this machine may have the same name.
async fn kill_container(demo: &Demo, line: &str, stage: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(demo.cluster.client.clone(), PLANT);
    let selector = format!("andon.dev/line={line},andon.dev/stage={stage}");
    let found = pods.list(&ListParams::default().labels(&selector)).await?;
    let pod = found
        .items
        .into_iter()
        .next()
        .context("there is no such pod")?;
    let (name, uid) = (
        pod.metadata.name.unwrap_or_default(),
        pod.metadata.uid.context("the pod has no UID")?,
    );
    for process in std::fs::read_dir("/proc")?.flatten() {
        let read =
            |file: &str| std::fs::read_to_string(process.path().join(file)).unwrap_or_default();
        if read("comm").trim() == "java" && read("cgroup").contains(&uid) {
            let id = process
                .file_name()
                .into_string()
                .map_err(|_| anyhow::anyhow!("odd process id"))?;
            run(Command::new("kill").args(["-9", &id]))?;
            demo.story.say(&format!("{name} is killed (process {id})"));
            return Ok(());
        }
    }
    bail!("found no process of pod {name}")
}
