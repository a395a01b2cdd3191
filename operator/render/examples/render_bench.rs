//! How long one line takes: `cargo run --release -p andon-render --example render_bench [BLUEPRINT-FOLDER]`.
//!
//! Prints one line of JSON with microseconds (median of many): from the packed blueprint to a rendering with its digest,
//! parameters checked. The limit is 1 ms.
#![allow(clippy::disallowed_methods)] // a benchmark needs a clock and files

use andon_api::{BlueprintSpec, Parameters};
use andon_render::{
    Facts, Layers, LineFacts, NamedParameters, PlantFacts, RenderRequest, effective, is_read, pack,
    render,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

const RUNS: usize = 1000;
/// What a line of the confirmations needs beside the defaults.
const LINE: &str = r#"{"erp": {"host": "erp.floor", "port": 8090}, "opcua": {"endpoint": "opc.tcp://10.0.0.1:4840"}}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "blueprints/line-confirmations".to_owned());
    let mut files = BTreeMap::new();
    read(Path::new(&folder), "", &mut files)?;
    let blueprint = pack(&files).map_err(|errors| format!("{}", errors[0]))?;
    let given: Parameters = serde_json::from_str(LINE)?;
    let objects = once(&blueprint, &given)?.objects;
    let mut whole: Vec<u128> = Vec::with_capacity(RUNS);
    let mut checking: Vec<u128> = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let run = once(&blueprint, &given)?;
        checking.push(run.checking);
        whole.push(run.checking + run.rendering);
    }
    whole.sort_unstable();
    checking.sort_unstable();
    println!(
        "{}",
        json!({"blueprint": blueprint.name, "objects": objects, "medianMicroseconds": whole[RUNS / 2],
               "p99Microseconds": whole[RUNS * 99 / 100], "fastestMicroseconds": whole[0],
               "ofWhichParameters": checking[RUNS / 2], "limitMicroseconds": 1000})
    );
    Ok(())
}

/// One rendering, and the microseconds it took.
struct Run {
    objects: usize,
    checking: u128,
    rendering: u128,
}

fn once(blueprint: &BlueprintSpec, given: &Parameters) -> Result<Run, Box<dyn Error>> {
    let start = Instant::now();
    let none = Parameters::new();
    let layers = Layers {
        release: &none,
        site: given,
        integration: NamedParameters {
            name: "confirmations",
            parameters: &none,
        },
        line: Some(NamedParameters {
            name: "packaging-1",
            parameters: &none,
        }),
    };
    let parameters = effective(blueprint, &layers).map_err(|errors| format!("{}", errors[0]))?;
    let checking = start.elapsed().as_micros();
    let start = Instant::now();
    let plant = PlantFacts {
        name: "ulm",
        namespace: "plant-ulm",
        site_code: "DE-ULM-01",
        time_zone: "Europe/Berlin",
    };
    let line = Some(LineFacts {
        name: "packaging-1",
        criticality: 10,
    });
    let facts = Facts {
        plant,
        line,
        integration: "confirmations",
    };
    let rendering = render(&RenderRequest {
        blueprint,
        facts,
        parameters: &parameters,
    })
    .map_err(|errors| format!("{}", errors[0]))?;
    let taken = start.elapsed().as_micros();
    let stages: usize = rendering
        .stages
        .iter()
        .map(|stage| stage.objects.len())
        .sum();
    let check = rendering.check.map_or(0, |check| check.objects.len());
    Ok(Run {
        objects: stages + rendering.common.len() + check,
        checking,
        rendering: taken,
    })
}

fn read(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let below = format!(
            "{prefix}{}",
            path.file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
        );
        if path.is_dir() {
            read(&path, &format!("{below}/"), files)?;
        } else if is_read(&below) {
            files.insert(below, fs::read_to_string(path)?);
        }
    }
    Ok(())
}
