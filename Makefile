# What a newcomer needs: make demo | test | check | bench | install.  `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EHR_PORT ?= 9090
APP_PORT ?= 8080
EHR_PROFILE ?= standard

# uv is used when present and bootstrapped into the environment by pip when not.
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON := $(BIN)/python
# One thread per worker: with two OpenMP threads in two workers p99 rises twentyfold (DESIGN, decision 11).
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help install install-demo demo test check format bench bench-load chaos sbom coverage screenshots pictures messages clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 14)))' || { \
	  echo "AKI Sentinel needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv-ready: $(BIN)/python
	@command -v uv >/dev/null 2>&1 || [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet uv
	@touch $@

# Stamps: nothing is installed twice, and both targets work offline once they have run.
$(VENV)/.demo: $(BIN)/uv-ready pyproject.toml uv.lock
	$(UV) sync --locked --inexact --no-default-groups
	@touch $@

$(VENV)/.all: $(BIN)/uv-ready pyproject.toml uv.lock
	$(UV) sync --locked --inexact --all-groups --all-extras
	@touch $@ $(VENV)/.demo

install-demo: $(VENV)/.demo

install: $(VENV)/.all  ## Install everything: runtime, training and development

demo: $(VENV)/.demo  ## Start the embedded EHR and the app; EHR_PROFILE=epic ... for a vendor's behaviour
	@$(BIN)/aki demo --ehr-port $(EHR_PORT) --app-port $(APP_PORT) --ehr-profile $(EHR_PROFILE)

test: $(VENV)/.all  ## Run every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.all  ## Lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

format: $(VENV)/.all  ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

messages: $(VENV)/.all  ## Bring the catalogues of every language up to date and compile them
	$(BIN)/python -m app.languages.catalogues

bench: $(VENV)/.all  ## Measure speed
	$(BIN)/python -m pytest tests/bench -m bench -o addopts="" $(PYTEST_ARGS)

bench-load: $(VENV)/.all  ## Ten minutes of load, ten with workers killed, then ten times the users; LOAD_ARGS=--help
	$(BIN)/python -m tests.load.run --seconds 600 --kill-every 20 --overload-seconds 60 $(LOAD_ARGS)

chaos: $(VENV)/.all  ## Kill workers, lock the database, make the EHR lie; CHAOS_SECONDS=600 for longer
	CHAOS=1 $(BIN)/python -m pytest tests/chaos -v $(PYTEST_ARGS)

sbom: $(VENV)/.demo  ## Write the bill of materials (CycloneDX) with licences to var/sbom.json
	@mkdir -p var
	$(UV) export --quiet --locked --no-default-groups --no-emit-project --format cyclonedx1.5 -o var/sbom.json
	$(BIN)/python deploy/licences.py var/sbom.json

coverage: $(VENV)/.all  ## Run every test with branch coverage
	$(BIN)/python -m pytest --cov --cov-report=term-missing $(PYTEST_ARGS)

pictures: $(VENV)/.all  ## Draw the kept pictures of the course anew; look at `git diff` before committing them
	$(BIN)/python -m pytest -q tests/app/test_chart_pictures.py --renew-pictures

screenshots: $(VENV)/.all  ## Take the pictures of the documents anew
	$(BIN)/python -m tests.e2e.screenshots --out docs/img

clean:  ## Remove the environment, caches and the demo's state
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .coverage .hypothesis .benchmarks
