//! `blueprint.yaml`: what a blueprint says of itself, and whether that fits together.

use crate::order;
use crate::problem::{Place, Problem, alternatives};
use crate::shadow;
use crate::yaml::{self, Node};
use andon_api::{
    Address, BlueprintSpec, Indicator, Parameters, Progress, Requirement, Scope, Session, Stage,
    Strategy, Veto, duration, label,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The file that holds it.
pub(crate) const FILE: &str = "blueprint.yaml";
/// Longest name of a blueprint, an integration, a line: two of them and a stage must fit an object's name.
const LONGEST_NAME: usize = 30;

/// A blueprint without its files and parameter schema.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    name: String,
    version: String,
    scope: Scope,
    #[serde(default)]
    requires: Vec<Requirement>,
    #[serde(default)]
    provides: Vec<Address>,
    stages: Vec<Stage>,
    #[serde(default)]
    indicators: Vec<Indicator>,
    progress: Option<Progress>,
    veto: Option<Veto>,
}

/// Reads the manifest and checks it alone; `parameters` and `files` stay empty.
pub(crate) fn read(text: &str) -> Result<BlueprintSpec, Vec<Problem>> {
    let options = serde_saphyr::options! {
        strict_booleans: true, legacy_octal_numbers: true, with_snippet: false
    };
    let manifest: Manifest = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| vec![mistyped(&error)])?;
    // Once more as a tree: it knows where each field is, and refuses what two YAML readers read differently.
    let tree = yaml::parse(text).map_err(|flaw| {
        vec![Problem::new(
            FILE,
            Some(flaw.place),
            flaw.problem,
            flaw.remedy,
        )]
    })?;
    let spec = BlueprintSpec {
        name: manifest.name,
        version: manifest.version,
        scope: manifest.scope,
        requires: manifest.requires,
        provides: manifest.provides,
        stages: manifest.stages,
        indicators: manifest.indicators,
        progress: manifest.progress,
        veto: manifest.veto,
        parameters: Parameters::new(),
        files: BTreeMap::new(),
    };
    let mut check = Check {
        tree: tree.first(),
        problems: Vec::new(),
    };
    check.identity(&spec);
    check.stages(&spec);
    check.measurements(&spec);
    check.veto(&spec);
    if check.problems.is_empty() {
        Ok(spec)
    } else {
        Err(check.problems)
    }
}

fn mistyped(error: &serde_saphyr::Error) -> Problem {
    let place = error.location().map(|at| Place {
        line: usize::try_from(at.line()).unwrap_or(1),
        column: usize::try_from(at.column()).unwrap_or(1),
    });
    let message = error.to_string();
    // The place is said already.
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    let remedy = match message.contains("unknown field") {
        true => "correct the word or take it out",
        false => "see `kubectl explain blueprint.spec`",
    };
    Problem::new(FILE, place, message, remedy)
}

/// A range of versions, with blanks or commas between its parts: `>=1.0.0 <2.0.0`.
pub fn version_range(text: &str) -> Result<semver::VersionReq, semver::Error> {
    let mut parts: Vec<String> = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        match parts.last_mut() {
            // `>= 1.0.0` is one part.
            Some(last) if last.chars().all(|c| "<>=^~".contains(c)) => last.push_str(word),
            _ => parts.push(word.to_owned()),
        }
    }
    semver::VersionReq::parse(&parts.join(","))
}

struct Check<'a> {
    tree: Option<&'a Node>,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn say(&mut self, path: &[&str], problem: impl Into<String>, remedy: impl Into<String>) {
        let place = self.tree.map(|tree| tree.place_of(path));
        self.problems
            .push(Problem::new(FILE, place, problem, remedy));
    }

    fn name(&mut self, path: &[&str], name: &str) {
        if !is_label(name) {
            self.say(
                path,
                format!("\"{name}\" is no DNS label of at most {LONGEST_NAME} characters"),
                "use a-z, 0-9 and - between them",
            );
        }
    }

    fn identity(&mut self, spec: &BlueprintSpec) {
        self.name(&["name"], &spec.name);
        match semver::Version::parse(&spec.version) {
            Err(error) => self.say(
                &["version"],
                format!("\"{}\" is no semantic version: {error}", spec.version),
                "write three numbers, for instance 1.2.0",
            ),
            Ok(version)
                if !version.build.is_empty()
                    || spec.version.contains(|c: char| c.is_ascii_uppercase()) =>
            {
                self.say(
                    &["version"],
                    format!("\"{}\" cannot be part of an object's name", spec.version),
                    "leave out build metadata (+…) and capitals",
                );
            }
            Ok(_) => {}
        }
        for (index, requirement) in spec.requires.iter().enumerate() {
            let index = index.to_string();
            self.name(&["requires", &index, "blueprint"], &requirement.blueprint);
            if let Err(error) = version_range(&requirement.version) {
                self.say(
                    &["requires", &index, "version"],
                    format!(
                        "\"{}\" is no range of versions: {error}",
                        requirement.version
                    ),
                    "write for instance \">=1.0.0 <2.0.0\"",
                );
            }
        }
    }

    fn stages(&mut self, spec: &BlueprintSpec) {
        if spec.stages.is_empty() {
            self.say(&["stages"], "no stage", "write at least one");
        }
        let names: Vec<&str> = spec
            .stages
            .iter()
            .map(|stage| stage.name.as_str())
            .collect();
        let mut seen = BTreeSet::new();
        for (index, stage) in spec.stages.iter().enumerate() {
            let at = index.to_string();
            self.name(&["stages", &at, "name"], &stage.name);
            if [label::COMMON, label::CHECK, label::SHADOW].contains(&stage.name.as_str()) {
                self.say(
                    &["stages", &at, "name"],
                    format!("a stage may not be called {}", stage.name),
                    "these words have their own meaning; choose another name",
                );
            }
            if !seen.insert(stage.name.as_str()) {
                self.say(
                    &["stages", &at, "name"],
                    format!("the stage {} is there twice", stage.name),
                    "give each stage a name of its own",
                );
            }
            for after in stage
                .after
                .iter()
                .filter(|after| !names.contains(&after.as_str()))
            {
                self.say(
                    &["stages", &at, "after"],
                    format!(
                        "the stage {} waits for {after}, which does not exist",
                        stage.name
                    ),
                    format!("name {}", alternatives(&names)),
                );
            }
            self.stage(&at, stage);
        }
        for misfit in shadow::misfits(&spec.stages) {
            let at = misfit.stage.to_string();
            let path = ["stages", &at, misfit.field];
            self.say(&path, misfit.problem, misfit.remedy);
        }
        if self.problems.is_empty()
            && let Err(problems) = order::start_order(&spec.stages)
        {
            for problem in problems {
                self.say(&["stages"], problem.problem, problem.remedy);
            }
        }
    }

    fn stage(&mut self, at: &str, stage: &Stage) {
        if stage.session == Session::Exclusive && stage.strategy == Strategy::Takeover {
            self.say(
                &["stages", at, "strategy"],
                format!(
                    "the stage {} holds an exclusive session and has the strategy Takeover",
                    stage.name
                ),
                "write strategy: Replace, since Takeover runs two instances at once",
            );
        }
        if stage.standby && stage.strategy != Strategy::Takeover {
            self.say(
                &["stages", at, "standby"],
                format!(
                    "the stage {} has standby and the strategy {:?}",
                    stage.name, stage.strategy
                ),
                "write strategy: Takeover for a stage that reads an exclusive queue, or leave standby out: only with Takeover two instances are connected at once",
            );
        }
        if stage.standby && stage.metrics.is_none() {
            self.say(
                &["stages", at, "standby"],
                format!("the stage {} has standby and no metrics", stage.name),
                "give it metrics: by its counters it is noticed that the standby got the queue",
            );
        }
        if let Some(metrics) = &stage.metrics {
            if !(1..=65535).contains(&metrics.port) {
                self.say(
                    &["stages", at, "metrics", "port"],
                    format!("{} is no port", metrics.port),
                    "write a number from 1 to 65535",
                );
            }
            if !metrics.path.starts_with('/') {
                self.say(
                    &["stages", at, "metrics", "path"],
                    format!("\"{}\" is no path", metrics.path),
                    "begin it with /",
                );
            }
        }
    }

    fn measurements(&mut self, spec: &BlueprintSpec) {
        let mut seen = BTreeSet::new();
        for (index, indicator) in spec.indicators.iter().enumerate() {
            let at = index.to_string();
            self.name(&["indicators", &at, "name"], &indicator.name);
            if !seen.insert(indicator.name.as_str()) {
                self.say(
                    &["indicators", &at, "name"],
                    format!("the indicator {} is there twice", indicator.name),
                    "give each indicator a name of its own",
                );
            }
            if indicator.measure().is_none() {
                self.say(
                    &["indicators", &at],
                    format!("{} counts nothing, or two things", indicator.name),
                    "write good and bad (counters), or value (a histogram)",
                );
            }
            self.counts(spec, &["indicators", &at, "stage"], &indicator.stage);
        }
        if let Some(progress) = &spec.progress {
            self.counts(spec, &["progress", "stage"], &progress.stage);
            if progress.done.is_empty() {
                self.say(
                    &["progress", "done"],
                    "no counter",
                    "name the counters of finished documents",
                );
            }
        }
    }

    fn veto(&mut self, spec: &BlueprintSpec) {
        let Some(veto) = &spec.veto else {
            return;
        };
        self.counts(spec, &["veto", "stage"], &veto.stage);
        let remedy = "write how long a change waits at most, for instance 2h";
        match duration::parse(&veto.patience) {
            Err(error) => self.say(&["veto", "patience"], error.to_string(), remedy),
            Ok(patience) if patience.is_zero() => self.say(
                &["veto", "patience"],
                format!("\"{}\" is no time at all", veto.patience),
                remedy,
            ),
            Ok(_) => {}
        }
    }

    /// A stage whose counters are read must exist and say where it serves them.
    fn counts(&mut self, spec: &BlueprintSpec, path: &[&str], name: &str) {
        let names: Vec<&str> = spec
            .stages
            .iter()
            .map(|stage| stage.name.as_str())
            .collect();
        match spec.stages.iter().find(|stage| stage.name == name) {
            None => self.say(
                path,
                format!("the stage {name} does not exist"),
                format!("name {}", alternatives(&names)),
            ),
            Some(stage) if stage.metrics.is_none() => self.say(
                path,
                format!("the stage {name} does not say where its counters are"),
                "write metrics: {port, path} in that stage",
            ),
            Some(_) => {}
        }
    }
}

fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.chars().all(inner)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
}
