# make demo   set up, run the whole chain on the sample matches, print the table, name the report
# make test   set up, run every test
# make quick  set up, run the tests that take a minute
# make lint   set up, ruff, format check, mypy
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: demo test quick lint format clean

demo: $(READY)
	$(RUN) Models/RunPipeline.py --sample demo

test: $(READY)
	$(RUN) -m pytest -q -n 2 --dist loadgroup

quick: $(READY)
	$(RUN) -m pytest -q -m "not slow" -n 2 --dist loadgroup

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(READY)
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

$(READY): requirements.txt setup.py
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info
