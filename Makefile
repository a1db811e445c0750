# `make serve` is all it takes; see README.md. Data stays in ./data (ANALYTICS_DATA_DIR), which no target removes.
.PHONY: help serve demo test test-long bench check format clean
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# What others set for their own Python must not leak into ours.
unexport PYTHONWARNINGS PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
export PYTHONNOUSERSITE := 1

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# One test process a processor and one more, since tests wait for processes half of the time; but no more than 5 in all: each has a
# ClickHouse, a PostgreSQL and a Valkey of its own. A file's tests stay together: they share an application (tests/fixtures/api.py). A test
# process that crashes ends the run, which names its test: with another in its place the run would never end.
PARALLEL := -n $(shell n=$$(( $$(nproc) + 1 )); echo $$(( n > 5 ? 5 : n ))) --dist loadfile --no-loadscope-reorder --max-worker-restart=0

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

serve: ## install what is missing and run the service (ARGS="--port 9000")
	@scripts/venv.sh
	@exec $(BIN)/analytics serve --with-parent $(ARGS)

demo: ## serve, with an online school's events sent in (ARGS="...")
	@scripts/venv.sh
	@exec $(BIN)/analytics demo $(ARGS)

test: ## the whole suite but its long proofs (ARGS="-k spool")
	@scripts/venv.sh dev
	@exec $(PYTEST) $(PARALLEL) -m "not long" $(ARGS)

test-long: ## the proofs of minutes
	@scripts/venv.sh dev
	@exec $(PYTEST) -m long --timeout 7200 $(ARGS)

bench: ## measure, and print machine, data, command, figures and ratios
	@scripts/venv.sh dev
	@exec $(BIN)/python -m benchmarks $(ARGS)

check: ## lint, format, types, import contracts
	@scripts/venv.sh dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: ## put the code into shape
	@scripts/venv.sh dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove .venv and caches; data stays
	rm -rf .venv .ruff_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
