//! Blueprint + facts + parameters -> the objects of one line.

use crate::canonical::digest_of;
use crate::manifest;
use crate::object::{Kind, Part, fill_digits};
use crate::problem::{Problem, RenderError};
use crate::template::{DIGIT, Templates, is_reserved};
use crate::value::value_of_map;
use crate::{
    Parameters, RenderedCheck, RenderedShadow, RenderedStage, Rendering, order, rendering, shadow,
};
use andon_api::{BlueprintSpec, SITE_LINE, Scope, Shadow, Stage, Strategy, digest, label};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// What is rendered, for whom.
#[derive(Clone, Copy, Debug)]
pub struct RenderRequest<'a> {
    /// The blueprint.
    pub blueprint: &'a BlueprintSpec,
    /// Where it will run.
    pub facts: Facts<'a>,
    /// The values, as [`crate::effective`] gives them.
    pub parameters: &'a Parameters,
}

/// Where a rendering will run.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The plant.
    pub plant: PlantFacts<'a>,
    /// The line; none for a blueprint with scope `Site`.
    pub line: Option<LineFacts<'a>>,
    /// Name of the integration.
    pub integration: &'a str,
}

/// The plant, as templates see it.
#[derive(Clone, Copy, Debug)]
pub struct PlantFacts<'a> {
    /// Name of the `PlantSite`.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its site code.
    pub site_code: &'a str,
    /// Its time zone.
    pub time_zone: &'a str,
}

/// The line, as templates see it.
#[derive(Clone, Copy, Debug)]
pub struct LineFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its criticality.
    pub criticality: i32,
}

/// Renders one integration on one line. The same request gives the same rendering on every machine.
pub fn render(request: &RenderRequest<'_>) -> Result<Rendering, Vec<RenderError>> {
    let blueprint = request.blueprint;
    Renderer::new(request)
        .and_then(|renderer| renderer.rendering())
        .map_err(|problems| {
            let name = format!("{} {}", blueprint.name, blueprint.version);
            let error = |problem| RenderError {
                blueprint: name.clone(),
                problem,
            };
            problems.into_iter().map(error).collect()
        })
}

struct Renderer<'a> {
    request: &'a RenderRequest<'a>,
    templates: Rc<Templates>,
    /// `<integration>-<line>`, or `<integration>` for scope `Site`.
    base: String,
}

impl<'a> Renderer<'a> {
    fn new(request: &'a RenderRequest<'a>) -> Result<Self, Vec<Problem>> {
        let Facts {
            line, integration, ..
        } = request.facts;
        let mismatch = |problem: &str, remedy: &str| {
            Err(vec![Problem::new("blueprint.yaml", None, problem, remedy)])
        };
        let base = match (request.blueprint.scope, line) {
            (Scope::Line, Some(line)) => format!("{integration}-{}", line.name),
            (Scope::Site, None) => integration.to_owned(),
            (Scope::Line, None) => {
                return mismatch("scope is Line, and no line was named", "name a line");
            }
            (Scope::Site, Some(_)) => {
                return mismatch("scope is Site, and a line was named", "leave the line out");
            }
        };
        refuse_reserved(request)?;
        let templates = Templates::of(&request.blueprint.files)?;
        let stages = &request.blueprint.stages;
        let misfits = shadow::misfits(stages).into_iter();
        let misfits = misfits.map(|it| Problem::new(manifest::FILE, None, it.problem, it.remedy));
        let problems: Vec<Problem> = misfits.chain(shadow::stray(stages, &templates)).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            request,
            templates,
            base,
        })
    }

    fn rendering(&self) -> Result<Rendering, Vec<Problem>> {
        let blueprint = self.request.blueprint;
        let mut problems = Vec::new();
        let mut keep = |found: Result<Rendered, Vec<Problem>>| match found {
            Ok(rendered) => Some(rendered),
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        let mut stages = Vec::new();
        for stage in order::start_order(&blueprint.stages)? {
            let part = self.part(&stage.name, Kind::Stage, ends_in_digest(stage));
            let Some(rendered) = keep(self.part_objects(part)) else {
                continue;
            };
            let mut rendered = rendered.into_stage(stage);
            if let Some(counters) = &stage.shadow {
                let part = self.part(&shadow::part(&stage.name), Kind::Shadow, true);
                let shadow = keep(self.part_objects(part));
                rendered.shadow = shadow.map(|shadow| shadow.into_shadow(counters));
            }
            stages.push(rendered);
        }
        let common = keep(self.part_objects(self.part(label::COMMON, Kind::Common, false)));
        let check = match self.templates.of_part(label::CHECK).is_empty() {
            true => None,
            false => keep(self.part_objects(self.part(label::CHECK, Kind::Check, true)))
                .map(Rendered::into_check),
        };
        let (Some(common), true) = (common, problems.is_empty()) else {
            return Err(problems);
        };
        let could = shadow::may_post(&stages, &common.objects);
        if !could.is_empty() {
            return Err(could);
        }
        Ok(Rendering {
            version: blueprint.version.clone(),
            digest: rendering::digest(&stages, &common.objects),
            stages,
            common: common.objects,
            check,
            indicators: blueprint.indicators.clone(),
            progress: blueprint.progress.clone(),
            veto: blueprint.veto.clone(),
            requires: blueprint.requires.clone(),
        })
    }

    fn part(&self, name: &str, kind: Kind, with_digest: bool) -> Part {
        let Facts {
            plant,
            line,
            integration,
        } = self.request.facts;
        let mut instance = match kind {
            Kind::Stage | Kind::Shadow => format!("{}-{}", self.base, name.replace('/', "-")),
            Kind::Common => self.base.clone(),
            Kind::Check => format!("{integration}-{name}"),
        };
        if with_digest {
            instance.push('-');
            instance.extend(std::iter::repeat_n(DIGIT, digest::SHORT));
        }
        let mut labels = Map::new();
        let mut add = |key: &str, value: &str| labels.insert(key.to_owned(), Value::from(value));
        add(label::PLANT, plant.name);
        add(label::INTEGRATION, integration);
        add(label::STAGE, shadow::own_name(name));
        add(label::INSTANCE, &instance);
        add(label::MANAGED_BY, label::MANAGED_BY_ANDON);
        // The check is the same for all lines with the same routes, so it must not know for which one it runs.
        if kind != Kind::Check {
            add(label::LINE, line.map_or(SITE_LINE, |line| line.name));
        }
        Part {
            name: name.to_owned(),
            kind,
            instance,
            labels,
        }
    }

    fn context(&self, part: &Part) -> Map<String, Value> {
        let Facts {
            plant,
            line,
            integration,
        } = self.request.facts;
        let mut context = Map::new();
        let mut add = |key: &str, value: Value| context.insert(key.to_owned(), value);
        add(
            "plant",
            json!({"name": plant.name, "namespace": plant.namespace, "siteCode": plant.site_code,
                   "timeZone": plant.time_zone}),
        );
        if let (Some(line), true) = (line, part.kind != Kind::Check) {
            add(
                "line",
                json!({"name": line.name, "criticality": line.criticality}),
            );
        }
        add("integration", Value::from(integration));
        add("stage", Value::from(shadow::stage_of(&part.name)));
        add("parameters", Value::Object(self.request.parameters.clone()));
        add("name", Value::from(part.instance.as_str()));
        add("labels", Value::Object(part.labels.clone()));
        context
    }

    fn part_objects(&self, part: Part) -> Result<Rendered, Vec<Problem>> {
        let context = value_of_map(&self.context(&part));
        let mut objects: Vec<Value> = Vec::new();
        let mut problems = Vec::new();
        let mut workloads = 0;
        for file in &self.templates.of_part(&part.name) {
            let page = match self.templates.render(file, &context) {
                Ok(page) => page,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            for document in page.documents() {
                match part.accept(&document) {
                    Ok(object) => {
                        workloads += usize::from(part.is_workload(&object));
                        if let Some(twin) = objects.iter().find(|other| same_name(other, &object)) {
                            let (kind, name) = (&twin["kind"], &twin["metadata"]["name"]);
                            problems.push(document.problem(
                                &["metadata", "name"],
                                format!("the {kind} {name} is there twice").replace('"', ""),
                                "give one of them another name",
                            ));
                        }
                        objects.push(object);
                    }
                    Err(found) => problems.extend(found),
                }
            }
        }
        let wanted = usize::from(part.kind != Kind::Common);
        if problems.is_empty() && workloads != wanted {
            problems.push(Problem::new(
                &format!("templates/{}", part.name),
                None,
                format!("{workloads} workloads"),
                format!(
                    "write exactly one {}",
                    crate::problem::alternatives(part.kind.workloads())
                ),
            ));
        }
        if problems.is_empty() {
            Rendered::new(part, objects)
        } else {
            Err(problems)
        }
    }
}

/// The objects of a part, complete.
struct Rendered {
    instance: String,
    digest: String,
    objects: Vec<Value>,
}

impl Rendered {
    /// Computes the digest over the objects with the slots for its digits still open, then fills them.
    fn new(part: Part, objects: Vec<Value>) -> Result<Self, Vec<Problem>> {
        let mut objects = Value::Array(objects);
        let digest = digest_of(&objects);
        let digits = digest::short(&digest);
        let mut instance = Value::from(part.instance);
        let cut = |()| {
            vec![Problem::new(
                &format!("templates/{}", part.name),
                None,
                "a filter cut the digits at the end of name",
                "use name whole, and put other text before or behind it",
            )]
        };
        fill_digits(&mut objects, digits).map_err(cut)?;
        fill_digits(&mut instance, digits).map_err(cut)?;
        let Value::Array(objects) = objects else {
            return Ok(Self {
                instance: String::new(),
                digest,
                objects: Vec::new(),
            });
        };
        Ok(Self {
            instance: instance.as_str().unwrap_or_default().to_owned(),
            digest,
            objects,
        })
    }

    fn into_stage(self, stage: &Stage) -> RenderedStage {
        RenderedStage {
            name: stage.name.clone(),
            strategy: stage.strategy,
            digest: self.digest,
            instance: self.instance,
            metrics: stage.metrics.clone(),
            standby: stage.standby,
            objects: self.objects,
            shadow: None,
        }
    }

    fn into_shadow(self, counters: &Shadow) -> RenderedShadow {
        RenderedShadow {
            instance: self.instance,
            digest: self.digest,
            counters: counters.clone(),
            objects: self.objects,
        }
    }

    fn into_check(self) -> RenderedCheck {
        RenderedCheck {
            name: self.instance,
            digest: self.digest,
            objects: self.objects,
        }
    }
}

/// An object that is changed where it stands keeps its name; all others have a name of their own for each rendering.
fn ends_in_digest(stage: &Stage) -> bool {
    stage.strategy != Strategy::InPlace
}

fn same_name(one: &Value, other: &Value) -> bool {
    one["kind"] == other["kind"] && one["metadata"]["name"] == other["metadata"]["name"]
}

/// No value may hold the characters that stand for slots and digits.
fn refuse_reserved(request: &RenderRequest<'_>) -> Result<(), Vec<Problem>> {
    fn holds(value: &Value) -> bool {
        match value {
            Value::String(text) => is_reserved(text),
            Value::Array(items) => items.iter().any(holds),
            Value::Object(members) => members
                .iter()
                .any(|(key, member)| is_reserved(key) || holds(member)),
            _ => false,
        }
    }
    let Facts {
        plant,
        line,
        integration,
    } = request.facts;
    let mut facts = vec![
        plant.name,
        plant.namespace,
        plant.site_code,
        plant.time_zone,
        integration,
    ];
    facts.extend(line.map(|line| line.name));
    let mut culprits: Vec<String> = facts
        .into_iter()
        .filter(|fact| is_reserved(fact))
        .map(|fact| format!("{fact:?}"))
        .collect();
    let bad = request
        .parameters
        .iter()
        .filter(|(key, value)| is_reserved(key) || holds(value));
    culprits.extend(bad.map(|(key, _)| format!("parameters.{}", key.escape_debug())));
    if culprits.is_empty() {
        return Ok(());
    }
    Err(vec![Problem::new(
        "parameters.yaml",
        None,
        format!(
            "a character between U+E000 and U+E003 in {}",
            culprits.join(", ")
        ),
        "rendering needs these four for itself; use other ones",
    )])
}
