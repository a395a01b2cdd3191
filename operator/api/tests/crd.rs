//! What every CRD must be, without an API server (`tests/apiserver_crd.rs` asks a real one).
#![allow(missing_docs, clippy::expect_used)]

use andon_api::crd;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

type Node = Map<String, Value>;

/// Calls `look` with every node of a schema and its path: `spec.lines[].name`.
fn walk(path: &str, node: &Value, look: &mut dyn FnMut(&str, &Node)) {
    let node = node.as_object().expect("a schema is an object");
    look(path, node);
    for (key, below) in node
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        walk(format!("{path}.{key}").trim_start_matches('.'), below, look);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(below) = node.get(key) {
            walk(&format!("{path}{mark}"), below, look);
        }
    }
}

fn schemas() -> Vec<(String, Value)> {
    let schema = |crd: Value| crd.pointer(SCHEMA).cloned().expect("a schema");
    crd::all()
        .expect("CRDs")
        .into_iter()
        .map(|(file, crd)| (file, schema(crd)))
        .collect()
}

/// The API server's rules for structural schemas, so far as the derive can break them.
fn structural(path: &str, node: &Node, found: &mut Vec<String>) {
    let free = [
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
    ];
    if !node.contains_key("type") && !free.iter().any(|key| node.get(*key) == Some(&json!(true))) {
        found.push(format!("{path}: no type"));
    }
    let unknown = [
        "$ref",
        "definitions",
        "$defs",
        "patternProperties",
        "const",
        "if",
        "dependencies",
    ];
    // Our types need no alternatives, and no nulls.
    for key in unknown
        .into_iter()
        .chain(["anyOf", "oneOf", "allOf", "nullable"])
    {
        if node.contains_key(key) {
            found.push(format!("{path}: {key}"));
        }
    }
    if node.contains_key("properties") && node.contains_key("additionalProperties") {
        found.push(format!("{path}: properties and additionalProperties"));
    }
    let format = node
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if format.starts_with("uint") {
        found.push(format!("{path}: the API server knows no {format}"));
    }
}

/// In a spec everything is bounded, or rules would cost more than the API server allows.
fn bounded(path: &str, node: &Node, found: &mut Vec<String>) {
    let bound = match node.get("type").and_then(Value::as_str) {
        Some("array") => "maxItems",
        // An instant is as long as an instant is.
        Some("string") if !node.contains_key("enum") && !node.contains_key("format") => "maxLength",
        _ => return,
    };
    if path.starts_with("spec") && !node.contains_key(bound) {
        found.push(format!("{path}: no {bound}"));
    }
}

#[test]
fn every_schema_is_structural_and_bounded() {
    let mut found = Vec::new();
    for (file, schema) in schemas() {
        walk("", &schema, &mut |path, node| {
            structural(path, node, &mut found);
            bounded(path, node, &mut found);
            if path.contains("[]") && node.contains_key("default") {
                found.push(format!("{file} {path}: a default inside a list"));
            }
        });
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_rule_has_a_message_that_names_a_field() {
    let mut rules = 0;
    for (file, schema) in schemas() {
        walk("", &schema, &mut |path, node| {
            let own = node
                .get("x-kubernetes-validations")
                .and_then(Value::as_array);
            for rule in own.into_iter().flatten() {
                rules += 1;
                let message = rule["message"].as_str().unwrap_or_default();
                let field = path
                    .rsplit('.')
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches("[]");
                let named = message.starts_with(field)
                    || message.contains("metadata.name")
                    || message.contains("exclude");
                assert!(
                    named && message.len() > field.len() + 10,
                    "{file} {path}: {rule}"
                );
            }
        });
    }
    assert!(rules > 20, "{rules}");
}

#[test]
fn a_status_nobody_wrote_is_not_current() {
    for (file, schema) in schemas() {
        let has_status = schema.pointer("/properties/status").is_some();
        let immutable = file.starts_with("blueprints") || file.starts_with("approvals");
        assert_eq!(has_status, !immutable, "{file}");
        if has_status {
            let default = schema.pointer("/properties/status/default");
            assert_eq!(default, Some(&json!({"observedGeneration": -1})), "{file}");
        }
    }
}

#[test]
fn short_names_are_unique_and_crds_are_kept() {
    let mut seen = BTreeSet::new();
    for (file, crd) in crd::all().expect("CRDs") {
        assert_eq!(
            crd["metadata"]["annotations"]["helm.sh/resource-policy"],
            json!("keep"),
            "{file}"
        );
        for name in crd["spec"]["names"]["shortNames"]
            .as_array()
            .into_iter()
            .flatten()
        {
            assert!(seen.insert(name.to_string()), "{file}: {name}");
        }
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_target_belongs_to_one_owner_whole() {
    let mut seen = false;
    for (_, schema) in schemas() {
        walk("", &schema, &mut |path, node| {
            if path == "spec.target" {
                seen = true;
                assert_eq!(node.get("x-kubernetes-map-type"), Some(&json!("atomic")));
            }
        });
    }
    assert!(seen);
}
