//! The story of a run, in prose, with times: what a golden trace is made of.

use super::World;
use andon_api::label;
use andon_plan::{Change, Plan};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What has been told already.
#[derive(Default)]
pub struct Told {
    /// Phase and hold of each line.
    lines: BTreeMap<String, String>,
    conditions: String,
    /// Lines of which a check on trial has said something.
    dry_run: BTreeSet<String>,
}

impl World {
    /// Adds a line to the story.
    pub fn tell(&mut self, who: &str, what: &str) {
        let sign = if self.seconds() < 0 { "-" } else { "" };
        let s = self.seconds().abs();
        let who = match (self.called, who) {
            (Some(name), "" | "(check)") => format!("({name})"),
            _ => who.to_owned(),
        };
        let time = format!("{sign}{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
        self.story.push(
            format!("{time}  {who:<12} {}", without_digests(what))
                .trim_end()
                .to_owned(),
        );
    }

    /// What is about to be written, stage by stage.
    pub(super) fn tell_changes(&mut self, plan: &Plan) {
        let mut told: Vec<(String, String)> = Vec::new();
        for change in &plan.changes {
            let (line, what) = self.change(change);
            match told.last_mut() {
                Some((_, last)) if same_start(last, &what) => {
                    let kind = what.rsplit(": ").next().unwrap_or_default();
                    *last = format!("{last}, {kind}");
                }
                _ => told.push((line, what)),
            }
        }
        for (line, what) in told {
            self.tell(&line, &what);
        }
    }

    fn change(&self, change: &Change) -> (String, String) {
        match change {
            Change::Apply { object, uid } => {
                let verb = if uid.is_some() { "changes" } else { "creates" };
                let instance = object["metadata"]["labels"][label::INSTANCE].as_str();
                let version = self.rendered_from(object);
                let version = version.or_else(|| self.version_of(instance?));
                self.object(verb, object, version)
            }
            Change::Delete { kind, name, .. } => {
                let live = self.objects.get(&(kind.clone(), name.clone()));
                let live = live.map_or(&Value::Null, AsRef::as_ref);
                let instance = live["metadata"]["labels"][label::INSTANCE]
                    .as_str()
                    .unwrap_or("");
                let version = self.version_of(instance);
                self.object("deletes", live, version)
            }
            Change::DeletePod { name, .. } => {
                let pod = self.pods.iter().find(|toy| toy.pod.name == *name);
                let (line, stage, instance) = pod.map_or(("", "", ""), |toy| {
                    (&*toy.pod.line, &*toy.pod.stage, &*toy.pod.instance)
                });
                let version = self.version_of(instance).unwrap_or_default();
                (
                    line.to_owned(),
                    format!("deletes {stage} of {version}: Pod"),
                )
            }
            Change::SaveRevision {
                line, rendering, ..
            } => (
                line.clone(),
                format!("keeps the rendering of {}", rendering.version),
            ),
            Change::MarkRevision {
                name,
                last_good,
                failed,
                ..
            } => {
                let mark = match (last_good, failed) {
                    (true, _) => "as last good",
                    (false, Some(_)) => "as failed",
                    (false, None) => {
                        return self
                            .revision(name, |version| format!("takes the mark off {version}"));
                    }
                };
                self.revision(name, |version| format!("marks {version} {mark}"))
            }
            Change::RemoveFinalizer => (
                String::new(),
                "takes its finalizer off: the PlantIntegration goes".to_owned(),
            ),
            Change::DeleteRevision { name, .. } => {
                self.revision(name, |version| format!("forgets {version}"))
            }
        }
    }

    fn object(&self, verb: &str, object: &Value, version: Option<String>) -> (String, String) {
        let tag = |key: &str| {
            object["metadata"]["labels"][key]
                .as_str()
                .unwrap_or("")
                .to_owned()
        };
        let kind = object["kind"].as_str().unwrap_or("");
        let line = match tag(label::LINE) {
            line if line.is_empty() => "(check)".to_owned(),
            line => line,
        };
        let version = version.map_or(String::new(), |version| format!(" of {version}"));
        (
            line,
            format!("{verb} {}{version}: {kind}", tag(label::STAGE)),
        )
    }

    fn revision(&self, name: &str, say: impl Fn(&str) -> String) -> (String, String) {
        match self
            .revisions
            .iter()
            .find(|revision| revision.name == *name)
        {
            Some(revision) => (revision.line.clone(), say(&revision.rendering.version)),
            None => (String::new(), say("?")),
        }
    }

    /// The version whose rendering holds exactly this object.
    fn rendered_from(&self, object: &Value) -> Option<String> {
        let mut found: Vec<_> = self
            .revisions
            .iter()
            .filter(|revision| {
                let rendering = &revision.rendering;
                let check = rendering.check.iter().flat_map(|check| &check.objects);
                let shadow = rendering.shadow().into_iter();
                let shadow = shadow.flat_map(|(_, shadow)| &shadow.objects);
                rendering
                    .stages
                    .iter()
                    .flat_map(|s| &s.objects)
                    .chain(check)
                    .chain(shadow)
                    .any(|o| o == object)
            })
            .collect();
        found.sort_by_key(|revision| revision.number);
        found
            .first()
            .map(|revision| revision.rendering.version.clone())
    }

    fn version_of(&self, instance: &str) -> Option<String> {
        let mut revisions = self.revisions.iter();
        revisions
            .find(|revision| {
                let rendering = &revision.rendering;
                let shadow = rendering.shadow();
                rendering.stages.iter().any(|s| s.instance == instance)
                    || shadow.is_some_and(|(_, shadow)| shadow.instance == instance)
            })
            .map(|revision| revision.rendering.version.clone())
    }

    /// What a plan says: its events, then every line whose situation is another one now.
    pub(super) fn tell_plan(&mut self, plan: &Plan) {
        for event in &plan.events {
            let (who, note) = match event.note.split_once(": ") {
                Some((line, rest)) if self.shop.contains_key(line) => {
                    (line.to_owned(), rest.to_owned())
                }
                _ => (String::new(), event.note.clone()),
            };
            self.tell(&who, &format!("{}: {note}", event.reason));
        }
        for line in &plan.status.lines {
            let dry_run = line.trial.as_ref().and_then(|trial| trial.dry_run.clone());
            if let Some(found) = &dry_run
                && self.told.dry_run.insert(line.name.clone())
            {
                self.tell(
                    &line.name,
                    &format!("would fail if that check counted: {found}"),
                );
            } else if dry_run.is_none() {
                self.told.dry_run.remove(&line.name);
            }
            let hold = line.hold.as_ref();
            // Who is missing is the story; other holds only tick.
            let missing = hold.filter(|hold| hold.reason == "AwaitingApproval");
            let now = format!(
                "{:?} {}{}",
                line.phase,
                hold.map_or("", |hold| &hold.reason),
                missing.map_or("", |hold| &hold.message)
            );
            if self.told.lines.insert(line.name.clone(), now.clone()) != Some(now) {
                let why = hold.map_or(String::new(), |hold| {
                    format!(" ({}): {}", hold.reason, hold.message)
                });
                self.tell(&line.name, &format!("is {:?}{why}", line.phase));
            }
        }
        let told = |condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
            let sign = if condition.status == "True" {
                ""
            } else {
                "not "
            };
            format!("{sign}{} ({})", condition.type_, condition.reason)
        };
        let conditions: Vec<String> = plan.status.conditions.iter().map(told).collect();
        let conditions = conditions.join(", ");
        if self.told.conditions != conditions {
            self.tell("", &conditions);
            self.told.conditions = conditions;
        }
    }

    /// How it ended.
    pub fn epilogue(&mut self) {
        self.story.push(String::new());
        let lines: Vec<String> = self
            .integration
            .status
            .lines
            .iter()
            .map(|line| {
                let runs = line
                    .running
                    .as_ref()
                    .map_or("nothing", |running| &running.version);
                let shop = self.shop.get(&line.name).cloned().unwrap_or_default();
                format!(
                    "{:<12} {:?}, runs {runs}: {} posted, {} refused, {} waiting",
                    line.name, line.phase, shop.posted, shop.refused, shop.queue
                )
            })
            .collect();
        self.story.extend(lines);
        if let Some(mut base) = self.base.take() {
            base.epilogue();
            self.story.extend(base.story.split_off(1));
            self.base = Some(base);
        }
    }
}

/// Whether two changes differ in the kind of the object alone.
fn same_start(last: &str, what: &str) -> bool {
    let start = |text: &str| text.split_once(": ").map(|(start, _)| start.to_owned());
    start(last).is_some() && start(last) == start(what)
}

/// Digests change with every comma of a template; a story does not.
fn without_digests(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(dash) = rest.find('-') {
        let (before, after) = rest.split_at(dash + 1);
        out.push_str(before);
        let word: String = after
            .chars()
            .take_while(|c| c.is_ascii_hexdigit())
            .collect();
        let ends = after[word.len()..]
            .chars()
            .next()
            .is_none_or(|c| !c.is_ascii_alphanumeric());
        if word.len() == 8 && ends {
            out.push('#');
            rest = &after[8..];
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    // Whole ones.
    const DIGITS: usize = 64;
    let mut parts = out.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        format!("{text}sha256:#{}", part.get(DIGITS..).unwrap_or_default())
    })
}
