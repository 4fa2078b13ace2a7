# make demo     a service on made-up rollouts, trained before your eyes; ONCE=1 stops after the tour
# make test     everything that must pass before a change lands
# make lint     the same without the tests
# make proto    the gRPC stubs anew from reward.proto
# make client   the blocking client anew from the awaited one
# make clean    remove what make made

PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/installed
SERVICE = $(VENV)/service-installed
PIP = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
TORCH = torch==2.13.0
PROTO = proto/memreward_proto

.PHONY: demo test lint proto client clean

demo: $(SERVICE)
	$(BIN)/memreward demo $(if $(ONCE),--once)

test: lint
	$(BIN)/pytest -n logical --maxprocesses 4

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=tests $(BIN)/lint-imports --no-logo

proto: $(STAMP)
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=proto --grpc_python_out=proto \
		--pyi_out=proto $(PROTO)/reward.proto

client: $(STAMP)
	$(BIN)/python client/generate_blocking.py

# torch goes first: what is installed of it, of whichever build, then satisfies everything else.
$(SERVICE): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	$(PIP) -e '.[service]'
	touch $@

$(STAMP): $(SERVICE)
	$(PIP) -e '.[service,trainer,dev]'
	touch $@

# memreward-data stays: it may hold somebody's experience.
clean:
	rm -rf $(VENV) dist .import_linter_cache .mypy_cache .ruff_cache .pytest_cache
