//! One test for every file in `fleets/`: the story that comes out must be the one that is kept beside it.
//! `BLESS=1` rewrites the kept ones; read them aloud before committing.

#![allow(clippy::expect_used)]

use andon_tests::fleet::{FleetScenario, simulate_fleet};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fleets")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("tests/fleets is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    files
}

/// Plays a scenario; the story, or what went wrong.
fn story(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let scenario: FleetScenario =
        serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    let fleet = scenario.play()?;
    if !fleet.violations.is_empty() {
        let violations = fleet.violations.join("\n");
        return Err(format!("{violations}\n{}", fleet.story.join("\n")));
    }
    Ok(format!(
        "{}\n\n{}\n",
        scenario.story,
        fleet.story.join("\n")
    ))
}

#[test]
fn every_scenario_tells_its_story() {
    let files = files();
    assert!(files.len() >= 15, "only {} scenarios", files.len());
    let bless = std::env::var("BLESS").is_ok_and(|value| value == "1");
    let mut failures = Vec::new();
    for path in files {
        let trace = path.with_extension("trace");
        let name = path.display();
        match story(&path) {
            Err(problem) => failures.push(format!("{name}: {problem}")),
            Ok(story) if bless => std::fs::write(&trace, story).expect("the trace can be written"),
            Ok(story) => {
                let kept = std::fs::read_to_string(&trace).unwrap_or_default();
                if let Some(difference) = difference(&kept, &story) {
                    failures.push(format!("{name}: {difference}\n(BLESS=1 rewrites it)"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The first line that differs.
fn difference(kept: &str, now: &str) -> Option<String> {
    if kept == now {
        return None;
    }
    let (mut kept, mut now) = (kept.lines(), now.lines());
    for number in 1.. {
        match (kept.next(), now.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let [a, b] = [a, b].map(|line| line.unwrap_or("(the end)"));
                return Some(format!("line {number}\n  kept {a}\n  now  {b}"));
            }
        }
    }
    None
}

/// Seeds of the test.
const SEEDS: u64 = 120;

#[test]
fn no_rule_is_broken_in_any_fleet() {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get() as u64);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    (0..SEEDS)
                        .filter(|seed| seed % threads == first)
                        .map(simulate_fleet)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let outcomes = runs
            .into_iter()
            .map(|run| run.join().expect("a run does not panic"));
        outcomes.flatten().collect()
    });
    let broken: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.violations.is_empty())
        .map(|outcome| format!("seed {}: {}", outcome.seed, outcome.violations[0]))
        .collect();
    if let Some(worst) = outcomes.iter().find(|it| !it.violations.is_empty()) {
        println!("{}", worst.story.join("\n"));
    }
    assert!(
        broken.is_empty(),
        "{} of {SEEDS} seeds, first ones:\n{}",
        broken.len(),
        broken[..broken.len().min(40)].join("\n")
    );
    let steps: usize = outcomes.iter().map(|outcome| outcome.steps).sum();
    assert!(steps > 6_000, "only {steps} looks: the fleets do nothing");
}
