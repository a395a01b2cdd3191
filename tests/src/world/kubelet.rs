//! Workload controllers and the kubelet.

use super::{Key, World};
use andon_api::label;
use andon_plan::Pod;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Seconds until a container starts.
const START: i64 = 2;
/// Seconds from its start until it is ready.
const READY: i64 = 2;
/// Seconds until a pod has left.
const END: i64 = 2;
/// Seconds for a pod that does not want to leave.
const SLOW_END: i64 = 30;
/// Seconds that a check runs.
const CHECK: i64 = 4;

/// A pod, with what the operator cannot see of it.
#[derive(Clone, Debug)]
pub struct ToyPod {
    /// What the operator sees.
    pub pod: Pod,
    /// Kind and name of its workload.
    pub owner: Rc<Key>,
    /// Which of the workloads that is in this second, by their order: asked for often.
    of: usize,
    /// The template it was made from.
    pub template: Value,
    /// Order in which pods were made.
    pub order: u64,
    /// When it was made, or when its container last died.
    pub since: Timestamp,
    /// When it is gone, once it is leaving.
    pub gone: Option<Timestamp>,
    /// Its place among those that are connected to its queue; none: it is not.
    pub connected: Option<u64>,
    /// Documents it posted since its container started.
    pub good: i64,
    /// Documents refused since its container started.
    pub bad: i64,
    /// Documents of these that took 100 s.
    pub slow: i64,
    /// The workload as it was when the template was last found to be its own: comparing templates is dear.
    same: Option<Arc<Value>>,
    /// Its container's image and environment: asked for every second.
    image: String,
    env: BTreeMap<String, String>,
}

impl ToyPod {
    /// A value of its environment.
    pub fn env(&self, name: &str) -> &str {
        self.env.get(name).map_or("", String::as_str)
    }

    /// Whether it was made from the template that its workload has now.
    fn is_of(&mut self, workload: &Arc<Value>) -> bool {
        if self
            .same
            .as_ref()
            .is_some_and(|it| Arc::ptr_eq(it, workload))
        {
            return true;
        }
        let is = self.template == workload["spec"]["template"];
        self.same = is.then(|| Arc::clone(workload));
        is
    }

    /// Whether it works or at least will not change by itself.
    pub fn is_quiet(&self) -> bool {
        self.gone.is_none()
            && (self.pod.ready || self.pod.stage == label::CHECK || self.pod.trouble.is_some())
    }

    /// Its container ends; the kubelet starts it anew.
    fn die(&mut self, now: Timestamp) {
        self.pod.restarts += 1;
        self.pod.started = None;
        self.pod.ready = false;
        self.connected = None;
        (self.good, self.bad, self.slow, self.since) = (0, 0, 0, now);
    }

    /// Whether its container runs.
    pub fn runs(&self) -> bool {
        self.pod.started.is_some()
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

impl World {
    /// One second of the workload controllers and the kubelet.
    pub(super) fn run_controllers(&mut self) {
        self.run_kubelet();
        let workloads = self
            .objects
            .iter()
            .filter(|(key, _)| matches!(key.0.as_str(), "Deployment" | "StatefulSet" | "Job"));
        let workloads: Vec<_> = workloads
            .map(|(key, o)| (Rc::clone(key), Arc::clone(o)))
            .collect();
        for toy in &mut self.pods {
            let of = workloads.binary_search_by(|(key, _)| key.cmp(&toy.owner));
            toy.of = of.unwrap_or(usize::MAX);
        }
        for (number, (key, object)) in workloads.into_iter().enumerate() {
            match key.0.as_str() {
                "Job" => self.run_job((number, &key), &object),
                _ => self.run_workload((number, &key), object),
            }
        }
    }

    fn run_kubelet(&mut self) {
        let now = self.now;
        let age = |since: Timestamp| now.duration_since(since).as_secs();
        let before = self.pods.len();
        self.pods
            .retain(|toy| toy.gone.is_none_or(|gone| gone > now));
        self.dirty |= self.pods.len() != before;
        for toy in &mut self.pods {
            if toy.gone.is_some() || toy.pod.stage == label::CHECK {
                continue;
            }
            if toy.image.ends_with("missing") {
                self.dirty |= toy.pod.trouble.is_none();
                toy.pod.trouble = Some(format!("ImagePullBackOff: {} does not exist", toy.image));
                continue;
            }
            if self.faults.registry_away && toy.pod.started.is_none() && toy.pod.restarts == 0 {
                self.dirty |= toy.pod.trouble.is_none();
                toy.pod.trouble = Some(format!("ImagePullBackOff: {}: no answer", toy.image));
                continue;
            }
            self.dirty |= toy.pod.trouble.take().is_some();
            let crashes = toy.env("CRASHES") == "yes" && toy.pod.ready && age(toy.since) > 8;
            if toy.runs() && (crashes || self.random.chance(self.faults.pod_death)) {
                self.dirty = true;
                toy.die(now);
                toy.pod.last_words = crashes.then(|| "OutOfMemoryError".to_owned());
            } else if !toy.runs() && age(toy.since) >= START {
                self.dirty = true;
                toy.pod.started = Some(now);
            } else if toy.runs() && !toy.pod.ready && age(toy.since) >= START + READY {
                self.dirty = true;
                toy.pod.ready = true;
                self.connections += 1;
                toy.connected = Some(self.connections);
            }
        }
    }

    /// The container of a line's stage dies, and is started anew.
    pub(super) fn kill_container(&mut self, line: &str, stage: &str) {
        let now = self.now;
        let mut pods = self.pods.iter_mut();
        let found = pods.find(|toy| {
            toy.pod.line == line && toy.pod.stage == stage && toy.runs() && toy.gone.is_none()
        });
        if let Some(toy) = found {
            toy.die(now);
            self.dirty = true;
        }
    }

    /// The broker restarts: whoever reads a line's queue connects again, the last one first.
    pub(super) fn reconnect(&mut self, line: &str) {
        let own = self.pods.iter_mut().rev();
        for toy in own.filter(|toy| toy.pod.line == line && toy.connected.is_some()) {
            self.connections += 1;
            toy.connected = Some(self.connections);
        }
    }

    /// Lets a pod leave.
    pub(super) fn end_pod(&mut self, index: usize) {
        let slow = self.random.chance(self.faults.slow_end);
        let toy = &mut self.pods[index];
        if toy.gone.is_none() {
            self.dirty = true;
            toy.pod.terminating = true;
            toy.gone =
                Some(self.now + SignedDuration::from_secs(if slow { SLOW_END } else { END }));
        }
    }

    fn run_workload(&mut self, (number, key): (usize, &Rc<Key>), object: Arc<Value>) {
        let own = |toy: &ToyPod| toy.of == number;
        let deleted = object["metadata"].get("deletionTimestamp").is_some();
        let template = &object["spec"]["template"];
        let replicas =
            usize::try_from(object["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap_or(1);
        let (mut kept, mut ready) = (0, 0);
        for index in 0..self.pods.len() {
            let toy = &mut self.pods[index];
            if own(toy) {
                if deleted || kept >= replicas || !toy.is_of(&object) {
                    self.end_pod(index);
                } else if toy.gone.is_none() {
                    kept += 1;
                    ready += usize::from(toy.pod.ready);
                }
            }
        }
        let leaving = self.pods.iter().any(|toy| own(toy) && toy.gone.is_some());
        if deleted {
            if !self.pods.iter().any(own) {
                self.objects.remove(key);
                self.dirty = true;
            }
            return;
        }
        // A StatefulSet's pod has a name of its own: the next one waits until it is free.
        let waits = key.0 == "StatefulSet" && leaving;
        if kept < replicas && !waits {
            self.start_pod((number, key), template);
        }
        let all = self
            .pods
            .iter()
            .filter(|toy| own(toy) && toy.gone.is_none());
        let all = all.count();
        let generation = &object["metadata"]["generation"];
        let known = &object["status"];
        if known["observedGeneration"] == *generation
            && known["replicas"] == all
            && known["readyReplicas"] == ready
        {
            return;
        }
        let status = json!({
            "observedGeneration": generation,
            "replicas": all, "updatedReplicas": all, "readyReplicas": ready,
        });
        drop(object);
        if let Some(live) = self.objects.get_mut(key) {
            Arc::make_mut(live)["status"] = status;
            self.dirty = true;
        }
    }

    fn start_pod(&mut self, (of, key): (usize, &Rc<Key>), template: &Value) {
        let labels = &template["metadata"]["labels"];
        let text = |key: &str| labels[key].as_str().unwrap_or("").to_owned();
        let container = &template["spec"]["containers"][0];
        let env = container["env"].as_array().into_iter().flatten();
        let env = env.map(|entry| (text_of(&entry["name"]), text_of(&entry["value"])));
        let uid = self.uid();
        let pod = Pod {
            name: format!("{}-{}", key.1, uid.trim_start_matches("uid-")),
            line: text(label::LINE),
            stage: text(label::STAGE),
            instance: text(label::INSTANCE),
            uid,
            ready: false,
            terminating: false,
            started: None,
            restarts: 0,
            trouble: None,
            last_words: None,
        };
        self.dirty = true;
        self.pods.push(ToyPod {
            pod,
            owner: Rc::clone(key),
            of,
            template: template.clone(),
            order: self.uids,
            since: self.now,
            gone: None,
            connected: None,
            good: 0,
            bad: 0,
            slow: 0,
            same: None,
            image: text_of(&container["image"]),
            env: env.collect(),
        });
    }

    fn run_job(&mut self, (number, key): (usize, &Rc<Key>), object: &Value) {
        if object["metadata"].get("deletionTimestamp").is_some() {
            self.pods.retain(|toy| toy.of != number);
            self.objects.remove(key);
            self.dirty = true;
            return;
        }
        if object["status"].get("conditions").is_some() {
            return;
        }
        if !self.pods.iter().any(|toy| toy.of == number) {
            self.start_pod((number, key), &object["spec"]["template"]);
            return;
        }
        let config = ("ConfigMap".to_owned(), format!("{}-config", key.1));
        let broken = self.objects.get(&config).is_none_or(|o| {
            o["data"]["routes"]
                .as_str()
                .is_some_and(|r| r.contains("broken"))
        });
        let Some(toy) = self.pods.iter_mut().find(|toy| toy.of == number) else {
            return;
        };
        if self.now.duration_since(toy.since).as_secs() < CHECK {
            return;
        }
        if broken {
            toy.pod.last_words =
                Some("post.yaml: route post: unknown component htp, did you mean http?".to_owned());
        }
        let kind = if broken { "Failed" } else { "Complete" };
        if let Some(live) = self.objects.get_mut(key) {
            Arc::make_mut(live)["status"] = json!({"conditions": [{"type": kind, "status": "True", "message": "the Job has ended"}]});
            self.dirty = true;
        }
    }
}
