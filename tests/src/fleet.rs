//! A toy fleet around the real release planner: plants that take a target, move line by line, pass or fail, and report; an API
//! server with preconditions; people; time in minutes. Seeded and without a clock of its own.
//!
//! What must hold at every step, whatever happens. Each rule is worked out here from the objects alone, never by the planner's own
//! functions. "Asked" means: given a target digest that it did not have, or told to proceed with one while it stood still.
//!
//! * **R1** A plant of a wave is asked only if the wave stands as opened, for this digest, in the status that was read back.
//! * **R2** A wave opens only after every wave before it was completed, with a plant in it, with its approvals at that moment, and
//!   not while the release is paused or given up. (After a loss of the status a wave with an asked plant counts as opened.)
//! * **R3** By what the look saw, asking never leaves more plants of a wave under way than `maxConcurrentPlants`; plants that are
//!   on trial for an earlier target of the release count too. On a fresh look that is the truth. On a stale look the truth may
//!   exceed it by what became different after the snapshot: plants came back, were relabelled, or were asked meanwhile. A plant out of reach takes no place.
//! * **R4** While more plants of a wave have failed than `maxFailedPlants`, nobody is asked.
//! * **R5** While a digest is given up, and nobody has set `retry` anew, nobody is told to proceed with it.
//! * **R6** A plant that no wave selects is not asked.
//! * **R7** A lever acts once for each value: `paused` and `givenUp` change only in a write that honours a new value (or, for
//!   `givenUp`, by scope Release, by another digest, or by a loss of the status).
//! * **R8** A soak lasts its duration by a clock that nobody sets, from the write that began it.
//! * **R9** The status stays small: it grows with waves, not with plants.
//! * **R10** Only the oldest release of an integration asks anything.
//! * **R11** A status that is not complete and that nothing will change names its cause or has a wake.
//! * **R12** In peace the operator and the fleet come to rest, and planning again changes nothing. A good version then runs on every
//!   plant that a ring's wave selects, or the release says which wave selects nobody (or there is no plant at all); one that fails
//!   everywhere runs nowhere and is said to be stopped; repaired and tried again, it gets everywhere like a good one.
//! * **R13** A release that too many failures of a wave stopped stays stopped, whatever plants leave, until another digest is asked for,
//!   `retry` is set anew, or the wave may have that many.

mod act;
mod api;
mod invariant;
mod plant;
mod scenario;
mod simulation;
mod story;

pub use scenario::FleetScenario;
pub use simulation::{shrink_fleet, simulate_fleet};

use crate::world::Random;
use andon_api::{ApprovalSpec, BlueprintSpec, IntegrationReleaseStatus};
use andon_plan::{Named, ObservedRelease, ReleasePlant, ReleaseSeen, Seen};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// The integration that is rolled out.
const INTEGRATION: &str = "confirmations";
/// The namespace of the releases.
const NAMESPACE: &str = "andon-fleet";
/// A minute, the step of time.
const MINUTE: i64 = 60;
/// Looks in a row after which the operator must have come to rest.
const MOST_LOOKS: usize = 60;
/// Snapshots that a stale look may see.
const MEMORY: usize = 8;

/// A version of the blueprint, and where it does harm.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ToyVersion {
    /// Plants where its first line fails on trial; `*`: everywhere.
    fails: Vec<String>,
    /// Plants where it fails after the pass, while it is soaked.
    fails_late: Vec<String>,
    /// Whether there is no Blueprint of it.
    missing: bool,
}

/// What is out of order on purpose; chances in thousandths.
#[derive(Clone, Debug, Default)]
pub(crate) struct FleetFaults {
    crash_always: bool,
    crash: u64,
    stale: u64,
    conflict: u64,
}

/// What a look saw: the world a while ago.
#[derive(Clone)]
struct Snapshot {
    releases: Vec<Rc<ReleaseSeen>>,
    plants: Vec<Arc<ReleasePlant>>,
}

/// The toy fleet.
pub struct Fleet {
    begun: Timestamp,
    now: Timestamp,
    /// Seconds that have passed, whatever anybody sets the clock to.
    elapsed: i64,
    releases: Vec<Rc<ReleaseSeen>>,
    approvals: Vec<ApprovalSpec>,
    plants: BTreeMap<String, plant::ToyPlant>,
    versions: BTreeMap<String, ToyVersion>,
    /// The Blueprints of versions, once they were asked for.
    blueprints: BTreeMap<String, Seen<BlueprintSpec>>,
    faults: FleetFaults,
    random: Random,
    /// The story so far.
    pub story: Vec<String>,
    /// Rules that were broken.
    pub violations: Vec<String>,
    looks: usize,
    history: VecDeque<Snapshot>,
    /// When to look again, by release; in elapsed seconds.
    wakes: BTreeMap<String, i64>,
    /// Something changed that the operator watches.
    dirty: bool,
    ledger: invariant::Ledger,
    told: story::Told,
    numbers: u64,
}

impl Fleet {
    fn new(seed: u64) -> Self {
        let begun = Timestamp::from_second(1_795_420_800).unwrap_or_default();
        Self {
            begun,
            now: begun,
            elapsed: 0,
            releases: Vec::new(),
            approvals: Vec::new(),
            plants: BTreeMap::new(),
            versions: BTreeMap::new(),
            blueprints: BTreeMap::new(),
            faults: FleetFaults::default(),
            random: Random::new(seed),
            story: Vec::new(),
            violations: Vec::new(),
            looks: 0,
            history: VecDeque::new(),
            wakes: BTreeMap::new(),
            dirty: true,
            ledger: invariant::Ledger::default(),
            told: story::Told::default(),
            numbers: 0,
        }
    }

    /// A number that nothing else has.
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The release that scenarios speak of: the first.
    fn status(&self) -> IntegrationReleaseStatus {
        self.releases
            .first()
            .map(|release| release.status.clone())
            .unwrap_or_default()
    }

    /// A minute passes: plants do what they do, and the operator looks if anything changed or it wanted to be woken.
    fn tick(&mut self) {
        self.elapsed += MINUTE;
        self.now += SignedDuration::from_secs(MINUTE);
        self.plants_step();
        self.operate();
        self.remember();
    }

    fn remember(&mut self) {
        if self.faults.stale == 0 {
            // Nobody will look back.
            return;
        }
        let now = self.snapshot();
        self.history.push_back(now);
        if self.history.len() > MEMORY {
            self.history.pop_front();
        }
    }

    fn plants_step(&mut self) {
        let versions = std::mem::take(&mut self.versions);
        let mut told = Vec::new();
        for (name, plant) in &mut self.plants {
            let turn = plant::Turn {
                name,
                now: self.now,
                versions: &versions,
            };
            let changed = plant.step(&turn, &mut told);
            self.dirty |= changed;
        }
        self.versions = versions;
        for (who, what) in told {
            self.tell(&who, &what);
        }
    }

    /// The operator looks until it has nothing to do.
    fn operate(&mut self) {
        for _ in 0..MOST_LOOKS {
            let due: Vec<String> = self
                .releases
                .iter()
                .map(|release| release.named.name.clone())
                .filter(|name| {
                    self.dirty || self.wakes.get(name).is_some_and(|at| *at <= self.elapsed)
                })
                .collect();
            if due.is_empty() {
                self.check_rest();
                return;
            }
            self.dirty = false;
            for name in due {
                self.look(&name);
            }
        }
        // Nothing stands still under random faults within a minute; without any it must.
        if self.faults.crash == 0 && self.faults.stale == 0 && self.faults.conflict == 0 {
            self.violations.push(format!(
                "R12: the operator never comes to rest: {:?}",
                self.status()
            ));
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            releases: self.releases.clone(),
            plants: self
                .plants
                .iter_mut()
                .map(|(name, plant)| plant.seen(name))
                .collect(),
        }
    }

    /// What the release controller sees of a release; `snapshot` may be an old one.
    fn observe(&mut self, name: &str, snapshot: &Snapshot) -> Option<ObservedRelease> {
        let mut releases = snapshot.releases.iter();
        let release = ReleaseSeen::clone(releases.find(|it| it.named.name == name)?);
        let others = snapshot.releases.iter().map(|it| it.named.clone());
        let blueprint = self.blueprint(&release.spec.blueprint.version);
        let approvals = self.approvals.iter().filter(|it| it.release == name);
        Some(ObservedRelease {
            now: self.now,
            others: others.filter(|it| it.name != name).collect(),
            blueprint,
            plants: snapshot.plants.clone(),
            approvals: approvals.cloned().collect(),
            release,
        })
    }

    fn blueprint(&mut self, version: &str) -> Seen<BlueprintSpec> {
        if self.versions.get(version).is_none_or(|it| it.missing) {
            return Seen::Absent;
        }
        if let Some(known) = self.blueprints.get(version) {
            return known.clone();
        }
        let spec = serde_json::from_value(json!({
            "name": "line-confirmations", "version": version, "scope": "Line",
            "stages": [{"name": "post", "strategy": "Takeover"}], "files": {"VERSION": version},
        }));
        let made = spec.map_or_else(
            |error: serde_json::Error| Seen::Unknown(error.to_string()),
            Seen::Present,
        );
        self.blueprints.insert(version.to_owned(), made.clone());
        made
    }

    /// Whether nothing will happen any more unless somebody does something.
    fn settled(&self) -> bool {
        !self.dirty && self.wakes.is_empty() && self.plants.values().all(plant::ToyPlant::idle)
    }

    fn named(&self, name: &str, created: Timestamp) -> Named {
        Named {
            name: name.to_owned(),
            created,
        }
    }
}
