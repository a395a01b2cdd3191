//! `kubectl andon`: what a person types. Offline; it decides nothing itself.

mod folder;
mod manifest;
mod pack;
mod plan;
mod render;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Packs, renders and plans offline, by the same code that runs in the operator.
#[derive(Parser)]
#[command(
    name = "kubectl-andon",
    bin_name = "kubectl andon",
    version,
    after_help = "Exit codes: 0 done; 1 the input was refused, and standard error says why; 2 wrong usage."
)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Pack(pack::Args),
    Plan(plan::Args),
    Render(render::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().verb {
        Verb::Pack(args) => pack::run(&args),
        Verb::Plan(args) => plan::run(&args),
        Verb::Render(args) => render::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(1)
        }
    }
}
