//! What must have become of a version in peace.

use super::super::act::Act;
use super::super::plant::ToyPlant;
use super::Run;
use andon_api::{ReleasePhase, WavePhase};
use std::collections::BTreeMap;

impl Run<'_> {
    pub(super) fn broken(&mut self, what: &str) {
        let status = serde_json::to_string(&self.fleet.status()).unwrap_or_default();
        self.fleet.violations.push(format!("R12: {what}: {status}"));
    }

    /// Every plant that a wave selects runs the version; or the release says which wave selects nobody.
    pub(super) fn demand_done(&mut self) {
        let status = self.fleet.status();
        let empty = status.waves.iter().any(|wave| {
            wave.hold
                .as_ref()
                .is_some_and(|hold| hold.reason == "WaveEmpty")
        });
        let nobody = status.plants.total == 0;
        if status.phase != Some(ReleasePhase::Complete) {
            if !empty && !nobody {
                self.broken("a good version in peace is not complete");
            }
            return;
        }
        let version = format!("1.{}.0", self.versions);
        let waves = self.fleet.releases.first().map(|it| it.spec.waves.clone());
        let all = waves.unwrap_or_default();
        let anybody = all.is_empty() || all.iter().any(|it| it.plants.match_labels.is_empty());
        let plants = self.fleet.plants.iter();
        let wrong: Vec<&String> = plants
            .filter(|(_, plant)| {
                let ring = plant.labels.get("ring");
                anybody
                    || all
                        .iter()
                        .any(|it| it.plants.match_labels.get("ring") == ring)
            })
            .filter(|(_, plant)| plant.runs().iter().any(|runs| *runs != version))
            .map(|(name, _)| name)
            .collect();
        if !wrong.is_empty() {
            let what = format!("complete, but {wrong:?} do not run {version}");
            self.broken(&what);
        }
    }

    /// Nobody runs the bad version, no more plants tried it than may fail and be under way, and somebody is told.
    pub(super) fn demand_stopped(&mut self) {
        let version = format!("1.{}.0", self.versions);
        let status = self.fleet.status();
        let runs = |plant: &ToyPlant| plant.runs().contains(&version.as_str());
        if self.fleet.plants.values().any(runs) {
            self.broken("a plant runs what fails everywhere");
        }
        let stalled = status.conditions.iter().any(|it| it.type_ == "Stalled");
        let known = matches!(
            status.phase,
            Some(ReleasePhase::RolledBack | ReleasePhase::Aborted)
        );
        if !stalled || !known {
            self.broken("a version that fails everywhere is not said to be stopped");
        }
    }

    /// What made the bad version fail is repaired, and somebody says: try again.
    pub(super) fn demand_retried(&mut self) {
        let version = format!("1.{}.0", self.versions);
        let retry = self.value();
        self.fleet.act(&Act {
            heal: Some(version),
            annotate: BTreeMap::from([("retry".to_owned(), retry)]),
            ..Act::default()
        });
        if self.rest("a retry") {
            let done = self
                .fleet
                .status()
                .waves
                .iter()
                .all(|it| it.phase == WavePhase::Done);
            if done && self.fleet.status().phase == Some(ReleasePhase::Complete) {
                self.demand_done();
            } else {
                self.broken("a retry of what is repaired is not complete");
            }
        }
    }
}
