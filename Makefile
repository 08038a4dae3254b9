# The one entry point. Needs Python 3.11 to 3.13, git and make; fetches the rest.
#
#   make demo     from a fresh clone to a registered model, through real Airflow
#   make up       start the embedded platform in the background;  make down  stops it
#   make test     everything; says at the end what this machine could not try
#   make help     the other targets
#
# PYTHON=…    the interpreter, if not the first fitting one of python3.11, python3.12, python3.13, python3
# BASE=…      the base of the images, if not debian:bookworm-slim (see runner-image/build_image.sh)
# ONLY=…      one benchmark alone;  ARGS=…  further arguments for pytest
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

ifndef PYTHON
PYTHON := $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$python; break; }; done)
endif

UV := .tools/bin/uv
BIN := .venv/bin
LOCK := uv.lock pyproject.toml $(wildcard */pyproject.toml)
EXPORT := $(UV) export --quiet --frozen --no-dev --no-header --no-emit-workspace
DOCKER_CLIENT := runner-image/docker_client.sh

# What re-signs TLS on this network, if anything does, is trusted by builds and stages too.
ifdef SSL_CERT_FILE
export VERBATIM_CA_BUNDLE ?= $(SSL_CERT_FILE)
endif

.PHONY: help setup demo up down test lint bench clean zipapp image images compose-up compose-down requirements schema check-generated containers

help:
	@sed -n 's/^# \{0,1\}//; 2,7p' Makefile
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

setup: .venv/.development zipapp ## everything into .venv, from the lock; and the runner

demo: .venv/.runtime zipapp containers ## from a fresh clone to a registered model
	@$(BIN)/verbatim demo

up: .venv/.runtime zipapp containers ## start the embedded platform in the background
	@$(BIN)/verbatim up

down: .venv/.runtime ## stop the embedded platform
	@$(BIN)/verbatim down

test: .venv/.development zipapp containers ## all tests
	@$(BIN)/pytest --numprocesses 2 --dist loadscope $(ARGS)

lint: .venv/.development check-generated ## ruff, mypy, import-linter, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.development zipapp containers ## benchmarks, as ratios against peers
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

zipapp: .tools/ready ## dist/verbatim-runner.pyz, what stages run without containers
	@.tools/bin/python runner-image/build_zipapp.py

image: ## the one image that every stage runs in
	@runner-image/build_image.sh verbatim-runner:latest runner-image/Dockerfile

# The image where a Docker engine answers; one line where none does.
containers:
	@if ! $(DOCKER_CLIENT) >/dev/null 2>&1; then \
		echo "no Docker engine answers: stages will run without containers, which isolates less"; \
	elif ! $(MAKE) image; then \
		[ "$(VERBATIM_REQUIRE_SERVICES)" != 1 ] || exit 1; \
		echo "the image could not be built: stages will run without containers, which isolates less"; \
	fi

images: image ## the images of docker-compose.yaml
	@runner-image/build_image.sh verbatim-platform:latest deploy/Dockerfile platform
	@runner-image/build_image.sh verbatim-postgres:latest deploy/Dockerfile postgres
	@runner-image/build_image.sh verbatim-s3:latest deploy/Dockerfile s3

compose-up: images ## the platform of docker-compose.yaml, on http://127.0.0.1:8080
	@deploy/make_secrets.sh
	@deploy/compose.sh up --detach

compose-down: ## stop the platform of docker-compose.yaml; its volumes stay
	@deploy/compose.sh down

requirements: .tools/ready ## requirements.txt files, from the lock
	@$(MAKE) requirements-into DIRECTORY=.

schema: .venv/.development ## the conf's schema and reference in docs/
	@$(BIN)/python -m verbatim.schema

check-generated: .venv/.development
	@mkdir -p dist/generated/runner-image
	@$(MAKE) requirements-into DIRECTORY=dist/generated
	@for file in requirements.txt runner-image/requirements.txt; do \
		cmp -s $$file dist/generated/$$file || { echo "$$file is stale: make requirements"; exit 1; }; done
	@$(BIN)/python -m verbatim.schema --check

.PHONY: requirements-into
requirements-into: .tools/ready
	@{ echo '# What an Airflow site installs. Generated from uv.lock by `make requirements`; never edited.'; \
		$(EXPORT) --package verbatim-operators; } >$(DIRECTORY)/requirements.txt
	@{ echo '# The dependencies of the runner. Generated from uv.lock by `make requirements`; never edited.'; \
		$(EXPORT) --package verbatim-runner; } >$(DIRECTORY)/runner-image/requirements.txt

clean: ## what was built; neither .venv nor .verbatim, where runs and models lie
	rm -rf dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .tools

.tools/ready: runner-image/build-requirements.txt
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11, 3.12 or 3.13 found; install one, or say PYTHON=/path/to/it"; exit 1; }
	@rm -rf .tools
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip --quiet --disable-pip-version-check install --require-hashes --requirement runner-image/build-requirements.txt
	@touch $@

# What the platform needs; leaves alone what `make setup` has added.
.venv/.runtime: .tools/ready $(LOCK)
	@echo "installing the platform into .venv"
	@$(UV) sync --quiet --frozen --no-dev --inexact --compile-bytecode --python $(PYTHON)
	@touch $@

.venv/.development: .tools/ready $(LOCK)
	@echo "installing the platform and its tests into .venv"
	@$(UV) sync --quiet --frozen --python $(PYTHON)
	@touch $@ .venv/.runtime
