# The words everyone types. Each calls the project's own commands; what they do is written there.

PYTHON ?= python3
VENV ?= .venv
APP ?= 1
ARGS ?=
JOBS ?= auto
DATA ?= ../shared/data
OUT ?= build/evaluation
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench screenshots evaluate wheel clean

help:
	@echo 'make demo    score the seed page, show the table, open the review desk (APP=0: without the desk)'
	@echo 'make test    run every test (ARGS="tests/test_policy.py -x": some of them; JOBS=1: one process)'
	@echo 'make lint    check format, style and types'
	@echo 'make bench   measure speed'
	@echo 'make screenshots  take the pictures of the desk in docs/ (needs Chromium)'
	@echo 'make evaluate DATA=DIR  write the evaluation report to build/evaluation (OUT=DIR: elsewhere)'
	@echo 'make wheel   build dist/*.whl'
	@echo 'make clean   remove everything that make made, the demo and its decisions too'
	@echo 'PYTHON=python3.12 chooses the interpreter of the virtual environment in $(VENV).'

demo: $(VENV)/.installed
	MODERATION_HOME="$${MODERATION_HOME:-$(CURDIR)/.demo}" $(BIN)/moderation demo $(if $(filter 0,$(APP)),--no-app)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --cov --cov-report=term:skip-covered $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

bench: $(VENV)/.installed-dev
	@for script in tests/bench/*.py; do echo "$$script"; $(BIN)/python "$$script" || exit 1; done

screenshots: $(VENV)/.installed-dev
	$(BIN)/python tests/screenshots.py $(ARGS)

evaluate: $(VENV)/.installed-evaluate
	$(BIN)/moderation evaluate --data '$(DATA)' --out '$(OUT)' $(ARGS)

wheel: $(VENV)/.installed
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) .demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find moderation tests -type d -name __pycache__ -prune -exec rm -rf {} +

# An installation is done again when pyproject.toml is newer than its stamp.

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# Peers pin versions of their own libraries: where they cannot be had, the report says so and goes without.
$(VENV)/.installed-evaluate: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[evaluate]'
	$(PIP) --editable '.[evaluate,peers]' || echo 'make: the peers cannot be installed here; the report goes without' >&2
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'make: Python 3.11 or newer is needed; name one, as in: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo 'make: $(PYTHON) cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv' >&2; exit 1; }
