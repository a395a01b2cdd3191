//! The program as a person or a script sees it: what it prints, and its exit codes.
#![allow(missing_docs, clippy::expect_used)]

use andon_api::Blueprint;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const MANIFEST: &str =
    "name: sample\nversion: 1.0.0\nscope: Line\nstages: [{name: post, strategy: Takeover}]\n";
const SCHEMA: &str = "type: object\nrequired: [unit]\nproperties: {unit: {type: string, description: Unit of measure}}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ name }}}
spec:
  selector: {matchLabels: {{ labels }}}
  template:
    metadata: {labels: {{ labels }}}
    spec: {containers: [{name: a, image: example.com/a:1, args: [{{ parameters.unit }}]}]}
";
const SITE: &str = "apiVersion: andon.dev/v1alpha1
kind: PlantSite
metadata: {name: ulm, namespace: plant-ulm}
spec:
  siteCode: DE-ULM-01
  timeZone: Europe/Berlin
  fleet: andon-fleet
  lines: [{name: packaging-1, criticality: 10, parameters: {unit: PCE}}, {name: filling-1, criticality: 20}]
  integrations: [{name: confirmations}]
";

/// A folder of this test's own, with a blueprint and a plant in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}", std::process::id()));
        let folder = Self(path);
        folder.write("blueprint/blueprint.yaml", MANIFEST);
        folder.write("blueprint/parameters.yaml", SCHEMA);
        folder.write("blueprint/templates/post/deployment.yaml", DEPLOYMENT);
        folder.write("site.yaml", SITE);
        folder
    }

    fn path(&self, below: &str) -> String {
        self.0.join(below).display().to_string()
    }

    fn write(&self, below: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(below);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn render(&self, line: &str) -> Output {
        let (blueprint, site) = (self.path("blueprint"), self.path("site.yaml"));
        andon(
            &[
                "render",
                &blueprint,
                "--site",
                &site,
                "--integration",
                "confirmations",
                "--line",
                line,
            ],
            "",
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in target/ harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn andon(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-andon"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl-andon");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes())
        .expect("input");
    child.wait_with_output().expect("an end")
}

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    assert!(output.stdout.is_empty());
    stderr(output)
}

#[test]
fn pack_prints_the_object_that_kubectl_takes() {
    let folder = Folder::new("pack");
    let text = stdout(&andon(&["pack", &folder.path("blueprint")], ""));
    let blueprint: Blueprint = serde_saphyr::from_str(&text).expect("a Blueprint");
    assert_eq!(blueprint.metadata.name.as_deref(), Some("sample-1.0.0"));
    assert_eq!(
        blueprint.spec.files["templates/post/deployment.yaml"],
        DEPLOYMENT
    );

    let file = folder.path("packed.yaml");
    assert_eq!(
        stdout(&andon(
            &["pack", &folder.path("blueprint"), "-o", &file],
            ""
        )),
        ""
    );
    assert_eq!(fs::read_to_string(file).expect("a file"), text);
}

#[test]
fn pack_says_everything_that_is_wrong() {
    let folder = Folder::new("bad");
    folder.write("blueprint/parameters.yaml", "type: strin\n");
    folder.write("blueprint/templates/post/deployment.yaml", "kind: Pod\n");
    let said = refused(&andon(&["pack", &folder.path("blueprint")], ""));
    assert!(
        said.contains("parameters.yaml:1:7: ") && said.contains("0 workloads"),
        "{said}"
    );
    folder.write("blueprint/routes/a.yaml", [0xff_u8, 0xfe]);
    let said = refused(&andon(&["pack", &folder.path("blueprint")], ""));
    assert!(said.contains("routes/a.yaml: no UTF-8 text"), "{said}");
    let said = refused(&andon(&["pack", &folder.path("nothing")], ""));
    assert!(said.contains("failed to read the folder"), "{said}");
}

#[test]
fn render_prints_the_objects_of_one_line() {
    let folder = Folder::new("render");
    let output = folder.render("packaging-1");
    let text = stdout(&output);
    assert!(
        text.contains("name: confirmations-packaging-1-post-") && text.contains("PCE"),
        "{text}"
    );
    assert!(
        stderr(&output).contains("1 objects, rendering digest sha256:"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn render_says_what_is_missing() {
    let folder = Folder::new("missing");
    let said = refused(&folder.render("filling-1"));
    assert!(
        said.contains("parameter unit: it is required and not set (Unit of measure)"),
        "{said}"
    );
    assert!(
        said.contains("PlantSite lines[filling-1].parameters.unit"),
        "{said}"
    );
    let said = refused(&folder.render("sterile-1"));
    assert!(
        said.contains("the plant has no line sterile-1; it has packaging-1, filling-1"),
        "{said}"
    );
    folder.write("site.yaml", "kind: Namespace\n");
    let said = refused(&folder.render("packaging-1"));
    assert!(said.contains("no PlantSite in it"), "{said}");
    folder.write(
        "site.yaml",
        SITE.replace("fleet: andon-fleet", "flet: andon-fleet"),
    );
    let said = refused(&folder.render("packaging-1"));
    assert!(
        said.contains("PlantSite ulm") && said.contains("flet"),
        "{said}"
    );
}

#[test]
fn plan_prints_what_the_operator_would_do() {
    let said = refused(&andon(&["plan"], "now: 2026-11-23T08:00:00Z\n"));
    assert!(
        said.contains("not what the operator observes") && said.contains("missing field"),
        "{said}"
    );

    let spec = SITE
        .split_once("spec:\n")
        .map(|(_, spec)| spec)
        .unwrap_or_default();
    let observed = "now: 2026-11-23T08:00:00Z
site: {name: ulm, namespace: plant-ulm, spec: {}}
integration: {name: confirmations, uid: u, generation: 1, resourceVersion: '1', annotations: {},
  spec: {integration: confirmations}, status: {}}
blueprint: absent
neighbours: []
revisions: []
objects: []
pods: []
readings: {}
dryRun:
"
    .replace(
        "site: {name: ulm, namespace: plant-ulm, spec: {}}",
        &format!("site:\n name: ulm\n namespace: plant-ulm\n spec:\n{spec}"),
    );
    let plan = stdout(&andon(&["plan"], &observed));
    assert!(
        plan.contains("changes: []") && plan.contains("NoRelease"),
        "{plan}"
    );
}

#[test]
fn wrong_usage_is_another_exit_code() {
    for arguments in [&["pak"][..], &[], &["render"], &["pack", "a", "b"]] {
        assert_eq!(andon(arguments, "").status.code(), Some(2), "{arguments:?}");
    }
    let help = stdout(&andon(&["--help"], ""));
    assert!(
        help.contains("Exit codes: 0 done; 1 the input was refused"),
        "{help}"
    );
}
