//! A tiny blueprint, rendered by the real renderer: an InPlace buffer, a Takeover post, an exclusive Replace source, a
//! check Job. Its versions differ by what is wrong with them.

use andon_api::{
    BlueprintSpec, CounterSelector, Indicator, MetricsEndpoint, Parameters, Progress, Requirement,
    Scope, Session, Shadow, Stage, Strategy, Veto,
};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What is special about a version.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Variant {
    /// It has the content of this version, under its own number.
    pub same_as: Option<String>,
    /// It sends a wrong unit: the ERP refuses every document.
    pub wrong_unit: bool,
    /// It sends a wrong unit on this line only.
    pub wrong_on: Option<String>,
    /// It sends a wrong unit once it has posted so many documents.
    pub wrong_after: Option<i64>,
    /// Where it is wrong on one line only, it begins after so many documents.
    pub wrong_on_after: i64,
    /// It sends a wrong unit in so many documents after each start of its container: something has to warm up.
    pub wrong_first: i64,
    /// So many of 1000 documents take 100 s; the others half a second.
    pub slow_share: u64,
    /// It sends a wrong unit in so many of 1000 documents.
    pub wrong_share: u64,
    /// It has a wrong address of the ERP: every post fails in passing and is tried again for ever.
    pub wrong_erp: bool,
    /// Its routes do not start.
    pub broken_routes: bool,
    /// Its post image does not exist.
    pub missing_image: bool,
    /// Its source hears nothing.
    pub deaf_source: bool,
    /// Its post restarts again and again.
    pub crashes: bool,
    /// Its source has changed (without being wrong).
    pub new_source: bool,
    /// Its buffer has changed.
    pub new_buffer: bool,
    /// The API server refuses it.
    pub forbidden: bool,
    /// It has no check Job.
    pub unchecked: bool,
    /// A template of it cannot be rendered.
    pub template_error: bool,
    /// It needs a version of `plant-base`.
    pub requires: Option<String>,
    /// Its post cannot stand by.
    pub no_standby: bool,
    /// Its source says when the line is in the middle of an order; a change waits for so long at most.
    pub veto: Option<String>,
    /// It has no buffer stage.
    pub without_buffer: bool,
    /// Its post can run as a shadow.
    pub shadow: bool,
    /// So many of 1000 documents come out otherwise than in what runs, without being wrong.
    pub differs: u64,
}

impl Variant {
    /// Whether a line that runs it works.
    pub fn works(&self) -> bool {
        !(self.wrong_unit
            || self.wrong_on.is_some()
            || self.wrong_after.is_some()
            || self.wrong_share > 0
            || self.wrong_first > 0
            || self.slow_share > 0
            || self.differs > 0
            || self.wrong_erp
            || self.broken_routes
            || self.missing_image
            || self.deaf_source
            || self.crashes
            || self.forbidden
            || self.template_error)
    }
}

/// One version of the blueprint.
pub fn blueprint(version: &str, variant: &Variant) -> BlueprintSpec {
    let requires = variant.requires.iter().map(|range| Requirement {
        blueprint: "plant-base".to_owned(),
        version: range.clone(),
    });
    BlueprintSpec {
        name: super::BLUEPRINT.to_owned(),
        version: version.to_owned(),
        scope: Scope::Line,
        requires: requires.collect(),
        provides: Vec::new(),
        stages: stages(variant),
        indicators: vec![
            Indicator {
                name: "refused".to_owned(),
                stage: "post".to_owned(),
                good: Some(metric("posted_total")),
                bad: Some(metric("dead_lettered_total")),
                value: None,
            },
            Indicator {
                name: "delay".to_owned(),
                stage: "post".to_owned(),
                value: Some(metric("post_seconds")),
                ..Indicator::default()
            },
        ],
        progress: Some(Progress {
            stage: "post".to_owned(),
            done: vec![metric("posted_total"), metric("dead_lettered_total")],
            waiting: metric("waiting"),
        }),
        veto: variant.veto.as_ref().map(|patience| Veto {
            stage: "source".to_owned(),
            busy: metric("order_open"),
            patience: patience.clone(),
        }),
        parameters: schema(),
        files: files(variant.same_as.as_deref().unwrap_or(version), variant),
    }
}

fn metric(name: &str) -> CounterSelector {
    CounterSelector {
        metric: name.to_owned(),
        labels: BTreeMap::new(),
    }
}

fn stages(variant: &Variant) -> Vec<Stage> {
    let mut stages = vec![
        stage("post", Strategy::Takeover, &["buffer"]),
        stage("source", Strategy::Replace, &["post"]),
    ];
    stages[0].standby = !variant.no_standby;
    stages[0].shadow = variant.shadow.then(|| Shadow {
        same: metric("same_total"),
        different: metric("different_total"),
        fields: None,
    });
    if variant.veto.is_some() {
        stages[1].metrics = stages[0].metrics.clone();
    }
    if variant.without_buffer {
        stages[0].after.clear();
    } else {
        stages.insert(0, stage("buffer", Strategy::InPlace, &[]));
    }
    stages
}

fn stage(name: &str, strategy: Strategy, after: &[&str]) -> Stage {
    Stage {
        name: name.to_owned(),
        strategy,
        session: if strategy == Strategy::Replace {
            Session::Exclusive
        } else {
            Session::Shared
        },
        after: after.iter().map(|s| (*s).to_owned()).collect(),
        metrics: (name == "post").then(|| MetricsEndpoint {
            port: 8080,
            path: "/metrics".to_owned(),
        }),
        standby: false,
        shadow: None,
    }
}

fn schema() -> Parameters {
    let schema = json!({
        "type": "object",
        "properties": {
            "erp": {"type": "string", "default": "right"},
            "endpoint": {"type": "string", "default": "opc.tcp://line"},
            "buffer": {"type": "integer", "default": 1000, "minimum": 1},
        },
    });
    schema.as_object().cloned().unwrap_or_default()
}

/// What runs beside the post, and reaches nothing but the broker.
fn shadow(content: &str, variant: &Variant) -> [(String, String); 3] {
    let path = |file: &str| format!("templates/post/shadow/{file}.yaml");
    let differs = variant.differs.to_string();
    let deployment = workload(
        "Deployment",
        yes(variant.missing_image, "post:missing", "post:1"),
        &[
            ("VERSION", content),
            ("UNIT", yes(variant.wrong_unit, "wrong", "PCE")),
            ("CRASHES", yes(variant.crashes, "yes", "no")),
            ("WRONG_ON", variant.wrong_on.as_deref().unwrap_or("")),
            ("DIFFERS", &differs),
            ("WRONG_ON_AFTER", &variant.wrong_on_after.to_string()),
        ],
    );
    let policy = |selector: &str, name: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: \"{name}\"\nspec:\n  podSelector: {selector}\n  policyTypes: [Egress]\n  egress:\n  - to:\n    - podSelector: {{matchLabels: {{andon.dev/stage: broker}}}}\n    ports:\n    - {{port: 5672, protocol: TCP}}\n"
        )
    };
    let not_shadows =
        "{matchExpressions: [{key: andon.dev/stage, operator: NotIn, values: [shadow]}]}";
    [
        (path("deployment"), deployment),
        (
            path("network"),
            policy("{matchLabels: {{ labels }}}", "{{ name }}"),
        ),
        (
            "templates/common/network.yaml".to_owned(),
            policy(not_shadows, "{{ name }}"),
        ),
    ]
}

/// A workload that says in its environment what it does.
fn workload(kind: &str, image: &str, env: &[(&str, &str)]) -> String {
    let env: String = env
        .iter()
        .map(|(key, value)| format!("        - {{name: {key}, value: \"{value}\"}}\n"))
        .collect();
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: \"{{{{ name }}}}\"\nspec:\n  replicas: 1\n  selector:\n    matchLabels:\n      andon.dev/instance: \"{{{{ name }}}}\"\n  template:\n    metadata:\n      labels: {{{{ labels }}}}\n    spec:\n      containers:\n      - name: main\n        image: \"{image}\"\n        resources: {{limits: {{cpu: \"0.5\", memory: 1024Mi}}}}\n        env:\n{env}"
    )
}

fn config(key: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"{{{{ name }}}}-config\"\ndata:\n  {key}: \"{value}\"\n"
    )
}

fn yes<'a>(flag: bool, then: &'a str, otherwise: &'a str) -> &'a str {
    if flag { then } else { otherwise }
}

#[expect(clippy::too_many_lines, reason = "a literal: the files of a package")]
fn files(content: &str, variant: &Variant) -> BTreeMap<String, String> {
    let erp = yes(variant.wrong_erp, "wrong", "{{ parameters.erp }}");
    let image = yes(variant.missing_image, "post:missing", "post:1");
    let image = yes(variant.forbidden, "forbidden:1", image);
    let after = variant
        .wrong_after
        .map_or_else(String::new, |n| n.to_string());
    let on_after = variant.wrong_on_after.to_string();
    let share = variant.wrong_share.to_string();
    let first = variant.wrong_first.to_string();
    let slow = variant.slow_share.to_string();
    let post = workload(
        "Deployment",
        image,
        &[
            ("VERSION", content),
            ("UNIT", yes(variant.wrong_unit, "wrong", "PCE")),
            ("ERP", erp),
            ("CRASHES", yes(variant.crashes, "yes", "no")),
            ("WRONG_ON", variant.wrong_on.as_deref().unwrap_or("")),
            ("WRONG_AFTER", &after),
            ("WRONG_SHARE", &share),
            ("WRONG_FIRST", &first),
            ("SLOW_SHARE", &slow),
            ("WRONG_ON_AFTER", &on_after),
        ],
    );
    let rev = yes(variant.new_source, content, "1");
    let source = workload(
        "Deployment",
        "source:1",
        &[
            ("REVISION", rev),
            ("ENDPOINT", "{{ parameters.endpoint }}"),
            ("DEAF", yes(variant.deaf_source, "yes", "no")),
        ],
    );
    let buffer_rev = yes(variant.new_buffer, content, "1");
    let buffer = workload(
        "StatefulSet",
        "buffer:1",
        &[
            ("REVISION", buffer_rev),
            ("SIZE", "{{ parameters.buffer }}"),
        ],
    );
    let routes = format!("{content}{}", yes(variant.broken_routes, " broken", ""));
    let mut files = BTreeMap::from([
        ("templates/post/deployment.yaml".to_owned(), post),
        ("templates/post/config.yaml".to_owned(), config("routes", &routes)),
        ("templates/source/deployment.yaml".to_owned(), source),
        (
            "templates/common/network.yaml".to_owned(),
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: \"{{ name }}\"\nspec:\n  podSelector: {}\n  policyTypes: [Egress]\n  egress:\n  - ports:\n    - {port: 5672, protocol: TCP}\n".to_owned(),
        ),
    ]);
    if variant.shadow {
        files.extend(shadow(content, variant));
    }
    if !variant.without_buffer {
        files.insert("templates/buffer/statefulset.yaml".to_owned(), buffer);
        files.insert(
            "templates/buffer/config.yaml".to_owned(),
            config("size", buffer_rev),
        );
    }
    if !variant.unchecked {
        files.insert(
            "templates/check/config.yaml".to_owned(),
            config("routes", &routes),
        );
        files.insert(
            "templates/check/job.yaml".to_owned(),
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: \"{{ name }}\"\nspec:\n  backoffLimit: 0\n  template:\n    metadata:\n      labels: {{ labels }}\n    spec:\n      restartPolicy: Never\n      containers:\n      - {name: main, image: \"check:1\"}\n".to_owned(),
        );
    }
    if variant.template_error {
        files.insert(
            "templates/post/broken.yaml".to_owned(),
            "kind: {{ plant.nonsense }}\n".to_owned(),
        );
    }
    files
}
