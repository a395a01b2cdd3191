//! Evidence that an error rate is above its limit.
//!
//! `E(k, n)` mixes the likelihood ratios of every rate above the limit (Beta(1/2, 1/2), cut to the rates above it) against
//! the limit itself. With `p` the limit, `a = b = 1/2`, `I` the regularized incomplete beta function:
//!
//! ```text
//! ln E = ln B(a+k, b+n-k) + ln(1 - I_p(a+k, b+n-k)) - ln B(a, b) - ln(1 - I_p(a, b)) - k ln p - (n-k) ln(1-p)
//! ```
//!
//! It is valid because for a rate r above the limit p the likelihood ratio of one document has, at the true rate t, the
//! expectation `t r/p + (1-t)(1-r)/(1-p)`: 1 at t = p and less below. So while the true rate is at most the limit, E is a
//! non-negative supermartingale, and a mixture of such is one.

use super::beta::{Share, log_above};

/// Parameter of the Jeffreys prior, Beta(1/2, 1/2).
pub(super) const PRIOR: f64 = 0.5;

/// `ln E` for `bad` of `total` documents against `limit` (a share: 1 % is 0.01). It fails at `ln(1/alpha)` and above.
///
/// Nothing seen is no evidence: 0. A limit of 1 or more can never be broken: 0 for ever. A limit of 0 is broken by the
/// first bad document: infinite. Counts outside 0 ..= total are cut to it.
pub fn log_e(bad: i64, total: i64, limit: f64) -> f64 {
    if total <= 0 || limit.is_nan() || limit >= 1.0 {
        return 0.0;
    }
    let bad = bad.clamp(0, total);
    match Share::new(limit) {
        Some(limit) => mixture(bad as f64, (total - bad) as f64, limit),
        None if bad > 0 => f64::INFINITY,
        None => 0.0,
    }
}

/// `ln` of the mixture of all rates above `limit`, against `limit`.
pub(super) fn mixture(bad: f64, good: f64, limit: Share) -> f64 {
    log_above(bad + PRIOR, good + PRIOR, limit) - log_above(PRIOR, PRIOR, limit)
}

#[cfg(test)]
mod tests {
    use super::super::oracle;
    use super::*;

    /// The grid was computed by `tests/oracle/make_grid.py` with numpy and scipy.
    #[test]
    fn evidence_is_that_of_the_oracle() {
        oracle::agrees(include_str!("../../tests/oracle.json"), log_e);
    }

    #[test]
    fn two_of_two_against_one_percent_is_four_thousand_to_one() {
        assert_eq!(log_e(2, 2, 0.01).exp().round(), 4005.0);
    }

    #[test]
    fn evidence_stays_finite_where_the_oracle_underflows() {
        for (bad, total) in [
            (0, 1_000_000),
            (1, 1_000_000),
            (1_000_000, 1_000_000),
            (0, 100_000_000),
        ] {
            assert!(log_e(bad, total, 0.01).is_finite(), "{bad} of {total}");
        }
        assert!(log_e(0, 1_000_000, 0.01) < log_e(0, 1_000, 0.01));
    }

    #[test]
    fn more_bad_documents_are_more_evidence() {
        for total in [1, 10, 100, 5_000] {
            for bad in 0..total.min(50) {
                assert!(log_e(bad + 1, total, 0.01) > log_e(bad, total, 0.01));
            }
        }
    }

    #[test]
    fn nothing_seen_is_no_evidence() {
        assert_eq!(log_e(0, 0, 0.01), 0.0);
        assert_eq!(log_e(3, -1, 0.01), 0.0);
    }

    /// Validity itself, without luck: what one more document makes of E, in the mean over the true rate, is at most E.
    #[test]
    fn at_a_rate_within_the_limit_evidence_does_not_grow_in_the_mean() {
        for limit in [0.001, 0.01, 0.3, 0.9] {
            for total in [0, 1, 7, 100, 3_000] {
                for bad in [0, 1, total / 50, total / 2, total] {
                    let now = log_e(bad.min(total), total, limit);
                    let worse = (log_e(bad.min(total) + 1, total + 1, limit) - now).exp();
                    let better = (log_e(bad.min(total), total + 1, limit) - now).exp();
                    for part in [0.0, 0.3, 0.99, 1.0] {
                        let rate = limit * part;
                        let mean = rate * worse + (1.0 - rate) * better;
                        assert!(mean <= 1.0 + 1e-9, "{bad} of {total} at {rate}: {mean}");
                    }
                    let at_limit = limit * worse + (1.0 - limit) * better;
                    assert!((at_limit - 1.0).abs() < 1e-9, "{at_limit}");
                }
            }
        }
    }

    #[test]
    fn limits_at_the_ends() {
        assert_eq!(log_e(5, 5, 1.0), 0.0);
        assert_eq!(log_e(5, 5, 1.5), 0.0);
        assert_eq!(log_e(5, 5, f64::NAN), 0.0);
        assert_eq!(log_e(1, 5, 0.0), f64::INFINITY);
        assert_eq!(log_e(0, 5, 0.0), 0.0);
    }
}
