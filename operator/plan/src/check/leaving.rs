//! Rules about a line that is removed: against the order in which its stages came, and none that gets documents done while some wait.

use super::Findings;
use crate::observed::{Observed, Pod, Reading};
use andon_api::{LineStatus, label};
use serde_json::Value;

fn tag<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or("")
}

/// Something of a stage of a line that is being removed is deleted.
pub(super) fn check(observed: &Observed, name: &str, stage: &str, findings: &mut Findings<'_>) {
    let lines = &observed.site.spec.lines;
    let integration = &observed.integration.spec.integration;
    let chosen = observed.site.spec.integrations.iter();
    let chosen = chosen.clone().find(|it| it.name == *integration);
    let excluded = chosen.and_then(|it| it.lines.as_ref());
    let excluded = excluded.is_some_and(|it| it.exclude.iter().any(|it| it == name));
    let takes_part = !observed.integration.deleting
        && chosen.is_some()
        && !excluded
        && lines.iter().any(|it| it.name == name);
    findings.demand(!takes_part, "I25", || {
        format!("something of {name} is removed, which is a line of the integration")
    });
    let Some(status) = line(observed, name) else {
        return;
    };
    let asked = status.removing.as_ref().is_some_and(|it| it.stopping);
    findings.demand(asked, "I27", || {
        format!(
            "something of {name} is removed before it is written that the line may be disturbed"
        )
    });
    let mut own: Vec<_> = observed
        .revisions
        .iter()
        .filter(|it| it.line == name)
        .collect();
    own.sort_by_key(|it| it.number);
    let runs = status.last_good.as_ref();
    let runs = runs.and_then(|kept| own.iter().find(|it| it.rendering.digest == kept.digest));
    let Some(rendering) = runs.or(own.last()).map(|it| &it.rendering) else {
        return;
    };
    let Some(progress) = rendering.progress.as_ref() else {
        return;
    };
    let place = |wanted: &str| rendering.stages.iter().position(|it| it.name == wanted);
    // What feeds the queue may go at any time; everything else only once nothing is left in it.
    let feeds = place(stage) > place(&progress.stage);
    let drained = status.removing.as_ref().is_some_and(|it| it.drained);
    findings.demand(feeds || drained, "I25", || {
        format!("{stage} of {name} goes while documents may wait")
    });
    let fed = rendering.stages.iter().filter(|it| {
        place(&it.name) > place(&progress.stage)
            && it.strategy != andon_api::Strategy::InPlace
            && observed
                .pods
                .iter()
                .any(|pod| pod.line == name && pod.stage == it.name)
    });
    let fed = fed.count();
    findings.demand(feeds || fed == 0, "I25", || {
        format!("{stage} of {name} goes before what feeds it")
    });
}

/// A line counts as drained only when every pod that gets its documents done said just now that none waits, or when a person said
/// that it need not.
pub(super) fn drained(observed: &Observed, now: &LineStatus, findings: &mut Findings<'_>) {
    let name = &now.name;
    let drained = |status: &LineStatus| status.removing.as_ref().is_some_and(|it| it.drained);
    if !drained(now) || line(observed, name).is_some_and(drained) {
        return;
    }
    let skip = observed.integration.annotations.get(label::SKIP_DRAIN);
    let skipped = skip.is_some_and(|it| it.split(',').any(|it| it.trim() == name));
    let waits = |pod: &&Pod| match observed.readings.get(&pod.uid) {
        Some(Reading::Counts(counts)) => counts.waiting.is_some_and(|it| it > 0),
        _ => false,
    };
    let own = observed.pods.iter().filter(|pod| pod.line == *name);
    let some = own.clone().any(|pod| {
        let reading = observed.readings.get(&pod.uid);
        matches!(reading, Some(Reading::Counts(counts)) if counts.waiting == Some(0))
    });
    let left = own.filter(waits).count();
    findings.demand(skipped || (some && left == 0), "I25", || {
        format!("{name} counts as drained, but nobody said so")
    });
}

/// Whether a line was being removed, and nothing of it is there any more.
pub(super) fn has_left(observed: &Observed, had: &LineStatus) -> bool {
    let objects = observed.objects.iter();
    let objects = objects.filter(|it| tag(it, label::LINE) == had.name);
    let pods = observed.pods.iter().filter(|it| it.line == had.name);
    had.trial.is_none() && had.removing.is_some() && objects.count() + pods.count() == 0
}

/// Whether somebody deleted the integration, and everything of a line went without us (with its namespace).
pub(super) fn swept_away(observed: &Observed, name: &str) -> bool {
    let object = observed
        .objects
        .iter()
        .any(|it| tag(it, label::LINE) == name);
    let pod = observed.pods.iter().any(|it| it.line == name);
    observed.integration.deleting && !object && !pod
}

/// The integration is let go: it was deleted, nothing of any line is there, and no line is remembered that had something.
pub(super) fn let_go(observed: &Observed, findings: &mut Findings<'_>) {
    let integration = &observed.integration;
    findings.demand(integration.deleting, "I13", || {
        "an integration that nobody deleted loses its finalizer".to_owned()
    });
    let objects = observed.objects.iter().map(|it| tag(it, label::LINE));
    let pods = observed.pods.iter().map(|it| it.line.as_str());
    let remembered = integration.status.lines.iter().filter(|it| {
        it.trial.is_some() || it.last_good.is_some() || it.failed.is_some() || it.removing.is_some()
    });
    let left = objects
        .chain(pods)
        .chain(remembered.map(|it| it.name.as_str()));
    let left: Vec<&str> = left.filter(|line| !line.is_empty()).collect();
    findings.demand(left.is_empty(), "I13", || {
        format!(
            "the integration is let go with something of {}",
            left.join(", ")
        )
    });
}

fn line<'a>(observed: &'a Observed, name: &str) -> Option<&'a LineStatus> {
    let lines = &observed.integration.status.lines;
    lines.iter().find(|it| it.name == name)
}
