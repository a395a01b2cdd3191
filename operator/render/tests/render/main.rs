//! What rendering yields, and what it refuses with which words.
#![allow(missing_docs, dead_code, clippy::expect_used, clippy::too_many_lines)]

mod refusal;
mod shadow;
#[path = "../support/mod.rs"]
mod support;

use andon_api::{BlueprintSpec, label};
use andon_render::{Facts, RenderRequest, Rendering, render};
use serde_json::json;
use support::{DEPLOYMENT, blueprint, facts, good_parameters};

fn rendered(blueprint: &BlueprintSpec, line: &str) -> Result<Rendering, Vec<String>> {
    let parameters = good_parameters();
    let request = RenderRequest {
        blueprint,
        facts: facts(line),
        parameters: &parameters,
    };
    render(&request).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn refused(path: &str, text: &str) -> String {
    rendered(&blueprint(&[(path, text)]), "packaging-1")
        .expect_err(text)
        .join("\n")
}

#[test]
fn a_line_gets_all_of_its_objects() {
    let rendering = rendered(&blueprint(&[]), "packaging-1").expect("a rendering");
    let stage = &rendering.stages[0];
    let digits = &stage.digest["sha256:".len()..][..8];
    assert_eq!(
        stage.instance,
        format!("confirmations-packaging-1-post-{digits}")
    );
    let deployment = &stage.objects[0];
    assert_eq!(deployment["metadata"]["name"], json!(stage.instance));
    let labels = json!({
        "andon.dev/plant": "ulm", "andon.dev/line": "packaging-1", "andon.dev/integration": "confirmations",
        "andon.dev/stage": "post", "andon.dev/instance": stage.instance, "app.kubernetes.io/managed-by": "andon",
    });
    for place in [
        "/metadata/labels",
        "/spec/selector/matchLabels",
        "/spec/template/metadata/labels",
    ] {
        assert_eq!(deployment.pointer(place), Some(&labels), "{place}");
    }
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"][0]["value"], json!("http://erp:8080"));
    let routes = &stage.objects[1];
    assert_eq!(
        routes["metadata"]["name"],
        json!(format!("{}-routes", stage.instance))
    );
    assert_eq!(
        routes["data"],
        json!({"post.yaml": "- route: {from: {uri: direct:a}}\n"})
    );
    assert_eq!(
        rendering.common[0]["metadata"]["name"],
        json!("confirmations-packaging-1")
    );
    assert_eq!(
        rendering.common[0]["metadata"]["labels"][label::STAGE],
        json!("common")
    );
}

#[test]
fn the_check_is_the_same_on_every_line() {
    let one = rendered(&blueprint(&[]), "packaging-1").expect("a rendering");
    let other = rendered(&blueprint(&[]), "filling-1").expect("a rendering");
    assert_ne!(one.digest, other.digest);
    assert_eq!(one.check, other.check);
    let check = one.check.expect("a check");
    assert_eq!(
        check.name,
        format!(
            "confirmations-check-{}",
            &check.digest["sha256:".len()..][..8]
        )
    );
    assert_eq!(
        check.objects[0]["metadata"]["labels"].get(label::LINE),
        None
    );
}

/// The digests of this blueprint, as any machine must compute them. They change with what rendering yields: every line
/// of every plant would move.
#[test]
fn digests_are_the_same_on_every_machine() {
    let rendering = rendered(&blueprint(&[]), "packaging-1").expect("a rendering");
    assert_eq!(
        rendering.stages[0].digest,
        "sha256:1a82451ef7e71c895bc5d0db03c086ed813982e5143fa2817252ae77b0964a55"
    );
    assert_eq!(
        rendering.digest,
        "sha256:b3288f6bd90b846a88a4f2de4f274ab1fbd00716d7c487f42f98f16de748cecc"
    );
    assert_eq!(
        rendering.check.map(|check| check.digest).as_deref(),
        Some("sha256:7729f1f7dad0dc01a342344e62b1f8dfd92d556dbd7ab775f329861461e4adfc")
    );
}

#[test]
fn any_difference_in_the_objects_is_another_digest() {
    let base = rendered(&blueprint(&[]), "packaging-1").expect("a rendering");
    let other = blueprint(&[("routes/post.yaml", "- route: {from: {uri: direct:b}}\n")]);
    let other = rendered(&other, "packaging-1").expect("a rendering");
    assert_ne!(base.stages[0].digest, other.stages[0].digest);
    assert_ne!(base.stages[0].instance, other.stages[0].instance);
    assert_eq!(base.common, other.common);
}

#[test]
fn a_version_that_changes_nothing_keeps_the_digest() {
    let mut next = blueprint(&[]);
    next.version = "1.0.1".to_owned();
    let base = rendered(&blueprint(&[]), "packaging-1").expect("a rendering");
    assert_eq!(
        base.digest,
        rendered(&next, "packaging-1").expect("a rendering").digest
    );
}

#[test]
fn an_object_changed_in_place_keeps_its_name() {
    let mut site = blueprint(&[]);
    site.scope = andon_api::Scope::Site;
    site.stages[0].strategy = andon_api::Strategy::InPlace;
    let parameters = good_parameters();
    let facts = Facts {
        line: None,
        integration: "plant-base",
        ..facts("")
    };
    let rendering = render(&RenderRequest {
        blueprint: &site,
        facts,
        parameters: &parameters,
    })
    .expect("a rendering");
    assert_eq!(rendering.stages[0].instance, "plant-base-post");
    assert_eq!(rendering.common[0]["metadata"]["name"], json!("plant-base"));
    assert_eq!(
        rendering.common[0]["metadata"]["labels"][label::LINE],
        json!("site")
    );
}

#[test]
fn macros_and_imports_work_and_keep_their_places() {
    let library =
        "{% macro env(name, value) %}{name: {{ name }}, value: {{ value }}}{% endmacro %}\n";
    let template = DEPLOYMENT.replace(
        "        - name: UNIT\n",
        "        - {{ library.env('EXTRA', parameters.unit) }}\n        - name: UNIT\n",
    );
    let template = format!("{{% import 'templates/library.j2' as library %}}\n{template}");
    let found = rendered(
        &blueprint(&[
            ("templates/library.j2", library),
            ("templates/post/deployment.yaml", &template),
        ]),
        "packaging-1",
    )
    .expect("a rendering");
    assert_eq!(
        found.stages[0].objects[0].pointer("/spec/template/spec/containers/0/env/1"),
        Some(&json!({"name": "EXTRA", "value": "PCE"}))
    );
}
