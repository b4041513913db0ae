# jobhook. `make` lists the targets; `make run` needs Go alone, `make test` Go and
# Node, what checks the template Python.

MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help
.PHONY: help run test deps build bench simulate metrics lint format python template policy rehearse sam emulators deploy moto awscli fuzz clean

PYTHON ?= python3
ARCH ?= arm64# of the functions: arm64 or amd64
FUZZTIME ?= 5s
BASE ?= 973fd88# of make metrics: the commit before the records' second edition
ENV ?= default# of samconfig.toml: make deploy ENV=staging
# Arguments for the targets that run something: make run ARGS="--schedule 1s,2s"
ARGS ?=

GOLANGCI_VERSION := 2.15.0
GOLANGCI := .bin/golangci-lint-$(GOLANGCI_VERSION)
NODE_MODULES := tools/node/node_modules/.package-lock.json
VENV := .venv/installed
# The flags of template.yaml's build: internal/runtimeapi tests what they make.
FUNCTION_BUILD := -trimpath -buildvcs=false -tags lambda.norpc -ldflags "-s -w"

help: ## List the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

run: ## Try it: the local runner, a receiver and sample jobs (Go alone)
	@tools/check go
	@go build -o .bin/jobhook ./cmd/jobhook
	@exec .bin/jobhook demo $(ARGS)

test: ## All tests, against emulators of DynamoDB and SQS (Go and Node)
	@tools/check go node
	@$(MAKE) deps
	@if command -v "$$(go env CC)" >/dev/null; then race=-race; \
	else echo "no C compiler: testing without the race detector"; race=; fi; \
	go test $$race -shuffle=on $(ARGS) ./...

deps: $(NODE_MODULES) ## Install the emulators (npm, pinned)
	@:

build: ## Build the functions and the jobhook command into .bin/
	@tools/check go
	@set -e; for dir in functions/*/; do name=$$(basename $$dir); \
		CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build $(FUNCTION_BUILD) -o .bin/functions/$$name/bootstrap ./functions/$$name; \
	done
	@go build -trimpath -o .bin/ ./cmd/...
	@ls -l .bin/functions/*/bootstrap .bin/jobhook | awk '{ printf "%6.1f MB  %s\n", $$5 / 1e6, $$NF }'

bench: ## Measure jobhook local beside a bare loop and a relay (docs/performance.md)
	@tools/check go
	@mkdir -p .bin && go build -o .bin/bench ./internal/bench && exec .bin/bench $(ARGS)

simulate: ## Compute what AWS does with a burst and a hanging endpoint; write docs/performance.md
	@tools/check go
	@go run ./internal/simulate -write $(ARGS)

metrics: ## Size of the code: lines, packages, helpers called once (BASE=commit to compare)
	@tools/check go
	@set -e; base=$$(mktemp -d); trap 'rm -rf "$$base"' EXIT; \
		git archive -o "$$base/tar" $(BASE); tar -xf "$$base/tar" -C "$$base"; \
		go run ./tools/metrics $(ARGS) "$$base" .

cost: deps ## Count calls, units, milliseconds and bytes and write docs/cost.md
	@tools/check go node
	@go test -count=1 -timeout 20m -run TestCost ./shared/stack -cost $(CURDIR)/docs/cost.md

lint: $(GOLANGCI) ## Check the Go code and its formatting (golangci-lint, pinned)
	@$(GOLANGCI) run $(ARGS) ./...

format: $(GOLANGCI) ## Format the Go code as lint wants it (ARGS="path …" for a part)
	@$(GOLANGCI) fmt $(ARGS)

python: $(VENV) ## Install cfn-lint, SAM CLI and moto into .venv (pinned)
	@:

template: $(VENV) ## Check template.yaml and the CloudFormation that SAM makes of it
	@mkdir -p .bin
	@.venv/bin/cfn-lint template.yaml
	@.venv/bin/python tools/translate.py template.yaml >.bin/template.json
	@.venv/bin/cfn-lint .bin/template.json
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 .venv/bin/sam validate --lint --template template.yaml

policy: $(VENV) ## Hold the templates to our security rules (tools/policy)
	@mkdir -p .bin/rehearse
	@set -e; for name in template receive aws-jobs; do \
		.venv/bin/python tools/translate.py $$name.yaml >.bin/rehearse/$$name.json; \
	done
	@.venv/bin/python tools/policy/check.py .bin/rehearse/template.json .bin/rehearse/receive.json .bin/rehearse/aws-jobs.json

rehearse: $(VENV) ## Deploy the template into emulators and run it there; try its mutations
	@tools/check go node
	@$(MAKE) deps
	@tools/rehearse/run $(ARGS)

sam: $(VENV) $(NODE_MODULES) ## Every SAM verb for real: containers, emulators and a receiver
	@tools/check go node
	@tools/sam

emulators: $(NODE_MODULES) ## What `sam local invoke` needs around it (docs/deploy.md)
	@tools/check go node
	@mkdir -p .bin && go build -o .bin/samlocal ./internal/samlocal && exec .bin/samlocal emulators $(ARGS)

# SAM takes the Go flags from the environment only.
deploy: $(VENV) ## Build and deploy, with your AWS credentials (ENV=staging)
	@tools/check go
	@CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -tags=lambda.norpc '-ldflags=-s -w'" .venv/bin/sam build --config-env $(ENV)
	@.venv/bin/sam deploy --config-env $(ENV) $(ARGS)

moto: $(VENV) ## Run the Secrets Manager contract against moto
	@tools/check go
	@tools/moto go test -count=1 -run Contract $(ARGS) ./shared/secretsmanager

awscli: $(VENV) ## Send completions to jobhook local with the AWS CLI itself
	@tools/check go
	@mkdir -p .bin && go build -o .bin/jobhook ./cmd/jobhook
	@.venv/bin/python tools/awscli-check .bin/jobhook .venv/bin/aws

fuzz: ## Run each fuzz target for a few seconds (FUZZTIME=5s)
	@tools/check go
	@tools/fuzz $(FUZZTIME)

clean: ## Remove what the other targets made
	@rm -rf .bin .venv .aws-sam tools/node/node_modules coverage.out

# npm runs no package's own scripts; the lock file fixes every version and hash.
$(NODE_MODULES): tools/node/package-lock.json
	@tools/check node
	@npm ci --prefix tools/node --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV): tools/requirements.txt
	@PYTHON=$(PYTHON) tools/check python
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r tools/requirements.txt
	@touch $@

# Built here, so that it knows this Go; two to three minutes, once.
$(GOLANGCI):
	@tools/check go
	@echo "building golangci-lint $(GOLANGCI_VERSION): takes a few minutes, once"
	@GOBIN=$(CURDIR)/.bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)
	@mv .bin/golangci-lint $@
