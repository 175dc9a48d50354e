# Needs python3 >= 3.11 and make. `make help` says what there is.
# Another interpreter: make test PYTHON=python3.12. Options of a command: make reproduce ARGS="--scale full",
# make test ARGS="-n 0 -k gauges" (one process, some tests).

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.PHONY: help reproduce test test-slow lint format docs clean
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

reproduce:  ## measure the claims of the paper: results/report.html and results/claims.json
	@PYTHON="$(PYTHON)" sh tools/install.sh $(if $(findstring realistic,$(ARGS)),study,run)
	@sh tools/reproduce.sh $(BIN) results $(ARGS)

test: lint  ## lint, types and the tests
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow:  ## the tests that take longer than a few seconds each
	@PYTHON="$(PYTHON)" sh tools/install.sh test
	$(BIN)/python -m pytest -m slow -n auto --dist loadfile $(ARGS)

lint:  ## ruff and pyright
	@PYTHON="$(PYTHON)" sh tools/install.sh test
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/pyright

format:  ## rewrite the source as ruff wants it
	@PYTHON="$(PYTHON)" sh tools/install.sh test
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

docs:  ## the documentation: docs/_build/html/index.html (warnings are errors)
	@PYTHON="$(PYTHON)" sh tools/install.sh test
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

clean:  ## remove the environment, the caches and what was built; results/ stays
	rm -rf .venv build dist docs/_build docs/jupyter_execute .pytest_cache .ruff_cache .hypothesis .benchmarks .cache
	find src tests tools docs -name __pycache__ -type d -prune -exec rm -rf {} +
