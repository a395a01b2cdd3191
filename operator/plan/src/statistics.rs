//! The anytime-valid test for error rates: evidence that may be looked at as often as one likes.
//!
//! `E(k, n)` mixes the likelihood ratios of every rate above the limit (Beta(1/2, 1/2), cut to the rates above it)
//! against the limit itself. While the true rate is at most the limit, the chance that `E` *ever* reaches `1/alpha` is at
//! most `alpha`, so a controller may look again every second. With `p` the limit, `a = b = 1/2`:
//!
//! ```text
//! ln E = ln B(a+k, b+n-k) + ln(1 - I_p(a+k, b+n-k)) - ln B(a, b) - ln(1 - I_p(a, b)) - k ln p - (n-k) ln(1-p)
//! ```
//!
//! `1 - I_p(x, y)` is always taken as `I_{1-p}(y, x)`. Where the continued fraction is used, `B * I` and the likelihood
//! at the limit are taken together: their huge terms cancel on paper, so nothing underflows for a million documents.

use std::f64::consts::PI;

/// Parameter of the Jeffreys prior, Beta(1/2, 1/2).
const PRIOR: f64 = 0.5;

/// `ln E` for `bad` of `total` documents against the limit `limit` (a share above 0 and below 1).
/// Nothing seen is no evidence: 0.
pub fn log_e(bad: i64, total: i64, limit: f64) -> f64 {
    if total <= 0 {
        return 0.0;
    }
    let bad = bad.clamp(0, total);
    log_tail_over_limit(bad as f64, (total - bad) as f64, limit)
        - log_tail_over_limit(0.0, 0.0, limit)
}

/// `ln( integral over p in (limit, 1] of p^(bad-1/2) (1-p)^(good-1/2) dp / (limit^bad (1-limit)^good) )`.
fn log_tail_over_limit(bad: f64, good: f64, limit: f64) -> f64 {
    let (x, y) = (bad + PRIOR, good + PRIOR);
    // On this side of the mean the fraction for I_{1-p}(y, x) converges fast; beyond it that for I_p(x, y) does.
    if 1.0 - limit < (y + 1.0) / (x + y + 2.0) {
        PRIOR * (limit.ln() + (-limit).ln_1p()) - y.ln() + fraction(y, x, 1.0 - limit).ln()
    } else {
        let whole = log_beta(x, y);
        let below = x * limit.ln() + y * (-limit).ln_1p() - x.ln() + fraction(x, y, limit).ln();
        let above = whole + (-(below - whole).exp()).ln_1p();
        above - bad * limit.ln() - good * (-limit).ln_1p()
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz' method:
/// `I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * fraction(a, b, x)`.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    // Lentz divides by these; zero would have to be met exactly.
    const TINY: f64 = 1e-300;
    // It takes about sqrt(max(a, b)) steps: a hundred thousand are enough for ten thousand million documents.
    const STEPS: u32 = 100_000;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..=STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        result *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        result *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    result
}

/// From here on Stirling's series is exact to the last digit.
const LARGE: f64 = 10.0;

/// `ln B(x, y)`, without the cancellation that three log-gammas of large numbers would bring.
fn log_beta(x: f64, y: f64) -> f64 {
    let (a, b) = if x <= y { (x, y) } else { (y, x) };
    let c = a + b;
    if a >= LARGE {
        (a - 0.5) * (a / c).ln() - b * (a / b).ln_1p() - 0.5 * b.ln()
            + 0.5 * (2.0 * PI).ln()
            + stirling(a)
            + stirling(b)
            - stirling(c)
    } else if b >= LARGE {
        log_gamma(a) - (b - 0.5) * (a / b).ln_1p() - a * c.ln() + a + stirling(b) - stirling(c)
    } else {
        log_gamma(a) + log_gamma(b) - log_gamma(c)
    }
}

/// `ln Gamma(x)` for `x > 0`: moved up to where Stirling's series is exact.
fn log_gamma(x: f64) -> f64 {
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < LARGE {
        product *= shifted;
        shifted += 1.0;
    }
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * PI).ln() + stirling(shifted)
        - f64::ln(product)
}

/// What Stirling's formula leaves out of `ln Gamma(x)`, for `x >= LARGE`; the terms are B(2i) / (2i (2i-1) x^(2i-1)).
fn stirling(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1_260.0,
        -1.0 / 1_680.0,
        1.0 / 1_188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
        -3_617.0 / 122_400.0,
    ];
    let square = 1.0 / (x * x);
    TERMS
        .iter()
        .rev()
        .fold(0.0, |sum, term| sum * square + term)
        / x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Row {
        bad: i64,
        total: i64,
        limit: f64,
        ln_e: f64,
    }

    /// The grid was computed by `tests/oracle/make_grid.py` with numpy and scipy.
    #[test]
    fn evidence_is_that_of_the_oracle() {
        let rows: Vec<Row> = serde_json::from_str(include_str!("../tests/oracle.json")).unwrap();
        assert!(rows.len() > 300, "{} rows", rows.len());
        assert!(rows.iter().any(|row| row.total == 1_000_000));
        for Row {
            bad,
            total,
            limit,
            ln_e,
        } in rows
        {
            let ours = log_e(bad, total, limit);
            let error = (ours - ln_e).abs() / ln_e.abs().max(1.0);
            assert!(
                error < 1e-9,
                "{bad} of {total} against {limit}: {ours}, oracle {ln_e}, off by {error:e}"
            );
        }
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
}
