//! What is remembered of each line: from the status, or, where that was lost, from the marks on the kept renderings.

use crate::input::Input;
use crate::observed::Revision;
use crate::plan::Change;
use andon_api::{Failed, LinePhase, LineStatus, RenderingReference, label};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeSet;

/// The lines as they are remembered: those that take part, in their order, then those that were removed but still have
/// something here. True: something was put together from marks, and must be written before anything follows from it.
pub(crate) fn recall(input: &Input<'_>) -> (Vec<LineStatus>, bool) {
    let remembered = &input.observed.integration.status.lines;
    let known = |name: &str| remembered.iter().find(|line| line.name == name).cloned();
    let mut rebuilt = false;
    let mut lines: Vec<LineStatus> = input
        .lines
        .iter()
        .map(|(name, _)| {
            known(name).unwrap_or_else(|| {
                let line = from_marks(input, name);
                rebuilt |= line.last_good.is_some() || line.failed.is_some();
                line
            })
        })
        .collect();
    for name in removed(input, &lines) {
        lines.push(known(&name).unwrap_or_else(|| {
            rebuilt = true;
            from_marks(input, &name)
        }));
    }
    (lines, rebuilt)
}

/// Lines that take no part (any more) but have something running.
fn removed(input: &Input<'_>, lines: &[LineStatus]) -> BTreeSet<String> {
    let observed = input.observed;
    let remembered = observed.integration.status.lines.iter();
    let remembered = remembered
        .filter(|line| {
            line.last_good.is_some()
                || line.trial.is_some()
                || line.failed.is_some()
                || line.removing.is_some()
        })
        .map(|line| line.name.as_str());
    let pods = observed.pods.iter().map(|pod| pod.line.as_str());
    let objects = input.index.lines.iter().copied();
    let marked = observed
        .revisions
        .iter()
        .filter(|revision| revision.last_good)
        .map(|revision| revision.line.as_str());
    remembered
        .chain(pods)
        .chain(objects)
        .chain(marked)
        .filter(|name| !name.is_empty() && lines.iter().all(|line| line.name != **name))
        .map(str::to_owned)
        .collect()
}

/// A line as the marks on its kept renderings tell it. Of two last good ones (a crash between two marks) the newer counts.
fn from_marks(input: &Input<'_>, name: &str) -> LineStatus {
    let newest = |wanted: &dyn Fn(&Revision) -> bool| {
        input
            .revisions(name)
            .filter(|revision| wanted(revision))
            .max_by_key(|revision| revision.number)
    };
    let last_good = newest(&|revision| revision.last_good).map(reference);
    let failed = newest(&|revision| revision.failed.is_some()).and_then(|revision| {
        Some(Failed {
            rendering: reference(revision),
            target_digest: revision.failed.clone()?,
            reason: "Unknown".to_owned(),
            message: format!(
                "the mark on ControllerRevision {} says so; the status was lost",
                revision.name
            ),
            at: Time(Timestamp::UNIX_EPOCH),
            restored: last_good.as_ref().map(|_| Time(Timestamp::UNIX_EPOCH)),
        })
    });
    LineStatus {
        name: name.to_owned(),
        phase: LinePhase::Waiting,
        desired: None,
        running: last_good.clone(),
        last_good,
        promoted: None,
        trial: None,
        failed,
        removing: None,
        hold: None,
    }
}

fn reference(revision: &Revision) -> RenderingReference {
    RenderingReference {
        version: revision.rendering.version.clone(),
        digest: revision.rendering.digest.clone(),
        revision: revision.name.clone(),
        plant_part: None,
        requires: revision.rendering.requires.clone(),
    }
}

/// Values of retries that count as honoured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Retried {
    /// Of the annotation on the PlantIntegration.
    pub(crate) own: Option<String>,
    /// Of the release.
    pub(crate) release: Option<String>,
}

/// Honours the retry annotation and the release's retry, once for each value: the failed marks go.
pub(crate) fn retry(
    input: &Input<'_>,
    lines: &mut [LineStatus],
    changes: &mut Vec<Change>,
) -> Retried {
    let observed = &input.observed.integration;
    let status = &observed.status;
    let own = label::lever(&observed.annotations, label::RETRY);
    let release = input.target().and_then(|target| target.retry.clone());
    // Whether a value was honoured before a loss of the status, nobody knows: then it is not honoured again.
    if status.observed_generation < 1 {
        return Retried { own, release };
    }
    let new =
        |asked: &Option<String>, honoured: &Option<String>| asked.is_some() && asked != honoured;
    if new(&own, &status.retried) || new(&release, &status.release_retried) {
        for line in lines {
            let Some(failed) = line.failed.take() else {
                continue;
            };
            if let Some(revision) = input.revision(&line.name, &failed.rendering) {
                changes.extend(mark(revision, revision.last_good, None));
            }
        }
    }
    Retried {
        own: own.or_else(|| status.retried.clone()),
        release: release.or_else(|| status.release_retried.clone()),
    }
}

/// Sets the marks of a kept rendering, unless they are so already: an operator that died right after this write goes on
/// with the next one.
pub(crate) fn mark(revision: &Revision, last_good: bool, failed: Option<String>) -> Option<Change> {
    let so_already = revision.last_good == last_good && revision.failed == failed;
    (!so_already).then(|| Change::MarkRevision {
        name: revision.name.clone(),
        uid: revision.uid.clone(),
        last_good,
        failed,
    })
}
