//! Rules about how a trial ends: it passes on time and numbers, fails on evidence, and leaves nothing behind.

use super::{Findings, comparing, valued};
use crate::calendar::Calendar;
use crate::observed::{Observed, Pod, Reading};
use crate::plan::Plan;
use andon_api::{Analysis, BakeClock, Check, LineStatus, Trial, duration, label, percent};
use std::collections::BTreeMap;

/// A trial is over.
pub(super) fn ends(
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
        return marked(observed, (line, had), old, findings);
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
    let baked = baked.filter(|_| old.promoted.is_none());
    let bake = match old.promoted {
        Some(_) => 0,
        None => bake,
    };
    findings.demand(
        old.checked && (baked.is_some_and(|baked| baked >= bake) || (bake == 0 && baked.is_none())),
        "I16",
        || format!("{name} passes after {baked:?} of {bake} ms"),
    );
    let delayed = judged_after_delay(analysis, old);
    findings.demand(delayed, "I16", || {
        format!("{name} passes before documents are judged")
    });
    if old.promoted.is_some() {
        nobody_is_silent(observed, name, old, findings);
    }
    enough(observed, name, old, analysis, findings);
}

/// A failure is remembered. One of what the line should run is kept rather than one of what it ran.
fn marked(
    observed: &Observed,
    (line, had): (&LineStatus, Option<&LineStatus>),
    old: &Trial,
    findings: &mut Findings<'_>,
) {
    let desired = findings.desired(observed, &line.name);
    let target = observed.integration.spec.target.as_ref();
    let failed = line.failed.as_ref();
    let marked = failed
        .is_some_and(|f| f.rendering == old.rendering && f.target_digest == old.target_digest);
    let counts = failed.is_some_and(|f| {
        Some(&f.rendering.digest) == desired.as_ref()
            && target.is_some_and(|target| target.digest == f.target_digest)
            && had.is_some_and(|had| had.failed.as_ref() == Some(f))
    });
    findings.demand(marked || counts, "I8", || {
        format!("the failure of {} is forgotten", line.name)
    });
}

/// The pods of what is on trial; those that stand by count for nothing.
fn own_pods<'a>(
    observed: &'a Observed,
    name: &'a str,
    trial: &'a Trial,
) -> impl Iterator<Item = &'a Pod> + Clone {
    let mut kept = observed.revisions.iter();
    let kept = kept.find(|r| r.line == name && r.rendering.digest == trial.rendering.digest);
    let own = move |pod: &Pod| {
        kept.is_none_or(|it| {
            let mut stages = it.rendering.stages.iter();
            stages.any(|stage| stage.instance == pod.instance)
        })
    };
    let pods = observed.pods.iter();
    pods.filter(move |pod| pod.line == name && own(pod))
}

/// Whether documents are judged at all yet: not before `startDelay` is over.
fn judged_after_delay(analysis: &Analysis, trial: &Trial) -> bool {
    let Some(delay) = &analysis.start_delay else {
        return true;
    };
    let delay = duration::parse(delay).map_or(i128::MAX, |delay| delay.as_millis() as i128);
    let (began, judged) = (trial.baking_since.as_ref(), trial.judged_since.as_ref());
    let waited = began
        .zip(judged)
        .is_some_and(|(began, judged)| judged.0.duration_since(began.0).as_millis() >= delay);
    delay == 0 || analysis.checks.is_empty() || waited
}

/// `startDelay` is over: what was counted until then does not count.
pub(super) fn begins_to_be_judged(
    name: &str,
    (old, new): (&Trial, &Trial),
    findings: &mut Findings<'_>,
) {
    let begins = old.judged_since.is_none() && new.judged_since.is_some();
    let anew = new.comparison.is_none() && new.containers.iter().all(|it| it.base == it.last);
    findings.demand(!begins || anew, "I15", || {
        format!("{name} is judged by documents of its start")
    });
    let known = old.judged_since.is_none() || old.judged_since == new.judged_since;
    findings.demand(known, "I15", || format!("{name} begins to be judged twice"));
}

/// What a person promotes has been looked at all the same: every stage that counts something works, and its counters can be read.
fn nobody_is_silent(observed: &Observed, name: &str, old: &Trial, findings: &mut Findings<'_>) {
    let mut kept = observed.revisions.iter();
    let kept = kept.find(|r| r.line == name && r.rendering.digest == old.rendering.digest);
    for indicator in kept.iter().flat_map(|r| &r.rendering.indicators) {
        let pods = own_pods(observed, name, old);
        let mut pods = pods.filter(|p| p.stage == indicator.stage && !p.terminating);
        let works = pods.clone().any(|p| p.ready);
        let silent = pods.any(|p| {
            matches!(
                observed.readings.get(&p.uid),
                None | Some(Reading::NoAnswer(_))
            )
        });
        findings.demand(works && !silent, "I16", || {
            format!("{name} is promoted while {} says nothing", indicator.stage)
        });
    }
}

/// A trial counts as promoted by a person only if it was baking, and the annotation says so and has not been honoured before.
pub(super) fn may_promote(
    observed: &Observed,
    plan: &Plan,
    name: &str,
    (old, new): (&Trial, &Trial),
    findings: &mut Findings<'_>,
) {
    let value = observed.integration.annotations.get(label::PROMOTE);
    let cut = |text: &String| text.chars().take(label::LEVER_LENGTH).collect::<String>();
    let value = value.map(cut);
    let fresh = observed.integration.status.promote != value && plan.status.promote == value;
    let said = new.promoted.as_ref().zip(value).is_some_and(|(it, text)| {
        text.starts_with(&format!("{name}@{}: ", it.by)) && !it.by.is_empty()
    });
    let baking = old.baking_since.is_some() && old.failure.is_none() && old.withdrawn.is_none();
    findings.demand(fresh && said && baking, "I16", || {
        format!(
            "{name} counts as promoted by {:?}, who has not said so now",
            new.promoted
        )
    });
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
    super::standing::may_end(observed, name, old, findings);
    let mut trial = old.clone();
    for pod in own_pods(observed, name, old) {
        if let (Some(started), Some(Reading::Counts(now))) =
            (pod.started, observed.readings.get(&pod.uid))
        {
            let second = started.as_second();
            let last = now
                .indicators
                .iter()
                .map(|(name, count)| (name.clone(), vec![count.good, count.bad]))
                .chain(valued::pairs(analysis, now))
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
    // A person may say that there are enough documents, not that there is no need to look at them.
    let needed = match old.promoted {
        Some(_) => 0,
        None => analysis.min_samples,
    };
    for check in analysis.checks.iter().filter(|check| !check.dry_run) {
        let (_, within) = valued::names(check);
        let (good, bad) = counts.get(&within).copied().unwrap_or_default();
        let limit = pass_limit(observed, check, old);
        let total = good + bad;
        findings.demand(total >= needed, "I16", || {
            format!("{name} passes with {total} of {needed} documents")
        });
        findings.demand(bad as f64 <= limit * total as f64, "I16", || {
            format!("{name} passes with {bad} of {total} bad documents (limit {limit})")
        });
    }
}

/// The largest share of bad documents that passes. A baseline's bound depends on how alpha is shared; only the others are computed
/// again.
fn pass_limit(observed: &Observed, check: &Check, old: &Trial) -> f64 {
    let max = check.max.as_ref().filter(|_| check.quantile.is_none());
    max.and_then(|max| percent::parse(max).ok())
        .or_else(|| valued::share(check))
        .or_else(|| comparing::share(observed, check, old))
        .unwrap_or(1.0)
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
pub(super) fn counts(trial: &Trial) -> BTreeMap<String, (i64, i64)> {
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

/// The part of a trial's alpha that each check may spend, a shadow being one.
pub(super) fn alpha(observed: &Observed) -> Option<f64> {
    let analysis = analysis(observed)?;
    let alpha = 1.0 - percent::parse(&analysis.confidence).unwrap_or(1.0);
    let judged = analysis.checks.iter().filter(|check| !check.dry_run);
    Some(
        alpha
            / judged
                .count()
                .saturating_add(analysis.shadow.iter().count()) as f64,
    )
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
    let delayed = judged_after_delay(analysis, trial);
    findings.demand(delayed, "I15", || {
        format!("{} fails for documents that are not judged", line.name)
    });
    let judged = analysis.checks.iter().filter(|check| !check.dry_run);
    let alpha = alpha(observed).unwrap_or(0.0);
    let counts = counts(trial);
    let found = judged.clone().any(|check| {
        let (over, _) = valued::names(check);
        let (good, bad) = counts.get(&over).copied().unwrap_or_default();
        let bar = limit(check, trial, alpha);
        bar.is_some_and(|(limit, needed)| evidence(bad, good, limit) > needed.ln() - 1e-3)
            || comparing::has_evidence(check, trial, 1.0 / alpha)
    });
    valued::as_read(observed, analysis, trial, findings);
    findings.demand(found, "I15", || {
        format!("{} fails without evidence: {counts:?}", line.name)
    });
}

/// A check's limit, and the odds that it takes; none: there is no baseline to hold it against.
fn limit(check: &Check, trial: &Trial, alpha: f64) -> Option<(f64, f64)> {
    if let Some(over) = valued::share(check) {
        return Some((over, 1.0 / alpha));
    }
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
pub(super) fn evidence(bad: i64, good: i64, limit: f64) -> f64 {
    const STEPS: i32 = 20_000;
    let from = limit.sqrt().asin();
    let width = (std::f64::consts::FRAC_PI_2 - from) / f64::from(STEPS);
    let term = |step: i32| {
        let p = (from + (f64::from(step) + 0.5) * width).sin().powi(2);
        bad as f64 * (p / limit).ln() + good as f64 * ((1.0 - p) / (1.0 - limit)).ln()
    };
    let terms: Vec<f64> = (0..STEPS).map(term).collect();
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = terms.iter().map(|term| (term - largest).exp()).sum();
    largest + (sum / f64::from(STEPS)).ln()
}
