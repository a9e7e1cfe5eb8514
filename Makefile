# The few commands, the same by hand and in CI. Everything is set up on first use in .venv.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Behind a proxy with a certificate of its own, packages come as with pip: by the authorities that the system trusts.
export UV_SYSTEM_CERTS := 1
# So many processes share the tests, each with a broker and a warehouse of its own.
JOBS ?= 2
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
.DEFAULT_GOAL := help
.PHONY: help demo test explore check format bench lock setup clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 16

$(BIN)/uv: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Touchline needs Python 3.11 or newer: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(RUN_READY): $(BIN)/uv requirements/run.txt requirements/build.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/build.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_READY): $(RUN_READY) requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(DEV_READY) ## everything for working on it, in .venv

# MAP, INPUT and RULES: files of your own; ARGS: further options, such as --exit or --json
demo: $(RUN_READY) ## the whole pipeline on embedded parts: [MAP=… INPUT="…" RULES="…"] [ARGS=--exit]
	$(BIN)/touchline demo $(if $(MAP),--map $(MAP)) $(foreach f,$(INPUT),--input $(f)) $(foreach f,$(RULES),--rules $(f)) $(ARGS)

test: $(DEV_READY) ## the fast tests; what needs Java or long is left to CI
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

explore: $(DEV_READY) ## the fast tests on examples not drawn before; what fails is printed with how to repeat it
	TOUCHLINE_EXPLORE=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

check: $(DEV_READY) ## lint, types, layers, locks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy touchline tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/python -m tests.hygiene

format: $(DEV_READY) ## mend what can be mended by a tool
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(DEV_READY) ## the figures of benchmarks/RESULTS.md, on a real Apache Kafka
	$(BIN)/python -m benchmarks

lock: $(BIN)/uv ## make the lock files anew
	requirements/lock.sh

clean: ## remove what was installed and made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
