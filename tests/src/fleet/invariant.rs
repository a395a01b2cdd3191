//! The rules that are numbered at the top of this module's parent, worked out from the objects alone.

mod look;

use super::Fleet;
use andon_api::{BlueprintSpec, IntegrationReleaseSpec, duration};
use andon_plan::{ObservedRelease, ReleasePlan, Seen, target_digest};
use look::{Look, remembered};
use std::collections::{BTreeMap, VecDeque};

/// What the rules remember: digest and begin of each wave's soak, and how much time had passed when that was written.
#[derive(Default)]
pub(super) struct Ledger {
    soaks: BTreeMap<String, (Option<String>, String, i64)>,
    /// Of the last few looks: what was asked for, and its digest, which is dear.
    digests: VecDeque<(BlueprintSpec, IntegrationReleaseSpec, String)>,
    /// Of each wave that stopped the release: the digest, the retry that had been honoured, and how many plants had failed.
    stopped: BTreeMap<String, (Option<String>, Option<String>, usize)>,
}

impl Ledger {
    fn digest(&mut self, blueprint: &BlueprintSpec, spec: &IntegrationReleaseSpec) -> String {
        const KNOWN: usize = 6;
        let known = self.digests.iter();
        if let Some((.., digest)) = known
            .rev()
            .find(|(of, by, _)| by == spec && of == blueprint)
        {
            return digest.clone();
        }
        let digest = target_digest(blueprint, spec);
        if self.digests.len() == KNOWN {
            self.digests.pop_front();
        }
        let asked = (blueprint.clone(), spec.clone(), digest.clone());
        self.digests.push_back(asked);
        digest
    }
}

/// Bytes that a status may have, and so many more for each wave.
const BYTES: (usize, usize) = (4000, 1200);

impl Fleet {
    /// Judges a plan before it is carried out.
    pub(super) fn check_plan(
        &mut self,
        observed: &ObservedRelease,
        plan: &ReleasePlan,
        fresh: bool,
    ) {
        let mut broken = Vec::new();
        let mine = &observed.release.named;
        let older = |it: &andon_plan::Named| (it.created, &it.name) < (mine.created, &mine.name);
        if !plan.changes.is_empty() && observed.others.iter().any(older) {
            broken.push("R10: a release asks although an older one speaks".to_owned());
        }
        if let Seen::Present(blueprint) = &observed.blueprint {
            let look = Look {
                observed,
                plan,
                digest: self.ledger.digest(blueprint, &observed.release.spec),
            };
            look.asks(&mut broken);
            // A stale look may not know yet that it has stopped.
            if fresh {
                look.stays_stopped(&self.ledger, &mut broken);
            }
            look.openings(&mut broken);
            look.levers(&mut broken);
        }
        let sight = if fresh { "fresh" } else { "stale" };
        for text in broken {
            let time = self.elapsed / super::MINUTE;
            self.tell("", &format!("!!! {text}"));
            self.violations
                .push(format!("{text} ({sight} look, minute {time})"));
        }
    }

    /// Judges a status that was written.
    pub(super) fn check_status(&mut self, observed: &ObservedRelease, plan: &ReleasePlan) {
        let status = &plan.status;
        let size = serde_json::to_string(status).map_or(0, |text| text.len());
        if size > BYTES.0 + BYTES.1 * status.waves.len() {
            self.violations
                .push(format!("R9: the status has {size} bytes"));
        }
        self.remember_stops(observed, plan);
        for wave in &status.waves {
            let Some(finished) = wave.finished.as_ref().map(|it| it.0.to_string()) else {
                self.ledger.soaks.remove(&wave.name);
                continue;
            };
            let now = (status.digest.clone(), finished, self.elapsed);
            let had = self
                .ledger
                .soaks
                .entry(wave.name.clone())
                .or_insert(now.clone());
            if (&had.0, &had.1) != (&now.0, &now.1) {
                *had = now;
            }
            let lasted = self.elapsed - had.2;
            let spec = observed
                .release
                .spec
                .waves
                .iter()
                .find(|it| it.name == wave.name);
            let soak = spec.and_then(|it| it.soak.as_deref()).map(duration::parse);
            let soak = soak.and_then(Result::ok).unwrap_or_default().as_secs();
            let old = remembered(&observed.release.status, status.digest.as_ref(), &wave.name);
            let newly = wave.completed.is_some() && old.is_none_or(|it| it.completed.is_none());
            if newly && i64::try_from(soak).unwrap_or(i64::MAX) > lasted {
                self.violations.push(format!(
                    "R8: the soak of {} lasted {lasted} s of {soak} s",
                    wave.name
                ));
            }
        }
    }

    /// What stopped is counted from the plants, not read from the status.
    fn remember_stops(&mut self, observed: &ObservedRelease, plan: &ReleasePlan) {
        let (digest, retry) = (&plan.status.digest, &plan.status.levers.retry);
        self.ledger.stopped.retain(|name, had| {
            let known = plan.status.waves.iter().any(|it| it.name == *name);
            known
                && had.0 == *digest
                && had.1 == *retry
                && observed.release.status.observed_generation >= 1
        });
        let Some(digest) = digest.clone() else { return };
        let look = Look {
            observed,
            plan,
            digest,
        };
        for (index, wave) in look.spec_waves().iter().enumerate() {
            let failed = look.members(index).filter(|it| look.failed(it)).count();
            if failed > usize::try_from(wave.max_failed_plants).unwrap_or(0) {
                let stopped = (Some(look.digest.clone()), retry.clone(), failed);
                self.ledger.stopped.insert(wave.name.clone(), stopped);
            }
        }
    }

    /// Judges a fleet in which nothing will happen by itself.
    pub(super) fn check_rest(&mut self) {
        if !self.settled() {
            return;
        }
        let status = self.status();
        let says = |kind: &str| {
            let mut conditions = status.conditions.iter();
            conditions.any(|it| it.type_ == kind && it.status == "True")
        };
        let held = status.waves.iter().any(|wave| wave.hold.is_some());
        if !(says("Ready") || says("Stalled") || held || self.releases.is_empty()) {
            let conditions = &status.conditions;
            self.violations.push(format!(
                "R11: nothing will happen, and nobody says why: {conditions:?}"
            ));
        }
    }
}
