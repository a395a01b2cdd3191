# Andon's tasks. `make help` lists them. Everything that is downloaded or built stays in .cache/ and target/.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ROOT  := $(CURDIR)
CACHE := $(ROOT)/.cache
BIN   := $(CACHE)/bin
IMG   := $(CACHE)/images

include tests/cluster/cluster.mk
include tests/floor/floor.mk
include $(wildcard blueprints/engine/engine.mk operator/controller/image.mk)

.PHONY: help demo test check unit e2e apiserver simulate model bench bench-judgement crds clean
help: ## Lists the tasks
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | column -t -s "$$(printf '\t')"

# ---- What everything needs ------------------------------------------------------------------------------------------

# Programs of this workspace that the demo and the tests start.
.PHONY: programs
programs:
	cargo build --quiet --workspace --bins

# Everything that a run on a cluster needs: the cluster's programs, the tools, the images, the simulators.
.PHONY: parts
parts: cluster-programs images $(VENV)/.stamp programs

.PHONY: images
images: $(IMG)/connector.tar $(IMG)/broker.tar $(IMG)/operator.tar

# ---- The main job ---------------------------------------------------------------------------------------------------

demo: parts ## Takes plant ulm through two good releases and two bad ones, on a real cluster
	target/debug/demo

# ---- Tests, the least powerful first ---------------------------------------------------------------------------------

# In this order also with -j: two cores are soon full, and what fails early should.
test: ## Everything: what CI runs
	$(MAKE) check
	$(MAKE) unit
	$(MAKE) check-floor cluster-check check-engine
	$(MAKE) cluster-tests

# Advisories need a database that CI may not reach: see deny.toml.
$(CACHE)/cargo/bin/cargo-deny:
	cargo install --quiet --locked --root $(CACHE)/cargo cargo-deny --version 0.20.2

check: $(CACHE)/cargo/bin/cargo-deny $(BIN)/helm ## Formatting, lints, licences, generated files, purity, chart
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$< --log-level error check --hide-inclusion-graph bans licenses sources
	cargo build --quiet --workspace --bins
	target/debug/crdgen --check crds charts/andon/crds
	.ci/purity
	$(BIN)/helm lint --quiet --strict charts/andon

# By name, and in one call for the whole workspace: per crate, cargo would build the shared crates once more with other
# features.
UNCLUSTERED := crd verbs injection pack parameter render calendar cron calendar_oracle scenario simulation model fleet example
unit: ## Unit tests, golden scenarios, simulation, examples; no cluster
	cargo test --quiet --workspace --lib --bins $(addprefix --test ,$(UNCLUSTERED))

# The operator runs as a process beside the cluster here: its image and the chart are tried by the demo.
.PHONY: cluster-tests
cluster-tests: cluster-programs engine-images $(VENV)/.stamp $(BIN)/helm programs ## The tests that need a cluster: API server, then connectors and all
	cargo build --quiet --workspace --tests
	tests/with-cluster test cargo test --quiet --workspace --test apiserver_crd --test apiserver -- --test-threads=1
	ANDON_OPERATOR=process ANDON_CHAPTERS=drift,post-killed,erp-down,operator-killed,standby,line-removed cargo test --quiet --workspace --test e2e
	cargo test --quiet --workspace --test waves

e2e: parts $(BIN)/prometheus $(BIN)/helm ## The stories on a real cluster and every fault around them (ANDON_CHAPTERS=a,b for some)
	cargo test --quiet --workspace --test e2e
	cargo test --quiet --workspace --test waves

simulate: ## Simulation with SEEDS=N seeds
	cargo run --quiet --release -p andon-tests --bin simulate -- --seeds $(or $(SEEDS),1000)

model: ## Explores every state of the line machine: 3 lines, 2 versions, crashes, stale reads, takeovers
	cargo run --quiet --release -p andon-tests --bin model

bench: parts ## The numbers of the README
	cargo run --quiet --release -p andon-render --example render_bench
	target/debug/bench

bench-judgement: ## False rollbacks, and documents until the verdict, beside the rule of other canary engines
	cargo run --quiet --release -p andon-tests --bin judgement

crds: ## Writes the generated CRDs
	cargo run --quiet -p andon-api --bin crdgen -- crds charts/andon/crds
