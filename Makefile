# make repro: the whole pipeline on the embedded corpus.  make test: the fast tests.  make test-all: all of them.
# Both set up .venv first. PYTHON chooses the interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/ready
# Stages and tests call `python`; it must be the one of .venv.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup repro test test-all ship lint clean

setup: $(READY)

# uv installs the whole set in seconds, pip in minutes; constraints.txt gives both the same versions.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv -c constraints.txt
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python -e '.[pipeline,dev]' -c constraints.txt
	touch $@

repro: $(READY)
	dvc repro

# A file of tests stays on one worker: those of a file share servers, compiled networks and a project.
# Tests compile more than they compute: XLA optimises less here; `test-all` compiles as in use.
test: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
test: $(READY)
	python -m pytest -m 'not slow' -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(READY)
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The model that comes with the package: the one that stage ship made of PercePiano.
ship: $(READY)
	dvc repro --single-item shipping/dvc.yaml:ship@percepiano
	rm -rf crescendai/shipped_model
	cp -r models/percepiano/shipped crescendai/shipped_model
	chmod -R a+rX crescendai/shipped_model

lint: $(READY)
	ruff check .

clean:
	rm -rf $(VENV) reports mlflow.db* mlruns
	find data models -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
