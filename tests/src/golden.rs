//! Stories that are kept: one file `name.yaml` tells what happens, `name.trace` beside it what comes of it.

use crate::cores::on_all_cores;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// Plays every scenario of a folder and holds its story against the kept one; an error says where they part. `bless` rewrites the
/// kept ones instead: read them aloud before committing.
pub fn check(
    folder: &str,
    least: usize,
    bless: bool,
    play: impl Fn(&str) -> Result<String, String> + Sync,
) -> Result<()> {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))?;
    ensure!(files.len() >= least, "only {} scenarios", files.len());
    let stories = on_all_cores(&files, |path| {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        play(&text)
    });
    ensure!(stories.len() == files.len(), "a scenario panicked");
    let mut failures = Vec::new();
    for (path, story) in files.iter().zip(stories) {
        let trace = path.with_extension("trace");
        let name = path.display();
        match story {
            Err(problem) => failures.push(format!("{name}: {problem}")),
            Ok(story) if bless => std::fs::write(&trace, story)
                .with_context(|| format!("failed to write {}", trace.display()))?,
            Ok(story) => {
                let kept = std::fs::read_to_string(&trace).unwrap_or_default();
                if let Some(difference) = difference(&kept, &story) {
                    failures.push(format!("{name}: {difference}\n(BLESS=1 rewrites it)"));
                }
            }
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

/// A story as it is kept: what it tells in a sentence, then what happens. An error if a rule was broken.
pub fn told(sentence: &str, story: &[String], violations: &[String]) -> Result<String, String> {
    let story = story.join("\n");
    match violations {
        [] => Ok(format!("{sentence}\n\n{story}\n")),
        broken => Err(format!("{}\n{story}", broken.join("\n"))),
    }
}

/// Whether the kept stories are to be rewritten.
pub fn bless() -> bool {
    std::env::var("BLESS").is_ok_and(|value| value == "1")
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.with_context(|| format!("failed to read {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let said = difference("a\nb\n", "a\nc\n").unwrap_or_default();
        assert_eq!(said, "line 2\n  kept b\n  now  c");
        let said = difference("a\n", "a\nb\n").unwrap_or_default();
        assert!(said.contains("kept (the end)"), "{said}");
    }
}
