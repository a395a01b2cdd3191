//! A folder of `blueprints/` -> a `BlueprintSpec`, or everything that is wrong with it.

use crate::manifest;
use crate::object::Kind;
use crate::parameter;
use crate::problem::{PackError, Place, Problem, alternatives};
use crate::shadow;
use crate::slot;
use crate::template::{FOLDER, RENDERED, Templates};
use crate::yaml;
use andon_api::{BlueprintSpec, Parameters, label};
use serde_json::Value;
use std::collections::BTreeMap;

/// The file with the parameter schema.
const PARAMETERS: &str = "parameters.yaml";
/// Where a blueprint's golden documents are; they are packed, since the check reads them in the plant.
const GOLDEN: &str = "tests/golden/";
/// Bytes a packed blueprint may have: etcd takes 1.5 MiB in one request.
const LARGEST: usize = 1 << 20;

/// Packs a folder, given as path below the folder -> content. Left out: `README.md`, `tools/`, and what is in `tests/`
/// but not in `tests/golden/`.
pub fn pack(files: &BTreeMap<String, String>) -> Result<BlueprintSpec, Vec<PackError>> {
    packed(files).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| PackError { problem })
            .collect()
    })
}

fn packed(files: &BTreeMap<String, String>) -> Result<BlueprintSpec, Vec<Problem>> {
    let Some(text) = files.get(manifest::FILE) else {
        return Err(vec![Problem::new(
            manifest::FILE,
            None,
            "the folder has no such file",
            "name the folder of a blueprint, or write the file: name, version, scope and stages",
        )]);
    };
    let mut spec = manifest::read(text)?;
    let mut problems = Vec::new();
    match files
        .get(PARAMETERS)
        .map_or(Ok(Parameters::new()), |text| schema(text))
    {
        Ok(schema) => spec.parameters = schema,
        Err(problem) => problems.push(problem),
    }
    spec.files = files
        .iter()
        .filter(|(path, _)| is_packed(path))
        .map(|(path, text)| (path.clone(), text.clone()))
        .collect();
    problems.extend(spec.files.keys().filter_map(|path| path_problem(path)));
    problems.extend(
        spec.files
            .iter()
            .filter_map(|(path, text)| syntax_problem(path, text)),
    );
    match Templates::of(&spec.files) {
        Ok(templates) => problems.extend(part_problems(&spec, &templates)),
        Err(found) => problems.extend(found),
    }
    let size = serde_json::to_vec(&spec).map_or(usize::MAX, |json| json.len());
    if size > LARGEST {
        problems.push(Problem::new(
            manifest::FILE,
            None,
            format!("packed, the blueprint has {size} bytes"),
            format!("at most {LARGEST} fit an object; take out the largest files"),
        ));
    }
    if problems.is_empty() {
        Ok(spec)
    } else {
        Err(problems)
    }
}

/// Whether [`pack`] looks at a file, given by its path below the blueprint's folder. The others need not be read.
pub fn is_read(path: &str) -> bool {
    [manifest::FILE, PARAMETERS].contains(&path) || is_packed(path)
}

fn is_packed(path: &str) -> bool {
    let aside = [manifest::FILE, PARAMETERS].contains(&path)
        || path == "README.md"
        || path.ends_with("/README.md")
        || path.starts_with("tools/")
        || path.split('/').any(|step| step.starts_with('.'));
    !aside && (!path.starts_with("tests/") || path.starts_with(GOLDEN))
}

/// File names become keys of ConfigMaps.
fn path_problem(path: &str) -> Option<Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!path.chars().all(good) || path.len() > 253).then(|| {
        Problem::new(
            path,
            None,
            "a file name that cannot be a key of a ConfigMap",
            "use letters, digits, -, _ and ., at most 253 of them",
        )
    })
}

fn schema(text: &str) -> Result<Parameters, Problem> {
    let tree = yaml::parse(text)
        .map_err(|flaw| Problem::new(PARAMETERS, Some(flaw.place), flaw.problem, flaw.remedy))?;
    let value = match tree.first() {
        Some(node) => slot::fill(node, &[]).map_err(|flaw| {
            Problem::new(PARAMETERS, Some(flaw.place), flaw.problem, flaw.remedy)
        })?,
        None => Value::Object(Parameters::new()),
    };
    let Value::Object(schema) = value else {
        return Err(Problem::new(
            PARAMETERS,
            None,
            "no mapping",
            "write a JSON Schema as YAML",
        ));
    };
    parameter::compile(&schema).map_err(|error| {
        let path: Vec<String> = error.path.split('/').skip(1).map(str::to_owned).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let place = tree.first().map(|tree| tree.place_of(&path));
        Problem::new(
            PARAMETERS,
            place,
            error.message,
            "correct the JSON Schema (draft 2020-12)",
        )
    })?;
    Ok(schema)
}

/// Whether what is written in YAML or JSON can be read.
fn syntax_problem(path: &str, text: &str) -> Option<Problem> {
    if path.starts_with(FOLDER) {
        return None;
    }
    if path.ends_with(".yaml") || path.ends_with(".yml") {
        return match yaml::is_yaml(text) {
            Ok(()) => None,
            Err(flaw) => Some(Problem::new(
                path,
                Some(flaw.place),
                flaw.problem,
                flaw.remedy,
            )),
        };
    }
    // A golden document may be broken on purpose: that a cut-off telegram is refused is worth a check.
    if path.ends_with(".json") && !path.starts_with(GOLDEN) {
        let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
        let place = Place {
            line: error.line(),
            column: error.column(),
        };
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(message, _)| message);
        return Some(Problem::new(
            path,
            Some(place),
            format!("not JSON: {message}"),
            "correct it",
        ));
    }
    None
}

/// Every part has templates, and exactly one workload where it should.
fn part_problems(spec: &BlueprintSpec, templates: &Templates) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut parts: Vec<(&str, Kind)> =
        vec![(label::COMMON, Kind::Common), (label::CHECK, Kind::Check)];
    parts.extend(
        spec.stages
            .iter()
            .map(|stage| (stage.name.as_str(), Kind::Stage)),
    );
    let shadowed = spec.stages.iter().filter(|stage| stage.shadow.is_some());
    let shadows: Vec<String> = shadowed.map(|stage| shadow::part(&stage.name)).collect();
    parts.extend(shadows.iter().map(|part| (part.as_str(), Kind::Shadow)));
    problems.extend(shadow::stray(&spec.stages, templates));
    for (part, kind) in &parts {
        let files = templates.of_part(part);
        if files.is_empty() && matches!(kind, Kind::Common | Kind::Check) {
            continue;
        }
        let found: usize = files
            .iter()
            .map(|file| workloads(&spec.files[file], kind.workloads()))
            .sum();
        if *kind != Kind::Common && found != 1 {
            problems.push(Problem::new(
                files
                    .first()
                    .map_or(&format!("{FOLDER}{part}/"), |file| file),
                None,
                format!("{found} workloads in {FOLDER}{part}/"),
                format!("write exactly one {}", alternatives(kind.workloads())),
            ));
        }
    }
    let names: Vec<&str> = parts.iter().map(|(part, _)| *part).collect();
    for path in spec
        .files
        .keys()
        .filter(|path| path.starts_with(FOLDER) && path.ends_with(RENDERED))
    {
        let part = path[FOLDER.len()..].split_once('/').map(|(part, _)| part);
        if !part.is_some_and(|part| names.contains(&part)) {
            problems.push(Problem::new(
                path,
                None,
                "this template belongs to no stage",
                format!(
                    "put it below {FOLDER}, into {}; what is only imported ends in .j2",
                    alternatives(&names)
                ),
            ));
        }
    }
    problems
}

/// Workloads that a template writes, by its lines: values are not known yet.
fn workloads(text: &str, kinds: &[&str]) -> usize {
    let kind = |line: &str| {
        line.strip_prefix("kind:")
            .map(|kind| kind.trim().to_owned())
    };
    text.lines()
        .filter_map(kind)
        .filter(|kind| kinds.contains(&kind.as_str()))
        .count()
}
