# Each target says what it does; `make` alone lists them. What is installed goes
# into .venv here and nowhere else. Another Python: make train PYTHON=/path/to/python
PYTHON ?= $(shell python3.11 -V >/dev/null 2>&1 && echo python3.11 || echo python3)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install -qq -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help train lab test check lessons bench lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

train: .venv/.course ## train A3C on CartPole with real processes until it is solved
	$(BIN)/course train a3c CartPole-v1 --backend hogwild --until-return 475 --output runs/cartpole --overwrite

lab: .venv/.course ## open JupyterLab at the lessons
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/lessons

test: .venv/.dev ## run all tests, with coverage
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 12 tests --cov

check: .venv/.dev ## lint, format, types, spelling, architecture, in under a minute
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/codespell course solutions/*.py tools docs *.md
	$(BIN)/python tools/lessons.py --check
	$(BIN)/python -m pytest -q tests/test_architecture.py

lessons: .venv/.dev ## make the notebooks of lessons/ and solutions/ from solutions/*.py
	$(BIN)/python tools/lessons.py

bench: .venv/.bench ## race against stable-baselines3 (wants a quiet machine)
	$(BIN)/python -m benchmarks

lock: ## pin every package anew, from a fresh environment, in constraints.txt
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install -qq ".[dev,oracles,nbgrader,bench]"
	build/lock/bin/python -m pip freeze --all --exclude pip --exclude async-rl-course > build/pins.txt
	{ sed -n '/^#/p' constraints.txt; sed 's/+cpu$$//' build/pins.txt; } > build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -r build

clean: ## remove .venv and all caches; runs/ is kept
	rm -rf .venv build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# A stamp file says that its packages are in .venv, and since when.
.venv/.course: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, $(PYTHON) is " + sys.version.split()[0] + "; try: make PYTHON=/path/to/python train")'
	@echo "Making .venv and installing the course (one to three minutes, once) ..."
	@$(PYTHON) -m venv .venv
	@$(INSTALL) -e .
	@touch $@

.venv/.dev: .venv/.course
	@echo "Installing what tests and checks need (under a minute, once) ..."
	@$(INSTALL) -e ".[dev,oracles,nbgrader]"
	@touch $@

.venv/.bench: .venv/.course
	@echo "Installing what the benchmarks need (under a minute, once) ..."
	@$(INSTALL) -e ".[bench]"
	@touch $@
