//! Counts against limits: fail on evidence, pass on time and numbers, or neither yet.

use crate::compare::Compared;
use crate::hold::Hold;
use crate::input::{Bar, Rule, Rules};
use crate::observed::GoodBad;
use crate::statistics::{
    BaselineLimit, baseline_limit, documents_to_pass, documents_to_pass_min, log_e, log_e_pass,
};
use std::collections::BTreeMap;

/// Evidence that control lines fail as well, from which on nobody can tell whose fault it is: one bad document of a few.
const ALIKE: f64 = 20.0;

/// What is judged.
pub(crate) struct Case<'a> {
    /// What the canary did.
    pub(crate) canary: &'a BTreeMap<String, GoodBad>,
    /// What the line did before the change.
    pub(crate) baseline: &'a BTreeMap<String, Vec<i64>>,
    /// What the other lines did meanwhile.
    pub(crate) controls: &'a BTreeMap<String, GoodBad>,
    /// How the canary compares with what they did, where a check asks for it.
    pub(crate) compared: &'a BTreeMap<String, Compared>,
}

/// What the counts say of a trial now.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Why it fails; none: it does not.
    pub(crate) failure: Option<String>,
    /// The other lines fail alike, so that it does not count.
    pub(crate) shared: Option<Hold>,
    /// Which check keeps it from passing; none: the counts are good enough.
    pub(crate) short: Option<Hold>,
    /// The strongest evidence against it.
    pub(crate) evidence: Option<String>,
    /// Documents of the first check.
    pub(crate) first: GoodBad,
    /// What checks say that only say it.
    pub(crate) dry_run: Option<String>,
}

/// What a check holds the canary against, and how much evidence there is and has to be.
struct Limit {
    /// The canary's documents, as a fail counts them.
    seen: GoodBad,
    /// The same as a pass counts them: what is not known to be good is bad.
    proven: GoodBad,
    /// What is bad about the bad ones.
    what: String,
    /// The largest share of bad ones that passes.
    share: f64,
    /// `ln E` against it.
    log_e: f64,
    needed: f64,
    shown: String,
    /// Whether the other lines were taken into account already.
    beside_controls: bool,
}

/// Judges the counts. How long the canary has run is not asked: bake and samples delay a pass only.
pub(crate) fn judge(rules: &Rules, case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut strongest = f64::NEG_INFINITY;
    for (index, rule) in rules.checks.iter().enumerate() {
        let seen = seen(rule, case);
        if index == 0 {
            verdict.first = seen;
        }
        let limit = match limit(rules, rule, case) {
            Ok(limit) => limit,
            Err(skipped) => {
                if !rule.dry_run && verdict.short.is_none() {
                    verdict.short = too_few(rules, rule, seen, skipped);
                }
                continue;
            }
        };
        let failure = (limit.log_e >= limit.needed).then(|| failure(&limit));
        if rule.dry_run {
            verdict.dry_run = verdict.dry_run.or(failure);
            continue;
        }
        if limit.log_e > strongest {
            strongest = limit.log_e;
            verdict.evidence = Some(odds(limit.log_e));
        }
        if let Some(failure) = failure {
            match alike(rule, &limit, case.controls) {
                Some(controls) => {
                    let canary = failure;
                    verdict
                        .shared
                        .get_or_insert(Hold::SharedOutage { canary, controls });
                }
                None => {
                    verdict.failure.get_or_insert(failure);
                }
            }
        }
        if verdict.short.is_none() {
            verdict.short = short(rules, rule, &limit);
        }
    }
    // What fails beside an outage fails all the same.
    if verdict.failure.is_some() {
        verdict.shared = None;
    }
    verdict
}

/// The canary's documents, as a check sees them.
fn seen(rule: &Rule, case: &Case<'_>) -> GoodBad {
    case.canary.get(&*rule.key()).copied().unwrap_or_default()
}

/// The limit of a check; an error: there is nothing to hold the canary against, and the check says nothing.
fn limit(rules: &Rules, rule: &Rule, case: &Case<'_>) -> Result<Limit, &'static str> {
    let alpha = rules.alpha_each();
    let seen = seen(rule, case);
    let against = |share: f64, needed: f64, shown: String| Limit {
        seen,
        proven: seen,
        what: rule.indicator.clone(),
        share,
        log_e: log_e(seen.bad, seen.good + seen.bad, share),
        needed,
        shown,
        beside_controls: false,
    };
    match &rule.bar {
        Bar::Max(share, text) => Ok(against(*share, -alpha.ln(), format!("limit {text}"))),
        Bar::Quantile(quantile) => {
            let shown = format!(
                "{}: {} within {}",
                rule.indicator, quantile.text, quantile.max_text
            );
            let proven = case.canary.get(&*rule.pass_key()).copied();
            Ok(Limit {
                proven: proven.unwrap_or_default(),
                what: format!("over {}", quantile.max_text),
                ..against(quantile.over, -alpha.ln(), shown)
            })
        }
        Bar::Baseline(worsening, text) => {
            const NONE: &str = "skipped, since there is no baseline";
            let counted = case.baseline.get(&rule.indicator).ok_or(NONE)?;
            let at = |index: usize| counted.get(index).copied().unwrap_or(0);
            let (bad, total) = (at(1), at(0) + at(1));
            match baseline_limit(bad, total, *worsening, alpha) {
                Ok(BaselineLimit::Limit(share)) => Ok(against(
                    share,
                    (2.0 / alpha).ln(),
                    format!("before {bad} of {total}, {text} more allowed"),
                )),
                // One so bad that nothing can be worse says as little as none.
                Ok(BaselineLimit::Skipped | BaselineLimit::CannotFail(_)) | Err(_) => Err(NONE),
            }
        }
        Bar::Controls(worsening, text) => {
            const NONE: &str = "skipped, since no other line has finished a document meanwhile";
            let compared = case.compared.get(&rule.indicator).ok_or(NONE)?;
            let (bad, total) = meanwhile(rule, case, compared).ok_or(NONE)?;
            let share = bad as f64 / total as f64 + worsening;
            let shown = format!("other lines meanwhile {bad} of {total}, {text} more allowed");
            Ok(Limit {
                log_e: compared.log_e,
                beside_controls: true,
                ..against(share, -alpha.ln(), shown)
            })
        }
    }
}

/// What the other lines have done since the canary's own counts began; those that restarted since are in the comparison alone.
/// None: nothing.
fn meanwhile(rule: &Rule, case: &Case<'_>, compared: &Compared) -> Option<(i64, i64)> {
    let anew = case.controls.get(&rule.indicator);
    let anew = anew.map(|seen| (seen.bad, seen.good + seen.bad));
    let all = (compared.controls.bad, compared.controls.total);
    anew.into_iter().chain([all]).find(|(_, total)| *total > 0)
}

fn failure(limit: &Limit) -> String {
    format!(
        "{} of {} messages {} ({}), evidence {} (needs {})",
        limit.seen.bad,
        limit.seen.good + limit.seen.bad,
        limit.what,
        limit.shown,
        odds(limit.log_e),
        odds(limit.needed)
    )
}

/// What the other lines did, if that is as bad. A check against them need not ask: what they all do is no evidence there.
fn alike(rule: &Rule, limit: &Limit, controls: &BTreeMap<String, GoodBad>) -> Option<String> {
    if limit.beside_controls {
        return None;
    }
    let seen = controls.get(&*rule.key()).copied()?;
    let total = seen.good + seen.bad;
    let alike = seen.bad > 0 && log_e(seen.bad, total, limit.share) >= ALIKE.ln();
    alike.then(|| format!("{} of {total}", seen.bad))
}

/// What keeps a check's counts from being good enough for a pass; none: they are.
fn short(rules: &Rules, rule: &Rule, limit: &Limit) -> Option<Hold> {
    let (seen, total) = (limit.proven, limit.proven.good + limit.proven.bad);
    let absolute = matches!(rule.bar, Bar::Max(..) | Bar::Quantile(_));
    let proof = rules.pass_alpha.filter(|_| absolute);
    let proven = proof.is_none_or(|alpha| log_e_pass(seen.bad, total, limit.share) >= -alpha.ln());
    let enough = total >= rules.min_samples && seen.bad as f64 <= limit.share * total as f64;
    if enough && proven {
        return None;
    }
    let plain = documents_to_pass_min(seen.bad, total, limit.share, rules.min_samples);
    let more = match proof {
        None => plain,
        Some(alpha) => documents_to_pass(seen.bad, total, limit.share, 1.0 - alpha)
            .and_then(|proof| Some(proof.max(plain?))),
    };
    let undecided = seen.bad - limit.seen.bad;
    let (what, shown) = match undecided {
        0 => (limit.what.clone(), limit.shown.clone()),
        _ => (
            format!("perhaps {}", limit.what),
            format!(
                "{}, which is no bound of the histogram: {undecided} are in the bucket around it",
                limit.shown
            ),
        ),
    };
    Some(Hold::TooFewSamples {
        indicator: what,
        good: seen.good,
        bad: seen.bad,
        needed: rules.min_samples,
        max: shown,
        more,
        outlook: None,
    })
}

/// A check that says nothing still wants its documents.
fn too_few(rules: &Rules, rule: &Rule, seen: GoodBad, skipped: &str) -> Option<Hold> {
    let total = seen.good + seen.bad;
    (total < rules.min_samples).then(|| Hold::TooFewSamples {
        indicator: rule.indicator.clone(),
        good: seen.good,
        bad: seen.bad,
        needed: rules.min_samples,
        max: skipped.to_owned(),
        more: Some(rules.min_samples - total),
        outlook: None,
    })
}

/// Evidence as people read it: `1:4005`. No evidence is `1:1`.
pub(crate) fn odds(log_e: f64) -> String {
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
            bar: Bar::Max(*limit, (*max).to_owned()),
            dry_run: false,
        };
        Rules {
            bake: Duration::from_secs(30),
            clock: andon_api::BakeClock::Always,
            pass_alpha: None,
            max_wait: None,
            start_delay: Duration::ZERO,
            min_samples: 30,
            deadline: Duration::from_secs(60),
            ready_deadline: Duration::from_secs(60),
            alpha: 1.0 - 0.999,
            shadow: None,
            checks: checks.iter().map(rule).collect(),
        }
    }

    fn counts(counts: &[(&str, i64, i64)]) -> BTreeMap<String, GoodBad> {
        let count = |(name, good, bad): &(&str, i64, i64)| {
            (
                (*name).to_owned(),
                GoodBad {
                    good: *good,
                    bad: *bad,
                },
            )
        };
        counts.iter().map(count).collect()
    }

    fn judged(rules: &Rules, canary: &[(&str, i64, i64)]) -> Verdict {
        beside(rules, canary, &[], &[])
    }

    /// With a baseline and control lines.
    fn beside(
        rules: &Rules,
        canary: &[(&str, i64, i64)],
        baseline: &[(&str, i64, i64)],
        controls: &[(&str, i64, i64)],
    ) -> Verdict {
        let baseline = counts(baseline)
            .into_iter()
            .map(|(name, it)| (name, vec![it.good, it.bad]));
        let case = Case {
            canary: &counts(canary),
            baseline: &baseline.collect(),
            controls: &counts(controls),
            compared: &BTreeMap::new(),
        };
        judge(rules, &case)
    }

    #[test]
    fn two_of_two_fail_and_say_why() {
        let verdict = judged(&rules(&[("refused", 0.01, "1%")]), &[("refused", 0, 2)]);
        assert_eq!(
            verdict.failure.as_deref(),
            Some("2 of 2 messages refused (limit 1%), evidence 1:4005 (needs 1:1000)")
        );
        assert_eq!(verdict.evidence.as_deref(), Some("1:4005"));
    }

    #[test]
    fn one_of_one_is_not_enough() {
        let verdict = judged(&rules(&[("refused", 0.01, "1%")]), &[("refused", 0, 1)]);
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
        assert!(judged(&rules(&five[..4]), &[("a", 0, 2)]).failure.is_some());
        assert!(judged(&rules(&five), &[("a", 0, 2)]).failure.is_none());
        assert!(judged(&rules(&five), &[("a", 0, 3)]).failure.is_some());
    }

    #[test]
    fn a_share_above_the_limit_does_not_pass() {
        let rules = rules(&[("refused", 0.01, "1%")]);
        assert!(judged(&rules, &[("refused", 30, 0)]).short.is_none());
        let verdict = judged(&rules, &[("refused", 39, 1)]);
        assert_eq!(verdict.failure, None);
        assert_eq!(
            verdict.short.map(|hold| hold.to_string()).as_deref(),
            Some(
                "1 of 40 documents refused (limit 1%): too few to fail, and it would pass after 60 more good ones"
            )
        );
        assert!(judged(&rules, &[("refused", 99, 1)]).short.is_none());
    }

    #[test]
    fn odds_are_written_for_people() {
        assert_eq!(odds(-3.0), "1:1");
        assert_eq!(odds(1000f64.ln()), "1:1000");
        assert_eq!(odds(50.0 * std::f64::consts::LN_10), "1:10^50");
    }

    #[test]
    fn a_baseline_is_no_excuse_for_being_worse() {
        let mut rules = rules(&[]);
        rules.checks = vec![Rule {
            indicator: "refused".to_owned(),
            bar: Bar::Baseline(0.005, "0.5%".to_owned()),
            dry_run: false,
        }];
        let verdict = beside(&rules, &[("refused", 0, 3)], &[("refused", 500, 0)], &[]);
        assert_eq!(
            verdict.failure.as_deref(),
            Some(
                "3 of 3 messages refused (before 0 of 500, 0.5% more allowed), evidence 1:42396 (needs 1:2000)"
            )
        );
        // A first install has none: the check is skipped, and does not keep it from passing either.
        let verdict = judged(&rules, &[("refused", 0, 30)]);
        assert!(verdict.failure.is_none() && verdict.short.is_none());
        assert!(judged(&rules, &[("refused", 0, 9)]).short.is_some());
    }

    #[test]
    fn a_dry_run_only_says_what_it_finds() {
        let mut rules = rules(&[("refused", 0.01, "1%"), ("slow", 0.01, "1%")]);
        rules.checks[0].dry_run = true;
        let verdict = judged(&rules, &[("refused", 28, 2), ("slow", 30, 0)]);
        assert!(verdict.failure.is_none() && verdict.short.is_none());
        let verdict = judged(&rules, &[("refused", 0, 2), ("slow", 30, 0)]);
        assert!(verdict.failure.is_none());
        assert!(
            verdict
                .dry_run
                .unwrap()
                .starts_with("2 of 2 messages refused")
        );
        // It takes no share: two documents suffice however many dry runs there are.
        assert!(judged(&rules, &[("slow", 0, 2)]).failure.is_some());
    }

    #[test]
    fn a_shared_outage_is_nobodys_fault() {
        let rules = rules(&[("refused", 0.01, "1%")]);
        let verdict = beside(&rules, &[("refused", 0, 2)], &[], &[("refused", 0, 1)]);
        assert!(verdict.failure.is_none());
        let said = verdict.shared.unwrap().to_string();
        assert!(
            said.contains("the other lines fail alike (1 of 1)"),
            "{said}"
        );
        // One bad document of many is what happens every day.
        let verdict = beside(&rules, &[("refused", 0, 2)], &[], &[("refused", 60, 1)]);
        assert!(verdict.failure.is_some());
    }

    #[test]
    fn a_pass_can_be_asked_to_be_proven() {
        let mut rules = rules(&[("refused", 0.01, "1%")]);
        rules.pass_alpha = Some(0.001);
        let verdict = judged(&rules, &[("refused", 30, 0)]);
        let said = verdict.short.unwrap().to_string();
        assert!(
            said.ends_with("it would pass after 774 more good ones"),
            "{said}"
        );
        assert!(judged(&rules, &[("refused", 804, 0)]).short.is_none());
    }

    #[test]
    fn a_value_fails_on_what_is_proven_slow_and_passes_on_what_is_proven_fast() {
        let mut rules = rules(&[]);
        rules.checks = vec![Rule {
            indicator: "delay".to_owned(),
            bar: Bar::Quantile(crate::rules::Quantile {
                over: 0.05,
                max: 90.0,
                text: "95%".to_owned(),
                max_text: "90s".to_owned(),
            }),
            dry_run: false,
        }];
        let judged = |over: (i64, i64), within: (i64, i64)| {
            let pairs = [
                ("delay over 90s", over.0, over.1),
                ("delay within 90s", within.0, within.1),
            ];
            judged(&rules, &pairs)
        };
        let verdict = judged((26, 14), (26, 14));
        let failure = verdict.failure.unwrap();
        assert!(
            failure.starts_with("14 of 40 messages over 90s (delay: 95% within 90s), evidence 1:"),
            "{failure}"
        );
        // The same documents in the bucket around the limit: no fail, and no pass.
        let verdict = judged((40, 0), (26, 14));
        assert!(verdict.failure.is_none());
        let said = verdict.short.unwrap().to_string();
        assert!(
            said.starts_with(
                "14 of 40 documents perhaps over 90s (delay: 95% within 90s, which is no bound of the histogram: 14 are in the bucket around it)"
            ),
            "{said}"
        );
        assert!(judged((39, 1), (39, 1)).short.is_none());
    }

    #[test]
    fn the_other_lines_are_a_bar_of_their_own() {
        let mut rules = rules(&[]);
        rules.checks = vec![Rule {
            indicator: "refused".to_owned(),
            bar: Bar::Controls(0.005, "0.5%".to_owned()),
            dry_run: false,
        }];
        let judged = |canary: (i64, i64), controls: (i64, i64), log_e: f64| {
            let (good, bad) = controls;
            let compared = Compared {
                log_e,
                controls: crate::statistics::Counts {
                    bad,
                    total: good + bad,
                },
            };
            let case = Case {
                canary: &counts(&[("refused", canary.0, canary.1)]),
                baseline: &BTreeMap::new(),
                controls: &counts(&[("refused", good, bad)]),
                compared: &BTreeMap::from([("refused".to_owned(), compared)]),
            };
            judge(&rules, &case)
        };
        // Evidence alone fails, and that they fail alike is in it already.
        let verdict = judged((20, 10), (10, 10), f64::ln(1_500.0));
        assert_eq!(
            verdict.failure.as_deref(),
            Some(
                "10 of 30 messages refused (other lines meanwhile 10 of 20, 0.5% more allowed), evidence 1:1500 (needs 1:1000)"
            )
        );
        // No better than they are, and the worsening.
        assert!(judged((39, 1), (58, 2), 0.0).short.is_none());
        let said = judged((39, 1), (100, 0), 0.0).short.unwrap().to_string();
        assert!(
            said.ends_with("it would pass after 160 more good ones"),
            "{said}"
        );
        // They have done nothing: only the documents are asked for.
        assert!(judged((10, 25), (0, 0), 0.0).short.is_none());
        let said = judged((10, 2), (0, 0), 0.0).short.unwrap().to_string();
        assert_eq!(said, "12 of 30 documents");
    }
}
