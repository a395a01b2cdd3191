# The operator's image: one static program and nothing else. Included by the root Makefile.

ROOT ?= $(CURDIR)
BIN ?= $(ROOT)/.cache/bin
IMG ?= $(ROOT)/.cache/images
OPERATOR_TARGET := x86_64-unknown-linux-gnu
# The C library is linked in, so the image needs none. With --target the flags are for the program alone: a proc macro is
# a library that the compiler loads, and cannot be static.
OPERATOR_FLAGS := -C target-feature=+crt-static
# A folder of its own: these flags would else have everybody's dependencies built anew.
OPERATOR_OUT := $(ROOT)/target/image
OPERATOR_SOURCES := $(shell find $(ROOT)/operator/api/src $(ROOT)/operator/render/src $(ROOT)/operator/plan/src \
  $(ROOT)/operator/controller/src $(ROOT)/operator/*/Cargo.toml $(ROOT)/Cargo.toml $(ROOT)/Cargo.lock -type f)

.PHONY: operator-image
operator-image: $(IMG)/operator.tar ## Builds the operator's image

# Only this package: a test's features must not get into the product.
$(OPERATOR_OUT)/$(OPERATOR_TARGET)/release/andon: $(OPERATOR_SOURCES)
	RUSTFLAGS="$(OPERATOR_FLAGS)" cargo build --quiet --release --locked --package andon-controller \
	  --target $(OPERATOR_TARGET) --target-dir $(OPERATOR_OUT)
	touch $@

$(IMG)/operator.tar: $(ROOT)/operator/controller/image.json $(OPERATOR_OUT)/$(OPERATOR_TARGET)/release/andon $(BIN)/mkimage
	@mkdir -p $(@D)
	$(BIN)/mkimage -C $(ROOT) $< $@
