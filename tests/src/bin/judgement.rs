//! `make bench-judgement`: the judgement bench as a table and as JSON.
//!
//! `judgement [PATH]` writes to `target/bench/judgement.json` unless told otherwise, and fails if a goal is missed.

use andon_tests::bench::judgement::{Size, run};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const SIZE: Size = Size {
    good: 20_000,
    bad: 20_001,
    alike: 4_000,
    unlike: 501,
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(
        || PathBuf::from("target/bench/judgement.json"),
        PathBuf::from,
    );
    let start = Instant::now();
    let report = run(1, SIZE)?;
    print!("{report}");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("{:.1} s, {}", start.elapsed().as_secs_f64(), path.display());
    Ok(if report.met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
