# One command per loop. CI runs the same targets.

GO     ?= go
RACE   ?=
APP    ?= examples/chat
FLAGS  := $(if $(RACE),-race) -timeout 30m
TOOL   := $(GO) tool -modfile=tools/go.mod
SOURCE := $(shell find . -name '*.go' -not -path './examples/*' -not -path './test/*' 2>/dev/null) go.mod go.sum

.PHONY: help demo dev build check test bench conformance statements coverage generate

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: bin/sallyport ## build sallyport and run the chat example with it; needs nothing but Go
	bin/sallyport dev examples/chat

dev: bin/sallyport ## run and watch an app: make dev APP=path/to/app
	bin/sallyport dev $(APP)

build: bin/sallyport ## build bin/sallyport

bin/sallyport: $(SOURCE)
	$(GO) build -trimpath -o $@ ./cmd/sallyport

check: ## format, vet, staticcheck, layers, short tests: under a minute on a warm cache
	@test -z "$$($(TOOL) gofumpt -l $$(git ls-files '*.go' | grep -v /shapes/))" || { echo "run: gofumpt -w ."; $(TOOL) gofumpt -l $$(git ls-files '*.go' | grep -v /shapes/); exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	@for module in test examples; do (cd $$module && $(GO) tool -modfile=../tools/go.mod staticcheck ./...) || exit 1; done
	$(GO) test -short -timeout 30m ./...

test: bin/sallyport ## every test, end-to-end ones included
	$(GO) test $(FLAGS) ./...
	cd examples && $(GO) vet ./... && $(GO) test $(FLAGS) ./...
	cd test && SALLYPORT=$(CURDIR)/bin/sallyport $(GO) test $(FLAGS) -count=1 -parallel 3 ./...

bench: ## the benchmarks behind the README's figures; SALLYPORT_BENCH_REF and SALLYPORT_BENCH_LAMBDA name the references to compare with
	$(GO) run ./bench/sockets idle -gateway
	$(GO) run ./bench/sockets echo -gateway
	$(GO) run ./bench/sockets echo -app route
	$(GO) run ./bench/sockets echo -template
	$(GO) run ./bench/sockets proxy
	$(GO) run ./bench/sockets fanout -n 10000
	$(GO) run ./bench/executions

conformance: ## how many statements of the contract are proven by a passing test, per family
	$(GO) run ./conformance/run -write docs/conformance.md

statements: ## how many statements of the contract a test names, per family, and which have none
	cd tools && $(GO) run ./statements -missing

coverage: ## write docs/coverage.md: the operations of AWS, and how far each is answered
	$(GO) run ./cmd/sallyport coverage > docs/coverage.md.new && mv docs/coverage.md.new docs/coverage.md

generate: ## write internal/awsapi/shapes anew from AWS's service models
	cd tools/shapes && $(GO) generate
