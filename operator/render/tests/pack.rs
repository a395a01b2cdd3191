//! A folder becomes a blueprint, or everything wrong with it is said with its place.
#![allow(missing_docs, dead_code, clippy::expect_used, clippy::too_many_lines)]

mod support;

use andon_render::{content_digest, pack, version_range};
use std::collections::BTreeMap;
use support::{DEPLOYMENT, JOB, SERVICE_ACCOUNT};

const MANIFEST: &str = "name: sample
version: 1.0.0
scope: Line
requires:
- {blueprint: plant-base, version: \">=1.0.0 <2.0.0\"}
provides:
- {address: raw.confirmations}
stages:
- name: source
  strategy: Replace
  session: Exclusive
  after: [post]
- name: post
  strategy: Takeover
  metrics: {port: 9876, path: /metrics}
indicators:
- name: refused
  stage: post
  good: {metric: done_total, labels: {outcome: posted}}
  bad: {metric: done_total, labels: {outcome: refused}}
progress:
  stage: post
  done:
  - {metric: done_total}
  waiting: {metric: waiting}
";

const SCHEMA: &str = "type: object
properties:
  unit:
    type: string
    default: PCE
";

fn folder(replace: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = [
        ("blueprint.yaml", MANIFEST),
        ("parameters.yaml", SCHEMA),
        ("README.md", "# read me"),
        ("templates/source/set.yaml", DEPLOYMENT),
        ("templates/post/deployment.yaml", DEPLOYMENT),
        ("templates/check/job.yaml", JOB),
        ("templates/common/account.yaml", SERVICE_ACCOUNT),
        (
            "routes/post.yaml",
            "- route: {from: {uri: direct:a, on: y}}\n",
        ),
        ("schemas/a.json", "{}"),
        ("tests/golden/in/cut-off.json", "{\"a\":"),
        ("tests/parameters/a.yaml", "{}"),
        ("tools/make.py", "x"),
    ];
    own.iter()
        .chain(replace)
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}

fn refused(replace: &[(&str, &str)]) -> String {
    let errors = pack(&folder(replace)).expect_err("a refusal");
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_folder_becomes_a_blueprint() {
    let spec = pack(&folder(&[])).expect("a blueprint");
    assert_eq!(
        (spec.name.as_str(), spec.version.as_str(), spec.stages.len()),
        ("sample", "1.0.0", 2)
    );
    assert_eq!(
        spec.parameters["properties"]["unit"]["default"],
        serde_json::json!("PCE")
    );
    let files: Vec<&str> = spec.files.keys().map(String::as_str).collect();
    assert_eq!(
        files,
        [
            "routes/post.yaml",
            "schemas/a.json",
            "templates/check/job.yaml",
            "templates/common/account.yaml",
            "templates/post/deployment.yaml",
            "templates/source/set.yaml",
            "tests/golden/in/cut-off.json",
        ]
    );
    assert_eq!(
        content_digest(&spec),
        content_digest(&pack(&folder(&[])).expect("a blueprint"))
    );
    let other = pack(&folder(&[("schemas/a.json", "{\"a\": 1}")])).expect("a blueprint");
    assert_ne!(content_digest(&spec), content_digest(&other));
}

#[test]
fn what_does_not_fit_together_is_refused_with_its_place_and_a_remedy() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "name: sample",
            "name: Sample",
            &["blueprint.yaml:1:7", "DNS label", "a-z"],
        ),
        (
            "progress:",
            "veto: {stage: source, busy: {metric: x}, patience: 2h}\nprogress:",
            &["the stage source does not say where its counters are"],
        ),
        (
            "progress:",
            "veto: {stage: post, busy: {metric: x}, patience: 0s}\nprogress:",
            &[
                "blueprint.yaml:21",
                "\"0s\" is no time at all",
                "for instance 2h",
            ],
        ),
        (
            "progress:",
            "veto: {stage: post, busy: {metric: x}, patience: soon}\nprogress:",
            &["\"soon\" is no duration", "for instance 2h"],
        ),
        (
            "name: sample",
            "name: sample\nowner: x",
            &[
                "blueprint.yaml:2:1",
                "unknown field",
                "owner",
                "take it out",
            ],
        ),
        (
            "version: 1.0.0",
            "version: \"1.0\"",
            &[
                "blueprint.yaml:2:10",
                "no semantic version",
                "for instance 1.2.0",
            ],
        ),
        (
            "version: 1.0.0",
            "version: 1.0.0+b1",
            &["blueprint.yaml:2:10", "object's name", "build metadata"],
        ),
        (
            "scope: Line",
            "scope: Plant",
            &["blueprint.yaml:3:8", "Plant", "Line"],
        ),
        ("version: 1.0.0\n", "", &["missing field", "version"]),
        (
            "\">=1.0.0 <2.0.0\"",
            "\"newest\"",
            &["blueprint.yaml:5:36", "newest", ">=1.0.0 <2.0.0"],
        ),
        (
            "- name: post",
            "- name: source",
            &["blueprint.yaml:13:9", "the stage source is there twice"],
        ),
        (
            "- name: post",
            "- name: check",
            &["may not be called check"],
        ),
        (
            "after: [post]",
            "after: [pots]",
            &[
                "blueprint.yaml:12:10",
                "pots, which does not exist",
                "name source or post",
            ],
        ),
        (
            "  strategy: Takeover",
            "  strategy: Takeover\n  after: [source]",
            &["blueprint.yaml:9:3", "source, post wait for each other"],
        ),
        (
            "strategy: Replace",
            "strategy: Takeover",
            &[
                "blueprint.yaml:10:13",
                "exclusive session",
                "strategy: Replace",
            ],
        ),
        (
            "  after: [post]",
            "  after: [post]\n  standby: true",
            &[
                "blueprint.yaml:13:12",
                "source has standby and the strategy Replace",
                "strategy: Takeover",
            ],
        ),
        (
            "  metrics: {port: 9876, path: /metrics}",
            "  standby: true",
            &[
                "blueprint.yaml:15:12",
                "post has standby and no metrics",
                "give it metrics",
            ],
        ),
        (
            "port: 9876",
            "port: 98765",
            &["blueprint.yaml:15:19", "98765 is no port", "65535"],
        ),
        (
            "path: /metrics",
            "path: metrics",
            &["blueprint.yaml:15:31", "begin it with /"],
        ),
        (
            "- name: refused\n  stage: post",
            "- name: refused\n  stage: posts",
            &["blueprint.yaml:18:10", "the stage posts does not exist"],
        ),
        (
            "- name: refused\n  stage: post",
            "- name: refused\n  stage: source",
            &[
                "does not say where its counters are",
                "metrics: {port, path}",
            ],
        ),
        (
            "  done:\n  - {metric: done_total}",
            "  done: []",
            &["no counter"],
        ),
        (
            "  bad: {metric: done_total, labels: {outcome: refused}}",
            "  bad: {metric: done_total, label: {}}",
            &["blueprint.yaml:20:", "unknown field", "label"],
        ),
    ];
    for (from, to, said) in cases {
        assert!(MANIFEST.contains(from), "{from}");
        let refused = refused(&[("blueprint.yaml", &MANIFEST.replacen(from, to, 1))]);
        println!("{refused}");
        for words in *said {
            assert!(
                refused.contains(words),
                "{to}: {words:?} is not in {refused}"
            );
        }
    }
}

#[test]
fn files_that_cannot_be_used_are_refused() {
    let large = "x".repeat(1 << 20);
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "parameters.yaml",
            "type: object\nproperties:\n  unit:\n    type: strin\n",
            &["parameters.yaml:4:11", "strin"],
        ),
        (
            "parameters.yaml",
            "type: object\nproperties: {a: {enum: [no]}}\n",
            &["parameters.yaml:2:25", "in quotes"],
        ),
        (
            "routes/post.yaml",
            "- route:\n  from: [\n",
            &["routes/post.yaml:", "not YAML"],
        ),
        (
            "schemas/a.json",
            "{\"a\":\n 1,}",
            &["schemas/a.json:2:4", "not JSON"],
        ),
        (
            "templates/post/deployment.yaml",
            "a: {{ b\n",
            &["templates/post/deployment.yaml:", "syntax error"],
        ),
        (
            "templates/post/second.yaml",
            "kind: StatefulSet\n",
            &[
                "2 workloads in templates/post/",
                "exactly one Deployment or StatefulSet",
            ],
        ),
        (
            "templates/check/job.yaml",
            "kind: ConfigMap\n",
            &["0 workloads in templates/check/", "exactly one Job"],
        ),
        (
            "templates/posts/second.yaml",
            "",
            &[
                "templates/posts/second.yaml: this template belongs to no stage",
                "check, source or post",
            ],
        ),
        ("routes/pöst.yaml", "", &["cannot be a key of a ConfigMap"]),
        ("routes/large.txt", &large, &["bytes", "at most 1048576"]),
    ];
    for (path, text, said) in cases {
        let refused = refused(&[(path, text)]);
        println!("{refused}");
        for words in *said {
            assert!(
                refused.contains(words),
                "{path}: {words:?} is not in {refused}"
            );
        }
    }
    let mut without = folder(&[]);
    without.retain(|path, _| !path.starts_with("templates/post"));
    let errors = pack(&without).expect_err("no templates");
    assert!(
        errors[0]
            .to_string()
            .contains("templates/post/: 0 workloads"),
        "{}",
        errors[0]
    );
    let errors = pack(&BTreeMap::new()).expect_err("nothing");
    assert!(
        errors[0]
            .to_string()
            .contains("blueprint.yaml: the folder has no such file"),
        "{}",
        errors[0]
    );
}

#[test]
fn ranges_of_versions_are_read_with_blanks_and_commas() {
    let version = |text| semver::Version::parse(text).expect("a version");
    for text in [
        ">=1.0.0 <2.0.0",
        ">=1.0.0, <2.0.0",
        ">= 1.0.0 < 2.0.0",
        "^1.0.0",
    ] {
        let range = version_range(text).expect(text);
        assert!(
            range.matches(&version("1.2.3")) && !range.matches(&version("2.0.0")),
            "{text}"
        );
    }
    assert!(version_range("newest").is_err());
}
