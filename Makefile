# The front door. `make help` lists what there is; each target is a command that can be run by hand.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
ENV ?= local
INSTANCE ?= local
PORT ?=
# The traffic shape of `make load`: a file in loadtests/shapes.
SHAPE ?= smoke
# The alert whose page `make runbook` follows.
ALERT ?=
# How far back `make dashboard` looks.
MINUTES ?= 60
# Answers ahead what `make down` and a runbook ask.
YES ?=
# Who an instance belongs to; clean-up after tests removes only what is marked `test`.
PURPOSE ?= user

BIN := .venv/bin
OFFLINE := $(BIN)/python -P -m offline
WHERE := --env '$(ENV)' --instance '$(INSTANCE)'

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo "  ENV=local INSTANCE=local PORT=8080 choose the environment, the copy of it on this machine, the gateway's port"

.PHONY: up prepare down clean status doctor logs support-bundle preview load runbook dashboard
up: tools ## Bring `local` up on this machine, or heal it
	@$(OFFLINE) up $(WHERE) --port '$(PORT)' --purpose '$(PURPOSE)'

prepare: tools ## Install and build what `make up` needs once a machine
	@$(OFFLINE) prepare $(WHERE)

down: tools ## Remove one instance; YES=1: its ledger, too
	@$(OFFLINE) down $(WHERE) $(if $(filter 1 yes,$(YES)),--yes)

clean: tools ## Remove the instance, images and the machine's cache
	@$(OFFLINE) clean $(WHERE) $(if $(filter 1 yes,$(YES)),--yes)

status: tools ## Show the parts of an instance; fails unless all are healthy
	@$(OFFLINE) status $(WHERE)

doctor: tools ## Check what `make up` needs, change nothing
	@$(OFFLINE) doctor $(WHERE)

logs: tools ## Print an instance's logs
	@$(OFFLINE) logs $(WHERE)

support-bundle: tools ## Write one file for a report of a bug: logs, states, versions; secrets removed
	@$(OFFLINE) support-bundle $(WHERE)

preview: tools ## Show what `make up` would change in the stack
	@$(OFFLINE) preview $(WHERE)

load: tools ## Load test: SHAPE=smoke; fails unless quality and money are right
	@$(OFFLINE) load $(WHERE) --shape '$(SHAPE)'

runbook: tools ## Do what an alert's page says: ALERT=EngineDown; YES=1: without asking
	@$(OFFLINE) runbook $(WHERE) --alert '$(ALERT)' $(if $(filter 1 yes,$(YES)),--yes)

dashboard: tools ## Draw the dashboard as a page, from what Prometheus has: MINUTES=60
	@$(OFFLINE) dashboard $(WHERE) --minutes '$(MINUTES)'

.PHONY: tools lock
tools: .venv/.ready ## Install the Python packages into .venv

.venv/.ready: requirements/lock.txt requirements/uv.txt requirements/install pyproject.toml
	@PYTHON='$(PYTHON)' requirements/install

lock: tools ## Write the lock files anew with the newest versions allowed
	@requirements/compile --upgrade

.PHONY: generate check format
generate: tools ## Write every generated file anew
	@$(BIN)/python -P -m contract
	@$(BIN)/python -P -m dashboards

check: tools ## Formatting, linting, types, YAML, SQL, playbooks, generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/yamllint --strict .
	@$(BIN)/sqlfluff lint --nocolor --disable-progress-bar --processes 2 services
	@$(BIN)/ansible-lint --offline --profile production playbooks
	@$(BIN)/python -P -m contract --check
	@$(BIN)/python -P -m dashboards --check
	@echo "check: all good"

format: tools ## Format the Python files
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: test e2e
test: tools ## Unit and integration tests
	@$(BIN)/python -P -m offline.container_tools
	@$(BIN)/pytest -n 2 tests/unit tests/integration

e2e: tools ## The real Pulumi engine and the chain, on an instance of its own
	@# Alone: what it makes lies in a mount namespace, and no other podman can list the machine's containers meanwhile.
	@$(BIN)/pytest --timeout 900 tests/e2e/test_isolation.py
	@$(BIN)/pytest --timeout 900 -n 2 --dist loadfile --ignore tests/e2e/test_isolation.py tests/e2e
