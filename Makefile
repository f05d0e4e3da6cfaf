PYTHON ?= python3
BIN := .venv/bin
# For pip's build environments too, which --constraint does not reach.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint format docs campaign kills crashes fuzz planted false-alarms museum bits bits-arm64 bench commands clean

# Of the targets below, those that run one program give it $(ARGS): make fuzz ARGS='--files 1000'.
demo: .venv/.run
	@if [ -d runs/demo ]; then $(BIN)/bptt train --resume runs/demo; \
	else $(BIN)/bptt train --out runs/demo --iterations 20000 --sample-every 2000 $(ARGS); fi

# The same examples each time, so that a change that passed here passes there; campaign draws anew.
test: export HYPOTHESIS_PROFILE ?= ci
# Two processes share the cores: torch's threads must not spin where the other one could work.
test: export OMP_WAIT_POLICY ?= passive
test: .venv/.dev
	$(BIN)/python -m tests.warm_up
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --warnings

format: .venv/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/.docs
	$(BIN)/python -m tests.campaigns.planted.notebook
	$(BIN)/python -m docs.site_tools.values
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env -q docs out/site
	@echo "open out/site/index.html"

campaign: .venv/.dev
	$(BIN)/python -m pytest -m campaign

kills: .venv/.dev
	$(BIN)/python -m tests.campaigns.kills $(ARGS)

crashes: .venv/.dev
	$(BIN)/python -m tests.campaigns.crash $(ARGS)

fuzz: .venv/.dev
	$(BIN)/python -m tests.campaigns.fuzz $(ARGS)

planted: .venv/.dev
	$(BIN)/python -m tests.campaigns.planted $(ARGS)

false-alarms: .venv/.dev
	$(BIN)/python -m tests.campaigns.false_alarms $(ARGS)

museum: .venv/.bench .venv/.dev
	$(BIN)/python -m tests.museum $(ARGS)

bits: .venv/.dev
	$(BIN)/python -m tests.campaigns.bits $(ARGS)

bits-arm64: .venv/.dev
	$(BIN)/python -m tests.campaigns.arm64 $(ARGS)

bench: .venv/.bench
	$(BIN)/python -m benchmarks speed --profile regular --out out/bench $(ARGS)

commands: .venv/.bench .venv/.dev .venv/.docs
	$(BIN)/python -m tests.campaigns.commands $(ARGS)

clean:
	rm -rf .venv

.venv/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or later is needed, {sys.executable} is {sys.version.split()[0]}; name another: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.bench: .venv/.run
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

.venv/.docs: .venv/.run
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

.venv/.dev: .venv/.run
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
