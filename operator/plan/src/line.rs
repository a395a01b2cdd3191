//! The state machine of one line: every situation named, one function for each.
//!
//! ```text
//!             +------------- withdrawn (the spec asks for the last good again) -----------+
//!             |                                                                            v
//! Steady --start--> Checking --checked--> Replacing --in place--> Baking --pass--> Steady (new last good)
//!                      |                      |                     |
//!                      +-------- failure -----+---------------------+--> RollingBack --restored--> Steady (old)
//!                                                                            '-- nothing to restore --> Stopped
//! ```
//!
//! A decision is only written in the status; what follows from it is done in the next look, when it has been read back.

use crate::event;
use crate::health::{self, JobState};
use crate::hold::Hold;
use crate::input::{Input, Rules};
use crate::object::{self, Scene};
use crate::observed::{DryRun, Revision};
use crate::plan::{Change, Event};
use crate::progress::elapsed;
use crate::stage;
use crate::start;
use crate::{canary, count, drift, memory, undo};
use andon_api::reason::FailureReason;
use andon_api::{Failed, LineStatus, RenderingReference, Trial, TrialFailure, duration};
use andon_render::{RenderedCheck, Rendering};

/// One line in one look: what is remembered of it, and what is decided.
pub(crate) struct Turn<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) line: LineStatus,
    pub(crate) changes: Vec<Change>,
    pub(crate) events: Vec<Event>,
    pub(crate) hold: Option<Hold>,
    /// Whether everything is there as it should be, and works.
    pub(crate) in_place: bool,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(input: &'a Input<'a>, line: LineStatus) -> Self {
        Self {
            input,
            line,
            changes: Vec::new(),
            events: Vec::new(),
            hold: None,
            in_place: false,
        }
    }

    /// Does what the line's situation asks for. `lines` is what is remembered of every line.
    pub(crate) fn take(mut self, lines: &[LineStatus]) -> Self {
        match self.line.trial.clone() {
            Some(trial) if trial.failure.is_some() || trial.withdrawn.is_some() => {
                self.go_back(trial);
            }
            Some(trial) if self.input.desired(&self.line.name).is_none() => {
                self.withdraw(trial, "the line was taken out of the plant");
            }
            Some(trial) if let Some(why) = undo::given_up(self.input, &trial, lines) => {
                self.withdraw(trial, &why);
            }
            Some(trial) if self.is_superseded(&trial) && self.supersede(&trial, lines) => {}
            Some(trial) if !trial.checked => self.check(trial),
            Some(trial) => canary::watch(&mut self, trial),
            None if self.line.last_good.is_some() => self.keep(lines),
            None => {}
        }
        self
    }

    pub(crate) fn scene<'b>(&'b self) -> Scene<'b> {
        self.input.scene(&self.line.name)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Sets a trial's failure. Nothing else is done until that has been written.
    pub(crate) fn fail(&mut self, mut trial: Trial, reason: FailureReason, message: String) {
        self.tell(event::failed(
            self.input, &self.line, &trial, reason, &message,
        ));
        trial.failure = Some(TrialFailure {
            reason: reason.as_str().to_owned(),
            message,
            at: self.input.stamp(),
        });
        trial.unready = None;
        self.changes.clear();
        self.hold = None;
        self.line.trial = Some(trial);
    }

    /// Carries out a step towards a rendering.
    pub(crate) fn follow(&mut self, outcome: stage::Outcome) {
        self.changes.extend(outcome.changes);
        self.in_place = outcome.waits.is_none();
        self.hold = outcome.waits;
    }

    /// Tells about objects that somebody changed.
    pub(crate) fn tell_drift(&mut self, outcome: &stage::Outcome) {
        for related in &outcome.differed {
            self.events
                .push(event::drift(&self.line.name, related.clone()));
        }
    }

    // --- Checking -------------------------------------------------------------------------------------------------

    /// Nothing of the line is touched: the API server is asked, and the check Job runs beside it.
    fn check(&mut self, mut trial: Trial) {
        let Some(revision) = self.kept(&trial.rendering) else {
            self.line.trial = Some(trial);
            return;
        };
        let rendering = &revision.rendering;
        crate::progress::watch_baseline(self.input, &self.line.name, rendering, &mut trial);
        match &self.input.observed.dry_run {
            Some(DryRun::Accepted) => {}
            Some(DryRun::Refused(why)) => {
                return self.fail(
                    trial,
                    FailureReason::Refused,
                    format!("the API server refuses it: {why}"),
                );
            }
            Some(DryRun::NoAnswer(why)) => {
                self.hold = Some(Hold::DryRunUnanswered { why: why.clone() })
            }
            None => {
                self.hold = Some(Hold::DryRunUnanswered {
                    why: "not asked yet".to_owned(),
                })
            }
        }
        // What was decided before the plant closed is not begun after that.
        self.hold = self
            .hold
            .take()
            .or_else(|| start::window(self.input, start::Step::Replace));
        if self.hold.is_none() {
            match &rendering.check {
                None => self.checked(&mut trial, None),
                Some(check) => {
                    if let Err(message) = self.run_check(&mut trial, check) {
                        return self.fail(trial, FailureReason::RoutesInvalid, message);
                    }
                }
            }
        }
        self.line.trial = Some(trial);
    }

    /// One step of the check Job; an error is what it found.
    fn run_check(&mut self, trial: &mut Trial, check: &RenderedCheck) -> Result<(), String> {
        let input = self.input;
        let mut running = |trouble| {
            self.hold = Some(Hold::CheckRunning {
                job: check.name.clone(),
                trouble,
            });
        };
        match health::of_check(input.scene(""), check) {
            JobState::Complete => self.checked(trial, Some(check)),
            JobState::Failed { job, said } => {
                // One that failed for an earlier trial is run again: a person asked for it.
                let before = health::created(job).is_some_and(|at| at < trial.started.0);
                if !before {
                    return Err(said);
                }
                running(None);
                if !object::terminating(job) {
                    self.changes.push(object::delete(job));
                }
            }
            JobState::Missing => {
                running(None);
                self.apply_check(check);
            }
            JobState::Running(trouble) => {
                let waited = elapsed(trial.started.0, self.input.now());
                let deadline = self.input.rules.as_ref().map(|rules| rules.ready_deadline);
                if let (Some(why), Ok(deadline)) = (&trouble, deadline)
                    && waited >= deadline
                {
                    let waited =
                        duration::display(std::time::Duration::from_secs(waited.as_secs()));
                    return Err(format!(
                        "Job {} has not finished for {waited}: {why}",
                        check.name
                    ));
                }
                running(trouble);
            }
        }
        Ok(())
    }

    /// Applies what the check needs and is not there.
    fn apply_check(&mut self, check: &RenderedCheck) {
        let scene = self.input.scene("");
        for wanted in &check.objects {
            let live = scene.find(wanted);
            // A Job cannot be changed once it runs.
            let as_it_should = live
                .is_some_and(|live| object::kind(wanted) == "Job" || drift::holds(wanted, live));
            if !as_it_should {
                self.changes.push(Change::Apply {
                    object: wanted.clone(),
                    uid: live.map(|live| object::uid(live).to_owned()),
                });
            }
        }
    }

    /// Pods may change from now on. What the lines have counted until now is what the canary is compared with.
    fn checked(&mut self, trial: &mut Trial, check: Option<&RenderedCheck>) {
        let compared = self.input.rules.as_ref().is_ok_and(Rules::needs_baseline);
        match count::baseline(self.scene()) {
            Ok(counts) if compared => trial.baseline_counts = counts,
            Err(why) if compared => {
                self.hold = Some(Hold::NoData { why });
                return;
            }
            Ok(_) | Err(_) => {}
        }
        trial.controls = count::snapshot(self.input, &self.line.name);
        trial.checked = true;
        trial.replacing_since = Some(self.input.stamp());
        trial.restarts_before = self
            .scene()
            .pods()
            .filter(|pod| pod.restarts > 0)
            .map(|pod| (pod.uid.clone(), pod.restarts))
            .collect();
        if let Some(check) = check {
            self.tell(event::checked(
                &self.line.name,
                &trial.rendering.version,
                check,
            ));
        }
    }

    // --- RollingBack ----------------------------------------------------------------------------------------------

    /// The last good is put back, or, where there is none, what was begun is stopped.
    fn go_back(&mut self, trial: Trial) {
        let kept = self.line.last_good.clone();
        let outcome = match &kept {
            Some(kept) => {
                let Some(revision) = self.kept(kept) else {
                    return;
                };
                let strategies = self.input.strategies(&self.line.name);
                // Only what does harm leaves before something else works: nobody blames what is merely not wanted any more.
                let purpose = match trial.failure {
                    Some(_) => stage::Purpose::GoBack,
                    None => stage::Purpose::Try,
                };
                stage::bring_about(self.scene(), &revision.rendering, &strategies, purpose)
            }
            None => {
                let begun = self.input.revision(&self.line.name, &trial.rendering);
                stage::stop(self.scene(), begun.map(|revision| &revision.rendering))
            }
        };
        self.follow(outcome);
        if !self.in_place {
            return;
        }
        match trial.failure.clone() {
            Some(failure) => self.gone_back(&trial, failure),
            None => self.line.trial = None,
        }
    }

    /// Nothing of a failed trial is left: it is remembered.
    fn gone_back(&mut self, trial: &Trial, failure: TrialFailure) {
        self.tell(event::gone_back(self.input, &self.line, trial, &failure));
        if let Some(revision) = self.input.revision(&self.line.name, &trial.rendering) {
            let failed = Some(trial.target_digest.clone());
            self.changes.extend(memory::mark(revision, false, failed));
        }
        self.line.failed = Some(Failed {
            rendering: trial.rendering.clone(),
            target_digest: trial.target_digest.clone(),
            reason: failure.reason,
            message: failure.message,
            at: failure.at,
            restored: self.line.last_good.as_ref().map(|_| self.input.stamp()),
        });
        self.line.trial = None;
    }

    // --- Steady ---------------------------------------------------------------------------------------------------

    /// The line runs its last good; only what somebody changed is put back.
    fn keep(&mut self, lines: &[LineStatus]) {
        let Some(kept) = self.line.last_good.clone() else {
            return;
        };
        let desired = self.input.desired(&self.line.name);
        if desired.is_none() {
            // Removed from the plant: what runs is kept as it is.
            return;
        }
        let Some(revision) = self.kept(&kept) else {
            return;
        };
        if let Some(Ok(desired)) = desired
            && desired.digest == kept.digest
            && desired.version != kept.version
        {
            self.line.last_good = Some(RenderingReference {
                version: desired.version.clone(),
                ..kept
            });
        }
        let strategies = self.input.strategies(&self.line.name);
        let outcome = stage::bring_about(
            self.scene(),
            &revision.rendering,
            &strategies,
            stage::Purpose::Keep,
        );
        self.tell_drift(&outcome);
        self.follow(outcome);
        undo::soak(self, &revision.rendering, lines);
    }

    // --- Superseded -----------------------------------------------------------------------------------------------

    /// A line on trial goes back without blame: it was taken out of the plant, where nobody would be left to correct it, or
    /// the release was given up.
    fn withdraw(&mut self, trial: Trial, why: &str) {
        self.tell(event::withdrawn(&self.line.name, &trial, why));
        self.line.trial = Some(Trial {
            withdrawn: Some(self.input.stamp()),
            unready: None,
            ..trial
        });
    }

    /// Whether the line should run something else than what is on trial, or the same for another target.
    fn is_superseded(&self, trial: &Trial) -> bool {
        match (self.input.target(), self.input.desired(&self.line.name)) {
            (Some(target), Some(Ok(desired))) => {
                desired.digest != trial.rendering.digest || target.digest != trial.target_digest
            }
            _ => false,
        }
    }

    /// Another trial takes the place of this one, or the line goes back without blame. False: the trial goes on.
    fn supersede(&mut self, trial: &Trial, lines: &[LineStatus]) -> bool {
        let Some(Ok(desired)) = self.input.desired(&self.line.name) else {
            return false;
        };
        let back_to_good = self
            .line
            .last_good
            .as_ref()
            .is_some_and(|kept| kept.digest == desired.digest);
        let obstacle = match back_to_good {
            true => None,
            false => start::obstacle(self.input, &self.line, desired, lines),
        };
        let withdraw = back_to_good
            || matches!(
                obstacle,
                Some(
                    Hold::FailedBefore { .. }
                        | Hold::InstallFailed { .. }
                        | Hold::PlantStopped { .. }
                        | Hold::EarlierLineNotDone { .. }
                )
            );
        if !withdraw && obstacle.is_some() {
            return false;
        }
        self.tell(event::superseded(
            &self.line.name,
            trial,
            &desired.version,
            withdraw,
        ));
        if withdraw {
            let withdrawn = Some(self.input.stamp());
            self.line.trial = Some(Trial {
                withdrawn,
                unready: None,
                ..trial.clone()
            });
        } else {
            start::begin(self);
        }
        true
    }

    // --- kept renderings ------------------------------------------------------------------------------------------

    /// The kept rendering that a status names. Where it has gone but is still what the line should run, it is kept again;
    /// where it is not, the line holds.
    pub(crate) fn kept(&mut self, kept: &RenderingReference) -> Option<&'a Revision> {
        let found = self.input.revision(&self.line.name, kept);
        if found.is_some() {
            return found;
        }
        self.hold = Some(Hold::LastGoodMissing {
            revision: kept.revision.clone(),
        });
        if let Some(Ok(desired)) = self.input.desired(&self.line.name)
            && desired.digest == kept.digest
        {
            self.save(&kept.revision, desired);
        }
        None
    }

    /// Keeps a rendering in the plant.
    pub(crate) fn save(&mut self, name: &str, rendering: &Rendering) {
        let numbers = self
            .input
            .revisions(&self.line.name)
            .map(|revision| revision.number);
        self.changes.push(Change::SaveRevision {
            name: name.to_owned(),
            line: self.line.name.clone(),
            number: numbers.max().unwrap_or(0) + 1,
            rendering: Box::new(rendering.clone()),
        });
    }
}
