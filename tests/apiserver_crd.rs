//! The CRDs on a real API server: it takes them, and what it refuses it refuses in words that name the field and say what
//! would be right. Needs `KUBECONFIG`; `make apiserver` provides it.
#![allow(missing_docs, clippy::panic, clippy::expect_used)]
#![allow(clippy::too_many_lines)] // tables

use andon_tests::cluster;
use andon_tests::wait::{Look, until};
use anyhow::{Context, Result, anyhow, bail, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, ResourceExt,
};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// A value put somewhere into a good object, and the words that the API server must answer with.
struct Bad {
    at: &'static str,
    value: Value,
    words: &'static [&'static str],
}

fn bad(at: &'static str, value: Value, words: &'static [&'static str]) -> Bad {
    Bad { at, value, words }
}

#[tokio::test]
async fn a_plant_site_is_refused_in_words_that_help() -> Result<()> {
    let line = |name: &str| json!({"name": name, "criticality": 1});
    let cases = [
        bad(
            "/metadata/name",
            json!("ulm.west"),
            &["metadata.name of a PlantSite must be a DNS label of at most 63"],
        ),
        bad(
            "/spec/siteCode",
            json!("DE ULM"),
            &["spec.siteCode", "DE ULM", "for instance DE-ULM-01"],
        ),
        bad(
            "/spec/timeZone",
            json!("Berlin time"),
            &["spec.timeZone", "for instance Europe/Berlin"],
        ),
        bad(
            "/spec/fleet",
            json!("Andon_Fleet"),
            &["spec.fleet", "DNS label: a-z, 0-9 and -"],
        ),
        bad(
            "/spec/lines",
            json!([]),
            &["spec.lines", "should have at least 1 items"],
        ),
        bad(
            "/spec/lines",
            json!([line("a"), line("a")]),
            &["spec.lines", "duplicate", "a"],
        ),
        bad(
            "/spec/lines/0/name",
            json!("Packaging 1"),
            &["spec.lines[0].name", "DNS label", "at most 30 characters"],
        ),
        bad(
            "/spec/lines/0/name",
            json!("a".repeat(31)),
            &["spec.lines[0].name", "may not be more than 30"],
        ),
        bad(
            "/spec/lines/0/name",
            json!("site"),
            &[
                "spec.lines[0].name",
                "name must not be site",
                "choose another name",
            ],
        ),
        bad(
            "/spec/lines/0/criticality",
            json!(1001),
            &[
                "spec.lines[0].criticality",
                "1001",
                "less than or equal to 1000",
            ],
        ),
        bad(
            "/spec/lines/0/criticality",
            json!(-1),
            &[
                "spec.lines[0].criticality",
                "-1",
                "greater than or equal to 0",
            ],
        ),
        bad(
            "/spec/lines/0/criticality",
            json!("low"),
            &[
                ".spec.lines[name=\"packaging-1\"].criticality",
                "expected numeric",
                "got string",
            ],
        ),
        bad(
            "/spec/lines/0/colour",
            json!("red"),
            &["colour", "not declared in schema"],
        ),
        bad(
            "/spec/lines/0/parameters",
            json!(5),
            &["spec.lines", "parameters"],
        ),
        bad(
            "/spec/integrations",
            json!([{"name": "a"}, {"name": "a"}]),
            &["spec.integrations", "duplicate", "a"],
        ),
        bad(
            "/spec/integrations/0/name",
            json!("A"),
            &["spec.integrations[0].name", "DNS label"],
        ),
        bad(
            "/spec/integrations/0/lines",
            json!({"exclude": ["pakaging-1"]}),
            &[
                "lines.exclude names a line that is not in lines",
                "correct the name",
            ],
        ),
        bad(
            "/spec/metrics",
            json!({"prometheus": {"url": "prometheus:9090"}}),
            &["spec.metrics.prometheus.url", "http:// or https://"],
        ),
        bad(
            "/spec/metrics",
            json!({}),
            &["spec.metrics.prometheus", "Required value"],
        ),
    ];
    refused("PlantSite", &site(), &cases).await
}

#[tokio::test]
async fn a_release_is_refused_in_words_that_help() -> Result<()> {
    let duration = &[
        "spec.analysis.bake.duration",
        "a duration with units, for instance 90s, 5m or 1h30m",
    ];
    let cases = [
        bad(
            "/spec/integration",
            json!("Confirmations"),
            &["spec.integration", "DNS label"],
        ),
        bad(
            "/spec/blueprint/name",
            json!("line_confirmations"),
            &["spec.blueprint.name", "DNS label"],
        ),
        bad(
            "/spec/blueprint/version",
            json!("1.2"),
            &["spec.blueprint.version", "1.2", "for instance 1.2.0"],
        ),
        bad(
            "/spec/blueprint/version",
            json!("1.2.0+b1"),
            &["spec.blueprint.version", "without build metadata"],
        ),
        bad(
            "/spec/blueprint/version",
            json!(1.2),
            &["version", "string"],
        ),
        bad("/spec/analysis/bake/duration", json!("1d"), duration),
        bad("/spec/analysis/bake/duration", json!("90"), duration),
        bad("/spec/analysis/bake/duration", json!("-5m"), duration),
        bad(
            "/spec/analysis/bake/duration",
            json!("999999h"),
            &["spec.analysis.bake.duration", "at most 87600h"],
        ),
        bad(
            "/spec/analysis/progressDeadline",
            json!("10 min"),
            &["spec.analysis.progressDeadline", "for instance 90s"],
        ),
        bad(
            "/spec/analysis/confidence",
            json!("100%"),
            &[
                "spec.analysis.confidence",
                "100%",
                "below 100%, for instance",
            ],
        ),
        bad(
            "/spec/analysis/confidence",
            json!("0.999"),
            &["spec.analysis.confidence", "for instance 1% or 99.9%"],
        ),
        bad(
            "/spec/analysis/minSamples",
            json!(-1),
            &["spec.analysis.minSamples", "greater than or equal to 0"],
        ),
        bad(
            "/spec/analysis/checks/0/max",
            json!("0%"),
            &["spec.analysis.checks[0].max", "0%", "above 0%"],
        ),
        bad("/spec/analysis/checks/0/max", json!(1), &["max", "string"]),
        bad(
            "/spec/analysis/checks/0/max",
            json!("60s"),
            &["max is a percentage", "with quantile it is a duration"],
        ),
        bad(
            "/spec/analysis/checks/0",
            json!({"indicator": "delay", "quantile": "95%"}),
            &["quantile needs max"],
        ),
        bad(
            "/spec/analysis/checks/0/notWorseThanControls",
            json!("0.5%"),
            &["each has one of max, notWorseThanBaseline and notWorseThanControls"],
        ),
        bad(
            "/spec/analysis/checks/0/indicator",
            json!(""),
            &["spec.analysis.checks[0].indicator", "DNS label"],
        ),
        bad(
            "/spec/analysis/checks/0/limit",
            json!("1%"),
            &["limit", "not declared in schema"],
        ),
        bad("/spec/wave", json!([]), &["wave", "not declared in schema"]),
        bad("/spec/paused", json!("yes"), &["paused", "boolean"]),
    ];
    refused("IntegrationRelease", &release(), &cases).await
}

#[tokio::test]
async fn a_plant_integration_is_refused_in_words_that_help() -> Result<()> {
    let cases = [
        bad(
            "/metadata/name",
            json!("other"),
            &["metadata.name must be the same as spec.integration"],
        ),
        bad(
            "/spec/integration",
            json!("-confirmations"),
            &["spec.integration", "DNS label"],
        ),
        bad(
            "/spec/target/release",
            json!("confirmations"),
            &["spec.target.release", "namespace/name"],
        ),
        bad(
            "/spec/target/digest",
            json!("sha256:12"),
            &["spec.target.digest", "64 hexadecimal digits"],
        ),
        bad(
            "/spec/target/go",
            json!("Run"),
            &["spec.target.go", "Run", "Proceed", "Wait"],
        ),
        bad(
            "/spec/target/blueprint/version",
            json!("v1.2.0"),
            &["spec.target.blueprint.version", "for instance 1.2.0"],
        ),
    ];
    refused("PlantIntegration", &plant_integration(), &cases).await
}

#[tokio::test]
async fn a_blueprint_is_refused_in_words_that_help() -> Result<()> {
    let counter = json!({"metric": "a"});
    let cases = [
        bad(
            "/metadata/name",
            json!("sample"),
            &["metadata.name must be spec.name, - and spec.version"],
        ),
        bad("/spec/name", json!("Sample"), &["spec.name", "DNS label"]),
        bad(
            "/spec/version",
            json!("1"),
            &["spec.version", "for instance 1.2.0"],
        ),
        bad(
            "/spec/scope",
            json!("Plant"),
            &["spec.scope", "Plant", "Line", "Site"],
        ),
        bad(
            "/spec/stages",
            json!([]),
            &["spec.stages", "at least 1 items"],
        ),
        bad(
            "/spec/stages/0/name",
            json!("Post!"),
            &["spec.stages[0].name", "DNS label"],
        ),
        bad(
            "/spec/stages/0/strategy",
            json!("Rolling"),
            &["spec.stages[0].strategy", "Rolling", "Replace", "Takeover"],
        ),
        bad(
            "/spec/stages/0/metrics",
            json!({"port": 0, "path": "/"}),
            &["spec.stages[0].metrics.port", "greater than or equal to 1"],
        ),
        bad(
            "/spec/stages/0/metrics",
            json!({"port": 1, "path": "x"}),
            &["spec.stages[0].metrics.path", "path must begin with /"],
        ),
        bad(
            "/spec/requires",
            json!([{"blueprint": "plant-base", "version": "neweßt"}]),
            &["spec.requires[0].version", ">=1.0.0 <2.0.0"],
        ),
        bad(
            "/spec/requires",
            json!([{"blueprint": "Base", "version": "1"}]),
            &["spec.requires[0].blueprint", "DNS label"],
        ),
        bad(
            "/spec/indicators",
            json!([{"name": "Bad", "stage": "post", "good": counter, "bad": counter}]),
            &["spec.indicators[0].name", "DNS label"],
        ),
        bad(
            "/spec/indicators/0/value",
            json!({"metric": "andon_post_seconds"}),
            &["each counts documents with good and bad, or measures them with value"],
        ),
        bad(
            "/spec/progress",
            json!({"stage": "post", "done": [], "waiting": counter}),
            &["spec.progress.done", "at least 1 items"],
        ),
        bad(
            "/spec/files",
            json!({"a": "x".repeat(300_000)}),
            &["spec.files", "may not be more than 262144"],
        ),
    ];
    refused("Blueprint", &blueprint(), &cases).await
}

#[tokio::test]
async fn the_table_says_what_runs_where() -> Result<()> {
    let client = ready().await?;
    let namespace = Scratch::new(&client, "table").await?;
    let done = async {
        let api = api(&client, "PlantIntegration", &namespace.name);
        create(&api, &plant_integration()).await?;
        let status = json!({"status": {
            "observedGeneration": 1, "summary": "2/3",
            "conditions": [{"type": "Ready", "status": "False", "reason": "LineOnTrial", "message": "filling-1 is baking",
                            "lastTransitionTime": "2026-11-21T12:00:00Z", "observedGeneration": 1}],
        }});
        api.patch_status("confirmations", &PatchParams::default(), &Patch::Merge(&status))
            .await
            .context("failed to write the status")?;
        let path = format!("/apis/andon.dev/v1alpha1/namespaces/{}/plantintegrations", namespace.name);
        let request = http::Request::get(path)
            .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())?;
        let table: Value = client.request(request).await.context("failed to get the table")?;
        let columns = table["columnDefinitions"].as_array().cloned().unwrap_or_default();
        let row = table["rows"][0]["cells"].as_array().cloned().unwrap_or_default();
        let shown: Vec<String> = columns
            .iter()
            .zip(&row)
            .filter(|(column, _)| column["name"] != "Age")
            .map(|(column, cell)| format!("{}={}", column["name"], cell).replace('"', ""))
            .collect();
        ensure!(
            shown
                == [
                    "Name=confirmations", "Target=1.2.0", "Lines=2/3", "Ready=False", "Reason=LineOnTrial",
                    "Blueprint=line-confirmations", "Message=filling-1 is baking",
                ],
            "{shown:?}"
        );
        Ok(())
    }
    .await;
    namespace.end(&client).await?;
    done
}

#[tokio::test]
async fn what_may_not_change_does_not() -> Result<()> {
    let client = ready().await?;
    let namespace = Scratch::new(&client, "change").await?;
    let done = async {
        let releases = api(&client, "IntegrationRelease", &namespace.name);
        create(&releases, &release()).await?;
        let mut other = release();
        other["spec"]["integration"] = json!("telemetry");
        let said = answer(&releases, &other).await?;
        expect(
            &said,
            &[
                "spec.integration",
                "integration cannot be changed",
                "make another IntegrationRelease",
            ],
        )?;

        let blueprints = api(&client, "Blueprint", &namespace.name);
        let mut own = blueprint();
        own["spec"]["name"] = json!(namespace.name);
        own["metadata"]["name"] = json!(format!("{}-1.0.0", namespace.name));
        create(&blueprints, &own).await?;
        own["spec"]["files"]["a"] = json!("changed");
        let said = answer(&blueprints, &own).await;
        let name = own["metadata"]["name"].as_str().unwrap_or_default();
        blueprints
            .delete(name, &DeleteParams::default())
            .await
            .context("failed to delete the blueprint")?;
        expect(
            &said?,
            &["spec cannot be changed; pack the change as a new version"],
        )
    }
    .await;
    namespace.end(&client).await?;
    done
}

#[tokio::test]
async fn an_object_nobody_looked_at_is_not_current() -> Result<()> {
    let client = ready().await?;
    let namespace = Scratch::new(&client, "status").await?;
    let done = async {
        for (kind, object) in [
            ("PlantSite", site()),
            ("IntegrationRelease", release()),
            ("PlantIntegration", plant_integration()),
        ] {
            let api = api(&client, kind, &namespace.name);
            let created = create(&api, &object).await?;
            let status = &created.data["status"];
            ensure!(
                status["observedGeneration"] == json!(-1),
                "{kind}: {status}"
            );
        }
        Ok(())
    }
    .await;
    namespace.end(&client).await?;
    done
}

/// Puts each bad value into a good object, and demands that the good one is taken and the bad ones are not.
async fn refused(kind: &str, good: &Value, cases: &[Bad]) -> Result<()> {
    let client = ready().await?;
    let api = api(&client, kind, "default");
    apply(&api, good)
        .await
        .with_context(|| format!("the good {kind} was refused"))?;
    let mut wrong = Vec::new();
    for case in cases {
        let mut object = good.clone();
        set(&mut object, case.at, case.value.clone());
        let checked = match answer(&api, &object).await {
            Ok(said) => expect(&said, case.words),
            Err(error) => Err(error),
        };
        if let Err(error) = checked {
            wrong.push(format!(
                "{} = {}: {error:#}",
                case.at,
                case.value.to_string().chars().take(60).collect::<String>()
            ));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    Ok(())
}

fn expect(said: &str, words: &[&str]) -> Result<()> {
    println!("{said}");
    match words.iter().find(|words| !said.contains(*words)) {
        Some(missing) => bail!("{missing:?} is not in: {said}"),
        None => Ok(()),
    }
}

/// What the API server says to an object that it must refuse.
async fn answer(api: &Api<DynamicObject>, object: &Value) -> Result<String> {
    match apply(api, object).await {
        Ok(_) => bail!("it was taken"),
        Err(kube::Error::Api(status)) => Ok(status.message),
        Err(error) => Err(anyhow!(error).context("failed to ask the API server")),
    }
}

/// As `kubectl apply --server-side --dry-run=server` does it.
async fn apply(api: &Api<DynamicObject>, object: &Value) -> kube::Result<DynamicObject> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let how = PatchParams::apply("andon-test")
        .force()
        .dry_run()
        .validation_strict();
    api.patch(name, &how, &Patch::Apply(object)).await
}

async fn create(api: &Api<DynamicObject>, object: &Value) -> Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let name = object.name_any();
    api.create(&PostParams::default(), &object)
        .await
        .with_context(|| format!("failed to create {name}"))
}

/// Sets the value at a JSON pointer; its last step may be new.
fn set(object: &mut Value, at: &str, value: Value) {
    let (parent, key) = at.rsplit_once('/').expect("a pointer");
    let parent = object
        .pointer_mut(parent)
        .expect("a pointer into the object");
    match parent {
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        other => other[key] = value,
    }
}

/// A client of a cluster that has the CRDs.
async fn ready() -> Result<Client> {
    let kubeconfig = std::env::var_os("KUBECONFIG").map(PathBuf::from).unwrap_or_else(|| {
        panic!("KUBECONFIG is not set: run `make apiserver`, or `make cluster` and set it as that says")
    });
    let client = cluster::client(&kubeconfig).await?;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for (file, crd) in andon_api::crd::all()? {
        let name = crd["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        crds.patch(
            &name,
            &PatchParams::apply("andon-test").force(),
            &Patch::Apply(&crd),
        )
        .await
        .with_context(|| format!("the API server refuses {file}"))?;
        until(
            &format!("{name} to be served"),
            Duration::from_secs(30),
            || served(&crds, &name),
        )
        .await?;
    }
    Ok(client)
}

async fn served(crds: &Api<CustomResourceDefinition>, name: &str) -> Result<Look<()>> {
    let conditions = crds
        .get(name)
        .await?
        .status
        .and_then(|status| status.conditions)
        .unwrap_or_default();
    match conditions
        .iter()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
    {
        true => Ok(Look::Done(())),
        false => Ok(Look::NotYet(format!("{conditions:?}"))),
    }
}

fn api(client: &Client, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let plural = format!("{}s", kind.to_lowercase());
    let resource = ApiResource {
        group: "andon.dev".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "andon.dev/v1alpha1".to_owned(),
        kind: kind.to_owned(),
        plural,
    };
    match kind {
        "Blueprint" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

/// A namespace of a test's own.
struct Scratch {
    name: String,
}

impl Scratch {
    async fn new(client: &Client, purpose: &str) -> Result<Self> {
        let name = format!("crd-{purpose}-{}", std::process::id());
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .with_context(|| format!("failed to create the namespace {name}"))?;
        Ok(Self { name })
    }

    async fn end(self, client: &Client) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces
            .delete(&self.name, &DeleteParams::default())
            .await
            .context("failed to delete the namespace")?;
        Ok(())
    }
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "andon.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn site() -> Value {
    object(
        "PlantSite",
        "ulm",
        json!({
            "siteCode": "DE-ULM-01", "timeZone": "Europe/Berlin", "fleet": "andon-fleet",
            "parameters": {"erp": {"url": "http://erp:8080"}},
            "lines": [{"name": "packaging-1", "criticality": 10, "parameters": {"a": {"b": [1, "x"]}}},
                      {"name": "filling-1", "criticality": 50}],
            "integrations": [{"name": "confirmations", "lines": {"exclude": ["filling-1"]}}],
            "metrics": {"prometheus": {"url": "https://prometheus.monitoring:9090/base"}},
        }),
    )
}

fn analysis() -> Value {
    json!({"bake": {"duration": "1h30m"}, "minSamples": 200, "confidence": "99.9%", "progressDeadline": "10m",
           "checks": [{"indicator": "refused", "max": "0.5%"}]})
}

fn release() -> Value {
    object(
        "IntegrationRelease",
        "confirmations",
        json!({"integration": "confirmations", "blueprint": {"name": "line-confirmations", "version": "1.2.0-rc.1"},
               "parameters": {"unit": "PCE"}, "analysis": analysis(), "paused": true}),
    )
}

fn plant_integration() -> Value {
    let digest = format!("sha256:{}", "0a".repeat(32));
    object(
        "PlantIntegration",
        "confirmations",
        json!({"integration": "confirmations", "target": {
            "release": "andon-fleet/confirmations", "blueprint": {"name": "line-confirmations", "version": "1.2.0"},
            "parameters": {}, "analysis": analysis(), "digest": digest, "go": "Proceed"}}),
    )
}

fn blueprint() -> Value {
    let counter = json!({"metric": "done_total", "labels": {"outcome": "posted"}});
    object(
        "Blueprint",
        "sample-1.0.0",
        json!({
            "name": "sample", "version": "1.0.0", "scope": "Line",
            "requires": [{"blueprint": "plant-base", "version": ">=1.0.0 <2.0.0"}],
            "provides": [{"address": "raw.confirmations"}],
            "stages": [{"name": "post", "strategy": "Takeover", "metrics": {"port": 8080, "path": "/metrics"}}],
            "indicators": [{"name": "refused", "stage": "post", "good": counter, "bad": counter}],
            "progress": {"stage": "post", "done": [counter], "waiting": counter},
            "parameters": {"type": "object", "properties": {"unit": {"enum": ["PCE", 5, null]}}},
            "files": {"templates/post/a.yaml": "a: {{ b }}\n"},
        }),
    )
}
