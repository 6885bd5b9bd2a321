# Needs Python 3.11+, make and git. Everything else is installed by what stands here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9

# Some of the time of the tests is waiting, for brokers and servers; each process has brokers of its own.
PROCESSES ?= 5
N ?= 1

# What every test came to, for the assurance pack; the name of the suite is the commit that they ran on.
COMMIT = $(shell git rev-parse HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo -changed)
RESULTS = --junitxml=.artefacts/junit.xml -o junit_suite_name=$(COMMIT)

# Where somebody has it set, each of the processes that the tests start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never

.PHONY: help install demo programs test faults outages brokers fuzz mllp week imports scale load mutants assurance release upgrade lint style types outside check bench bench-against duties site site-check clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.installed: $(UV) pyproject.toml uv.lock
	$(UV) sync --quiet --frozen --all-extras --python $(BIN)/python
	@touch $@

install: $(VENV)/.installed ## the project and its tools, in .venv

demo: install ## sandbox, embedded bus and a worker, a few requests, and what came out
	$(BIN)/bridge demo

programs: install
	$(BIN)/python -m tests.support.programs

test: programs ## every test, with a real RabbitMQ and a real NATS
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --branches $(RESULTS) $(ARGS)

assurance: install ## the assurance pack, of this tree and its last `make test`, into .assurance (ASSURANCE_DIR=…)
	$(BIN)/python -m tests.assurance.pack $(or $(ASSURANCE_DIR),.assurance)

faults: install ## everything that may break, N times (N=10); the gate does it once, with fewer requests
	for run in $$(seq $(N)); do echo "run $$run of $(N)"; FAULTS=whole $(BIN)/python -m pytest --numprocesses $(PROCESSES) tests/faults $(ARGS) || exit 1; done

outages: install ## the same once, and writes the outage matrix of deploy/README.md from what it sees
	FAULTS=whole OUTAGES=write $(BIN)/python -m pytest tests/faults/pipeline tests/faults/cluster

brokers: install ## the suite of the bus on RabbitMQ 3.10, 4.0 and NATS; PROMISES=write writes the table of deploy/README.md
	$(BIN)/python -m tests.brokers $(ARGS)

fuzz: install ## the fuzzers for long, with new examples each time
	$(BIN)/python -m pytest tests/fuzz -k "spoilt or any or anything" --hypothesis-profile=long --timeout=0 $(ARGS)

mllp: install ## a sender of HL7 v2 that is killed a hundred times, on both brokers
	MLLP_MESSAGES=$(or $(MESSAGES),400) $(BIN)/python -m pytest tests/faults/pipeline/test_mllp.py --timeout=0 $(ARGS)

imports: install ## an EPR imports what is published of 2,000 requests while everything breaks; SEED=… does it again
	IMPORTS_REQUESTS=$(or $(REQUESTS),2000) IMPORTS_SEED=$(SEED) $(BIN)/python -m pytest tests/faults/importing -s --timeout=0 $(ARGS)

week: install ## a week of appointments in which everything goes wrong; SEED=… does it again
	WEEK_OPERATIONS=$(or $(OPERATIONS),2000) WEEK_SEED=$(SEED) $(BIN)/python -m pytest tests/faults/week -s --timeout=0 $(ARGS)

scale: install ## measures a request of each kind, and writes the tables of deploy/SCALE.md
	$(BIN)/python -m tests.load.measure
	$(BIN)/python -m tests.load.simulation

load: install ## an hour of 20,000 requests or more of all kinds; nothing a worker holds may grow (LOAD_MINUTES=…)
	LOAD=write LOAD_MINUTES=$(or $(LOAD_MINUTES),60) LOAD_REQUESTS=$(LOAD_REQUESTS) $(BIN)/python -m pytest tests/load -s -p no:logging $(ARGS)

mutants: install ## changes what is published and the engine, and tells what no test notices (ARGS=MODULE)
	$(BIN)/python -m tests.mutants $(ARGS)

release: install ## all of a release but its upload, in dist/: packages, SBOM, licences, notes, digests
	$(BIN)/python -m tests.release

upgrade: install ## a worker of the release before is killed at work, and one of today goes on, on both brokers and databases
	UPGRADE=1 $(BIN)/python -m pytest tests/faults/upgrade -s --timeout=0 $(ARGS)

site: install ## the documentation site, into .site: open .site/index.html
	$(BIN)/python -m tests.site

site-check: install ## the same, and every page of it in Chromium: wide and narrow, light and dark, with axe, and its search
	SITE=whole $(BIN)/python -m pytest tests/site --timeout=0 $(ARGS)

lint: style types outside ## style, types, import directions, layout

style: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

outside: install
	cd tests/typing && ../../$(BIN)/mypy --strict --config-file= --cache-dir ../../.mypy_cache/author author.py

check: lint test ## what the gate runs

bench: install ## the speed table, as ratios inside one run; writes .bench/latest.json (ARGS=MODULE)
	$(BIN)/python -m tests.bench $(ARGS)

bench-against: install ## CPU, time and memory beside another commit's, on the same stubs (BUILD=commit)
	$(BIN)/python -m tests.bench.against $(BUILD) $(ARGS)

duties: install ## consumer duties: proven, deployer's, open (DIGEST=CS,SP fails when one is open)
	$(BIN)/python -m tests.duties $(if $(DIGEST),--digest $(DIGEST))

clean:
	rm -rf $(VENV) .bridge .bench .artefacts .assurance .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .brokers .site .site-pictures
