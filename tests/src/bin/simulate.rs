//! Runs seeded random plants and fleets: `simulate --seeds 10000`. Prints what broke, with its story, and ends with 1.

use andon_tests::fleet::simulate_fleet;
use andon_tests::world::{Outcome, shrink, simulate};
use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;

/// Half of what a plan costs is copies of small texts.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let plants = run(&args, simulate);
    let fleets = run(&args, simulate_fleet);
    let mut violations = 0;
    for outcome in plants.iter().chain(&fleets) {
        violations += outcome.violations.len();
        if args.story {
            println!("seed {}\n{}", outcome.seed, outcome.story.join("\n"));
        }
        for violation in &outcome.violations {
            println!("seed {}: {violation}", outcome.seed);
        }
    }
    tell_failures(&plants, &fleets, args.shrink);
    let steps: usize = plants
        .iter()
        .chain(&fleets)
        .map(|outcome| outcome.steps)
        .sum();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} seeds, {violations} violations, {steps} steps, {seconds:.1} s",
        plants.len().min(fleets.len())
    );
    if [plants.len(), fleets.len()]
        .iter()
        .any(|ran| *ran as u64 != args.seeds)
    {
        println!("a run ended by itself");
        return ExitCode::FAILURE;
    }
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs every seed, on all cores.
fn run(args: &Args, simulate: fn(u64) -> Outcome) -> Vec<Outcome> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    std::thread::scope(|scope| {
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
    })
}

/// Makes the first failing plants smaller, and prints their stories and those of failing fleets.
fn tell_failures(plants: &[Outcome], fleets: &[Outcome], most: usize) {
    let broken = |outcome: &&Outcome| !outcome.violations.is_empty();
    for outcome in plants.iter().filter(broken).take(most) {
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
    for outcome in fleets.iter().filter(broken).take(most) {
        println!(
            "\nfleet of seed {}\n{}",
            outcome.seed,
            outcome.story.join("\n")
        );
    }
}
