# `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GEN := .venv-gen
PROTOS := protos/milepost protos/inference
# All but those that bring a framework: these are tested in environments of their own.
EXTRAS := arrow azure demo evaluation gcs images import-tensorboard mariadb models pandas pickle polars s3 sklearn tracing

.DEFAULT_GOAL := help
.PHONY: help setup demo server test java typescript go matrix groups bench check lint types imports protos generated gen format lock clean

help: ## List the targets
	@grep -E '^[a-z ]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed ## Make .venv with everything that developing needs

$(VENV)/.installed: tools/requirements-dev.txt pyproject.toml clients/python/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r tools/requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e clients/python -e .
	touch $@

$(GEN)/.installed: tools/requirements-gen.txt | setup
	test -x $(GEN)/bin/python || $(PYTHON) -m venv $(GEN)
	$(BIN)/uv pip install --quiet --python $(GEN)/bin/python -r tools/requirements-gen.txt
	touch $@

demo: setup ## Train models, track them, find the best again; ends by itself
	$(BIN)/milepost demo

server: setup ## Run a server on the embedded default: HTTP on 5000, gRPC on 5001, data in ./milepost-data
	$(BIN)/milepost server

test: setup java typescript go ## Run all tests
	$(BIN)/pytest -n 2 --dist loadgroup

java typescript go: setup ## Build and test the client of that language
	$(BIN)/python tools/clients.py $@

matrix: setup ## Test the client beside the protobuf releases that training environments pin
	$(BIN)/python tools/matrix.py

groups: setup ## Test flavors of models, and stock clients of MLflow, in environments of their own
	$(BIN)/python tools/environments.py

bench: setup ## Measure; prints a table and writes build/bench.json
	$(BIN)/python -m benchmarks

check: lint types imports protos generated ## All checks but the tests

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

protos: setup
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code $(PROTOS:%=--path %)
	$(BIN)/buf breaking --against protos/baseline.binpb

generated: $(GEN)/.installed
	PATH="$(CURDIR)/$(GEN)/bin:$$PATH" $(GEN)/bin/python tools/gen.py --check
	$(BIN)/python tools/mlflow_compatibility.py --check

gen: $(GEN)/.installed ## Generate code from the protos, and the table of MLflow's calls from the tests
	PATH="$(CURDIR)/$(GEN)/bin:$$PATH" $(GEN)/bin/python tools/gen.py
	$(BIN)/python tools/mlflow_compatibility.py

format: setup ## Format code and protos
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format --write $(PROTOS:%=--path %)

lock: setup ## Pin the newest versions of everything that developing needs
	$(BIN)/uv pip compile --quiet --upgrade --universal --no-header --python-version 3.11 \
		--group dev $(EXTRAS:%=--extra %) --no-emit-package milepost-client --no-emit-package milepost \
		pyproject.toml clients/python/pyproject.toml --output-file tools/requirements-dev.txt
	for list in tools/requirements-*.in; do case $$list in *-tests.in) continue;; esac; \
		$(BIN)/uv pip compile --quiet --upgrade --no-header --no-annotate --python-version 3.11 \
		"$$list" --output-file "$${list%.in}.txt" || exit 1; done

clean: ## Remove what can be made again, but not data
	rm -rf $(VENV) $(GEN) .venv-groups build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf clients/typescript/node_modules clients/typescript/dist clients/typescript/build clients/typescript/src/gen
	rm -rf clients/go/inference clients/go/milepost
