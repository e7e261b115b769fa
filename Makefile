# make demo    set up, run the whole chain on the sample games, print the table, name the report
# make test    set up, run every test
# make quick   set up, run the tests that take a minute
# make lint    set up, ruff, format check, mypy, docstrings
# make lowest  the quick tests in a second environment, with the oldest package that each bound allows
# PYTHON=...   names the Python to use; else the first below that has packages for it is taken
PYTHONS := python3 python3.13 python3.12 python3.11
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
LOWEST := .venv-lowest
# The modules that users of the Python API meet.
PUBLIC := $(addprefix action_spotting/, backend.py \
  audio/extractors.py \
  audio/fft.py \
  audio/onnx_sound.py \
  audio/vggish.py \
  audio/waveform.py \
  dataset/classes.py \
  dataset/event_files.py \
  dataset/event_findings.py \
  dataset/events.py \
  dataset/feature_types.py \
  dataset/features.py \
  dataset/layout.py \
  dataset/match_names.py \
  dataset/media.py \
  dataset/modalities.py \
  dataset/packets.py \
  dataset/rate_text.py \
  dataset/rates.py \
  dataset/records.py \
  dataset/splits.py \
  dataset/streams.py \
  dataset/tree.py \
  evaluation/evaluate.py \
  evaluation/report.py \
  evaluation/report_game.py \
  evaluation/scoring.py \
  evaluation/tables.py \
  evaluation/tally.py \
  export/batch.py \
  export/challenge.py \
  export/clips.py \
  export/overlay.py \
  export/reel.py \
  export/registry.py \
  export/selection.py \
  export/thumbnails.py \
  export/timeline.py \
  extraction/driver.py \
  extraction/job.py \
  extraction/onnx_encoder.py \
  extraction/onnx_feature.py \
  extraction/registry.py \
  fusion/ablation.py \
  fusion/calibration.py \
  fusion/combination.py \
  fusion/combining.py \
  fusion/ensemble.py \
  fusion/half_data.py \
  fusion/model.py \
  fusion/postprocessing.py \
  fusion/prediction.py \
  fusion/published/catalogue.py \
  fusion/published/fetching.py \
  fusion/published/importing.py \
  fusion/published/model.py \
  fusion/published/notes.py \
  fusion/published/settings.py \
  fusion/settings.py \
  fusion/split_data.py \
  fusion/training.py \
  pipeline/check.py \
  pipeline/compare.py \
  pipeline/plan.py \
  pipeline/show.py \
  pipeline/stages.py \
  pipeline/video.py \
  pipeline/video_plan.py \
  reduction/fitting.py \
  reduction/pca.py \
  reduction/projection.py \
  visual/camera_vector.py \
  visual/frames.py \
  visual/onnx_frames.py \
  visual/picture_input.py \
  visual/readers.py \
  visual/released.py \
  visual/released_json.py \
  visual/resnet.py \
  visual/transforms.py \
  visual/yolov5.py \
  visual/yolov5_vector.py \
)
SUITED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

.PHONY: demo test quick lint format lowest clean

demo: $(READY)
	$(RUN) Models/RunPipeline.py --sample demo

test: $(READY)
	$(RUN) -m pytest -q -n 2 --dist loadfile

quick: $(READY)
	$(RUN) -m pytest -q -m "not slow" -n 2 --dist loadfile

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/numpydoc lint $(PUBLIC)

format: $(READY)
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

lowest: $(READY)
	$(RUN) -m pip install --quiet --disable-pip-version-check uv
	$(RUN) -m uv venv --quiet --allow-existing --python $(RUN) $(LOWEST)
	$(RUN) -m uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct -e ".[dev]"
	$(LOWEST)/bin/python -m pytest -q -m "not slow" -n 2 --dist loadfile

$(READY): requirements.txt setup.py
	@set -e; python="$(PYTHON)"; \
	for name in $(PYTHONS); do \
	  if [ -z "$$python" ] && $$name -c '$(SUITED)' 2>/dev/null; then python=$$name; fi; \
	done; \
	if [ -n "$$python" ]; then \
	  echo "Setting up $(VENV) with $$($$python --version) ($$(command -v $$python))."; \
	  $$python -m venv $(VENV); \
	elif command -v uv >/dev/null; then \
	  echo "Setting up $(VENV) with a Python 3.13 of uv's."; \
	  uv venv --quiet --seed --allow-existing --python 3.13 $(VENV); \
	else \
	  echo "No Python 3.11, 3.12 or 3.13 with venv is here: install one (Debian: apt install" \
	    "python3 python3-venv), or uv, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi
	$(RUN) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) demo build dist *.egg-info
