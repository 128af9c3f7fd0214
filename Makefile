# From a fresh clone to a running console. Needs make and Python; everything else goes into .venv.
#
#   make demo     simulated clouds and the gateway in front; prints the consoles' addresses
#   make test     all tests; what is not installed here is skipped by name
#   make chaos    upstreams that die, two hundred times for each encoding, under the real noVNC: an hour or two
#   make soak-short  idle, busy and stuck sessions, a minute of each: what the gateway holds does not grow
#   make soak     two replicas and two hundred consoles for an hour: what both hold does not grow, each ending explained
#   make rolling  both replicas of a pair restarted under a hundred browsers: how long each console is away; ten minutes
#   make fuzz     anything at all into every parser, a minute each: FUZZ_SECONDS=600, ARGS="server_stream"
#   make bench    the gateway beside nginx, HAProxy, websockify and others: fifty minutes, on a machine left alone
#   make bench-report writes what make bench found into the README, the pages and the plots
#   make bench-quick  is it slower than the committed table says? Two minutes
#   make check    format, lint, types, import floors, security lint, configuration schema
#   make audit    known vulnerabilities of everything that is installed; asks PyPI
#
# ARGS reaches the command: make demo ARGS="--cut-every 5", make test ARGS="tests/rfb -k zlib".

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# What an install depends on: a change here installs again, and builds what comes of it again: page, compiled framing.
TYPED := $(shell find gateway -name '*.pxd')
PARTS := pyproject.toml hatch_build.py gateway/compiled/loader.py $(TYPED) $(TYPED:.pxd=.py) \
  $(shell find web -name node_modules -prune -o -type f -print)
# What waits for real clocks while other tests load the machine is not told from what is late: make chaos has it.
# Most tests wait for something: two files at a time take little more than half the time.
QUICK := --ignore tests/chaos/test_patience.py --numprocesses 2 --dist loadfile
FRAMING := from gateway.compiled.loader import framing; print("vnc-gateway is installed. Its framing is", framing() + ".")

.PHONY: help demo test chaos soak-short soak rolling fuzz bench bench-report bench-quick check audit

help:
	@sed -n '3,16s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed
	@$(BIN)/vnc-gateway demo $(ARGS)

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest $(or $(ARGS),$(QUICK))

chaos: $(VENV)/.installed-dev
	@CHAOS_CUTS=$${CHAOS_CUTS:-200} $(BIN)/python -m pytest tests/chaos --timeout 3600 $(ARGS)

soak-short: $(VENV)/.installed-dev
	@SOAK_SECONDS=$${SOAK_SECONDS:-60} $(BIN)/python -m pytest tests/soak $(ARGS)

soak: $(VENV)/.installed-dev
	@SOAK_SECONDS=$${SOAK_SECONDS:-3600} SOAK_SESSIONS=$${SOAK_SESSIONS:-200} \
	  $(BIN)/python -m pytest tests/soak/test_replicas.py $(ARGS)

rolling: $(VENV)/.installed-dev
	@ROLLING_BROWSERS=$${ROLLING_BROWSERS:-100} $(BIN)/python -m pytest tests/rolling $(ARGS)

# atheris has no wheel for every Python and platform; hypothesis is there anyway.
fuzz: $(VENV)/.installed-dev
	@$(PIP) --only-binary :all: 'atheris>=3' || echo "atheris does not install here"
	@PYTHONPATH=tests $(BIN)/python -m support.fuzz $(ARGS)

bench: $(VENV)/.installed-dev
	@PYTHONPATH=tests $(BIN)/python -m benchmarks --output benchmarks/results.json $(ARGS)

bench-report: $(VENV)/.installed-dev
	@PYTHONPATH=tests $(BIN)/python -m benchmarks.report $(ARGS)

bench-quick: $(VENV)/.installed-dev
	@PYTHONPATH=tests $(BIN)/python -m benchmarks --quick $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive gateway hatch_build.py
	@$(BIN)/python -m gateway.config.schema | cmp -s - config/schema.json \
	  || { echo "config/schema.json is out of date: python -m gateway.config.schema > config/schema.json"; exit 1; }

audit: $(VENV)/.installed-dev
	$(BIN)/pip-audit --skip-editable --strict

$(VENV)/.created:
	@for python in $(PYTHONS); do \
	  if $$python -c '$(FITS)' 2>/dev/null; then exec $$python -m venv $(VENV); fi; \
	done; \
	echo "vnc-gateway needs Python 3.11 or later with venv; on Debian or Ubuntu: sudo apt-get install python3-venv" >&2; \
	exit 1
	@touch $@

$(VENV)/.installed: $(VENV)/.created $(PARTS)
	@echo "Installing vnc-gateway into $(VENV) …"
	@$(PIP) --editable .
	@$(BIN)/python -c '$(FRAMING)'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.created $(PARTS)
	@echo "Installing vnc-gateway and what its tests need into $(VENV) …"
	@$(PIP) --editable '.[dev]'
	@$(BIN)/python -c '$(FRAMING)'
	@touch $(VENV)/.installed $@
