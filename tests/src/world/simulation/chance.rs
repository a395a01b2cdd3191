//! What happens by chance.

use super::{Act, Faults, Random, Run, Variant, short};
use andon_api::{
    Bake, BakeClock, Check, Go, MaxWait, RollbackScope, Schedule, Then, Window, WindowKind,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is out of order in a run. Half of them read nothing stale, so that stricter rules can be asked of them.
pub(super) fn faults(random: &mut Random) -> Faults {
    Faults {
        crash: random.below(80),
        stale: random.below(300).saturating_sub(150),
        pod_death: random.below(4),
        gap: random.below(60),
        slow_end: random.below(50),
        refused: random.below(2),
        two_leaders: random.chance(100),
        ..Faults::default()
    }
}

/// How many lines a release lets be on trial at a time: often one, as where nothing is said.
pub(super) fn lines_at_a_time(random: &mut Random) -> i32 {
    match random.below(4) {
        0 => 2,
        1 => 3,
        _ => 1,
    }
}

/// A calendar that is always open, though it has windows.
pub(super) fn open() -> Schedule {
    Schedule {
        windows: vec![Window {
            name: "always".to_owned(),
            kind: WindowKind::Allow,
            cron: "*/10 * * * *".to_owned(),
            duration: "1h".to_owned(),
            time_zone: None,
        }],
        not_allowed_dates: Vec::new(),
        shifts: Vec::new(),
        freezes: Vec::new(),
    }
}

impl Run<'_> {
    /// How the next release is judged, and what its failure takes back.
    pub(super) fn choose_rules(&mut self) {
        let random = &mut self.random;
        self.world.scope = match random.below(3) {
            0 => RollbackScope::Line,
            1 => RollbackScope::Release,
            _ => RollbackScope::Plant,
        };
        self.world.soaking = random.chance(300);
        self.world.lines_at_a_time = lines_at_a_time(random);
        self.world.site.spec.max_concurrent_lines = match random.below(4) {
            0 => Some(1),
            1 => Some(2),
            _ => None,
        };
        let mut analysis = short();
        if random.chance(200) {
            analysis.checks.push(Check {
                indicator: "refused".to_owned(),
                not_worse_than_baseline: Some("5%".to_owned()),
                dry_run: random.chance(300),
                ..Check::default()
            });
        }
        if random.chance(200) {
            analysis.checks.push(Check {
                indicator: "refused".to_owned(),
                not_worse_than_controls: Some("2%".to_owned()),
                dry_run: random.chance(300),
                ..Check::default()
            });
        }
        if random.chance(200) {
            analysis.checks.push(Check {
                indicator: "delay".to_owned(),
                quantile: Some("90%".to_owned()),
                max: Some("60s".to_owned()),
                dry_run: random.chance(300),
                ..Check::default()
            });
        }
        if random.chance(150) {
            analysis.start_delay = Some("5s".to_owned());
        }
        if random.chance(150) {
            analysis.bake = Bake {
                duration: "6s".to_owned(),
                clock: BakeClock::Production,
            };
        }
        if random.chance(150) {
            analysis.max_wait = Some(MaxWait {
                duration: "40s".to_owned(),
                then: match random.chance(500) {
                    true => Then::RollBack,
                    false => Then::Hold,
                },
            });
        }
        self.world.analysis = analysis;
    }

    /// A calendar with something that begins or ends soon.
    fn schedule(&mut self) -> Value {
        let now = self.world.now;
        let random = &mut self.random;
        let every = 2 + random.below(6);
        let allow = json!({"name": "allow", "kind": "Allow", "cron": format!("*/{every} * * * *"),
            "duration": format!("{}s", 60 + random.below(60 * every))});
        let deny = json!({"name": "deny", "kind": "Deny", "cron": format!("*/{} * * * *", every + 1),
            "duration": format!("{}s", 10 + random.below(100))});
        let mut at = |from: i64, seconds: u64| {
            let seconds = from + random.below(seconds).cast_signed();
            (now + SignedDuration::from_secs(seconds)).to_string()
        };
        let freeze =
            json!({"from": at(-30, 60), "to": at(31, 120), "reason": "audit", "ticket": "CHG-1"});
        let shift = |from: &str, to: &str, name: &str| json!({"name": name, "days": ["Sat"], "from": from, "to": to});
        let minute = |ahead: i64| {
            let zoned = (now + SignedDuration::from_secs(ahead)).to_zoned(jiff::tz::TimeZone::UTC);
            // Ulm is an hour ahead in November.
            format!("{:02}:{:02}", (zoned.hour() + 1) % 24, zoned.minute())
        };
        let shifts = json!([
            shift(&minute(-3600), &minute(60), "early"),
            shift(&minute(180), &minute(7200), "late")
        ]);
        match random.below(6) {
            0 => json!({"windows": [allow]}),
            1 => json!({"windows": [deny]}),
            2 => json!({"windows": [allow, deny]}),
            3 => json!({"freezes": [freeze]}),
            4 => json!({"windows": [allow], "freezes": [freeze], "shifts": shifts}),
            _ => json!({"shifts": shifts}),
        }
    }

    /// A version, good half of the time.
    #[expect(
        clippy::too_many_lines,
        reason = "a list of what may be wrong with a version"
    )]
    pub(super) fn variant(&mut self) -> Variant {
        let random = &mut self.random;
        let changed = Variant {
            new_source: random.chance(400),
            new_buffer: random.chance(300),
            without_buffer: random.chance(100),
            unchecked: random.chance(200),
            ..Variant::default()
        };
        let on = format!("line-{}", 1 + random.below(4));
        match random.below(20) {
            0 | 1 => Variant {
                wrong_unit: true,
                ..changed
            },
            2 => Variant {
                wrong_erp: true,
                ..changed
            },
            3 => Variant {
                broken_routes: true,
                unchecked: false,
                ..changed
            },
            4 => Variant {
                missing_image: true,
                ..changed
            },
            5 => Variant {
                deaf_source: true,
                ..changed
            },
            6 => Variant {
                crashes: true,
                ..changed
            },
            7 => Variant {
                forbidden: true,
                ..changed
            },
            8 => Variant {
                template_error: true,
                ..changed
            },
            9 => Variant {
                wrong_on: Some(on),
                ..changed
            },
            10 => Variant {
                wrong_on: Some(on),
                wrong_on_after: 10 + random.below(40).cast_signed(),
                ..changed
            },
            11 => Variant {
                wrong_after: Some(random.below(60).cast_signed()),
                ..changed
            },
            12 => Variant {
                wrong_share: 20 + random.below(200),
                slow_share: random.below(400),
                ..changed
            },
            _ => changed,
        }
    }

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
        match self.random.below(29) {
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
