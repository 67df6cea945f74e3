# Needs only Python, git and make: the first target that you run makes .venv from the locked packages.

PYTHONS := 3.11 3.12 3.13 3.14# those with a wheel of every locked package, the oldest first
PYTHON ?=
ARGS ?=

NEWEST := $(lastword $(PYTHONS))
CANDIDATES := $(if $(PYTHON),$(PYTHON),$(PYTHONS:%=python%) python3 python)
# Naming another PYTHON than last time makes .venv anew; naming none keeps the one that is there.
LOCKED := $(if $(PYTHON),.venv/locked-$(subst /,-,$(PYTHON)),$(firstword $(wildcard .venv/locked*) .venv/locked))
INSTALLED := .venv/installed
MISSIONS := .venv-missions
QUIETLY := -m pip --disable-pip-version-check --no-input -qq
PIP := .venv/bin/python $(QUIETLY)
PYTEST := .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal

unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help demo test validate missions check style types imports gate fix bench hooks clean lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.12 chooses the Python; ARGS='-k ramps' goes on to pytest."

demo: $(INSTALLED) ## simulate, measure, calibrate, compare with truth: pictures in demo-output/
	.venv/bin/obverse demo -o demo-output --overwrite

test: $(INSTALLED) ## laws, facts, pulls and docstring examples
	$(PYTEST) $(ARGS)

validate: $(INSTALLED) ## the long statistical gates
	$(PYTEST) -m validate $(ARGS)

# What the tests with importorskip need, so that none of them can be skipped; all of these files are run, slow ones too.
NEEDED = $$(grep -rhoE --include='*.py' 'importorskip\("[a-z0-9_.]+"' tests | cut -d'"' -f2 | sort -u)

missions: $(MISSIONS)/installed ## our files and fits against the missions' own packages
	@for module in $(NEEDED); do $(MISSIONS)/bin/python -c "import $$module" || \
	    { echo "obverse: $$module is missing in $(MISSIONS): remove that folder and run make missions again"; exit 1; }; done
	$(MISSIONS)/bin/python -m pytest -m "" $$(grep -rl --include='*.py' importorskip tests) $(ARGS)

check: style types imports gate ## style, types, who may import whom, and what may not occur

style: $(INSTALLED)
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: $(INSTALLED)
	.venv/bin/mypy

imports: $(INSTALLED)
	.venv/bin/lint-imports --no-logo

fix: $(INSTALLED) ## format, and mend what ruff can mend
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: $(INSTALLED) ## every script in bench/, one number each
	@for script in bench/[!_]*.py; do \
	    [ -e "$$script" ] || { echo "bench/ holds no script"; break; }; \
	    echo "== $$script"; .venv/bin/python "$$script" || failed=1; \
	done; [ -z "$$failed" ]

hooks: $(INSTALLED) ## run the checks before each commit
	.venv/bin/pre-commit install

clean: ## remove .venv and everything that is made
	rm -rf .venv .venv-lock .venv-missions demo-output build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find src tests bench docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Code that runs what a stranger's file says, and names of package registries (locks and docs hold none).
# The bracketed letters keep these patterns from finding themselves.
UNSAFE := ^ *(import|from) +(pickle|cPickle|dill|cloudpickle|marshal|shelve)([^[:alnum:]_]|$$)|(^|[^[:alnum:]_.])(eval|exec)\(
UNSAFE := $(UNSAFE)|shell *= *True|os\.system\(|yaml\.(unsafe_|full_)?load\(|allow_pickle *= *[^F ]|mktemp\(|\.extractall\(
HOSTS := pyp[i]\.org|python[h]osted|npmj[s]\.(org|com)|crate[s]\.io|anacond[a]\.(org|com)|deb\.debia[n]\.org
SEARCH := git grep --no-index --exclude-standard -nIE

gate:
	@$(SEARCH) '$(UNSAFE)' -- 'src/*.py'; [ $$? -eq 1 ] || { echo "src: unsafe calls, above"; exit 1; }
	@$(SEARCH) '$(HOSTS)'; [ $$? -eq 1 ] || { echo "the name of a package registry, above"; exit 1; }

# ---------------------------------------------------------------- environment

# One line about a Python: ok, bare (no venv), old or new; then its version.
PROBE := import sys, importlib.util as u; v = sys.version_info[:2]; n = (3, $(NEWEST:3.%=%)); \
	ok = u.find_spec("venv") and u.find_spec("ensurepip"); \
	print("old" if v < (3, 11) else "new" if v > n else "ok" if ok else "bare", "%d.%d" % v)

FIND_PYTHON = for python in $(CANDIDATES); do \
	    set -- $$($$python -c '$(PROBE)' 2>/dev/null); \
	    case "$$1" in ok) break;; bare) bare=$$2;; new) new=$$2;; esac; python=; \
	done; \
	numba=$$(sed -n 's/^numba==\([0-9.]*\).*/\1/p' requirements/dev.txt); \
	if [ -n "$$python" ]; then :; \
	elif [ -n "$$bare" ]; then echo "obverse: Python $$bare lacks venv or ensurepip: install them (Debian, Ubuntu: apt install python$$bare-venv)."; exit 1; \
	elif [ -n "$$new" ]; then echo "obverse: Python $$new is too new for the locked numba $$numba: install Python 3.11 to $(NEWEST), or name one with PYTHON=/path/to/python3.11."; exit 1; \
	else echo "obverse: no Python 3.11 to $(NEWEST) among: $(CANDIDATES). Install one, or name one with PYTHON=/path/to/python3.11."; exit 1; fi

# No sources: every package is a wheel whose hash is in the lock, so that installing runs nobody's build.
$(LOCKED): requirements/dev.txt
	@$(FIND_PYTHON); \
	echo "Making .venv with Python $$2 and the locked packages, once ..."; \
	rm -rf .venv && $$python -m venv .venv && \
	$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.txt && touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation -e . && $(PIP) check && touch $@

# An environment of its own: `make test` needs none of the missions' packages.
$(MISSIONS)/installed: requirements/missions.txt pyproject.toml
	@$(FIND_PYTHON); \
	echo "Making $(MISSIONS) with Python $$2 and the missions' packages, once ..."; \
	rm -rf $(MISSIONS) && $$python -m venv $(MISSIONS) && \
	$(MISSIONS)/bin/python $(QUIETLY) install --require-hashes --only-binary :all: -r requirements/missions.txt && \
	$(MISSIONS)/bin/python $(QUIETLY) install --no-deps --no-build-isolation -e . && touch $@

# Resolved for the oldest Python with markers for the others; nothing younger than three days; no URLs.
# Keeps the pins that still fit; `make lock ARGS=--upgrade` renews them all.
COMPILE := .venv-lock/bin/uv --no-config pip compile --universal --python-version $(firstword $(PYTHONS)) --fork-strategy fewest \
	--generate-hashes --exclude-newer "3 days" --custom-compile-command "make lock" --quiet $(ARGS) pyproject.toml

lock: ## resolve requirements/*.txt from pyproject.toml, with hashes
	@$(FIND_PYTHON); $$python -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip --disable-pip-version-check -qq install "uv==0.13.*"
	$(COMPILE) --extra dev -o requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt -o requirements/run.txt
	$(COMPILE) --constraint requirements/dev.txt --extra dev --extra missions -o requirements/missions.txt
	rm -rf .venv-lock
