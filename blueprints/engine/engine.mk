# The connector engine: the jars of Maven, a Java runtime of only what they need, two images. Included by the root Makefile.

ROOT ?= $(CURDIR)
BIN ?= $(ROOT)/.cache/bin
IMG ?= $(ROOT)/.cache/images
ENGINE := $(ROOT)/blueprints/engine
ENGINE_OUT := $(ROOT)/.cache/engine
ENGINE_PACKAGES := openjdk-17-jdk-headless maven
ENGINE_JAVA = $(shell dirname "$$(dirname "$$(readlink -f "$$(command -v javac)")")")
ENGINE_SOURCES := $(wildcard $(ENGINE)/pom.xml $(ENGINE)/*/pom.xml) $(shell find $(ENGINE)/connector/src -type f 2>/dev/null)

# Found by leaving each out: java.desktop for java.beans, java.sql for the JMS client, java.naming for JAAS and AMQP,
# jdk.crypto.ec for TLS, jdk.unsupported for netty.
ENGINE_MODULES := java.base,java.desktop,java.instrument,java.logging,java.management,java.naming,java.scripting,java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.net,jdk.security.auth,jdk.unsupported,jdk.zipfs

.PHONY: engine-deps engine-images check-engine

engine-images: $(IMG)/connector.tar $(IMG)/broker.tar ## Builds the images of the connector engine and the broker

# An order-only prerequisite: runs each time, installs once, builds nothing again.
engine-deps: ## Installs what the engine is built with, if it is missing
	@missing=; for p in $(ENGINE_PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; fi

# Jars and unit tests in one go; Maven keeps what it fetched in the user's own repository.
$(ENGINE_OUT)/.jars: $(ENGINE_SOURCES) | engine-deps
	@mkdir -p $(@D)
	cd $(ENGINE) && mvn --batch-mode --quiet package
	rm -rf $(ENGINE_OUT)/broker/lib && cp -r $(ENGINE_OUT)/broker/apache-artemis-*/lib $(ENGINE_OUT)/broker/lib
	touch $@

$(ENGINE_OUT)/.jre: $(ENGINE)/engine.mk | engine-deps
	@mkdir -p $(@D) && rm -rf $(ENGINE_OUT)/jre
	$(ENGINE_JAVA)/bin/jlink --add-modules $(ENGINE_MODULES) --vm server --strip-debug --no-header-files --no-man-pages \
	  --output $(ENGINE_OUT)/jre
	$(ENGINE_OUT)/jre/bin/java -XX:+UseSerialGC -Xshare:dump >/dev/null
	touch $@

$(ENGINE_OUT)/.image: $(ENGINE_OUT)/.jars $(ENGINE_OUT)/.jre $(ENGINE)/images/share-classes $(ENGINE)/images/connector/java.args
	$(ENGINE)/images/share-classes $(ROOT) $(ENGINE_OUT)/image
	touch $@

$(IMG)/connector.tar: $(ENGINE_OUT)/.image
$(IMG)/connector.tar $(IMG)/broker.tar: $(IMG)/%.tar: $(ENGINE)/images/%.json $(wildcard $(ENGINE)/images/*/*) \
    $(ENGINE_OUT)/.jars $(ENGINE_OUT)/.jre $(BIN)/mkimage
	@mkdir -p $(@D)
	$(BIN)/mkimage -C $(ROOT) $< $@

check-engine: $(ENGINE_OUT)/.jars ## Unit tests of the engine (they run with its build), then the check on good and broken routes
	python3 $(ENGINE)/tests/test_check.py
