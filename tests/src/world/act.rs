//! What people and the world do to a plant.

mod limits;
mod lines;
mod objects;

use super::{World, approve::Approve};
use andon_api::{Analysis, Go, RollbackScope, Schedule, Standby, label};
use andon_plan::Neighbour;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

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
    /// How many lines a release lets be on trial at a time, from the next one on.
    pub lines_at_a_time: Option<i32>,
    /// How many lines the plant lets be on trial at a time, over all its integrations.
    pub plant_allows: Option<i32>,
    /// Who asks for releases from now on.
    pub author: Option<String>,
    /// Lines that are validated from now on; the others are not.
    pub validated: Option<Vec<String>>,
    /// Groups that must approve, one person each; an empty list: nobody is named.
    pub approvers: Option<Vec<String>>,
    /// Somebody approves what the status says that a line should run.
    pub approve: Option<Approve>,
    /// Somebody deletes the Approvals of a person.
    pub revoke: Option<String>,
    /// Equipment families, by line.
    pub families: BTreeMap<String, String>,
    /// What another integration of the plant has on trial, by line: whether its pods may change already.
    pub beside: Option<BTreeMap<String, bool>>,
    /// What a failure takes back, from the next release on.
    pub scope: Option<RollbackScope>,
    /// What stays beside a canary, from the next release on.
    pub standby: Option<Standby>,
    /// A line's broker restarts: whoever reads its queue connects again, the last one first.
    pub broker_restarts: Option<String>,
    /// How releases are judged, from the next one on: fields that replace those of the analysis.
    pub analysis: Option<Value>,
    /// When the plant may be changed and when it produces; null: always.
    pub schedule: Option<Value>,
    /// The clock is set: seconds forward, or back if negative.
    pub clock: i64,
    /// The ERP is `up`, `down` or `picky` (it refuses every document).
    pub erp: Option<String>,
    /// Counters are `away`, have `other names`, or are `back`.
    pub metrics: Option<String>,
    /// A line produces nothing.
    pub idle: Option<String>,
    /// A line produces again.
    pub busy: Option<String>,
    /// Lines that are in the middle of an order (above zero), or no longer are (0).
    pub order: BTreeMap<String, i64>,
    /// A line is added to the PlantSite.
    pub add_line: Option<AddLine>,
    /// A line is taken out of the PlantSite.
    pub remove_line: Option<String>,
    /// The whole integration is taken out of the PlantSite.
    pub remove_integration: bool,
    /// Somebody deletes the PlantIntegration by hand.
    pub delete_integration: bool,
    /// Somebody deletes the plant's namespace, with all that is in it.
    pub delete_namespace: bool,
    /// Lines that are removed although documents wait: `andon.dev/skip-drain`.
    pub skip_drain: Option<String>,
    /// A parameter of a line is set.
    pub parameter: Option<Parameter>,
    /// The retry annotation is set.
    pub retry: Option<String>,
    /// The promote annotation is set: `<line>@<who>: <why>`.
    pub promote: Option<String>,
    /// The release says retry.
    pub release_retry: Option<String>,
    /// Somebody edits an object.
    pub edit: Option<Edit>,
    /// Somebody deletes an object.
    pub delete: Option<Edit>,
    /// A version of `plant-base` runs.
    pub base: Option<String>,
    /// What happens to the integration that this one requires, where the plant has it.
    pub on_base: Option<Box<Act>>,
    /// The plant is restored from a backup without status.
    pub lose_status: bool,
    /// The cluster is made anew: of the plant, only what people and Git write is there.
    pub rebuild: bool,
    /// The images of new pods can not be pulled (`away`), or can again (`back`).
    pub registry: Option<String>,
    /// Somebody deletes what is kept of a version, on one line.
    pub forget: Option<Kept>,
    /// What was deleted of them comes back from a backup.
    pub restore: bool,
    /// The container of a line's stage dies.
    pub dies: Option<Place>,
    /// Thousandths of all documents that the ERP refuses, whoever sends them.
    pub refuses: Option<u64>,
    /// The operator looks so many times although nothing has changed.
    pub looks: usize,
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

/// A kept rendering.
#[derive(Clone, Debug, Deserialize)]
pub struct Kept {
    line: String,
    version: String,
}

/// A stage of a line.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    line: String,
    stage: String,
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

impl World {
    /// Something happens.
    pub fn act(&mut self, act: &Act) {
        self.act_on_rules(act);
        self.act_on_limits(act);
        self.act_on_validation(act);
        if let Some(version) = &act.release {
            self.tell("", &format!("--- {version} is released"));
            self.release(version);
        }
        self.act_on_levers(act);
        if let Some(version) = &act.base {
            self.tell("", &format!("--- plant-base {version} runs"));
            self.neighbours = vec![Neighbour {
                integration: "base".to_owned(),
                blueprint: "plant-base".to_owned(),
                last_good: BTreeMap::from([("site".to_owned(), version.clone())]),
                on_trial: BTreeMap::new(),
                needs: Vec::new(),
                leaving: BTreeMap::new(),
            }];
        }
        self.act_on_lines(act);
        self.act_on_world(act);
        self.act_on_disasters(act);
        self.act_on_objects(act);
        if act.looks > 0 {
            self.look_again(act.looks);
        }
        if let Some(act) = &act.on_base
            && let Some(mut base) = self.base.take()
        {
            base.act(act);
            self.story.append(&mut base.story);
            self.base = Some(base);
        }
    }

    /// Disasters, small and large.
    fn act_on_disasters(&mut self, act: &Act) {
        if act.lose_status {
            self.tell(
                "",
                "--- the plant is restored from a backup, without status",
            );
            self.lose_status();
        }
        if act.rebuild {
            self.tell(
                "",
                "--- the cluster is made anew; Git brings back what people write",
            );
            self.objects.clear();
            self.pods.clear();
            self.revisions.clear();
            self.lose_status();
        }
        if let Some(registry) = &act.registry {
            self.tell("", &format!("--- the registry is {registry}"));
            self.faults.registry_away = registry == "away";
        }
        if let Some(Kept { line, version }) = &act.forget {
            self.tell(
                line,
                &format!("--- somebody deletes the kept rendering of {version}"),
            );
            let (gone, kept) = std::mem::take(&mut self.revisions)
                .into_iter()
                .partition(|it| it.line == *line && it.rendering.version == *version);
            self.revisions = kept;
            self.bin = gone;
            self.site_changed();
        }
        if act.restore {
            self.tell("", "--- it is restored from a backup");
            self.revisions.append(&mut self.bin);
            self.site_changed();
        }
        if let Some(place) = &act.dies {
            self.tell(
                &place.line,
                &format!("--- the container of {} dies", place.stage),
            );
            self.kill_container(&place.line, &place.stage);
        }
        if let Some(line) = &act.broker_restarts {
            self.tell(
                line,
                "--- the broker restarts; the last one in the queue is the first to be back",
            );
            self.reconnect(line);
        }
    }

    fn lose_status(&mut self) {
        self.integration.status = andon_api::PlantIntegrationStatus {
            observed_generation: -1,
            ..Default::default()
        };
        self.touch_integration();
    }

    /// The operator looks although nothing has changed.
    fn look_again(&mut self, times: usize) {
        let before = self.writes;
        for _ in 0..times {
            self.look();
        }
        let writes = self.writes - before;
        self.tell(
            "",
            &format!("--- the operator looks {times} times more: {writes} writes"),
        );
    }

    fn act_on_levers(&mut self, act: &Act) {
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
        if let Some(promote) = &act.promote {
            self.tell("", &format!("--- {} is \"{promote}\"", label::PROMOTE));
            let annotations = &mut self.integration.annotations;
            annotations.insert(label::PROMOTE.to_owned(), promote.clone());
            self.touch_integration();
        }
        if let Some(retry) = &act.release_retry
            && let Some(target) = &mut self.integration.spec.target
        {
            target.retry = Some(retry.clone());
            self.tell("", "--- the release says: try again");
            self.spec_changed();
        }
    }

    fn act_on_rules(&mut self, act: &Act) {
        if let Some(scope) = act.scope {
            self.scope = scope;
        }
        if let Some(standby) = act.standby {
            self.standby = standby;
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
            self.set_clock(act.clock);
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

    /// The clock is set. What goes on meanwhile takes as long as before.
    pub(super) fn set_clock(&mut self, seconds: i64) {
        let step = jiff::SignedDuration::from_secs(seconds);
        self.now += step;
        self.wake = self.wake.map(|wake| wake + step);
        for toy in &mut self.pods {
            toy.since += step;
            toy.gone = toy.gone.map(|gone| gone + step);
        }
        self.site_changed();
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
            self.faults.metrics_renamed = metrics == "other names";
        }
        for (name, order) in &act.order {
            let told = match order {
                0 => "is no longer in the middle of an order",
                _ => "is in the middle of an order",
            };
            self.tell("", &format!("--- {name} {told}"));
            if let Some(line) = self.shop.get_mut(name) {
                line.order = *order;
            }
        }
        if let Some(share) = act.refuses {
            self.tell(
                "",
                &format!("--- the ERP refuses {share} of 1000 documents"),
            );
            self.faults.refused = share;
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
}
