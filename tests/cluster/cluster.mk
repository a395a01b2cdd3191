# Rules for the test cluster and the tools around it; included by the root Makefile.
# Everything built lands in .cache/bin and is built again only when its sources changed.

BIN := .cache/bin
GO_BUILD := go build -trimpath -ldflags "-s -w"

# The image builder.
$(BIN)/mkimage: $(wildcard tests/images/*.go tests/images/go.*)
	cd tests/images && $(GO_BUILD) -o $(CURDIR)/$@ .
