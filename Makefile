# make demo   run the pipeline on a small case        make test   all tests
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# A nextflow on the PATH wins; else the runtime that `make setup` fetches with Maven.
NEXTFLOW := $(or $(shell command -v nextflow 2>/dev/null),$(CURDIR)/.runtime/nextflow)
export PATH := $(CURDIR)/$(BIN):$(dir $(NEXTFLOW)):$(PATH)
export OMP_NUM_THREADS ?= 1

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(VENV)/.ready $(VENV)/numba/.ready $(NEXTFLOW) ## Python packages and, where there is none, Nextflow

$(VENV)/.ready: requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "clonewatch needs Python 3.11 and found no '$(PYTHON)': install it, or name yours with 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "clonewatch's packages are locked for Python 3.11, and '$(PYTHON)' is $$($(PYTHON) -V): name a 3.11 with 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
	@echo "Installing the Python packages of requirements.lock into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --no-compile --no-deps --require-hashes -r requirements.lock
	@# Every task is a new process: compiled packages import 2.5 times faster.
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -W ignore -m compileall -q -j 0 $(VENV)/lib >/dev/null
	@touch $@

# What numba compiles is compiled once, and not in every task.
$(VENV)/numba/.ready: $(VENV)/.ready conf/images/warm.py bin/_compiled.py bin/_cell_space.py
	@echo "Compiling what numba runs into $(VENV)/numba"
	@$(BIN)/python -W ignore conf/images/warm.py
	@touch $@

# For a `nextflow` that was found on the PATH this rule has nothing to do: the file exists.
$(CURDIR)/.runtime/nextflow: conf/runtime/pom.xml conf/runtime/nextflow
	@command -v java >/dev/null || { echo "clonewatch needs Java 17 or newer and found no 'java': install one (Debian: openjdk-17-jre-headless)." >&2; exit 1; }
	@major=$$(java -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p'); [ "$${major:-0}" -ge 17 ] || { echo "clonewatch needs Java 17 or newer, and 'java' is version $${major:-unknown}: set JAVA_HOME and PATH to a newer one." >&2; exit 1; }
	@command -v mvn >/dev/null || { echo "There is neither 'nextflow' nor 'mvn' on the PATH: install Nextflow (25.04 or newer) or Maven, which fetches it." >&2; exit 1; }
	@echo "Fetching Nextflow 25.04.4 with Maven into .runtime"
	@mvn -B -q -f conf/runtime/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.runtime/jars
	@install -m 755 conf/runtime/nextflow $@

demo: setup ## simulate a patient of 3,000 cells and run the pipeline on it: demo/results
	@mkdir -p demo
	@test -e demo/case/samples.csv || $(BIN)/python tests/simulate_case.py --out demo/case --cells 3000 --seed 1
	@cd demo && nextflow run .. -profile demo -resume

demo-real: setup ## run the pipeline on the real samples in tests/data: demo/real
	@mkdir -p demo && cd demo && nextflow run .. -profile demo_real --outdir real -resume

test: setup ## unit, pipeline and browser tests
	@# A file's tests share their runs, so they stay in one process; files in their order.
	@$(BIN)/python -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder

test-worlds: setup ## whole runs of other patients, of other laboratories' files and with steps that fail
	@$(BIN)/python -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder tests/worlds

campaign: setup ## what takes longer than `make test` may: 26 other worlds, runs into one folder, a run that is killed
	@# An hour at a time; a world that has its row in demo/worlds is not run again.
	@$(BIN)/python tests/worlds/campaign.py run --out demo/worlds --minutes 60
	@$(BIN)/python tests/worlds/campaign.py table --out demo/worlds
	@CLONEWATCH_CAMPAIGN=yes $(BIN)/python -m pytest tests/worlds/test_publishing.py

test-nf: setup ## the nf-test suite: every process, room and profile, as a stub and on data
	@command -v nf-test >/dev/null || { echo "nf-test is not on the PATH: see https://www.nf-test.com" >&2; exit 1; }
	@# Stubs and data side by side, for nf-test runs one test after the other; the stubs' lines follow at the end.
	@nf-test test --ci --tag stub > .nf-test-stub.log & status=0; \
		nf-test test --ci --tag data || status=1; \
		wait $$! || status=1; cat .nf-test-stub.log; exit $$status

test-cluster: setup ## whole runs under Slurm (Debian: slurm-wlm, munge), interrupted and resumed
	@$(BIN)/python -m pytest tests/cluster

# The engine, where images go, and what they stand on; more options of a build: IMAGE_OPTIONS.
ENGINE ?= podman
REGISTRY ?= localhost
BASE ?= docker.io/library/debian:bookworm-slim
ROOMS := inputs clones tumour report signals cells
VERSION := $(shell sed -nE "s/^ *version *= '(.*)'/\1/p" nextflow.config)

images: ## one image per room: make images ENGINE=docker REGISTRY=... BASE=...
	@for room in $(ROOMS); do \
		echo "$(REGISTRY)/clonewatch-$$room:$(VERSION)"; \
		$(ENGINE) build --build-arg BASE=$(BASE) --build-arg MODULE=$$room --build-arg VERSION=$(VERSION) $(IMAGE_OPTIONS) \
			--tag $(REGISTRY)/clonewatch-$$room:$(VERSION) . || exit 1; \
	done

version: ## the version of the pipeline and its images
	@echo $(VERSION)

test-containers: setup ## build the images and run the demo in them (root installs podman on Debian)
	@tests/containers/podman.sh
	@$(BIN)/python -m pytest tests/containers

lint: setup ## ruff, nextflow lint and, where present, shellcheck
	@ruff check . && ruff format --check .
	@nextflow lint main.nf nextflow.config modules conf
	@if command -v shellcheck >/dev/null; then shellcheck conf/runtime/nextflow .ci/run tests/cluster/slurm.sh tests/containers/podman.sh; else echo "shellcheck is not here: shell scripts not checked"; fi

lock: ## resolve modules/*/requirements.txt and tests/requirements.txt into requirements.lock (needs uv)
	@uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --excludes modules/not_needed.txt --python-version 3.11 \
		modules/*/requirements.txt tests/requirements.txt -o requirements.lock

clean: ## remove what demo and the tests left behind
	@rm -rf demo work .nextflow .nextflow.log* .pytest_cache

.PHONY: help setup demo demo-real test test-worlds campaign test-nf test-cluster images version test-containers lint lock clean
