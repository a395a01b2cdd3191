//! The limit that a baseline gives: the line before the change, or other lines before it, frozen when the canary starts.
//!
//! The limit is the one-sided Clopper-Pearson upper bound of the baseline's rate at confidence `1 - alpha/2`, plus the
//! allowed worsening. The canary's counts go against it with [`super::log_e`] and fail at `2/alpha`: the bound is too low with
//! chance alpha/2 at most, the evidence too high with chance alpha/2 at most, so a release that is no worse is failed with
//! chance alpha at most (union bound). The bound holds for **one** look at the baseline: a baseline that goes on growing
//! needs [`super::two_sample`].

use super::beta::upper_point;
use super::input::{self, BadInput, Counts};

/// What a baseline allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BaselineLimit {
    /// The baseline has no documents (a first install): there is nothing to compare with, the check is skipped.
    Skipped,
    /// The limit would be this share, 1 or more: no count could ever break it, so the check cannot fail.
    CannotFail(f64),
    /// The share of bad documents that the canary is held against; it fails at `2/alpha`.
    Limit(f64),
}

/// What a baseline of `bad` of `total` documents allows, with `worsening` (a share) on top.
/// `alpha` is the check's own part of the release's alpha (see [`super::share::of_each`]).
pub fn baseline_limit(
    bad: i64,
    total: i64,
    worsening: f64,
    alpha: f64,
) -> Result<BaselineLimit, BadInput> {
    let counts = Counts { bad, total }.checked("baseline")?;
    let (worsening, alpha) = (input::worsening(worsening)?, input::alpha(alpha)?);
    if counts.total == 0 {
        return Ok(BaselineLimit::Skipped);
    }
    let limit = upper_bound(counts, alpha / 2.0) + worsening;
    Ok(if limit < 1.0 {
        BaselineLimit::Limit(limit)
    } else {
        BaselineLimit::CannotFail(limit)
    })
}

/// The rate that is exceeded with the chance `tail` at most, seeing these counts (Clopper-Pearson).
fn upper_bound(counts: Counts, tail: f64) -> f64 {
    if counts.good() == 0 {
        return 1.0;
    }
    upper_point(tail, counts.bad as f64 + 1.0, counts.good() as f64)
}

#[cfg(test)]
mod tests {
    use super::super::log_e;
    use super::*;

    #[derive(serde::Deserialize)]
    struct Row {
        bad: i64,
        total: i64,
        worsening: f64,
        alpha: f64,
        limit: f64,
    }

    /// The grid was computed by `tests/oracle/make_baseline.py` with scipy.
    #[test]
    fn limits_are_those_of_the_oracle() {
        let rows: Vec<Row> =
            serde_json::from_str(include_str!("../../tests/oracle/baseline.json")).unwrap();
        assert!(rows.len() > 200, "{} rows", rows.len());
        assert!(rows.iter().any(|row| row.limit >= 1.0));
        for row in rows {
            let ours = baseline_limit(row.bad, row.total, row.worsening, row.alpha).unwrap();
            let (BaselineLimit::Limit(limit) | BaselineLimit::CannotFail(limit)) = ours else {
                panic!("{} of {}: {ours:?}", row.bad, row.total);
            };
            assert_eq!(
                matches!(ours, BaselineLimit::CannotFail(_)),
                row.limit >= 1.0
            );
            let error = (limit - row.limit).abs() / row.limit;
            assert!(
                error < 1e-9,
                "{} of {}: {limit}, oracle {}, off by {error:e}",
                row.bad,
                row.total,
                row.limit
            );
        }
    }

    fn limit(bad: i64, total: i64) -> f64 {
        match baseline_limit(bad, total, 0.0, 0.001).unwrap() {
            BaselineLimit::Limit(limit) => limit,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn after_none_of_sixty_five_bad_documents_are_needed() {
        let needed = f64::ln(2.0 / 0.001);
        assert!(log_e(4, 4, limit(0, 60)) < needed);
        assert!(log_e(5, 5, limit(0, 60)) >= needed);
    }

    #[test]
    fn after_ten_of_five_thousand_two_bad_documents_are_enough() {
        assert!(log_e(2, 2, limit(10, 5_000)) >= f64::ln(2.0 / 0.001));
    }

    #[test]
    fn without_documents_the_check_is_skipped() {
        assert_eq!(baseline_limit(0, 0, 0.0, 0.001), Ok(BaselineLimit::Skipped));
    }

    #[test]
    fn a_limit_of_one_or_more_cannot_fail() {
        assert_eq!(
            baseline_limit(7, 7, 0.0, 0.001),
            Ok(BaselineLimit::CannotFail(1.0))
        );
        let spread = baseline_limit(0, 3, 0.5, 0.001).unwrap();
        assert!(matches!(spread, BaselineLimit::CannotFail(limit) if limit > 1.0));
        assert_eq!(log_e(100, 100, 1.0), 0.0);
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        let said = |bad, total, worsening, alpha| {
            baseline_limit(bad, total, worsening, alpha)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            said(3, 2, 0.0, 0.1),
            "baseline: 3 bad of 2 is not a count of bad documents from 0 to the total"
        );
        assert_eq!(
            said(0, 2, -0.1, 0.1),
            "worsening: -0.1 is not a share from 0 to below 1 (1% is 0.01)"
        );
        assert_eq!(said(0, 2, 0.0, 0.0), "alpha: 0 is not above 0 and below 1");
        assert!(said(0, 2, f64::NAN, 0.1).starts_with("worsening: NaN"));
    }
}
