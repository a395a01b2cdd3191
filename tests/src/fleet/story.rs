//! The story of a run, in prose, with times: what a golden trace is made of.

use super::Fleet;
use andon_api::{Go, Target};
use andon_plan::{Assign, ObservedRelease, ReleasePlan};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::collections::BTreeMap;

/// What has been told already.
#[derive(Default)]
pub(super) struct Told {
    waves: BTreeMap<String, String>,
    conditions: BTreeMap<String, String>,
}

impl Fleet {
    /// Adds a line to the story.
    pub(super) fn tell(&mut self, who: &str, what: &str) {
        let minutes = self.elapsed / super::MINUTE;
        let time = format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let line = format!("{time}  {who:<10} {}", without_digests(what));
        self.story.push(line.trim_end().to_owned());
    }

    pub(super) fn tell_assign(&mut self, assign: &Assign, before: Option<&Target>) {
        let target = &assign.target;
        let soaking = if target.soaking { ", soaking" } else { "" };
        let version = &target.blueprint.version;
        let what = match before.filter(|it| it.digest == target.digest) {
            None => format!("is asked for {version}: {:?}{soaking}", target.go),
            Some(before) if before.go != target.go => match target.go {
                Go::Proceed => format!("may go on with {version}{soaking}"),
                Go::Wait => format!("is told to start no further line of {version}"),
                Go::Abort => format!("is told to give {version} up"),
                Go::Undo => format!("is told to undo {version}"),
            },
            Some(before) if before.soaking != target.soaking => match target.soaking {
                true => format!("is judged on {version}"),
                false => format!("is judged no further on {version}"),
            },
            Some(_) => format!("is told to try {version} again"),
        };
        self.tell(&assign.namespace, &what);
    }

    /// What a plan says: its events, the waves and conditions that are others now.
    pub(super) fn tell_plan(&mut self, observed: &ObservedRelease, plan: &ReleasePlan) {
        let name = observed.release.named.name.clone();
        for event in &plan.events {
            self.tell("", &format!("{}: {}", event.reason, event.note));
        }
        for wave in &plan.status.waves {
            let hold = wave.hold.as_ref();
            let why = hold.map_or(String::new(), |it| {
                format!(" ({}): {}", it.reason, it.message)
            });
            // How far the wave before has come is told there.
            let key = match hold.filter(|it| it.reason == "EarlierWaveNotDone") {
                Some(_) => format!("{:?} Earlier", wave.phase),
                None => format!("{:?} {} of {}{why}", wave.phase, wave.done, wave.total),
            };
            if self.told.waves.insert(wave.name.clone(), key.clone()) != Some(key) {
                let (done, total) = (wave.done, wave.total);
                self.tell(
                    "",
                    &format!(
                        "wave {} is {:?}, {done} of {total}{why}",
                        wave.name, wave.phase
                    ),
                );
            }
        }
        let conditions: Vec<String> = plan.status.conditions.iter().map(told).collect();
        let ready = plan.status.conditions.first();
        // A spec that cannot be followed says why; the rest is in the waves.
        let stalled = plan
            .status
            .conditions
            .iter()
            .any(|it| it.type_ == "Stalled");
        let why = ready.filter(|_| stalled || plan.status.waves.is_empty());
        let why = why.map_or(String::new(), |it| format!(": {}", it.message));
        let now = format!("{}{why}", conditions.join(", "));
        if self.told.conditions.insert(name.clone(), now.clone()) != Some(now.clone()) {
            let who = if self.releases.len() > 1 {
                format!("{name} is ")
            } else {
                String::new()
            };
            self.tell("", &format!("{who}{now}"));
        }
    }

    /// How it ended.
    pub(super) fn epilogue(&mut self) {
        self.story.push(String::new());
        let plants = self.plants.iter();
        let lines: Vec<String> = plants
            .map(|(name, plant)| {
                let offline = if plant.offline { ", out of reach" } else { "" };
                format!(
                    "{name:<10} {} runs {}{offline}",
                    plant.labels["ring"],
                    plant.runs().join(" and ")
                )
            })
            .collect();
        self.story.extend(lines);
        let phase = self
            .status()
            .phase
            .map_or(String::new(), |it| format!("{it:?}"));
        self.story.push(format!("the release is {phase}"));
    }
}

fn told(condition: &Condition) -> String {
    let sign = if condition.status == "True" {
        ""
    } else {
        "not "
    };
    format!("{sign}{} ({})", condition.type_, condition.reason)
}

/// Digests change with every comma of an analysis; a story does not.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("sha256:#");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    out
}
