# FuseKit: one command for each thing. `make help` lists them.

# The newest Python that is there and new enough; PYTHON=/path/to/python overrides.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Two torch processes with default threads get in each other's way: one thread for each of pytest's workers.
WORKERS ?= $(shell getconf _NPROCESSORS_ONLN)

# Scripts that measure speed, take --json and are there.
BENCHMARKS ?= $(foreach name,rbca fusion_cost tokens loop slices scale peers,$(if $(wildcard benchmarks/$(name).py),$(name)))

.DEFAULT_GOAL := help
.PHONY: bench fuzz help demo test test-slow lint types docs reference format clean

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

demo: .venv/installed  ## Install, then compare fusions on a synthetic cohort
	$(BIN)/fusekit compare adni-ad --fusion image-only,rbca,table-first --baseline gbdt --folds 2 --validation 0 \
		--explain none --precision auto -o training.steps=250 --jobs 2 --out runs/demo

test: .venv/installed-dev lint types docs  ## Install, then ruff, mypy, the docs build and every test but the slow
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: .venv/installed-dev  ## The slow tests: before a release, and after a change of what they are about
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

fuzz: .venv/installed-dev  ## Damage files at random, CASES of each kind (2000), and draw other random examples
	FUSEKIT_FUZZ=$(or $(CASES),2000) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(shell grep -rl @given tests) tests/integration/test_fuzz.py

bench: .venv/installed-dev  ## Time everything that has a benchmark; figures to build/bench (BENCHMARKS="loop slices")
	@mkdir -p build/bench
	@for name in $(BENCHMARKS); do echo "== $$name"; \
		$(BIN)/python -m benchmarks.$$name --json build/bench/$$name.json || exit 1; done

lint: .venv/installed-dev  ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev  ## mypy, strict
	$(BIN)/mypy

docs: .venv/installed-dev  ## Build the documentation; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

reference: .venv/installed-dev  ## Write the generated pages anew
	$(BIN)/python -m docs.generate

format: .venv/installed-dev  ## Put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove what can be made again
	rm -rf .venv docs/_build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "FuseKit needs Python 3.11 or newer with venv; set PYTHON=/path/to/python." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# Stamps: install again only when the dependencies change.
.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable .
	@touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
	@touch $@ .venv/installed
