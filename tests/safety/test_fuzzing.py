"""The fuzzing of ``benchmarks/fuzz.py`` in small: hundreds of damaged files for every reader."""

from __future__ import annotations

import warnings

import pytest

from tests.safety.fuzz_readers import READERS, make_target
from tests.safety.fuzzing import by_hypothesis, by_mutation

SLOW = ("model_folder", "keras_h5", "onnx_export", "pickles")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in READERS],
)
@pytest.mark.parametrize("engine", [by_mutation, by_hypothesis])
def test_damaged_files_are_read_or_refused(engine, name, tmp_path):
    target = make_target(name, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tally = engine(target, 400 if engine is by_mutation else 60, seed=11)
    assert not tally.findings
    assert tally.refused > 0 or name == "provenance"  # there a broken record is an answer
    assert tally.cases >= 60
