//! The API server, as far as the operator writes to it: every write has its precondition.

use super::World;
use andon_api::{LineStatus, PlantIntegrationStatus};
use andon_plan::{Change, DryRun, Plan, Revision};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

impl World {
    /// Carries a plan out as the controller does. None: it died on the way. A plan made from an older state of the
    /// PlantIntegration is dropped whole before its first write.
    pub(super) fn carry_out(&mut self, seen: &str, plan: &Plan) -> Option<()> {
        if seen != self.integration.resource_version {
            self.dirty = true;
            return Some(());
        }
        self.tell_changes(plan);
        for change in &plan.changes {
            self.write(change)?;
            self.survive()?;
        }
        if plan.write_status {
            self.writes += 1;
            match self.sent(&plan.status) {
                Ok(status) => {
                    self.check_gate(&status);
                    self.integration.status = status;
                }
                Err(error) => self
                    .violations
                    .push(format!("the status cannot be read back: {error}")),
            }
            // As of a watch that looks at the spec and the annotations alone: nobody is woken by it.
            let dirty = self.dirty;
            self.touch_integration();
            self.dirty = dirty;
        }
        self.tell_plan(plan);
        if plan.write_status {
            self.survive()?;
        }
        Some(())
    }

    /// A status as it is after it went over the wire: through JSON, so that instants lose their fractions. A line that is as it was
    /// has been there before.
    fn sent(&self, status: &PlantIntegrationStatus) -> serde_json::Result<PlantIntegrationStatus> {
        let known = &self.integration.status.lines;
        let mut lines = Vec::new();
        for (index, line) in status.lines.iter().enumerate() {
            lines.push(match known.get(index).filter(|known| *known == line) {
                Some(known) => known.clone(),
                None => through_json(line)?,
            });
        }
        let rest = PlantIntegrationStatus {
            lines: Vec::new(),
            target_digest: status.target_digest.clone(),
            retried: status.retried.clone(),
            promote: status.promote.clone(),
            release_retried: status.release_retried.clone(),
            summary: status.summary.clone(),
            conditions: status.conditions.clone(),
            ..*status
        };
        Ok(PlantIntegrationStatus {
            lines,
            ..through_json(&rest)?
        })
    }

    /// The operator may die after any write.
    fn survive(&mut self) -> Option<()> {
        let chance = self.faults.crash;
        let dies = self.faults.crash_always || self.random.chance(chance);
        (!dies).then_some(())
    }

    /// None: the API server refuses it.
    fn write(&mut self, change: &Change) -> Option<()> {
        self.dirty = true;
        self.writes += 1;
        if self.faults.terminating && creates(change) {
            return None;
        }
        match change {
            Change::RemoveFinalizer => self.gone = true,
            Change::Apply { object, uid } => {
                self.check_window(object);
                self.apply(object, uid.as_deref());
            }
            Change::Delete {
                kind, name, uid, ..
            } => self.delete(kind, name, uid),
            Change::DeletePod { name, uid } => self.delete_pod(name, uid),
            Change::SaveRevision {
                name,
                line,
                number,
                rendering,
            } => {
                if self.revisions.iter().all(|revision| revision.name != *name) {
                    let uid = self.uid();
                    self.revisions.push(Arc::new(Revision {
                        name: name.clone(),
                        uid,
                        line: line.clone(),
                        number: *number,
                        last_good: false,
                        failed: None,
                        rendering: (**rendering).clone(),
                    }));
                }
            }
            Change::MarkRevision {
                name,
                uid,
                last_good,
                failed,
            } => {
                let found = self
                    .revisions
                    .iter_mut()
                    .find(|r| r.name == *name && r.uid == *uid);
                if let Some(revision) = found.map(Arc::make_mut) {
                    revision.last_good = *last_good;
                    revision.failed.clone_from(failed);
                }
            }
            Change::DeleteRevision { name, uid } => {
                self.revisions
                    .retain(|r| !(r.name == *name && r.uid == *uid));
            }
        }
        Some(())
    }

    fn delete_pod(&mut self, name: &str, uid: &str) {
        let mut pods = self.pods.iter();
        let found = pods.position(|toy| toy.pod.name == name && toy.pod.uid == uid);
        if let Some(index) = found {
            self.end_pod(index);
        }
    }

    /// Server-side apply: what is said is merged over what is there.
    fn apply(&mut self, object: &Value, uid: Option<&str>) {
        let key = key(object);
        let there = self
            .objects
            .get(&key)
            .map(|live| live["metadata"]["uid"].as_str().unwrap_or("").to_owned());
        if there.as_deref() != uid {
            return;
        }
        let mut live = match self.objects.remove(&key) {
            Some(live) => Arc::unwrap_or_clone(live),
            None => {
                let uid = self.uid();
                json!({"metadata": {"uid": uid, "generation": 0, "creationTimestamp": self.now.to_string()}})
            }
        };
        let before = live["spec"].clone();
        merge(&mut live, object);
        if live["kind"] == "Deployment" {
            live["spec"]["revisionHistoryLimit"] = json!(10);
        }
        if live["spec"] != before {
            live["metadata"]["generation"] =
                json!(live["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
        }
        self.objects.insert(key.into(), Arc::new(live));
    }

    /// Deletes in the foreground: workloads are seen until their pods are gone.
    pub(super) fn delete(&mut self, kind: &str, name: &str, uid: &str) {
        let key = (kind.to_owned(), name.to_owned());
        let Some(live) = self
            .objects
            .get_mut(&key)
            .filter(|o| o["metadata"]["uid"] == uid)
        else {
            return;
        };
        if matches!(kind, "Deployment" | "StatefulSet" | "Job") {
            if live["metadata"].get("deletionTimestamp").is_none() {
                Arc::make_mut(live)["metadata"]["deletionTimestamp"] = json!(self.now.to_string());
            }
        } else {
            self.objects.remove(&key);
        }
    }

    /// What the API server says of the objects of unchecked trials.
    pub(super) fn dry_runs(&self) -> BTreeMap<String, DryRun> {
        let lines = self.integration.status.lines.iter();
        lines
            .filter_map(|line| Some((line.name.clone(), self.dry_run(line)?)))
            .collect()
    }

    fn dry_run(&self, line: &LineStatus) -> Option<DryRun> {
        let trial = line.trial.as_ref().filter(|trial| !trial.checked)?;
        let digest = &trial.rendering.digest;
        let revision = self
            .revisions
            .iter()
            .find(|r| r.line == line.name && r.rendering.digest == *digest)?;
        let forbidden = revision
            .rendering
            .stages
            .iter()
            .flat_map(|s| &s.objects)
            .any(|o| says(o, "forbidden"));
        Some(match forbidden {
            true => {
                DryRun::Refused("pods with the image forbidden:1 are not allowed here".to_owned())
            }
            false => DryRun::Accepted,
        })
    }
}

fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> serde_json::Result<T> {
    serde_json::from_slice(&serde_json::to_vec(value)?)
}

fn creates(change: &Change) -> bool {
    matches!(
        change,
        Change::SaveRevision { .. } | Change::Apply { uid: None, .. }
    )
}

pub(super) fn key(object: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    (text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// Whether some text in it contains this one.
fn says(object: &Value, text: &str) -> bool {
    match object {
        Value::String(said) => said.contains(text),
        Value::Array(items) => items.iter().any(|item| says(item, text)),
        Value::Object(members) => members.values().any(|member| says(member, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What is applied wins, member by member; lists are replaced.
fn merge(live: &mut Value, applied: &Value) {
    match (live, applied) {
        (Value::Object(live), Value::Object(applied)) => {
            for (key, value) in applied {
                merge(live.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (live, applied) => *live = applied.clone(),
    }
}
