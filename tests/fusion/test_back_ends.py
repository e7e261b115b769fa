"""The other back ends of Keras: a model of TensorFlow's there, and their own training resumed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from action_spotting.audio.mel import BANDS
from action_spotting.errors import UsageError
from action_spotting.evaluation.scoring import average_map
from action_spotting.fusion.settings import make_settings

pytestmark = pytest.mark.slow

GAMES = ("league/season/train 0",)
ELSEWHERE = """
import sys
from pathlib import Path
import numpy as np
from action_spotting.backend import load_backend
load_backend()
from tests.fusion import test_back_ends as here
data, model, out = map(Path, sys.argv[1:])
here.answers(data, model, out)
for name, stop in (("whole", None), ("killed", 1)):
    try:
        here.fit(data, out / name, after_epoch=lambda epoch: 1 / (epoch - (stop or -1)))
    except ZeroDivisionError:
        here.fit(data, out / name, resume=True)
"""


def fit(root: Path, folder: Path, **given) -> None:
    """Train a very small head."""
    from action_spotting.fusion.training import train

    sizes = {"epochs": 2, "epoch_chunks": 16, "batch_size": 8, "chunk_rows": 40, "width": 16}
    blocks = {"fusion": "embedding", "dilations": (2,), "encoder_dilations": (1,)}
    settings = make_settings("small", modalities=("Picture", "Sound"), **sizes, **blocks)
    score = partial(average_map, metric="tight")
    train(root, GAMES, ["league/season/valid 0"], folder, settings, score=score, **given)


def answers(data: Path, model: Path, out: Path) -> None:
    """Write what a head and VGGish say here to `out`."""
    from action_spotting.audio import vggish_weights
    from action_spotting.audio.vggish import Network
    from action_spotting.fusion.prediction import load_models, predict

    predict(data, ["league/season/test 0"], load_models([model]), out, scores=True)
    weights = vggish_weights.load("random", dense=False)
    patches = np.random.default_rng(0).normal(0, 1, (3, 46, BANDS)).astype(np.float32)
    np.save(out / "vggish.npy", Network(weights, frames=46, dense=False, batch_size=2)(patches))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, matches_at) -> Path:
    """Give a folder with matches, a head that TensorFlow trained, and its answers."""
    folder = tmp_path_factory.mktemp("back_ends")
    matches_at(folder / "data")
    fit(folder / "data", folder / "model")
    answers(folder / "data", folder / "model", folder / "tensorflow")
    return folder


@pytest.fixture(scope="module", params=["jax", "torch"])
def other(request, folder) -> Path:
    """Give a folder with another back end's answers, and the heads that it trained."""
    if not importlib.util.find_spec(request.param):
        pytest.skip(f"{request.param} is not installed")
    out = folder / request.param
    command = [sys.executable, "-c", ELSEWHERE, str(folder / "data"), str(folder / "model")]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": root}
    environment |= {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache")}
    environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    done = subprocess.run(
        [*command, str(out)], env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


def test_a_model_folder_crosses_back_ends(folder, other):
    for name in ("1_scores.npz", "2_scores.npz"):
        here, there = (
            np.load(side / "league/season/test 0" / name) for side in (folder / "tensorflow", other)
        )
        one, two = (1 / (1 + np.exp(-scores["logits"])) for scores in (here, there))
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-4)
        np.testing.assert_allclose(here["displacement_s"], there["displacement_s"], atol=1e-3)
    one, two = (
        json.loads((side / "league/season/test 0/Predictions-v2.json").read_text())["predictions"]
        for side in (folder / "tensorflow", other)
    )
    spots = [[(s["half"], s["position"], s["label"]) for s in found] for found in (one, two)]
    assert sorted(spots[0]) == sorted(spots[1])


def test_features_are_one_make(folder, other):
    here, there = (np.load(side / "vggish.npy") for side in (folder / "tensorflow", other))
    np.testing.assert_allclose(here, there, rtol=0, atol=1e-4 * np.abs(here).max())


def test_a_resumed_training_has_the_same_bytes(other):
    for name in ("model.json", "weights.npz", "log.csv"):
        assert (other / "killed" / name).read_bytes() == (other / "whole" / name).read_bytes()
    machine = json.loads((other / "killed" / "machine.json").read_text())
    assert machine["backend"] == other.name
    assert {other.name, "keras", "numpy"} <= set(machine["versions"])


def test_a_training_goes_on_with_its_own_back_end_only(folder, other):
    with pytest.raises(UsageError, match=f"back end is '{other.name}', not 'tensorflow'"):
        fit(folder / "data", other / "killed", resume=True)
