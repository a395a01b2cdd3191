//! Seeded random fleets: whatever people and faults do, no rule is broken, and in peace a good version gets everywhere.

use super::act::{Act, Approve, Second, ring, waves};
use super::{Fleet, FleetFaults, MINUTE, ToyVersion};
use crate::world::Outcome;
use andon_api::{ReleasePhase, RollbackScope, WavePhase};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rings of the plants; the waves take them in this order.
const RINGS: [&str; 4] = ["dev", "test", "pilot", "rest"];
/// Minutes in which a fleet in peace comes to rest: twelve plants one after the other, four soaks.
const PATIENCE: i64 = 900;

/// Runs one seed: random people and faults, then peace: a good version and a bad one.
pub fn simulate_fleet(seed: u64) -> Outcome {
    let mut run = Run::new(seed);
    run.trouble();
    run.peace();
    let fleet = run.fleet;
    Outcome {
        seed,
        violations: fleet.violations,
        steps: fleet.looks,
        story: fleet.story,
    }
}

struct Run {
    fleet: Fleet,
    versions: u32,
    values: u32,
}

impl Run {
    fn new(seed: u64) -> Self {
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
        self.fleet.faults = FleetFaults {
            crash: random.below(200),
            stale: random.below(250),
            conflict: random.below(100),
            crash_always: random.chance(30),
        };
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
                self.fleet.act(&act);
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

    fn plant(&mut self) -> Option<String> {
        let names: Vec<String> = self.fleet.plants.keys().cloned().collect();
        self.fleet.random.pick(&names).cloned()
    }

    fn value(&mut self) -> String {
        self.values += 1;
        format!("v{}", self.values)
    }

    fn act(&mut self) -> Act {
        match self.fleet.random.below(20) {
            0..=2 => self.new_version(),
            3 => self.old_version(),
            4..=8 => self.approval(),
            9..=11 => self.lever(),
            12 => self.edited_waves(),
            13 | 14 => self.reach(),
            15..=17 => self.moves(),
            _ => self.mishap(),
        }
    }

    fn new_version(&mut self) -> Act {
        self.versions += 1;
        let version = format!("1.{}.0", self.versions);
        let names: Vec<String> = self.fleet.plants.keys().cloned().collect();
        let random = &mut self.fleet.random;
        let some = |random: &mut crate::world::Random, often| -> Vec<String> {
            let chosen = names.iter().filter(|_| random.chance(often));
            chosen.cloned().collect()
        };
        let bad = random.chance(500);
        let toy = ToyVersion {
            fails: some(random, if bad { 250 } else { 0 }),
            fails_late: some(random, if bad { 100 } else { 0 }),
            missing: random.chance(30),
        };
        self.fleet.versions.insert(version.clone(), toy);
        Act {
            release: Some(version),
            ..Act::default()
        }
    }

    /// Back to a version that was there before.
    fn old_version(&mut self) -> Act {
        let versions: Vec<String> = self.fleet.versions.keys().cloned().collect();
        Act {
            release: self.fleet.random.pick(&versions).cloned(),
            ..Act::default()
        }
    }

    fn approval(&mut self) -> Act {
        let random = &mut self.fleet.random;
        let people = ["anna", "ben", "carl", "dora", "renovate[bot]"];
        let wave = random
            .pick(&RINGS)
            .filter(|_| true)
            .map(|it| (*it).to_owned());
        let groups = [vec!["ot"], vec!["it"], vec!["ot", "it"]];
        let groups = random.pick(&groups).cloned().unwrap_or_default();
        Act {
            approve: Some(Approve {
                by: random.pick(&people).copied().unwrap_or("anna").to_owned(),
                groups: groups.into_iter().map(str::to_owned).collect(),
                wave: wave.filter(|_| random.chance(500)),
                expires: Some(i64::try_from(random.below(60)).unwrap_or(1))
                    .filter(|_| random.chance(300)),
            }),
            ..Act::default()
        }
    }

    fn lever(&mut self) -> Act {
        let keys = [
            "pause", "resume", "resume", "abort", "undo", "retry", "retry", "retry",
        ];
        let key = self.fleet.random.pick(&keys).copied().unwrap_or("retry");
        let value = self.value();
        if self.fleet.random.chance(200) {
            let paused = Some(self.fleet.random.chance(400));
            return Act {
                paused,
                ..Act::default()
            };
        }
        Act {
            annotate: BTreeMap::from([(key.to_owned(), value)]),
            ..Act::default()
        }
    }

    fn edited_waves(&mut self) -> Act {
        let count = usize::try_from(self.fleet.random.below(5)).unwrap_or(0);
        let random = &mut self.fleet.random;
        // The last of several takes whoever is left; now and then one is left out in between.
        let skip = usize::try_from(random.below(8)).unwrap_or(0);
        let rings = RINGS.iter().take(count).enumerate();
        let list: Vec<Value> = rings
            .filter(|(index, _)| *index != skip)
            .map(|(index, name)| {
                let last = index + 1 == count && random.chance(700);
                let mut wave = json!({"name": name, "plants": if last { json!({}) } else { ring(name) }});
                if random.chance(500) {
                    let limits = [json!(1), json!(2), json!("30%"), json!("50%")];
                    wave["maxConcurrentPlants"] = random.pick(&limits).cloned().unwrap_or_default();
                }
                if random.chance(300) {
                    wave["maxFailedPlants"] = json!(random.below(3));
                }
                if random.chance(400) {
                    wave["soak"] = json!(format!("{}m", 5 + random.below(60)));
                }
                if random.chance(300) {
                    wave["approval"] = json!({"allOf": [{"group": "ot", "count": 1}, {"group": "it", "count": 1}]});
                }
                wave["waitForOffline"] = json!(random.chance(200));
                wave
            })
            .collect();
        Act {
            waves: Some(waves(json!(list))),
            ..Act::default()
        }
    }

    fn reach(&mut self) -> Act {
        let plant = self.plant();
        match self.fleet.random.chance(400) {
            true => Act {
                offline: plant,
                ..Act::default()
            },
            false => Act {
                online: plant,
                ..Act::default()
            },
        }
    }

    fn moves(&mut self) -> Act {
        let plant = self.plant();
        let ring = self.fleet.random.pick(&RINGS).copied().unwrap_or("rest");
        let ring = if self.fleet.random.chance(100) {
            "elsewhere"
        } else {
            ring
        };
        let count = self.fleet.plants.len();
        match self.fleet.random.below(3) {
            0 if count < 12 => Act {
                join: BTreeMap::from([(
                    format!("q{:02}", self.fleet.random.below(50)),
                    ring.to_owned(),
                )]),
                ..Act::default()
            },
            1 if count > 1 => Act {
                leave: plant,
                ..Act::default()
            },
            _ => Act {
                relabel: plant.into_iter().map(|it| (it, ring.to_owned())).collect(),
                ..Act::default()
            },
        }
    }

    fn mishap(&mut self) -> Act {
        let version = self
            .fleet
            .releases
            .first()
            .map(|it| it.spec.blueprint.version.clone());
        let random = &mut self.fleet.random;
        match random.below(6) {
            0 => Act {
                lose_status: true,
                ..Act::default()
            },
            1 => Act {
                clock: -i64::try_from(random.below(90)).unwrap_or(0),
                ..Act::default()
            },
            2 => Act {
                missing: version,
                ..Act::default()
            },
            3 => Act {
                made: version,
                ..Act::default()
            },
            4 if self.fleet.releases.len() < 2 => Act {
                second: Some(Second {
                    name: "confirmations-2".to_owned(),
                    version: "1.0.0".to_owned(),
                    older_by: i64::try_from(random.below(20)).unwrap_or(0) - 10,
                }),
                ..Act::default()
            },
            _ => Act {
                delete: Some("confirmations-2".to_owned()),
                ..Act::default()
            },
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

    fn broken(&mut self, what: &str) {
        let status = serde_json::to_string(&self.fleet.status()).unwrap_or_default();
        self.fleet.violations.push(format!("R12: {what}: {status}"));
    }

    /// Every plant that a wave selects runs the version; or the release says which wave selects nobody.
    fn demand_done(&mut self) {
        let status = self.fleet.status();
        let empty = status.waves.iter().any(|wave| {
            wave.hold
                .as_ref()
                .is_some_and(|hold| hold.reason == "WaveEmpty")
        });
        let nobody = status.plants.total == 0;
        if status.phase != Some(ReleasePhase::Complete) {
            if !empty && !nobody {
                self.broken("a good version in peace is not complete");
            }
            return;
        }
        let version = format!("1.{}.0", self.versions);
        let waves = self.fleet.releases.first().map(|it| it.spec.waves.clone());
        let all = waves.unwrap_or_default();
        let anybody = all.is_empty() || all.iter().any(|it| it.plants.match_labels.is_empty());
        let plants = self.fleet.plants.iter();
        let wrong: Vec<&String> = plants
            .filter(|(_, plant)| {
                let ring = plant.labels.get("ring");
                anybody
                    || all
                        .iter()
                        .any(|it| it.plants.match_labels.get("ring") == ring)
            })
            .filter(|(_, plant)| plant.runs().iter().any(|runs| *runs != version))
            .map(|(name, _)| name)
            .collect();
        if !wrong.is_empty() {
            let what = format!("complete, but {wrong:?} do not run {version}");
            self.broken(&what);
        }
    }

    /// Nobody runs the bad version, no more plants tried it than may fail and be under way, and somebody is told.
    fn demand_stopped(&mut self) {
        let version = format!("1.{}.0", self.versions);
        let status = self.fleet.status();
        let runs = |plant: &super::plant::ToyPlant| plant.runs().contains(&version.as_str());
        if self.fleet.plants.values().any(runs) {
            self.broken("a plant runs what fails everywhere");
        }
        let stalled = status.conditions.iter().any(|it| it.type_ == "Stalled");
        let known = matches!(
            status.phase,
            Some(ReleasePhase::RolledBack | ReleasePhase::Aborted)
        );
        if !stalled || !known {
            self.broken("a version that fails everywhere is not said to be stopped");
        }
    }

    /// What made the bad version fail is repaired, and somebody says: try again.
    fn demand_retried(&mut self) {
        let version = format!("1.{}.0", self.versions);
        let retry = self.value();
        self.fleet.act(&Act {
            heal: Some(version),
            annotate: BTreeMap::from([("retry".to_owned(), retry)]),
            ..Act::default()
        });
        if self.rest("a retry") {
            let done = self
                .fleet
                .status()
                .waves
                .iter()
                .all(|it| it.phase == WavePhase::Done);
            if done && self.fleet.status().phase == Some(ReleasePhase::Complete) {
                self.demand_done();
            } else {
                self.broken("a retry of what is repaired is not complete");
            }
        }
    }
}
