//! What the operator sees of the plant: mostly what is, sometimes what was.

use super::{World, blueprint};
use andon_api::{Parameters, PlantIntegrationSpec, PlantIntegrationStatus, PlantSiteSpec};
use andon_plan::{Integration, Observed, Seen, Site};
use std::collections::BTreeMap;
use std::rc::Rc;

impl World {
    /// What the operator would see now.
    pub fn observe(&self) -> Observed {
        let mut seen = Observed {
            now: self.now,
            site: self.site.clone(),
            integration: self.integration.clone(),
            blueprint: self.seen_blueprint(),
            neighbours: self.neighbours.clone(),
            revisions: self.revisions.clone(),
            objects: self.objects.values().cloned().collect(),
            pods: self.pods.iter().map(|toy| toy.pod.clone()).collect(),
            readings: self.readings(),
            vetoes: BTreeMap::new(),
            dry_runs: self.dry_runs(),
            approvals: Seen::Present(self.approvals.clone()),
        };
        seen.vetoes = self.vetoes(&seen);
        seen
    }

    fn seen_blueprint(&self) -> Seen<andon_api::BlueprintSpec> {
        let Some(target) = &self.integration.spec.target else {
            return Seen::Absent;
        };
        let version = &target.blueprint.version;
        match self.versions.get(version) {
            Some(variant) => Seen::Present(blueprint::blueprint(version, variant)),
            None => Seen::Absent,
        }
    }

    /// What was, if the operator sees that now.
    pub(super) fn stale(&mut self) -> Option<Rc<Observed>> {
        const REMEMBERED: usize = 5;
        if self.faults.stale == 0 {
            return None;
        }
        if !self.past.is_empty() && self.random.chance(self.faults.stale) {
            let which = self.random.below(self.past.len() as u64) as usize;
            return Some(Rc::clone(&self.past[which]));
        }
        // Every fourth: copies are dear.
        if self.looks.is_multiple_of(4) {
            self.past.push(Rc::new(self.observe()));
        }
        if self.past.len() > REMEMBERED {
            self.past.remove(0);
        }
        None
    }

    /// What is: as `observe` says it, but lent and not copied, since it is large and seen often.
    pub(super) fn lend(&mut self) -> Observed {
        let (readings, dry_runs) = (self.readings(), self.dry_runs());
        let blueprint = self.lent_blueprint.take();
        let mut seen = Observed {
            now: self.now,
            blueprint: blueprint.unwrap_or_else(|| self.seen_blueprint()),
            site: std::mem::replace(&mut self.site, no_site()),
            integration: std::mem::replace(&mut self.integration, no_integration()),
            neighbours: std::mem::take(&mut self.neighbours),
            revisions: std::mem::take(&mut self.revisions),
            objects: self.objects.values().cloned().collect(),
            pods: self
                .pods
                .iter_mut()
                .map(|toy| std::mem::take(&mut toy.pod))
                .collect(),
            readings,
            vetoes: BTreeMap::new(),
            dry_runs,
            approvals: Seen::Present(self.approvals.clone()),
        };
        seen.vetoes = self.vetoes(&seen);
        seen
    }

    /// Takes back what was lent.
    pub(super) fn take_back(&mut self, lent: Observed) {
        self.site = lent.site;
        self.integration = lent.integration;
        self.lent_blueprint = Some(lent.blueprint);
        self.neighbours = lent.neighbours;
        self.revisions = lent.revisions;
        for (toy, pod) in self.pods.iter_mut().zip(lent.pods) {
            toy.pod = pod;
        }
    }
}

/// Stands for a site that is lent.
fn no_site() -> Site {
    Site {
        name: String::new(),
        namespace: String::new(),
        spec: PlantSiteSpec {
            site_code: String::new(),
            time_zone: String::new(),
            fleet: String::new(),
            parameters: Parameters::new(),
            lines: Vec::new(),
            integrations: Vec::new(),
            validation: None,
            max_concurrent_lines: None,
            schedule: None,
            metrics: None,
        },
    }
}

/// Stands for an integration that is lent.
fn no_integration() -> Integration {
    Integration {
        name: String::new(),
        uid: String::new(),
        generation: 0,
        resource_version: String::new(),
        deleting: false,
        annotations: BTreeMap::new(),
        spec: PlantIntegrationSpec {
            integration: String::new(),
            target: None,
        },
        status: PlantIntegrationStatus::default(),
    }
}
