//! Verdicts that may be looked at as often as one likes.
//!
//! A controller looks at its counts again every second. An ordinary test repeated like that fires on luck sooner or later.
//! Here evidence is an *e-value*: while there is nothing wrong, the chance that it **ever** reaches `1/alpha` is at most
//! `alpha` (Ville's inequality), however often one looks. Every function works with natural logarithms of e-values.
//!
//! | question | module | evidence needed |
//! |---|---|---|
//! | is the error rate above a limit? | [`fail`] | `1/alpha` |
//! | is it above the baseline's rate? | [`baseline`] gives the limit for [`fail`] | `2/alpha` |
//! | is it above the rate of control lines that run meanwhile? | [`two_sample`] | `1/alpha` |
//! | is it proven to be below the limit? how many more documents would it take? | [`pass`] | `1/(1 - passConfidence)` |
//! | is a quantile of the delay above its limit? | [`quantile`] gives the counts for [`fail`] and [`pass`] | `1/alpha` |
//! | how do several checks share alpha? | [`share`] | |
//!
//! What all of them take for granted: documents are independent trials, and *when* one looks does not depend on the results
//! still to come. Documents that fail together for one cause (a batch) are to be counted as one.
//! A check of the **mean** of a value is left out: without a known upper end of the value no such test can hold, and a
//! quantile says what an operator wants to know.

pub mod baseline;
mod beta;
pub mod fail;
mod input;
pub mod pass;
pub mod quantile;
pub mod share;
pub mod two_sample;

pub use baseline::{BaselineLimit, baseline_limit};
pub use fail::log_e;
pub use input::{BadInput, Counts};
pub use pass::{documents_to_pass, documents_to_pass_min, log_e_pass};
pub use quantile::{Bucket, Delays, Histogram};
pub use two_sample::TwoSample;

/// What another program has computed.
#[cfg(test)]
mod oracle {
    #[derive(serde::Deserialize)]
    struct Row {
        bad: i64,
        total: i64,
        limit: f64,
        ln_e: f64,
    }

    /// Holds evidence against that of a grid.
    pub(super) fn agrees(grid: &str, evidence: impl Fn(i64, i64, f64) -> f64) {
        let rows: Vec<Row> = serde_json::from_str(grid).unwrap();
        assert!(rows.len() > 300, "{} rows", rows.len());
        assert!(rows.iter().any(|row| row.total == 1_000_000));
        for Row {
            bad,
            total,
            limit,
            ln_e,
        } in rows
        {
            let ours = evidence(bad, total, limit);
            let error = (ours - ln_e).abs() / ln_e.abs().max(1.0);
            assert!(
                error < 1e-9,
                "{bad} of {total} against {limit}: {ours}, oracle {ln_e}, off by {error:e}"
            );
        }
    }
}
