//! The incomplete beta function and its inverse, in logarithms, for a million documents and more.
//!
//! `1 - I_p(a, b)` is always taken as `I_{1-p}(b, a)`, never by subtraction, and the integral is taken in proportion to
//! `p^a (1-p)^b`: these huge terms cancel on paper, so nothing underflows.
//! This is not left to `statrs`: its incomplete beta loses all digits from about 1e5 documents on (statrs-dev/statrs#434),
//! and its inverse may panic or never return (statrs-dev/statrs#435).

use std::f64::consts::PI;

/// A share strictly between 0 and 1, with what it leaves, each with its logarithm to the last digit.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) part: f64,
    pub(super) rest: f64,
    pub(super) ln_part: f64,
    pub(super) ln_rest: f64,
}

impl Share {
    pub(super) fn new(part: f64) -> Option<Self> {
        (part > 0.0 && part < 1.0).then(|| Self {
            part,
            rest: 1.0 - part,
            ln_part: part.ln(),
            ln_rest: (-part).ln_1p(),
        })
    }

    /// The share of the others. Not `new(rest)`: for a small share that would lose digits of its logarithm.
    pub(super) fn mirrored(self) -> Self {
        Self {
            part: self.rest,
            rest: self.part,
            ln_part: self.ln_rest,
            ln_rest: self.ln_part,
        }
    }
}

/// `ln( integral over t in (p, 1] of t^(a-1) (1-t)^(b-1) dt / (p^a (1-p)^b) )` with `p` the share; `a`, `b` above 0.
pub(super) fn log_above(a: f64, b: f64, share: Share) -> f64 {
    // On this side of the mean the fraction for I_{1-p}(b, a) converges fast; beyond it that for I_p(a, b) does.
    if share.rest < (b + 1.0) / (a + b + 2.0) {
        fraction(b, a, share.rest).ln() - b.ln()
    } else {
        let whole = log_beta(a, b) - a * share.ln_part - b * share.ln_rest;
        let below = fraction(a, b, share.part).ln() - a.ln();
        whole + (-(below - whole).exp()).ln_1p()
    }
}

/// The point above which Beta(a, b) has the share `tail` (above 0, below 1) of its mass; `a` and `b` at least 1.
///
/// Newton's method on the logarithm of the tail, which is concave there, so that it converges from anywhere; a step that
/// leaves the bracket is replaced by halving it. Its relative error is about that of `1 - point` over the point: 4e-11 where a
/// million documents are good, 1e-14 for a thousand.
pub(super) fn upper_point(tail: f64, a: f64, b: f64) -> f64 {
    // Halving alone would need this many steps down to the smallest doubles that matter.
    const STEPS: u32 = 200;
    let whole = log_beta(a, b);
    let (mut low, mut high) = (0.0, 1.0);
    let mut point = a / (a + b);
    for _ in 0..STEPS {
        let Some(share) = Share::new(point) else {
            break;
        };
        let above = log_above(a, b, share);
        let miss = above + a * share.ln_part + b * share.ln_rest - whole - tail.ln();
        if miss > 0.0 {
            low = point;
        } else {
            high = point;
        }
        let newton = point + miss * share.part * share.rest * above.exp();
        let next = if newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        let settled = (next - point).abs() <= f64::EPSILON * point;
        point = next;
        if settled {
            break;
        }
    }
    point
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
    struct Tail {
        a: f64,
        b: f64,
        point: f64,
        ln_tail: f64,
    }

    #[derive(serde::Deserialize)]
    struct Inverse {
        a: f64,
        b: f64,
        tail: f64,
        point: f64,
    }

    #[derive(serde::Deserialize)]
    struct Oracle {
        tails: Vec<Tail>,
        inverses: Vec<Inverse>,
    }

    /// The grid was computed by `tests/oracle/make_beta.py` with mpmath (30 digits).
    fn oracle() -> Oracle {
        serde_json::from_str(include_str!("../../tests/oracle/beta.json")).unwrap()
    }

    #[test]
    fn tails_are_those_of_the_oracle() {
        let rows = oracle().tails;
        assert!(rows.len() > 100, "{} rows", rows.len());
        for row in rows {
            let share = Share::new(row.point).unwrap();
            let ours =
                log_above(row.a, row.b, share) + row.a * share.ln_part + row.b * share.ln_rest
                    - log_beta(row.a, row.b);
            let error = (ours - row.ln_tail).abs() / row.ln_tail.abs().max(1.0);
            assert!(
                error < 1e-9,
                "{} {} {}: {ours}, oracle {}, off by {error:e}",
                row.a,
                row.b,
                row.point,
                row.ln_tail
            );
        }
    }

    #[test]
    fn points_are_those_of_the_oracle() {
        let rows = oracle().inverses;
        assert!(rows.len() > 100, "{} rows", rows.len());
        assert!(rows.iter().any(|row| row.a + row.b > 1e6));
        for row in rows {
            let ours = upper_point(row.tail, row.a, row.b);
            let error = (ours - row.point).abs() / row.point;
            assert!(
                error < 1e-10,
                "{} {} {}: {ours}, oracle {}, off by {error:e}",
                row.a,
                row.b,
                row.tail,
                row.point
            );
        }
    }
}
