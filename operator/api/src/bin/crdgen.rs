//! Writes every CRD into the folders that are named: `crdgen crds charts/andon/crds`. With `--check` it writes nothing
//! and fails if a file differs from what it would write.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

const USAGE: &str = "usage: crdgen [--check] FOLDER...";

fn main() -> ExitCode {
    let (flags, folders): (Vec<String>, Vec<String>) =
        env::args().skip(1).partition(|word| word.starts_with('-'));
    let check = match flags.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => return usage(),
    };
    if folders.is_empty() {
        return usage();
    }
    match run(&folders, check) {
        Ok(stale) if stale.is_empty() => ExitCode::SUCCESS,
        Ok(stale) => {
            for path in stale {
                eprintln!(
                    "{} is not what operator/api says; run `make crds`",
                    path.display()
                );
            }
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Files that are stale (`check`), or none once they are written.
fn run(folders: &[String], check: bool) -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let mut stale = Vec::new();
    for (file, crd) in andon_api::crd::all()? {
        let yaml = serde_saphyr::to_string(&crd)?;
        let text = format!("# Written by crdgen from operator/api; do not edit.\n{yaml}");
        for folder in folders {
            let path = Path::new(folder).join(&file);
            if check {
                if read(&path)?.as_deref() != Some(&text) {
                    stale.push(path);
                }
            } else {
                fs::create_dir_all(folder)?;
                fs::write(&path, &text)?;
            }
        }
    }
    Ok(stale)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
