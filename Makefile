# Netsy's targets. `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X github.com/netsy-io/netsy/pkg/version.version=$(VERSION)
# Leaves out what Google's client has for gRPC to its storage, which Netsy reaches by HTTP: a quarter of each binary.
TAGS := disable_grpc_modules
BINARIES := netsy-node netsy-elector netsy-compactor netsyctl
NODES ?= 1
DIR ?= dev-data
# RACE=-race turns the race detector on.
RACE ?=
TESTFLAGS ?=

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the binaries into bin/.
	go build -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./cmd/,$(BINARIES))

.PHONY: dev
dev: build ## Run a local cluster until Ctrl-C (DIR=dev-data).
	@exec bin/netsyctl dev --nodes $(NODES) --dir $(DIR)

.PHONY: test
test: test-unit test-objectstore test-diff ## Run the tests: unit and process tests, real object stores, etcd beside Netsy.

.PHONY: test-unit
test-unit: ## Run the tests of the main module (RACE=-race for the race detector).
	go test $(RACE) $(TESTFLAGS) ./...

.PHONY: test-objectstore
test-objectstore: ## Run the object-store suite against real S3 and GCS servers.
	cd test/objectstore && go test $(RACE) $(TESTFLAGS) ./...

.PHONY: test-faults
test-faults: ## Kill, cut off and starve three real nodes and two electors (FAULTFLAGS="-duration 10m -seed 4").
	cd test/faults && go test $(RACE) -count=1 -timeout 60m $(TESTFLAGS) . $(FAULTFLAGS)

.PHONY: test-failover
test-failover: ## Measure how long writes stop when the Primary goes (FAULTFLAGS="-runs 30").
	cd test/faults && go test -count=1 -timeout 60m -v -run '^TestFailover$$' . $(or $(FAULTFLAGS),-runs 30)

.PHONY: test-diff
test-diff: ## Compare Netsy with a real etcd, request by request.
	cd test/etcddiff && go test $(RACE) $(TESTFLAGS) ./...

.PHONY: test-migration
test-migration: ## Import from real etcds, and export to one.
	cd test/migration && go test $(RACE) $(TESTFLAGS) ./...

.PHONY: test-conformance
test-conformance: ## Run kube-apiserver's own storage suites against Netsy, and against a replica alone.
	cd test/conformance && go run .
	cd test/conformance && go run . -target netsy-replica

.PHONY: test-kubernetes
test-kubernetes: ## Run a real kube-apiserver on Netsy, of one node and of three.
	cd test/kubernetes && go test -count=1 -timeout 20m $(TESTFLAGS) ./...

.PHONY: test-deploy
test-deploy: ## Check the Helm chart (also by a real kube-apiserver), the container and the compose file.
	cd test/deploy && go test -count=1 $(TESTFLAGS) ./...

.PHONY: test-monitoring
test-monitoring: ## Check the dashboard and the alerts by Prometheus itself, against a real cluster.
	cd test/monitoring && go test -count=1 -timeout 20m $(TESTFLAGS) ./...

.PHONY: test-statuspage
test-statuspage: ## Open the status page in a real browser (NETSY_SCREENSHOTS=dir keeps pictures).
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } || \
	  { echo "Chromium is needed: install the package chromium"; exit 1; }
	cd test/statuspage && go test -count=1 -timeout 15m $(TESTFLAGS) ./...

.PHONY: lint
lint: ## go vet, staticcheck and gofmt, in every module.
	@test -z "$$(gofmt -l cmd pkg test)" || { echo "gofmt is needed on:"; gofmt -l cmd pkg test; exit 1; }
	go vet ./...
	go mod tidy -diff
	go tool -modfile=tools/go.mod staticcheck ./...
	@for m in test/*/go.mod test/guides/*/go.mod; do echo "go vet $$(dirname $$m)"; (cd $$(dirname $$m) && go vet ./...) || exit 1; done

.PHONY: generate
generate: ## Generate code from proto/.
	cd proto && go tool -modfile=../tools/go.mod buf lint && go tool -modfile=../tools/go.mod buf generate

.PHONY: check-generate
check-generate: generate ## Fail if generated code is not what proto/ says.
	@git diff --exit-code -- pkg/netsypb || { echo "generated code is stale: run 'make generate' and commit"; exit 1; }

.PHONY: fuzz
fuzz: ## Fuzz every decoder for FUZZTIME each.
	@for p in $$(grep -rl --include='*_test.go' '^func Fuzz' pkg | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$p/*_test.go | cut -c6-); do \
	    go test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-30s} ./$$p || exit 1; done; done

.PHONY: simulate
simulate: ## Simulate clusters under faults, seed by seed (SIMFLAGS="-seed 1 -budget 10m -duration 1m").
	go test ./test/simulation -run '^TestSwarm$$' -count=1 -timeout 0 -args $(or $(SIMFLAGS),-seed $$(date +%s) -budget 10m -duration 1m)

.PHONY: simulate-mutations
simulate-mutations: ## Take safety rules out of the product one by one, and see the simulation notice.
	go test ./test/simulation -run '^TestMutations$$' -count=1 -timeout 0 -v -args -mutations $(or $(MUTATIONS),.)

.PHONY: model
model: ## Check the model of the protocol: a minute of it (test/model/README.md has the rest).
	test/model/run.sh quick

.PHONY: bench
bench: ## Measure Netsy beside etcd and kine in one run, about 70 minutes (BENCHFLAGS="-shapes create -clients 64").
	cd test/bench && go run . $(BENCHFLAGS)

.PHONY: bench-quick
bench-quick: ## The same with fewer clients and sizes, in under 5 minutes.
	cd test/bench && go run . -quick $(BENCHFLAGS)

.PHONY: microbench
microbench: ## Run the micro-benchmarks of pkg/ into bin/microbench/, minutes (BENCH=Tree, COUNT=6, BENCHTIME=200ms).
	test/microbench/run.sh

.PHONY: microbench-compare
microbench-compare: ## Run them at another revision and here in turns, and compare (BASE=main).
	@test -n "$(BASE)" || { echo "BASE names the revision to compare with"; exit 1; }
	test/microbench/run.sh "$(BASE)"

.PHONY: clean
clean: ## Remove what was built and the local cluster's data.
	rm -rf bin dist dev-data

.PHONY: packages
packages: ## Build the deb and the rpm into dist/ (ARCH=amd64; VERSION=1.2.3 for a release).
	deploy/packages/build.sh dist

.PHONY: release
release: ## Build a release into dist/: packages, archive, bill of materials, checksums (ARCH, VERSION).
	deploy/packages/release.sh dist

.PHONY: test-packaging
test-packaging: ## Check systemd units, packages, releases and cloud-init examples (needs systemd-analyze).
	cd test/packaging && go test -count=1 -timeout 20m $(TESTFLAGS) ./...

.PHONY: test-guides
test-guides: ## Run the guides as they are written (GUIDES="quickstart tls" for some; Linux namespaces).
	test/guides/run.sh $(GUIDES)

.PHONY: test-systemd
test-systemd: ## Install the deb on a Debian that boots with systemd, and live through its life there (root).
	test/systemd/setup.sh
	cd test/systemd && go test -count=1 -timeout 20m -v $(TESTFLAGS) ./...

.PHONY: test-image
test-image: ## Build the container image with buildah, and run it with podman (root).
	test/image/setup.sh
	cd test/image && go test -count=1 -timeout 30m -v $(TESTFLAGS) ./...

.PHONY: test-iam
test-iam: ## Run a cluster under the IAM policies of deploy/iam: each permission is needed, and none is missing (needs envsubst and jq).
	@{ command -v envsubst && command -v jq; } >/dev/null || { apt-get update -qq && apt-get install -qqy gettext-base jq; }
	cd test/iam && go test $(RACE) -count=1 -timeout 15m $(TESTFLAGS) ./...
