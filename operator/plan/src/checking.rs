//! An unchecked trial: nothing of its line is touched. The API server is asked whether it would take the objects, and the check
//! Job of the blueprint runs beside what runs.

use crate::budget::{self, Answer};
use crate::event;
use crate::health::{self, JobState};
use crate::hold::Hold;
use crate::input::Rules;
use crate::line::Turn;
use crate::object;
use crate::observed::DryRun;
use crate::plan::Change;
use crate::progress::elapsed;
use crate::shadow::{self, Shadow};
use crate::{count, drift, pace, require, start, validated, veto};
use andon_api::reason::FailureReason;
use andon_api::{Trial, duration};
use andon_render::{RenderedCheck, Rendering};
use std::time::Duration;

impl Turn<'_> {
    /// Nothing of the line is touched: the API server is asked, and the check Job runs beside it.
    pub(crate) fn check(&mut self, mut trial: Trial) {
        let Some(revision) = self.kept(&trial.rendering) else {
            self.line.trial = Some(trial);
            return;
        };
        let rendering = &revision.rendering;
        crate::progress::watch_baseline(self.input, &self.line.name, rendering, &mut trial);
        // A claim counts once it has been read back.
        let claimed = trial.takes_place();
        let shadow = match shadow::asked(self, rendering) {
            Ok(asked) => asked,
            // Nobody says what it has to show.
            Err(hold) => {
                self.hold = Some(hold);
                self.line.trial = Some(trial);
                return;
            }
        };
        match &shadow {
            Shadow::Asked(asked) if trial.is_shadowing() => {
                return shadow::run(self, trial, asked);
            }
            Shadow::Asked(_) => {}
            Shadow::NotAsked | Shadow::Skipped(_) => trial.shadow = None,
        }
        if let Err(why) = self.ask_api_server() {
            return self.fail(trial, FailureReason::Refused, why);
        }
        // What was decided before the plant closed, or before an approval was taken back, is not begun after that.
        let gate = validated::obstacle(self.input, &self.line, &trial.rendering.digest)
            .or_else(|| require::obstacle(self.input, &trial.rendering.requires))
            .or_else(|| start::window(self.input, start::Step::Replace))
            .or_else(|| shadow::leaving(self));
        self.hold = self.hold.take().or(gate.clone());
        if let Some(passed) = &mut trial.shadow {
            shadow::claim(self, passed, gate.is_none());
        }
        let claimed = claimed && trial.takes_place();
        let answer = match claimed {
            true => budget::answer(self.input, &self.line.name),
            false => Answer::Granted,
        };
        match (answer, &mut trial.shadow) {
            (Answer::Granted, _) => {}
            (Answer::Waits(hold), _) => self.hold = Some(hold),
            (Answer::GivesWay(hold), Some(passed)) => {
                passed.claims = false;
                self.hold = Some(hold);
            }
            (Answer::GivesWay(hold), None) => {
                self.withdraw(trial, &hold.to_string());
                self.hold = Some(hold);
                return;
            }
        }
        if self.hold.is_some() || !claimed {
            self.line.trial = Some(trial);
            return;
        }
        self.check_routes(trial, rendering, &shadow);
    }

    /// Whether the API server would take the objects; an error: it would not.
    fn ask_api_server(&mut self) -> Result<(), String> {
        let unanswered = |why: &str| {
            Some(Hold::DryRunUnanswered {
                why: why.to_owned(),
            })
        };
        match self.input.observed.dry_runs.get(&self.line.name) {
            Some(DryRun::Accepted) => {}
            Some(DryRun::Refused(why)) => return Err(format!("the API server refuses it: {why}")),
            Some(DryRun::NoAnswer(why)) => self.hold = unanswered(why),
            None => self.hold = unanswered("not asked yet"),
        }
        Ok(())
    }

    /// The check Job, and what comes after it: a shadow, or the line itself.
    fn check_routes(&mut self, mut trial: Trial, rendering: &Rendering, shadow: &Shadow<'_>) {
        let outcome = match &rendering.check {
            None => Ok(true),
            Some(check) => self.run_check(&trial, check),
        };
        match (outcome, shadow) {
            (Err(message), _) => return self.fail(trial, FailureReason::RoutesInvalid, message),
            (Ok(false), _) => {}
            (Ok(true), Shadow::Asked(asked)) if trial.shadow.is_none() => {
                self.tell_checked(&trial, rendering);
                shadow::begin(self, &mut trial, asked);
            }
            (Ok(true), _) => self.checked(&mut trial, rendering, shadow),
        }
        self.line.trial = Some(trial);
    }

    /// One step of the check Job: whether it came out well; an error is what it found.
    fn run_check(&mut self, trial: &Trial, check: &RenderedCheck) -> Result<bool, String> {
        let input = self.input;
        let mut running = |trouble| {
            self.hold = Some(Hold::CheckRunning {
                job: check.name.clone(),
                trouble,
            });
        };
        match health::of_check(input.scene(""), check) {
            JobState::Complete => return Ok(true),
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
                    let waited = duration::display(Duration::from_secs(waited.as_secs()));
                    return Err(format!(
                        "Job {} has not finished for {waited}: {why}",
                        check.name
                    ));
                }
                running(trouble);
            }
        }
        Ok(false)
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
    fn checked(&mut self, trial: &mut Trial, rendering: &Rendering, shadow: &Shadow<'_>) {
        let compared = self.input.rules.as_ref().is_ok_and(Rules::needs_baseline);
        match count::baseline(self.scene()) {
            Ok(counts) if compared => trial.baseline_counts = counts,
            Err(why) if compared => {
                self.hold = Some(Hold::NoData { why });
                return;
            }
            Ok(_) | Err(_) => {}
        }
        // Last of all: what else keeps the line waits is no reason to lose patience.
        if let Some(busy) = veto::obstacle(self, &mut trial.busy_since) {
            self.hold = Some(busy);
            return;
        }
        trial.controls = count::snapshot(self.input, &self.line.name);
        trial.checked = true;
        // What it has shown is known; whose readings it was is not asked any more.
        if let Some(shadow) = &mut trial.shadow {
            shadow.containers.clear();
        }
        trial.replacing_since = Some(self.input.stamp());
        trial.restarts_before = self
            .scene()
            .pods()
            .filter(|pod| pod.restarts > 0)
            .map(|pod| (pod.uid.clone(), pod.restarts))
            .collect();
        trial.pace = pace::of_line(self.input, &self.line.name);
        let rules = self.input.rules.as_ref().ok();
        let warning = rules.and_then(|rules| pace::warning(rules, trial.pace.as_ref()?));
        if let Some(warning) = warning {
            self.tell(event::out_of_reach(&self.line.name, &warning, rendering));
        }
        // Before a shadow it has been told.
        if trial.shadow.is_none() {
            self.tell_checked(trial, rendering);
        }
        if let Shadow::Skipped(why) = shadow {
            self.tell(event::shadow_skipped(
                &self.line.name,
                &trial.rendering.version,
                why,
            ));
        }
    }

    /// Tells that the check Job came out well.
    fn tell_checked(&mut self, trial: &Trial, rendering: &Rendering) {
        if let Some(check) = &rendering.check {
            self.tell(event::checked(
                &self.line.name,
                &trial.rendering.version,
                check,
            ));
        }
    }
}
