//! Runs seeded random plants and fleets: `simulate --seeds 10000`. Prints what broke, with its story, and ends with 1.

use andon_tests::fleet::{shrink_fleet, simulate_fleet};
use andon_tests::seeds;
use andon_tests::world::{Cut, Outcome, shrink, simulate};
use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;

/// Runs seeded random plants and fleets.
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
    let seeds = args.first..args.first + args.seeds;
    let plants = seeds::run(seeds.clone(), args.story, simulate);
    let fleets = seeds::run(seeds, args.story, simulate_fleet);
    let all = || plants.iter().chain(&fleets);
    for outcome in all() {
        if args.story {
            println!("seed {}\n{}", outcome.seed, outcome.story.join("\n"));
        }
        for violation in &outcome.violations {
            println!("seed {}: {violation}", outcome.seed);
        }
    }
    tell_failures("plant", &plants, args.shrink, shrink);
    tell_failures("fleet", &fleets, args.shrink, shrink_fleet);
    let whole = [&plants, &fleets].map(|ran| ran.len() as u64) == [args.seeds; 2];
    if !whole {
        println!("a run ended by itself");
    }
    let violations: usize = all().map(|outcome| outcome.violations.len()).sum();
    let steps: usize = all().map(|outcome| outcome.steps).sum();
    println!(
        "{} seeds, {violations} violations, {steps} steps, {:.1} s",
        plants.len().min(fleets.len()),
        begun.elapsed().as_secs_f64()
    );
    match whole && violations == 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Makes the first failing runs smaller, and prints their stories.
fn tell_failures(
    what: &str,
    outcomes: &[Outcome],
    most: usize,
    shrink: fn(&Outcome) -> (Outcome, Cut),
) {
    let broken = outcomes.iter().filter(|it| !it.violations.is_empty());
    for outcome in broken.take(most) {
        let (smallest, cut) = shrink(outcome);
        println!(
            "\n{what} of seed {}, smallest run that still breaks the rule, without {:?} and {} of {} acts\n{}\n{}\n",
            outcome.seed,
            cut.faults,
            cut.acts.len(),
            cut.of,
            smallest.story.join("\n"),
            smallest.violations.join("\n")
        );
    }
}
