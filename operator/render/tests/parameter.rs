//! Whose value wins, and what is said of one that does not fit.
#![allow(missing_docs, dead_code, clippy::expect_used, clippy::too_many_lines)]

mod support;

use andon_api::Parameters;
use andon_render::{Layers, effective};
use serde_json::{Value, json};
use support::{blueprint, named, parameters};

/// Release, plant, integration and line parameters.
fn merged(layers: [Value; 4]) -> Result<Parameters, String> {
    let [release, site, integration, line] = layers.map(parameters);
    let layers = Layers {
        release: &release,
        site: &site,
        integration: named("confirmations", &integration),
        line: Some(named("filling-1", &line)),
    };
    effective(&blueprint(&[]), &layers).map_err(|errors| {
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })
}

fn erp(url: &str) -> Value {
    json!({"erp": {"url": url}})
}

fn opcua() -> Value {
    json!({"opcua": {"endpoint": "opc.tcp://10.0.0.1:4840"}})
}

#[test]
fn the_nearer_layer_wins_member_by_member() {
    let found = merged([
        json!({"erp": {"url": "http://release", "timeout": "1s"}, "unit": "KGM"}),
        json!({"erp": {"url": "http://site"}}),
        json!({"unit": "PCE"}),
        opcua(),
    ]);
    assert_eq!(
        found.map(Value::Object),
        Ok(
            json!({"erp": {"url": "http://site", "timeout": "1s"}, "unit": "PCE",
                  "opcua": {"endpoint": "opc.tcp://10.0.0.1:4840"}})
        )
    );
}

#[test]
fn defaults_fill_what_nobody_gives() {
    let found = merged([json!({}), erp("http://site"), json!({}), opcua()]).expect("parameters");
    assert_eq!(found["unit"], json!("PCE"));
    assert_eq!(found["erp"]["timeout"], json!("5s"));
    assert_eq!(
        found.get("tls"),
        None,
        "an optional object is not made of defaults that are not enough"
    );
    let found = merged([
        json!({"tls": {"ca": "x"}}),
        erp("http://site"),
        json!({}),
        opcua(),
    ])
    .expect("parameters");
    assert_eq!(found["tls"], json!({"ca": "x", "verify": true}));
}

#[test]
fn shared_layers_are_filtered_and_own_layers_are_strict() {
    let mut site = erp("http://site");
    site["broker"] = json!({"size": "1Gi"});
    let mut line = opcua();
    line["camera"] = json!({"address": "x"});
    let found = merged([json!({}), site.clone(), json!({}), line.clone()])
        .expect("others' parameters are left alone");
    assert!(found.get("broker").is_none() && found.get("camera").is_none());

    let refused = merged([
        json!({"unti": "PCE"}),
        site.clone(),
        json!({}),
        line.clone(),
    ])
    .expect_err("unknown");
    assert_eq!(
        refused,
        "IntegrationRelease parameters.unti: the blueprint has no such parameter; use erp, opcua, tls or unit, or take it out"
    );
    let refused = merged([json!({}), site, json!({"unti": "PCE"}), line]).expect_err("unknown");
    assert!(
        refused.starts_with("PlantSite integrations[confirmations].parameters.unti: "),
        "{refused}"
    );
}

#[test]
fn errors_name_the_source_the_value_and_what_would_be_right() {
    let site = erp("http://site");
    let cases = [
        (
            [
                json!({}),
                site.clone(),
                json!({}),
                json!({"opcua": {"endpoint": 5}}),
            ],
            "PlantSite lines[filling-1].parameters.opcua.endpoint: 5 is not right; write a value of type string",
        ),
        (
            [
                json!({}),
                site.clone(),
                json!({}),
                json!({"opcua": {"endpoint": "http://x"}}),
            ],
            "PlantSite lines[filling-1].parameters.opcua.endpoint: \"http://x\" is not right; write a text that matches \
             ^opc\\.tcp://",
        ),
        (
            [json!({"unit": "TON"}), site.clone(), json!({}), opcua()],
            "IntegrationRelease parameters.unit: \"TON\" is not right; write \"PCE\" or \"KGM\"",
        ),
        (
            [
                json!({"unit": "PCE"}),
                site.clone(),
                json!({"unit": 1}),
                opcua(),
            ],
            "PlantSite integrations[confirmations].parameters.unit: 1 is not right; write \"PCE\" or \"KGM\"",
        ),
        (
            [json!({}), erp("not a url"), json!({}), opcua()],
            "PlantSite parameters.erp.url: \"not a url\" is not right; write a text of format uri (Base address of the \
             ERP, for instance \"http://erp:8080\")",
        ),
        (
            [
                json!({}),
                json!({"erp": {"url": "http://x", "timeout": "5 s"}}),
                json!({}),
                opcua(),
            ],
            "PlantSite parameters.erp.timeout: \"5 s\" is not right; write a text of format go-duration",
        ),
        (
            [
                json!({}),
                site.clone(),
                json!({}),
                json!({"opcua": {"endpoint": "opc.tcp://x", "port": 0}}),
            ],
            "PlantSite lines[filling-1].parameters.opcua.port: 0 is not right; write a number of at least 1",
        ),
        (
            [
                json!({}),
                json!({"erp": {"url": "http://x", "ulr": "x"}}),
                json!({}),
                opcua(),
            ],
            "PlantSite parameters.erp.ulr: the blueprint has no such parameter; use timeout or url, or take it out",
        ),
        (
            [json!({}), site, json!({}), json!({})],
            "parameter opcua: it is required and not set; set PlantSite lines[filling-1].parameters.opcua, PlantSite \
             integrations[confirmations].parameters.opcua, PlantSite parameters.opcua or IntegrationRelease \
             parameters.opcua",
        ),
        (
            [json!({}), json!({"erp": {}}), json!({}), opcua()],
            "parameter erp.url: it is required and not set (Base address of the ERP, for instance \"http://erp:8080\"); \
             set PlantSite lines[filling-1].parameters.erp.url, PlantSite integrations[confirmations].parameters.erp.url, \
             PlantSite parameters.erp.url or IntegrationRelease parameters.erp.url",
        ),
    ];
    for (layers, said) in cases {
        assert_eq!(merged(layers), Err(said.to_owned()));
    }
}

#[test]
fn a_schema_that_is_none_says_so() {
    for (schema, said) in [
        (
            json!({"properties": {"a": {"type": "strin"}}}),
            "parameters: ",
        ),
        (json!({"properties": {"a": {"format": "uir"}}}), "uir"),
        (
            json!({"properties": {"a": {"$ref": "http://example.com/x.json"}}}),
            "example.com",
        ),
        (
            json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
            "file:///etc/passwd",
        ),
        (json!({"properties": {"a": {"pattern": "("}}}), "("),
    ] {
        let mut sample = blueprint(&[]);
        sample.parameters = parameters(schema);
        let none = Parameters::new();
        let layers = Layers {
            release: &none,
            site: &none,
            integration: named("x", &none),
            line: None,
        };
        let refused = effective(&sample, &layers).expect_err(said);
        println!("{}", refused[0]);
        assert!(
            refused[0]
                .to_string()
                .starts_with("blueprint sample 1.0.0 parameters: "),
            "{}",
            refused[0]
        );
        assert!(refused[0].to_string().contains(said), "{}", refused[0]);
    }
}
