//! A toy plant: takes a target after a while, moves line by line, passes or fails, goes back, and reports, as a plant does.

use super::ToyVersion;
use andon_api::condition::{self, ConditionType, Wanted};
use andon_api::reason::{ConditionReason, FailureReason, HoldReason};
use andon_api::{
    Failed, Go, LineHold, LinePhase, LineStatus, PlantIntegrationSpec, PlantIntegrationStatus,
    RenderingReference, RollbackScope, Target,
};
use andon_plan::{ReleasePlant, TargetSeen};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use std::collections::BTreeMap;

/// Minutes of a trial.
const TRIAL: i64 = 3;
/// Minutes after the pass when a version that fails late does.
const LATE: i64 = 20;

/// What a line runs: version and target digest.
type Runs = (String, String);

#[derive(Clone, Debug, Default)]
struct ToyLine {
    runs: Option<Runs>,
    /// What it ran before the target it passed last, and minutes since.
    promoted: Option<(Option<Runs>, i64)>,
    trial: Option<ToyTrial>,
    failed: Option<(Runs, Timestamp)>,
}

#[derive(Clone, Debug)]
struct ToyTrial {
    of: Runs,
    minutes: i64,
    fails: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ToyPlant {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) offline: bool,
    /// The `PlantIntegration` as the API server has it.
    pub(super) integration: Option<TargetSeen>,
    /// Minutes it takes to see a target.
    pub(super) delay: i64,
    waited: i64,
    taken: Option<Target>,
    generation: i64,
    honoured: Option<String>,
    lines: Vec<ToyLine>,
}

/// A minute of a plant.
pub(super) struct Turn<'a> {
    pub(super) name: &'a str,
    pub(super) now: Timestamp,
    pub(super) versions: &'a BTreeMap<String, ToyVersion>,
}

type Told = Vec<(String, String)>;

impl ToyPlant {
    pub(super) fn new(ring: &str, lines: usize, uid: String) -> Self {
        Self {
            labels: BTreeMap::from([("ring".to_owned(), ring.to_owned())]),
            offline: false,
            integration: Some(TargetSeen {
                name: super::INTEGRATION.to_owned(),
                uid,
                generation: 1,
                spec: PlantIntegrationSpec {
                    integration: super::INTEGRATION.to_owned(),
                    target: None,
                },
                status: PlantIntegrationStatus::default(),
            }),
            delay: 1,
            waited: 0,
            taken: None,
            generation: 1,
            honoured: None,
            lines: vec![ToyLine::default(); lines],
        }
    }

    pub(super) fn seen(&self, name: &str) -> ReleasePlant {
        ReleasePlant {
            namespace: name.to_owned(),
            labels: self.labels.clone(),
            offline: self.offline,
            integration: self.integration.clone(),
        }
    }

    /// The versions that its lines run.
    pub(super) fn runs(&self) -> Vec<&str> {
        let lines = self.lines.iter();
        lines
            .map(|line| line.runs.as_ref().map_or("nothing", |(version, _)| version))
            .collect()
    }

    pub(super) fn on_trial(&self) -> bool {
        self.lines.iter().any(|line| line.trial.is_some())
    }

    /// Whether it will do nothing by itself.
    pub(super) fn idle(&self) -> bool {
        let behind = |it: &TargetSeen| it.generation != self.generation && !self.offline;
        if self.integration.as_ref().is_some_and(behind) || self.on_trial() {
            return false;
        }
        match &self.taken {
            None => true,
            Some(target) => match target.go {
                Go::Proceed => self.stopped(target) || self.done(target),
                Go::Wait | Go::Abort => true,
                Go::Undo => self.lines.iter().all(|line| !line.undoable(target)),
            },
        }
    }

    fn done(&self, target: &Target) -> bool {
        self.lines
            .iter()
            .all(|line| line.has(target) && line.trial.is_none())
    }

    fn stopped(&self, target: &Target) -> bool {
        self.lines.iter().any(|line| line.failed_for(target))
    }

    /// A minute passes; whether the API server has something new.
    pub(super) fn step(&mut self, turn: &Turn<'_>, told: &mut Told) -> bool {
        if !self.offline {
            self.take(turn, told);
        }
        if let Some(target) = self.taken.clone() {
            self.trials(turn, &target, told);
            match target.go {
                Go::Proceed => self.start(turn, &target, told),
                Go::Wait => {}
                Go::Abort => self.withdraw(turn, told),
                Go::Undo => self.undo(turn, &target, told),
            }
            self.late(turn, &target, told);
        }
        !self.offline && self.report(turn)
    }

    fn take(&mut self, turn: &Turn<'_>, told: &mut Told) {
        let Some(seen) = self.integration.as_ref() else {
            return;
        };
        if seen.generation == self.generation {
            self.waited = 0;
            return;
        }
        self.waited += 1;
        if self.waited <= self.delay {
            return;
        }
        self.waited = 0;
        self.generation = seen.generation;
        self.taken.clone_from(&seen.spec.target);
        let Some(target) = self.taken.clone() else {
            return;
        };
        if target.retry.is_some() && target.retry != self.honoured {
            self.honoured.clone_from(&target.retry);
            self.lines.iter_mut().for_each(|line| line.failed = None);
        }
        for line in &mut self.lines {
            if line
                .trial
                .as_ref()
                .is_some_and(|it| it.of.1 != target.digest && !it.fails)
            {
                line.trial = None;
                told.push((
                    turn.name.to_owned(),
                    "drops the trial of the earlier target".to_owned(),
                ));
            }
        }
    }

    fn trials(&mut self, turn: &Turn<'_>, target: &Target, told: &mut Told) {
        let mut failed = false;
        for (number, line) in self.lines.iter_mut().enumerate() {
            let Some(trial) = &mut line.trial else {
                continue;
            };
            trial.minutes += 1;
            let version = &trial.of.0;
            let number = number + 1;
            if trial.fails {
                // It was going back; now it is back.
                line.failed = Some((trial.of.clone(), turn.now));
                failed |= trial.of.1 == target.digest;
                told.push((turn.name.to_owned(), format!("line {number} is back")));
                line.trial = None;
            } else if trial.minutes >= TRIAL {
                let bad = turn.versions.get(version).map(|it| it.fails.clone());
                if names(&bad.unwrap_or_default(), turn.name) {
                    told.push((
                        turn.name.to_owned(),
                        format!("line {number} fails {version}"),
                    ));
                    trial.fails = true;
                } else {
                    told.push((
                        turn.name.to_owned(),
                        format!("line {number} passes {version}"),
                    ));
                    line.promoted = Some((line.runs.clone(), 0));
                    line.runs = Some(trial.of.clone());
                    line.trial = None;
                }
            }
        }
        if failed && target.rollback.scope != RollbackScope::Line {
            self.take_back(turn, target, told);
        }
    }

    /// The first line that does not run the target starts, if no other is on trial and none has failed it.
    fn start(&mut self, turn: &Turn<'_>, target: &Target, told: &mut Told) {
        if self.on_trial() || self.stopped(target) {
            return;
        }
        let mut lines = self.lines.iter_mut().enumerate();
        if let Some((number, line)) = lines.find(|(_, line)| !line.has(target)) {
            let version = target.blueprint.version.clone();
            told.push((
                turn.name.to_owned(),
                format!("line {} tries {version}", number + 1),
            ));
            line.trial = Some(ToyTrial {
                of: (version, target.digest.clone()),
                minutes: 0,
                fails: false,
            });
        }
    }

    fn withdraw(&mut self, turn: &Turn<'_>, told: &mut Told) {
        for line in &mut self.lines {
            if line.trial.take_if(|it| !it.fails).is_some() {
                told.push((turn.name.to_owned(), "takes the trial back".to_owned()));
            }
        }
    }

    /// A line a minute, the most critical first.
    fn undo(&mut self, turn: &Turn<'_>, target: &Target, told: &mut Told) {
        self.withdraw(turn, told);
        let mut lines = self.lines.iter_mut().enumerate().rev();
        if let Some((number, line)) = lines.find(|(_, line)| line.undoable(target)) {
            line.go_back();
            told.push((
                turn.name.to_owned(),
                format!("line {} is undone", number + 1),
            ));
        }
    }

    fn take_back(&mut self, turn: &Turn<'_>, target: &Target, told: &mut Told) {
        for (number, line) in self.lines.iter_mut().enumerate().rev() {
            if line.undoable(target) {
                line.go_back();
                told.push((
                    turn.name.to_owned(),
                    format!("line {} is taken back too", number + 1),
                ));
            }
        }
    }

    /// A promoted line that does harm later, while it is still judged.
    fn late(&mut self, turn: &Turn<'_>, target: &Target, told: &mut Told) {
        let version = &target.blueprint.version;
        let bad = turn.versions.get(version).map(|it| it.fails_late.clone());
        let judged = target.soaking && names(&bad.unwrap_or_default(), turn.name);
        let mut failed = false;
        for (number, line) in self.lines.iter_mut().enumerate() {
            let due = judged && line.undoable(target);
            let Some((_, minutes)) = &mut line.promoted else {
                continue;
            };
            *minutes += 1;
            if due && *minutes >= LATE && !failed {
                failed = true;
                told.push((
                    turn.name.to_owned(),
                    format!("line {} fails {version} late", number + 1),
                ));
                line.failed = line.runs.clone().map(|runs| (runs, turn.now));
                line.go_back();
            }
        }
        if failed && target.rollback.scope != RollbackScope::Line {
            self.take_back(turn, target, told);
        }
    }

    fn report(&mut self, turn: &Turn<'_>) -> bool {
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
            target_digest: Some(target.digest),
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

fn names(plants: &[String], name: &str) -> bool {
    plants.iter().any(|it| it == "*" || it == name)
}

fn reference(runs: &Runs) -> RenderingReference {
    RenderingReference {
        version: runs.0.clone(),
        digest: runs.1.clone(),
        revision: format!("revision-{}", runs.0),
        plant_part: None,
    }
}

impl ToyLine {
    fn has(&self, target: &Target) -> bool {
        self.runs
            .as_ref()
            .is_some_and(|(_, digest)| *digest == target.digest)
    }

    fn failed_for(&self, target: &Target) -> bool {
        self.failed
            .as_ref()
            .is_some_and(|((_, digest), _)| *digest == target.digest)
    }

    /// Whether it was promoted to the target and can be taken back.
    fn undoable(&self, target: &Target) -> bool {
        let previous = self.promoted.as_ref().map(|(previous, _)| previous);
        self.has(target) && previous.is_some_and(Option::is_some)
    }

    fn go_back(&mut self) {
        if let Some((previous, _)) = self.promoted.take() {
            self.runs = previous;
        }
    }

    fn status(&self, number: usize, target: &Target, stopped: bool) -> LineStatus {
        let trial = self.trial.as_ref().map(|trial| {
            let at = "2026-11-21T08:00:00Z";
            let mut value = json!({"rendering": reference(&trial.of), "targetDigest": trial.of.1, "started": at});
            if trial.fails {
                value["failure"] = json!({"reason": FailureReason::CheckFailed.as_str(), "message": "", "at": at});
            }
            value
        });
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
            trial: trial.and_then(|trial| serde_json::from_value(trial).ok()),
            failed: self.failed.as_ref().map(|(runs, at)| Failed {
                rendering: reference(runs),
                target_digest: runs.1.clone(),
                reason: FailureReason::CheckFailed.to_string(),
                message: String::new(),
                at: Time(*at),
                restored: Some(Time(*at)),
            }),
            hold: hold.map(|reason| LineHold {
                reason: reason.to_string(),
                message: String::new(),
            }),
        }
    }
}
