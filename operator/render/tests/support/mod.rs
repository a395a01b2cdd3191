//! A small blueprint of its own, so that these tests do not change with the ones we ship.

use andon_api::{BlueprintSpec, Parameters};
use andon_render::{Facts, LineFacts, NamedParameters, PlantFacts};
use serde_json::{Value, json};

/// A stage's workload as its author would write it.
pub const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ name }}
spec:
  replicas: 1
  selector:
    matchLabels: {{ labels }}
  template:
    metadata:
      labels: {{ labels }}
    spec:
      containers:
      - name: connector
        image: example.com/connector:1
        env:
        - name: ERP_URL
          value: {{ parameters.erp.url }}
        - name: UNIT
          value: \"{{ parameters.unit }}\"
        volumeMounts: [{name: routes, mountPath: /routes}]
      volumes:
      - {name: routes, configMap: {name: \"{{ name }}-routes\"}}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ name }}-routes
data: {{ files('routes') }}
";

pub const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata: {name: {{ name }}}
spec:
  template:
    metadata: {labels: {{ labels }}}
    spec:
      restartPolicy: Never
      containers:
      - {name: check, image: 'example.com/connector:1', args: [check, {{ parameters.unit }}]}
";

pub const SERVICE_ACCOUNT: &str = "apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ name }}}
";

/// The blueprint with `replace` instead of, or beside, its own files.
pub fn blueprint(replace: &[(&str, &str)]) -> BlueprintSpec {
    let mut files = json!({
        "templates/post/deployment.yaml": DEPLOYMENT,
        "templates/check/job.yaml": JOB,
        "templates/common/account.yaml": SERVICE_ACCOUNT,
        "routes/post.yaml": "- route: {from: {uri: direct:a}}\n",
    });
    for (path, text) in replace {
        files[*path] = json!(text);
    }
    serde_json::from_value(json!({
        "name": "sample",
        "version": "1.0.0",
        "scope": "Line",
        "stages": [{"name": "post", "strategy": "Takeover", "metrics": {"port": 9876, "path": "/metrics"}}],
        "parameters": schema(),
        "files": files,
    }))
    .expect("a blueprint")
}

pub fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["erp", "opcua"],
        "properties": {
            "erp": {
                "type": "object",
                "additionalProperties": false,
                "required": ["url"],
                "properties": {
                    "url": {"type": "string", "format": "uri", "description": "Base address of the ERP.",
                            "examples": ["http://erp:8080"]},
                    "timeout": {"type": "string", "format": "go-duration", "default": "5s"}
                }
            },
            "opcua": {
                "type": "object",
                "required": ["endpoint"],
                "properties": {
                    "endpoint": {"type": "string", "pattern": "^opc\\.tcp://"},
                    "port": {"type": "integer", "minimum": 1, "maximum": 65535}
                }
            },
            "unit": {"enum": ["PCE", "KGM"], "default": "PCE"},
            "tls": {"type": "object", "required": ["ca"],
                    "properties": {"ca": {"type": "string"}, "verify": {"type": "boolean", "default": true}}}
        }
    })
}

pub fn facts(line: &str) -> Facts<'_> {
    Facts {
        plant: PlantFacts {
            name: "ulm",
            namespace: "plant-ulm",
            site_code: "DE-ULM-01",
            time_zone: "Europe/Berlin",
        },
        line: Some(LineFacts {
            name: line,
            criticality: 10,
        }),
        integration: "confirmations",
    }
}

pub fn parameters(value: Value) -> Parameters {
    value.as_object().cloned().expect("an object")
}

pub fn named<'a>(name: &'a str, parameters: &'a Parameters) -> NamedParameters<'a> {
    NamedParameters { name, parameters }
}

pub fn good_parameters() -> Parameters {
    parameters(
        json!({"erp": {"url": "http://erp:8080", "timeout": "5s"}, "opcua": {"endpoint": "opc.tcp://10.0.0.1:4840"},
               "unit": "PCE"}),
    )
}
