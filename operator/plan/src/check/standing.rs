//! Rules about the last good that stands by behind a canary: only where the release asks for it, only what the last good is, never before
//! the canary, and none of its documents are the canary's.

use super::Findings;
use super::deciding::going_back;
use crate::observed::{Observed, Pod, Reading};
use crate::plan::{Change, Plan};
use andon_api::{LineStatus, Standby, Strategy, Trial, WarmStandby, label};
use andon_render::{RenderedStage, Rendering};
use serde_json::Value;

fn line<'a>(observed: &'a Observed, name: &str) -> Option<&'a LineStatus> {
    let lines = &observed.integration.status.lines;
    lines.iter().find(|it| it.name == name)
}

fn kept<'a>(observed: &'a Observed, line: &str, digest: &str) -> Option<&'a Rendering> {
    let mut revisions = observed.revisions.iter();
    let found = revisions.find(|it| it.line == line && it.rendering.digest == digest)?;
    Some(&found.rendering)
}

/// The stage of the line's last good that may stand by behind a stage that is on trial, and that stage.
fn pair<'a>(
    observed: &'a Observed,
    line: &'a LineStatus,
    stage: &str,
) -> Option<(&'a Trial, &'a RenderedStage, &'a RenderedStage)> {
    let trial = line.trial.as_ref().filter(|it| it.checked)?;
    let stands = trial.standby.as_ref()?;
    let good = kept(observed, &line.name, &line.last_good.as_ref()?.digest)?;
    let tried = kept(observed, &line.name, &trial.rendering.digest)?;
    let of = |rendering: &'a Rendering| rendering.stages.iter().find(|it| it.name == stage);
    let (good, tried) = (of(good)?, of(tried)?);
    let takes_over = good.strategy == Strategy::Takeover && tried.strategy == Strategy::Takeover;
    let named = stands.stages.iter().any(|it| it == stage);
    (!going_back(trial) && takes_over && named && good.instance != tried.instance)
        .then_some((trial, good, tried))
}

/// The pods of an instance that are not leaving.
fn alive<'a>(
    observed: &'a Observed,
    line: &'a str,
    instance: &'a str,
) -> impl Iterator<Item = &'a Pod> {
    let pods = observed.pods.iter();
    pods.filter(move |it| it.line == line && it.instance == instance && !it.terminating)
}

/// Whether an object that the rendering on trial does not have is one of what stands by, and may be brought.
pub(super) fn may_apply(observed: &Observed, name: &str, object: &Value) -> bool {
    let stage = object["metadata"]["labels"][label::STAGE].as_str();
    let found = line(observed, name)
        .zip(stage)
        .and_then(|(line, stage)| pair(observed, line, stage));
    // Until the bake begins it may be there twice: what was there before, and what stands by.
    let same = |trial: &Trial, it: &Value| {
        let mut twice = it.clone();
        let replicas = it["spec"]["replicas"].as_u64();
        if let (Some(replicas), None) = (replicas, &trial.baking_since) {
            twice["spec"]["replicas"] = Value::from(2 * replicas);
        }
        it == object || twice == *object
    };
    found.is_some_and(|(trial, good, tried)| {
        good.objects.iter().any(|it| same(trial, it))
            && alive(observed, name, &tried.instance).any(|pod| pod.ready)
    })
}

/// What stands by stays for as long as its canary is on trial.
pub(super) fn stays(observed: &Observed, name: &str, live: &Value, findings: &mut Findings<'_>) {
    let stage = live["metadata"]["labels"][label::STAGE].as_str();
    let found = line(observed, name)
        .zip(stage)
        .and_then(|(line, stage)| pair(observed, line, stage));
    let is_its = |good: &RenderedStage| {
        let mut objects = good.objects.iter();
        objects.any(|it| {
            it["kind"] == live["kind"] && it["metadata"]["name"] == live["metadata"]["name"]
        })
    };
    findings.demand(
        found.is_none_or(|(_, good, _)| !is_its(good)),
        "I26",
        || format!("deletes {}, which stands by", live["metadata"]["name"]),
    );
}

/// A pod is deleted only if it stands by and is before its canary, which works; while the canary bakes, only if that was written.
pub(super) fn pod_goes(
    observed: &Observed,
    plan: &Plan,
    (name, uid): (&str, &str),
    findings: &mut Findings<'_>,
) {
    let mut pods = observed.pods.iter();
    let Some(pod) = pods.find(|it| it.name == name && it.uid == uid) else {
        return findings.demand(false, "I5", || {
            format!("deletes pod {name}, which was not seen")
        });
    };
    let found = line(observed, &pod.line).and_then(|it| pair(observed, it, &pod.stage));
    let Some((trial, _, tried)) = found.filter(|it| it.1.instance == pod.instance) else {
        return findings.demand(false, "I26", || {
            format!("deletes pod {name}, which does not stand by")
        });
    };
    let canary = || alive(observed, &pod.line, &tried.instance);
    findings.demand(canary().any(|it| it.ready), "I26", || {
        format!("deletes pod {name} while {} does not work", tried.instance)
    });
    let stands = trial.standby.as_ref();
    let written = stands.is_some_and(|it| it.before.contains_key(uid));
    findings.demand(written, "I26", || {
        format!("deletes pod {name}, which stands behind its canary for all that is written")
    });
    // Until the bake begins, some other is there to get the queue if the canary fails with its first document.
    let goes = |pod: &Pod| {
        let mut changes = plan.changes.iter();
        changes.any(|it| matches!(it, Change::DeletePod { uid, .. } if *uid == pod.uid))
    };
    let left = alive(observed, &pod.line, &pod.instance)
        .filter(|it| it.ready && !goes(it))
        .count();
    findings.demand(trial.baking_since.is_some() || left > 0, "I26", || {
        format!("deletes pod {name}, and nothing stands by")
    });
}

/// What a trial that begins says that stands by.
pub(super) fn begins(
    observed: &Observed,
    plan: &Plan,
    (line, new): (&LineStatus, &Trial),
    findings: &mut Findings<'_>,
) {
    let Some(stands) = &new.standby else { return };
    let name = &line.name;
    let target = observed.integration.spec.target.as_ref();
    let asked = target.is_some_and(|it| it.rollback.standby == Standby::Warm);
    findings.demand(asked, "I26", || {
        format!("something stands by on {name}, which the release does not ask for")
    });
    let digest = new.rendering.digest.as_str();
    let saved = plan.changes.iter().find_map(|change| match change {
        Change::SaveRevision { rendering, .. } if rendering.digest == digest => Some(&**rendering),
        _ => None,
    });
    let tried = saved.or(kept(observed, name, digest));
    let good = line.last_good.as_ref();
    let good = good.and_then(|it| kept(observed, name, &it.digest));
    for stage in &stands.stages {
        let of = |it: Option<&Rendering>| {
            let stages = it.map(|it| it.stages.clone()).unwrap_or_default();
            let found = stages.into_iter().find(|it| it.name == *stage);
            found.filter(|it| it.strategy == Strategy::Takeover)
        };
        let can = of(tried).is_some() && of(good).is_some();
        findings.demand(can, "I26", || {
            format!("{stage} of {name} stands by, but two of it must not be connected")
        });
    }
    let untouched = stands.before.is_empty() && stands.taken == 0;
    findings.demand(untouched, "I26", || {
        format!("what stands by on {name} has had the queue before it stood by")
    });
}

/// What is remembered of it while the trial goes on.
pub(super) fn goes_on(
    observed: &Observed,
    name: &str,
    (old, new): (&Trial, &Trial),
    findings: &mut Findings<'_>,
) {
    let said = |trial: &Trial| {
        let stands = trial.standby.as_ref()?;
        Some((stands.version.clone(), stands.stages.clone()))
    };
    findings.demand(said(old) == said(new), "I26", || {
        format!("something else stands by on {name} than was written")
    });
    let (Some(before), Some(now)) = (&old.standby, &new.standby) else {
        return;
    };
    findings.demand(now.taken >= before.taken, "I26", || {
        format!("that the standby of {name} had the queue is forgotten")
    });
    let good = line(observed, name).and_then(|it| it.last_good.as_ref());
    let good = good.and_then(|it| kept(observed, name, &it.digest));
    let its_own = |pod: &&Pod| {
        let stages = good.into_iter().flat_map(|it| &it.stages);
        let mut stages = stages.filter(|it| now.stages.contains(&it.name));
        pod.line == name && stages.any(|it| it.instance == pod.instance)
    };
    let stand = || observed.pods.iter().filter(its_own);
    for uid in now.before.keys() {
        if before.before.contains_key(uid) {
            continue;
        }
        findings.demand(stand().any(|pod| pod.uid == *uid), "I26", || {
            format!("{uid} is to leave the queue of {name}, but does not stand by there")
        });
    }
    for pod in stand() {
        let (then, is) = (before.before.get(&pod.uid), now.before.get(&pod.uid));
        findings.demand(then <= is, "I26", || {
            format!("that {} is before the canary is forgotten", pod.name)
        });
        // Whoever takes up what the canary counted sees what the standby did.
        let looked = new.containers != old.containers && !going_back(new);
        let noticed = is.is_some() || !worked(observed, pod);
        findings.demand(noticed || !looked, "I26", || {
            format!("that {} had the canary's queue is not noticed", pod.name)
        });
    }
    // Each time counts once, whether a container restarted or not.
    let counted = |it: &WarmStandby| it.before.values().filter(|had| **had).count();
    let more = counted(now) > counted(before);
    let restarted = now.restarts > before.restarts;
    findings.demand(
        !more || restarted || now.taken > before.taken,
        "I26",
        || format!("that the standby of {name} had the queue does not count"),
    );
}

/// Whether a pod has counted a document.
fn worked(observed: &Observed, pod: &Pod) -> bool {
    let Some(Reading::Counts(counts)) = observed.readings.get(&pod.uid) else {
        return false;
    };
    let documents = |it: &crate::GoodBad| it.good + it.bad;
    counts.done.is_some_and(|it| it > 0)
        || counts.indicators.values().map(documents).sum::<i64>() > 0
}

/// No container counts for a canary but its own.
pub(super) fn counts_its_own(
    observed: &Observed,
    name: &str,
    trial: &Trial,
    findings: &mut Findings<'_>,
) {
    let Some(tried) = kept(observed, name, &trial.rendering.digest) else {
        return;
    };
    for counted in &trial.containers {
        let mut pods = observed.pods.iter();
        let pod = pods.find(|it| it.uid == counted.pod);
        let own = pod.is_none_or(|pod| tried.stages.iter().any(|it| it.instance == pod.instance));
        findings.demand(own, "I26", || {
            format!(
                "documents of {} count for the canary of {name}",
                counted.pod
            )
        });
    }
}

/// A canary does not pass while what stands by has its queue.
pub(super) fn may_end(observed: &Observed, name: &str, old: &Trial, findings: &mut Findings<'_>) {
    let before = old.standby.iter().flat_map(|it| it.before.keys());
    let has = before
        .filter(|uid| observed.pods.iter().any(|it| it.uid == **uid))
        .count()
        > 0;
    findings.demand(!has, "I26", || {
        format!("{name} passes while its standby has the queue")
    });
}
