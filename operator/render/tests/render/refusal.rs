//! What rendering refuses, and with which words.

use super::*;

#[test]
fn what_may_not_be_is_refused_with_its_place_and_a_remedy() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "kind: Deployment",
            "kind: Pod",
            &[
                "post/deployment.yaml:2:7",
                "the kind Pod may not be in post",
                "StatefulSet",
            ],
        ),
        (
            "kind: ConfigMap",
            "kind: Secret",
            &["the kind Secret may not be in post", "use ConfigMap"],
        ),
        (
            "kind: ConfigMap",
            "kind: Job",
            &["the kind Job may not be in post"],
        ),
        (
            "kind: ConfigMap",
            "kind: Role",
            &["the kind Role may not be in post"],
        ),
        (
            "apps/v1",
            "apps/v1beta1",
            &["deployment.yaml:1:13", "write apiVersion: apps/v1"],
        ),
        (
            "  name: {{ name }}\nspec",
            "  name: {{ name }}\n  namespace: x\nspec",
            &["5:14", "metadata.namespace", "leave it out"],
        ),
        (
            "  name: {{ name }}\nspec",
            "  labels: {a: b}\nspec",
            &["without metadata.name", "write name: {{ name }}"],
        ),
        (
            "  name: {{ name }}\nspec",
            "  name: other\nspec",
            &["4:9", "does not begin with this instance's own"],
        ),
        (
            "  name: {{ name }}\nspec",
            "  name: {{ name|upper }}\nspec",
            &["does not begin with this instance's own"],
        ),
        (
            "  name: {{ name }}-routes",
            "  name: {{ name }}-Routes",
            &["is no DNS label"],
        ),
        (
            "  name: {{ name }}-routes",
            "  name: {{ name }}-0123456789012345678901234567890",
            &["characters", "may have 63", "shorten"],
        ),
        (
            "    matchLabels: {{ labels }}",
            "    matchLabels: {app: x}",
            &["andon.dev/instance", "matchLabels: {{ labels }}"],
        ),
        (
            "      labels: {{ labels }}",
            "      labels: {app: x}",
            &["the pods lack", "labels: {{ labels }}"],
        ),
        (
            "replicas: 1",
            "replicas: 01",
            &[
                "6:13",
                "01 means different things",
                "write 1 or \"01\" in quotes",
            ],
        ),
        (
            "replicas: 1",
            "paused: yes",
            &["6:11", "write true or \"yes\" in quotes"],
        ),
        (
            "replicas: 1",
            "replicas: {{ parameters.erb.url }}",
            &["6:16", "parameters.erb is not there", "erp, opcua, unit"],
        ),
        (
            "replicas: 1",
            "replicas: {{ plant.sitecode }}",
            &["plant.sitecode is not there", "siteCode"],
        ),
        (
            "replicas: 1",
            "replicas: {{ parameters.unit|shout }}",
            &["shout", "the filters are abs"],
        ),
        (
            "replicas: 1",
            "replicas: {{ file('routes/x') }}",
            &["there is no file routes/x; there are routes/post.yaml"],
        ),
        (
            "replicas: 1",
            "replicas: {{ files('x') }}",
            &["no file in x"],
        ),
        ("replicas: 1", "replicas: {% if %}", &["6:", "syntax error"]),
        (
            "replicas: 1",
            "replicas: \"{{ labels }}\"",
            &["6:13", "inside a text", "without quotes"],
        ),
        ("replicas: 1", "replicas: [1", &["not YAML"]),
        (
            "replicas: 1",
            "replicas: 1\n  replicas: 2",
            &["7:3", "is there twice"],
        ),
        ("replicas: 1", "a: &x 1\n  b: *x", &["anchors, aliases"]),
        (
            "replicas: 1",
            "a: {% for i in range(99999999) %}x{% endfor %}",
            &["6:", "range"],
        ),
        (
            "replicas: 1",
            "a: {% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
            &["more than 200000 instructions"],
        ),
        ("replicas: 1", "a: {{ fail('no way') }}", &["no way"]),
        (
            "image: example.com/connector:1",
            "image: \"{{ name[:35] }}\"",
            &["cut the digits"],
        ),
    ];
    for (from, to, said) in cases {
        assert!(DEPLOYMENT.contains(from), "{from}");
        let refused = refused(
            "templates/post/deployment.yaml",
            &DEPLOYMENT.replacen(from, to, 1),
        );
        println!("{refused}");
        for words in *said {
            assert!(
                refused.contains(words),
                "{to}: {words:?} is not in {refused}"
            );
        }
        assert!(
            refused.starts_with("sample 1.0.0: templates/post"),
            "{refused}"
        );
    }
}

#[test]
fn values_cannot_become_text() {
    for template in [
        "a: {{ parameters.unit|safe }}",
        "a: {{ parameters.unit|escape }}",
        "a: {{ parameters.unit|e }}",
        "a: {{ debug() }}",
        "a: {{ parameters.unit|format(1) }}",
        "{% macro m() %}x{% endmacro %}a: {{ m()|replace('x', parameters.erp.url) }}",
        "{% macro m() %}x{% endmacro %}a: {{ [m(), parameters.erp.url]|join(' ') }}",
        "{% set b %}{{ parameters.unit }}{% endset %}a: {{ b ~ 'x' }}",
        "{% set b %}{{ parameters.unit }}{% endset %}a: {{ b[1:] }}",
    ] {
        let refused = refused("templates/post/deployment.yaml", template);
        println!("{refused}");
        assert!(
            refused.starts_with("sample 1.0.0: templates/post/deployment.yaml:1"),
            "{refused}"
        );
    }
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    for (template, said) in [
        (
            "{% include 'templates/post/deployment.yaml' %}",
            "recursion",
        ),
        (
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "recursion",
        ),
        ("{% set ns = namespace(x=1) %}", "namespace"),
        (
            "a: {% for i in range(99999) %}{{ parameters.erp.url }}{% endfor %}",
            "instructions",
        ),
        (
            "a: {% for i in range(9000) %}0123456789012345678901234567890123456789012345678901234567890123456789\
          01234567890123456789012345678901234567890123456789012345678901234567890123456789{% endfor %}",
            "1048576 bytes",
        ),
    ] {
        let refused = refused("templates/post/deployment.yaml", template);
        println!("{refused}");
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn the_characters_that_rendering_needs_are_refused() {
    let blueprint = blueprint(&[]);
    for text in ["a\u{E000}0\u{E001}", "\u{E003}", "\u{E002}"] {
        let mut parameters = good_parameters();
        parameters["erp"]["url"] = json!(text);
        let request = RenderRequest {
            blueprint: &blueprint,
            facts: facts("packaging-1"),
            parameters: &parameters,
        };
        let refused = render(&request).expect_err("reserved");
        assert!(
            refused[0].to_string().contains("parameters.erp"),
            "{}",
            refused[0]
        );
    }
    assert!(
        refused("routes/post.yaml", "\u{E000}").contains("routes/post.yaml: a character between")
    );
}

#[test]
fn a_long_stateful_set_is_refused_before_its_pods_are() {
    let template = DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet");
    let blueprint = blueprint(&[("templates/post/deployment.yaml", &template)]);
    let refused = rendered(&blueprint, "packaging-of-small-parts-1")
        .expect_err("too long")
        .join("\n");
    assert!(refused.contains("a StatefulSet may have 52"), "{refused}");
}

#[test]
fn scope_and_line_must_fit() {
    let parameters = good_parameters();
    let blueprint = blueprint(&[]);
    let facts = Facts {
        line: None,
        ..facts("")
    };
    let refused = render(&RenderRequest {
        blueprint: &blueprint,
        facts,
        parameters: &parameters,
    })
    .expect_err("no line");
    assert!(
        refused[0].to_string().contains("scope is Line"),
        "{}",
        refused[0]
    );
}

#[test]
fn each_part_has_exactly_one_workload() {
    let none = refused("templates/post/deployment.yaml", "");
    assert!(
        none.contains("templates/post: 0 workloads; write exactly one Deployment or StatefulSet"),
        "{none}"
    );
    let two = refused(
        "templates/post/more.yaml",
        &DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet"),
    );
    assert!(
        two.contains("2 workloads") || two.contains("is there twice"),
        "{two}"
    );
    let none = refused("templates/check/job.yaml", "");
    assert!(
        none.contains("templates/check: 0 workloads; write exactly one Job"),
        "{none}"
    );
}
