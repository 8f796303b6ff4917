# Needs Python 3.11 or newer and make; every target makes .venv when it is missing or older than pyproject.toml.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test test-cluster check bench clean

# Status 1, "violated", is what both must answer: the upgrade breaks properties, in the model as in the recording.
demo: $(READY)
	$(BIN)/tsofence explore; test $$? -eq 1
	$(BIN)/tsofence replay tests/recordings/upgrade-fenced; test $$? -eq 1

test: $(READY)
	$(BIN)/pytest --numprocesses auto

# The search on a local Ray, which the others do without: it is large.
test-cluster: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,cluster]'
	$(BIN)/pytest tests/checker/test_cluster.py

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Times of the engines in one run; C++, Spin and Ray are left out, each with a line, where they are missing.
bench: $(READY)
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.scenarios

clean:
	rm -rf .venv build dist tsofence.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "tsofence needs Python 3.11 or newer: install it, or name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@mkdir -p .venv/typing && ln -sfn ../.. .venv/typing/tsofence  # for mypy, see pyproject.toml
	@touch $@
