//! One test for every file in `fleets/`: the story that comes out must be the one that is kept beside it.
//! `BLESS=1` rewrites the kept ones; read them aloud before committing.

use andon_tests::fleet::{FleetScenario, simulate_fleet};
use andon_tests::golden;
use andon_tests::seeds::{SEEDS, no_rule_is_broken};

/// Plays a scenario; the story, or what went wrong.
fn story(text: &str) -> Result<String, String> {
    let scenario: FleetScenario =
        serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let fleet = scenario.play()?;
    golden::told(&scenario.story, &fleet.story, &fleet.violations)
}

#[test]
fn every_scenario_tells_its_story() -> anyhow::Result<()> {
    golden::check("fleets", 15, golden::bless(), story)
}

#[test]
fn no_rule_is_broken_in_any_fleet() -> anyhow::Result<()> {
    no_rule_is_broken(SEEDS, 50, simulate_fleet)
}
