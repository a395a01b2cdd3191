//! The rules that are compared.

use super::stream::{CONTROL_LINES, Stream};
use super::{ALPHA, LIMIT, MESSAGES, USUAL};
use andon_plan::statistics::{
    BadInput, BaselineLimit, Counts, TwoSample, baseline_limit, log_e, share,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Where a rule stopped the canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stop {
    pub(super) messages: usize,
    pub(super) bad: i64,
}

/// A rule and how often it looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    /// Seconds between two looks; as many messages come in meanwhile.
    pub(super) every: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Evidence against [`LIMIT`].
    Limit,
    /// Evidence against what a baseline of so many messages allows.
    Baseline(i64),
    /// Evidence against so many control lines, which are no longer known than the canary.
    Controls(usize),
    /// The ratio over the last [`WINDOW`] messages is above [`LIMIT`]; so many failed looks are allowed.
    ///
    /// So many failed measurements are Argo Rollouts' `failureLimit`; Flagger's `threshold` is one more. Both add up over the
    /// whole analysis: a good look in between takes nothing back.
    Threshold(usize),
}

/// Messages that a threshold looks back over: two and a half minutes.
const WINDOW: usize = 150;

impl Rule {
    pub(super) fn all() -> Vec<Self> {
        let mut rules = Vec::new();
        for every in [1, 10, 60] {
            rules.push(Kind::Limit.every(every));
            rules.extend([60, 500, 5_000].map(|size| Kind::Baseline(size).every(every)));
            rules.extend([3, CONTROL_LINES].map(|lines| Kind::Controls(lines).every(every)));
        }
        for every in [1, 10, 30, 60] {
            rules.extend([0, 2, 4].map(|allowed| Kind::Threshold(allowed).every(every)));
        }
        rules
    }

    pub(super) fn has_controls(&self) -> bool {
        matches!(self.kind, Kind::Controls(_))
    }

    /// The highest error rate of the canary that this rule must let be. A threshold is held to that of the limit.
    pub(super) fn good_up_to(&self) -> f64 {
        match self.kind {
            Kind::Limit | Kind::Threshold(_) => LIMIT,
            Kind::Baseline(_) | Kind::Controls(_) => USUAL,
        }
    }

    /// Where this rule stops the canary; none: nowhere in the stream.
    pub(super) fn stop(
        &self,
        stream: &Stream,
        limits: &mut Limits,
    ) -> Result<Option<Stop>, BadInput> {
        let messages = match self.kind {
            Kind::Limit => self.over(stream, limits.fewest(Against::Limit)?),
            Kind::Baseline(total) => {
                let bad = stream.baseline(total);
                self.over(stream, limits.fewest(Against::Baseline { bad, total })?)
            }
            Kind::Controls(lines) => self.beside(stream, lines)?,
            Kind::Threshold(allowed) => self.threshold(stream, allowed),
        };
        Ok(messages.map(|messages| Stop {
            messages,
            bad: stream.bad[messages],
        }))
    }

    fn looks(&self) -> impl Iterator<Item = usize> + use<> {
        (self.every..=MESSAGES).step_by(self.every)
    }

    fn over(&self, stream: &Stream, fewest: &[i64]) -> Option<usize> {
        self.looks().find(|now| stream.bad[*now] >= fewest[*now])
    }

    fn beside(&self, stream: &Stream, lines: usize) -> Result<Option<usize>, BadInput> {
        let needed = share::needed(ALPHA, 1)?.ln();
        let mut state = TwoSample::start(0.0, Counts::default())?;
        let mut controls = stream.controls(lines).step_by(self.every);
        let mut before = controls.next().unwrap_or_default();
        for (now, bad) in self.looks().zip(controls) {
            let of_canary = Counts {
                bad: stream.bad[now] - stream.bad[now - self.every],
                total: self.every as i64,
            };
            let of_controls = Counts {
                bad: bad - before,
                total: (self.every * lines) as i64,
            };
            state = state.add(of_canary, of_controls)?;
            if state.log_e() >= needed {
                return Ok(Some(now));
            }
            before = bad;
        }
        Ok(None)
    }

    fn threshold(&self, stream: &Stream, allowed: usize) -> Option<usize> {
        let above = |now: &usize| {
            let start = now.saturating_sub(WINDOW);
            let bad = stream.bad[*now] - stream.bad[start];
            bad as f64 > LIMIT * (now - start) as f64
        };
        self.looks().filter(above).nth(allowed)
    }
}

impl Kind {
    fn every(self, every: usize) -> Rule {
        Rule { kind: self, every }
    }
}

/// What evidence is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Against {
    Limit,
    Baseline { bad: i64, total: i64 },
}

/// For each number of messages the fewest bad ones that are evidence enough: the verdict, worked out once instead of at
/// every look of every run.
#[derive(Default)]
pub(super) struct Limits(BTreeMap<Against, Vec<i64>>);

impl Limits {
    fn fewest(&mut self, against: Against) -> Result<&[i64], BadInput> {
        Ok(match self.0.entry(against) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(fewest(against)?),
        })
    }
}

/// The table of one limit. More messages never need fewer bad ones, and more bad ones are always more evidence (both are
/// tested), so that each entry is found from the one before.
pub(super) fn fewest(against: Against) -> Result<Vec<i64>, BadInput> {
    let (limit, needed) = match against {
        Against::Limit => (LIMIT, share::needed(ALPHA, 1)?),
        Against::Baseline { bad, total } => {
            let limit = match baseline_limit(bad, total, 0.0, ALPHA)? {
                BaselineLimit::Limit(limit) | BaselineLimit::CannotFail(limit) => limit,
                // Against 1 nothing is evidence, which is what skipping means.
                BaselineLimit::Skipped => 1.0,
            };
            (limit, share::needed_against_baseline(ALPHA, 1)?)
        }
    };
    let mut bad = 1;
    let mut table = vec![bad];
    for messages in 1..=MESSAGES as i64 {
        while bad <= messages && log_e(bad, messages, limit) < needed.ln() {
            bad += 1;
        }
        table.push(bad);
    }
    Ok(table)
}
