# Every verb of the project. `make up` and `make test` need nothing before them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup up down test check bench soak

PYTHON ?= python3
STACK ?= local
UV_VERSION := 0.13.9
UV := build/uv/bin/uv
BIN := .venv/bin

help: ## Show the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "error: $(PYTHON) is not Python 3.11 to 3.13; fix: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv build/uv || \
		{ rm -rf build/uv; echo "error: $(PYTHON) cannot make virtual environments; fix: apt-get install python3-venv" >&2; exit 1; }
	@build/uv/bin/pip install --quiet uv==$(UV_VERSION)

$(BIN)/.synced: uv.lock pyproject.toml | $(UV)
	@echo "Installing the Python environment"
	@$(UV) sync --frozen --quiet --all-extras --compile-bytecode --python $(PYTHON)
	@touch $@

setup: $(BIN)/.synced ## Make .venv, the toolchain and the images (cached by content)
	@$(BIN)/colonnade setup

up: setup ## Bring up a cluster on this machine and the platform on it
	@$(BIN)/colonnade up --stack $(STACK)

down: $(BIN)/.synced ## Remove the platform and its cluster from this machine
	@$(BIN)/colonnade down --stack $(STACK)

test: $(BIN)/.synced ## Prove that all of it works: checks, unit tests, the real platform
	@$(BIN)/python -m tests.phases test

check: $(BIN)/.synced ## Format, lint, types and import contracts
	@$(BIN)/python -m tests.phases check

bench: $(BIN)/.synced ## Measure, and write build/benchmarks.json
	@$(BIN)/python -m tests.phases bench

soak: $(BIN)/.synced ## The long loops of which `make test` runs a sample
	@$(BIN)/python -m tests.phases soak
