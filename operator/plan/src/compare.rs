//! The canary against the lines that run meanwhile: what both have done since the last block, and the evidence in it.
//!
//! The evidence counts in blocks (`statistics::two_sample`), and a block can be judged only as a whole, so *when* it closes must
//! not depend on what is in it. It closes once the canary has finished an eighth more documents than it had (at least one) and
//! the other lines at least one. So the first documents are judged one by one, a verdict comes an eighth late at most, and ten
//! thousand documents close about seventy blocks.
//!
//! **What a crash does.** A block that closes is written at once, together with how much of every counter is in it
//! ([`Comparison`] is one value of one status). What is not in it yet is the difference between the counters and that value. If the
//! write is lost, the next look finds the same difference, and what came since, and closes a larger block: nothing is counted twice
//! and nothing is lost. Which write is lost does not hang on what was refused, so that the larger block is as good as the smaller one.
//! A container of another line that goes takes what it did since the last block with it; a new one is counted from when it is first seen.

use crate::count::{self, Tally};
use crate::input::{Bar, Input, Rule, Rules};
use crate::observed::GoodBad;
use crate::statistics::{Counts, TwoSample};
use andon_api::{ComparedIndicator, Comparison, ControlIndicators, Trial};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;

/// A block closes when the canary has finished so much more than in all blocks before: one part of so many.
const GROWTH: i64 = 8;

/// The evidence is kept in millionths: a status has no place for doubles.
const MILLIONTHS: f64 = 1e6;

/// What the comparison of one indicator says now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compared {
    /// `ln E` of the closed blocks.
    pub(crate) log_e: f64,
    /// Everything the other lines have done since the comparison began, with what is in no closed block yet.
    pub(crate) controls: Counts,
}

/// Takes up what has come since the last block, and says how each indicator compares now.
pub(crate) fn update(
    (input, line): (&Input<'_>, &str),
    rules: &Rules,
    tally: &Tally,
    trial: &mut Trial,
) -> BTreeMap<String, Compared> {
    let wanted: Vec<(&str, f64)> = rules.checks.iter().filter_map(compared).collect();
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let stands = stands(input, line);
    let kept = trial.comparison.take();
    let kept = kept.unwrap_or_else(|| begun(&wanted, &stands));
    let (next, says) = step(kept, &wanted, tally, &stands);
    trial.comparison = Some(next);
    says
}

/// One look. Either nothing is taken up, or all that has come is, of every indicator.
fn step(
    kept: Comparison,
    wanted: &[(&str, f64)],
    tally: &Tally,
    stands: &[Stand<'_>],
) -> (Comparison, BTreeMap<String, Compared>) {
    let mut due = false;
    let mut says = BTreeMap::new();
    let mut next = Comparison {
        controls: marks(&kept.controls, stands, true),
        ..kept.clone()
    };
    for (indicator, worsening) in wanted {
        let state = state(&kept, indicator, *worsening);
        let seen = tally.indicators.get(*indicator).copied();
        let seen = seen.unwrap_or_default();
        let canary = more(pair(kept.taken.get(*indicator)), seen);
        let open = state.held(canary, since_marks(&kept.controls, stands, indicator));
        due |= open.open_canary.total > state.canary.total / GROWTH && open.open_controls.total > 0;
        let closed = written(&open.close());
        let now = |log_e| Compared {
            log_e,
            controls: open.controls(),
        };
        let log_e = closed.log_e_millionths as f64 / MILLIONTHS;
        says.insert((*indicator).to_owned(), [now(state.log_e), now(log_e)]);
        next.evidence.insert((*indicator).to_owned(), closed);
        next.taken
            .insert((*indicator).to_owned(), vec![seen.good, seen.bad]);
    }
    if !due {
        next = Comparison {
            controls: marks(&kept.controls, stands, false),
            ..kept
        };
    }
    let says = says.into_iter();
    let says = says.map(|(name, [before, after])| (name, if due { after } else { before }));
    (next, says.collect())
}

/// The canary's counts begin anew: what of them is not in the evidence yet is not forgotten. (It would be wrong to close the block
/// now: why they begin anew hangs on what was refused.)
pub(crate) fn begin_anew(trial: &mut Trial, tally: &Tally) {
    let Some(comparison) = &mut trial.comparison else {
        return;
    };
    for (indicator, seen) in &tally.indicators {
        let taken = pair(comparison.taken.get(indicator));
        let left = vec![taken.good - seen.good, taken.bad - seen.bad];
        comparison.taken.insert(indicator.clone(), left);
    }
}

/// The indicator of a check against the other lines, and the worsening it allows.
fn compared(rule: &Rule) -> Option<(&str, f64)> {
    match &rule.bar {
        Bar::Controls(worsening, _) => Some((&rule.indicator, *worsening)),
        Bar::Max(..) | Bar::Baseline(..) | Bar::Quantile(_) => None,
    }
}

/// Where a container of another line stands now; no counts: it cannot be read now.
struct Stand<'a> {
    pod: &'a str,
    started: Time,
    counts: Option<&'a BTreeMap<String, GoodBad>>,
}

fn stands<'a>(input: &'a Input<'_>, line: &'a str) -> Vec<Stand<'a>> {
    count::control_pods(input, line)
        .map(|(pod, started, counts)| Stand {
            pod: &pod.uid,
            started: Time(started),
            counts: counts.map(|counts| &counts.indicators),
        })
        .collect()
}

impl Stand<'_> {
    fn is(&self, mark: &ControlIndicators) -> bool {
        mark.pod == self.pod && mark.started.0.as_second() == self.started.0.as_second()
    }

    fn mark(&self) -> Option<ControlIndicators> {
        let pair = |(name, seen): (&String, &GoodBad)| (name.clone(), vec![seen.good, seen.bad]);
        Some(ControlIndicators {
            pod: self.pod.to_owned(),
            started: self.started.clone(),
            base: self.counts?.iter().map(pair).collect(),
        })
    }
}

/// The marks of containers that are still there, moved to where these stand now if so wanted, and of those that are new.
fn marks(kept: &[ControlIndicators], stands: &[Stand<'_>], moved: bool) -> Vec<ControlIndicators> {
    let known = kept.iter().filter_map(|mark| {
        let stand = stands.iter().find(|stand| stand.is(mark))?;
        let now = stand.mark().filter(|_| moved);
        Some(now.unwrap_or_else(|| mark.clone()))
    });
    let new = stands
        .iter()
        .filter(|stand| !kept.iter().any(|mark| stand.is(mark)));
    known
        .chain(new.filter_map(Stand::mark))
        .take(count::MOST_CONTROLS)
        .collect()
}

/// What the other lines have done since the last block.
fn since_marks(kept: &[ControlIndicators], stands: &[Stand<'_>], indicator: &str) -> Counts {
    let mut sum = Counts::default();
    for stand in stands {
        let mark = kept.iter().find(|mark| stand.is(mark));
        let now = stand.counts.and_then(|counts| counts.get(indicator));
        if let (Some(mark), Some(now)) = (mark, now) {
            let came = more(pair(mark.base.get(indicator)), *now);
            sum.bad += came.bad;
            sum.total += came.total;
        }
    }
    sum
}

/// What has come between two readings. A counter that went back has counted nothing.
fn more(then: GoodBad, now: GoodBad) -> Counts {
    let bad = (now.bad - then.bad).max(0);
    Counts {
        bad,
        total: bad + (now.good - then.good).max(0),
    }
}

fn pair(kept: Option<&Vec<i64>>) -> GoodBad {
    let at = |index: usize| kept.and_then(|pair| pair.get(index)).copied().unwrap_or(0);
    GoodBad {
        good: at(0),
        bad: at(1),
    }
}

/// A comparison that begins now. What the other lines did before is a guess of their rate.
fn begun(wanted: &[(&str, f64)], stands: &[Stand<'_>]) -> Comparison {
    let controls = marks(&[], stands, true);
    let mut evidence = BTreeMap::new();
    for (indicator, worsening) in wanted {
        let mut history = Counts::default();
        for mark in &controls {
            let before = more(GoodBad::default(), pair(mark.base.get(*indicator)));
            history.bad += before.bad;
            history.total += before.total;
        }
        let start = TwoSample {
            worsening: *worsening,
            history,
            ..TwoSample::default()
        };
        evidence.insert((*indicator).to_owned(), written(&start));
    }
    Comparison {
        evidence,
        taken: BTreeMap::new(),
        controls,
    }
}

/// The evidence as it was written. What cannot be right was edited by hand; then the evidence is lost, as with a lost status.
fn state(kept: &Comparison, indicator: &str, worsening: f64) -> TwoSample {
    let empty = ComparedIndicator::default();
    let kept = kept.evidence.get(indicator).unwrap_or(&empty);
    let counts = |pair: &[i64]| Counts {
        bad: pair.first().copied().unwrap_or(0),
        total: pair.get(1).copied().unwrap_or(0),
    };
    let state = TwoSample {
        worsening,
        history: counts(&kept.history),
        canary: counts(&kept.canary),
        controls: counts(&kept.controls),
        open_canary: counts(&kept.open_canary),
        open_controls: counts(&kept.open_controls),
        log_e: kept.log_e_millionths as f64 / MILLIONTHS,
    };
    let nothing = TwoSample {
        worsening,
        ..TwoSample::default()
    };
    state.checked().unwrap_or(nothing)
}

/// The evidence as it is written: rounded down, which costs a millionth and is never too much.
fn written(state: &TwoSample) -> ComparedIndicator {
    let pair = |counts: Counts| vec![counts.bad, counts.total];
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a double ends at the largest integer"
    )]
    let log_e_millionths = (state.log_e * MILLIONTHS).floor() as i64;
    ComparedIndicator {
        history: pair(state.history),
        canary: pair(state.canary),
        controls: pair(state.controls),
        open_canary: pair(state.open_canary),
        open_controls: pair(state.open_controls),
        log_e_millionths,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    const WANTED: &[(&str, f64)] = &[("refused", 0.01)];

    fn tally(good: i64, bad: i64) -> Tally {
        Tally {
            indicators: counts(good, bad),
            ..Tally::default()
        }
    }

    fn counts(good: i64, bad: i64) -> BTreeMap<String, GoodBad> {
        BTreeMap::from([("refused".to_owned(), GoodBad { good, bad })])
    }

    fn stand<'a>(pod: &'a str, started: i64, counts: &'a BTreeMap<String, GoodBad>) -> Stand<'a> {
        Stand {
            pod,
            started: Time(Timestamp::from_second(started).unwrap()),
            counts: Some(counts),
        }
    }

    /// Everything the evidence knows of, and what is still to come.
    fn known(kept: &Comparison, tally: &Tally, stands: &[Stand<'_>]) -> (Counts, Counts) {
        let state = state(kept, "refused", 0.01);
        let came = more(pair(kept.taken.get("refused")), tally.indicators["refused"]);
        let all = state.held(came, since_marks(&kept.controls, stands, "refused"));
        (all.canary(), all.controls())
    }

    #[test]
    fn a_write_that_is_lost_neither_loses_a_document_nor_counts_one_twice() {
        let (mut kept, mut sure) = (None, None);
        for look in 1..=300_i64 {
            let canary = tally(look - look / 40, look / 40);
            let other = counts(1_000 + 2 * look, 10 + look / 50);
            let stands = [stand("u", 0, &other)];
            let begin = || begun(WANTED, &[stand("u", 0, &other)]);
            let (next, _) = step(kept.clone().unwrap_or_else(begin), WANTED, &canary, &stands);
            // Two writes of three are lost, and what was planned with them.
            if look % 3 == 0 {
                kept = Some(next);
            }
            let (next, _) = step(sure.take().unwrap_or_else(begin), WANTED, &canary, &stands);
            sure = Some(next);
            if let (Some(kept), Some(sure)) = (&kept, &sure) {
                let (lossy, sure) = (known(kept, &canary, &stands), known(sure, &canary, &stands));
                assert_eq!(lossy.0, sure.0);
                assert_eq!(lossy.0.total, look);
                // The comparison began with the third look here, and with the first there.
                assert_eq!(sure.1.total - lossy.1.total, 2 * 2);
            }
        }
        let blocks = sure.unwrap();
        let far = &blocks.evidence["refused"];
        assert!(far.canary[1] > 260, "{far:?}");
    }

    #[test]
    fn blocks_grow_with_the_documents_and_close_by_their_number_alone() {
        let looks = |bad: i64| {
            let mut kept = begun(WANTED, &[stand("u", 0, &counts(0, 0))]);
            let mut closed = Vec::new();
            for look in 1..=10_000_i64 {
                let (canary, other) = (tally(look - bad.min(look), bad.min(look)), counts(look, 0));
                let before = kept.clone();
                kept = step(kept, WANTED, &canary, &[stand("u", 0, &other)]).0;
                if kept != before {
                    closed.push(look);
                }
            }
            closed
        };
        let good = looks(0);
        assert_eq!(good[..10], [1, 2, 3, 4, 5, 6, 7, 8, 10, 12]);
        assert!(good.len() < 75, "{}", good.len());
        assert_eq!(good, looks(500));
    }

    #[test]
    fn a_canary_whose_counts_begin_anew_loses_none() {
        let others = [counts(0, 0), counts(10, 0), counts(11, 0)];
        let kept = begun(WANTED, &[stand("u", 0, &others[0])]);
        let (kept, _) = step(kept, WANTED, &tally(8, 0), &[stand("u", 0, &others[1])]);
        let mut trial: Trial = serde_json::from_value(serde_json::json!({
            "rendering": {"version": "1", "digest": "d", "revision": "r"}, "targetDigest": "t",
            "started": "2026-11-21T08:00:00Z"
        }))
        .unwrap();
        trial.comparison = Some(kept);
        // One more that is in no block yet, then the counts begin at 0 again.
        begin_anew(&mut trial, &tally(9, 0));
        let stands = [stand("u", 0, &others[2])];
        let kept = trial.comparison.unwrap();
        assert_eq!(known(&kept, &tally(0, 0), &stands).0.total, 9);
        assert_eq!(
            known(&kept, &tally(2, 1), &stands).0,
            Counts { bad: 1, total: 12 }
        );
    }

    #[test]
    fn a_container_counts_from_when_it_is_first_seen_and_goes_with_what_is_in_no_block() {
        let (before, later) = (counts(100, 3), counts(120, 3));
        let kept = begun(WANTED, &[stand("u", 0, &before)]);
        assert_eq!(kept.evidence["refused"].history, [3, 103]);
        // It restarts: what the new one has counted until it is first seen is not counted.
        let (kept, says) = step(kept, WANTED, &tally(1, 0), &[stand("u", 9, &before)]);
        assert_eq!(says["refused"].controls.total, 0);
        let (kept, says) = step(kept, WANTED, &tally(2, 0), &[stand("u", 9, &later)]);
        assert_eq!(says["refused"].controls, Counts { bad: 0, total: 20 });
        // It cannot be read for a moment: its mark stays.
        let away = Stand {
            counts: None,
            ..stand("u", 9, &later)
        };
        let (kept, _) = step(kept, WANTED, &tally(3, 0), &[away]);
        assert_eq!(kept.controls.len(), 1);
        assert_eq!(step(kept, WANTED, &tally(3, 0), &[]).0.controls.len(), 0);
    }

    #[test]
    fn the_worsening_is_let_through() {
        let nothing = counts(0, 0);
        let evidence = |worsening: f64| {
            let wanted = [("refused", worsening)];
            let kept = begun(&wanted, &[stand("u", 0, &nothing)]);
            let other = counts(1_000, 0);
            let (_, says) = step(kept, &wanted, &tally(95, 5), &[stand("u", 0, &other)]);
            says["refused"].log_e
        };
        assert!(evidence(0.001) > f64::ln(100.0), "{}", evidence(0.001));
        assert!(evidence(0.06) < 0.0, "{}", evidence(0.06));
    }

    #[test]
    fn evidence_that_cannot_be_right_is_lost() {
        let mut kept = begun(WANTED, &[]);
        let edited = kept.evidence.get_mut("refused").unwrap();
        edited.canary = vec![7, 3];
        edited.log_e_millionths = 90_000_000;
        assert_eq!(state(&kept, "refused", 0.01).log_e, 0.0);
    }
}
