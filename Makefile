# `make run` and `make test` set themselves up; a second run costs nothing.
PORT ?= 8000
CONFIG ?= winnow.yaml
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
# One line for every 25 packages is progress enough; warnings and errors stay as they are.
define told
awk '/^Collecting/ && !(++n % 25) {print "  " n " packages fetched"} \
	/^Installing collected/ {print "  installing them"} {fflush()}'
endef

.PHONY: help setup run test check format lock bench test-vllm test-trl test-train clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Winnow needs Python 3.11, 3.12 or 3.13 on the PATH." >&2; exit 1; }
	@echo "Making the virtual environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python locks/run.txt pyproject.toml
	@echo "Installing Winnow and what it runs with (hash-locked; about a minute)"
	@$(PIP) --require-hashes -r locks/run.txt | $(told)
	@$(PIP) -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed locks/dev.txt
	@echo "Installing what the tests need"
	@$(PIP) --require-hashes -r locks/dev.txt | $(told)
	@touch $@

setup: $(VENV)/.installed ## a virtual environment with winnow in it, weights in the cache
	@$(BIN)/winnow models pull --config $(CONFIG)

run: $(VENV)/.installed ## serve on PORT with CONFIG
	@exec $(BIN)/winnow serve --config $(CONFIG) --port $(PORT)

test: $(VENV)/.installed-dev ## all tests but the slow suites below
	@$(BIN)/winnow models pull smollm2-135m-instruct
	@$(BIN)/python -m pytest -m "not vllm and not trl" \
		--cov --cov-report=term:skip-covered -q

check: $(VENV)/.installed-dev ## lint, types, import layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.installed-dev ## the benchmarks, side by side in one run (bench.best_of_n asks a running gateway)
	@$(BIN)/python -m bench

lock: $(VENV)/.installed-dev ## refresh the hash-locked versions
	@$(BIN)/python -m pip install -q uv
	@for kind in run dev; do $(BIN)/uv pip compile -q --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --extra embedded --extra guardrails \
		$$(test $$kind = dev && echo --group dev) pyproject.toml locks/build.in \
		-o locks/$$kind.txt --upgrade; done

test-vllm: $(VENV)/.installed-dev ## a real vLLM on the CPU (its own environment, 3.5 GB)
	@bash tests/vllm/setup.sh
	@$(BIN)/python -m pytest -m vllm -q tests/vllm

test-trl: $(VENV)/.installed-dev ## exports read by real TRL trainers (their own environment)
	@bash tests/trl/setup.sh
	@$(BIN)/winnow models pull smollm2-135m-instruct
	@$(BIN)/python -m pytest -m trl -q tests/trl

test-train: $(VENV)/.installed-dev ## a reward model is trained and served
	@bash tests/train/setup.sh
	@.venv-train/bin/python -m pytest -q tests/train

clean: ## remove the environments (the weights' cache stays)
	@rm -rf .venv .venv-vllm .venv-trl .venv-train
