# `make demo` and `make test` need nothing but Python 3.11 or later, pip and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo-brains
DEMO_ARGS ?=

.PHONY: demo test check example wheel-demo clean

# torch goes first and alone, so that its pin decides which build is taken
$(VENV)/.demo: pyproject.toml constraints.txt
	@echo 'Installing into $(VENV): some minutes, once.'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

$(VENV)/.check: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[check]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python -m voxpress.demo $(DEMO) $(DEMO_ARGS)

# one process a core: threads of PyTorch in each would wait for those of the others
test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile $(TESTS)

# mypy reads an installed copy: it would name the modules of the checkout after the checkout's folder
check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build $(VENV)/checked
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/checked .
	rm -rf build
	MYPYPATH=$(VENV)/checked $(BIN)/mypy --cache-dir $(VENV)/mypy-cache -p voxpress

# the worked example: the files of a data set that people read, without its voxels
EXAMPLE := cards/examples/demo-brains
example: $(VENV)/.demo
	rm -rf $(VENV)/example
	$(BIN)/voxpress generate $(EXAMPLE)/recipe.yaml -o $(VENV)/example
	$(BIN)/voxpress qa $(VENV)/example --profile demo
	$(BIN)/voxpress card $(VENV)/example --human $(EXAMPLE)/human.yaml
	rm -rf $(EXAMPLE)/metadata $(EXAMPLE)/quality $(EXAMPLE)/volumes
	mkdir -p $(EXAMPLE)/quality
	cp -R $(VENV)/example/README.md $(VENV)/example/croissant.json $(VENV)/example/voxpress.json \
	  $(VENV)/example/metadata $(EXAMPLE)
	cp -R $(VENV)/example/quality/parts $(VENV)/example/quality/report.json $(VENV)/example/quality/preview.png \
	  $(VENV)/example/quality/conditions.png $(VENV)/example/quality/rejects.parquet $(EXAMPLE)/quality

# the demo from a built wheel, in an empty environment, outside the checkout
wheel-demo: $(VENV)/.test
	sh .ci/wheel-demo $(BIN)/python

clean:
	rm -rf $(VENV) build dist *.egg-info
