//! The API server as far as the release controller writes to it: a target is guarded by its UID, a status by its resource version.

use super::{Fleet, Snapshot};
use andon_plan::{Assign, ObservedRelease, ReleasePlan, plan_release};
use std::rc::Rc;

/// Why a plan was not carried out to its end.
enum Ended {
    /// The operator died, or a write was refused: it looks again.
    Early,
}

impl Fleet {
    /// One look at one release, and what follows from it.
    pub(super) fn look(&mut self, name: &str) {
        self.wakes.remove(name);
        let (snapshot, fresh) = self.sight();
        let Some(observed) = self.observe(name, &snapshot) else {
            return;
        };
        self.looks += 1;
        let plan = plan_release(&observed);
        self.check_plan(&observed, &plan, fresh);
        match self.carry_out(&observed, &plan) {
            Ok(()) => {
                if let Some(wake) = plan.wake {
                    let seconds = i64::try_from(wake.as_secs()).unwrap_or(i64::MAX);
                    self.wakes
                        .insert(name.to_owned(), self.elapsed.saturating_add(seconds));
                }
            }
            Err(Ended::Early) => self.dirty = true,
        }
        // A cache that was behind catches up, and that is seen.
        self.dirty |= !fresh;
    }

    /// What the operator sees: now, or of plants or releases what was a while ago.
    fn sight(&mut self) -> (Snapshot, bool) {
        let mut snapshot = self.snapshot();
        let mut fresh = true;
        for part in 0..2 {
            let age = self.random.below(self.history.len() as u64 + 1);
            if !self.random.chance(self.faults.stale) {
                continue;
            }
            let index = usize::try_from(age).unwrap_or(0);
            if let Some(old) = self.history.get(index).cloned() {
                fresh = false;
                match part {
                    0 => snapshot.plants = old.plants,
                    _ => snapshot.releases = old.releases,
                }
            }
        }
        (snapshot, fresh)
    }

    fn carry_out(&mut self, observed: &ObservedRelease, plan: &ReleasePlan) -> Result<(), Ended> {
        for assign in &plan.changes {
            self.assign(assign)?;
            self.survive()?;
        }
        if plan.write_status {
            self.write_status(observed, plan)?;
        }
        self.tell_plan(observed, plan);
        if plan.write_status {
            self.survive()?;
        }
        Ok(())
    }

    /// The operator may die after any write.
    fn survive(&mut self) -> Result<(), Ended> {
        let chance = self.faults.crash;
        match self.faults.crash_always || self.random.chance(chance) {
            true => Err(Ended::Early),
            false => Ok(()),
        }
    }

    /// Every write may be refused: somebody else was faster.
    fn refused(&mut self) -> bool {
        let chance = self.faults.conflict;
        self.random.chance(chance)
    }

    fn assign(&mut self, assign: &Assign) -> Result<(), Ended> {
        let refused = self.refused();
        let plant = self.plants.get_mut(&assign.namespace);
        let live = plant.and_then(|it| it.integration.as_mut());
        let Some(live) = live.filter(|it| it.uid == assign.uid && !refused) else {
            return Err(Ended::Early);
        };
        if live.spec.target.as_ref() == Some(&assign.target) {
            return Ok(());
        }
        let before = live.spec.target.replace(assign.target.clone());
        live.generation += 1;
        self.dirty = true;
        self.tell_assign(assign, before.as_ref());
        Ok(())
    }

    fn write_status(
        &mut self,
        observed: &ObservedRelease,
        plan: &ReleasePlan,
    ) -> Result<(), Ended> {
        let refused = self.refused();
        let version = self.number();
        let seen = &observed.release;
        let live = self
            .releases
            .iter_mut()
            .find(|it| it.uid == seen.uid && it.resource_version == seen.resource_version);
        let Some(live) = live.filter(|_| !refused).map(Rc::make_mut) else {
            return Err(Ended::Early);
        };
        // Through JSON, as it goes over the wire: instants lose their fractions.
        let sent = serde_json::to_vec(&plan.status).unwrap_or_default();
        match serde_json::from_slice(&sent) {
            Ok(status) => live.status = status,
            Err(error) => self
                .violations
                .push(format!("R9: the status cannot be read back: {error}")),
        }
        live.resource_version = version.to_string();
        self.dirty = true;
        self.check_status(observed, plan);
        Ok(())
    }
}
