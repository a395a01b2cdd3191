//! A release and its fleet: toy plants that do what they are asked when the test says so.

use super::*;
use jiff::SignedDuration;
use serde_json::Value;

/// A release on its way; every look is carried out at once.
pub(super) struct Fleet {
    pub(super) seen: ObservedRelease,
    pub(super) events: Vec<String>,
}

impl Fleet {
    /// Plants named with their ring, released with these waves.
    pub(super) fn new(plants: &[(&str, &str)], waves: Value) -> Self {
        let mut seen = observed();
        seen.release.spec.waves = serde_json::from_value(waves).unwrap();
        seen.release
            .annotations
            .insert("andon.dev/author".into(), "ben".into());
        seen.plants = plants
            .iter()
            .map(|(name, ring)| ringed(name, ring).into())
            .collect();
        Self {
            seen,
            events: Vec::new(),
        }
    }

    pub(super) fn look(&mut self) {
        let _last = self.rest();
    }

    /// Looks until nothing changes any more; the last look.
    pub(super) fn rest(&mut self) -> ReleasePlan {
        for _ in 0..20 {
            let plan = plan_release(&self.seen);
            self.events
                .extend(plan.events.iter().map(|it| it.reason.to_string()));
            let quiet = plan.changes.is_empty() && !plan.write_status;
            self.seen = obeyed(self.seen.clone());
            if quiet {
                return plan;
            }
        }
        panic!("it never comes to rest: {:?}", self.seen.release.status);
    }

    pub(super) fn plant(&mut self, name: &str) -> &mut ReleasePlant {
        let mut plants = self.seen.plants.iter_mut();
        Arc::make_mut(plants.find(|it| it.namespace == name).unwrap())
    }

    pub(super) fn status(&mut self, name: &str) -> &mut PlantIntegrationStatus {
        &mut self.plant(name).integration.as_mut().unwrap().status
    }

    /// Every line of a plant runs what it is asked.
    pub(super) fn done(&mut self, name: &str) {
        let index = self
            .seen
            .plants
            .iter()
            .position(|it| it.namespace == name)
            .unwrap();
        done(&mut self.seen, index);
    }

    /// A line of a plant fails what it is asked.
    pub(super) fn failed(&mut self, name: &str) {
        let now = self.seen.now;
        let target = self.target(name).unwrap().digest;
        let mut line = line("packaging-1");
        line.failed = Some(andon_api::Failed {
            rendering: RenderingReference {
                version: "1.2.0".into(),
                digest: "sha256:bb".into(),
                revision: "r".into(),
                plant_part: None,
                requires: Vec::new(),
            },
            target_digest: target,
            reason: "CheckFailed".into(),
            message: String::new(),
            at: k8s_openapi_time(now),
            restored: None,
        });
        self.status(name).lines = vec![line];
    }

    pub(super) fn target(&self, name: &str) -> Option<Target> {
        let plant = self
            .seen
            .plants
            .iter()
            .find(|it| it.namespace == name)
            .unwrap();
        plant.integration.as_ref().unwrap().spec.target.clone()
    }

    /// The plants that are asked for the version of the release, and may go on.
    pub(super) fn going(&self) -> Vec<&str> {
        let version = &self.seen.release.spec.blueprint.version;
        let asked = self.seen.plants.iter().filter(|it| {
            let target = it
                .integration
                .as_ref()
                .and_then(|it| it.spec.target.as_ref());
            target.is_some_and(|it| it.blueprint.version == *version && it.go == Go::Proceed)
        });
        asked.map(|it| it.namespace.as_str()).collect()
    }

    pub(super) fn wave(&self, name: &str) -> andon_api::WaveStatus {
        let waves = &self.seen.release.status.waves;
        waves.iter().find(|it| it.name == name).unwrap().clone()
    }

    pub(super) fn hold(&self, name: &str) -> String {
        self.wave(name).hold.map(|it| it.reason).unwrap_or_default()
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.seen.now += SignedDuration::from_secs(seconds);
    }

    pub(super) fn annotate(&mut self, key: &str, value: &str) {
        self.seen
            .release
            .annotations
            .insert(key.into(), value.into());
    }

    pub(super) fn bump(&mut self, version: &str) {
        self.seen.release.spec.blueprint.version = version.into();
        let mut blueprint = blueprint();
        blueprint.version = version.into();
        blueprint.files.insert("VERSION".into(), version.into());
        self.seen.blueprint = Seen::Present(blueprint);
        self.seen.release.generation += 1;
    }
}

pub(super) fn ringed(name: &str, ring: &str) -> ReleasePlant {
    let mut plant = plant(name);
    plant.labels.insert("ring".into(), ring.into());
    plant
}

pub(super) fn two_waves() -> Value {
    json!([
        {"name": "pilot", "plants": {"matchLabels": {"ring": "pilot"}}, "soak": "1h"},
        {"name": "rest", "plants": {}, "maxConcurrentPlants": 2},
    ])
}

pub(super) const FIVE: [(&str, &str); 5] = [
    ("a", "rest"),
    ("b", "pilot"),
    ("c", "rest"),
    ("d", "rest"),
    ("e", "pilot"),
];
