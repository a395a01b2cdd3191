//! A starting state and a script of what people and the world do.

use super::act::Act;
use super::{Variant, World};
use andon_api::LinePhase;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A starting state and a script.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scenario {
    /// What it tells, in a sentence.
    pub story: String,
    /// Lines and their criticality.
    pub lines: BTreeMap<String, i32>,
    /// The versions of the blueprint that exist.
    pub versions: BTreeMap<String, Variant>,
    /// When it begins; left out: 2026-11-21T08:00:00Z, a Saturday morning.
    #[serde(default)]
    pub begins: Option<Timestamp>,
    /// The version that every line runs already; how it came there is not told.
    #[serde(default)]
    pub runs: Option<String>,
    /// The integration that this one requires, at the same plant.
    #[serde(default)]
    pub base: Option<Base>,
    /// The operator dies after every single write.
    #[serde(default)]
    pub crash_always: bool,
    /// Two operators take themselves for the leader.
    #[serde(default)]
    pub two_leaders: bool,
    /// What happens, one after the other.
    pub script: Vec<Step>,
    /// Seconds to go on after the script, unless everything has settled before.
    #[serde(default = "ten_minutes")]
    pub then: i64,
}

/// The integration that the other one requires.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Base {
    /// Its lines and their criticality.
    pub lines: BTreeMap<String, i32>,
    /// The versions of its blueprint that exist.
    pub versions: BTreeMap<String, Variant>,
    /// The version that it runs already.
    pub runs: String,
}

fn ten_minutes() -> i64 {
    600
}

/// Something that happens once its time has come.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// So many seconds after the step before.
    pub after: i64,
    /// `settled`, `resting` (settled, or waiting for more than a minute), or a line and its phase: `packaging-1 Baking`.
    pub when: Option<String>,
    /// What people do.
    #[serde(flatten)]
    pub act: Act,
}

/// A script that waits for something for so long waits for something that never comes.
const PATIENCE: i64 = 3600;

impl Scenario {
    /// Plays it, and gives the world as it is then.
    pub fn play(&self) -> Result<World, String> {
        let lines: Vec<(String, i32)> = self
            .lines
            .iter()
            .map(|(name, c)| (name.clone(), *c))
            .collect();
        let mut world = World::new(&lines, 1);
        if let Some(begins) = self.begins {
            (world.begun, world.now) = (begins, begins);
        }
        world.versions = self.versions.clone();
        if let Some(base) = &self.base {
            world.install_base(base, self.crash_always)?;
        }
        if let Some(version) = &self.runs {
            world.release(version);
            world.wait("settled")?;
            world.forget_the_past(version);
        }
        world.faults.crash_always = self.crash_always;
        world.faults.two_leaders = self.two_leaders;
        for (index, step) in self.script.iter().enumerate() {
            if let Some(when) = &step.when {
                let waited = world.wait(when);
                waited.map_err(|why| format!("step {index}: {why}"))?;
            }
            for _ in 0..step.after {
                world.tick();
            }
            world.act(&step.act);
        }
        let begun = world.ticks;
        while world.ticks - begun < self.then && !(world.ticks > begun && world.settled()) {
            world.tick();
        }
        world.epilogue();
        Ok(world)
    }
}

impl World {
    /// Lets time pass until something is true.
    pub(super) fn wait(&mut self, what: &str) -> Result<(), String> {
        let begun = self.ticks;
        while !self.is(what) {
            self.tick();
            if self.ticks - begun > PATIENCE {
                return Err(format!(
                    "waits in vain for \"{what}\":\n{}\n{}",
                    self.state(),
                    self.story.join("\n")
                ));
            }
        }
        Ok(())
    }

    /// The story begins now, with a plant that runs a version.
    fn forget_the_past(&mut self, version: &str) {
        if let Some(base) = &mut self.base {
            base.set_clock(-base.seconds());
        }
        self.set_clock(-self.seconds());
        self.story.clear();
        self.tell("", &format!("--- every line runs {version}"));
    }

    /// Whether `settled`, `resting`, or a line and its phase, is true.
    pub fn is(&self, what: &str) -> bool {
        if let Some(what) = what.strip_prefix("base ") {
            return self.base.as_ref().is_some_and(|base| base.is(what));
        }
        match what.split_once(' ') {
            None if what == "resting" => self.rests(),
            None => self.settled(),
            Some((name, phase)) => {
                let line = self
                    .integration
                    .status
                    .lines
                    .iter()
                    .find(|line| line.name == name);
                line.is_some_and(|line| format!("{:?}", line.phase) == phase)
            }
        }
    }

    /// The phase of a line.
    pub fn phase(&self, name: &str) -> Option<LinePhase> {
        self.integration
            .status
            .lines
            .iter()
            .find(|line| line.name == name)
            .map(|line| line.phase)
    }
}
