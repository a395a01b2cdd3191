//! Rules about what is decided: trials begin in order, pass on time and numbers, fail on evidence, and are not forgotten.

use super::Findings;
use crate::calendar::Calendar;
use crate::observed::{Observed, Reading};
use crate::plan::Plan;
use andon_api::{Analysis, BakeClock, Check, LineStatus, Trial, duration, label, percent};
use std::collections::BTreeMap;

pub(super) fn check(observed: &Observed, plan: &Plan, findings: &mut Findings<'_>) {
    let before = |name: &str| {
        observed
            .integration
            .status
            .lines
            .iter()
            .find(|l| l.name == name)
    };
    let on_trial = plan
        .status
        .lines
        .iter()
        .filter_map(|l| l.trial.as_ref())
        .filter(|trial| !going_back(trial))
        .count();
    findings.demand(on_trial <= 1, "I1", || {
        format!("{on_trial} lines are on trial at once")
    });
    for line in &plan.status.lines {
        let had = before(&line.name);
        match (had.and_then(|l| l.trial.as_ref()), &line.trial) {
            (None, Some(new)) if going_back(new) => {
                super::undoing::check(observed, plan, (line, had), findings);
            }
            (None, Some(new)) => begins(observed, plan, line, new, findings),
            (Some(old), Some(new)) => goes_on(observed, plan, line, (old, new), findings),
            (Some(old), None) => ends(observed, (line, had), old, findings),
            (None, None) => {}
        }
        last_good(observed, line, had, findings);
    }
    for had in &observed.integration.status.lines {
        let kept = plan.status.lines.iter().any(|l| l.name == had.name);
        let anything = had.trial.is_some() || had.last_good.is_some();
        findings.demand(kept || !anything, "I13", || {
            format!("{} is forgotten", had.name)
        });
    }
    let bounded = plan
        .status
        .lines
        .iter()
        .filter_map(|l| l.trial.as_ref())
        .all(|t| t.containers.len() <= 20);
    findings.demand(bounded, "I14", || {
        "more than 20 containers in a status".to_owned()
    });
}

/// Whether a line goes back.
pub(super) fn going_back(trial: &Trial) -> bool {
    trial.failure.is_some() || trial.withdrawn.is_some()
}

/// A trial begins.
fn begins(
    observed: &Observed,
    plan: &Plan,
    line: &LineStatus,
    new: &Trial,
    findings: &mut Findings<'_>,
) {
    let name = &line.name;
    findings.demand(!new.checked && new.failure.is_none(), "I2", || {
        format!("the trial of {name} begins half-way")
    });
    let Some(target) = &observed.integration.spec.target else {
        return findings.demand(false, "I7", || format!("{name} begins without a release"));
    };
    findings.demand(target.go == andon_api::Go::Proceed, "I7", || {
        format!("{name} begins though the release is paused")
    });
    findings.demand(new.target_digest == target.digest, "I7", || {
        format!("{name} begins another target")
    });
    is_open(observed, name, findings);
    let remembered = observed.integration.status.lines.iter();
    let same = |l: &&LineStatus| {
        l.failed
            .as_ref()
            .is_some_and(|f| f.target_digest == target.digest)
    };
    let stopped = remembered.filter(same).find(|l| {
        let failed = l.failed.as_ref().map(|f| f.rendering.digest.as_str());
        let asked = findings.desired(observed, &l.name);
        asked.as_deref() == failed
    });
    let lifted = lifted(observed, plan);
    findings.demand(stopped.is_none() || lifted, "I10", || {
        format!("{name} begins though the plant has stopped for this target")
    });
    earlier_are_done(observed, plan, name, findings);
    let digest = &new.rendering.digest;
    let saved = plan.changes.iter().any(|c| matches!(c, crate::Change::SaveRevision { rendering, .. } if rendering.digest == *digest));
    let kept = observed
        .revisions
        .iter()
        .any(|r| r.line == *name && r.rendering.digest == *digest);
    findings.demand(saved || kept, "I12", || {
        format!("the trial of {name} begins without its rendering being kept")
    });
}

/// A change begins, and its first pods change, only while the plant's calendar lets it.
fn is_open(observed: &Observed, name: &str, findings: &mut Findings<'_>) {
    if let Ok(Some(calendar)) = Calendar::of(&observed.site.spec) {
        findings.demand(calendar.state(observed.now).open, "I21", || {
            format!("{name} begins while the plant is closed for changes")
        });
    }
}

/// Whether a person has asked to try again what failed, and that is written now.
fn lifted(observed: &Observed, plan: &Plan) -> bool {
    let (before, after) = (&observed.integration.status, &plan.status);
    let target = observed.integration.spec.target.as_ref();
    let own = observed.integration.annotations.get(label::RETRY);
    let release = target.and_then(|target| target.retry.as_ref());
    (after.retried != before.retried && after.retried.as_ref() == own)
        || (after.release_retried != before.release_retried
            && after.release_retried.as_ref() == release)
}

/// Every line before this one, by criticality and name, runs what it should.
fn earlier_are_done(observed: &Observed, plan: &Plan, name: &str, findings: &mut Findings<'_>) {
    let spec = &observed.site.spec;
    let chosen = spec
        .integrations
        .iter()
        .find(|i| i.name == observed.integration.spec.integration);
    let excluded = |l: &str| {
        chosen
            .and_then(|c| c.lines.as_ref())
            .is_some_and(|s| s.exclude.iter().any(|e| e == l))
    };
    let Some(own) = spec.lines.iter().find(|l| l.name == name) else {
        return;
    };
    for other in spec
        .lines
        .iter()
        .filter(|l| (l.criticality, &l.name) < (own.criticality, &own.name) && !excluded(&l.name))
    {
        let runs = plan
            .status
            .lines
            .iter()
            .find(|l| l.name == other.name)
            .and_then(|l| l.last_good.as_ref());
        let asked = findings.desired(observed, &other.name);
        let done = asked.is_some() && asked.as_ref() == runs.map(|r| &r.digest);
        findings.demand(done, "I11", || {
            format!("{name} begins before {}", other.name)
        });
    }
}

/// A trial goes on, or another takes its place.
fn goes_on(
    observed: &Observed,
    plan: &Plan,
    line: &LineStatus,
    (old, new): (&Trial, &Trial),
    findings: &mut Findings<'_>,
) {
    let name = &line.name;
    let same = old.rendering == new.rendering
        && old.target_digest == new.target_digest
        && old.started == new.started;
    if !same {
        if old.failure.is_some() || old.withdrawn.is_some() {
            let had = observed.integration.status.lines.iter();
            let had = had.clone().find(|l| l.name == *name);
            ends(observed, (line, had), old, findings);
        }
        return begins(observed, plan, line, new, findings);
    }
    findings.demand(old.checked <= new.checked, "I3", || {
        format!("{name} is unchecked again")
    });
    findings.demand(
        old.failure.is_none() || old.failure == new.failure,
        "I8",
        || format!("the failure of {name} is forgotten"),
    );
    findings.demand(
        old.withdrawn.is_none() || old.withdrawn == new.withdrawn,
        "I8",
        || format!("{name} is no longer withdrawn"),
    );
    if let (None, Some(failure)) = (&old.failure, &new.failure) {
        let touched = plan.changes.iter().any(|c| touches(c, name));
        findings.demand(!touched, "I2", || {
            format!("{name} goes back before its failure is written")
        });
        if failure.reason == "CheckFailed" {
            has_evidence(observed, line, new, findings);
        }
    }
    if !old.checked && new.checked {
        is_open(observed, name, findings);
        let touched = plan.changes.iter().any(|c| touches(c, name));
        findings.demand(!touched, "I2", || {
            format!("{name} changes before its check is written")
        });
    }
}

/// Whether a change touches a line's objects.
pub(super) fn touches(change: &crate::Change, line: &str) -> bool {
    match change {
        crate::Change::Apply { object, .. } => object["metadata"]["labels"][label::LINE] == line,
        crate::Change::Delete { name, .. } => name.contains(&format!("-{line}-")),
        _ => false,
    }
}

fn analysis(observed: &Observed) -> Option<&Analysis> {
    observed
        .integration
        .spec
        .target
        .as_ref()
        .map(|target| &target.analysis)
}

/// Counts of the trial as the plan remembers them: `indicator -> (good, bad)`.
fn counts(trial: &Trial) -> BTreeMap<String, (i64, i64)> {
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for container in &trial.containers {
        for (name, last) in &container.last {
            let zero = vec![0, 0];
            let base = container.base.get(name).unwrap_or(&zero);
            let sum = sums.entry(name.clone()).or_default();
            sum.0 += last[0] - base[0];
            sum.1 += last[1] - base[1];
        }
    }
    sums
}

/// Whether some check has the evidence that a failure needs, computed another way: by adding up the mixture.
pub(super) fn has_evidence(
    observed: &Observed,
    line: &LineStatus,
    trial: &Trial,
    findings: &mut Findings<'_>,
) {
    let Some(analysis) = analysis(observed) else {
        return;
    };
    let alpha = 1.0 - percent::parse(&analysis.confidence).unwrap_or(1.0);
    let judged = analysis.checks.iter().filter(|check| !check.dry_run);
    let alpha = alpha / judged.clone().count() as f64;
    let counts = counts(trial);
    let found = judged.clone().any(|check| {
        let (good, bad) = counts.get(&check.indicator).copied().unwrap_or_default();
        let bar = limit(check, trial, alpha);
        bar.is_some_and(|(limit, needed)| evidence(bad, good, limit) > needed.ln() - 1e-3)
    });
    findings.demand(found, "I15", || {
        format!("{} fails without evidence: {counts:?}", line.name)
    });
}

/// A check's limit, and the odds that it takes; none: there is no baseline to hold it against.
fn limit(check: &Check, trial: &Trial, alpha: f64) -> Option<(f64, f64)> {
    if let Some(max) = &check.max {
        return Some((percent::parse(max).ok()?, 1.0 / alpha));
    }
    let worsening = percent::parse(check.not_worse_than_baseline.as_ref()?).ok()?;
    let counted = trial.baseline_counts.get(&check.indicator)?;
    let (good, bad) = (*counted.first()?, *counted.get(1)?);
    match crate::statistics::baseline_limit(bad, good + bad, worsening, alpha).ok()? {
        crate::statistics::BaselineLimit::Limit(limit) => Some((limit, 2.0 / alpha)),
        _ => None,
    }
}

/// ln E by the midpoint rule over `t`, with `p = sin^2 t`: the Beta(1/2, 1/2) density is flat in `t`.
fn evidence(bad: i64, good: i64, limit: f64) -> f64 {
    const STEPS: i32 = 20_000;
    let from = limit.sqrt().asin();
    let width = (std::f64::consts::FRAC_PI_2 - from) / f64::from(STEPS);
    let term = |step: i32| {
        let p = (from + (f64::from(step) + 0.5) * width).sin().powi(2);
        bad as f64 * (p / limit).ln() + good as f64 * ((1.0 - p) / (1.0 - limit)).ln()
    };
    let largest = (0..STEPS).map(term).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = (0..STEPS).map(|step| (term(step) - largest).exp()).sum();
    largest + (sum / f64::from(STEPS)).ln()
}

/// A trial is over.
fn ends(
    observed: &Observed,
    (line, had): (&LineStatus, Option<&LineStatus>),
    old: &Trial,
    findings: &mut Findings<'_>,
) {
    let name = &line.name;
    if old.withdrawn.is_some() || old.failure.is_some() {
        nothing_left(observed, line, had, old, findings);
    }
    if old.withdrawn.is_some() && old.failure.is_none() {
        return findings.demand(
            line.last_good == had.and_then(|l| l.last_good.clone()),
            "I9",
            || format!("the withdrawn trial of {name} changed its last good"),
        );
    }
    if old.failure.is_some() {
        let marked = line
            .failed
            .as_ref()
            .is_some_and(|f| f.rendering == old.rendering && f.target_digest == old.target_digest);
        return findings.demand(marked, "I8", || {
            format!("the failure of {name} is forgotten")
        });
    }
    let promoted = line
        .last_good
        .as_ref()
        .is_some_and(|kept| kept.digest == old.rendering.digest);
    findings.demand(promoted, "I9", || {
        format!("the trial of {name} ends without a verdict")
    });
    let Some(analysis) = analysis(observed) else {
        return findings.demand(false, "I9", || format!("{name} passes without an analysis"));
    };
    let bake =
        duration::parse(&analysis.bake.duration).map_or(i128::MAX, |bake| bake.as_millis() as i128);
    let calendar = match analysis.bake.clock {
        BakeClock::Production => Calendar::of(&observed.site.spec).ok().flatten(),
        BakeClock::Always => None,
    };
    let baked = old.baking_since.as_ref().map(|since| match &calendar {
        Some(calendar) => calendar
            .production_elapsed(since.0, observed.now)
            .as_millis() as i128,
        None => observed.now.duration_since(since.0).as_millis(),
    });
    findings.demand(
        old.checked && (baked.is_some_and(|baked| baked >= bake) || (bake == 0 && baked.is_none())),
        "I16",
        || format!("{name} passes after {baked:?} of {bake} ms"),
    );
    enough(observed, name, old, analysis, findings);
}

/// A trial that was taken back has left nothing of its own.
fn nothing_left(
    observed: &Observed,
    line: &LineStatus,
    had: Option<&LineStatus>,
    old: &Trial,
    findings: &mut Findings<'_>,
) {
    let rendering = |digest: &str| {
        let mut kept = observed.revisions.iter();
        kept.find(|r| r.line == line.name && r.rendering.digest == digest)
            .map(|r| &r.rendering)
    };
    let good = had.and_then(|l| l.last_good.as_ref());
    let good = good.and_then(|kept| rendering(&kept.digest));
    let Some(tried) = rendering(&old.rendering.digest) else {
        return;
    };
    let in_place = |s: &&andon_render::RenderedStage| s.strategy != andon_api::Strategy::InPlace;
    for stage in tried.stages.iter().filter(in_place) {
        let shared = good.is_some_and(|g| g.stages.iter().any(|s| s.instance == stage.instance));
        let left = observed
            .pods
            .iter()
            .any(|p| p.line == line.name && p.instance == stage.instance);
        findings.demand(shared || !left, "I8", || {
            format!(
                "{} is said to be gone while its pods are there",
                stage.instance
            )
        });
    }
}

/// Every check has its documents, and no more bad ones than its limit.
fn enough(
    observed: &Observed,
    name: &str,
    old: &Trial,
    analysis: &Analysis,
    findings: &mut Findings<'_>,
) {
    let mut trial = old.clone();
    for pod in observed.pods.iter().filter(|p| p.line == *name) {
        if let (Some(started), Some(Reading::Counts(now))) =
            (pod.started, observed.readings.get(&pod.uid))
        {
            let second = started.as_second();
            let last = now
                .indicators
                .iter()
                .map(|(name, count)| (name.clone(), vec![count.good, count.bad]))
                .collect();
            let mut known = trial.containers.iter_mut();
            match known.find(|c| c.pod == pod.uid && c.started.0.as_second() == second) {
                Some(known) => known.last = last,
                // Nobody has read it before: if the trial started it, all that it counted counts.
                None if old
                    .replacing_since
                    .as_ref()
                    .is_some_and(|s| second >= s.0.as_second()) =>
                {
                    trial.containers.push(andon_api::ContainerCount {
                        pod: pod.uid.clone(),
                        started: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(started),
                        base: BTreeMap::new(),
                        last,
                        done: Vec::new(),
                    });
                }
                None => {}
            }
        }
    }
    let counts = counts(&trial);
    for check in analysis.checks.iter().filter(|check| !check.dry_run) {
        let (good, bad) = counts.get(&check.indicator).copied().unwrap_or_default();
        let Some((limit, _)) = limit(
            check,
            &trial,
            1.0 - percent::parse(&analysis.confidence).unwrap_or(1.0),
        ) else {
            continue;
        };
        // A baseline's bound depends on how alpha is shared; here only absolute limits are computed again.
        let limit = if check.max.is_some() { limit } else { 1.0 };
        let total = good + bad;
        findings.demand(total >= analysis.min_samples, "I16", || {
            format!(
                "{name} passes with {total} of {} documents",
                analysis.min_samples
            )
        });
        findings.demand(bad as f64 <= limit * total as f64, "I16", || {
            format!(
                "{name} passes with {bad} of {total} bad documents (limit {:?})",
                check.max
            )
        });
    }
}

/// The last good changes only to what has just passed, or by its version, or is put together again from marks.
fn last_good(
    observed: &Observed,
    line: &LineStatus,
    had: Option<&LineStatus>,
    findings: &mut Findings<'_>,
) {
    let digest = |l: Option<&LineStatus>| {
        l.and_then(|l| l.last_good.as_ref())
            .map(|kept| kept.digest.clone())
    };
    let (was, is) = (digest(had), digest(Some(line)));
    if was == is {
        return;
    }
    let trial = had
        .and_then(|l| l.trial.as_ref())
        .filter(|t| t.failure.is_none() && t.withdrawn.is_none());
    let passed = trial.is_some_and(|t| Some(&t.rendering.digest) == is.as_ref());
    let marked = observed
        .revisions
        .iter()
        .any(|r| r.line == line.name && r.last_good && Some(&r.rendering.digest) == is.as_ref());
    let promoted = had.and_then(|l| l.promoted.as_ref());
    let undone = line.trial.as_ref().is_some_and(going_back)
        && promoted.map(|it| &it.previous.digest) == is.as_ref();
    findings.demand(passed || undone || (had.is_none() && marked), "I9", || {
        format!(
            "the last good of {} becomes {is:?}, which has not passed",
            line.name
        )
    });
}
