//! One test for every file in `scenarios/`: the story that comes out must be the one that is kept beside it.
//! `BLESS=1` rewrites the kept ones; read them aloud before committing.

#![allow(clippy::expect_used)]

use andon_tests::world::Scenario;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("tests/scenarios is there")
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
    let scenario: Scenario = serde_saphyr::from_str(&text).map_err(|error| error.to_string())?;
    let world = scenario.play()?;
    if !world.violations.is_empty() {
        let violations = world.violations.join("\n");
        return Err(format!("{violations}\n{}", world.story.join("\n")));
    }
    Ok(format!(
        "{}\n\n{}\n",
        scenario.story,
        world.story.join("\n")
    ))
}

/// Plays all of them, as many at once as there are processors.
fn stories(files: Vec<PathBuf>) -> Vec<(PathBuf, Result<String, String>)> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let share = files.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let runs: Vec<_> = files
            .chunks(share)
            .map(|files| {
                scope.spawn(|| {
                    files
                        .iter()
                        .map(|path| (path.clone(), story(path)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let stories = runs
            .into_iter()
            .map(|run| run.join().expect("a scenario does not panic"));
        stories.flatten().collect()
    })
}

#[test]
fn every_scenario_tells_its_story() {
    let files = files();
    assert!(files.len() >= 60, "only {} scenarios", files.len());
    let bless = std::env::var("BLESS").is_ok_and(|value| value == "1");
    let mut failures = Vec::new();
    for (path, story) in stories(files) {
        let trace = path.with_extension("trace");
        let name = path.display();
        match story {
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
