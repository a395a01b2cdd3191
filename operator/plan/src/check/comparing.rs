//! Rules about the comparison with the other lines: its evidence is that of the blocks it took up, computed another way, and no
//! document is in two of them.

use super::Findings;
use crate::observed::Observed;
use andon_api::{Check, ComparedIndicator, ControlIndicators, Trial, percent};

/// Evidence is rounded down to millionths; this much more than that is wrong.
const OFF: f64 = 1e-4;

/// A trial goes on: what its comparison took up, and what follows from it.
pub(super) fn goes_on(
    observed: &Observed,
    line: &str,
    (old, new): (&Trial, &Trial),
    findings: &mut Findings<'_>,
) {
    let target = observed.integration.spec.target.as_ref();
    let Some(analysis) = target.map(|target| &target.analysis) else {
        return;
    };
    let (Some(before), Some(after)) = (&old.comparison, &new.comparison) else {
        return findings.demand(old.comparison.is_none(), "I15", || {
            format!("the comparison of {line} is forgotten")
        });
    };
    let began_anew = old.outage != new.outage;
    for check in &analysis.checks {
        let Some(worsening) = worsening(check) else {
            continue;
        };
        let name = &check.indicator;
        let (Some(was), Some(is)) = (before.evidence.get(name), after.evidence.get(name)) else {
            continue;
        };
        if was == is {
            let idle = before.taken == after.taken || began_anew;
            findings.demand(idle, "I15", || {
                format!("{line} takes documents of {name} up without counting them")
            });
            continue;
        }
        let step = Step { was, is };
        let off = is.log_e_millionths as f64 / 1e6 - step.log_e(worsening);
        findings.demand(off.abs() <= OFF, "I15", || {
            format!("the evidence of {line} about {name} is off by {off}: {is:?} after {was:?}")
        });
        let canary = step.came(|it| (&it.canary, &it.open_canary));
        let counted = counted(new, name);
        let taken = pair(before.taken.get(name));
        let expected = ((counted.1 - taken.1).max(0), (counted.0 - taken.0).max(0));
        let expected = (expected.0, expected.0 + expected.1);
        findings.demand(canary == expected || began_anew, "I15", || {
            format!("{line} takes up {canary:?} of {name} where {expected:?} have come")
        });
        let stands = pair(after.taken.get(name));
        findings.demand(stands == counted || began_anew, "I15", || {
            format!("{line} has {counted:?} of {name} and notes {stands:?}")
        });
        let most = controls(observed, &before.controls, name);
        let controls = step.came(|it| (&it.controls, &it.open_controls));
        findings.demand(controls == most, "I15", || {
            format!(
                "{line} takes up {controls:?} of {name} where the other lines have done {most:?}"
            )
        });
    }
}

/// Whether the comparison has the evidence that a failure needs.
pub(super) fn has_evidence(check: &Check, trial: &Trial, needed: f64) -> bool {
    let evidence = trial.comparison.as_ref();
    let evidence = evidence.and_then(|it| it.evidence.get(&check.indicator));
    check.not_worse_than_controls.is_some()
        && evidence.is_some_and(|it| it.log_e_millionths as f64 / 1e6 > needed.ln() - 1e-3)
}

/// How much worse a check lets the canary be than the other lines; none: it does not ask.
fn worsening(check: &Check) -> Option<f64> {
    percent::parse(check.not_worse_than_controls.as_ref()?).ok()
}

/// The share of bad documents that a pass is held against: that of the other lines since the canary's counts began, and the
/// worsening; none: they have done nothing.
pub(super) fn share(observed: &Observed, check: &Check, trial: &Trial) -> Option<f64> {
    let worsening = worsening(check)?;
    let indicator = &check.indicator;
    let anew = controls(observed, &trial.controls, indicator);
    let comparison = trial.comparison.as_ref()?;
    let known = comparison.evidence.get(indicator)?;
    let came = controls(observed, &comparison.controls, indicator);
    let at = |list: &[i64], index: usize| list.get(index).copied().unwrap_or(0);
    let all = |index: usize| at(&known.controls, index) + at(&known.open_controls, index);
    let (bad, total) = match anew {
        (bad, total) if total > 0 => (bad, total),
        _ => (all(0) + came.0, all(1) + came.1),
    };
    (total > 0).then(|| worsening + bad as f64 / total as f64)
}

/// `(bad, total)` of the other lines' containers since the marks.
fn controls(observed: &Observed, marks: &[ControlIndicators], indicator: &str) -> (i64, i64) {
    let mut sum = (0, 0);
    for mark in marks {
        let mut pods = observed.pods.iter();
        let pod = pods.find(|pod| {
            let same_start = |at: jiff::Timestamp| at.as_second() == mark.started.0.as_second();
            pod.uid == mark.pod && !pod.terminating && pod.started.is_some_and(same_start)
        });
        let steady = |name: &str| {
            let lines = &observed.integration.status.lines;
            let known = lines.iter().find(|line| line.name == name);
            known.is_some_and(|line| line.trial.is_none())
        };
        let reading = pod
            .filter(|pod| steady(&pod.line))
            .and_then(|pod| observed.readings.get(&pod.uid));
        let Some(crate::Reading::Counts(counts)) = reading else {
            continue;
        };
        let then = pair(mark.base.get(indicator));
        if let Some(now) = counts.indicators.get(indicator) {
            let bad = (now.bad - then.1).max(0);
            sum = (sum.0 + bad, sum.1 + bad + (now.good - then.0).max(0));
        }
    }
    sum
}

/// `(good, bad)` of the trial's containers.
fn counted(trial: &Trial, indicator: &str) -> (i64, i64) {
    let counts = super::ending::counts(trial);
    counts.get(indicator).copied().unwrap_or_default()
}

fn pair(kept: Option<&Vec<i64>>) -> (i64, i64) {
    let at = |index: usize| kept.and_then(|pair| pair.get(index)).copied();
    (at(0).unwrap_or(0), at(1).unwrap_or(0))
}

/// One step of the evidence.
struct Step<'a> {
    was: &'a ComparedIndicator,
    is: &'a ComparedIndicator,
}

impl Step<'_> {
    /// What came in between, closed and open together.
    fn came(&self, of: impl Fn(&ComparedIndicator) -> (&Vec<i64>, &Vec<i64>)) -> (i64, i64) {
        let sum = |it: &ComparedIndicator, index: usize| {
            let (closed, open) = of(it);
            let at = |list: &Vec<i64>| list.get(index).copied().unwrap_or(0);
            at(closed) + at(open)
        };
        let since = |index| sum(self.is, index) - sum(self.was, index);
        (since(0), since(1))
    }

    /// `ln E` after it: the likelihoods are added up as they stand, and the nearest pair of the null is found by narrowing.
    fn log_e(&self, worsening: f64) -> f64 {
        let number = |list: &Vec<i64>, index: usize| list.get(index).copied().unwrap_or(0) as f64;
        let more = |now: &Vec<i64>, then: &Vec<i64>| {
            [
                number(now, 0) - number(then, 0),
                number(now, 1) - number(then, 1),
            ]
        };
        let before = self.was.log_e_millionths as f64 / 1e6;
        let canary = more(&self.is.canary, &self.was.canary);
        let controls = more(&self.is.controls, &self.was.controls);
        if canary[1] <= 0.0 || controls[1] <= 0.0 {
            return before;
        }
        let known = number(&self.was.history, 0) + number(&self.was.controls, 0) + 0.5;
        let of = number(&self.was.history, 1) + number(&self.was.controls, 1) + 50.0;
        let low = known / of;
        let room = 1.0 - low - worsening;
        if room <= 0.0 {
            return before;
        }
        let seen = [number(&self.was.canary, 0), number(&self.was.canary, 1)];
        let (mut weighted, mut whole) = (Vec::new(), Vec::new());
        for part in std::iter::once(0.99).chain((1..=10).map(|n| 0.5_f64.powi(n))) {
            let high = low + worsening + room * part;
            let null = nearest((canary[1], high), (controls[1], low), worsening);
            let weight = likelihood(seen, high);
            let ratio = likelihood(canary, high) + likelihood(controls, low)
                - likelihood(canary, null + worsening)
                - likelihood(controls, null);
            whole.push(weight);
            weighted.push(weight + ratio);
        }
        before + (0.1 + 0.9 * (log_of_sum(&weighted) - log_of_sum(&whole)).exp()).ln()
    }
}

/// The controls' rate of the null's pair at the least distance, by narrowing to thirds.
fn nearest(canary: (f64, f64), controls: (f64, f64), worsening: f64) -> f64 {
    let distance = |rate: f64| {
        let apart = |p: f64, q: f64| p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln();
        canary.0 * apart(canary.1, rate + worsening) + controls.0 * apart(controls.1, rate)
    };
    let (mut low, mut high) = (controls.1, canary.1 - worsening);
    for _ in 0..300 {
        let third = (high - low) / 3.0;
        if distance(low + third) < distance(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    0.5 * (low + high)
}

/// `ln` of the likelihood of `[bad, total]` at a rate.
fn likelihood([bad, total]: [f64; 2], rate: f64) -> f64 {
    bad * rate.ln() + (total - bad) * (1.0 - rate).ln()
}

fn log_of_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
}
