//! Rules about values: what a histogram proves of a limit, counted document by document from its steps.

use super::Findings;
use crate::observed::{Counts, Observed, Reading};
use andon_api::{Analysis, Check, Trial, duration, percent};

/// The share of documents that may be over the limit of a check on a quantile.
pub(super) fn share(check: &Check) -> Option<f64> {
    let quantile = percent::parse(check.quantile.as_ref()?).ok()?;
    Some(1.0 - quantile)
}

/// The names under which a check's counts are kept, for a fail and for a pass.
pub(super) fn names(check: &Check) -> (String, String) {
    match (&check.quantile, &check.max) {
        (Some(_), Some(max)) => {
            let name = |word: &str| format!("{} {word} {max}", check.indicator);
            (name("over"), name("within"))
        }
        _ => (check.indicator.clone(), check.indicator.clone()),
    }
}

/// What a reading's histograms prove about the limits: name -> `[good, bad]`.
pub(super) fn pairs(analysis: &Analysis, now: &Counts) -> Vec<(String, Vec<i64>)> {
    let mut pairs = Vec::new();
    for check in &analysis.checks {
        let limit = check.max.as_ref().and_then(|max| {
            let seconds = duration::parse(max).ok().map(|it| it.as_secs_f64());
            max.parse::<f64>().ok().or(seconds)
        });
        let (Some(limit), Some(_), Some(buckets)) =
            (limit, &check.quantile, now.values.get(&check.indicator))
        else {
            continue;
        };
        let (mut fast, mut slow, mut all, mut from) = (0, 0, 0, f64::NEG_INFINITY);
        for bucket in buckets {
            let (to, more) = (bucket.le.unwrap_or(f64::INFINITY), bucket.count - all);
            // Of a bucket one knows only that its documents are above the bound before it, and at most at its own.
            if to <= limit {
                fast += more;
            } else if from >= limit {
                slow += more;
            }
            (all, from) = (bucket.count, to);
        }
        let (over, within) = names(check);
        pairs.push((over, vec![all - slow, slow]));
        pairs.push((within, vec![fast, all - fast]));
    }
    pairs
}

/// What a trial notes of a container that was read now is what its histograms prove.
pub(super) fn as_read(
    observed: &Observed,
    analysis: &Analysis,
    trial: &Trial,
    findings: &mut Findings<'_>,
) {
    for container in &trial.containers {
        let mut pods = observed.pods.iter();
        let pod = pods.find(|pod| {
            let started = pod.started.map(|at| at.as_second());
            pod.uid == container.pod && started == Some(container.started.0.as_second())
        });
        let reading = pod.and_then(|pod| observed.readings.get(&pod.uid));
        let Some(Reading::Counts(now)) = reading else {
            continue;
        };
        for (name, pair) in pairs(analysis, now) {
            // A counter that went backwards is not believed, and then nothing of that reading is.
            let noted = container.last.get(&name);
            let later = noted.is_some_and(|noted| noted.iter().zip(&pair).any(|(a, b)| a > b));
            findings.demand(noted == Some(&pair) || later, "I15", || {
                format!(
                    "{name} of {} is {pair:?}, and noted as {noted:?}",
                    container.pod
                )
            });
        }
    }
}
