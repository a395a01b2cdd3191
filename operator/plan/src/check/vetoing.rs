//! Rules about lines that say that they must not be disturbed: a change waits for them, but only for so long.

use super::Findings;
use crate::observed::{Observed, Reading};
use andon_api::{LineStatus, duration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;

/// The first pod of a line changes only while every running pod that may have a veto has said that it has none, or when the line has
/// been waited for as long as its veto says, by what was written before.
pub(super) fn undisturbed(
    observed: &Observed,
    name: &str,
    since: Option<&Time>,
    findings: &mut Findings<'_>,
) {
    let waited = since.map(|since| observed.now.duration_since(since.0).as_millis());
    for (pod, patience) in voices(observed, name) {
        let free = matches!(
            observed.vetoes.get(pod),
            Some(Reading::Counts(counts)) if counts.busy == Some(0)
        );
        let patience = duration::parse(patience).map_or(0, |it| it.as_millis() as i128);
        let over = waited.is_some_and(|waited| waited >= patience);
        findings.demand(free || over, "I27", || {
            format!("{name} is disturbed after {waited:?} of {patience} ms though pod {pod} has not said that it may be")
        });
    }
}

/// A line's removal comes to its stages.
pub(super) fn stops(
    observed: &Observed,
    line: &LineStatus,
    had: Option<&LineStatus>,
    findings: &mut Findings<'_>,
) {
    let before = had.and_then(|had| had.removing.as_ref());
    let since = before.and_then(|it| it.busy_since.as_ref());
    let Some(now) = &line.removing else {
        return;
    };
    if now.stopping && before.is_none_or(|it| !it.stopping) {
        undisturbed(observed, &line.name, since, findings);
    }
    if before.is_some() {
        remembered(
            observed,
            &line.name,
            (since, now.busy_since.as_ref()),
            findings,
        );
    }
}

/// Since when a line is waited for is not forgotten, and begins now.
pub(super) fn remembered(
    observed: &Observed,
    name: &str,
    (old, new): (Option<&Time>, Option<&Time>),
    findings: &mut Findings<'_>,
) {
    let now = observed.now.as_second();
    let begins = old.is_none() && new.is_none_or(|new| new.0.as_second() == now);
    findings.demand(old == new || begins, "I27", || {
        format!("{name} was waited for since {old:?}, and now since {new:?}")
    });
}

/// The running pods that may have a veto, each with how long it counts: of what the line runs, be it good or still on trial. A line
/// that has nothing good yet has none.
fn voices<'a>(observed: &'a Observed, name: &str) -> BTreeMap<&'a str, &'a str> {
    let mut voices = BTreeMap::new();
    let lines = &observed.integration.status.lines;
    let line = lines.iter().find(|line| line.name == name);
    let Some(good) = line.and_then(|line| line.last_good.as_ref()) else {
        return voices;
    };
    let running = line.and_then(|line| line.running.as_ref());
    for revision in observed.revisions.iter().filter(|it| it.line == name) {
        let digest = &revision.rendering.digest;
        let runs = *digest == good.digest || running.is_some_and(|it| it.digest == *digest);
        let Some(veto) = revision.rendering.veto.as_ref().filter(|_| runs) else {
            continue;
        };
        let stages = &revision.rendering.stages;
        for stage in stages.iter().filter(|stage| stage.name == veto.stage) {
            let pods = observed.pods.iter();
            for pod in pods.filter(|pod| {
                pod.line == name && pod.instance == stage.instance && pod.started.is_some()
            }) {
                // What is good speaks first where both run the same pod.
                if *digest == good.digest || !voices.contains_key(pod.uid.as_str()) {
                    voices.insert(pod.uid.as_str(), veto.patience.as_str());
                }
            }
        }
    }
    voices
}
