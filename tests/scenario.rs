//! One test for every file in `scenarios/`: the story that comes out must be the one that is kept beside it.
//! `BLESS=1` rewrites the kept ones; read them aloud before committing.

use andon_tests::golden;
use andon_tests::world::Scenario;

/// Plays a scenario; the story, or what went wrong.
fn story(text: &str) -> Result<String, String> {
    let scenario: Scenario = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let world = scenario.play()?;
    golden::told(&scenario.story, &world.story, &world.violations)
}

#[test]
fn every_scenario_tells_its_story() -> anyhow::Result<()> {
    golden::check("scenarios", 60, golden::bless(), story)
}
