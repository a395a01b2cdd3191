//! "The 95 % quantile of the delay is at most 60 s", as a check of counts.
//!
//! A quantile is at most `max` exactly if the share of documents that took longer than `max` is at most `1 - quantile`. So the
//! check is a check of a proportion (the sign test, made sequential): "slow" documents against the limit
//! `1 - quantile`, by [`super::log_e`] and [`super::log_e_pass`], with the same guarantee however often one looks. Nothing is
//! supposed of how delays are distributed. See S. Howard, A. Ramdas, *Sequential estimation of quantiles with applications
//! to A/B testing and best-arm identification*, Bernoulli 28(3), 2022, which builds its confidence sequences for quantiles on the
//! same indicator variables.
//!
//! **Buckets.** A histogram tells on which side of `max` a document is only where `max` is a bound. A document in the bucket that
//! `max` lies within is neither proven slow nor proven fast: a *fail* counts only those proven slow as bad, a *pass* only those
//! proven fast as good. Evidence rises with the number of bad documents, so both can only be too careful, never wrong.
//! Nothing is interpolated: a quantile that is interpolated within a bucket is a guess.
//!
//! **What is not in it.** A histogram holds finished documents only. One that still waits after `max` is slow already; a caller
//! that knows of such adds them to `slow_proven` and `total`. Delays that rise together for one cause (a queue that stood still) are
//! not independent: count a batch once.

use super::input::{BadInput, Counts};
use serde::{Deserialize, Serialize};

/// One bucket of a cumulative histogram, as Prometheus exposes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The bound: documents up to and including this value. The last one is `f64::INFINITY`.
    pub le: f64,
    /// How many documents were at most `le`, those of all smaller bounds included.
    pub count: i64,
}

/// Documents by how long they took: the increase of a cumulative histogram since the canary started.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// By rising bound; the last bound is +Inf and its count is the total.
    pub buckets: Vec<Bucket>,
}

/// What a histogram proves about a limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delays {
    /// Documents that certainly took longer than the limit.
    pub slow_proven: i64,
    /// Documents that certainly did not.
    pub fast_proven: i64,
    /// All documents; those in neither are in the bucket that the limit lies within.
    pub total: i64,
    /// That bucket; none: the limit is a bound, and everything is decided.
    pub straddled: Option<Straddled>,
}

/// A bucket that a limit lies within.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Straddled {
    /// The bound below the limit. None: there is none, so no document is ever proven fast and the check cannot pass.
    pub above: Option<f64>,
    /// The bound above the limit. None: it is +Inf, so no document is ever proven slow and the check cannot fail.
    pub to: Option<f64>,
}

impl Delays {
    /// The counts to fail on: bad are those proven slow.
    pub fn for_fail(&self) -> Counts {
        Counts {
            bad: self.slow_proven,
            total: self.total,
        }
    }

    /// The counts to pass on: bad are those not proven fast.
    pub fn for_pass(&self) -> Counts {
        Counts {
            bad: self.total - self.fast_proven,
            total: self.total,
        }
    }

    /// Documents in the bucket that the limit lies within.
    pub fn undecided(&self) -> i64 {
        self.total - self.slow_proven - self.fast_proven
    }

    /// Whether no document could ever be proven slow: the limit is above the last finite bound.
    pub fn cannot_fail(&self) -> bool {
        self.straddled.is_some_and(|bucket| bucket.to.is_none())
    }

    /// Whether no document could ever be proven fast: the limit is below the first bound.
    pub fn cannot_pass(&self) -> bool {
        self.straddled.is_some_and(|bucket| bucket.above.is_none())
    }
}

/// The share of documents that may take longer than the limit: `1 - quantile`. The limit for [`super::log_e`].
pub fn share_over(quantile: f64) -> Result<f64, BadInput> {
    if quantile > 0.0 && quantile < 1.0 {
        return Ok(1.0 - quantile);
    }
    Err(BadInput::new(
        "quantile",
        quantile,
        "above 0 and below 1 (95% is 0.95)",
    ))
}

impl Histogram {
    /// What it proves about `max` (in the unit of the bounds; exactly `max` is not slow).
    pub fn delays(&self, max: f64) -> Result<Delays, BadInput> {
        if !max.is_finite() {
            return Err(BadInput::new("max", max, "a finite number"));
        }
        let total = self.total()?;
        let below = self.buckets.iter().rev().find(|bucket| bucket.le <= max);
        let above = self.buckets.iter().find(|bucket| bucket.le >= max);
        let fast_proven = below.map_or(0, |bucket| bucket.count);
        let decided = below.is_some_and(|bucket| bucket.le == max);
        Ok(Delays {
            slow_proven: above.map_or(0, |bucket| total - bucket.count),
            fast_proven,
            total,
            straddled: (!decided).then(|| Straddled {
                above: below.map(|bucket| bucket.le),
                to: above.map(|bucket| bucket.le).filter(|le| le.is_finite()),
            }),
        })
    }

    /// All documents, if it is a cumulative histogram at all.
    pub fn total(&self) -> Result<i64, BadInput> {
        let Some(last) = self.buckets.last() else {
            return Err(BadInput::new("buckets", "none", "at least the bucket +Inf"));
        };
        let mut before: Option<&Bucket> = None;
        for bucket in &self.buckets {
            if bucket.count < 0 {
                let value = format!("{} at le {}", bucket.count, bucket.le);
                return Err(BadInput::new("buckets.count", value, "0 or more"));
            }
            if bucket.le.is_nan() || before.is_some_and(|before| bucket.le <= before.le) {
                let after = before.map_or(String::new(), |before| format!(" after {}", before.le));
                let value = format!("{}{after}", bucket.le);
                return Err(BadInput::new(
                    "buckets.le",
                    value,
                    "a bound above the one before",
                ));
            }
            if let Some(before) = before.filter(|before| bucket.count < before.count) {
                let value = format!(
                    "{} at le {} after {} at le {}",
                    bucket.count, bucket.le, before.count, before.le
                );
                return Err(BadInput::new(
                    "buckets.count",
                    value,
                    "at least the count of the bound before (counts are cumulative)",
                ));
            }
            before = Some(bucket);
        }
        if last.le != f64::INFINITY {
            return Err(BadInput::new(
                "buckets.le",
                format!("{} (the last)", last.le),
                "+Inf, the bucket of all documents",
            ));
        }
        Ok(last.count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{log_e, log_e_pass};
    use super::*;

    fn histogram(buckets: &[(f64, i64)]) -> Histogram {
        let bucket = |(le, count): &(f64, i64)| Bucket {
            le: *le,
            count: *count,
        };
        Histogram {
            buckets: buckets.iter().map(bucket).collect(),
        }
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn a_limit_at_a_bound_decides_every_document() {
        let seen = histogram(&[(10.0, 70), (60.0, 90), (300.0, 97), (INF, 100)])
            .delays(60.0)
            .unwrap();
        assert_eq!(
            (seen.slow_proven, seen.fast_proven, seen.total),
            (10, 90, 100)
        );
        assert_eq!((seen.undecided(), seen.straddled), (0, None));
        assert_eq!(seen.for_fail(), seen.for_pass());
        assert!(!seen.cannot_fail() && !seen.cannot_pass());
    }

    #[test]
    fn a_limit_within_a_bucket_leaves_its_documents_undecided() {
        let seen = histogram(&[(10.0, 70), (60.0, 90), (300.0, 97), (INF, 100)])
            .delays(100.0)
            .unwrap();
        assert_eq!(seen.for_fail(), Counts { bad: 3, total: 100 });
        assert_eq!(
            seen.for_pass(),
            Counts {
                bad: 10,
                total: 100
            }
        );
        assert_eq!(seen.undecided(), 7);
        let straddled = seen.straddled.unwrap();
        assert_eq!((straddled.above, straddled.to), (Some(60.0), Some(300.0)));
    }

    #[test]
    fn a_limit_beyond_the_bounds_says_what_cannot_be() {
        let buckets = histogram(&[(10.0, 70), (60.0, 90), (INF, 100)]);
        let above = buckets.delays(61.0).unwrap();
        assert!(above.cannot_fail() && !above.cannot_pass());
        assert_eq!(above.slow_proven, 0);
        let below = buckets.delays(5.0).unwrap();
        assert!(below.cannot_pass() && !below.cannot_fail());
        assert_eq!((below.fast_proven, below.slow_proven), (0, 30));
    }

    /// Every delay is put into buckets here, so the truth is known.
    #[test]
    fn what_is_proven_is_true_and_evidence_is_never_more_than_that_of_the_delays_themselves() {
        let bounds = [1.0, 5.0, 30.0, 60.0, 120.0, 600.0, INF];
        let limit = share_over(0.95).unwrap();
        let mut undecided = 0;
        for seed in 1..200i64 {
            let delays: Vec<f64> = (1..=seed * 3)
                .map(|n| ((n * n * 7_919 + seed * 104_729) % 997) as f64)
                .collect();
            let within = |max: f64| delays.iter().filter(|delay| **delay <= max).count() as i64;
            let buckets = bounds.map(|le| (le, within(le)));
            for max in [0.5, 1.0, 17.0, 60.0, 61.0, 600.0, 900.0] {
                let seen = histogram(&buckets).delays(max).unwrap();
                let slow = seen.total - within(max);
                assert!(seen.slow_proven <= slow && seen.fast_proven <= within(max));
                if bounds.contains(&max) {
                    assert_eq!(seen.slow_proven, slow);
                }
                undecided += seen.undecided();
                let (fail, pass) = (seen.for_fail(), seen.for_pass());
                assert!(
                    log_e(fail.bad, fail.total, limit) <= log_e(slow, seen.total, limit) + 1e-9
                );
                assert!(
                    log_e_pass(pass.bad, pass.total, limit)
                        <= log_e_pass(slow, seen.total, limit) + 1e-9
                );
            }
        }
        assert!(undecided > 0);
    }

    #[test]
    fn a_malformed_histogram_is_refused_with_what_is_wrong() {
        let said = |buckets: &[(f64, i64)]| histogram(buckets).delays(1.0).unwrap_err().to_string();
        assert_eq!(said(&[]), "buckets: none is not at least the bucket +Inf");
        assert_eq!(
            said(&[(1.0, 2), (5.0, 3)]),
            "buckets.le: 5 (the last) is not +Inf, the bucket of all documents"
        );
        assert_eq!(
            said(&[(1.0, 4), (5.0, 3), (INF, 5)]),
            "buckets.count: 3 at le 5 after 4 at le 1 is not at least the count of the bound before (counts are cumulative)"
        );
        assert_eq!(
            said(&[(5.0, 1), (5.0, 3), (INF, 5)]),
            "buckets.le: 5 after 5 is not a bound above the one before"
        );
        assert_eq!(
            said(&[(1.0, -1), (INF, 5)]),
            "buckets.count: -1 at le 1 is not 0 or more"
        );
        assert!(said(&[(f64::NAN, 1), (INF, 5)]).starts_with("buckets.le: NaN"));
        assert!(said(&[(INF, 5), (INF, 5)]).starts_with("buckets.le: inf after inf"));
        let limit = histogram(&[(INF, 5)]).delays(INF).unwrap_err();
        assert_eq!(limit.to_string(), "max: inf is not a finite number");
    }

    #[test]
    fn a_quantile_is_a_share() {
        assert_eq!(share_over(0.75), Ok(0.25));
        for quantile in [0.0, 1.0, 95.0, f64::NAN] {
            assert_eq!(share_over(quantile).unwrap_err().field, "quantile");
        }
    }
}
