# The shop floor's rules; included by the root Makefile, or on its own from the root: make -f tests/floor/floor.mk check-floor
FLOOR := tests/floor
VENV := .cache/venv
PYTHON ?= python3

.PHONY: check-floor floor-requirements

# Everything that runs Python uses this one environment; the stamp is younger than the requirements it was made from.
$(VENV)/.stamp: $(FLOOR)/requirements.txt
	flock .cache/venv.lock sh -c '$(PYTHON) -m venv $(VENV) && \
	  $(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(FLOOR)/requirements.txt'
	touch $@

.cache:
	mkdir -p $@

$(VENV)/.stamp: | .cache

check-floor: $(VENV)/.stamp
	$(VENV)/bin/python -m compileall -q $(FLOOR)
	$(VENV)/bin/ruff check $(FLOOR)
	$(VENV)/bin/ruff format --check $(FLOOR)
	$(VENV)/bin/python -m pytest -q $(FLOOR)

# Takes the newest versions of what requirements.in names; the result is committed.
floor-requirements: $(VENV)/.stamp
	$(PYTHON) -m venv target/pip-tools
	target/pip-tools/bin/pip install --quiet --disable-pip-version-check pip-tools
	target/pip-tools/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-annotate --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file target/requirements.new $(FLOOR)/requirements.in
	(echo "# Made from requirements.in by 'make floor-requirements'; do not edit."; cat target/requirements.new) >$(FLOOR)/requirements.txt
