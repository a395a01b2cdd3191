//! Counts against limits: fail on evidence, pass on time and numbers, or neither yet.

use crate::count::Tally;
use crate::hold::Hold;
use crate::input::{Rule, Rules};
use crate::observed::GoodBad;
use crate::statistics;

/// What the counts say of a trial now.
pub(crate) struct Verdict {
    /// Why it fails; none: it does not.
    pub(crate) failure: Option<String>,
    /// Which check keeps it from passing; none: the counts are good enough.
    pub(crate) short: Option<Hold>,
    /// The strongest evidence against it.
    pub(crate) evidence: Option<String>,
    /// Documents of the first check.
    pub(crate) first: GoodBad,
}

/// Judges the counts. How long the canary has run is not asked: bake and samples delay a pass only.
pub(crate) fn judge(rules: &Rules, tally: &Tally) -> Verdict {
    let mut verdict = Verdict {
        failure: None,
        short: None,
        evidence: None,
        first: GoodBad::default(),
    };
    let mut strongest = f64::NEG_INFINITY;
    for (index, rule) in rules.checks.iter().enumerate() {
        let seen = tally
            .indicators
            .get(&rule.indicator)
            .copied()
            .unwrap_or_default();
        if index == 0 {
            verdict.first = seen;
        }
        let log_e = statistics::log_e(seen.bad, seen.good + seen.bad, rule.limit);
        if log_e > strongest {
            strongest = log_e;
            verdict.evidence = Some(odds(log_e));
        }
        if log_e >= rules.needed().ln() && verdict.failure.is_none() {
            verdict.failure = Some(failure(rules, rule, seen, log_e));
        }
        if !enough(rules, rule, seen) && verdict.short.is_none() {
            verdict.short = Some(Hold::TooFewSamples {
                indicator: rule.indicator.clone(),
                good: seen.good,
                bad: seen.bad,
                needed: rules.min_samples,
                max: rule.max.clone(),
            });
        }
    }
    verdict
}

fn failure(rules: &Rules, rule: &Rule, seen: GoodBad, log_e: f64) -> String {
    format!(
        "{} of {} messages {} (limit {}), evidence {} (needs {})",
        seen.bad,
        seen.good + seen.bad,
        rule.indicator,
        rule.max,
        odds(log_e),
        odds(rules.needed().ln())
    )
}

/// Whether a check's counts are good enough for a pass.
fn enough(rules: &Rules, rule: &Rule, seen: GoodBad) -> bool {
    let total = seen.good + seen.bad;
    total >= rules.min_samples && seen.bad as f64 <= rule.limit * total as f64
}

/// Evidence as people read it: `1:4005`. No evidence is `1:1`.
fn odds(log_e: f64) -> String {
    // Beyond this the digits say nothing more.
    const MOST: f64 = 1e9;
    let odds = log_e.exp();
    if odds > MOST {
        return format!("1:10^{:.0}", (log_e / std::f64::consts::LN_10).floor());
    }
    // Half a thousandth of rounding must not make the 1000 that is needed look like 999.
    format!("1:{:.0}", (odds + 5e-4).floor().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rules(checks: &[(&str, f64, &str)]) -> Rules {
        let rule = |(indicator, limit, max): &(&str, f64, &str)| Rule {
            indicator: (*indicator).to_owned(),
            limit: *limit,
            max: (*max).to_owned(),
        };
        Rules {
            bake: Duration::from_secs(30),
            min_samples: 30,
            deadline: Duration::from_secs(60),
            ready_deadline: Duration::from_secs(60),
            alpha: 1.0 - 0.999,
            checks: checks.iter().map(rule).collect(),
        }
    }

    fn tally(counts: &[(&str, i64, i64)]) -> Tally {
        let count = |(name, good, bad): &(&str, i64, i64)| {
            (
                (*name).to_owned(),
                GoodBad {
                    good: *good,
                    bad: *bad,
                },
            )
        };
        Tally {
            indicators: counts.iter().map(count).collect(),
            ..Tally::default()
        }
    }

    #[test]
    fn two_of_two_fail_and_say_why() {
        let verdict = judge(
            &rules(&[("refused", 0.01, "1%")]),
            &tally(&[("refused", 0, 2)]),
        );
        assert_eq!(
            verdict.failure.as_deref(),
            Some("2 of 2 messages refused (limit 1%), evidence 1:4005 (needs 1:1000)")
        );
        assert_eq!(verdict.evidence.as_deref(), Some("1:4005"));
    }

    #[test]
    fn one_of_one_is_not_enough() {
        let verdict = judge(
            &rules(&[("refused", 0.01, "1%")]),
            &tally(&[("refused", 0, 1)]),
        );
        assert_eq!(verdict.failure, None);
        assert!(matches!(
            verdict.short,
            Some(Hold::TooFewSamples { bad: 1, .. })
        ));
    }

    #[test]
    fn checks_share_the_confidence() {
        let five: Vec<_> = ["a", "b", "c", "d", "e"]
            .map(|name| (name, 0.01, "1%"))
            .to_vec();
        assert!(
            judge(&rules(&five[..4]), &tally(&[("a", 0, 2)]))
                .failure
                .is_some()
        );
        assert!(
            judge(&rules(&five), &tally(&[("a", 0, 2)]))
                .failure
                .is_none()
        );
        assert!(
            judge(&rules(&five), &tally(&[("a", 0, 3)]))
                .failure
                .is_some()
        );
    }

    #[test]
    fn a_share_above_the_limit_does_not_pass() {
        let rules = rules(&[("refused", 0.01, "1%")]);
        assert!(judge(&rules, &tally(&[("refused", 30, 0)])).short.is_none());
        let verdict = judge(&rules, &tally(&[("refused", 39, 1)]));
        assert_eq!(verdict.failure, None);
        assert_eq!(
            verdict.short.map(|hold| hold.to_string()).as_deref(),
            Some("1 of 40 documents refused (limit 1%): too many to pass, too few to fail")
        );
        assert!(judge(&rules, &tally(&[("refused", 99, 1)])).short.is_none());
    }

    #[test]
    fn odds_are_written_for_people() {
        assert_eq!(odds(-3.0), "1:1");
        assert_eq!(odds(1000f64.ln()), "1:1000");
        assert_eq!(odds(50.0 * std::f64::consts::LN_10), "1:10^50");
    }
}
