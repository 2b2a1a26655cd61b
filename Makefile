# Two commands matter: `make demo` sets up and makes a dance, `make test` sets up and runs every test.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
OUT    ?= outputs/demo
STORIES ?=
SONG   ?= $(OUT)/song.wav
TORCH  ?= torch==2.13.0

.PHONY: demo test test-studio check lint format clean

demo: $(VENV)/demo.done
	@test "$(SONG)" != "$(OUT)/song.wav" || $(BIN)/vimo compose "$(SONG)"
	$(BIN)/vimo dance "$(SONG)" --out "$(OUT)"

test: $(VENV)/test.done node_modules/gltf-validator
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not studio"

# The studio's long stories in a real browser (minutes); their pictures lie in outputs/screenshots, and those of the
# README are taken anew with: make test-studio VIMO_PICTURES=docs/pictures; some of them: STORIES=tests/browser/test_studio.py
test-studio: $(VENV)/test.done
	OMP_NUM_THREADS=1 VIMO_PICTURES="$(abspath $(VIMO_PICTURES))" $(BIN)/python -m pytest -n 2 --dist loadfile -m studio $(STORIES)

# What should hold before every commit: format, lint, types, the tests that are not slow.
check: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow and not studio"

lint: $(VENV)/test.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/test.done
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) node_modules outputs build dist

# A torch that is already chosen (a GPU build, say) can be kept: make TORCH=torch demo
$(VENV)/torch.done:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	touch $@

$(VENV)/demo.done: $(VENV)/torch.done pyproject.toml
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/test.done: $(VENV)/torch.done pyproject.toml
	$(BIN)/python -m pip install --quiet -e ".[test]"
	touch $@

# Khronos' glTF validator checks what we export; without npm that one test says that it was skipped.
node_modules/gltf-validator:
	-npm install --prefix . --no-save --no-package-lock --silent gltf-validator@2.0.0-dev.3.10
