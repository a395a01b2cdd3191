//! Seeded random plants; `simulate --seeds N` runs more of them.

use andon_tests::world::simulate;

/// Seeds of the test: what takes seconds without optimisation. The bin `simulate` runs thousands.
const SEEDS: u64 = if cfg!(debug_assertions) { 60 } else { 300 };

#[test]
fn no_rule_is_broken_and_every_plant_comes_to_rest() {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get() as u64);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    (0..SEEDS)
                        .filter(|seed| seed % threads == first)
                        .map(simulate)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let outcomes = runs
            .into_iter()
            .map(|run| run.join().expect("a run does not panic"));
        outcomes.flatten().collect()
    });
    let steps: usize = outcomes.iter().map(|outcome| outcome.steps).sum();
    let broken: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.violations.is_empty())
        .map(|outcome| format!("seed {}: {}", outcome.seed, outcome.violations[0]))
        .collect();
    assert!(
        broken.is_empty(),
        "{} of {SEEDS} seeds, first ones:\n{}",
        broken.len(),
        broken[..broken.len().min(5)].join("\n")
    );
    assert!(steps > 5_000, "only {steps} steps: the plants do nothing");
}
