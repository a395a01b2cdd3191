//! Rules about shadows: one stands only while its trial runs as one, and a trial that needs one changes nothing before what the shadow
//! counted allows it.

use super::Findings;
use super::acting::{tag, text};
use super::ending::evidence;
use crate::observed::{Observed, Reading};
use crate::plan::{Change, Plan};
use andon_api::{LineStatus, ShadowLimit, Trial, label, percent};
use andon_render::{RenderedShadow, Rendering};
use serde_json::Value;

fn line<'a>(observed: &'a Observed, name: &str) -> Option<&'a LineStatus> {
    let lines = &observed.integration.status.lines;
    lines.iter().find(|it| it.name == name)
}

fn rendering<'a>(observed: &'a Observed, name: &str, digest: &str) -> Option<&'a Rendering> {
    let mut kept = observed.revisions.iter();
    let kept = kept.find(|it| it.line == name && it.rendering.digest == digest);
    kept.map(|it| &it.rendering)
}

/// The shadow that the observed status lets stand on a line.
fn standing<'a>(observed: &'a Observed, name: &str) -> Option<&'a RenderedShadow> {
    let trial = line(observed, name)?.trial.as_ref()?;
    let over = trial.checked || trial.failure.is_some() || trial.withdrawn.is_some();
    let runs = trial.shadow.as_ref().is_some_and(|it| it.passed.is_none());
    let rendering = rendering(observed, name, &trial.rendering.digest)?;
    rendering
        .shadow()
        .map(|(_, shadow)| shadow)
        .filter(|_| runs && !over)
}

/// An object of a shadow is applied.
pub(super) fn applies(observed: &Observed, object: &Value, findings: &mut Findings<'_>) {
    let allowed = standing(observed, tag(object, label::LINE));
    let allowed = allowed.is_some_and(|shadow| shadow.objects.contains(object));
    findings.demand(allowed, "I29", || {
        let name = text(object, ["metadata", "name"]);
        format!("applies {name}, a shadow for which the status says no trial")
    });
}

/// What closes a shadow in is there, or comes, before its workload does.
pub(super) fn closed_in(observed: &Observed, plan: &Plan, findings: &mut Findings<'_>) {
    let mut come: Vec<&Value> = Vec::new();
    for change in &plan.changes {
        let Change::Apply { object, .. } = change else {
            continue;
        };
        come.push(object);
        let workload = object["kind"] == "Deployment" || object["kind"] == "StatefulSet";
        if !workload || tag(object, label::STAGE) != label::SHADOW {
            continue;
        }
        let closes = |it: &&Value| {
            it["kind"] == "NetworkPolicy"
                && tag(it, label::INSTANCE) == tag(object, label::INSTANCE)
        };
        let there = observed.objects.iter().map(AsRef::as_ref);
        let closed = there.chain(come.iter().copied()).any(|it| closes(&it));
        findings.demand(closed, "I29", || {
            let name = text(object, ["metadata", "name"]);
            format!("{name} runs before anything closes it in")
        });
    }
}

/// An object of a shadow is deleted.
pub(super) fn deletes(observed: &Observed, live: &Value, findings: &mut Findings<'_>) {
    let name = text(live, ["metadata", "name"]);
    let own = tag(live, label::INSTANCE);
    let open = live["kind"] == "NetworkPolicy" && observed.pods.iter().any(|it| it.instance == own);
    findings.demand(!open, "I29", || {
        format!("deletes {name} while the shadow runs that it closes in")
    });
    let runs = standing(observed, tag(live, label::LINE)).is_some_and(|shadow| {
        let mut objects = shadow.objects.iter();
        objects.any(|it| it["kind"] == live["kind"] && text(it, ["metadata", "name"]) == name)
    });
    findings.demand(!runs, "I29", || {
        format!("deletes {name}, which a trial runs as its shadow")
    });
}

/// A trial is over, and so is its shadow.
pub(super) fn ends(observed: &Observed, name: &str, findings: &mut Findings<'_>) {
    findings.demand(left(observed, name) == 0, "I29", || {
        format!("the trial of {name} is over while its shadow is there")
    });
}

/// What is there of a line's shadows.
fn left(observed: &Observed, name: &str) -> usize {
    let ours = |line: &str, stage: &str| line == name && stage == label::SHADOW;
    let objects = observed.objects.iter();
    let objects = objects.filter(|it| ours(tag(it, label::LINE), tag(it, label::STAGE)));
    let pods = observed.pods.iter().filter(|it| ours(&it.line, &it.stage));
    objects.count() + pods.count()
}

/// What a trial has to show as a shadow; none: it need not.
fn needed<'a>(observed: &'a Observed, name: &str, trial: &Trial) -> Option<&'a ShadowLimit> {
    let target = observed.integration.spec.target.as_ref()?;
    let asked = target.analysis.shadow.as_ref()?;
    let tried = rendering(observed, name, &trial.rendering.digest)?;
    let stage = tried.stages.iter().find(|it| it.shadow.is_some())?;
    let runs = &line(observed, name)?.last_good.as_ref()?.digest;
    let runs = rendering(observed, name, runs);
    let unchanged = runs.is_some_and(|it| it.stages.iter().any(|it| it.instance == stage.instance));
    (!unchanged).then_some(asked)
}

/// A trial goes on.
pub(super) fn goes_on(
    observed: &Observed,
    name: &str,
    (old, new): (&Trial, &Trial),
    findings: &mut Findings<'_>,
) {
    let asked = needed(observed, name, new);
    let passed = |it: &Trial| it.shadow.as_ref().and_then(|it| it.passed.clone());
    if !old.checked && new.checked {
        let claimed = old.shadow.as_ref().is_none_or(|it| it.claims);
        let may = asked.is_none() || (passed(old).is_some() && claimed);
        findings.demand(may && left(observed, name) == 0, "I29", || {
            format!("{name} changes before its shadow has passed and gone")
        });
    }
    match (&old.shadow, &new.shadow) {
        (None, None) => {}
        (None, Some(begun)) => {
            let fresh = begun.passed.is_none() && !begun.claims && begun.containers.is_empty();
            let may = asked.is_some() && !old.checked && fresh && left(observed, name) == 0;
            findings.demand(may, "I29", || {
                format!("{name} begins to run as a shadow, and may not")
            });
        }
        (Some(_), None) => findings.demand(asked.is_none(), "I29", || {
            format!("what {name} has shown as a shadow is forgotten")
        }),
        (Some(before), Some(after)) => {
            let kept = before.passed.is_none() || before.passed == after.passed;
            findings.demand(before.since == after.since && kept, "I29", || {
                format!("what {name} has shown as a shadow is another")
            });
            let bounded = after.containers.len() <= 20 && after.fields.len() <= 8;
            findings.demand(bounded, "I14", || {
                format!("the shadow of {name} is too large for a status")
            });
            if before.passed.is_none() && after.passed.is_some() {
                has_passed(observed, name, (new, asked), findings);
            }
        }
    }
    let fails = new.failure.as_ref().filter(|_| old.failure.is_none());
    if fails.is_some_and(|it| it.reason == "ShadowDiffers") {
        has_differed(observed, name, (new, asked), findings);
    }
}

/// Documents that came out the same, and those that did not.
fn counted(trial: &Trial) -> (i64, i64) {
    let containers = trial.shadow.iter().flat_map(|it| &it.containers);
    containers.fold((0, 0), |(same, different), container| {
        let at = |map: &std::collections::BTreeMap<String, Vec<i64>>, index: usize| {
            map.get(label::SHADOW).map_or(0, |pair| pair[index])
        };
        let more = |index| at(&container.last, index) - at(&container.base, index);
        (same + more(0), different + more(1))
    })
}

/// A shadow passes on documents, all of which were read just now.
fn has_passed(
    observed: &Observed,
    name: &str,
    (trial, asked): (&Trial, Option<&ShadowLimit>),
    findings: &mut Findings<'_>,
) {
    let Some(asked) = asked else {
        return findings.demand(false, "I29", || format!("{name} passes as no shadow"));
    };
    let (same, different) = counted(trial);
    let limit = percent::parse(&asked.limit).unwrap_or(0.0);
    let total = same + different;
    let enough = total >= asked.min_samples.max(1) && different as f64 <= limit * total as f64;
    findings.demand(enough, "I29", || {
        format!("{name} passes as a shadow with {different} of {total} that differ")
    });
    let pods = observed.pods.iter();
    let pods = pods.filter(|it| it.line == name && it.stage == label::SHADOW && !it.terminating);
    let heard = pods.clone().all(|pod| {
        let shadow = trial.shadow.iter();
        let mut containers = shadow.flat_map(|it| &it.containers);
        let noted = containers.find(|it| {
            it.pod == pod.uid
                && Some(it.started.0.as_second()) == pod.started.map(|at| at.as_second())
        });
        match observed.readings.get(&pod.uid) {
            Some(Reading::Counts(counts)) => {
                counts.indicators.get(label::SHADOW).is_some_and(|it| {
                    noted.and_then(|noted| noted.last.get(label::SHADOW))
                        == Some(&vec![it.good, it.bad])
                })
            }
            _ => false,
        }
    });
    findings.demand(heard && pods.count() > 0, "I29", || {
        format!("{name} passes as a shadow that cannot be heard")
    });
}

/// A shadow fails on evidence, computed another way.
fn has_differed(
    observed: &Observed,
    name: &str,
    (trial, asked): (&Trial, Option<&ShadowLimit>),
    findings: &mut Findings<'_>,
) {
    let (same, different) = counted(trial);
    let alpha = super::ending::alpha(observed);
    let found = asked.zip(alpha).is_some_and(|(asked, alpha)| {
        let limit = percent::parse(&asked.limit).unwrap_or(1.0);
        evidence(different, same, limit) > (1.0 / alpha).ln() - 1e-3
    });
    findings.demand(found, "I29", || {
        format!(
            "{name} fails as a shadow without evidence: {different} of {}",
            same + different
        )
    });
}
