//! Seeded random fleets: whatever people and faults do, no rule is broken, and in peace a good version gets everywhere.

mod chance;
mod demand;

use super::act::{Act, Approve};
use super::{Fleet, FleetFaults, MINUTE, ToyVersion};
use crate::world::{Cut, Outcome, smallest};
use andon_api::{ReleasePhase, RollbackScope};
use std::collections::BTreeMap;

/// Rings of the plants; the waves take them in this order.
const RINGS: [&str; 4] = ["dev", "test", "pilot", "rest"];
/// Minutes in which a fleet in peace comes to rest: twelve plants one after the other, four soaks.
const PATIENCE: i64 = 900;

/// Runs one seed: random people and faults, then peace: a good version and a bad one.
pub fn simulate_fleet(seed: u64) -> Outcome {
    simulate_without(seed, &Cut::default()).0
}

/// The smallest run found of a fleet's seed that still breaks the same rule, and what it leaves out.
pub fn shrink_fleet(outcome: &Outcome) -> (Outcome, Cut) {
    smallest(outcome, &FAULTS, |cut| simulate_without(outcome.seed, cut))
}

/// Names of the faults that a run can leave out.
const FAULTS: [&str; 4] = ["crash", "stale", "conflict", "always crash"];

/// The same without some of what happens in it, and how many things happened by chance.
fn simulate_without(seed: u64, cut: &Cut) -> (Outcome, usize) {
    let mut run = Run::new(seed, cut);
    run.trouble();
    run.peace();
    let fleet = run.fleet;
    let outcome = Outcome {
        seed,
        violations: fleet.violations,
        steps: fleet.looks,
        story: fleet.story,
    };
    (outcome, run.acts)
}

struct Run<'a> {
    cut: &'a Cut,
    /// Things that happened by chance so far, with those left out.
    acts: usize,
    fleet: Fleet,
    versions: u32,
    values: u32,
}

impl<'a> Run<'a> {
    fn new(seed: u64, cut: &'a Cut) -> Self {
        let mut fleet = Fleet::new(seed ^ 0xf1ee7);
        let plants = 1 + fleet.random.below(12);
        for number in 0..plants {
            let ring = fleet.random.pick(&RINGS).copied().unwrap_or("rest");
            let lines = 1 + fleet.random.below(3);
            fleet.add_plant(
                &format!("p{number:02}"),
                ring,
                usize::try_from(lines).unwrap_or(1),
            );
        }
        let now = fleet.now;
        fleet
            .versions
            .insert("1.0.0".to_owned(), ToyVersion::default());
        fleet.add_release("confirmations", "1.0.0", now);
        let mut run = Self {
            cut,
            acts: 0,
            fleet,
            versions: 0,
            values: 0,
        };
        let act = run.edited_waves();
        run.fleet.act(&act);
        run
    }

    fn trouble(&mut self) {
        let random = &mut self.fleet.random;
        let mut faults = FleetFaults {
            crash: random.below(200),
            stale: random.below(250),
            conflict: random.below(100),
            crash_always: random.chance(30),
        };
        for name in &self.cut.faults {
            match *name {
                "crash" => faults.crash = 0,
                "stale" => faults.stale = 0,
                "conflict" => faults.conflict = 0,
                _ => faults.crash_always = false,
            }
        }
        self.fleet.faults = faults;
        let scope = [
            RollbackScope::Line,
            RollbackScope::Plant,
            RollbackScope::Release,
        ];
        let scope = random.pick(&scope).copied();
        self.fleet.act(&Act {
            scope,
            ..Act::default()
        });
        let often = 30 + self.fleet.random.below(150);
        for _ in 0..150 + self.fleet.random.below(200) {
            if self.fleet.random.chance(often) {
                let act = self.act();
                if !self.cut.acts.contains(&self.acts) {
                    self.fleet.act(&act);
                }
                self.acts += 1;
            }
            if self.fleet.random.chance(5) {
                self.rebuild();
            }
            self.fleet.tick();
        }
    }

    /// A plant's namespace is made anew: another UID, nothing remembered.
    fn rebuild(&mut self) {
        let Some(name) = self.plant() else { return };
        let labels = self.fleet.plants.get(&name).map(|it| it.labels.clone());
        self.fleet.tell("", &format!("--- plant {name} is rebuilt"));
        self.fleet.add_plant(&name, "rest", 2);
        if let Some((plant, labels)) = self.fleet.plants.get_mut(&name).zip(labels) {
            plant.labels = labels;
        }
    }

    /// People and faults stop, everything is granted: a good version gets everywhere, and then a bad one is stopped.
    fn peace(&mut self) {
        self.fleet.tell("", "--- all trouble ends");
        self.fleet.faults = FleetFaults::default();
        let names: Vec<String> = self.fleet.plants.keys().cloned().collect();
        for name in names {
            self.fleet.act(&Act {
                online: Some(name),
                ..Act::default()
            });
        }
        // What was pulled while nothing could be tried is honoured before the next version.
        let made = self
            .fleet
            .releases
            .first()
            .map(|it| it.spec.blueprint.version.clone());
        self.fleet.act(&Act {
            made,
            delete: Some("confirmations-2".to_owned()),
            ..Act::default()
        });
        self.fleet.tick();
        let resume = self.value();
        self.fleet.act(&Act {
            delete: Some("confirmations-2".to_owned()),
            paused: Some(false),
            annotate: BTreeMap::from([("resume".to_owned(), resume)]),
            ..Act::default()
        });
        self.release_in_peace(ToyVersion::default());
        if !self.rest("a good version") {
            return;
        }
        self.demand_done();
        if self.fleet.status().phase != Some(ReleasePhase::Complete) {
            return;
        }
        self.release_in_peace(ToyVersion {
            fails: vec!["*".to_owned()],
            ..ToyVersion::default()
        });
        if self.rest("a bad version") {
            self.demand_stopped();
        }
        self.demand_retried();
    }

    fn release_in_peace(&mut self, toy: ToyVersion) {
        self.versions += 1;
        let version = format!("1.{}.0", self.versions);
        self.fleet.versions.insert(version.clone(), toy);
        self.fleet.act(&Act {
            release: Some(version),
            ..Act::default()
        });
        for (by, group) in [("dora", "ot"), ("emil", "it")] {
            self.fleet.approve(&Approve {
                by: by.to_owned(),
                groups: vec![group.to_owned()],
                wave: None,
                expires: None,
            });
        }
    }

    /// Lets the fleet come to rest. False: it does not.
    fn rest(&mut self, after: &str) -> bool {
        let begun = self.fleet.elapsed;
        self.fleet.tick();
        while !self.fleet.settled() {
            self.fleet.tick();
            if self.fleet.elapsed - begun > PATIENCE * MINUTE {
                self.broken(&format!("never comes to rest after {after}"));
                return false;
            }
        }
        let snapshot = self.fleet.snapshot();
        let again = self.fleet.observe("confirmations", &snapshot);
        let again = again.map(|observed| andon_plan::plan_release(&observed));
        if again.is_none_or(|it| !it.changes.is_empty() || it.write_status || it.wake.is_some()) {
            self.broken("planning again changes something");
        }
        true
    }
}
