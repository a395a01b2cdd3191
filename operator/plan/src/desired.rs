//! What a line should run: its rendering, or why there is none. The planner asks only here.

use crate::hold::Hold;
use crate::observed::{Observed, Seen};
use andon_api::{BlueprintSpec, Line, Parameters, SITE_LINE, Scope};
use andon_render::{
    Facts, Layers, LineFacts, NamedParameters, PlantFacts, RenderRequest, Rendering,
};
use std::fmt::Display;

/// Why a line has no rendering.
pub(crate) type Refusal = Hold;

/// What `line` should run.
pub(crate) fn desired(observed: &Observed, line: &str) -> Result<Rendering, Refusal> {
    let Some(target) = &observed.integration.spec.target else {
        return Err(Hold::NoRelease);
    };
    let missing = |unknown| {
        Err(Hold::BlueprintMissing {
            name: target.blueprint.object_name(),
            unknown,
        })
    };
    let blueprint = match &observed.blueprint {
        Seen::Present(blueprint) => blueprint,
        Seen::Absent => return missing(None),
        Seen::Unknown(why) => return missing(Some(why.clone())),
    };
    let spec = &observed.site.spec;
    let integration = observed.integration.spec.integration.as_str();
    let empty = Parameters::new();
    let chosen = spec.integrations.iter().find(|i| i.name == integration);
    let line = line_of(blueprint, &spec.lines, line);
    let parameters = andon_render::effective(
        blueprint,
        &Layers {
            release: &target.parameters,
            site: &spec.parameters,
            integration: NamedParameters {
                name: integration,
                parameters: chosen.map_or(&empty, |i| &i.parameters),
            },
            line: line.map(|line| NamedParameters {
                name: &line.name,
                parameters: &line.parameters,
            }),
        },
    )
    .map_err(|errors| Hold::ParametersInvalid {
        message: listed(&errors),
    })?;
    andon_render::render(&RenderRequest {
        blueprint,
        facts: Facts {
            plant: PlantFacts {
                name: &observed.site.name,
                namespace: &observed.site.namespace,
                site_code: &spec.site_code,
                time_zone: &spec.time_zone,
            },
            line: line.map(|line| LineFacts {
                name: &line.name,
                criticality: line.criticality,
            }),
            integration,
        },
        parameters: &parameters,
    })
    .map_err(|errors| Hold::RenderFailed {
        message: listed(&errors),
    })
}

/// The line's entry in the PlantSite; none for a blueprint that is installed once for the plant.
fn line_of<'a>(blueprint: &BlueprintSpec, lines: &'a [Line], name: &str) -> Option<&'a Line> {
    match blueprint.scope {
        Scope::Site => None,
        Scope::Line => lines.iter().find(|line| line.name == name),
    }
}

/// The lines that take part, in the order in which they move.
pub(crate) fn order(observed: &Observed) -> Vec<String> {
    let scope = match &observed.blueprint {
        Seen::Present(blueprint) => blueprint.scope,
        // Nobody can tell what it is now; what it was is in the status.
        _ => match observed.integration.status.lines.as_slice() {
            [only] if only.name == SITE_LINE => Scope::Site,
            _ => Scope::Line,
        },
    };
    let spec = &observed.site.spec;
    let integration = &observed.integration.spec.integration;
    let Some(choice) = spec.integrations.iter().find(|i| i.name == *integration) else {
        return Vec::new();
    };
    if scope == Scope::Site {
        return vec![SITE_LINE.to_owned()];
    }
    let excluded = |name: &String| {
        let selection = choice.lines.as_ref();
        selection.is_some_and(|lines| lines.exclude.contains(name))
    };
    let mut lines: Vec<&Line> = spec.lines.iter().filter(|l| !excluded(&l.name)).collect();
    lines.sort_by_key(|line| (line.criticality, &line.name));
    lines.into_iter().map(|line| line.name.clone()).collect()
}

/// Errors as one message: the first few in full, since a status is no log.
fn listed<E: Display>(errors: &[E]) -> String {
    const SHOWN: usize = 3;
    let mut message: Vec<String> = errors.iter().take(SHOWN).map(E::to_string).collect();
    if errors.len() > SHOWN {
        message.push(format!("and {} more", errors.len() - SHOWN));
    }
    message.join("; ")
}
