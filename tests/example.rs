//! Every blueprint and every example we ship: each packs, and each plant of an example renders on every one of its lines.
#![allow(missing_docs, clippy::expect_used)]

use andon_api::{
    BlueprintSpec, Go, IntegrationRelease, Line, PlantIntegrationSpec, PlantIntegrationStatus,
    PlantSite, Scope, Target,
};
use andon_plan::calendar::Calendar;
use andon_plan::{
    Integration, Named, Observed, ObservedRelease, ReleasePlant, ReleaseSeen, Seen, Site,
};
use andon_render::{
    Facts, Layers, LineFacts, NamedParameters, PlantFacts, RenderRequest, Rendering,
};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the checkout")
}

/// Files below a folder, by their path below it.
fn files(
    folder: &Path,
    prefix: &str,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?
    {
        let path = entry?.path();
        let below = format!(
            "{prefix}{}",
            path.file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
        );
        if path.is_dir() {
            found.extend(files(&path, &format!("{below}/"), wanted)?);
        } else if wanted(&below) {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            found.insert(below, text);
        }
    }
    Ok(found)
}

fn all<T: ToString>(errors: &[T]) -> anyhow::Error {
    anyhow!(
        "{}",
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    )
}

/// Every folder of `blueprints/` that holds one, packed.
fn blueprints() -> Result<Vec<BlueprintSpec>> {
    let mut packed = Vec::new();
    let folders = fs::read_dir(root().join("blueprints"))?;
    let mut folders: Vec<PathBuf> = folders
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    folders.sort();
    for folder in folders
        .into_iter()
        .filter(|folder| folder.join("blueprint.yaml").exists())
    {
        let files = files(&folder, "", &andon_render::is_read)?;
        let spec = andon_render::pack(&files).map_err(|errors| all(&errors));
        packed.push(spec.with_context(|| format!("{} cannot be packed", folder.display()))?);
    }
    Ok(packed)
}

/// The objects of a kind in a folder of examples.
fn objects<T: serde::de::DeserializeOwned>(folder: &Path, kind: &str) -> Result<Vec<T>> {
    let mut found = Vec::new();
    for (path, text) in files(folder, "", &|path| path.ends_with(".yaml"))? {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .map_err(|error| anyhow!("{}/{path}: {error}", folder.display()))?;
        for document in documents
            .into_iter()
            .filter(|document| document["kind"] == kind)
        {
            found.push(
                serde_json::from_value(document)
                    .with_context(|| format!("{}/{path}", folder.display()))?,
            );
        }
    }
    Ok(found)
}

/// The examples that have a plant.
fn examples() -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root().join("examples"))? {
        let path = entry?.path();
        if path.is_dir() && !objects::<PlantSite>(&path, "PlantSite")?.is_empty() {
            folders.push(path);
        }
    }
    folders.sort();
    ensure!(folders.len() >= 2, "{folders:?}");
    Ok(folders)
}

/// Renders an integration of a plant on one line, or once for the plant.
fn rendered(
    site: &PlantSite,
    release: &IntegrationRelease,
    blueprint: &BlueprintSpec,
    line: Option<&Line>,
) -> Result<Rendering> {
    let choice = site
        .spec
        .integrations
        .iter()
        .find(|choice| choice.name == release.spec.integration);
    let choice = choice.with_context(|| format!("no plant wants {}", release.spec.integration))?;
    let layers = Layers {
        release: &release.spec.parameters,
        site: &site.spec.parameters,
        integration: NamedParameters {
            name: &choice.name,
            parameters: &choice.parameters,
        },
        line: line.map(|line| NamedParameters {
            name: &line.name,
            parameters: &line.parameters,
        }),
    };
    let parameters = andon_render::effective(blueprint, &layers).map_err(|errors| all(&errors))?;
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
        integration: &choice.name,
    };
    andon_render::render(&RenderRequest {
        blueprint,
        facts,
        parameters: &parameters,
    })
    .map_err(|errors| all(&errors))
}

#[test]
fn every_blueprint_packs_into_an_object_of_its_own_version() -> Result<()> {
    let packed = blueprints()?;
    let names: Vec<&str> = packed.iter().map(|spec| spec.name.as_str()).collect();
    for shipped in ["line-confirmations", "plant-base"] {
        ensure!(names.contains(&shipped), "{shipped} is not among {names:?}");
    }
    for spec in &packed {
        for requirement in &spec.requires {
            let range = andon_render::version_range(&requirement.version)?;
            let fits = |other: &&BlueprintSpec| {
                other.name == requirement.blueprint
                    && semver::Version::parse(&other.version)
                        .is_ok_and(|version| range.matches(&version))
            };
            ensure!(
                packed.iter().any(|other| fits(&other)),
                "{} requires {requirement:?}, which we do not ship",
                spec.name
            );
        }
    }
    Ok(())
}

#[test]
fn every_example_renders_on_every_line() -> Result<()> {
    let packed = blueprints()?;
    for folder in examples()? {
        let sites: Vec<PlantSite> = objects(&folder, "PlantSite")?;
        let releases: Vec<IntegrationRelease> = objects(&folder, "IntegrationRelease")?;
        let mut renderings = 0;
        for (site, release) in sites
            .iter()
            .flat_map(|site| releases.iter().map(move |release| (site, release)))
        {
            let wanted = &release.spec.blueprint;
            let blueprint = packed
                .iter()
                .find(|spec| spec.name == wanted.name && spec.version == wanted.version)
                .with_context(|| {
                    format!(
                        "{}: no blueprint {}",
                        folder.display(),
                        wanted.object_name()
                    )
                })?;
            ensure!(
                site.spec.fleet == release.metadata.namespace.clone().unwrap_or_default(),
                "the plant does not opt in"
            );
            let lines: Vec<Option<&Line>> = match blueprint.scope {
                Scope::Site => vec![None],
                Scope::Line => site.spec.lines.iter().map(Some).collect(),
            };
            let mut checks = Vec::new();
            for line in lines {
                let rendering = rendered(site, release, blueprint, line)
                    .with_context(|| format!("{}: {}", folder.display(), wanted.object_name()))?;
                ensure!(
                    rendering == rendered(site, release, blueprint, line)?,
                    "rendering twice gives different results"
                );
                checks.extend(rendering.check.as_ref().map(|check| check.digest.clone()));
                judged(release, blueprint)?;
                renderings += 1;
            }
            planned(site, release, blueprint)?;
            checks.dedup();
            ensure!(
                checks.len() <= 1,
                "{}: the lines have different checks: {checks:?}",
                wanted.object_name()
            );
        }
        ensure!(renderings > 0, "{}: nothing to render", folder.display());
    }
    Ok(())
}

/// The planner knows what to do with the integration from the start, and the independent checker agrees.
fn planned(
    site: &PlantSite,
    release: &IntegrationRelease,
    blueprint: &BlueprintSpec,
) -> Result<()> {
    let analysis = release.spec.analysis.clone();
    let digest = andon_plan::target_digest(blueprint, &release.spec);
    let target = Target {
        release: "andon-fleet/example".to_owned(),
        blueprint: release.spec.blueprint.clone(),
        parameters: release.spec.parameters.clone(),
        analysis,
        rollback: release.spec.rollback.clone(),
        digest,
        go: Go::Proceed,
        max_concurrent_lines: 1,
        soaking: false,
        author: None,
        retry: None,
    };
    let observed = Observed {
        now: "2026-11-23T08:00:00Z".parse()?,
        site: Site {
            name: site.metadata.name.clone().unwrap_or_default(),
            namespace: site.metadata.namespace.clone().unwrap_or_default(),
            spec: site.spec.clone(),
        },
        integration: Integration {
            name: release.spec.integration.clone(),
            uid: "8c3f2a10-0000-4000-8000-000000000001".to_owned(),
            generation: 1,
            resource_version: "1".to_owned(),
            deleting: false,
            annotations: BTreeMap::new(),
            spec: PlantIntegrationSpec {
                integration: release.spec.integration.clone(),
                target: Some(target),
            },
            status: PlantIntegrationStatus::default(),
        },
        blueprint: Seen::Present(blueprint.clone()),
        neighbours: Vec::new(),
        revisions: Vec::new(),
        objects: Vec::new(),
        pods: Vec::new(),
        readings: BTreeMap::new(),
        vetoes: BTreeMap::new(),
        dry_runs: BTreeMap::new(),
        approvals: Seen::Absent,
    };
    let plan = andon_plan::plan(&observed);
    andon_plan::check(&observed, &plan).map_err(|violations| all(&violations))?;
    let lines = if blueprint.scope == Scope::Site {
        1
    } else {
        site.spec.lines.len()
    };
    ensure!(
        plan.status.lines.len() == lines,
        "{}: {:?}",
        blueprint.name,
        plan.status.lines
    );
    Ok(())
}

#[test]
fn every_plant_of_an_example_has_a_calendar_and_a_wave() -> Result<()> {
    let packed = blueprints()?;
    for folder in examples()? {
        let sites: Vec<PlantSite> = objects(&folder, "PlantSite")?;
        for site in &sites {
            let schedule = site.spec.schedule.clone().unwrap_or_default();
            let calendar = Calendar::read(&schedule, &site.spec.time_zone);
            calendar
                .map_err(|problems| all(&problems))
                .with_context(|| folder.display().to_string())?;
        }
        let releases: Vec<IntegrationRelease> = objects(&folder, "IntegrationRelease")?;
        for release in releases {
            let status = andon_plan::plan_release(&seen(&release, &sites, &packed)?).status;
            let told = format!("{}: {status:?}", folder.display());
            // A plant that no wave selects is not counted, and a wave that selects none is held for it.
            ensure!(status.plants.total == i64::try_from(sites.len())?, "{told}");
            ensure!(status.waves.iter().all(|wave| wave.total > 0), "{told}");
            ensure!(status.waves.len() == release.spec.waves.len(), "{told}");
            ensure!(
                status.conditions.iter().all(|it| it.type_ != "Stalled"),
                "{told}"
            );
        }
    }
    Ok(())
}

/// A release as the operator sees it before any plant has been asked.
fn seen(
    release: &IntegrationRelease,
    sites: &[PlantSite],
    packed: &[BlueprintSpec],
) -> Result<ObservedRelease> {
    let wanted = &release.spec.blueprint;
    let blueprint = packed
        .iter()
        .find(|spec| spec.name == wanted.name && spec.version == wanted.version);
    let plants = sites.iter().map(|site| ReleasePlant {
        namespace: site.metadata.namespace.clone().unwrap_or_default(),
        labels: site.metadata.labels.clone().unwrap_or_default(),
        offline: false,
        integration: None,
    });
    let now = "2026-11-23T08:00:00Z".parse()?;
    Ok(ObservedRelease {
        now,
        release: ReleaseSeen {
            named: Named {
                name: release.metadata.name.clone().unwrap_or_default(),
                created: now,
            },
            namespace: release.metadata.namespace.clone().unwrap_or_default(),
            uid: "8c3f2a10-0000-4000-8000-000000000002".to_owned(),
            generation: 1,
            resource_version: "1".to_owned(),
            annotations: release.metadata.annotations.clone().unwrap_or_default(),
            spec: release.spec.clone(),
            status: Default::default(),
        },
        others: Vec::new(),
        blueprint: Seen::Present(blueprint.context("no such blueprint")?.clone()),
        plants: plants.map(Arc::new).collect(),
        approvals: Vec::new(),
    })
}

/// Every check of a release names an indicator of its blueprint.
fn judged(release: &IntegrationRelease, blueprint: &BlueprintSpec) -> Result<()> {
    for check in &release.spec.analysis.checks {
        ensure!(
            blueprint
                .indicators
                .iter()
                .any(|indicator| indicator.name == check.indicator),
            "{} has no indicator {}",
            blueprint.name,
            check.indicator
        );
    }
    Ok(())
}

#[test]
fn every_version_of_the_demo_packs_over_the_shipped_blueprint() -> Result<()> {
    let shipped = files(
        &root().join("blueprints/line-confirmations"),
        "",
        &andon_render::is_read,
    )?;
    let mut versions = 0;
    for entry in fs::read_dir(root().join("examples/demo/versions"))? {
        let folder = entry?.path();
        if !folder.is_dir() {
            continue;
        }
        let mut laid_over = shipped.clone();
        laid_over.extend(files(&folder, "", &andon_render::is_read)?);
        let spec = andon_render::pack(&laid_over).map_err(|errors| all(&errors));
        let spec = spec.with_context(|| format!("{} cannot be packed", folder.display()))?;
        ensure!(
            folder.ends_with(&spec.version),
            "{} holds version {}",
            folder.display(),
            spec.version
        );
        versions += 1;
    }
    ensure!(versions >= 3, "{versions} versions");
    Ok(())
}
