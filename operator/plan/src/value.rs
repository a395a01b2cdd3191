//! Values (delays, sizes) as counts: for every check of a quantile, each reading's histogram becomes two pairs of good and bad documents,
//! which are counted, kept and explained like any other indicator's.
//!
//! ```text
//!   documents:        at most 10   ..60   ..300 | more          max = 100 lies within the bucket from 60 to 300
//!                     '---- fast ------'   ?        slow
//!   "… over 100"      good                 good     bad          what a fail counts: bad are those proven slow
//!   "… within 100"    good                 bad      bad          what a pass counts: good are those proven fast
//! ```
//!
//! The adapter reads whole histograms, since the limit belongs to the release and the histogram to the blueprint; the limit meets
//! the histogram here, in each look, before anything is counted. So the status keeps two pairs for a check, and no buckets.

use crate::observed::{BucketCount, Counts, GoodBad, Observed, Reading};
use crate::rules::{Bar, Quantile, Rule, Rules};
use crate::statistics::{Bucket, Delays, Histogram};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The readings, with a check's pairs beside the blueprint's indicators.
pub(crate) fn readings<'a>(
    observed: &'a Observed,
    rules: Option<&Rules>,
) -> Cow<'a, BTreeMap<String, Reading>> {
    let wanted: Vec<(&Rule, &Quantile)> = rules
        .into_iter()
        .flat_map(|rules| &rules.checks)
        .filter_map(|rule| match &rule.bar {
            Bar::Quantile(quantile) => Some((rule, quantile)),
            Bar::Max(..) | Bar::Baseline(..) | Bar::Controls(..) => None,
        })
        .collect();
    if wanted.is_empty() {
        return Cow::Borrowed(&observed.readings);
    }
    let mut readings = observed.readings.clone();
    for reading in readings.values_mut() {
        if let Reading::Counts(counts) = reading {
            split(counts, &wanted);
        }
    }
    Cow::Owned(readings)
}

fn split(counts: &mut Counts, wanted: &[(&Rule, &Quantile)]) {
    for (rule, quantile) in wanted {
        // A container of another version may not measure it.
        let Some(delays) = counts
            .values
            .get(&rule.indicator)
            .and_then(|buckets| delays(buckets, quantile.max))
        else {
            continue;
        };
        let (fail, pass) = (delays.for_fail(), delays.for_pass());
        for (key, seen) in [(rule.key(), fail), (rule.pass_key(), pass)] {
            let pair = GoodBad {
                good: seen.good(),
                bad: seen.bad,
            };
            counts.indicators.insert(key.into_owned(), pair);
        }
    }
}

/// What a histogram proves about a limit; none: it is no histogram (which the adapter would have said).
fn delays(buckets: &[BucketCount], max: f64) -> Option<Delays> {
    let bucket = |it: &BucketCount| Bucket {
        le: it.le.unwrap_or(f64::INFINITY),
        count: it.count,
    };
    let histogram = Histogram {
        buckets: buckets.iter().map(bucket).collect(),
    };
    histogram.delays(max).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(max: f64, text: &str) -> Rule {
        Rule {
            indicator: "delay".to_owned(),
            bar: Bar::Quantile(Quantile {
                over: 0.05,
                max,
                text: "95%".to_owned(),
                max_text: text.to_owned(),
            }),
            dry_run: false,
        }
    }

    fn pairs(max: f64, text: &str) -> [GoodBad; 2] {
        let buckets = [
            (Some(10.0), 70),
            (Some(60.0), 90),
            (Some(300.0), 97),
            (None, 100),
        ];
        let bucket = |(le, count)| BucketCount { le, count };
        let mut counts = Counts {
            values: BTreeMap::from([("delay".to_owned(), buckets.map(bucket).to_vec())]),
            ..Counts::default()
        };
        let rule = rule(max, text);
        let Bar::Quantile(quantile) = &rule.bar else {
            unreachable!()
        };
        split(&mut counts, &[(&rule, quantile)]);
        [format!("delay over {text}"), format!("delay within {text}")]
            .map(|key| counts.indicators[&key])
    }

    #[test]
    fn a_limit_that_is_a_bound_decides_every_document() {
        let all = GoodBad { good: 90, bad: 10 };
        assert_eq!(pairs(60.0, "60s"), [all, all]);
    }

    #[test]
    fn documents_of_the_bucket_that_the_limit_lies_within_neither_fail_nor_pass() {
        let (fail, pass) = (GoodBad { good: 97, bad: 3 }, GoodBad { good: 90, bad: 10 });
        assert_eq!(pairs(100.0, "100s"), [fail, pass]);
    }

    #[test]
    fn a_container_that_does_not_measure_it_has_no_pair() {
        let mut counts = Counts::default();
        let rule = rule(60.0, "60s");
        let Bar::Quantile(quantile) = &rule.bar else {
            unreachable!()
        };
        split(&mut counts, &[(&rule, quantile)]);
        assert!(counts.indicators.is_empty());
    }
}
