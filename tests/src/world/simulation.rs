//! Seeded random plants: whatever happens, no rule is broken, and when it stops happening the plant comes to rest where it
//! should be, and stays there.

use super::scenario::Act;
use super::{Faults, Random, Variant, World, analysis};
use andon_api::condition::{self, ConditionType};
use andon_api::{Analysis, Bake, Go, LinePhase};
use serde_json::{Value, json};

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Rules that were broken.
    pub violations: Vec<String>,
    /// Looks that the operator took.
    pub steps: usize,
    /// The story, for whoever looks into a violation.
    pub story: Vec<String>,
}

/// A plant comes to rest within so many seconds of its last trouble: six lines one after the other, each with a deadline, a
/// bake, a pod that leaves slowly. Whatever takes longer never ends.
const PATIENCE: i64 = 2_400;

/// Runs one seed: some random releases amid trouble, then a good one and a bad one in peace.
pub fn simulate(seed: u64) -> Outcome {
    let mut run = Run::new(seed);
    run.trouble();
    run.peace();
    let world = run.world;
    Outcome {
        seed,
        violations: world.violations,
        steps: world.looks,
        story: world.story,
    }
}

struct Run {
    world: World,
    random: Random,
    releases: u32,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        let count = 1 + random.below(6);
        let lines: Vec<(String, i32)> = (1..=count)
            .map(|number| {
                (
                    format!("line-{number}"),
                    i32::try_from(random.below(4) * 10).unwrap_or(0),
                )
            })
            .collect();
        let mut world = World::new(&lines, seed);
        // Short, so that many plants can be lived through.
        world.analysis = Analysis {
            bake: Bake {
                duration: "6s".to_owned(),
                clock: andon_api::BakeClock::Always,
            },
            min_samples: 4,
            progress_deadline: "20s".to_owned(),
            ..analysis()
        };
        Self {
            world,
            random,
            releases: 0,
        }
    }

    /// Releases a version that is like this.
    fn release(&mut self, variant: Variant) {
        self.releases += 1;
        let version = format!("1.{}.0", self.releases);
        self.world.versions.insert(version.clone(), variant);
        self.world.act(&Act {
            release: Some(version),
            ..Act::default()
        });
    }

    /// Random releases, and random things that happen meanwhile.
    fn trouble(&mut self) {
        let random = &mut self.random;
        self.world.faults = Faults {
            crash: random.below(80),
            stale: random.below(150),
            pod_death: random.below(4),
            gap: random.below(60),
            slow_end: random.below(50),
            refused: random.below(2),
            ..Faults::default()
        };
        for _ in 0..1 + self.random.below(3) {
            let variant = self.variant();
            self.release(variant);
            for _ in 0..40 + self.random.below(120) {
                if self.random.chance(30) {
                    let act = self.act();
                    self.world.act(&act);
                }
                if self.random.chance(4) {
                    self.kill();
                }
                self.world.tick();
            }
        }
    }

    /// A version, good half of the time.
    fn variant(&mut self) -> Variant {
        let random = &mut self.random;
        let changed = Variant {
            new_source: random.chance(400),
            new_buffer: random.chance(300),
            without_buffer: random.chance(100),
            unchecked: random.chance(200),
            ..Variant::default()
        };
        match random.below(16) {
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
            _ => changed,
        }
    }

    /// Something happens at the plant.
    #[expect(clippy::too_many_lines, reason = "a list of what may happen in a turn")]
    fn act(&mut self) -> Act {
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
        match self.random.below(15) {
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
            12 => self.parameter(
                line,
                "erp",
                json!(if self.random.clone().chance(500) {
                    "nowhere"
                } else {
                    "right"
                }),
            ),
            13 => {
                let size = 1 + self.random.below(3);
                self.parameter(line, "buffer", json!(size))
            }
            _ => {
                self.meddle();
                act
            }
        }
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
                let object = std::rc::Rc::make_mut(object);
                object["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] =
                    json!("meddled");
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = json!(generation + 1);
            }
        }
        self.world.site_changed();
    }

    /// A pod is deleted.
    fn kill(&mut self) {
        let pods = self.world.pods.len() as u64;
        if pods > 0 {
            let index = usize::try_from(self.random.below(pods)).unwrap_or(0);
            if self.world.pods[index].pod.stage != andon_api::label::CHECK {
                self.world.end_pod(index);
            }
        }
    }

    /// All trouble ends: a good release must come through, and then a bad one must be taken back.
    fn peace(&mut self) {
        self.world.tell("", "--- all trouble ends");
        self.world.faults = Faults::default();
        for line in &mut self.world.site.spec.lines {
            line.parameters.remove("erp");
        }
        self.release(Variant {
            new_source: true,
            ..Variant::default()
        });
        if !self.rest("a good release") {
            return;
        }
        self.demand_all_done();
        self.drain();
        let bad = loop {
            let variant = self.variant();
            // One that crashes may pass so short a bake; what is judged after the pass is another story.
            if !variant.works() && !variant.template_error && !variant.crashes {
                break variant;
            }
        };
        let refused: Vec<(String, i64)> = self
            .world
            .shop
            .iter()
            .map(|(name, line)| (name.clone(), line.refused))
            .collect();
        let kind = format!("{bad:?}");
        self.release(bad);
        if self.rest(&kind) {
            self.demand_taken_back(&refused);
        }
    }

    /// Lets the lines get what has piled up done: a canary could pass on it whatever it does to new documents.
    fn drain(&mut self) {
        let begun = self.world.seconds();
        while self.world.seconds() - begun < PATIENCE
            && self.world.shop.values().any(|line| line.queue > 1)
        {
            self.world.tick();
        }
    }

    /// Lets the plant come to rest. False: it does not.
    fn rest(&mut self, after: &str) -> bool {
        let begun = self.world.seconds();
        self.world.tick();
        while !self.world.settled() {
            self.world.tick();
            if self.world.seconds() - begun > PATIENCE {
                let state = self.world.state();
                self.world
                    .violations
                    .push(format!("W3: never comes to rest after {after}:\n{state}"));
                return false;
            }
        }
        // Planning again changes nothing.
        let plan = andon_plan::plan(&self.world.observe());
        let wakes = plan.wake.is_some() && !self.world.only_soaks();
        if !plan.changes.is_empty() || plan.write_status || wakes {
            self.world.violations.push(format!(
                "W4: planning again changes something: {:?}",
                plan.changes
            ));
        }
        true
    }

    /// Every line runs the newest version, and the status says so.
    fn demand_all_done(&mut self) {
        let version = format!("1.{}.0", self.releases);
        let lines = self
            .world
            .site
            .spec
            .lines
            .iter()
            .map(|line| line.name.clone())
            .collect::<Vec<_>>();
        for name in lines {
            let status = self
                .world
                .integration
                .status
                .lines
                .iter()
                .find(|line| line.name == name);
            let runs = status
                .and_then(|line| line.running.as_ref())
                .map(|running| running.version.clone());
            if runs.as_ref() != Some(&version) || self.world.phase(&name) != Some(LinePhase::Steady)
            {
                let state = self.world.state();
                self.world.violations.push(format!(
                    "W5: {name} runs {runs:?} and not {version}:\n{state}"
                ));
            }
        }
        if !condition::is_true(
            &self.world.integration.status.conditions,
            ConditionType::Ready,
        ) {
            self.world
                .violations
                .push("W5: every line is done, but not Ready".to_owned());
        }
    }

    /// The first line runs what it ran; the others never saw the release.
    fn demand_taken_back(&mut self, refused: &[(String, i64)]) {
        let good = format!("1.{}.0", self.releases - 1);
        let status = self.world.integration.status.clone();
        let taking_part = self.world.site.spec.lines.iter();
        let first = taking_part
            .min_by_key(|line| (line.criticality, line.name.clone()))
            .map(|line| line.name.clone());
        let mut broken = Vec::new();
        for line in status.lines.iter().filter(|line| {
            self.world
                .site
                .spec
                .lines
                .iter()
                .any(|l| l.name == line.name)
        }) {
            let runs = line.running.as_ref().map(|running| running.version.clone());
            if runs.as_ref() != Some(&good) {
                broken.push(format!(
                    "W6: {} runs {runs:?} and not {good} again",
                    line.name
                ));
            }
            if line.failed.is_some() != (Some(&line.name) == first.as_ref()) {
                broken.push(format!("W6: {} failed: {:?}", line.name, line.failed));
            }
        }
        for (name, before) in refused
            .iter()
            .filter(|(name, _)| Some(name) != first.as_ref())
        {
            let now = self.world.shop.get(name).map_or(0, |line| line.refused);
            if now != *before {
                broken.push(format!(
                    "W6: {} documents of {name} were refused though it never saw the release",
                    now - before
                ));
            }
        }
        if !condition::is_true(&status.conditions, ConditionType::RolledBack) {
            broken.push("W6: RolledBack is not said".to_owned());
        }
        if !broken.is_empty() {
            broken.push(self.world.state());
        }
        self.world.violations.extend(broken);
    }
}
