//! The workload's veto: what runs on a line may say that it must not be disturbed now, since it is in the middle of an order.
//! A change waits for that, but not for ever. **Going back never asks**: harm does not wait.
//!
//! What is asked is what *runs*: the last good, and what was put beside it by a trial that another one takes the place of. A container
//! that does not run has nothing in hand; one that runs and cannot be read counts as busy.

use crate::event;
use crate::hold::Hold;
use crate::line::Turn;
use crate::observed::{Observed, Pod, Reading, Revision};
use crate::progress::elapsed;
use andon_api::{LineStatus, Trial, Veto, duration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::time::Duration;

/// A pod that is asked whether its line may be disturbed.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The rendering that it runs.
    pub runs: &'a Revision,
    /// How that says so.
    pub veto: &'a Veto,
}

/// The pods that are to be asked now: those of lines whose pods may be about to change.
pub fn asked(observed: &Observed) -> Vec<Asked<'_>> {
    let lines = observed.integration.status.lines.iter();
    lines
        .filter(|line| {
            let unchecked = |trial: &Trial| {
                !trial.checked && trial.failure.is_none() && trial.withdrawn.is_none()
            };
            line.trial.as_ref().is_some_and(unchecked)
                || line.removing.as_ref().is_some_and(|it| !it.stopping)
        })
        .flat_map(|line| of_line(observed, line))
        .collect()
}

/// The pods of a line that may say that it must not be disturbed. A line without a last good has nothing that could be.
fn of_line<'a>(observed: &'a Observed, line: &LineStatus) -> Vec<Asked<'a>> {
    let mut found: Vec<Asked<'a>> = Vec::new();
    let Some(last_good) = &line.last_good else {
        return found;
    };
    for runs in [Some(last_good), line.running.as_ref()]
        .into_iter()
        .flatten()
    {
        let mut revisions = observed.revisions.iter().map(AsRef::as_ref);
        let Some(runs) = revisions
            .find(|it: &&Revision| it.line == line.name && it.rendering.digest == runs.digest)
        else {
            continue;
        };
        let Some(veto) = &runs.rendering.veto else {
            continue;
        };
        let mut stages = runs.rendering.stages.iter();
        let Some(stage) = stages.find(|stage| stage.name == veto.stage) else {
            continue;
        };
        let pods = observed.pods.iter().filter(|pod| {
            pod.line == line.name && pod.instance == stage.instance && pod.started.is_some()
        });
        for pod in pods {
            if found.iter().all(|it| it.pod.uid != pod.uid) {
                found.push(Asked { pod, runs, veto });
            }
        }
    }
    found
}

/// Whether anything runs on the line that has to be asked.
pub(crate) fn may_say_so(turn: &Turn<'_>) -> bool {
    !of_line(turn.input.observed, &turn.line).is_empty()
}

/// What a pod says that must not be disturbed, or why nobody can tell; none: it may.
fn says(observed: &Observed, asked: &Asked<'_>) -> Option<String> {
    let name = &asked.pod.name;
    let gauge = &asked.veto.busy.metric;
    match observed.vetoes.get(&asked.pod.uid) {
        Some(Reading::Counts(counts)) => match counts.busy {
            Some(0) => None,
            Some(busy) => Some(format!("{gauge} of {name} is {busy}")),
            None => Some(format!("{name} does not say {gauge}, which counts as busy")),
        },
        Some(Reading::NoAnswer(why)) => Some(format!(
            "{gauge} of {name} cannot be read, which counts as busy: {why}"
        )),
        None => Some(format!(
            "{name} was not asked for {gauge}, which counts as busy"
        )),
    }
}

/// Why the line must not be disturbed now; none: it may be, or it has waited long enough, which is told. `since` is when it was first
/// kept from it, as it was read back, and is set where it is now.
pub(crate) fn obstacle(turn: &mut Turn<'_>, since: &mut Option<Time>) -> Option<Hold> {
    let input = turn.input;
    let asked = of_line(input.observed, &turn.line);
    let busy = asked.iter().filter_map(|it| {
        // Checked when the blueprint was packed, and by the API server. What is no duration bounds nothing.
        let patience = duration::parse(&it.veto.patience).unwrap_or_default();
        Some((says(input.observed, it)?, patience))
    });
    let (said, patience) = busy.max_by_key(|(_, patience)| *patience)?;
    let begun = since.as_ref().map(|since| since.0);
    let waited = begun.map_or(Duration::ZERO, |begun| elapsed(begun, input.now()));
    if begun.is_some() && waited >= patience {
        let name = turn.line.name.clone();
        turn.tell(event::patience_over(&name, &said, (waited, patience)));
        return None;
    }
    let since = since.get_or_insert_with(|| input.stamp()).0;
    Some(Hold::WorkloadBusy {
        said,
        since,
        until: since.checked_add(patience).unwrap_or(since),
    })
}
