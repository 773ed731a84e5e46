# The few commands people and CI use. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
PEERS := .venv-bench
BIN := $(VENV)/bin
PIP := -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run install test unit drill bench lint stack pictures image-check lock

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 18

run: install ## the whole service in one process, no server needed
	@$(BIN)/python -m messaging serve --first-key

install: $(VENV)/.installed ## .venv with what the service needs

# What is compiled is kept, for the many processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

# The fast ones keep all processors busy. The others wait most of the time, for servers and clocks, and do so beside each
# other; those that take times have the machine to themselves, and the drills half of it each.
UNIT := tests/config tests/messaging tests/workers tests/test_architecture.py
DRILLS := tests/drills
FAST := not (slow or hypothesis)
BUSY := --numprocesses=auto --dist=worksteal
WAITING := --numprocesses=3 --dist=worksteal
TWO := --numprocesses=2 --dist=worksteal

test: $(VENV)/.installed-dev unit ## all tests; installs the servers they need where it may
	$(BIN)/python -m stack.packages rabbitmq nginx smtp-sink promtool chromium tmux systemd-analyze
	$(BIN)/python -m pytest $(WAITING) -m "not ($(FAST))" $(UNIT)
	$(BIN)/python -m pytest $(WAITING) -m "not alone" $(addprefix --ignore=,$(UNIT) $(DRILLS))
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m pytest $(TWO) $(DRILLS)

unit: $(VENV)/.installed-dev ## the fast tests: no server, no process, no socket; under 30 s
	$(BIN)/python -m pytest $(BUSY) -m "$(FAST)" $(UNIT)

# How often; mails a second x seconds; for how many seconds a server goes away.
SEEDS ?= 1
LOAD ?= 100x10
OUTAGE ?= 60

drill: $(VENV)/.installed-dev ## break one thing after the other under load, and count; SEEDS=3 for three of each
	$(BIN)/python -m stack.packages rabbitmq
	$(BIN)/python -m pytest $(TWO) $(DRILLS) --seeds=$(SEEDS) --load=$(LOAD) --outage=$(OUTAGE) --report=docs/reliability.md

pictures: $(VENV)/.installed-dev ## docs/images: what the page looks like
	$(BIN)/python -m stack.packages chromium
	$(BIN)/python -m pytest tests/page/pictures.py --pictures=docs/images

ROUNDS ?= 3

bench: $(VENV)/.installed-dev $(PEERS)/.installed ## ours and what one would build instead, side by side; 20 minutes
	$(BIN)/python -m stack.packages rabbitmq nginx smtp-sink wrk
	$(BIN)/python -m benchmarks --rounds=$(ROUNDS) --report=docs/performance.md

lint: $(VENV)/.installed-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

stack: install ## RabbitMQ, web, workers and Nginx on this machine, in the foreground
	@$(BIN)/python -m stack.packages rabbitmq nginx
	@$(BIN)/python -m stack

image-check: $(VENV)/.installed-dev ## build the container image and run its commands, without an engine
	$(BIN)/python -m stack.packages image rabbitmq smtp-sink
	tests/image-check

lock: $(VENV)/.installed-dev ## pin the newest allowed dependencies again
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --custom-compile-command "make lock" \
		pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --custom-compile-command "make lock" \
		--group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --custom-compile-command "make lock" \
		--group bench --constraint requirements.txt --output-file requirements-bench.txt

# Where Python lacks its venv module, what it makes of an environment has a python and no pip: pip is made last.
%/bin/pip:
	@$(PYTHON) -m venv $* || { echo "make: $(PYTHON) needs its venv module (Debian: apt install python3-venv)" >&2; exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/pip
	@$(BIN)/python $(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(BIN)/python $(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# What the benchmark's peer needs stays away from what the service runs on.
$(PEERS)/.installed: requirements-bench.txt | $(PEERS)/bin/pip
	@$(PEERS)/bin/python $(PIP) install --require-hashes -r requirements-bench.txt
	@touch $@
