//! A starting fleet and a script of what people do.

use super::act::Act;
use super::{Fleet, MINUTE, ToyVersion};
use andon_api::{RollbackScope, Wave};
use jiff::SignedDuration;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A starting fleet and a script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FleetScenario {
    /// What it tells, in a sentence.
    pub story: String,
    /// Plants and their ring.
    plants: BTreeMap<String, String>,
    /// Waves of the release.
    #[serde(default)]
    waves: Vec<Wave>,
    #[serde(default)]
    scope: RollbackScope,
    /// Versions that do harm somewhere; any other does none.
    #[serde(default)]
    versions: BTreeMap<String, ToyVersion>,
    /// The operator dies after every single write.
    #[serde(default)]
    crash_always: bool,
    /// What happens, one after the other. At the beginning every plant runs 1.0.0.
    script: Vec<Step>,
    /// Minutes to go on after the script, unless everything has settled before.
    #[serde(default = "two_days")]
    then: i64,
}

fn two_days() -> i64 {
    2 * 24 * 60
}

/// Something that happens once its time has come.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Step {
    /// So many minutes after the step before.
    after: i64,
    /// `settled`, `release` and its phase, a wave and its phase, or a plant and `tries`: `pilot Soaking`, `ulm tries`.
    when: Option<String>,
    #[serde(flatten)]
    act: Act,
}

/// A script that waits so many minutes waits in vain.
const PATIENCE: i64 = 5 * 24 * 60;

impl FleetScenario {
    /// Plays it, and gives the fleet as it is then.
    pub fn play(&self) -> Result<Fleet, String> {
        let mut fleet = self.begin();
        fleet.faults.crash_always = self.crash_always;
        for (index, step) in self.script.iter().enumerate() {
            if let Some(when) = &step.when {
                let begun = fleet.elapsed;
                while !fleet.is(when) {
                    fleet.tick();
                    if fleet.elapsed - begun > PATIENCE * MINUTE {
                        let story = fleet.story.join("\n");
                        return Err(format!(
                            "step {index} waits in vain for \"{when}\":\n{story}"
                        ));
                    }
                }
            }
            for _ in 0..step.after {
                fleet.tick();
            }
            fleet.act(&step.act);
        }
        let begun = fleet.elapsed;
        fleet.tick();
        while fleet.elapsed - begun < self.then * MINUTE && !fleet.settled() {
            fleet.tick();
        }
        fleet.epilogue();
        Ok(fleet)
    }

    /// The fleet when every plant runs 1.0.0, a moment before the story.
    fn begin(&self) -> Fleet {
        let mut fleet = Fleet::new(1);
        fleet.versions.clone_from(&self.versions);
        fleet.versions.entry("1.0.0".to_owned()).or_default();
        for (name, ring) in &self.plants {
            fleet.add_plant(name, ring, 2);
        }
        let created = fleet.now - SignedDuration::from_hours(1);
        fleet.add_release("confirmations", "1.0.0", created);
        fleet.tick();
        while !fleet.settled() {
            fleet.tick();
        }
        fleet.story.clear();
        fleet.begun = fleet.now;
        fleet.elapsed = 0;
        fleet.edit(|it| {
            it.spec.waves.clone_from(&self.waves);
            it.spec.rollback.scope = self.scope;
        });
        fleet
    }
}

impl Fleet {
    /// Whether something that a script waits for is true.
    fn is(&self, what: &str) -> bool {
        let status = self.status();
        match what.split_once(' ') {
            None => self.settled(),
            Some(("release", phase)) => status.phase.is_some_and(|it| format!("{it:?}") == phase),
            Some((plant, "tries")) => self.plants.get(plant).is_some_and(|it| it.on_trial()),
            Some((wave, phase)) => {
                let mut waves = status.waves.iter();
                waves.any(|it| it.name == wave && format!("{:?}", it.phase) == phase)
            }
        }
    }
}
