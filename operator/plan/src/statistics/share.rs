//! How the checks of a trial share its alpha.
//!
//! Each check that counts gets `alpha / checks`; then the chance that *any* of them fails a good release is at most alpha
//! (union bound), also where they hang together. A dry-run check cannot roll anything back, so it takes no share; its own
//! verdict is shown at the same share as the others'. The number of checks is fixed when a trial starts: a check added later
//! would change what the others need in the middle of it.

use super::input::{self, BadInput};

/// How many checks share alpha, given which of them are dry-run: at least 1, so that dry-run checks alone can be shown.
pub fn sharing(dry_run: impl IntoIterator<Item = bool>) -> usize {
    dry_run.into_iter().filter(|dry| !dry).count().max(1)
}

/// Each check's part of `alpha`; `checks` as [`sharing`] counts them.
pub fn of_each(alpha: f64, checks: usize) -> Result<f64, BadInput> {
    Ok(input::alpha(alpha)? / checks.max(1) as f64)
}

/// The evidence (E, not its logarithm) a check against a limit or against control lines needs to fail: `checks / alpha`.
pub fn needed(alpha: f64, checks: usize) -> Result<f64, BadInput> {
    Ok(checks.max(1) as f64 / input::alpha(alpha)?)
}

/// The same for a check against a frozen baseline: twice as much, since its limit may be wrong as well.
pub fn needed_against_baseline(alpha: f64, checks: usize) -> Result<f64, BadInput> {
    Ok(2.0 * needed(alpha, checks)?)
}

#[cfg(test)]
mod tests {
    use super::super::log_e;
    use super::*;

    #[test]
    fn dry_run_checks_take_no_share() {
        assert_eq!(sharing([false, true, false, true]), 2);
        assert_eq!(sharing([true, true]), 1);
        assert_eq!(sharing([]), 1);
    }

    #[test]
    fn two_documents_are_enough_for_up_to_four_checks() {
        let enough = |checks| log_e(2, 2, 0.01) >= needed(0.001, checks).unwrap().ln();
        assert!(enough(1) && enough(4));
        assert!(!enough(5));
    }

    #[test]
    fn a_baseline_needs_twice_the_evidence() {
        assert_eq!(needed(0.001, 1), Ok(1_000.0));
        assert_eq!(needed(0.001, 3), Ok(3_000.0));
        assert_eq!(needed_against_baseline(0.001, 3), Ok(6_000.0));
        assert_eq!(of_each(0.001, 4), Ok(0.00025));
    }

    #[test]
    fn an_alpha_outside_is_refused() {
        for alpha in [0.0, 1.0, -1.0, f64::NAN] {
            let said = needed(alpha, 1).unwrap_err().to_string();
            assert_eq!(said, format!("alpha: {alpha} is not above 0 and below 1"));
            assert!(of_each(alpha, 1).is_err());
            assert!(needed_against_baseline(alpha, 1).is_err());
        }
    }
}
