//! What the planner sees of a state: a plant with one stage a line, rendered by the real renderer.

use super::blueprint::{INDICATOR, STAGE, analysis, blueprint, render};
use super::state::{At, Phase, Revisions, Slots, VERSIONS, places};
use super::{Config, Kind};
use crate::world::{BLUEPRINT, INTEGRATION, line};
use andon_api::{
    BlueprintReference, BlueprintSpec, Go, IntegrationChoice, Parameters, PlantIntegrationSpec,
    PlantIntegrationStatus, PlantSiteSpec, Rollback, Target, digest,
};
use andon_plan::{
    Counts, DryRun, GoodBad, Integration, Observed, Pod, Reading, Revision, Seen, Site,
};
use andon_render::Rendering;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The only instant that a state knows: when all happened that has happened.
pub const THEN: &str = "2026-11-21T08:00:00Z";
/// A look comes a second after what was last written, so that a trial that begins is not the one before.
pub const NOW: &str = "2026-11-21T08:00:01Z";
/// Beyond every deadline.
pub const LATE: &str = "2026-11-21T09:00:00Z";

/// How the world answers in one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Counters and the API server's dry run answer.
    Yes,
    /// Neither answers.
    No,
    /// Counters answer, and where a version is good at times and bad at others, it is bad now.
    Bad,
    /// As `Yes`, and every deadline has passed since the look before.
    Late,
}

/// Of what a look is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sight {
    /// Version that is asked for.
    pub target: u8,
    /// The world.
    pub quality: u8,
    /// The workloads as they were listed.
    pub objects: Slots,
    /// The pods as they were listed.
    pub pods: Slots,
    /// The kept renderings.
    pub revisions: Revisions,
    /// The status.
    pub status: u32,
    /// How the world answers.
    pub answer: Answer,
}

/// All that does not change.
pub struct Plant {
    config: Config,
    site: Site,
    blueprints: [BlueprintSpec; VERSIONS],
    /// What each version is on each line.
    pub renderings: Vec<[Rendering; VERSIONS]>,
    then: Timestamp,
    now: Timestamp,
    late: Timestamp,
}

impl Plant {
    /// A plant at rest with nothing in it.
    pub fn new(config: &Config) -> Result<Self, String> {
        let names: Vec<String> = (0..config.lines).map(name).collect();
        let spec = PlantSiteSpec {
            site_code: "DE-ULM-01".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            fleet: "andon-fleet".to_owned(),
            parameters: Parameters::new(),
            lines: names.iter().map(|name| line(name, 0)).collect(),
            integrations: vec![IntegrationChoice {
                name: INTEGRATION.to_owned(),
                lines: None,
                parameters: Parameters::new(),
            }],
            validation: None,
            max_concurrent_lines: None,
            schedule: None,
            metrics: None,
        };
        let site = Site {
            name: "ulm".to_owned(),
            namespace: "plant-ulm".to_owned(),
            spec,
        };
        let blueprints = [
            blueprint(0, config.strategies[0]),
            blueprint(1, config.strategies[1]),
        ];
        let rendered = |name: &String| {
            Ok([
                render(&site, &blueprints[0], name)?,
                render(&site, &blueprints[1], name)?,
            ])
        };
        let renderings = names.iter().map(rendered).collect::<Result<_, String>>()?;
        let instant = |text: &str| text.parse::<Timestamp>().map_err(|e| e.to_string());
        Ok(Self {
            config: config.clone(),
            site,
            blueprints,
            renderings,
            then: instant(THEN)?,
            now: instant(NOW)?,
            late: instant(LATE)?,
        })
    }

    /// The rendering of a version on a line.
    pub fn rendering(&self, at: At) -> &Rendering {
        &self.renderings[usize::from(at.line)][usize::from(at.version)]
    }

    /// Which version on which line a digest is.
    pub fn at(&self, line: &str, digest: &str) -> Option<At> {
        let mut all = places(self.config.lines);
        all.find(|at| name(at.line.into()) == line && self.rendering(*at).digest == digest)
    }

    /// What the planner sees.
    pub fn observed(&self, sight: &Sight, status: &PlantIntegrationStatus) -> Observed {
        let all = || places(self.config.lines);
        let there = |slots: &Slots, at: &At| at.get(slots).phase != Phase::Absent;
        let objects = all().filter(|at| there(&sight.objects, at));
        let pods = all().filter(|at| there(&sight.pods, at));
        let kept = all().filter(|at| at.get(&sight.revisions).number > 0);
        Observed {
            now: match sight.answer {
                Answer::Late => self.late,
                Answer::Yes | Answer::No | Answer::Bad => self.now,
            },
            site: self.site.clone(),
            integration: self.integration(sight.target, status),
            blueprint: Seen::Present(self.blueprints[usize::from(sight.target)].clone()),
            neighbours: Vec::new(),
            revisions: kept
                .map(|at| Arc::new(self.revision(at, &sight.revisions)))
                .collect(),
            objects: objects
                .map(|at| Arc::new(self.object(at, &sight.objects)))
                .collect(),
            pods: pods.map(|at| self.pod(at, &sight.pods)).collect(),
            readings: self.readings(sight, status),
            vetoes: BTreeMap::new(),
            dry_runs: self.dry_runs(sight, status),
            approvals: Seen::Present(Vec::new()),
        }
    }

    fn integration(&self, target: u8, status: &PlantIntegrationStatus) -> Integration {
        Integration {
            name: INTEGRATION.to_owned(),
            uid: "uid-integration".to_owned(),
            // Compared for equality only, so there is no need to count.
            generation: i64::from(target) + 1,
            resource_version: "1".to_owned(),
            deleting: false,
            annotations: BTreeMap::new(),
            spec: PlantIntegrationSpec {
                integration: INTEGRATION.to_owned(),
                target: Some(Target {
                    release: format!("andon-fleet/{INTEGRATION}"),
                    blueprint: BlueprintReference {
                        name: BLUEPRINT.to_owned(),
                        version: version(target),
                    },
                    parameters: Parameters::new(),
                    analysis: analysis(),
                    digest: target_digest(target),
                    rollback: Rollback {
                        scope: self.config.scope,
                        ..Rollback::default()
                    },
                    go: Go::Proceed,
                    author: None,
                    max_concurrent_lines: 1,
                    soaking: false,
                    retry: None,
                }),
            },
            status: status.clone(),
        }
    }

    fn revision(&self, at: At, revisions: &Revisions) -> Revision {
        let (rendering, kept) = (self.rendering(at), at.get(revisions));
        Revision {
            name: self.revision_name(at),
            uid: format!("kept-{}-{}", at.line, at.version),
            line: name(at.line.into()),
            number: kept.number.into(),
            last_good: kept.last_good,
            failed: kept.failed.map(target_digest),
            rendering: rendering.clone(),
        }
    }

    /// Name of a ControllerRevision.
    pub fn revision_name(&self, at: At) -> String {
        let short = digest::short(&self.rendering(at).digest);
        format!("{INTEGRATION}-{}-{short}", name(at.line.into()))
    }

    /// The Deployment. Its status follows its pod at once.
    fn object(&self, at: At, slots: &Slots) -> Value {
        let slot = at.get(slots);
        let mut object = self.rendering(at).stages[0].objects[0].clone();
        object["metadata"]["uid"] = json!(object_uid(at, slot.incarnation));
        object["metadata"]["generation"] = json!(1);
        if slot.phase == Phase::Leaving {
            object["metadata"]["deletionTimestamp"] = json!(THEN);
        }
        object["status"] = json!({
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": i32::from(slot.phase == Phase::Ready),
        });
        object
    }

    fn pod(&self, at: At, slots: &Slots) -> Pod {
        let slot = at.get(slots);
        let instance = &self.rendering(at).stages[0].instance;
        Pod {
            name: format!("{instance}-{}", slot.incarnation),
            uid: pod_uid(at, slot.incarnation),
            line: name(at.line.into()),
            stage: STAGE.to_owned(),
            instance: instance.clone(),
            ready: slot.phase == Phase::Ready,
            terminating: slot.phase == Phase::Leaving,
            started: (slot.phase == Phase::Ready).then_some(self.then),
            restarts: 0,
            trouble: None,
            last_words: None,
        }
    }

    /// What is wrong with a version on a line.
    pub fn kind(&self, quality: u8, at: At) -> Kind {
        match at.version {
            0 => Kind::Good,
            _ => self.config.qualities[usize::from(quality)][usize::from(at.line)],
        }
    }

    fn readings(
        &self,
        sight: &Sight,
        status: &PlantIntegrationStatus,
    ) -> BTreeMap<String, Reading> {
        if !status.lines.iter().any(andon_plan::is_counted) {
            return BTreeMap::new();
        }
        let running =
            places(self.config.lines).filter(|at| at.get(&sight.pods).phase == Phase::Ready);
        let readings = running.map(|at| {
            let uid = pod_uid(at, at.get(&sight.pods).incarnation);
            let bad = match self.kind(sight.quality, at) {
                Kind::Refused => true,
                Kind::Fickle => sight.answer == Answer::Bad,
                Kind::Good | Kind::NeverReady | Kind::Forbidden => false,
            };
            let seen = GoodBad {
                good: 1,
                bad: if bad { 20 } else { 0 },
            };
            let counts = Counts {
                indicators: BTreeMap::from([(INDICATOR.to_owned(), seen)]),
                done: None,
                waiting: None,
                busy: None,
                values: BTreeMap::new(),
                fields: BTreeMap::new(),
            };
            match sight.answer {
                Answer::No => (uid, Reading::NoAnswer("connection refused".to_owned())),
                _ => (uid, Reading::Counts(counts)),
            }
        });
        readings.collect()
    }

    fn dry_runs(&self, sight: &Sight, status: &PlantIntegrationStatus) -> BTreeMap<String, DryRun> {
        let unchecked = status.lines.iter().filter_map(|line| {
            let trial = line.trial.as_ref().filter(|trial| !trial.checked)?;
            let at = self.at(&line.name, &trial.rendering.digest)?;
            Some((line.name.clone(), at))
        });
        let answer = |at| match (sight.answer, self.kind(sight.quality, at)) {
            (Answer::No, _) => DryRun::NoAnswer("no answer".to_owned()),
            (_, Kind::Forbidden) => DryRun::Refused("forbidden".to_owned()),
            _ => DryRun::Accepted,
        };
        unchecked.map(|(line, at)| (line, answer(at))).collect()
    }
}

/// Name of a line.
pub fn name(line: usize) -> String {
    format!("line-{}", line + 1)
}

/// Number of a version.
pub fn version(version: u8) -> String {
    format!("{}.0.0", version + 1)
}

/// Digest of the target that asks for a version.
pub fn target_digest(target: u8) -> String {
    format!("sha256:target-{target}")
}

/// UID of a Deployment.
pub fn object_uid(at: At, incarnation: u8) -> String {
    format!("object-{}-{}-{incarnation}", at.line, at.version)
}

/// UID of its pod.
pub fn pod_uid(at: At, incarnation: u8) -> String {
    format!("pod-{}-{}-{incarnation}", at.line, at.version)
}
