//! One look at a release, by the rules' own reading.

use super::Ledger;
use andon_api::{
    ApprovalPolicy, ApprovalSpec, Go, IntegrationReleaseStatus, PlantOperator, PlantSelector,
    RollbackScope, Wave, WaveStatus, label,
};
use andon_plan::{ObservedRelease, ReleasePlan, ReleasePlant, TargetSeen};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::{BTreeMap, BTreeSet};

/// What was seen, and what is planned.
pub(super) struct Look<'a> {
    pub(super) observed: &'a ObservedRelease,
    pub(super) plan: &'a ReleasePlan,
    pub(super) digest: String,
}

impl Look<'_> {
    pub(super) fn spec_waves(&self) -> &[Wave] {
        &self.observed.release.spec.waves
    }

    fn opened(&self, wave: usize) -> bool {
        let status = &self.observed.release.status;
        let name = &self.spec_waves()[wave].name;
        let had = remembered(status, Some(&self.digest), name);
        had.is_some_and(|it| it.opened.is_some())
    }

    /// R1, R3, R4, R5, R6.
    pub(super) fn asks(&self, broken: &mut Vec<String>) {
        let waves = self.spec_waves();
        let given_up = self.observed.release.status.levers.given_up.as_ref();
        let retry = self.annotation(label::RETRY)
            != self.observed.release.status.levers.retry.as_ref()
            && self.annotation(label::RETRY).is_some();
        let mut new: BTreeSet<&str> = BTreeSet::new();
        for assign in &self.plan.changes {
            let Some(plant) = self.plant(&assign.namespace) else {
                continue;
            };
            let had = plant
                .integration
                .as_ref()
                .and_then(|it| it.spec.target.as_ref());
            let same = had.filter(|it| it.digest == assign.target.digest);
            let proceeds = assign.target.go == Go::Proceed;
            let asked = same.is_none_or(|it| proceeds && it.go != Go::Proceed);
            let name = &plant.namespace;
            if given_up.is_some_and(|it| it.digest == assign.target.digest && !retry) && proceeds {
                broken.push(format!(
                    "R5: {name} is told to proceed with what is given up"
                ));
            }
            if !asked {
                continue;
            }
            match self.wave(plant) {
                _ if waves.is_empty() => {}
                None => broken.push(format!("R6: {name} is asked, and no wave selects it")),
                Some(wave) if !self.opened(wave) => {
                    broken.push(format!(
                        "R1: {name} is asked before {} is open",
                        waves[wave].name
                    ));
                }
                Some(_) => {}
            }
            if same.is_none() {
                new.insert(name);
            }
        }
        self.crowded(&new, broken);
        for (index, wave) in waves.iter().enumerate() {
            let failed = self.members(index).filter(|it| self.failed(it)).count();
            let limit = usize::try_from(wave.max_failed_plants).unwrap_or(0);
            if failed > limit && !new.is_empty() {
                broken.push(format!(
                    "R4: {new:?} are asked after {failed} of {} failed",
                    wave.name
                ));
            }
        }
    }

    /// R13.
    pub(super) fn stays_stopped(&self, ledger: &Ledger, broken: &mut Vec<String>) {
        let new = self.plan.changes.iter().find(|assign| {
            let plant = self.plant(&assign.namespace);
            plant.and_then(target_of) != Some(&assign.target.digest)
        });
        let Some(new) = new.filter(|it| it.target.digest == self.digest) else {
            return;
        };
        for wave in self.spec_waves() {
            let Some((digest, retry, failed)) = ledger.stopped.get(&wave.name) else {
                continue;
            };
            let same = digest.as_ref() == Some(&self.digest)
                && *retry == self.plan.status.levers.retry
                && self.observed.release.status.observed_generation >= 1;
            if same && *failed > usize::try_from(wave.max_failed_plants).unwrap_or(0) {
                broken.push(format!(
                    "R13: {} is asked though {} had stopped the release",
                    new.namespace, wave.name
                ));
            }
        }
    }

    /// R3.
    fn crowded(&self, new: &BTreeSet<&str>, broken: &mut Vec<String>) {
        for (index, wave) in self.spec_waves().iter().enumerate() {
            let total = self.members(index).count();
            let most = match &wave.max_concurrent_plants {
                None => continue,
                Some(IntOrString::Int(number)) => usize::try_from(*number).unwrap_or(0),
                Some(IntOrString::String(text)) => {
                    let percent: usize = text.trim_end_matches('%').parse().unwrap_or(0);
                    // Rounded up, and at least one.
                    (total * percent).div_ceil(100).max(1)
                }
            };
            // One that is on trial already has its place, whatever it is asked next.
            let busy = self.members(index).filter(|it| self.under_way(it)).count();
            let idle =
                |it: &&ReleasePlant| new.contains(it.namespace.as_str()) && !self.under_way(it);
            let more = self.members(index).filter(idle).count();
            if more > 0 && busy + more > most {
                broken.push(format!(
                    "R3: {busy} plants of {} are under way and {more} more are asked; {most} may be",
                    wave.name
                ));
            }
        }
    }

    /// R2.
    pub(super) fn openings(&self, broken: &mut Vec<String>) {
        let release = &self.observed.release;
        let lost = release.status.observed_generation < 1;
        let now = &self.plan.status;
        for (index, wave) in self.spec_waves().iter().enumerate() {
            let opened = remembered(now, Some(&self.digest), &wave.name)
                .is_some_and(|it| it.opened.is_some());
            if !opened || self.opened(index) {
                continue;
            }
            let asked = |it: &ReleasePlant| target_of(it) == Some(&self.digest);
            if lost && self.members(index).any(asked) {
                continue;
            }
            let name = &wave.name;
            let before = &self.spec_waves()[..index];
            if let Some(earlier) = before.iter().find(|it| {
                remembered(now, Some(&self.digest), &it.name)
                    .is_none_or(|it| it.completed.is_none())
            }) {
                broken.push(format!("R2: {name} opens before {} is over", earlier.name));
            }
            if self.members(index).next().is_none() {
                broken.push(format!("R2: {name} opens without a plant"));
            }
            if release.spec.paused || now.levers.paused || now.levers.given_up.is_some() {
                broken.push(format!("R2: {name} opens while the release stands still"));
            }
            if !wave
                .approval
                .as_ref()
                .is_none_or(|policy| self.approved(policy, name))
            {
                broken.push(format!("R2: {name} opens without its approvals"));
            }
        }
    }

    /// R7.
    pub(super) fn levers(&self, broken: &mut Vec<String>) {
        let release = &self.observed.release;
        if release.status.observed_generation < 1 {
            return;
        }
        let (had, now) = (&release.status.levers, &self.plan.status.levers);
        if self.plan.status.digest.is_none() {
            return;
        }
        if now.paused && !had.paused && now.pause == had.pause {
            broken.push("R7: paused without a new value".to_owned());
        }
        if had.paused && !now.paused && now.resume == had.resume {
            broken.push("R7: resumed without a new value".to_owned());
        }
        let pulled = now.abort != had.abort || now.undo != had.undo;
        let failed = release.spec.rollback.scope == RollbackScope::Release
            && self.observed.plants.iter().any(|it| self.failed(it));
        let other = |old: &andon_api::GivenUp| old.digest != self.digest;
        match (&had.given_up, &now.given_up) {
            (old, Some(new)) if old.as_ref() != Some(new) && !pulled && !failed => {
                broken.push(format!(
                    "R7: given up though nobody asked for it anew: {}, before {old:?}",
                    new.why
                ));
            }
            (Some(old), None) if now.retry == had.retry && !other(old) => {
                broken.push("R7: taken up again though nobody said retry".to_owned());
            }
            _ => {}
        }
    }

    fn annotation(&self, key: &str) -> Option<&String> {
        self.observed.release.annotations.get(key)
    }

    fn plant(&self, name: &str) -> Option<&ReleasePlant> {
        let mut plants = self.observed.plants.iter().map(AsRef::as_ref);
        plants.find(|it: &&ReleasePlant| it.namespace == name)
    }

    fn wave(&self, plant: &ReleasePlant) -> Option<usize> {
        let mut waves = self.spec_waves().iter();
        waves.position(|wave| matches(&wave.plants, &plant.labels))
    }

    pub(super) fn members(&self, wave: usize) -> impl Iterator<Item = &ReleasePlant> {
        self.observed
            .plants
            .iter()
            .map(AsRef::as_ref)
            .filter(move |it| self.wave(it) == Some(wave))
    }

    /// A failure counts until the plant has honoured the retry that the release asks for.
    pub(super) fn failed(&self, plant: &ReleasePlant) -> bool {
        // Marks name their target, so they count whatever generation the status speaks of.
        let mine = target_of(plant) == Some(&self.digest);
        let Some(seen) = plant.integration.as_ref().filter(|_| mine) else {
            return false;
        };
        let asked = self.plan.status.levers.retry.as_ref();
        let pending = asked.is_some() && seen.status.release_retried.as_ref() != asked;
        let of = |digest: &String| *digest == self.digest;
        !pending
            && seen.status.lines.iter().any(|line| {
                let trial = line.trial.as_ref();
                trial.is_some_and(|it| it.failure.is_some() && of(&it.target_digest))
                    || line.failed.as_ref().is_some_and(|it| of(&it.target_digest))
            })
    }

    /// The plant's integration, if it was asked for this digest and its status is about that.
    fn speaking<'b>(&self, plant: &'b ReleasePlant) -> Option<&'b TargetSeen> {
        let seen = plant.integration.as_ref()?;
        let about = seen.status.target_digest.as_ref() == Some(&self.digest);
        (about && target_of(plant) == Some(&self.digest)).then_some(seen)
    }

    fn under_way(&self, plant: &ReleasePlant) -> bool {
        let Some(seen) = &plant.integration else {
            return false;
        };
        if plant.offline || self.failed(plant) {
            return false;
        }
        let tries = seen.status.lines.iter().any(|line| line.trial.is_some());
        if target_of(plant) != Some(&self.digest) {
            let mine = format!(
                "{}/{}",
                self.observed.release.namespace, self.observed.release.named.name
            );
            return tries
                && seen
                    .spec
                    .target
                    .as_ref()
                    .is_some_and(|it| it.release == mine);
        }
        let ready = self.speaking(plant).is_some_and(|it| {
            let mut conditions = it.status.conditions.iter();
            conditions.any(|it| it.type_ == "Ready" && it.status == "True")
        });
        let marked = seen.status.lines.iter().any(|line| {
            line.failed
                .as_ref()
                .is_some_and(|it| it.target_digest == self.digest)
        });
        tries || (!ready && !marked)
    }

    /// Whether the places of a policy can be taken by different people.
    fn approved(&self, policy: &ApprovalPolicy, wave: &str) -> bool {
        let author = self.annotation(label::AUTHOR);
        let counts = |it: &&ApprovalSpec| {
            it.digest == self.digest
                && it.line.is_none()
                && it.wave.as_ref().is_none_or(|name| name == wave)
                && it
                    .expires
                    .as_ref()
                    .is_none_or(|at| at.0 > self.observed.now)
                && Some(&it.approver) != author
                && !robot(&it.approver)
        };
        let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for approval in self.observed.approvals.iter().filter(counts) {
            let groups = people.entry(&approval.approver).or_default();
            groups.extend(approval.groups.iter().map(String::as_str));
        }
        let places: Vec<&str> = policy
            .all_of
            .iter()
            .flat_map(|it| (0..it.count).map(|_| it.group.as_str()))
            .collect();
        let two = author.is_none_or(|name| robot(name));
        let mut free: Vec<&BTreeSet<&str>> = people.values().collect();
        (!two || free.len() >= 2) && seats(&places, &mut free)
    }
}

/// Every way to seat people is tried.
fn seats(places: &[&str], free: &mut Vec<&BTreeSet<&str>>) -> bool {
    let Some((place, rest)) = places.split_first() else {
        return true;
    };
    (0..free.len()).any(|index| {
        if !free[index].contains(place) {
            return false;
        }
        let person = free.remove(index);
        let fits = seats(rest, free);
        free.insert(index, person);
        fits
    })
}

fn robot(name: &str) -> bool {
    name.is_empty() || name.starts_with("system:") || name.ends_with("[bot]")
}

fn target_of(plant: &ReleasePlant) -> Option<&String> {
    let target = plant.integration.as_ref()?.spec.target.as_ref()?;
    Some(&target.digest)
}

/// What a status says of a wave, if it speaks of this digest.
pub(super) fn remembered<'a>(
    status: &'a IntegrationReleaseStatus,
    digest: Option<&String>,
    wave: &str,
) -> Option<&'a WaveStatus> {
    let mut waves = status
        .waves
        .iter()
        .filter(|_| status.digest.as_ref() == digest);
    waves.find(|it| it.name == wave)
}

fn matches(selector: &PlantSelector, labels: &BTreeMap<String, String>) -> bool {
    for (key, value) in &selector.match_labels {
        if labels.get(key) != Some(value) {
            return false;
        }
    }
    for it in &selector.match_expressions {
        let value = labels.get(&it.key);
        let listed = value.is_some_and(|value| it.values.iter().any(|one| one == value));
        let holds = match it.operator {
            PlantOperator::In => listed,
            PlantOperator::NotIn => !listed,
            PlantOperator::Exists => value.is_some(),
            PlantOperator::DoesNotExist => value.is_none(),
        };
        if !holds {
            return false;
        }
    }
    true
}
