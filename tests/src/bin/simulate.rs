//! Runs seeded random plants: `simulate --seeds 10000`. Prints what broke, with its story, and ends with 1.

use andon_tests::world::{Outcome, shrink, simulate};
use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;

/// Runs seeded random plants.
#[derive(Parser)]
struct Args {
    /// How many.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Make so many failing runs smaller, and print their stories.
    #[arg(long, default_value_t = 3)]
    shrink: usize,
    /// Print the story of every run.
    #[arg(long)]
    story: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|thread| {
                let seeds = (args.first..args.first + args.seeds)
                    .filter(move |seed| seed % threads == thread);
                scope.spawn(move || seeds.map(simulate).collect::<Vec<_>>())
            })
            .collect();
        runs.into_iter()
            .flat_map(|run| run.join().unwrap_or_default())
            .collect()
    });
    let mut violations = 0;
    for outcome in &outcomes {
        violations += outcome.violations.len();
        if args.story {
            println!("seed {}\n{}", outcome.seed, outcome.story.join("\n"));
        }
        for violation in &outcome.violations {
            println!("seed {}: {violation}", outcome.seed);
        }
    }
    let broken = outcomes
        .iter()
        .filter(|outcome| !outcome.violations.is_empty());
    for outcome in broken.take(args.shrink) {
        let (smallest, cut) = shrink(outcome);
        println!(
            "\nseed {}, smallest run that still breaks the rule, without {:?} and {} of {} acts\n{}",
            outcome.seed,
            cut.faults,
            cut.acts.len(),
            cut.of,
            smallest.story.join("\n")
        );
        println!("{}\n", smallest.violations.join("\n"));
    }
    let steps: usize = outcomes.iter().map(|outcome| outcome.steps).sum();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} seeds, {violations} violations, {steps} steps, {seconds:.1} s",
        outcomes.len()
    );
    if outcomes.len() as u64 != args.seeds {
        println!("a run ended by itself");
        return ExitCode::FAILURE;
    }
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
