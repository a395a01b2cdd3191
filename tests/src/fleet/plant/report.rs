//! What a plant says of itself.

use super::{Runs, ToyLine, ToyPlant, ToyTrial, Turn};
use andon_api::condition::{self, ConditionType, Wanted};
use andon_api::reason::{ConditionReason, FailureReason, HoldReason};
use andon_api::{
    Failed, Go, LineHold, LinePhase, LineStatus, PlantIntegrationStatus, RenderingReference,
    Target, Trial, TrialFailure,
};
use andon_plan::ReleasePlant;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use std::sync::{Arc, LazyLock};

impl ToyPlant {
    /// What a release sees of it; the same as long as nothing changes.
    pub(in crate::fleet) fn seen(&mut self, name: &str) -> Arc<ReleasePlant> {
        let shown = self.shown.take().filter(|shown| {
            shown.namespace == name
                && shown.labels == self.labels
                && shown.offline == self.offline
                && shown.integration == self.integration
        });
        let shown = shown.unwrap_or_else(|| {
            Arc::new(ReleasePlant {
                namespace: name.to_owned(),
                labels: self.labels.clone(),
                offline: self.offline,
                integration: self.integration.clone(),
            })
        });
        self.shown = Some(Arc::clone(&shown));
        shown
    }

    /// Whether the API server has something new.
    pub(super) fn report(&mut self, turn: &Turn<'_>) -> bool {
        let Some(target) = self.taken.clone() else {
            return false;
        };
        let lines: Vec<LineStatus> = self
            .lines
            .iter()
            .enumerate()
            .map(|(number, line)| line.status(number, &target, self.stopped(&target)))
            .collect();
        let done = self.done(&target) && target.go != Go::Undo;
        let wanted = Wanted {
            kind: ConditionType::Ready,
            status: done,
            reason: match done {
                true => ConditionReason::AllLinesSteady,
                false => ConditionReason::Waiting,
            },
            message: String::new(),
        };
        let generation = self.generation;
        let Some(seen) = &mut self.integration else {
            return false;
        };
        let status = PlantIntegrationStatus {
            observed_generation: generation,
            target_digest: Some(target.digest.clone()),
            release_retried: self.honoured.clone(),
            conditions: condition::merge(&seen.status.conditions, &[wanted], generation, turn.now),
            lines,
            ..PlantIntegrationStatus::default()
        };
        let changed = seen.status != status;
        seen.status = status;
        changed
    }
}

fn reference(runs: &Runs) -> RenderingReference {
    RenderingReference {
        version: runs.0.clone(),
        digest: runs.1.clone(),
        revision: format!("revision-{}", runs.0),
        plant_part: None,
        requires: Vec::new(),
    }
}

impl ToyTrial {
    fn status(&self) -> Option<Trial> {
        /// What a trial says of itself beyond that: nothing.
        static BLANK: LazyLock<Option<Trial>> = LazyLock::new(|| {
            let at = "2026-11-21T08:00:00Z";
            let rendering = json!({"version": "", "digest": "", "revision": ""});
            let blank = json!({"rendering": rendering, "targetDigest": "", "started": at});
            serde_json::from_value(blank).ok()
        });
        let blank = BLANK.clone()?;
        let failure = self.fails.then(|| TrialFailure {
            reason: FailureReason::CheckFailed.to_string(),
            message: String::new(),
            at: blank.started.clone(),
        });
        Some(Trial {
            rendering: reference(&self.of),
            target_digest: self.of.1.clone(),
            failure,
            ..blank
        })
    }
}

impl ToyLine {
    fn status(&self, number: usize, target: &Target, stopped: bool) -> LineStatus {
        let waits = !self.has(target) && self.trial.is_none();
        let hold = match target.go {
            _ if !waits => None,
            _ if stopped => Some(HoldReason::PlantStopped),
            Go::Proceed => Some(HoldReason::EarlierLineNotDone),
            Go::Wait => Some(HoldReason::Paused),
            Go::Abort | Go::Undo => Some(HoldReason::GivenUp),
        };
        LineStatus {
            name: format!("line-{}", number + 1),
            phase: match &self.trial {
                Some(trial) if trial.fails => LinePhase::RollingBack,
                Some(_) => LinePhase::Baking,
                None if waits => LinePhase::Waiting,
                None => LinePhase::Steady,
            },
            running: self.runs.as_ref().map(reference),
            desired: None,
            last_good: self.runs.as_ref().map(reference),
            promoted: None,
            trial: self.trial.as_ref().and_then(ToyTrial::status),
            failed: self.failed.as_ref().map(|(runs, at)| Failed {
                rendering: reference(runs),
                target_digest: runs.1.clone(),
                reason: FailureReason::CheckFailed.to_string(),
                message: String::new(),
                at: Time(*at),
                restored: Some(Time(*at)),
            }),
            removing: None,
            hold: hold.map(|reason| LineHold {
                reason: reason.to_string(),
                message: String::new(),
            }),
        }
    }
}
