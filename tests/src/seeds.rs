//! Many seeds of a simulation.

use crate::cores::on_all_cores;
use crate::world::Outcome;
use anyhow::{Result, ensure};
use std::ops::Range;

/// Half of what a look costs is copies of small texts.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds that the tests run; the bin `simulate` runs as many as one likes.
pub const SEEDS: u64 = 1_000;

/// Runs every seed, on all cores. The story of a run that broke nothing is forgotten, unless `stories` are wanted: there may be very
/// many.
pub fn run(seeds: Range<u64>, stories: bool, simulate: fn(u64) -> Outcome) -> Vec<Outcome> {
    on_all_cores(seeds, |seed| {
        let mut outcome = simulate(seed);
        if outcome.violations.is_empty() && !stories {
            outcome.story = Vec::new();
        }
        outcome
    })
}

/// Runs the first `seeds` seeds. An error: the first rules that were broken, or that too few looks were taken for anything to happen.
pub fn no_rule_is_broken(seeds: u64, least: u64, simulate: fn(u64) -> Outcome) -> Result<()> {
    const SHOWN: usize = 40;
    let outcomes = run(0..seeds, false, simulate);
    ensure!(outcomes.len() as u64 == seeds, "a run panicked");
    let broken: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| !outcome.violations.is_empty())
        .collect();
    let told: Vec<String> = broken
        .iter()
        .take(SHOWN)
        .map(|outcome| format!("seed {}: {}", outcome.seed, outcome.violations[0]))
        .collect();
    ensure!(
        broken.is_empty(),
        "{}\n{} of {seeds} seeds, first ones:\n{}",
        broken[0].story.join("\n"),
        broken.len(),
        told.join("\n")
    );
    let steps: usize = outcomes.iter().map(|outcome| outcome.steps).sum();
    ensure!(
        steps as u64 > seeds * least,
        "only {steps} looks: nothing happens"
    );
    Ok(())
}
