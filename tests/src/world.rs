//! A toy plant around the real planner: an API server with preconditions, workload controllers, a kubelet, production
//! lines with documents and an ERP. Seeded and without a clock of its own. It is as unhelpful as reality: nothing here heals
//! by itself but what heals by itself in a cluster.

mod act;
mod api;
mod approve;
mod base;
mod blueprint;
mod fault;
mod invariant;
mod kubelet;
mod random;
mod rest;
mod scenario;
mod shop;
mod sight;
mod simulation;
#[cfg(test)]
mod standby_rule;
mod story;
#[cfg(test)]
mod tampered;
mod target;

pub use blueprint::Variant;
pub use fault::Faults;
pub use random::Random;
pub use scenario::Scenario;
pub(crate) use simulation::smallest;
pub use simulation::{Cut, Outcome, shrink, simulate};

use andon_api::{
    Analysis, Bake, Check, IntegrationChoice, Line, Parameters, PlantIntegrationSpec,
    PlantIntegrationStatus, PlantSiteSpec,
};
use andon_plan::{Integration, Neighbour, Observed, Plan, Revision, Seen, Site};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The integration that is rolled out.
pub const INTEGRATION: &str = "confirmations";
/// The blueprint it is made from.
pub const BLUEPRINT: &str = "line-confirmations";

/// Kind and name of an object.
pub type Key = (String, String);

/// The toy plant.
pub struct World {
    /// When the world began.
    pub begun: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The plant.
    pub site: Site,
    /// The integration, as the API server has it.
    pub integration: Integration,
    /// The versions of the blueprint that exist.
    pub versions: BTreeMap<String, Variant>,
    /// The other integrations.
    pub neighbours: Vec<Neighbour>,
    /// The integration that this one requires, where the plant has it.
    pub base: Option<Box<World>>,
    /// What others call this one; none: it is what the story is about.
    pub called: Option<&'static str>,
    /// Kept renderings.
    pub revisions: Vec<Arc<Revision>>,
    /// Objects by kind and name.
    pub objects: BTreeMap<Rc<Key>, Arc<Value>>,
    /// Pods.
    pub pods: Vec<kubelet::ToyPod>,
    /// Production lines.
    pub shop: BTreeMap<String, shop::ToyLine>,
    /// How releases are judged.
    pub analysis: Analysis,
    /// What a failure takes back.
    pub scope: andon_api::RollbackScope,
    /// What stays beside a canary.
    pub standby: andon_api::Standby,
    /// How many lines the release lets be on trial at a time.
    pub lines_at_a_time: i32,
    /// Who asks for releases.
    pub author: Option<String>,
    /// What people approved.
    pub approvals: Vec<andon_api::ApprovalSpec>,
    /// Whether promoted lines go on being judged when all is done.
    pub soaking: bool,
    /// What is out of order on purpose.
    pub faults: Faults,
    /// Chance; nothing else is random.
    pub random: Random,
    /// The story so far.
    pub story: Vec<String>,
    /// Rules that were broken.
    pub violations: Vec<String>,
    /// Looks taken so far.
    pub looks: usize,
    /// Seconds lived through, whatever the clock says.
    pub ticks: i64,
    /// Writes to the API server so far.
    pub writes: usize,
    /// The plan of the last look.
    pub last_plan: Option<Plan>,
    /// What another operator that takes itself for the leader has planned, and the resource version it saw.
    rival: Option<(String, Plan)>,
    /// Kept renderings that somebody deleted.
    bin: Vec<Arc<Revision>>,
    /// Trials that were checked while the plant was open, by line and digest.
    permits: BTreeSet<(String, String)>,
    uids: u64,
    /// Whether the PlantIntegration was deleted and has been let go.
    pub gone: bool,
    /// Connections to queues so far.
    connections: u64,
    /// Whether something changed that the operator watches.
    dirty: bool,
    /// When the operator looks again by itself.
    wake: Option<Timestamp>,
    /// Earlier observations, for stale reads.
    past: Vec<Rc<Observed>>,
    told: story::Told,
    pub(crate) memory: andon_plan::Memory,
    /// The blueprint that the target names, made once.
    lent_blueprint: Option<Seen<andon_api::BlueprintSpec>>,
}

impl World {
    /// A plant with lines of these names and criticalities, and no release yet.
    #[expect(clippy::too_many_lines, reason = "a literal: a whole plant at rest")]
    pub fn new(lines: &[(String, i32)], seed: u64) -> Self {
        let begun: Timestamp = "2026-11-21T08:00:00Z"
            .parse()
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let site = PlantSiteSpec {
            site_code: "DE-ULM-01".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            fleet: "andon-fleet".to_owned(),
            parameters: Parameters::new(),
            lines: lines
                .iter()
                .map(|(name, criticality)| line(name, *criticality))
                .collect(),
            validation: None,
            max_concurrent_lines: None,
            integrations: vec![IntegrationChoice {
                name: INTEGRATION.to_owned(),
                lines: None,
                parameters: Parameters::new(),
            }],
            schedule: None,
            metrics: None,
        };
        Self {
            begun,
            now: begun,
            site: Site {
                name: "ulm".to_owned(),
                namespace: "plant-ulm".to_owned(),
                spec: site,
            },
            integration: Integration {
                name: INTEGRATION.to_owned(),
                uid: "uid-integration".to_owned(),
                generation: 1,
                resource_version: "1".to_owned(),
                deleting: false,
                annotations: BTreeMap::new(),
                spec: PlantIntegrationSpec {
                    integration: INTEGRATION.to_owned(),
                    target: None,
                },
                status: PlantIntegrationStatus {
                    observed_generation: -1,
                    ..PlantIntegrationStatus::default()
                },
            },
            versions: BTreeMap::new(),
            neighbours: Vec::new(),
            base: None,
            called: None,
            revisions: Vec::new(),
            objects: BTreeMap::new(),
            pods: Vec::new(),
            shop: lines
                .iter()
                .map(|(name, _)| (name.clone(), shop::ToyLine::default()))
                .collect(),
            analysis: analysis(),
            scope: andon_api::RollbackScope::default(),
            standby: andon_api::Standby::None,
            lines_at_a_time: 1,
            author: None,
            approvals: Vec::new(),
            soaking: false,
            faults: Faults::default(),
            random: Random::new(seed),
            story: Vec::new(),
            violations: Vec::new(),
            looks: 0,
            ticks: 0,
            writes: 0,
            last_plan: None,
            rival: None,
            bin: Vec::new(),
            permits: BTreeSet::new(),
            uids: 0,
            gone: false,
            connections: 0,
            dirty: true,
            wake: None,
            past: Vec::new(),
            told: story::Told::default(),
            // What was seen a while ago is seen again.
            memory: andon_plan::Memory::of(4),
            lent_blueprint: None,
        }
    }

    /// A new UID.
    fn uid(&mut self) -> String {
        self.uids += 1;
        format!("uid-{}", self.uids)
    }

    /// Seconds since the world began.
    pub fn seconds(&self) -> i64 {
        self.now.duration_since(self.begun).as_secs()
    }

    /// One second passes: controllers, kubelet and lines do what they do, then the operator looks if it has reason to.
    pub fn tick(&mut self) {
        self.now += SignedDuration::from_secs(1);
        self.ticks += 1;
        self.tick_base();
        self.run_controllers();
        self.run_lines();
        self.check_world();
        if !self.gone && (self.dirty || self.wake.is_some_and(|wake| wake <= self.now)) {
            self.look();
        }
    }

    /// One look of the operator: observe, plan, check, apply, report.
    pub fn look(&mut self) {
        self.looks += 1;
        self.dirty = false;
        let (plan, version) = match self.stale() {
            Some(observed) => (
                self.plan(&observed),
                observed.integration.resource_version.clone(),
            ),
            None => {
                let observed = self.lend();
                let plan = self.plan(&observed);
                self.take_back(observed);
                (plan, self.integration.resource_version.clone())
            }
        };
        self.wake = plan.wake.map(|wake| self.now + round_up(wake));
        if self.faults.two_leaders
            && let Some((seen, late)) = self.rival.replace((version.clone(), plan.clone()))
        {
            let _ = self.carry_out(&seen, &late);
        }
        let finished = self.carry_out(&version, &plan);
        if finished.is_none() {
            // It died half-way and starts again.
            self.dirty = true;
        }
        self.last_plan = Some(plan);
    }

    fn plan(&mut self, observed: &Observed) -> Plan {
        let plan = andon_plan::plan_with(observed, &mut self.memory);
        self.check_plan(observed, &plan);
        plan
    }

    /// The rules that hold for every plan.
    fn check_plan(&mut self, observed: &Observed, plan: &Plan) {
        if let Err(broken) = andon_plan::check_with(observed, plan, &mut self.memory) {
            let broken = broken.iter().map(ToString::to_string);
            self.violations.extend(broken);
        }
        // A decision must be reproducible from one saved file, whatever was seen before.
        const EVERY: usize = 150;
        if !self.looks.is_multiple_of(EVERY) {
            return;
        }
        let saved = serde_json::to_string(observed).unwrap_or_default();
        match serde_json::from_str::<Observed>(&saved) {
            Ok(read) if andon_plan::plan(&read) == *plan => {}
            Ok(_) => self
                .violations
                .push("the saved Observed gives another plan".to_owned()),
            Err(error) => self
                .violations
                .push(format!("the saved Observed cannot be read: {error}")),
        }
    }

    /// The PlantIntegration's spec was changed.
    pub fn spec_changed(&mut self) {
        self.integration.generation += 1;
        self.touch_integration();
    }

    /// The PlantIntegration was written.
    fn touch_integration(&mut self) {
        let version: u64 = self.integration.resource_version.parse().unwrap_or(0);
        self.integration.resource_version = (version + 1).to_string();
        self.dirty = true;
    }

    /// The PlantSite, or something else the operator watches, was changed.
    pub fn site_changed(&mut self) {
        self.dirty = true;
    }
}

/// A line without parameters of its own.
pub fn line(name: &str, criticality: i32) -> Line {
    Line {
        name: name.to_owned(),
        criticality,
        equipment_family: None,
        validated: false,
        parameters: Parameters::new(),
    }
}

/// The analysis of every release here.
pub fn analysis() -> Analysis {
    Analysis {
        bake: Bake {
            duration: "30s".to_owned(),
            clock: andon_api::BakeClock::Always,
        },
        min_samples: 20,
        confidence: "99.9%".to_owned(),
        progress_deadline: "1m".to_owned(),
        ready_deadline: None,
        start_delay: None,
        pass_confidence: None,
        max_wait: None,
        shadow: None,
        checks: vec![Check {
            indicator: "refused".to_owned(),
            max: Some("1%".to_owned()),
            ..Check::default()
        }],
    }
}

/// The world's seconds are whole.
fn round_up(wake: Duration) -> SignedDuration {
    let seconds = wake.as_secs() + u64::from(wake.subsec_nanos() > 0);
    SignedDuration::from_secs(i64::try_from(seconds.max(1)).unwrap_or(i64::MAX))
}
