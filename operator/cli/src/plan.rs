//! `kubectl andon plan`: what the operator would do with what it saw.

use crate::manifest;
use andon_plan::Observed;
use anyhow::{Context, Result, anyhow};
use std::io::Read;

/// Reads what the operator observed (YAML or JSON) from standard input and prints the plan it would carry out: changes,
/// status, events, and when it would look again. An incident becomes a test by keeping that input.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 planned; 1 the input was refused, and standard error says why; 2 wrong usage."
)]
pub struct Args {}

/// Carries the verb out.
pub fn run(_: &Args) -> Result<()> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("failed to read standard input")?;
    let options = serde_saphyr::options! { strict_booleans: true, legacy_octal_numbers: true };
    let observed: Observed = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| anyhow!("standard input is not what the operator observes: {error}"))?;
    print!("{}", manifest::write(&[andon_plan::plan(&observed)])?);
    Ok(())
}
