# make demo: the main job on a fresh machine. make test: lint, types and tests.
# uv installs where it is present, pip otherwise (25.1 is the first that knows dependency groups),
# from whatever index and wheel folders pip is set up for.

.PHONY: demo test test-all lint bench bench-quick clean

PYTHON ?= python3
BIN := .venv/bin

ifneq ($(shell command -v uv 2>/dev/null),)
MAKE_VENV := uv venv --quiet --python $(PYTHON) .venv
INSTALL := uv pip install --quiet --python $(BIN)/python
empty :=
comma := ,
ifdef PIP_FIND_LINKS  # uv has its own names for pip's settings
export UV_FIND_LINKS ?= $(subst $(empty) $(empty),$(comma),$(PIP_FIND_LINKS))
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
else
MAKE_VENV := $(PYTHON) -m venv .venv
PIP := $(BIN)/python -m pip install --quiet
INSTALL := $(PIP) "pip>=25.1" && $(PIP)
endif

demo: .venv/.installed
	$(BIN)/smalti quickstart

test: lint
	$(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal -m "not slow and not gpu and not network"

test-all: lint
	$(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal

lint: .venv/.installed-tests
	$(BIN)/ruff check
	$(BIN)/pyright

# Speed beside peers; run it on a machine that does nothing else.
bench: .venv/.installed-tests
	$(BIN)/python benchmarks/speed/bench.py

# What most people ask first, in less than ten minutes; docs/performance.md says how that was reckoned.
bench-quick: .venv/.installed-tests
	$(BIN)/python benchmarks/speed/bench.py --only training,inference,start --rounds 2

# One command installs everything, so that the torch that suits the package suits the test tools too.
.venv/.installed: pyproject.toml | .venv
	$(INSTALL) --editable .
	@touch $@

.venv/.installed-tests: pyproject.toml | .venv
	$(INSTALL) --editable . --group test
	@touch $@ .venv/.installed

.venv:
	$(MAKE_VENV)

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist
