//! A starting state and a script of what people and the world do.

use super::{Variant, World, line};
use andon_api::{Analysis, Go, LinePhase, RollbackScope, Schedule, label};
use andon_plan::Neighbour;
use serde::Deserialize;
use serde_json::Value;
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
    /// The operator dies after every single write.
    #[serde(default)]
    pub crash_always: bool,
    /// What happens, one after the other.
    pub script: Vec<Step>,
    /// Seconds to go on after the script, unless everything has settled before.
    #[serde(default = "ten_minutes")]
    pub then: i64,
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
    /// `settled`, or a line and its phase: `packaging-1 Baking`.
    pub when: Option<String>,
    /// What people do.
    #[serde(flatten)]
    pub act: Act,
}

/// What people and the world do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Act {
    /// A version is released.
    pub release: Option<String>,
    /// The release is paused or goes on.
    pub go: Option<Go>,
    /// Lines that were promoted go on being judged, as in a wave's soak, or do not.
    pub soaking: Option<bool>,
    /// What a failure takes back, from the next release on.
    pub scope: Option<RollbackScope>,
    /// How releases are judged, from the next one on: fields that replace those of the analysis.
    pub analysis: Option<Value>,
    /// When the plant may be changed and when it produces; null: always.
    pub schedule: Option<Value>,
    /// The clock is set: seconds forward, or back if negative.
    pub clock: i64,
    /// The ERP is `up`, `down` or `picky` (it refuses every document).
    pub erp: Option<String>,
    /// Counters are `away`, or `back`.
    pub metrics: Option<String>,
    /// A line produces nothing.
    pub idle: Option<String>,
    /// A line produces again.
    pub busy: Option<String>,
    /// A line is added to the PlantSite.
    pub add_line: Option<AddLine>,
    /// A line is taken out of the PlantSite.
    pub remove_line: Option<String>,
    /// A parameter of a line is set.
    pub parameter: Option<Parameter>,
    /// The retry annotation is set.
    pub retry: Option<String>,
    /// Somebody edits an object.
    pub edit: Option<Edit>,
    /// Somebody deletes an object.
    pub delete: Option<Edit>,
    /// A version of `plant-base` runs.
    pub base: Option<String>,
    /// The plant is restored from a backup without status.
    pub lose_status: bool,
}

/// A line to add.
#[derive(Clone, Debug, Deserialize)]
pub struct AddLine {
    name: String,
    criticality: i32,
}

/// A parameter to set.
#[derive(Clone, Debug, Deserialize)]
pub struct Parameter {
    line: String,
    key: String,
    value: Value,
}

/// An object to edit: the first of that kind, line and stage.
#[derive(Clone, Debug, Deserialize)]
pub struct Edit {
    kind: String,
    line: String,
    stage: String,
    #[serde(default)]
    pointer: String,
    #[serde(default)]
    value: Value,
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
        world.versions = self.versions.clone();
        world.faults.crash_always = self.crash_always;
        for (index, step) in self.script.iter().enumerate() {
            if let Some(when) = &step.when {
                let begun = world.seconds();
                while !world.is(when) {
                    world.tick();
                    if world.seconds() - begun > PATIENCE {
                        return Err(format!(
                            "step {index} waits in vain for \"{when}\":\n{}\n{}",
                            world.state(),
                            world.story.join("\n")
                        ));
                    }
                }
            }
            for _ in 0..step.after {
                world.tick();
            }
            world.act(&step.act);
        }
        let begun = world.seconds();
        while world.seconds() - begun < self.then && !(world.seconds() > begun && world.settled()) {
            world.tick();
        }
        world.epilogue();
        Ok(world)
    }
}

impl World {
    /// Whether `settled`, or a line and its phase, is true.
    pub fn is(&self, what: &str) -> bool {
        match what.split_once(' ') {
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

    /// Something happens.
    pub fn act(&mut self, act: &Act) {
        self.act_on_rules(act);
        if let Some(version) = &act.release {
            self.tell("", &format!("--- {version} is released"));
            self.release(version);
        }
        if let Some(go) = act.go
            && let Some(target) = &mut self.integration.spec.target
        {
            target.go = go;
            let told = match go {
                Go::Wait => "--- the release is paused",
                Go::Proceed => "--- the release goes on",
                Go::Abort => "--- the release is aborted",
                Go::Undo => "--- the release is undone",
            };
            self.tell("", told);
            self.spec_changed();
        }
        if let Some(retry) = &act.retry {
            self.tell("", "--- somebody says: try again");
            self.integration
                .annotations
                .insert(label::RETRY.to_owned(), retry.clone());
            self.touch_integration();
        }
        if act.lose_status {
            self.tell(
                "",
                "--- the plant is restored from a backup, without status",
            );
            self.integration.status = andon_api::PlantIntegrationStatus {
                observed_generation: -1,
                ..Default::default()
            };
            self.touch_integration();
        }
        if let Some(version) = &act.base {
            self.tell("", &format!("--- plant-base {version} runs"));
            self.neighbours = vec![Neighbour {
                integration: "base".to_owned(),
                blueprint: "plant-base".to_owned(),
                last_good: BTreeMap::from([("site".to_owned(), version.clone())]),
            }];
        }
        self.act_on_lines(act);
        self.act_on_world(act);
        self.act_on_objects(act);
    }

    fn act_on_rules(&mut self, act: &Act) {
        if let Some(scope) = act.scope {
            self.scope = scope;
        }
        if let Some(Value::Object(fields)) = &act.analysis {
            let mut analysis = serde_json::to_value(&self.analysis).unwrap_or_default();
            for (name, value) in fields {
                analysis[name] = value.clone();
            }
            match serde_json::from_value::<Analysis>(analysis) {
                Ok(analysis) => self.analysis = analysis,
                Err(error) => self
                    .violations
                    .push(format!("the script's analysis: {error}")),
            }
        }
        if let Some(schedule) = &act.schedule {
            match serde_json::from_value::<Option<Schedule>>(schedule.clone()) {
                Ok(schedule) => {
                    self.tell("", "--- the plant has another schedule");
                    self.site.spec.schedule = schedule;
                }
                Err(error) => self
                    .violations
                    .push(format!("the script's schedule: {error}")),
            }
            self.site_changed();
        }
        if act.clock != 0 {
            self.tell("", &format!("--- the clock is set by {} s", act.clock));
            self.now += jiff::SignedDuration::from_secs(act.clock);
            self.site_changed();
        }
        if let Some(soaking) = act.soaking {
            self.soaking = soaking;
            let told = match soaking {
                true => "--- the wave is being soaked",
                false => "--- the wave's soak is over",
            };
            self.tell("", told);
            if let Some(target) = &mut self.integration.spec.target {
                target.soaking = soaking;
                self.spec_changed();
            }
        }
    }

    fn act_on_lines(&mut self, act: &Act) {
        if let Some(added) = &act.add_line {
            self.tell(
                "",
                &format!(
                    "--- the line {} is added, criticality {}",
                    added.name, added.criticality
                ),
            );
            self.site
                .spec
                .lines
                .push(line(&added.name, added.criticality));
            self.shop
                .insert(added.name.clone(), super::shop::ToyLine::default());
            self.site_changed();
        }
        if let Some(name) = &act.remove_line {
            self.tell(
                "",
                &format!("--- the line {name} is taken out of the PlantSite"),
            );
            self.site.spec.lines.retain(|line| line.name != *name);
            self.site_changed();
        }
        if let Some(set) = &act.parameter {
            self.tell(
                "",
                &format!("--- {} gets {}: {}", set.line, set.key, set.value),
            );
            let mut lines = self.site.spec.lines.iter_mut();
            if let Some(line) = lines.find(|line| line.name == set.line) {
                line.parameters.insert(set.key.clone(), set.value.clone());
            }
            self.site_changed();
        }
    }

    fn act_on_world(&mut self, act: &Act) {
        if let Some(erp) = &act.erp {
            self.tell("", &format!("--- the ERP is {erp}"));
            self.faults.erp_down = erp == "down";
            self.faults.erp_picky = erp == "picky";
        }
        if let Some(metrics) = &act.metrics {
            self.tell("", &format!("--- the counters are {metrics}"));
            self.faults.metrics_off = metrics == "away";
        }
        if let Some(name) = &act.idle {
            self.tell("", &format!("--- {name} produces nothing"));
            self.faults.idle.insert(name.clone());
        }
        if let Some(name) = &act.busy {
            self.tell("", &format!("--- {name} produces again"));
            self.faults.idle.remove(name);
        }
    }

    fn act_on_objects(&mut self, act: &Act) {
        if let Some(edit) = &act.edit
            && let Some(key) = self.find_object(edit)
        {
            self.tell(
                "",
                &format!(
                    "--- somebody edits {} {}: {}",
                    edit.kind, key.1, edit.pointer
                ),
            );
            if let Some(object) = self.objects.get_mut(&key) {
                let object = std::rc::Rc::make_mut(object);
                if let Some(place) = object.pointer_mut(&edit.pointer) {
                    *place = edit.value.clone();
                }
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = (generation + 1).into();
            }
            self.site_changed();
        }
        if let Some(edit) = &act.delete
            && let Some(key) = self.find_object(edit)
        {
            self.tell("", &format!("--- somebody deletes {} {}", edit.kind, key.1));
            let uid = self.objects[&key]["metadata"]["uid"]
                .as_str()
                .unwrap_or("")
                .to_owned();
            self.delete(&key.0, &key.1, &uid);
            self.site_changed();
        }
    }

    fn find_object(&self, edit: &Edit) -> Option<(String, String)> {
        let tag = |o: &Value, key: &str| {
            o["metadata"]["labels"][key]
                .as_str()
                .unwrap_or("")
                .to_owned()
        };
        let mut objects = self.objects.iter();
        let found = objects.find(|(key, o)| {
            key.0 == edit.kind
                && tag(o, label::LINE) == edit.line
                && tag(o, label::STAGE) == edit.stage
        });
        found.map(|(key, _)| key.clone())
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
