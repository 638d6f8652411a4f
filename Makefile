# Two commands do everything: `make demo` and `make test`. Both install from the lock file first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Threads that wait spin by default, and starve whatever else runs on a shared machine.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs lock clean

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Make data, train, register and serve with the dashboard
	@$(BIN)/dealcast demo

test: $(INSTALLED) ## Run everything that CI runs but the linters
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

lint: $(INSTALLED) ## Run ruff, mypy, import-linter, and the checks of Dockerfile and compose file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint --no-color Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

format: $(INSTALLED) ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(INSTALLED) ## Regenerate the reference tables in docs/
	@$(BIN)/python -m features.reference

lock: ## Pin the dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra dev --extra otel --universal --python-version 3.11 --generate-hashes --quiet -o requirements.lock

clean: ## Remove the environment and the demo's data
	rm -rf $(VENV) .dealcast

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Dealcast needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "1/3  creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "2/3  installing the pinned dependencies (about a minute, 700 MB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "3/3  installing dealcast"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
