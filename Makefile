# Needs Python 3.11 or newer and make; every target makes .venv when it is missing or older than what it is made from.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
WITH_RAY := $(VENV)/with-ray
# At most 4 GiB: a process needs up to 1, since what is cached lives on.
PYTEST := $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: axe site schema tables known matrix guards lemmas needs demo test test-large test-cluster test-all fuzz fuzz-proofs faults pairs check lock bench clean

# Status 1, "violated", is what both must answer: the upgrade breaks properties, in the model as in the recording.
# Of what is said of the recording the beginning is shown: what happened, and why.
demo: $(READY)
	@$(BIN)/tsofence explore; test $$? -eq 1
	@echo
	@$(BIN)/tsofence replay tests/recordings/upgrade-unfenced --property unique --property single-writer > $(VENV)/demo.txt; test $$? -eq 1
	@sed '/^property /,$$d' $(VENV)/demo.txt
	@printf '%s\n' \
	  'This was a rolling upgrade: every interleaving of it, with the check of pull 10473' \
	  'off and on, and a real one, without it: the same timestamp twice, 39 times. Try' \
	  '  $(BIN)/tsofence show last off.unique    # how that happens' \
	  '  $(BIN)/tsofence explore --scenario tso-restart --fence save-cas --property unique' \
	  '  $(BIN)/tsofence replay tests/recordings/upgrade-unfenced --to html -o incident.html'

# TESTS: which of them, all if nothing.
TESTS ?=
test: $(READY)
	$(PYTEST) -m "not large" $(TESTS)

# What takes minutes or gigabytes, without what `make test` has.
test-large: $(READY)
	$(PYTEST) -m large --ignore tests/checker/test_cluster.py

# The search on a local Ray, which the others do without.
test-cluster: $(WITH_RAY)
	$(BIN)/pytest tests/checker/test_cluster.py

# In one go, so that no core waits for the other but once, and what is read and found serves both kinds.
test-all: $(READY)
	$(PYTEST) --ignore tests/checker/test_cluster.py
	$(MAKE) test-cluster

# Damaged and hostile files, others each time: so many of each kind. What fails goes to tests/fuzz/corpus.
EXAMPLES ?= 10000
fuzz: $(READY)
	TSOFENCE_FUZZ=$(EXAMPLES) $(PYTEST) -m large tests/fuzz

# Random systems, proved and searched, others each time: so many, 64 pairs each.
SYSTEMS ?= 40
fuzz-proofs: $(READY)
	TSOFENCE_FUZZ_PROOFS=$(SYSTEMS) $(BIN)/pytest -s --timeout 0 -m large tests/checker/test_proof_fuzz.py

# Every kind of planted fault, hole and shifted clock in every recording: hours. `make test-large` tries a part.
faults: $(READY)
	TSOFENCE_TRY=all $(PYTEST) -m large tests/traces/test_faults.py tests/traces/test_planted.py tests/traces/test_holes.py \
	  tests/traces/test_clocks.py tests/traces/test_replay_damage.py tests/traces/test_shrinking.py

# Every scenario under every fence: each shipped table proved, machine code against Python, searches with and without what
# is left out; half an hour. `make test-large` tries a part, with each scenario and each fence in it.
pairs: $(READY)
	TSOFENCE_TRY=all $(PYTEST) -m large tests/checker/test_native.py tests/checker/test_folding.py \
	  tests/checker/test_reductions.py tests/checker/test_prove.py tests/checker/test_explore.py \
	  tests/checker/test_liveness.py tests/model/test_real_etcd.py tests/export/test_tla.py tests/test_pages.py

# With it, tests/traces/test_browser.py asks whether everybody can read the pages. Needs npm; chromium runs the tests.
axe: $(READY)
	mkdir -p $(VENV)/axe && cp tests/axe/*.json $(VENV)/axe
	npm ci --prefix $(VENV)/axe --ignore-scripts --no-audit --no-fund --silent

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The newest versions that pyproject.toml allows, with their hashes, for every Python from 3.11 on. Needs uv.
LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command "make lock" pyproject.toml --extra dev
lock:
	$(LOCK) --output-file requirements/dev.txt
	$(LOCK) --extra cluster --constraint requirements/dev.txt --output-file requirements/cluster.txt

# The pages of docs/ and what is public, as a site in build/site; a link that leads nowhere ends it.
SITE := build/site
site: $(READY)
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -d build/doctrees docs $(SITE)

# The JSON Schema of every document, where one has a new key.
SCHEMAS := explore prove verify replay show run
schema: $(READY)
	for each in $(SCHEMAS); do $(BIN)/tsofence list schema $$each > docs/schema/$$each.json || exit 1; done

# The tables by which the shipped scenarios are folded, where steps, guards, properties or constants have changed:
# half a minute each. Those of scenarios that only tests search are found as tests run, and kept in tests/kept.
tables: $(READY)
	$(BIN)/python -m tsofence.checker.reductions.ship

# Runs that `prove` tries before it searches, where steps, guards, properties, builds or fences have changed: some minutes.
known: $(READY)
	$(BIN)/python -m tsofence.checker.proof.ship

# The tables of docs/matrix.md: those of SCENARIOS made again, or rows that are missing.
SCENARIOS ?=
matrix: $(READY)
	$(BIN)/python -m tests.pages.matrix $(SCENARIOS)

# The table of docs/guards.md, where builds, fences, properties or guards have changed: minutes, for what searches found before stands.
# With a folder, FOUND, all is looked for again, which takes hours; it keeps what was found, to go on from there.
FOUND ?=
guards: $(READY)
	$(BIN)/python -m tests.pages.guards $(FOUND)

# The table of docs/lemmas.md, where lemmas, steps or properties have changed: a few minutes.
lemmas: $(READY)
	$(BIN)/python -m tests.pages.lemmas

# The table of docs/needs.md: the ROWS (systems) made again, or what is missing. Ctrl-C leaves the cells that are made.
ROWS ?=
needs: $(READY)
	$(BIN)/python -m tests.pages.needs $(ROWS)

# Times of the engines in one run; C++, Spin and Ray are left out, each with a line, where they are missing.
bench: $(READY)
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.scenarios
	$(BIN)/python -m benchmarks.samples

clean:
	rm -rf .venv .venv-newest build dist tsofence.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "tsofence needs Python 3.11 or newer: install it, or name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes --requirement requirements/dev.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/tsofence  # for mypy, see pyproject.toml
	@touch $@

$(WITH_RAY): $(READY) requirements/cluster.txt
	$(INSTALL) --require-hashes --requirement requirements/cluster.txt
	@touch $@
