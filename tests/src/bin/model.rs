//! Explores every state of the line machine: `model`, or `model --quick`. Ends with 1 where something is wrong.

use andon_tests::model::configuration::{Config, all, for_ever, quick};
use andon_tests::model::{Report, check};
use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;

/// Explores every state of the line machine.
#[derive(Parser)]
struct Args {
    /// Only what the tests explore.
    #[arg(long)]
    quick: bool,
    /// Do not ask the planner's checker: what do the rules of the plant find without it?
    #[arg(long)]
    blind: bool,
    /// Only the plant in which a deposed leader's write may take for ever, which is known not to be survived.
    #[arg(long)]
    for_ever: bool,
    /// Give a configuration up at so many states.
    #[arg(long, default_value_t = 50_000_000)]
    limit: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let begun = Instant::now();
    let configurations = match (args.for_ever, args.quick) {
        (true, _) => vec![for_ever()],
        (false, true) => quick(),
        (false, false) => all(),
    };
    let mut total = Report::default();
    let mut violations = 0;
    for config in configurations {
        let config = Config {
            blind: args.blind,
            ..config
        };
        match check(&config, args.limit) {
            Ok(report) => {
                violations += tell(config.name, &report);
                total.add(&report);
            }
            Err(why) => {
                println!("{}: {why}", config.name);
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{} states, {} transitions, depth {}, {violations} violations, {:.1} s",
        total.states,
        total.transitions,
        total.depth,
        begun.elapsed().as_secs_f64()
    );
    match violations {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Tells of one configuration; how much is wrong with it.
fn tell(name: &str, report: &Report) -> usize {
    println!(
        "{name}: {} states ({} of rest), {} transitions, depth {}, {} plans, {:.1} s",
        report.states, report.rests, report.transitions, report.depth, report.plans, report.seconds
    );
    if let Some((why, story)) = &report.wrong {
        println!("{story}\n{why}");
    }
    if report.cut {
        println!("given up: not all of it was explored");
    }
    usize::from(report.wrong.is_some() || report.cut)
}
