# Rules for the test cluster and the tools around it; included by the root Makefile.
# Everything built lands in .cache/bin and is built again only when its sources changed.

ROOT ?= $(CURDIR)
BIN ?= $(ROOT)/.cache/bin
IMG ?= $(ROOT)/.cache/images
NAME ?= dev
GO_LDFLAGS := -s -w
# Versions are said by the linker's flags; Git may refuse to speak of a checkout that somebody else owns.
GO_BUILD = go build -buildvcs=false -trimpath -ldflags "$(GO_LDFLAGS)"

# What Debian brings. Its containerd serves Kubernetes up to 1.36.
CLUSTER_PACKAGES := containerd runc containernetworking-plugins iproute2 iptables nftables

# The user's own cluster, if KUBECONFIG names one; a kubeconfig of ours does not count.
FOREIGN_KUBECONFIG := $(if $(KUBECONFIG),$(filter-out $(ROOT)/target/cluster/%,$(abspath $(KUBECONFIG))))

.PHONY: cluster cluster-down cluster-programs cluster-deps cluster-selftest cluster-check

ifneq ($(FOREIGN_KUBECONFIG),)
cluster cluster-down: ## Nothing: KUBECONFIG is set
	@echo "KUBECONFIG is set: $(KUBECONFIG) is used; no cluster is made or removed"
else
cluster: cluster-programs ## Make a real Kubernetes: NAME=dev NODES=1
	$(BIN)/andon-cluster up $(NAME) $(if $(NODES),--nodes $(NODES))

cluster-down: $(BIN)/andon-cluster ## Remove it with everything it left: NAME=dev
	$(BIN)/andon-cluster down $(NAME)
endif

# All that a cluster consists of; a foreign one needs only the clients.
CLUSTER_PROGRAMS := $(addprefix $(BIN)/,andon-cluster kubectl helm mkimage)
ifeq ($(FOREIGN_KUBECONFIG),)
CLUSTER_PROGRAMS += $(BIN)/hyper $(BIN)/coredns $(IMG)/pause.tar
cluster-programs: cluster-deps
endif
cluster-programs: $(CLUSTER_PROGRAMS)

cluster-deps: ## Install the Debian packages that are missing
	@missing=; for p in $(CLUSTER_PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; fi

cluster-check: ## Format, vet and unit tests of the Go modules that are ours
	@unformatted=$$(gofmt -l $(addprefix tests/,images cluster)); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	for module in images cluster; do (cd tests/$$module && go vet ./... && go test ./...); done

cluster-selftest: CLUSTER_PACKAGES += curl procps
cluster-selftest: cluster-programs $(IMG)/selftest.tar ## Try the cluster program itself: crashes, leftovers, two at a time
	tests/cluster/selftest

# The version that the servers report comes from the linker.
KUBERNETES_VERSION = $(shell sed -n 's|^\tk8s.io/kubernetes v||p' tests/cluster/hyper/go.mod)
KUBERNETES_PARTS = $(subst ., ,$(KUBERNETES_VERSION))
VERSION_SYMBOL := k8s.io/component-base/version
$(BIN)/hyper $(BIN)/kubectl: GO_LDFLAGS += -X $(VERSION_SYMBOL).gitVersion=v$(KUBERNETES_VERSION) \
  -X $(VERSION_SYMBOL).gitMajor=$(word 1,$(KUBERNETES_PARTS)) -X $(VERSION_SYMBOL).gitMinor=$(word 2,$(KUBERNETES_PARTS))

# All Kubernetes servers and etcd in one program: some 4 minutes the first time.
$(BIN)/hyper: $(wildcard tests/cluster/hyper/*.go tests/cluster/hyper/go.*)
	cd tests/cluster/hyper && $(GO_BUILD) -o $@ .

$(BIN)/kubectl: $(wildcard tests/cluster/hyper/kubectl/*.go tests/cluster/hyper/go.*)
	cd tests/cluster/hyper && $(GO_BUILD) -o $@ ./kubectl

$(BIN)/coredns: $(wildcard tests/cluster/coredns/*)
	cd tests/cluster/coredns && $(GO_BUILD) -o $@ .

$(BIN)/andon-cluster: $(wildcard tests/cluster/*.go tests/cluster/config/* tests/cluster/go.*)
	cd tests/cluster && $(GO_BUILD) -o $@ .

# Without cgo the program is static: it is alone in its image.
$(BIN)/pause $(BIN)/selftest: $(BIN)/%: tests/cluster/images/%/main.go tests/cluster/go.mod
	cd tests/cluster && CGO_ENABLED=0 $(GO_BUILD) -o $@ ./images/$*

$(IMG)/pause.tar $(IMG)/selftest.tar: $(IMG)/%.tar: tests/cluster/images/%/image.json $(BIN)/% $(BIN)/mkimage
	@mkdir -p $(@D)
	$(BIN)/mkimage -C $(ROOT) $< $@

# The image builder.
$(BIN)/mkimage: $(wildcard tests/images/*.go tests/images/go.*)
	cd tests/images && $(GO_BUILD) -o $@ .

$(BIN)/helm: $(wildcard tests/helm/go.*)
	cd tests/helm && $(GO_BUILD) -o $@ helm.sh/helm/v3/cmd/helm

# Prometheus with the discovery of Kubernetes alone: some 5 minutes the first time.
PROMETHEUS_TAGS := remove_all_sd,enable_kubernetes_sd
PROMETHEUS_VERSION = $(shell sed -n 's|.*github.com/prometheus/prometheus \(v[^ ]*\).*|\1|p' tests/prometheus/go.mod)
$(BIN)/prometheus $(BIN)/promtool: GO_LDFLAGS += -X github.com/prometheus/common/version.Version=$(PROMETHEUS_VERSION)
$(BIN)/prometheus $(BIN)/promtool: $(wildcard tests/prometheus/go.*)
	cd tests/prometheus && $(GO_BUILD) -tags $(PROMETHEUS_TAGS) -o $@ github.com/prometheus/prometheus/cmd/$(@F)
