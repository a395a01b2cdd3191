//! The state machine of one line: every situation named, one function for each.
//!
//! ```text
//!             +------------- withdrawn (the spec asks for the last good again) -----------+
//!             |                                                                            v
//! Steady --start--> Checking --checked--> Replacing --in place--> Baking --pass--> Steady (new last good)
//!                      |  '--> Shadowing -->'  |                     |
//!                      +-------- failure -----+---------------------+--> RollingBack --restored--> Steady (old)
//!                                                                            '-- nothing to restore --> Stopped
//! ```
//!
//! A decision is only written in the status; what follows from it is done in the next look, when it has been read back.

use crate::event;
use crate::hold::Hold;
use crate::input::Input;
use crate::object::Scene;
use crate::observed::Revision;
use crate::plan::{Change, Event};
use crate::stage;
use crate::start;
use crate::{canary, memory, removal, require, shadow, undo};
use andon_api::reason::FailureReason;
use andon_api::{Failed, LineStatus, RenderingReference, Trial, TrialFailure};
use andon_render::Rendering;

/// One line in one look: what is remembered of it, and what is decided.
pub(crate) struct Turn<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) line: LineStatus,
    pub(crate) changes: Vec<Change>,
    pub(crate) events: Vec<Event>,
    pub(crate) hold: Option<Hold>,
    /// Whether everything is there as it should be, and works.
    pub(crate) in_place: bool,
    /// Whether nothing of the line is left, so that it is forgotten.
    pub(crate) gone: bool,
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
            gone: false,
        }
    }

    /// Does what the line's situation asks for. `lines` is what is remembered of every line.
    pub(crate) fn take(mut self, lines: &[LineStatus]) -> Self {
        match self.line.trial.clone() {
            Some(_) if removal::swept_away(&self) => removal::begin(&mut self),
            Some(trial) if trial.failure.is_some() || trial.withdrawn.is_some() => {
                self.go_back(trial);
            }
            Some(trial) if self.input.desired(&self.line.name).is_none() => {
                self.withdraw(trial, "the line was taken out of the plant");
            }
            Some(trial) if let Some(why) = undo::given_up(self.input, &trial, lines) => {
                self.withdraw(trial, &why);
            }
            Some(trial) if let Some(why) = require::broken(self.input, &trial.rendering) => {
                self.withdraw(trial, &why);
            }
            Some(trial) if self.is_superseded(&trial) && self.supersede(&trial, lines) => {}
            Some(trial) if !trial.checked => self.check(trial),
            Some(trial) => canary::watch(&mut self, trial),
            None if self.input.desired(&self.line.name).is_none() => removal::step(&mut self),
            None if self.line.removing.take().is_some() => self.stay(lines),
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
                    None => stage::Purpose::Return,
                };
                let way = stage::Way::new(&strategies, purpose);
                stage::bring_about(self.scene(), &revision.rendering, &way)
            }
            None => {
                let begun = self.input.revision(&self.line.name, &trial.rendering);
                stage::stop(self.scene(), begun.map(|revision| &revision.rendering))
            }
        };
        self.follow(outcome);
        // A shadow of it stands while the line runs its last good already.
        self.hold = self.hold.take().or_else(|| shadow::leaving(self));
        if self.hold.is_some() {
            self.in_place = false;
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
        let restored = self.line.last_good.as_ref().map(|_| self.input.stamp());
        self.line.trial = None;
        // What it should run has failed before, and then what it ran: a line remembers one failure, and that is the one that keeps it
        // from being tried again. The other stands on the kept rendering.
        let counts = self.input.failed(&self.line).is_some();
        if counts && self.line.failed.as_ref().map(|it| &it.rendering) != Some(&trial.rendering) {
            return;
        }
        self.line.failed = Some(Failed {
            rendering: trial.rendering.clone(),
            target_digest: trial.target_digest.clone(),
            reason: failure.reason,
            message: failure.message,
            at: failure.at,
            restored,
        });
    }

    // --- Steady ---------------------------------------------------------------------------------------------------

    /// The line runs its last good; only what somebody changed is put back.
    fn keep(&mut self, lines: &[LineStatus]) {
        let Some(kept) = self.line.last_good.clone() else {
            return;
        };
        let desired = self.input.desired(&self.line.name);
        let Some(revision) = self.kept(&kept) else {
            return;
        };
        if let Some(Ok(desired)) = desired
            && desired.digest == kept.digest
            && desired.version != kept.version
        {
            self.line.last_good = Some(RenderingReference {
                version: desired.version.clone(),
                requires: desired.requires.clone(),
                ..kept
            });
        }
        // The mark is what a lost status is put together from.
        self.changes.extend(memory::mark(revision, true, None));
        let strategies = self.input.strategies(&self.line.name);
        let way = stage::Way::new(&strategies, stage::Purpose::Keep);
        let outcome = stage::bring_about(self.scene(), &revision.rendering, &way);
        self.tell_drift(&outcome);
        self.follow(outcome);
        undo::soak(self, &revision.rendering, lines);
    }

    /// A line that was being removed takes part again. That is written first; then what it ran is put in place again.
    fn stay(&mut self, lines: &[LineStatus]) {
        self.keep(lines);
        self.changes.clear();
        self.events.clear();
    }

    // --- Superseded -----------------------------------------------------------------------------------------------

    /// A line on trial goes back without blame: it was taken out of the plant, where nobody would be left to correct it, or
    /// the release was given up.
    pub(crate) fn withdraw(&mut self, trial: Trial, why: &str) {
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
