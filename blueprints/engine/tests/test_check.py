"""The check as the Job runs it, on the host: good routes pass, each kind of broken ones is refused with a message that says where.

Needs the jars (`make check-engine` builds them and runs this).
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BLUEPRINT = ROOT / "blueprints/line-confirmations"
VERSIONS = ROOT / "examples/demo/versions"
BUILT = ROOT / ".cache/engine/connector"
LIMIT_SECONDS = 120


class Check(unittest.TestCase):
    """One run of the check on a changed copy of the blueprint."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="andon-check-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.blueprint = self.folder / "blueprint"
        shutil.copytree(BLUEPRINT, self.blueprint)

    def change(self, file, old, new):
        path = self.blueprint / file
        text = path.read_text()
        self.assertIn(old, text, f"{file} has changed; so must this test")
        path.write_text(text.replace(old, new))

    def run_check(self, limit=LIMIT_SECONDS):
        home = self.folder / "home"
        home.mkdir()
        for folder in ("routes", "mappings", "schemas"):
            shutil.copytree(self.blueprint / folder, home, dirs_exist_ok=True)
        golden = self.blueprint / "tests/golden"
        (home / "check").mkdir()
        shutil.copy(golden / "check.properties", home / "check")
        for folder in ("in", "expected"):
            shutil.copytree(golden / folder, home / folder)
        job = (BLUEPRINT / "templates/check/job.yaml").read_text()
        # What the Job sets, and nothing of this machine's own.
        environment = dict(re.findall(r'\{name: (ANDON_\w+), value: "?([^"}]*)"?\}', job))
        environment |= {
            "PATH": os.environ["PATH"],
            "ANDON_HOME": str(home),
            "ANDON_TERMINATION_LOG": str(self.folder / "message"),
            "ANDON_CHECK_LIMIT_SECONDS": str(limit),
        }
        jars = f"{BUILT}/connector-0.1.0.jar:{BUILT}/lib/*"
        java = ["java", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars]
        run = subprocess.run(
            [*java, "dev.andon.engine.Check"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_SECONDS + 60,
        )
        return run.returncode, (self.folder / "message").read_text()

    def refused(self, *parts, limit=LIMIT_SECONDS):
        code, message = self.run_check(limit)
        self.assertEqual(code, 1, message)
        for part in parts:
            self.assertIn(part, message)

    def passes(self):
        code, message = self.run_check()
        self.assertEqual(code, 0, message)
        documents = len(list((BLUEPRINT / "tests/golden/in").iterdir()))
        self.assertIn(f"{documents} golden documents come out right", message)

    def test_the_blueprint_passes(self):
        self.passes()

    def test_every_version_of_the_demo_passes(self):
        versions = sorted(path for path in VERSIONS.iterdir() if path.is_dir())
        self.assertEqual(len(versions), 3)
        for version in versions:
            with self.subTest(version.name):
                shutil.rmtree(self.folder / "home", ignore_errors=True)
                shutil.rmtree(self.blueprint)
                shutil.copytree(BLUEPRINT, self.blueprint)
                shutil.copytree(version, self.blueprint, dirs_exist_ok=True)
                self.passes()

    def test_the_versions_of_the_demo_differ_from_the_blueprint_only_where_they_mean_to(self):
        for version in ("1.1.0", "1.2.0", "1.3.0"):
            manifest = (BLUEPRINT / "blueprint.yaml").read_text().replace("version: 1.0.0", f"version: {version}")
            self.assertEqual((VERSIONS / version / "blueprint.yaml").read_text(), manifest)
        parameters = (BLUEPRINT / "parameters.yaml").read_text().replace("default: 8090", "default: 8091")
        self.assertEqual((VERSIONS / "1.3.0/parameters.yaml").read_text(), parameters)

    def test_yaml_that_does_not_parse(self):
        self.change("routes/source.yaml", "uri: timer:poll", "uri: [timer:poll")
        self.refused("source.yaml", "line ")

    def test_unknown_step(self):
        self.change("routes/post.yaml", "- transform: {", "- transfrom: {")
        self.refused("post.yaml", "transfrom", "line ")

    def test_unknown_component(self):
        self.change("routes/post.yaml", "json-validator:", "no-validator:")
        self.refused("post.yaml: route post", "no-validator")

    def test_unknown_parameter(self):
        self.change("routes/source.yaml", "overrideHost: true", "overrideHostt: true")
        self.refused("source.yaml: route source", "overrideHostt")

    def test_unknown_parameter_of_http_which_the_engine_would_send_to_the_erp(self):
        self.change("routes/post.properties", "httpMethod=POST", "httpMethod=POST&retries=3")
        self.refused("retries=3", "no option")

    def test_missing_property(self):
        self.change("routes/post.yaml", "{{andon.dead-letter}}", "{{andon.nowhere}}")
        self.refused("post.yaml: route dead-letter", "andon.nowhere")

    def test_missing_class(self):
        self.change("routes/post.yaml", "org.apache.camel.http.base.HttpOperationFailedException", "org.example.Missing")
        self.refused("post.yaml: route post", "org.example.Missing")

    def test_mapping_that_does_not_compile(self):
        self.change("mappings/erp.jq", "seq: .sequence,", "seq: .sequence |) ,")
        self.refused("post.yaml: route post", "Unexpected ')'")

    def test_mapping_that_gives_something_else(self):
        self.change("mappings/erp.jq", "unit: .producedQuantity.unitOfMeasure", 'unit: "PC"')
        self.refused("expected/own-unit.json", 'body.unit: expected "KG", got "PC"')

    def test_document_that_takes_another_exit(self):
        self.change("schemas/production-confirmation.v1.json", "[A-Z0-9]{1,6}", "[A-Z0-9]{3,6}")
        self.refused("expected/own-unit.json", "exit: expected posted, got dead-letter", "validate")

    def test_golden_document_without_expectation(self):
        (self.blueprint / "tests/golden/expected/cut-off.json").unlink()
        self.refused("expected/cut-off.json is missing")

    def test_expectation_that_cannot_be_read(self):
        (self.blueprint / "tests/golden/expected/cut-off.json").write_text('{"body": 1}')
        self.refused("expected/cut-off.json", "exit")

    def test_a_route_that_never_ends_is_ended(self):
        endless = '- delay: { constant: "600000", asyncDelayed: "false" }\n        - setProperty: { name: step, constant: validate }'
        self.change("routes/post.yaml", "- setProperty: { name: step, constant: validate }", endless)
        self.refused("not done within 15 s", limit=15)


if __name__ == "__main__":
    unittest.main()
