//! `kubectl andon render`: what one line would get, without a cluster.

use crate::{folder, manifest};
use andon_api::{BlueprintSpec, IntegrationRelease, Line, Parameters, PlantSite, Scope};
use andon_render::{
    Facts, Layers, LineFacts, NamedParameters, PlantFacts, RenderRequest, Rendering,
};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// Renders a blueprint for one line of a plant, by the same code that runs in the operator.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 rendered; 1 the input was refused, and standard error says why; 2 wrong usage."
)]
pub struct Args {
    /// Folder of the blueprint.
    folder: PathBuf,
    /// File with the PlantSite.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// Integration of the plant, by its name there.
    #[arg(long, value_name = "NAME")]
    integration: String,
    /// Line of the plant; left out for a blueprint with scope Site.
    #[arg(long, value_name = "NAME")]
    line: Option<String>,
    /// File with the IntegrationRelease whose parameters count.
    #[arg(long, value_name = "FILE")]
    release: Option<PathBuf>,
}

/// Carries the verb out.
pub fn run(args: &Args) -> Result<()> {
    let blueprint = folder::packed(&args.folder)?;
    let site: PlantSite = manifest::read(&args.site, "PlantSite")?;
    let release: Option<IntegrationRelease> = args
        .release
        .as_deref()
        .map(|path| manifest::read(path, "IntegrationRelease"))
        .transpose()?;
    let release = release.map_or_else(Parameters::new, |release| release.spec.parameters);
    let rendering = rendered(args, &blueprint, &site, &release)?;
    let stages = rendering.stages.iter().flat_map(|stage| &stage.objects);
    let check = rendering.check.iter().flat_map(|check| &check.objects);
    let shadow = rendering.shadow().into_iter();
    let shadow = shadow.flat_map(|(_, shadow)| &shadow.objects);
    let beside = check.chain(shadow);
    let objects: Vec<_> = rendering
        .common
        .iter()
        .chain(stages)
        .chain(beside)
        .collect();
    print!("{}", manifest::write(&objects)?);
    eprintln!(
        "{} objects, rendering digest {}",
        objects.len(),
        rendering.digest
    );
    Ok(())
}

fn rendered(
    args: &Args,
    blueprint: &BlueprintSpec,
    site: &PlantSite,
    release: &Parameters,
) -> Result<Rendering> {
    let Some(integration) = site
        .spec
        .integrations
        .iter()
        .find(|known| known.name == args.integration)
    else {
        let known = site
            .spec
            .integrations
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        bail!(
            "the plant has no integration {}; it has {}",
            args.integration,
            listed(known)
        );
    };
    let line = chosen_line(args, blueprint.scope, &site.spec.lines)?;
    let layers = Layers {
        release,
        site: &site.spec.parameters,
        integration: NamedParameters {
            name: &integration.name,
            parameters: &integration.parameters,
        },
        line: line.map(|line| NamedParameters {
            name: &line.name,
            parameters: &line.parameters,
        }),
    };
    let parameters = andon_render::effective(blueprint, &layers)
        .or_else(|errors| folder::refuse("the parameters do not fit the blueprint", &errors))?;
    let facts = Facts {
        plant: PlantFacts {
            name: site.metadata.name.as_deref().unwrap_or_default(),
            namespace: site.metadata.namespace.as_deref().unwrap_or_default(),
            site_code: &site.spec.site_code,
            time_zone: &site.spec.time_zone,
        },
        line: line.map(|line| LineFacts {
            name: &line.name,
            criticality: line.criticality,
        }),
        integration: &integration.name,
    };
    andon_render::render(&RenderRequest {
        blueprint,
        facts,
        parameters: &parameters,
    })
    .or_else(|errors| folder::refuse("the blueprint cannot be rendered", &errors))
}

fn chosen_line<'a>(args: &Args, scope: Scope, lines: &'a [Line]) -> Result<Option<&'a Line>> {
    match (&args.line, scope) {
        (Some(_), Scope::Site) => bail!("the blueprint has scope Site; leave --line out"),
        (None, Scope::Site) => Ok(None),
        (None, Scope::Line) => bail!("the blueprint has scope Line; name one with --line"),
        (Some(name), Scope::Line) => match lines.iter().find(|known| known.name == *name) {
            Some(line) => Ok(Some(line)),
            None => {
                let known = lines.iter().map(|known| known.name.as_str()).collect();
                bail!("the plant has no line {name}; it has {}", listed(known))
            }
        },
    }
}

fn listed(known: Vec<&str>) -> String {
    if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    }
}
