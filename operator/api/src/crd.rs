//! The custom resource definitions, finished for the API server.

use crate::{Approval, Blueprint, GROUP, IntegrationRelease, PlantIntegration, PlantSite};
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

/// Keeps a CRD, and with it every plant, when the chart that brought it is uninstalled.
const KEEP: (&str, &str) = ("helm.sh/resource-policy", "keep");
/// Where a CRD's schema is.
const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

/// Every CRD, by file name.
pub fn all() -> Result<Vec<(String, Value)>, serde_json::Error> {
    [
        Approval::crd(),
        Blueprint::crd(),
        IntegrationRelease::crd(),
        PlantIntegration::crd(),
        PlantSite::crd(),
    ]
    .into_iter()
    .map(|crd| {
        let file = format!("{}.{GROUP}.yaml", crd.spec.names.plural);
        Ok((file, finish(serde_json::to_value(crd)?)))
    })
    .collect()
}

/// What the derive cannot say.
fn finish(mut crd: Value) -> Value {
    crd["metadata"]["annotations"] = json!({KEEP.0: KEEP.1});
    if let Some(schema) = crd.pointer_mut(SCHEMA) {
        tidy(schema, false);
        let about = schema.pointer("/properties/spec/description").cloned();
        if let (Some(root), Some(about)) = (schema.as_object_mut(), about) {
            root.insert("description".to_owned(), about);
        }
        if let Some(status) = schema
            .pointer_mut("/properties/status")
            .and_then(Value::as_object_mut)
        {
            // kstatus: an object that nobody has looked at is not current.
            status.insert("default".to_owned(), json!({"observedGeneration": -1}));
            status.insert(
                "description".to_owned(),
                json!("What is true now. Written by Andon."),
            );
        }
    }
    crd
}

/// Takes out what the API server would warn about or apply where it should not.
fn tidy(schema: &mut Value, in_list: bool) {
    let Some(node) = schema.as_object_mut() else {
        return;
    };
    // Nothing we write is null: what is not there is left out. With `nullable`, CEL's has() would be true of a null.
    node.remove("nullable");
    node.remove("title");
    for bound in ["minimum", "maximum"] {
        if let Some(whole) = node
            .get(bound)
            .and_then(Value::as_f64)
            .filter(|number| number.fract() == 0.0)
        {
            node.insert(bound.to_owned(), json!(whole as i64));
        }
    }
    if let Some(options) = node.get_mut("enum").and_then(Value::as_array_mut) {
        options.retain(|option| !option.is_null());
    }
    // Defaults inside lists fight with server-side apply: every item would have fields that its author did not write.
    if in_list {
        node.remove("default");
    }
    if let Some(properties) = node.get_mut("properties").and_then(Value::as_object_mut) {
        if let Some(conditions) = properties
            .get_mut("conditions")
            .and_then(Value::as_object_mut)
        {
            finish_conditions(conditions);
        }
        properties
            .values_mut()
            .for_each(|property| tidy(property, in_list));
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = node.get_mut(key) {
            tidy(below, true);
        }
    }
}

/// Conditions are told apart by their type; what each field means stands in Kubernetes' own documentation.
fn finish_conditions(conditions: &mut Map<String, Value>) {
    conditions.insert("x-kubernetes-list-type".to_owned(), json!("map"));
    conditions.insert("x-kubernetes-list-map-keys".to_owned(), json!(["type"]));
    let fields = conditions
        .get_mut("items")
        .and_then(|items| items.get_mut("properties"));
    for field in fields
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
    {
        if let Some(field) = field.as_object_mut() {
            field.remove("description");
        }
    }
}
