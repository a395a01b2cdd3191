//! No value can change the structure of an object, wherever in a template it stands.
#![allow(missing_docs, dead_code, clippy::expect_used, clippy::too_many_lines)]

mod support;

use andon_render::{RenderRequest, render};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{blueprint, facts, parameters};

/// Every position in which a text can stand.
const TEXTS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: {{ name }}}  # {{ parameters.v }}
{% macro pair(key, value) %}{{ key }}: {{ value }}{% endmacro %}
{% set captured %}set-{{ parameters.v }}{% endset %}
data:
  plain: {{ parameters.v }}
  first: {{ parameters.v }} tail
  last: head {{ parameters.v }}
  twice: {{ parameters.v }}{{ parameters.v }}
  single: 'in {{ parameters.v }} out'
  double: \"in {{ parameters.v }} out\"
  whole: \"{{ parameters.v }}\"
  literal: |
    one {{ parameters.v }}
    {{ parameters.v }}
  folded: >-
    one {{ parameters.v }}
    two
  flow: {inner: {{ parameters.v }}, list: [{{ parameters.v }}, x {{ parameters.v }}]}
  {{ pair('macro', parameters.v) }}
  captured: {{ captured }}
  {% autoescape false %}
  unescaped: {{ parameters.v }}
  {% endautoescape %}
  keys: { {{ parameters.v }}: 1, \"k {{ parameters.v }}\": 2, k-{{ parameters.v }}: {a: 3}}
  items:
  - {{ parameters.v }}
  - name: {{ parameters.v }}
  joined: {{ ['a', parameters.v]|join(parameters.v) }}
  replaced: {{ 'a-b'|replace('-', parameters.v) }}
  json: {{ {'k': parameters.v}|tojson }}
";

/// What must come of it, by plain string operations.
fn expected(v: &str) -> Value {
    json!({
        "plain": v, "first": format!("{v} tail"), "last": format!("head {v}"), "twice": format!("{v}{v}"),
        "single": format!("in {v} out"), "double": format!("in {v} out"), "whole": v,
        "literal": format!("one {v}\n{v}\n"), "folded": format!("one {v} two"),
        "flow": {"inner": v, "list": [v, format!("x {v}")]},
        "macro": v, "captured": format!("set-{v}"), "unescaped": v,
        "keys": {v: 1, format!("k {v}"): 2, format!("k-{v}"): {"a": 3}},
        "items": [v, {"name": v}],
        "joined": format!("a{v}{v}"), "replaced": format!("a{v}b"),
        "json": format!("{{\"k\":{}}}", json!(v)),
    })
}

fn data(template: &str, value: &Value) -> Result<Value, String> {
    let blueprint = blueprint(&[("templates/common/account.yaml", template)]);
    let parameters = parameters(json!({"v": value, "unit": "PCE", "erp": {"url": "x"}}));
    let request = RenderRequest {
        blueprint: &blueprint,
        facts: facts("packaging-1"),
        parameters: &parameters,
    };
    let rendering = render(&request).map_err(|errors| errors[0].to_string())?;
    assert_eq!(rendering.common.len(), 1);
    let mut keys: Vec<&String> = rendering.common[0]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    keys.sort();
    assert_eq!(keys, ["apiVersion", "data", "kind", "metadata"]);
    Ok(rendering.common[0]["data"].clone())
}

/// Pieces that mean something to YAML, to the template engine, or to us.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        ": ",
        ":",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "  ",
        "\n  hostNetwork: true\n",
        "#",
        " # ",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        "- ",
        "\n- ",
        "?",
        "? ",
        "&a",
        "*a",
        "!!str",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "---\n",
        "...\n",
        "<<",
        "{{",
        "}}",
        "{% raw %}",
        "{%",
        "%}",
        "{#",
        "#}",
        "yes",
        "null",
        "~",
        "0x1",
        "0644",
        "1e3",
        "=",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{0}",
        "\u{1b}",
        "\u{E004}0\u{E005}",
        "\u{1F600}",
        "\u{10FFFF}",
        "$(x)",
        "kind: Secret",
    ];
    let piece = prop_oneof![
        4 => proptest::sample::select(pieces.map(str::to_owned).to_vec()),
        1 => any::<String>(),
        1 => "[a-z0-9]{1,8}",
    ];
    vec(piece, 0..8).prop_map(|pieces| {
        let text = pieces.concat();
        text.replace(['\u{E000}', '\u{E001}', '\u{E002}', '\u{E003}'], "")
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|number: f64| json!(number)),
        hostile().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(hostile(), inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_stays_a_text_everywhere(v in hostile()) {
        // (A key that is there twice would be refused; the three under `keys` never have the same text.)
        prop_assert_eq!(data(TEXTS, &json!(v)), Ok(expected(&v)));
    }

    #[test]
    fn a_value_alone_keeps_its_type_and_stays_where_it_is(v in any_json()) {
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ name }}}\ndata:\n  before: 1\n  \
                        value: {{ parameters.v }}\n  after: [{{ parameters.v }}, 2]\n";
        prop_assert_eq!(data(template, &v), Ok(json!({"before": 1, "value": v, "after": [v, 2]})));
    }

    #[test]
    fn a_value_in_company_becomes_text_or_is_refused(v in any_json()) {
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ name }}}\ndata:\n  quoted: \"a {{ parameters.v }}\"\n";
        match (data(template, &v), &v) {
            (Ok(data), Value::String(text)) => prop_assert_eq!(data, json!({"quoted": format!("a {text}")})),
            (Ok(data), Value::Bool(_) | Value::Number(_)) => prop_assert_eq!(data, json!({"quoted": format!("a {v}")})),
            (Err(refused), Value::Null | Value::Array(_) | Value::Object(_)) => {
                prop_assert!(refused.contains("inside a text"), "{}", refused);
            }
            (other, _) => prop_assert!(false, "{other:?}"),
        }
    }
}
