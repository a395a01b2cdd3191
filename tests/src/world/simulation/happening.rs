//! What people and the world do by chance, one thing at a time.

use super::{Act, Run};
use andon_api::Go;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Run<'_> {
    /// Something happens at the plant.
    #[expect(clippy::too_many_lines, reason = "a list of what may happen in a turn")]
    pub(super) fn act(&mut self) -> Act {
        let lines: Vec<String> = self
            .world
            .site
            .spec
            .lines
            .iter()
            .map(|line| line.name.clone())
            .collect();
        let line = self.random.pick(&lines).cloned().unwrap_or_default();
        let some = |text: &str| Some(text.to_owned());
        let act = Act::default();
        if self.world.base.is_some() && self.random.chance(400) {
            return self.on_base();
        }
        match self.random.below(32) {
            0 => Act {
                erp: some("down"),
                ..act
            },
            1 => Act {
                erp: some("up"),
                ..act
            },
            2 => Act {
                metrics: some("away"),
                ..act
            },
            3 => Act {
                metrics: some("back"),
                ..act
            },
            4 => Act {
                idle: Some(line),
                ..act
            },
            5 => Act {
                busy: Some(line),
                ..act
            },
            6 => Act {
                retry: Some(self.random.next().to_string()),
                ..act
            },
            7 => Act {
                go: Some(Go::Wait),
                ..act
            },
            8 => Act {
                go: Some(Go::Proceed),
                ..act
            },
            9 => Act {
                lose_status: true,
                ..act
            },
            10 if lines.len() > 1 => Act {
                remove_line: Some(line),
                ..act
            },
            11 if lines.len() < 6 => self.added(),
            12 => {
                let wrong = self.random.chance(500);
                self.parameter(line, "erp", json!(if wrong { "nowhere" } else { "right" }))
            }
            13 => {
                let size = 1 + self.random.below(3);
                self.parameter(line, "buffer", json!(size))
            }
            14 => Act {
                schedule: Some(self.schedule()),
                ..act
            },
            15 => Act {
                schedule: Some(json!({})),
                ..act
            },
            16 => Act {
                go: Some(Go::Abort),
                ..act
            },
            17 => Act {
                go: Some(Go::Undo),
                ..act
            },
            18 => Act {
                release_retry: Some(self.random.next().to_string()),
                ..act
            },
            19 => Act {
                clock: self.random.below(90).cast_signed() - 60,
                ..act
            },
            20 => Act {
                erp: some("picky"),
                ..act
            },
            21 => Act {
                registry: some(if self.random.chance(400) {
                    "away"
                } else {
                    "back"
                }),
                ..act
            },
            22 => Act {
                soaking: Some(self.random.chance(500)),
                ..act
            },
            23 => Act {
                beside: Some(self.beside()),
                ..act
            },
            24 => Act {
                approvers: Some(vec!["ot".to_owned(), "qa".to_owned()]),
                validated: Some(
                    lines
                        .into_iter()
                        .filter(|_| self.random.chance(500))
                        .collect(),
                ),
                ..act
            },
            25 | 26 => self.approval(line),
            27 => Act {
                promote: Some(format!("{line}@anna: {}", self.random.next())),
                ..act
            },
            28 => Act {
                broker_restarts: Some(line),
                ..act
            },
            29 | 30 => Act {
                order: BTreeMap::from([(line, self.random.below(3).cast_signed())]),
                ..act
            },
            _ => {
                self.meddle();
                act
            }
        }
    }

    /// One of four people, who may be the author or in both groups, approves, or takes it back.
    fn approval(&mut self, line: String) -> Act {
        let people = [
            ("anna", json!(["ot"])),
            ("ben", json!(["ot", "qa"])),
            ("carl", json!(["qa"])),
            ("dora", json!(["it"])),
        ];
        let (by, groups) = self.random.pick(&people).cloned().unwrap_or_default();
        if self.random.chance(150) {
            return Act {
                revoke: Some(by.to_owned()),
                ..Act::default()
            };
        }
        let mut approve = json!({"by": by, "groups": groups, "line": line});
        if self.random.chance(300) {
            approve["expires"] = json!(self.random.below(60));
        }
        Act {
            author: self.random.chance(300).then(|| "ben".to_owned()),
            approve: serde_json::from_value(approve).ok(),
            ..Act::default()
        }
    }

    /// What another integration has on trial, at the same time.
    fn beside(&mut self) -> BTreeMap<String, bool> {
        let random = &mut self.random;
        let count = random.below(3);
        (0..count)
            .map(|number| (format!("line-{}", number + 1), random.chance(500)))
            .collect()
    }

    fn added(&mut self) -> Act {
        let name = format!("line-{}", 10 + self.random.below(80));
        let known = self.world.shop.contains_key(&name);
        let added = json!({"name": name, "criticality": self.random.below(40)});
        let added = serde_json::from_value(added).ok().filter(|_| !known);
        Act {
            add_line: added,
            ..Act::default()
        }
    }

    fn parameter(&self, line: String, key: &str, value: Value) -> Act {
        let parameter =
            serde_json::from_value(json!({"line": line, "key": key, "value": value})).ok();
        Act {
            parameter,
            ..Act::default()
        }
    }

    /// Somebody edits or deletes an object that Andon made.
    fn meddle(&mut self) {
        let keys: Vec<_> = self.world.objects.keys().cloned().collect();
        let Some(key) = self.random.pick(&keys).cloned() else {
            return;
        };
        let uid = self.world.objects[&key]["metadata"]["uid"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        if self.random.chance(400) {
            self.world
                .tell("", &format!("--- somebody deletes {} {}", key.0, key.1));
            self.world.delete(&key.0, &key.1, &uid);
        } else if matches!(key.0.as_str(), "Deployment" | "StatefulSet") {
            self.world
                .tell("", &format!("--- somebody edits {} {}", key.0, key.1));
            if let Some(object) = self.world.objects.get_mut(&key) {
                let object = std::sync::Arc::make_mut(object);
                object["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] =
                    json!("meddled");
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = json!(generation + 1);
            }
        }
        self.world.site_changed();
    }

    /// A pod is deleted.
    pub(super) fn kill(&mut self) {
        let pods = self.world.pods.len() as u64;
        if pods > 0 {
            let index = usize::try_from(self.random.below(pods)).unwrap_or(0);
            if self.world.pods[index].pod.stage != andon_api::label::CHECK {
                self.world.end_pod(index);
            }
        }
    }
}
