//! Makes a run that breaks a rule smaller: the less happens in it, the sooner somebody understands it.

use super::{Faults, Outcome, simulate_without};
use std::collections::BTreeSet;

/// What a run leaves out.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// Faults by name.
    pub faults: BTreeSet<&'static str>,
    /// What happens by chance, by its number.
    pub acts: BTreeSet<usize>,
    /// How many things happened by chance, with those left out.
    pub of: usize,
}

/// Names of the faults that a run can leave out.
const FAULTS: [&str; 7] = [
    "crash",
    "stale",
    "pod death",
    "gap",
    "slow end",
    "refused",
    "two leaders",
];

impl Cut {
    /// What is left of these faults.
    pub(super) fn faults(&self, mut faults: Faults) -> Faults {
        for name in &self.faults {
            match *name {
                "crash" => faults.crash = 0,
                "stale" => faults.stale = 0,
                "pod death" => faults.pod_death = 0,
                "gap" => faults.gap = 0,
                "slow end" => faults.slow_end = 0,
                "refused" => faults.refused = 0,
                _ => faults.two_leaders = false,
            }
        }
        faults
    }
}

/// The smallest run found of a plant's seed that still breaks the same rule, and what it leaves out.
pub fn shrink(outcome: &Outcome) -> (Outcome, Cut) {
    smallest(outcome, &FAULTS, |cut| simulate_without(outcome.seed, cut))
}

/// The smallest run found that still breaks the same rule, and what it leaves out of these faults and of what happens by chance.
/// `run` gives a run without that, and how many things happened by chance.
pub(crate) fn smallest(
    outcome: &Outcome,
    faults: &[&'static str],
    run: impl Fn(&Cut) -> (Outcome, usize),
) -> (Outcome, Cut) {
    let rule = rule(outcome);
    let mut best = (outcome.clone(), Cut::default());
    let attempt = |best: &mut (Outcome, Cut), cut: Cut| {
        let (smaller, of) = run(&cut);
        if self::rule(&smaller) == rule {
            *best = (smaller, Cut { of, ..cut });
        }
    };
    attempt(&mut best, Cut::default());
    for name in faults {
        let mut cut = best.1.clone();
        cut.faults.insert(name);
        attempt(&mut best, cut);
    }
    // Large pieces first, then single acts.
    let mut piece = best.1.of.next_power_of_two();
    while piece > 0 {
        for first in (0..best.1.of).step_by(piece) {
            let mut cut = best.1.clone();
            cut.acts.extend(first..(first + piece).min(cut.of));
            if cut.acts.len() > best.1.acts.len() {
                attempt(&mut best, cut);
            }
        }
        piece /= 2;
    }
    best
}

/// The rule that a run breaks first.
fn rule(outcome: &Outcome) -> Option<String> {
    let first = outcome.violations.first()?;
    Some(first.split(':').next().unwrap_or(first).to_owned())
}
