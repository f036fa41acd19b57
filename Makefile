# One command each: `make app` opens the app, `make test` runs every test, `make check` is the gate. `make supply` lists
# licences and known vulnerabilities, `make bounds` tests the lowest versions that requirements.txt allows, `make demo`
# walks through the demo in an environment that has its requirements and nothing else.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: app install health test check demo supply bounds digits-results digits-sources lesson-results clean

app: install
	$(BIN)/streamlit run streamlit_app.py

install: $(VENV)/.app

# Answers whether a running app does; the Dockerfile's health check.
PORT ?= 8501
health:
	@$(BIN)/python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:$(PORT)$(BASE)/_stcore/health', timeout=4)"

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m pytest

demo:
	$(PYTHON) -m venv --clear $(VENV)-demo
	$(VENV)-demo/bin/pip install --quiet --requirement demo/requirements.txt
	$(VENV)-demo/bin/python tools/demo.py

supply: $(VENV)/.dev
	$(BIN)/pip install --quiet pip-audit
	$(BIN)/python tools/supply.py

bounds:
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet uv
	$(VENV)-lowest/bin/uv pip compile --quiet --resolution lowest-direct --no-annotate requirements.txt \
	    --output-file $(VENV)-lowest/lowest.txt
	$(VENV)-lowest/bin/pip install --quiet --constraint $(VENV)-lowest/lowest.txt --requirement requirements-dev.txt
	$(VENV)-lowest/bin/python -m pytest --ignore=tests/e2e

$(VENV)/.app: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@

# What a fresh clone shows without computing. The results are computed anew, in a store of their own.
digits-results: $(VENV)/.app
	TLX_SHIPPED=0 TLX_CACHE=$(or $(TLX_CACHE),$(VENV)/digits-results) $(BIN)/python -m tlx export digits \
		tlx/data/digits/results.tlx --whole 10 --clicks

# The candidate sources of Compare: eight and a ladder of eight, three seeds of fine-tuning each; 5 minutes on two cores.
digits-sources: $(VENV)/.app
	TLX_SHIPPED=0 TLX_CACHE=$(or $(TLX_CACHE),$(VENV)/digits-results) PYTHONPATH=. $(BIN)/python tools/sources.py \
		$(VENV)/digits-sources

# The planted cases of the Lesson: small bundles with all that their pages show.
lesson-results: $(VENV)/.app
	TLX_SHIPPED=0 TLX_CACHE=$(or $(TLX_CACHE),$(VENV)/digits-results) PYTHONPATH=. $(BIN)/python tools/lesson.py \
		$(VENV)/lesson-results

clean:
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
