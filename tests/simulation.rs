//! Seeded random plants; `simulate --seeds N` runs more of them.

use andon_tests::seeds::{SEEDS, no_rule_is_broken};
use andon_tests::world::simulate;

#[test]
fn no_rule_is_broken_and_every_plant_comes_to_rest() -> anyhow::Result<()> {
    no_rule_is_broken(SEEDS, 80, simulate)
}
