//! Which plant belongs to which wave, and what the waves of a release say, read once.

use andon_api::{
    IntegrationReleaseSpec, PlantOperator, PlantRequirement, PlantSelector, Wave, duration,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;
use std::time::Duration;

/// The waves of a release, read; without waves one that has every plant, is always open and knows no limits.
pub(super) struct Waves<'a> {
    pub(super) waves: Vec<Read<'a>>,
    /// Plants that may be under way at a time, in all waves together.
    pub(super) most: usize,
}

/// One wave, read.
pub(super) struct Read<'a> {
    pub(super) wave: &'a Wave,
    pub(super) soak: Duration,
}

/// Reads the waves. An error names the field, the value and what would be right.
pub(super) fn read(spec: &IntegrationReleaseSpec) -> Result<Waves<'_>, String> {
    let mut waves: Vec<Read<'_>> = Vec::new();
    for (index, wave) in spec.waves.iter().enumerate() {
        let at = format!("spec.waves[{index}] ({})", wave.name);
        if waves.iter().any(|other| other.wave.name == wave.name) {
            return Err(format!(
                "{at}: the name is there twice; every wave has a name of its own"
            ));
        }
        for requirement in &wave.plants.match_expressions {
            requirement_is_right(requirement)
                .map_err(|why| format!("{at}.plants.matchExpressions: {why}"))?;
        }
        if let Some(limit) = &wave.max_concurrent_plants {
            most(limit, 1).ok_or_else(|| {
                format!(
                    "{at}.maxConcurrentPlants: {} is neither a number of at least 1 nor a percentage from 1% to 100%",
                    shown(limit)
                )
            })?;
        }
        let soak = wave.soak.as_deref().map(duration::parse).transpose();
        waves.push(Read {
            wave,
            soak: soak
                .map_err(|error| format!("{at}.soak: {error}"))?
                .unwrap_or_default(),
        });
    }
    Ok(Waves {
        waves,
        most: most_plants(spec)?,
    })
}

/// How many plants may be under way so that no more lines than `maxConcurrentLinesInFleet` can be on trial.
fn most_plants(spec: &IntegrationReleaseSpec) -> Result<usize, String> {
    let (lines, fleet) = (
        spec.max_concurrent_lines,
        spec.max_concurrent_lines_in_fleet,
    );
    let Some(fleet) = fleet else {
        return Ok(usize::MAX);
    };
    if lines < 1 || fleet < lines {
        return Err(format!(
            "spec.maxConcurrentLinesInFleet: {fleet} is less than the {lines} lines that maxConcurrentLines allows one \
             plant, so that no plant could start; make it at least {lines}, or allow fewer lines at one plant"
        ));
    }
    Ok(usize::try_from(fleet / lines).unwrap_or(usize::MAX))
}

fn requirement_is_right(requirement: &PlantRequirement) -> Result<(), String> {
    let PlantRequirement {
        key,
        operator,
        values,
    } = requirement;
    match (operator, values.is_empty()) {
        (PlantOperator::In | PlantOperator::NotIn, true) => {
            Err(format!("{operator:?} of {key} needs values"))
        }
        (PlantOperator::Exists | PlantOperator::DoesNotExist, false) => {
            Err(format!("{operator:?} of {key} takes no values"))
        }
        _ => Ok(()),
    }
}

/// Whether a selector selects a plant with these labels.
fn selects(selector: &PlantSelector, labels: &BTreeMap<String, String>) -> bool {
    let mut wanted = selector.match_labels.iter();
    let exact = wanted.all(|(key, value)| labels.get(key) == Some(value));
    exact
        && selector.match_expressions.iter().all(|it| {
            let value = labels.get(&it.key);
            let listed = value.is_some_and(|value| it.values.contains(value));
            match it.operator {
                PlantOperator::In => listed,
                PlantOperator::NotIn => !listed,
                PlantOperator::Exists => value.is_some(),
                PlantOperator::DoesNotExist => value.is_none(),
            }
        })
}

/// A number, or a percentage of `total` rounded up, of at least 1.
pub(super) fn most(limit: &IntOrString, total: usize) -> Option<usize> {
    match limit {
        IntOrString::Int(number) => usize::try_from(*number).ok().filter(|number| *number >= 1),
        IntOrString::String(text) => {
            let percent: usize = text.strip_suffix('%')?.parse().ok()?;
            (1..=100)
                .contains(&percent)
                .then(|| (total * percent).div_ceil(100).max(1))
        }
    }
}

fn shown(limit: &IntOrString) -> String {
    match limit {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => format!("\"{text}\""),
    }
}

impl Waves<'_> {
    /// Index of the first wave that selects a plant with these labels.
    pub(super) fn of(&self, labels: &BTreeMap<String, String>) -> Option<usize> {
        if self.waves.is_empty() {
            return Some(0);
        }
        self.waves
            .iter()
            .position(|read| selects(&read.wave.plants, labels))
    }
}
