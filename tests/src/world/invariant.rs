//! What must never be seen in the plant, whatever the plans say.

use super::World;
use andon_api::{PlantIntegrationStatus, label};
use andon_plan::calendar::Calendar;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl World {
    /// Looks at the plant itself.
    pub(super) fn check_world(&mut self) {
        let mut sessions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for toy in self
            .pods
            .iter()
            .filter(|toy| toy.pod.stage == "source" && toy.runs())
        {
            sessions
                .entry(&toy.pod.line)
                .or_default()
                .push(&toy.pod.instance);
        }
        let mut broken = Vec::new();
        for (line, mut instances) in sessions {
            instances.dedup();
            if instances.len() > 1 {
                broken.push(format!(
                    "W1: two instances hold the session of {line}: {instances:?}"
                ));
            }
        }
        for (name, line) in &self.shop {
            if line.produced != line.posted + line.refused + line.queue {
                broken.push(format!("W2: documents of {name} are lost: {line:?}"));
            }
        }
        broken.extend(self.left_behind());
        self.violations.extend(broken);
    }

    /// What must hold once a plant has come to rest: nothing stands by on a line that is not on trial.
    pub(super) fn check_rest(&mut self) {
        let mut broken = Vec::new();
        let resting = self.integration.status.lines.iter();
        for line in resting.filter(|line| line.trial.is_none() && line.last_good.is_some()) {
            let own = self.pods.iter().filter(|toy| toy.pod.line == line.name);
            let mut stages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for toy in own {
                let instances = stages.entry(&toy.pod.stage).or_default();
                instances.insert(&toy.pod.instance);
            }
            let twice = stages.iter().filter(|(_, instances)| instances.len() > 1);
            broken.extend(twice.map(|(stage, instances)| {
                format!(
                    "W12: {stage} of {} rests with two instances: {instances:?}",
                    line.name
                )
            }));
        }
        self.violations.extend(broken);
    }

    /// What is there of shadows.
    pub(super) fn shadows(&self) -> usize {
        let objects = self.objects.values();
        let objects = objects.filter(|it| it["metadata"]["labels"][label::STAGE] == label::SHADOW);
        let pods = self.pods.iter().filter(|it| it.pod.stage == label::SHADOW);
        objects.count() + pods.count()
    }

    /// A line that was taken out and is forgotten has left no document, unless a person said so.
    fn left_behind(&self) -> Vec<String> {
        let skip = self.integration.annotations.get(label::SKIP_DRAIN);
        let skipped = |name: &str| skip.is_some_and(|it| it.split(',').any(|it| it == name));
        let (lines, status) = (&self.site.spec.lines, &self.integration.status);
        // A status that was lost says nothing.
        if status.observed_generation < 1 {
            return Vec::new();
        }
        let gone = self.shop.iter().filter(|(name, line)| {
            line.queue > 0
                && (self.integration.deleting || lines.iter().all(|it| it.name != **name))
                && !self.faults.terminating
                && status.lines.iter().all(|it| it.name != **name)
                && !skipped(name)
        });
        gone.map(|(name, line)| {
            format!("W11: {name} is gone, and {} documents are left", line.queue)
        })
        .collect()
    }

    /// Whether the plant's calendar lets changes begin now.
    fn is_open(&self) -> bool {
        let spec = &self.site.spec;
        spec.schedule.as_ref().is_none_or(|schedule| {
            Calendar::read(schedule, &spec.time_zone).is_ok_and(|it| it.state(self.now).open)
        })
    }

    /// A status is written: a trial passes its gate only while the plant is open. What was read stale is known to be.
    pub(super) fn check_gate(&mut self, status: &PlantIntegrationStatus) {
        let checked = |status: &PlantIntegrationStatus| -> BTreeSet<(String, String)> {
            let trials = status.lines.iter().filter_map(|line| {
                let trial = line.trial.as_ref().filter(|trial| trial.checked)?;
                Some((line.name.clone(), trial.rendering.digest.clone()))
            });
            trials.collect()
        };
        let now = checked(status);
        let before = checked(&self.integration.status);
        let undone = |name: &str| {
            let mut lines = status.lines.iter();
            lines.any(|line| {
                let trial = line.trial.as_ref().filter(|_| line.name == name);
                trial.is_some_and(|trial| trial.failure.is_some() || trial.withdrawn.is_some())
            })
        };
        for (line, _) in now.difference(&before) {
            if !undone(line) {
                self.check_order(line);
            }
        }
        for (line, digest) in now.difference(&before) {
            // One that is taken back after it passed comes as a trial that has failed or was withdrawn.
            if self.faults.stale == 0 && !self.is_open() && !undone(line) {
                self.violations.push(format!(
                    "W7: {line} passes its gate while the plant is closed ({digest})"
                ));
            }
        }
        self.permits.retain(|permit| now.contains(permit));
        self.permits.extend(now);
    }

    /// The first pod of a line is about to change: it is not in the middle of an order, or has been waited for long enough.
    fn check_order(&mut self, name: &str) {
        let stale = self.faults.stale > 0 || self.faults.two_leaders;
        let order = self.shop.get(name).map_or(0, |line| line.order);
        let mut lines = self.integration.status.lines.iter();
        let Some(line) = lines.find(|line| line.name == name) else {
            return;
        };
        // Of a trial that another one takes the place of, something else may run.
        let good = line.last_good.as_ref().and_then(|kept| {
            let mut kept_here = self.revisions.iter();
            kept_here.find(|it| it.line == name && it.rendering.digest == kept.digest)
        });
        let stages = good.iter().flat_map(|it| &it.rendering.stages);
        let source = stages.clone().find(|stage| stage.name == "source");
        let runs = self.pods.iter().any(|toy| {
            toy.runs() && source.is_some_and(|stage| stage.instance == toy.pod.instance)
        });
        let good = good.filter(|_| runs);
        let veto = good.and_then(|it| it.rendering.veto.as_ref());
        let patience = veto.and_then(|it| andon_api::duration::parse(&it.patience).ok());
        let since = line.trial.as_ref().and_then(|it| it.busy_since.as_ref());
        let waited = since.map(|since| self.now.duration_since(since.0).as_secs());
        if let Some(patience) = patience
            && order > 0
            && !stale
            && waited.is_none_or(|waited| waited.unsigned_abs() < patience.as_secs())
        {
            self.violations.push(format!(
                "W15: {name} is disturbed in the middle of an order after {waited:?} of {patience:?}"
            ));
        }
    }

    /// An object is written: while the plant is closed, only what a line runs, or what passed its gate before.
    pub(super) fn check_window(&mut self, object: &Value) {
        let tag = |key: &str| object["metadata"]["labels"][key].as_str().unwrap_or("");
        let (line, stage) = (tag(label::LINE), tag(label::STAGE));
        let beside = [label::CHECK, label::SHADOW].contains(&stage);
        if beside || self.site.spec.schedule.is_none() || self.is_open() {
            return;
        }
        let status = self.integration.status.lines.iter();
        let kept = status.filter(|known| known.name == line);
        let kept: BTreeSet<&str> = kept
            .filter_map(|line| line.last_good.as_ref())
            .map(|kept| kept.digest.as_str())
            .collect();
        let may = |revision: &Arc<andon_plan::Revision>| {
            let digest = &revision.rendering.digest;
            let permit = (line.to_owned(), digest.clone());
            let of = revision.rendering.stages.iter().flat_map(|s| &s.objects);
            let mut of = of.chain(&revision.rendering.common);
            revision.line == line
                && (kept.contains(digest.as_str()) || self.permits.contains(&permit))
                && of.any(|o| o == object || twice(o) == *object)
        };
        if !self.revisions.iter().any(may) {
            let name = &object["metadata"]["name"];
            self.violations.push(format!(
                "W7: {name} of {line} is changed while the plant is closed"
            ));
        }
    }
}

/// An object with twice the replicas: for a moment, what stands by is there beside what was there before.
fn twice(object: &Value) -> Value {
    let mut twice = object.clone();
    if let Some(replicas) = twice.pointer_mut("/spec/replicas") {
        *replicas = Value::from(2 * replicas.as_u64().unwrap_or(0));
    }
    twice
}
