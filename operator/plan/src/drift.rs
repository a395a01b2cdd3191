//! Whether an object is as it was rendered. The API server adds fields of its own, so what is there must *contain* what
//! was rendered; quantities are compared by their value, since the API server rewrites them.

use serde_json::{Map, Value};

/// Whether `live` contains everything that `rendered` says.
pub(crate) fn holds(rendered: &Value, live: &Value) -> bool {
    // Rules of a NetworkPolicy are one list that belongs to us whole: one rule more opens what we keep closed.
    let whole_lists = crate::object::kind(rendered) == "NetworkPolicy";
    let Some(members) = rendered.as_object() else {
        return false;
    };
    members.iter().all(|(key, value)| match key.as_str() {
        "metadata" => metadata_holds(value, live.get(key)),
        "status" => true,
        _ => within(key, value, live.get(key), whole_lists),
    })
}

/// Labels and annotations; the rest of an object's metadata is the API server's.
fn metadata_holds(rendered: &Value, live: Option<&Value>) -> bool {
    ["labels", "annotations"].iter().all(|key| {
        rendered
            .get(key)
            .is_none_or(|value| within(key, value, live.and_then(|live| live.get(*key)), false))
    })
}

/// Whether the value at `key` contains `rendered`.
fn within(key: &str, rendered: &Value, live: Option<&Value>, whole_lists: bool) -> bool {
    // The API server drops what is empty, and adds it elsewhere.
    let Some(live) = live.filter(|live| !live.is_null()) else {
        return is_empty(rendered);
    };
    match (rendered, live) {
        (Value::Object(rendered), Value::Object(live)) => {
            members_within(rendered, live, whole_lists)
        }
        (Value::Array(rendered), Value::Array(live)) => {
            list_within(key, rendered, live, whole_lists)
        }
        (Value::Null, _) => true,
        _ => rendered == live || (is_quantity(key) && same_quantity(rendered, live)),
    }
}

/// Members mostly stand in the same order on both sides, so that most are found without a search.
fn members_within(
    rendered: &Map<String, Value>,
    live: &Map<String, Value>,
    whole_lists: bool,
) -> bool {
    let mut ahead = live.iter().peekable();
    rendered.iter().all(|(key, value)| {
        while ahead.next_if(|(other, _)| *other < key).is_some() {}
        let found = match ahead.next_if(|(other, _)| *other == key) {
            Some((_, found)) => Some(found),
            None => live.get(key),
        };
        within(key, value, found, whole_lists)
    })
}

/// Lists of named things are merged by name on the server: somebody else's entries stay whatever we apply, so only our
/// own are compared. All other lists are ours whole.
fn list_within(key: &str, rendered: &[Value], live: &[Value], whole_lists: bool) -> bool {
    let pairwise = || {
        rendered.len() == live.len()
            && rendered
                .iter()
                .zip(live)
                .all(|(want, have)| within(key, want, Some(have), whole_lists))
    };
    let keyed = !whole_lists && rendered.iter().all(|item| merge_key(item).is_some());
    if !keyed || rendered.is_empty() {
        return pairwise();
    }
    rendered.iter().enumerate().all(|(place, want)| {
        let holds = |have: &Value| within(key, want, Some(have), whole_lists);
        // Mostly it stands where it stood.
        live.get(place).is_some_and(holds) || live.iter().any(holds)
    })
}

/// The field by which the API server merges a list that holds this item.
fn merge_key(item: &Value) -> Option<&Value> {
    ["name", "mountPath", "containerPort", "port"]
        .iter()
        .find_map(|key| item.get(key))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
}

/// Whether the value at this key is a quantity (`500m`, `1Gi`).
fn is_quantity(key: &str) -> bool {
    matches!(
        key,
        "cpu" | "memory" | "storage" | "ephemeral-storage" | "sizeLimit"
    )
}

fn same_quantity(a: &Value, b: &Value) -> bool {
    match (quantity(a), quantity(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => false,
    }
}

/// The value of a quantity.
pub(crate) fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_f64(),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    const UNITS: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
        .unwrap_or((text, 1.0));
    number.parse::<f64>().ok().map(|number| number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(spec: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {"x": "1"}}, "spec": spec})
    }

    #[test]
    fn what_the_server_adds_is_no_drift() {
        let rendered = deployment(json!({"replicas": 1, "template": {"spec": {
            "securityContext": {}, "containers": [{"name": "c", "image": "i", "command": ["a", "b"],
            "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}}}]}}}));
        let mut live = deployment(
            json!({"replicas": 1, "revisionHistoryLimit": 10, "template": {"spec": {
            "restartPolicy": "Always", "containers": [{"name": "c", "image": "i", "command": ["a", "b"], "imagePullPolicy": "Always",
            "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}]}}}),
        );
        live["metadata"]["uid"] = json!("u");
        assert!(holds(&rendered, &live));
        assert!(!holds(&live, &rendered));
    }

    #[test]
    fn what_somebody_changed_is_drift() {
        let rendered = deployment(
            json!({"replicas": 1, "containers": [{"name": "c", "image": "i", "args": ["1"]}]}),
        );
        for (pointer, value) in [
            ("/spec/replicas", json!(2)),
            ("/spec/containers/0/image", json!("j")),
            ("/spec/containers/0/args", json!(["1", "2"])),
            ("/spec/containers/0/args", json!([])),
            ("/metadata/labels/x", json!("2")),
            ("/metadata/labels", json!({})),
            ("/spec/containers", json!([])),
        ] {
            let mut live = rendered.clone();
            *live.pointer_mut(pointer).unwrap() = value;
            assert!(!holds(&rendered, &live), "{pointer}");
        }
    }

    #[test]
    fn a_further_rule_in_a_network_policy_is_drift() {
        let rendered = json!({"kind": "NetworkPolicy", "metadata": {"name": "a"},
            "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 5672}]}]}});
        let mut live = rendered.clone();
        live["spec"]["egress"][0]["ports"][0]["protocol"] = json!("TCP");
        assert!(holds(&rendered, &live));
        live["spec"]["egress"][0]["ports"]
            .as_array_mut()
            .unwrap()
            .push(json!({"port": 22}));
        assert!(!holds(&rendered, &live));
    }

    #[test]
    fn quantities_are_numbers_only_where_they_are_quantities() {
        assert!(same_quantity(&json!("1000m"), &json!(1)));
        assert!(!same_quantity(&json!("1Gi"), &json!("1G")));
        let data = |value: &str| json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"batch": value}});
        assert!(!holds(&data("1000m"), &data("1")));
    }
}
