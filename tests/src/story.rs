//! Follows a rollout and tells it line by line, as it happens.

use crate::wait::{Look, until};
use andon_api::{IntegrationRelease, LinePhase, LineStatus, PlantIntegration};
use anyhow::{Context, Result};
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One integration at one plant, watched.
pub struct Story {
    integrations: Api<PlantIntegration>,
    releases: Api<IntegrationRelease>,
    name: String,
    began: Instant,
    told: BTreeMap<String, String>,
    quiet: bool,
}

impl Story {
    /// Watches `name` at the plant in `namespace`, released from `fleet`.
    pub fn new(client: &kube::Client, fleet: &str, namespace: &str, name: &str) -> Self {
        Self {
            integrations: Api::namespaced(client.clone(), namespace),
            releases: Api::namespaced(client.clone(), fleet),
            name: name.to_owned(),
            began: Instant::now(),
            told: BTreeMap::new(),
            quiet: false,
        }
    }

    /// Says nothing while it watches.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Prints a line with the time since the story began.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            let seconds = self.began.elapsed().as_secs();
            println!("{:02}:{:02}  {text}", seconds / 60, seconds % 60);
        }
    }

    /// Releases another version, as a commit in Git would.
    pub async fn release(&self, version: &str) -> Result<()> {
        let patch = json!({"spec": {"blueprint": {"version": version}}});
        self.releases
            .patch(&self.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .with_context(|| format!("failed to release {version}"))?;
        self.say(&format!("{} {version} is released", self.name));
        Ok(())
    }

    /// What is known of the lines now.
    pub async fn lines(&self) -> Result<Vec<LineStatus>> {
        let integration = self.integrations.get(&self.name).await?;
        Ok(integration.status.unwrap_or_default().lines)
    }

    /// Tells what happens until `done` says so, at most `limit` long.
    pub async fn follow(
        &mut self,
        what: &str,
        limit: Duration,
        done: impl Fn(&[LineStatus]) -> bool,
    ) -> Result<Vec<LineStatus>> {
        let (integrations, name) = (self.integrations.clone(), self.name.clone());
        let (began, quiet) = (self.began, self.quiet);
        let told = std::cell::RefCell::new(std::mem::take(&mut self.told));
        let lines = until(what, limit, || async {
            let Some(integration) = integrations.get_opt(&name).await? else {
                return Ok(Look::NotYet(format!(
                    "there is no PlantIntegration {name} yet"
                )));
            };
            let lines = integration.status.clone().unwrap_or_default().lines;
            tell(&mut told.borrow_mut(), &lines, began, quiet);
            if done(&lines) {
                return Ok(Look::Done(lines));
            }
            let state = lines.iter().map(sentence).collect::<Vec<_>>().join("; ");
            let ready = integration.status.unwrap_or_default().conditions;
            let ready = ready
                .iter()
                .map(|c| format!("{}={} {}: {}", c.type_, c.status, c.reason, c.message));
            Ok(Look::NotYet(format!(
                "{state} | {}",
                ready.collect::<Vec<_>>().join("; ")
            )))
        })
        .await;
        self.told = told.into_inner();
        lines
    }
}

/// Whether every one of `count` lines runs `version` and nothing is under way.
pub fn all_run(lines: &[LineStatus], count: usize, version: &str) -> bool {
    lines.len() == count && lines.iter().all(|line| runs(line, version))
}

/// Whether a line is steady on `version`.
pub fn runs(line: &LineStatus, version: &str) -> bool {
    line.trial.is_none()
        && line.phase == LinePhase::Steady
        && line
            .last_good
            .as_ref()
            .is_some_and(|good| good.version == version)
}

/// Whether a line failed `version` and runs what it ran before.
pub fn taken_back(line: &LineStatus, version: &str) -> bool {
    line.trial.is_none()
        && line
            .failed
            .as_ref()
            .is_some_and(|failed| failed.rendering.version == version && failed.restored.is_some())
}

fn tell(told: &mut BTreeMap<String, String>, lines: &[LineStatus], began: Instant, quiet: bool) {
    for line in lines {
        let text = sentence(line);
        // Numbers tick; a story is told when something else changes, or every so often.
        let gist: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        if told.get(&line.name) != Some(&gist) {
            if !quiet {
                let seconds = began.elapsed().as_secs();
                println!("{:02}:{:02}  {text}", seconds / 60, seconds % 60);
            }
            told.insert(line.name.clone(), gist);
        }
    }
}

fn sentence(line: &LineStatus) -> String {
    let version = match (&line.trial, &line.running) {
        (Some(trial), _) => trial.rendering.version.clone(),
        (None, Some(running)) => running.version.clone(),
        (None, None) => "-".to_owned(),
    };
    let why = match (&line.trial, &line.hold, &line.failed) {
        (Some(trial), ..) if trial.failure.is_some() => {
            trial.failure.as_ref().map_or_else(String::new, |failure| {
                format!("{}: {}", failure.reason, failure.message)
            })
        }
        (_, Some(hold), _) => format!("{}: {}", hold.reason, hold.message),
        (_, None, Some(failed)) => {
            format!("{} failed: {}", failed.rendering.version, failed.message)
        }
        _ => String::new(),
    };
    format!(
        "{:<12} {:<11} {version:<7} {why}",
        line.name,
        format!("{:?}", line.phase)
    )
    .trim_end()
    .to_owned()
}
