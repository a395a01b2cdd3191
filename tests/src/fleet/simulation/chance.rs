//! What people do by chance.

use super::super::ToyVersion;
use super::super::act::{Act, Approve, Second, ring, waves};
use super::{RINGS, Run};
use crate::world::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Run<'_> {
    pub(super) fn plant(&mut self) -> Option<String> {
        let names: Vec<String> = self.fleet.plants.keys().cloned().collect();
        self.fleet.random.pick(&names).cloned()
    }

    pub(super) fn value(&mut self) -> String {
        self.values += 1;
        format!("v{}", self.values)
    }

    pub(super) fn act(&mut self) -> Act {
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
        let some = |random: &mut Random, often| -> Vec<String> {
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

    pub(super) fn edited_waves(&mut self) -> Act {
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
}
