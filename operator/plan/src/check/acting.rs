//! Rules about what is written: nothing is touched that the *observed* status does not entitle to.

use super::Findings;
use crate::observed::{Observed, Revision};
use crate::plan::{Change, Plan};
use andon_api::{LineStatus, RenderingReference, Strategy, label};
use andon_render::{RenderedStage, Rendering};
use serde_json::Value;

pub(super) fn text<'a>(object: &'a Value, path: [&str; 2]) -> &'a str {
    object[path[0]][path[1]].as_str().unwrap_or("")
}

pub(super) fn tag<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or("")
}

/// What the observed status entitles a line to.
enum Right<'a> {
    /// To everything of this rendering, and to the end of everything else.
    Bring(&'a Rendering),
    /// To the end of everything but `InPlace` stages: a first install failed or was withdrawn.
    Stop,
    /// To the end of everything, in its order: the line is being removed.
    Remove,
    /// To nothing.
    Nothing,
}

pub(super) fn check(observed: &Observed, plan: &Plan, findings: &mut Findings<'_>) {
    one_stage_at_a_time(observed, plan, findings);
    super::shadowing::closed_in(observed, plan, findings);
    for change in &plan.changes {
        match change {
            Change::Apply { object, uid } => apply(observed, object, uid.as_deref(), findings),
            Change::Delete {
                kind, name, uid, ..
            } => delete(observed, kind, name, uid, findings),
            Change::RemoveFinalizer => super::leaving::let_go(observed, findings),
            Change::DeletePod { name, uid } => {
                super::standing::pod_goes(observed, plan, (name, uid), findings);
            }
            Change::SaveRevision {
                line, rendering, ..
            } => {
                let wanted = plan
                    .status
                    .lines
                    .iter()
                    .filter(|l| l.name == *line)
                    .any(|l| refers(l, &rendering.digest));
                findings.demand(wanted, "I12", || {
                    format!("keeps a rendering of {line} that its status does not name")
                });
            }
            Change::MarkRevision {
                name,
                uid,
                last_good,
                failed,
            } => {
                let there = observed
                    .revisions
                    .iter()
                    .find(|r| r.uid == *uid && r.name == *name);
                findings.demand(there.is_some(), "I5", || {
                    format!("marks {name}, which was not seen")
                });
                findings.demand(!(*last_good && failed.is_some()), "I9", || {
                    format!("marks {name} as last good and as failed")
                });
            }
            Change::DeleteRevision { name, uid } => {
                delete_revision(observed, plan, (name, uid), findings);
            }
        }
    }
}

/// Only what was seen is deleted, and nothing that a line's status names afterwards.
fn delete_revision(
    observed: &Observed,
    plan: &Plan,
    (name, uid): (&str, &str),
    findings: &mut Findings<'_>,
) {
    let mut revisions = observed.revisions.iter();
    let there = revisions.find(|r| r.uid == uid && r.name == name);
    findings.demand(there.is_some(), "I5", || {
        format!("deletes {name}, which was not seen")
    });
    // The trial that is promoted is the last good afterwards, so it is named there.
    let needed = |line: &LineStatus| {
        there.is_some_and(|r| r.line == line.name && refers(line, &r.rendering.digest))
    };
    let needed = plan.status.lines.iter().any(needed);
    let known = !observed.integration.status.lines.is_empty() || !plan.status.lines.is_empty();
    findings.demand(!needed && known, "I12", || {
        format!("deletes {name}, which is needed")
    });
}

/// On trial, one stage after the other: no plan brings the workloads of two stages of a line at once.
fn one_stage_at_a_time(observed: &Observed, plan: &Plan, findings: &mut Findings<'_>) {
    for line in &observed.integration.status.lines {
        let on_trial = line.trial.as_ref().is_some_and(|t| {
            t.checked && t.failure.is_none() && t.withdrawn.is_none() && t.baking_since.is_none()
        });
        if !on_trial {
            continue;
        }
        let stages: std::collections::BTreeSet<&str> = plan
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Apply { object, .. } => Some(object),
                _ => None,
            })
            .filter(|o| o["kind"] == "Deployment" || o["kind"] == "StatefulSet")
            .filter(|o| tag(o, label::LINE) == line.name)
            .map(|o| tag(o, label::STAGE))
            .collect();
        findings.demand(stages.len() <= 1, "I6", || {
            format!("brings {stages:?} of {} at once", line.name)
        });
    }
}

/// Whether a line's status needs a rendering to be kept.
fn refers(line: &LineStatus, digest: &str) -> bool {
    line.last_good
        .as_ref()
        .is_some_and(|kept| kept.digest == digest)
        || line
            .trial
            .as_ref()
            .is_some_and(|trial| trial.rendering.digest == digest)
        || line
            .promoted
            .as_ref()
            .is_some_and(|promoted| promoted.previous.digest == digest)
}

fn kept<'a>(
    observed: &'a Observed,
    line: &str,
    reference: &RenderingReference,
) -> Option<&'a Revision> {
    let mut revisions = observed.revisions.iter().map(AsRef::as_ref);
    revisions.find(|r: &&Revision| r.line == line && r.rendering.digest == reference.digest)
}

fn right<'a>(observed: &'a Observed, line: &str) -> Right<'a> {
    let Some(status) = observed
        .integration
        .status
        .lines
        .iter()
        .find(|l| l.name == line)
    else {
        return Right::Nothing;
    };
    let of = |reference: &RenderingReference| match kept(observed, line, reference) {
        Some(revision) => Right::Bring(&revision.rendering),
        None => Right::Nothing,
    };
    match (&status.trial, &status.last_good) {
        (None, _) if status.removing.is_some() => Right::Remove,
        (Some(trial), Some(good)) if trial.failure.is_some() || trial.withdrawn.is_some() => {
            of(good)
        }
        (Some(trial), None) if trial.failure.is_some() || trial.withdrawn.is_some() => Right::Stop,
        (Some(trial), _) if trial.checked => of(&trial.rendering),
        (Some(_), _) | (None, None) => Right::Nothing,
        (None, Some(good)) => of(good),
    }
}

fn apply(observed: &Observed, object: &Value, uid: Option<&str>, findings: &mut Findings<'_>) {
    let (kind, name) = (
        object["kind"].as_str().unwrap_or(""),
        text(object, ["metadata", "name"]),
    );
    let what = format!("{kind} {name}");
    let live = observed
        .objects
        .iter()
        .find(|o| o["kind"] == object["kind"] && text(o, ["metadata", "name"]) == name);
    findings.demand(
        live.map(|o| text(o, ["metadata", "uid"])) == uid,
        "I5",
        || format!("applies {what} with another UID than was seen"),
    );
    let (line, stage) = (tag(object, label::LINE), tag(object, label::STAGE));
    if stage == label::CHECK {
        return findings.demand(is_asked(observed, object), "I3", || {
            format!("applies {what}, which no unchecked trial asks for")
        });
    }
    if stage == label::SHADOW {
        return super::shadowing::applies(observed, object, findings);
    }
    let Right::Bring(rendering) = right(observed, line) else {
        findings.demand(false, "I2", || {
            format!("applies {what}, to which the status of {line} does not entitle")
        });
        return;
    };
    if rendering.common.contains(object) {
        return;
    }
    match rendering
        .stages
        .iter()
        .find(|s| s.name == stage && s.objects.contains(object))
    {
        None if super::standing::may_apply(observed, line, object) => {}
        None => findings.demand(false, "I2", || {
            format!("applies {what}, which is not in the rendering {line} is entitled to")
        }),
        Some(stage) => {
            never_two(observed, line, stage, findings);
            super::requiring::in_reverse(observed, line, (rendering, stage), findings);
        }
    }
}

/// Whether an unchecked trial asks for an object of its check.
fn is_asked(observed: &Observed, object: &Value) -> bool {
    let lines = observed.integration.status.lines.iter();
    lines
        .filter_map(|l| Some((l, l.trial.as_ref()?)))
        .filter(|(_, trial)| !trial.checked && trial.failure.is_none())
        .filter_map(|(l, trial)| {
            kept(observed, &l.name, &trial.rendering)?
                .rendering
                .check
                .as_ref()
        })
        .any(|check| check.objects.contains(object))
}

/// Of a stage that does not share its session, nothing new comes while anything old is there.
fn never_two(observed: &Observed, line: &str, stage: &RenderedStage, findings: &mut Findings<'_>) {
    let others = |l: &str, s: &str, instance: &str| {
        l == line && s == stage.name && instance != stage.instance
    };
    let pods = observed
        .pods
        .iter()
        .filter(|p| others(&p.line, &p.stage, &p.instance))
        .map(|p| p.instance.as_str());
    let objects = observed.objects.iter().filter_map(|o| {
        let instance = tag(o, label::INSTANCE);
        let workload = o["kind"] == "Deployment" || o["kind"] == "StatefulSet";
        (workload && others(tag(o, label::LINE), tag(o, label::STAGE), instance))
            .then_some(instance)
    });
    for old in pods.chain(objects) {
        let known = observed
            .revisions
            .iter()
            .flat_map(|r| &r.rendering.stages)
            .find(|s| s.instance == old);
        let exclusive = stage.strategy == Strategy::Replace
            || known.is_some_and(|s| s.strategy == Strategy::Replace);
        findings.demand(!exclusive, "I4", || {
            format!("applies {} while {old} is still there", stage.instance)
        });
    }
}

fn delete(observed: &Observed, kind: &str, name: &str, uid: &str, findings: &mut Findings<'_>) {
    let live = observed
        .objects
        .iter()
        .find(|o| o["kind"] == kind && text(o, ["metadata", "name"]) == name);
    let Some(live) = live.filter(|o| text(o, ["metadata", "uid"]) == uid) else {
        findings.demand(false, "I5", || {
            format!("deletes {kind} {name}, which was not seen")
        });
        return;
    };
    let (line, stage) = (tag(live, label::LINE), tag(live, label::STAGE));
    if stage == label::CHECK {
        return;
    }
    if stage == label::SHADOW {
        return super::shadowing::deletes(observed, live, findings);
    }
    match right(observed, line) {
        Right::Nothing => findings.demand(false, "I2", || {
            format!("deletes {kind} {name}, to which the status of {line} does not entitle")
        }),
        Right::Remove => super::leaving::check(observed, line, stage, findings),
        Right::Stop => findings.demand(stage != label::COMMON, "I2", || {
            format!("deletes {kind} {name} of a stopped line")
        }),
        Right::Bring(rendering) => {
            let all = rendering
                .stages
                .iter()
                .flat_map(|s| &s.objects)
                .chain(&rendering.common);
            let mut same =
                all.filter(|o| o["kind"] == kind && text(o, ["metadata", "name"]) == name);
            findings.demand(same.next().is_none(), "I2", || {
                format!("deletes {kind} {name}, which {line} should have")
            });
            super::standing::stays(observed, line, live, findings);
            not_before_ready(observed, line, live, rendering, findings);
        }
    }
}

/// Where a new instance takes over on trial, the old one is not touched before the new one works. A line that goes back
/// does not wait: what failed leaves at once.
fn not_before_ready(
    observed: &Observed,
    line: &str,
    old: &Value,
    rendering: &Rendering,
    findings: &mut Findings<'_>,
) {
    let lines = &observed.integration.status.lines;
    let trial = lines
        .iter()
        .find(|l| l.name == line)
        .and_then(|l| l.trial.as_ref());
    if trial.is_some_and(|t| t.failure.is_some() || t.withdrawn.is_some()) {
        return;
    }
    let (name, instance) = (tag(old, label::STAGE), tag(old, label::INSTANCE));
    let Some(stage) = rendering
        .stages
        .iter()
        .find(|s| s.name == name && s.strategy == Strategy::Takeover)
    else {
        return;
    };
    let strict = |s: &RenderedStage| s.strategy == Strategy::Replace;
    let mut known = observed
        .revisions
        .iter()
        .flat_map(|r| &r.rendering.stages)
        .filter(|s| s.instance == instance)
        .peekable();
    if instance == stage.instance || known.peek().is_none() || known.any(strict) {
        return;
    }
    // Where another old instance must go first, all old ones go.
    let others = observed
        .pods
        .iter()
        .filter(|p| p.line == line && p.stage == name && p.instance != stage.instance);
    let mut unknown = others
        .map(|p| &p.instance)
        .chain(std::iter::once(&stage.instance))
        .filter(|i| {
            !observed
                .revisions
                .iter()
                .flat_map(|r| &r.rendering.stages)
                .any(|s| s.instance == **i && s.strategy == Strategy::Takeover)
        });
    if unknown.next().is_some() {
        return;
    }
    let ready = observed
        .pods
        .iter()
        .any(|p| p.line == line && p.instance == stage.instance && p.ready && !p.terminating);
    findings.demand(ready, "I6", || {
        format!(
            "deletes {} before {} works",
            text(old, ["metadata", "name"]),
            stage.instance
        )
    });
}
