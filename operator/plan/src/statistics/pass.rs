//! When a canary may pass: on its numbers, or, where asked for, on evidence.
//!
//! The mirror of [`super::fail`]: the mixture is cut to the rates *below* the limit, the null is "the rate is the limit or
//! more". Its evidence reaches `1/(1 - passConfidence)` by luck with chance `1 - passConfidence` at most, however often one
//! looks. Rates near the limit need very many documents.

use super::beta::Share;
use super::fail::mixture;

/// More documents than this are not looked for: no line makes them in a year.
const MOST: i64 = 10_000_000_000;

/// `ln E` that the rate is below `limit`, for `bad` of `total` documents.
/// Proven at `-ln(1 - passConfidence)`. Nothing seen, or a limit that is not above 0 and below 1: no evidence, 0.
pub fn log_e_pass(bad: i64, total: i64, limit: f64) -> f64 {
    let Some(limit) = Share::new(limit) else {
        return 0.0;
    };
    if total <= 0 {
        return 0.0;
    }
    let bad = bad.clamp(0, total);
    // Good documents against the share that has to be good.
    mixture((total - bad) as f64, bad as f64, limit.mirrored())
}

/// How many more documents, all of them good, until the pass is proven: 0 is now.
/// None: not within ten thousand million documents, or `limit` or `pass_confidence` is not above 0 and below 1.
pub fn documents_to_pass(bad: i64, total: i64, limit: f64, pass_confidence: f64) -> Option<i64> {
    let usable = |share: f64| share > 0.0 && share < 1.0;
    if !usable(limit) || !usable(pass_confidence) {
        return None;
    }
    let needed = -(-pass_confidence).ln_1p();
    let total = total.max(0);
    // Every good document adds evidence, so there is one number from which on it is enough.
    let enough = |more: i64| log_e_pass(bad, total.saturating_add(more), limit) >= needed;
    least(enough)
}

/// How many more documents, all of them good, until the numbers allow a pass without proof: at least `min_samples`
/// documents, and a share of bad ones of at most `limit`. 0 is now. None: `limit` is below 0 or no number, or it is 0 (or
/// so small) that the bad documents already seen can never be made up for.
pub fn documents_to_pass_min(bad: i64, total: i64, limit: f64, min_samples: i64) -> Option<i64> {
    let total = total.max(0);
    let bad = bad.clamp(0, total);
    if limit.is_nan() || limit < 0.0 {
        return None;
    }
    // The same comparison as the verdict makes, so that both say the same to the document.
    least(|more| {
        let total = total.saturating_add(more);
        total >= min_samples && bad as f64 <= limit * total as f64
    })
}

/// The smallest number from 0 to [`MOST`] for which it holds, if it goes on holding from there.
fn least(holds: impl Fn(i64) -> bool) -> Option<i64> {
    if holds(0) {
        return Some(0);
    }
    let (mut no, mut yes) = (0, 1);
    while !holds(yes) {
        if yes >= MOST {
            return None;
        }
        no = yes;
        yes = (yes * 2).min(MOST);
    }
    while yes - no > 1 {
        let middle = no + (yes - no) / 2;
        if holds(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    Some(yes)
}

#[cfg(test)]
mod tests {
    use super::super::oracle;
    use super::*;

    /// The grid was computed by `tests/oracle/make_pass.py` with mpmath (50 digits).
    #[test]
    fn evidence_is_that_of_the_oracle() {
        oracle::agrees(include_str!("../../tests/oracle/pass.json"), log_e_pass);
    }

    #[test]
    fn proof_costs_what_the_reference_says() {
        for (confidence, prices) in [(0.999, [804, 1_607, 5_466]), (0.95, [377, 663, 2_678])] {
            for (share, price) in [0.0, 0.002, 0.005].into_iter().zip(prices) {
                let bad = (share * price as f64).round() as i64;
                let more = documents_to_pass(bad, bad, 0.01, confidence);
                assert_eq!(more, Some(price - bad), "{share} at {confidence}");
            }
        }
    }

    #[test]
    fn the_number_told_is_the_first_that_is_enough() {
        for (bad, total, limit, confidence) in [
            (0, 0, 0.01, 0.999),
            (3, 40, 0.05, 0.95),
            (20, 400, 0.01, 0.9),
        ] {
            let more = documents_to_pass(bad, total, limit, confidence).unwrap();
            let needed = f64::ln(1.0 / (1.0 - confidence));
            assert!(more > 0);
            assert!(log_e_pass(bad, total + more, limit) >= needed - 1e-12);
            assert!(log_e_pass(bad, total + more - 1, limit) < needed);
            assert_eq!(
                documents_to_pass(bad, total + more, limit, confidence),
                Some(0)
            );
        }
    }

    #[test]
    fn at_a_rate_of_the_limit_or_more_evidence_does_not_grow_in_the_mean() {
        for limit in [0.001, 0.01, 0.3, 0.9] {
            for total in [0i64, 1, 7, 100, 3_000] {
                for bad in [0, total / 50, total / 2, total] {
                    let now = log_e_pass(bad, total, limit);
                    let worse = (log_e_pass(bad + 1, total + 1, limit) - now).exp();
                    let better = (log_e_pass(bad, total + 1, limit) - now).exp();
                    for part in [0.0, 0.3, 1.0] {
                        let rate = limit + (1.0 - limit) * part;
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
    fn what_can_never_be_proven_is_none() {
        assert_eq!(documents_to_pass(0, 0, 0.0, 0.95), None);
        assert_eq!(documents_to_pass(0, 0, 1.0, 0.95), None);
        assert_eq!(documents_to_pass(0, 0, 0.01, 1.0), None);
        assert_eq!(documents_to_pass(0, 0, f64::NAN, 0.95), None);
        assert_eq!(documents_to_pass(1_000_000, 1_000_000, 0.00001, 0.95), None);
    }

    #[test]
    fn without_proof_the_numbers_decide() {
        assert_eq!(documents_to_pass_min(0, 0, 0.01, 30), Some(30));
        assert_eq!(documents_to_pass_min(0, 12, 0.01, 30), Some(18));
        assert_eq!(documents_to_pass_min(0, 30, 0.01, 30), Some(0));
        assert_eq!(documents_to_pass_min(1, 40, 0.01, 30), Some(60));
        assert_eq!(documents_to_pass_min(1, 100, 0.01, 30), Some(0));
        assert_eq!(documents_to_pass_min(7, 50, 0.07, 30), Some(50));
        assert_eq!(documents_to_pass_min(0, 50, 0.0, 30), Some(0));
        assert_eq!(documents_to_pass_min(1, 50, 0.0, 30), None);
        assert_eq!(documents_to_pass_min(1, 50, f64::NAN, 30), None);
        assert_eq!(documents_to_pass_min(0, 50, -0.1, 30), None);
    }
}
