//! The shadow of a stage: rendered beside it, and refused where it could post.

use super::*;
use andon_render::pack;
use std::collections::BTreeMap;

const SHADOW: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ name }}
spec:
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
        - name: BROKER
          valueFrom: {secretKeyRef: {name: accounts, key: shadow}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ name }}
spec:
  podSelector: {matchLabels: {{ labels }}}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{podSelector: {matchLabels: {andon.dev/stage: broker}}}]
";

const POLICY: &str = "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ name }}
spec:
  podSelector: SELECTOR
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]
";

/// The stage `post` reads its own account on the broker and the ERP's credentials.
fn post() -> String {
    DEPLOYMENT.replace(
        "        volumeMounts",
        "        - name: BROKER
          valueFrom: {secretKeyRef: {name: accounts, key: post}}
        envFrom: [{secretRef: {name: erp}}]
        volumeMounts",
    )
}

fn shadowed(shadow: &str, more: &[(&str, &str)]) -> Result<Rendering, String> {
    let post = post();
    let mut files = vec![
        ("templates/post/deployment.yaml", post.as_str()),
        ("templates/post/shadow/all.yaml", shadow),
    ];
    files.extend(more);
    let mut blueprint = blueprint(&files);
    let counters = json!({"same": {"metric": "same"}, "different": {"metric": "different"}});
    blueprint.stages[0].shadow = serde_json::from_value(counters).expect("counters");
    let request = RenderRequest {
        blueprint: &blueprint,
        facts: facts("packaging-1"),
        parameters: &good_parameters(),
    };
    render(&request).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        errors.join("\n")
    })
}

#[test]
fn a_shadow_has_names_and_labels_of_its_own() {
    let rendering = shadowed(SHADOW, &[]).unwrap();
    let (stage, shadow) = rendering.shadow().unwrap();
    assert_eq!(stage.objects.len(), 2, "{:?}", stage.objects);
    let stem = "confirmations-packaging-1-post";
    assert!(
        shadow.instance.starts_with(&format!("{stem}-shadow-")),
        "{}",
        shadow.instance
    );
    for object in &shadow.objects {
        assert_eq!(object["metadata"]["labels"]["andon.dev/stage"], "shadow");
        assert_eq!(object["metadata"]["name"], json!(shadow.instance));
    }
    let pods = &shadow.objects[0]["spec"]["template"]["metadata"]["labels"];
    assert_eq!(pods["andon.dev/instance"], json!(shadow.instance));
    assert_eq!(pods["andon.dev/stage"], "shadow");
}

/// A correction of the shadow alone is something new to try, and to approve.
#[test]
fn the_digest_knows_the_shadow_and_the_stage_does_not() {
    let [one, other] = [
        shadowed(SHADOW, &[]),
        shadowed(&SHADOW.replace("connector:1", "connector:2"), &[]),
    ]
    .map(Result::unwrap);
    assert_ne!(one.digest, other.digest);
    assert_eq!(one.stages[0].digest, other.stages[0].digest);
    let mut without = blueprint(&[("templates/post/deployment.yaml", &post())]);
    without.stages[0].shadow = None;
    let request = RenderRequest {
        blueprint: &without,
        facts: facts("packaging-1"),
        parameters: &good_parameters(),
    };
    assert_eq!(
        render(&request).unwrap().stages[0].digest,
        one.stages[0].digest
    );
}

#[test]
fn a_shadow_that_could_post_is_refused() {
    let key = "key: shadow}}";
    let own = "podSelector: {matchLabels: {{ labels }}}";
    let broker = "[{podSelector: {matchLabels: {andon.dev/stage: broker}}}]";
    let pods = "    spec:\n      containers";
    let volume = |source: &str| {
        format!("    spec:\n      volumes: [{{name: v, {source}}}]\n      containers")
    };
    let projected =
        volume("projected: {sources: [{secret: {name: erp, items: [{key: a, path: a}]}}]}");
    let secret = volume("secret: {secretName: accounts, items: [{key: post, path: p}]}");
    let cases: &[(&str, &str, &str)] = &[
        (
            key,
            "key: post}}",
            "reads the key post of Secret accounts, which Deployment confirmations-packaging-1-post-",
        ),
        (
            "name: accounts, key: shadow",
            "name: erp, key: any",
            "reads the key any of Secret erp",
        ),
        (pods, &projected, "reads the key a of Secret erp"),
        (pods, &secret, "reads the key post of Secret accounts"),
        (
            pods,
            &volume("secret: {secretName: accounts}"),
            "reads Secret accounts",
        ),
        (
            pods,
            "    spec:\n      hostNetwork: true\n      containers",
            "in the node's network",
        ),
        (
            "[Ingress, Egress]",
            "[Ingress]",
            "no NetworkPolicy closes what the shadow may reach",
        ),
        (
            own,
            "podSelector: {}",
            "does not name andon.dev/instance in its podSelector",
        ),
        (
            broker,
            "[{ipBlock: {cidr: 10.20.0.0/16}}]",
            "opens \"10.20.0.0/16\" to the shadow",
        ),
        (broker, "[]", "opens every address"),
    ];
    for (old, new, said) in cases {
        let text = SHADOW.replacen(old, new, 1);
        assert_ne!(text, SHADOW, "{old}");
        let refused = shadowed(&text, &[]).unwrap_err();
        assert!(refused.contains(said), "{said}\n{refused}");
        assert!(refused.contains("templates/post/shadow"), "{refused}");
    }
}

#[test]
fn a_shadow_is_not_a_service_account_of_the_line() {
    let account = "    spec:\n      serviceAccountName: {{ integration }}-x\n      containers";
    let with = |text: &str| text.replacen("    spec:\n      containers", account, 1);
    let post = with(&post());
    let refused = shadowed(&with(SHADOW), &[("templates/post/deployment.yaml", &post)]);
    let refused = refused.unwrap_err();
    assert!(
        refused.contains("runs as the service account confirmations-x"),
        "{refused}"
    );
    assert!(shadowed(SHADOW, &[("templates/post/deployment.yaml", &post)]).is_ok());
}

#[test]
fn what_the_line_opens_does_not_open_the_shadow() {
    let common = |selector: &str| {
        let policy = POLICY.replace("SELECTOR", selector);
        shadowed(SHADOW, &[("templates/common/network.yaml", &policy)])
    };
    for selector in [
        "{}",
        "{matchLabels: {andon.dev/line: packaging-1}}",
        "{matchExpressions: [{key: andon.dev/stage, operator: Exists}]}",
        "{matchExpressions: [{key: andon.dev/stage, operator: In, values: [post, shadow]}]}",
        "{matchExpressions: [{key: other, operator: NotIn, values: [a]}]}",
    ] {
        let refused = common(selector).unwrap_err();
        assert!(
            refused.contains("means the shadow's pods too"),
            "{selector}\n{refused}"
        );
    }
    for selector in [
        "{matchLabels: {andon.dev/stage: post}}",
        "{matchExpressions: [{key: andon.dev/stage, operator: In, values: [post, source]}]}",
        "{matchExpressions: [{key: andon.dev/stage, operator: NotIn, values: [shadow]}]}",
        "{matchExpressions: [{key: andon.dev/stage, operator: DoesNotExist}]}",
    ] {
        assert!(common(selector).is_ok(), "{selector}");
    }
}

#[test]
fn only_a_stage_that_can_has_a_shadow() {
    let manifest = |stages: &str| {
        let files = BTreeMap::from([
            (
                "blueprint.yaml".to_owned(),
                format!("name: sample\nversion: 1.0.0\nscope: Line\nstages:\n{stages}"),
            ),
            (
                "templates/post/deployment.yaml".to_owned(),
                DEPLOYMENT.to_owned(),
            ),
            (
                "templates/post/shadow/all.yaml".to_owned(),
                SHADOW.to_owned(),
            ),
            ("routes/post.yaml".to_owned(), "- a: b\n".to_owned()),
        ]);
        pack(&files).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("\n")
        })
    };
    let shadow = "shadow: {same: {metric: a}, different: {metric: b}}";
    let metrics = "metrics: {port: 1, path: /m}";
    let good = format!("- {{name: post, strategy: Takeover, {metrics}, {shadow}}}\n");
    assert!(manifest(&good).is_ok(), "{:?}", manifest(&good));
    for (stages, said) in [
        (
            format!("- {{name: post, strategy: Takeover, {metrics}}}\n"),
            "post/shadow/all.yaml: this template is a shadow's, and its stage has none",
        ),
        (
            format!("- {{name: post, strategy: Takeover, {shadow}}}\n"),
            "has a shadow and does not say where its counters are",
        ),
        (
            format!(
                "- {{name: post, strategy: Replace, session: Exclusive, {metrics}, {shadow}}}\n"
            ),
            "holds an exclusive session and has a shadow",
        ),
        (
            format!("- {{name: post, strategy: InPlace, {metrics}, {shadow}}}\n"),
            "is changed where it stands and has a shadow",
        ),
        (
            format!("{good}- {{name: other, strategy: Takeover, {metrics}, {shadow}}}\n"),
            "both have a shadow",
        ),
        (
            format!("{good}- {{name: post-shadow, strategy: Takeover}}\n"),
            "has the name of the shadow of post",
        ),
        (
            format!("{good}- {{name: shadow, strategy: Takeover}}\n"),
            "a stage may not be called shadow",
        ),
    ] {
        let refused = manifest(&stages).unwrap_err();
        assert!(refused.contains(said), "{said}\n{refused}");
    }
}
