//! The blueprint of the model: one stage a line, one object, judged by one counter, rendered by the real renderer.

use super::plant::version;
use crate::world::{BLUEPRINT, INTEGRATION};
use andon_api::{
    Analysis, Bake, BakeClock, BlueprintSpec, Check, CounterSelector, Indicator, MetricsEndpoint,
    Parameters, Scope, Session, Stage, Strategy,
};
use andon_plan::Site;
use andon_render::{Facts, LineFacts, NamedParameters, PlantFacts, RenderRequest, Rendering};
use std::collections::BTreeMap;

/// Its only stage.
pub const STAGE: &str = "post";
/// Its only indicator.
pub const INDICATOR: &str = "refused";

/// No bake, and one document is enough.
pub fn analysis() -> Analysis {
    Analysis {
        shadow: None,
        bake: Bake {
            duration: "0s".to_owned(),
            clock: BakeClock::Always,
        },
        min_samples: 1,
        confidence: "99.9%".to_owned(),
        progress_deadline: "1m".to_owned(),
        ready_deadline: None,
        pass_confidence: None,
        start_delay: None,
        max_wait: None,
        checks: vec![Check {
            indicator: INDICATOR.to_owned(),
            max: Some("1%".to_owned()),
            not_worse_than_baseline: None,
            not_worse_than_controls: None,
            quantile: None,
            dry_run: false,
        }],
    }
}

/// One version of the blueprint.
pub fn blueprint(number: u8, strategy: Strategy) -> BlueprintSpec {
    let counter = |name: &str| CounterSelector {
        metric: name.to_owned(),
        labels: BTreeMap::new(),
    };
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: \"{{{{ name }}}}\"\nspec:\n  replicas: 1\n  selector:\n    matchLabels:\n      andon.dev/instance: \"{{{{ name }}}}\"\n  template:\n    metadata:\n      labels: {{{{ labels }}}}\n    spec:\n      containers:\n      - {{name: main, image: \"post:{number}\"}}\n"
    );
    BlueprintSpec {
        name: BLUEPRINT.to_owned(),
        version: version(number),
        scope: Scope::Line,
        requires: Vec::new(),
        provides: Vec::new(),
        stages: vec![Stage {
            standby: false,
            shadow: None,
            name: STAGE.to_owned(),
            strategy,
            session: match strategy {
                Strategy::Replace => Session::Exclusive,
                Strategy::Takeover | Strategy::InPlace => Session::Shared,
            },
            after: Vec::new(),
            metrics: Some(MetricsEndpoint {
                port: 8080,
                path: "/metrics".to_owned(),
            }),
        }],
        indicators: vec![Indicator {
            name: INDICATOR.to_owned(),
            stage: STAGE.to_owned(),
            good: Some(counter("posted_total")),
            bad: Some(counter("refused_total")),
            value: None,
        }],
        progress: None,
        veto: None,
        parameters: Parameters::new(),
        files: BTreeMap::from([(format!("templates/{STAGE}/deployment.yaml"), deployment)]),
    }
}

/// What a version is on a line.
pub fn render(site: &Site, blueprint: &BlueprintSpec, name: &str) -> Result<Rendering, String> {
    let none = Parameters::new();
    let named = |name| NamedParameters {
        name,
        parameters: &none,
    };
    let parameters = andon_render::effective(
        blueprint,
        &andon_render::Layers {
            release: &none,
            site: &none,
            integration: named(INTEGRATION),
            line: Some(named(name)),
        },
    );
    let parameters = parameters.map_err(|errors| format!("{errors:?}"))?;
    andon_render::render(&RenderRequest {
        blueprint,
        facts: Facts {
            plant: PlantFacts {
                name: &site.name,
                namespace: &site.namespace,
                site_code: &site.spec.site_code,
                time_zone: &site.spec.time_zone,
            },
            line: Some(LineFacts {
                name,
                criticality: 0,
            }),
            integration: INTEGRATION,
        },
        parameters: &parameters,
    })
    .map_err(|errors| format!("{errors:?}"))
}
