//! What people do to a fleet.

use super::{Fleet, INTEGRATION, NAMESPACE, ToyVersion, plant::ToyPlant};
use crate::world::analysis;
use andon_api::{
    ApprovalSpec, BlueprintReference, IntegrationReleaseSpec, IntegrationReleaseStatus, Parameters,
    Rollback, RollbackScope, Wave, label,
};
use andon_plan::{ReleaseSeen, Seen, target_digest};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What people do.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Act {
    /// A version is released.
    pub(super) release: Option<String>,
    /// The waves are edited.
    pub(super) waves: Option<Vec<Wave>>,
    pub(super) scope: Option<RollbackScope>,
    /// `spec.paused`.
    pub(super) paused: Option<bool>,
    /// Annotations of the release: `pause: monday`.
    pub(super) annotate: BTreeMap<String, String>,
    pub(super) approve: Option<Approve>,
    /// Plant and its new ring.
    pub(super) relabel: BTreeMap<String, String>,
    /// Plants that join, and their ring.
    pub(super) join: BTreeMap<String, String>,
    pub(super) leave: Option<String>,
    pub(super) offline: Option<String>,
    pub(super) online: Option<String>,
    /// A version that did harm does none any more, for whatever reason.
    pub(super) heal: Option<String>,
    /// Another release for the same integration, so many minutes older (negative: younger) than the first.
    pub(super) second: Option<Second>,
    pub(super) delete: Option<String>,
    /// Minutes that the clock is set by.
    pub(super) clock: i64,
    pub(super) lose_status: bool,
    pub(super) author: Option<String>,
    /// The Blueprint of a version is deleted, or made again.
    pub(super) missing: Option<String>,
    pub(super) made: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Approve {
    pub(super) by: String,
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) wave: Option<String>,
    /// Minutes from now.
    #[serde(default)]
    pub(super) expires: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Second {
    pub(super) name: String,
    pub(super) version: String,
    #[serde(default)]
    pub(super) older_by: i64,
}

impl Fleet {
    /// Adds a release of a version.
    pub(super) fn add_release(&mut self, name: &str, version: &str, created: Timestamp) {
        let number = self.number();
        let named = self.named(name, created);
        self.releases.push(Rc::new(ReleaseSeen {
            named,
            namespace: NAMESPACE.to_owned(),
            uid: format!("release-{number}"),
            generation: 1,
            resource_version: number.to_string(),
            annotations: BTreeMap::from([(label::AUTHOR.to_owned(), "ben".to_owned())]),
            spec: IntegrationReleaseSpec {
                integration: INTEGRATION.to_owned(),
                blueprint: BlueprintReference {
                    name: "line-confirmations".to_owned(),
                    version: version.to_owned(),
                },
                parameters: Parameters::new(),
                waves: Vec::new(),
                max_concurrent_lines: 1,
                max_concurrent_lines_in_fleet: None,
                analysis: analysis(),
                rollback: Rollback::default(),
                paused: false,
            },
            status: IntegrationReleaseStatus {
                observed_generation: -1,
                ..IntegrationReleaseStatus::default()
            },
        }));
        self.dirty = true;
    }

    /// Adds a plant of a ring.
    pub(super) fn add_plant(&mut self, name: &str, ring: &str, lines: usize) {
        let uid = format!("plant-{}", self.number());
        self.plants
            .insert(name.to_owned(), ToyPlant::new(ring, lines, uid));
        self.dirty = true;
    }

    /// Somebody edits the first release; a spec that changes gets another generation.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut ReleaseSeen)) {
        let number = self.number();
        if let Some(release) = self.releases.first_mut() {
            let release = Rc::make_mut(release);
            let before = release.spec.clone();
            change(release);
            if release.spec != before {
                release.generation += 1;
            }
            release.resource_version = number.to_string();
        }
        self.dirty = true;
    }

    /// The digest of what the first release asks for now.
    pub(super) fn digest(&mut self) -> Option<String> {
        let release = Rc::clone(self.releases.first()?);
        match self.blueprint(&release.spec.blueprint.version) {
            Seen::Present(blueprint) => Some(target_digest(&blueprint, &release.spec)),
            _ => None,
        }
    }

    /// Something happens.
    pub(super) fn act(&mut self, act: &Act) {
        self.act_on_release(act);
        self.act_on_plants(act);
        self.act_on_world(act);
    }

    fn act_on_release(&mut self, act: &Act) {
        if let Some(author) = &act.author {
            self.say(&format!("the author is {author}"));
            let author = author.clone();
            self.edit(|it| {
                it.annotations.insert(label::AUTHOR.to_owned(), author);
            });
        }
        if let Some(waves) = act.waves.clone() {
            let names: Vec<&str> = waves.iter().map(|wave| wave.name.as_str()).collect();
            self.say(&format!("the waves are {}", names.join(", ")));
            self.edit(|it| it.spec.waves = waves);
        }
        if let Some(scope) = act.scope {
            self.say(&format!("the rollback's scope is {scope:?}"));
            self.edit(|it| it.spec.rollback.scope = scope);
        }
        if let Some(version) = &act.release {
            self.say(&format!("{version} is released"));
            self.versions.entry(version.clone()).or_default();
            self.edit(|it| it.spec.blueprint.version.clone_from(version));
        }
        if let Some(paused) = act.paused {
            self.say(&format!("spec.paused is {paused}"));
            self.edit(|it| it.spec.paused = paused);
        }
        for (key, value) in &act.annotate {
            self.say(&format!("andon.dev/{key} is \"{value}\""));
            let (key, value) = (format!("andon.dev/{key}"), value.clone());
            self.edit(|it| {
                it.annotations.insert(key, value);
            });
        }
        if let Some(approve) = &act.approve {
            self.approve(approve);
        }
        if act.lose_status {
            self.say("the release is restored from a backup, without status");
            self.edit(|it| {
                it.status = IntegrationReleaseStatus {
                    observed_generation: -1,
                    ..IntegrationReleaseStatus::default()
                };
            });
        }
        self.act_on_releases(act);
    }

    fn act_on_releases(&mut self, act: &Act) {
        if let Some(second) = &act.second {
            self.say(&format!(
                "release {} of {} is made, {} min older",
                second.name, second.version, second.older_by
            ));
            let first = self
                .releases
                .first()
                .map_or(self.now, |it| it.named.created);
            let created = first - SignedDuration::from_secs(second.older_by * super::MINUTE);
            self.add_release(&second.name, &second.version, created);
        }
        if let Some(name) = &act.delete {
            self.say(&format!("release {name} is deleted"));
            self.releases.retain(|it| it.named.name != *name);
            self.dirty = true;
        }
    }

    pub(super) fn approve(&mut self, approve: &Approve) {
        let release = self.releases.first().map(|it| it.named.name.clone());
        let Some((release, digest)) = release.zip(self.digest()) else {
            return;
        };
        let wave = approve.wave.as_deref().unwrap_or("every wave");
        let until = approve
            .expires
            .map_or(String::new(), |minutes| format!(", for {minutes} min"));
        let groups = approve.groups.join(", ");
        self.say(&format!("{} ({groups}) approves {wave}{until}", approve.by));
        let expires = approve
            .expires
            .map(|minutes| Time(self.now + SignedDuration::from_secs(minutes * super::MINUTE)));
        self.approvals.push(ApprovalSpec {
            release,
            digest,
            wave: approve.wave.clone(),
            line: None,
            approver: approve.by.clone(),
            groups: approve.groups.clone(),
            comment: None,
            expires,
        });
        self.dirty = true;
    }

    fn act_on_plants(&mut self, act: &Act) {
        for (name, ring) in &act.relabel {
            self.say(&format!("plant {name} is put into the ring {ring}"));
            if let Some(plant) = self.plants.get_mut(name) {
                plant.labels.insert("ring".to_owned(), ring.clone());
            }
            self.dirty = true;
        }
        for (name, ring) in &act.join {
            self.say(&format!("plant {name} joins, ring {ring}"));
            self.add_plant(name, ring, 2);
        }
        if let Some(name) = &act.leave {
            self.say(&format!("plant {name} leaves the fleet"));
            self.plants.remove(name);
            self.dirty = true;
        }
        for (name, offline) in [(&act.offline, true), (&act.online, false)] {
            let Some(name) = name else { continue };
            let how = if offline { "out of reach" } else { "back" };
            self.say(&format!("plant {name} is {how}"));
            if let Some(plant) = self.plants.get_mut(name) {
                plant.offline = offline;
            }
            self.dirty = true;
        }
    }

    fn act_on_world(&mut self, act: &Act) {
        if let Some(version) = &act.heal {
            self.say(&format!("what {version} stumbled over is repaired"));
            self.versions.insert(version.clone(), ToyVersion::default());
        }
        for (version, missing) in [(&act.missing, true), (&act.made, false)] {
            let Some(version) = version else { continue };
            let how = if missing { "gone" } else { "there" };
            self.say(&format!("the Blueprint of {version} is {how}"));
            self.versions.entry(version.clone()).or_default().missing = missing;
            self.dirty = true;
        }
        if act.clock != 0 {
            self.say(&format!("the clock is set by {} min", act.clock));
            self.now += SignedDuration::from_secs(act.clock * super::MINUTE);
            self.dirty = true;
        }
    }

    fn say(&mut self, what: &str) {
        self.tell("", &format!("--- {what}"));
    }
}

/// Waves from JSON.
pub(super) fn waves(value: Value) -> Vec<Wave> {
    serde_json::from_value(value).unwrap_or_default()
}

/// A selector of one ring.
pub(super) fn ring(name: &str) -> Value {
    json!({"matchLabels": {"ring": name}})
}
