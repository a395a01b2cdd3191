//! `kubectl andon pack`: a blueprint's folder -> the object that holds it.

use crate::{folder, manifest};
use andon_api::{Blueprint, BlueprintReference};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// Packs the folder of a blueprint into the Blueprint object that `kubectl apply --server-side -f` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 packed; 1 the folder was refused, and standard error says why; 2 wrong usage."
)]
pub struct Args {
    /// Folder with blueprint.yaml, parameters.yaml, templates/ and whatever the templates read.
    folder: PathBuf,
    /// Writes to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Carries the verb out.
pub fn run(args: &Args) -> Result<()> {
    let spec = folder::packed(&args.folder)?;
    let reference = BlueprintReference {
        name: spec.name.clone(),
        version: spec.version.clone(),
    };
    let text = manifest::write(&[Blueprint::new(&reference.object_name(), spec)])?;
    match &args.output {
        None => print!("{text}"),
        Some(path) => {
            fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))?
        }
    }
    Ok(())
}
