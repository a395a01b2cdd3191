//! Parameters: defaulted, merged over their layers, checked against the blueprint's schema.

use crate::canonical::merge;
use crate::memo::Memo;
use crate::problem::{alternatives, shown};
use andon_api::{BlueprintSpec, Parameters, duration};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;
use std::cell::RefCell;

thread_local! {
    /// Compiled schemas of the last few blueprints: patterns are slow to compile and fast to match.
    static VALIDATORS: RefCell<Memo<Parameters, Validator>> = const { RefCell::new(Memo::new(8)) };
}

/// Who gives parameters. A later one wins, member by member, over those before it; the schema's defaults come first.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// `parameters` of the release. Every one must be in the schema.
    pub release: &'a Parameters,
    /// `parameters` of the `PlantSite`. Shared by all its blueprints: each takes those that its schema names.
    pub site: &'a Parameters,
    /// `integrations[name].parameters` of the `PlantSite`. Every one must be in the schema.
    pub integration: NamedParameters<'a>,
    /// `lines[name].parameters` of the `PlantSite`, shared as those of the plant; none for scope `Site`.
    pub line: Option<NamedParameters<'a>>,
}

/// Parameters of an integration or a line.
#[derive(Clone, Copy, Debug)]
pub struct NamedParameters<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its parameters.
    pub parameters: &'a Parameters,
}

/// A parameter that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}; {remedy}")]
pub struct ParameterError {
    /// Where it was given, or should be: `PlantSite lines[filling-1].parameters.opcua.endpoint`.
    pub path: String,
    /// What is wrong, with what was given.
    pub problem: String,
    /// What would be right, from the schema.
    pub remedy: String,
}

/// One source of values, and how a person finds it.
struct Source<'a> {
    prefix: String,
    parameters: &'a Parameters,
    strict: bool,
}

impl<'a> Layers<'a> {
    fn sources(&self) -> Vec<Source<'a>> {
        let source = |prefix: String, parameters, strict| Source {
            prefix,
            parameters,
            strict,
        };
        let Self {
            release,
            site,
            integration,
            line,
        } = *self;
        let mut sources = vec![
            source("IntegrationRelease parameters".to_owned(), release, true),
            source("PlantSite parameters".to_owned(), site, false),
            source(
                format!("PlantSite integrations[{}].parameters", integration.name),
                integration.parameters,
                true,
            ),
        ];
        sources.extend(line.map(|line| {
            source(
                format!("PlantSite lines[{}].parameters", line.name),
                line.parameters,
                false,
            )
        }));
        sources
    }
}

/// The parameters of one line: schema defaults < release < plant < integration < line, checked against the schema.
pub fn effective(
    blueprint: &BlueprintSpec,
    layers: &Layers<'_>,
) -> Result<Parameters, Vec<ParameterError>> {
    let schema = &blueprint.parameters;
    let validator = VALIDATORS.with_borrow_mut(|known| known.get(schema, || compile(schema)));
    let validator = validator.map_err(|error| {
        vec![ParameterError {
            path: format!(
                "blueprint {} {} parameters",
                blueprint.name, blueprint.version
            ),
            problem: format!("{} (at {} of the schema)", error.message, error.path),
            remedy: "correct parameters.yaml and release a new version of the blueprint".to_owned(),
        }]
    })?;
    let sources = layers.sources();
    let mut errors: Vec<ParameterError> = Vec::new();
    let mut merged = Parameters::new();
    fill_defaults(schema, &mut merged);
    for source in &sources {
        let (known, unknown): (Vec<_>, Vec<_>) = source
            .parameters
            .iter()
            .partition(|(key, _)| properties(schema).is_some_and(|all| all.contains_key(*key)));
        if source.strict {
            errors.extend(
                unknown
                    .into_iter()
                    .map(|(key, _)| unknown_parameter(schema, source, key)),
            );
        }
        let known: Parameters = known
            .into_iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        merge(&mut merged, &known);
    }
    fill_defaults(schema, &mut merged);
    let merged = Value::Object(merged);
    let context = Context {
        schema,
        sources: &sources,
    };
    for error in validator.iter_errors(&merged) {
        errors.extend(context.explain(&error));
    }
    match merged {
        Value::Object(merged) if errors.is_empty() => Ok(merged),
        _ => Err(errors),
    }
}

/// Compiles a parameter schema. Patterns run in linear time; formats are checked, unknown ones refused; `go-duration`
/// is one of ours.
pub(crate) fn compile(schema: &Parameters) -> Result<Validator, SchemaError> {
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_format("go-duration", |text: &str| duration::parse(text).is_ok())
        .build(&Value::Object(schema.clone()))
        .map_err(|error| SchemaError {
            path: error.instance_path().as_str().to_owned(),
            message: error.to_string(),
        })
}

/// Why a parameter schema cannot be used, and where in it.
pub(crate) struct SchemaError {
    /// JSON pointer.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

fn properties(schema: &Parameters) -> Option<&Parameters> {
    schema.get("properties").and_then(Value::as_object)
}

fn requires(schema: &Parameters, key: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|keys| keys.iter().any(|known| known == key))
}

/// Fills in what is not given. An optional object that nobody gives stays out where its defaults alone would not be
/// valid: `tls` with a default for one member and another one required.
fn fill_defaults(schema: &Parameters, values: &mut Parameters) {
    for (key, property) in properties(schema).into_iter().flatten() {
        let Some(property) = property.as_object() else {
            continue;
        };
        if let Some(Value::Object(given)) = values.get_mut(key) {
            fill_defaults(property, given);
        } else if !values.contains_key(key) {
            let mut value = property
                .get("default")
                .cloned()
                .unwrap_or_else(|| Value::Object(Parameters::new()));
            let mut worth_it = property.contains_key("default");
            if let Value::Object(members) = &mut value {
                fill_defaults(property, members);
                let complete = properties(property).is_none_or(|all| {
                    all.keys()
                        .all(|key| members.contains_key(key) || !requires(property, key))
                });
                worth_it |= !members.is_empty() && (complete || requires(schema, key));
            }
            if worth_it {
                values.insert(key.clone(), value);
            }
        }
    }
}

fn unknown_parameter(schema: &Parameters, source: &Source<'_>, key: &str) -> ParameterError {
    let known: Vec<&String> = properties(schema)
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
        .collect();
    ParameterError {
        path: format!("{}.{key}", source.prefix),
        problem: "the blueprint has no such parameter".to_owned(),
        remedy: format!("use {}, or take it out", alternatives(&known)),
    }
}

struct Context<'a> {
    schema: &'a Parameters,
    sources: &'a [Source<'a>],
}

impl Context<'_> {
    /// One error of the schema library as errors a person can act on.
    fn explain(&self, error: &ValidationError<'_>) -> Vec<ParameterError> {
        let path: Vec<String> = error
            .instance_path()
            .segments()
            .map(|segment| segment.to_string())
            .collect();
        let below = |key: &str| {
            path.iter()
                .cloned()
                .chain([key.to_owned()])
                .collect::<Vec<_>>()
        };
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                vec![self.missing(error, &below(key))]
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
                .iter()
                .map(|key| ParameterError {
                    path: self.given_at(&below(key)),
                    problem: "the blueprint has no such parameter".to_owned(),
                    remedy: self.known_members(error),
                })
                .collect(),
            _ => vec![ParameterError {
                path: self.given_at(&path),
                problem: format!("{} is not right", shown(error.instance())),
                remedy: self.remedy(error),
            }],
        }
    }

    fn missing(&self, error: &ValidationError<'_>, path: &[String]) -> ParameterError {
        let places: Vec<String> = self
            .sources
            .iter()
            .rev()
            .map(|source| place(&source.prefix, path))
            .collect();
        let own = self
            .subschema(error)
            .and_then(properties)
            .and_then(|all| all.get(path.last()?)?.as_object());
        ParameterError {
            path: format!("parameter {}", dotted(path)),
            problem: format!("it is required and not set{}", description(own)),
            remedy: format!("set {}", alternatives(&places)),
        }
    }

    /// Where the value at `path` was given; the last source that has it won.
    fn given_at(&self, path: &[String]) -> String {
        let has = |source: &&Source<'_>| {
            let mut steps = path.iter();
            let mut at = steps.next().and_then(|first| source.parameters.get(first));
            for step in steps {
                at = at.and_then(|value| match value {
                    Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                    other => other.get(step),
                });
            }
            at.is_some()
        };
        match self.sources.iter().rev().find(has) {
            Some(source) => place(&source.prefix, path),
            None => place("the blueprint's default of parameters", path),
        }
    }

    /// The schema object whose keyword was violated.
    fn subschema(&self, error: &ValidationError<'_>) -> Option<&Parameters> {
        let mut segments: Vec<LocationSegment<'_>> = error.schema_path().segments().collect();
        segments.pop();
        let Some((first, rest)) = segments.split_first() else {
            return Some(self.schema);
        };
        let mut at = self.schema.get(first.to_string().as_str())?;
        for segment in rest {
            at = match segment {
                LocationSegment::Property(key) => at.get(key.as_ref())?,
                LocationSegment::Index(index) => at.get(*index)?,
            };
        }
        at.as_object()
    }

    fn known_members(&self, error: &ValidationError<'_>) -> String {
        let known = self.subschema(error).and_then(properties);
        let known: Vec<&String> = known.into_iter().flatten().map(|(key, _)| key).collect();
        format!("use {}, or take it out", alternatives(&known))
    }

    fn remedy(&self, error: &ValidationError<'_>) -> String {
        use ValidationErrorKind as E;
        let what = match error.kind() {
            E::Type {
                kind: TypeKind::Single(kind),
            } => format!("write a value of type {kind}"),
            E::Type {
                kind: TypeKind::Multiple(kinds),
            } => {
                let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
                format!("write a value of type {}", alternatives(&kinds))
            }
            E::Enum { options } => {
                let options: Vec<String> = options
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(Value::to_string)
                    .collect();
                format!("write {}", alternatives(&options))
            }
            E::Constant { expected_value } => format!("write {expected_value}"),
            E::Pattern { pattern } => format!("write a text that matches {pattern}"),
            E::Format { format } => format!("write a text of format {format}"),
            E::Minimum { limit } => format!("write a number of at least {limit}"),
            E::Maximum { limit } => format!("write a number of at most {limit}"),
            E::ExclusiveMinimum { limit } => format!("write a number above {limit}"),
            E::ExclusiveMaximum { limit } => format!("write a number below {limit}"),
            E::MinLength { limit } => format!("write at least {limit} characters"),
            E::MaxLength { limit } => format!("write at most {limit} characters"),
            E::MinItems { limit } => format!("write at least {limit} items"),
            E::MaxItems { limit } => format!("write at most {limit} items"),
            other => format!("see {} in the blueprint's schema: {error}", other.keyword()),
        };
        format!("{what}{}", description(self.subschema(error)))
    }
}

fn place(prefix: &str, path: &[String]) -> String {
    format!("{prefix}.{}", dotted(path))
        .trim_end_matches('.')
        .to_owned()
}

/// `["routes", "0", "name"]` as `routes[0].name`.
fn dotted(path: &[String]) -> String {
    let mut out = String::new();
    for step in path {
        if step.bytes().all(|b| b.is_ascii_digit()) && !out.is_empty() {
            out.push_str(&format!("[{step}]"));
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(step);
        }
    }
    out
}

/// What the schema says about a parameter: its description and an example.
fn description(schema: Option<&Parameters>) -> String {
    let Some(schema) = schema else {
        return String::new();
    };
    let mut said = String::new();
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        said.push_str(text.trim().trim_end_matches('.'));
    }
    if let Some(example) = schema.get("examples").and_then(|examples| examples.get(0)) {
        let lead = if said.is_empty() { "" } else { ", " };
        said.push_str(&format!("{lead}for instance {}", shown(example)));
    }
    if said.is_empty() {
        said
    } else {
        format!(" ({said})")
    }
}
