"""The checkpoint of a training: whole, of the same training, or refused with what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.checkpoint import (
    CHECKPOINT_FILE,
    Epoch,
    Story,
    read_checkpoint,
    write_checkpoint,
)

ARRAYS = {
    "weight": [np.ones((2, 3), np.float32), np.zeros(4, np.float32)],
    "optimizer": [np.array(7, np.int64)],
    "best": [np.full((2, 3), 0.5, np.float32), np.ones(4, np.float32)],
}


def story(**given) -> Story:
    made = Story(
        {"width": 16, "seed": 0},
        ["a", "b"],
        ["c"],
        dims={"Sound": 6},
        provenance={"Sound": {"weights": {"sha256": "abc"}, "fps": 2}},
        log=[Epoch(1, 0.5, 0.25), Epoch(2, 0.25, 0.125)],
        best=0.25,
        best_epoch=1,
    )
    return msgspec.structs.replace(made, **given)


def spoil(folder: Path, **given) -> None:
    """Write a checkpoint whose story has other values; None leaves one out."""
    write_checkpoint(folder, story(), ARRAYS)
    path = folder / CHECKPOINT_FILE
    arrays = dict(np.load(path))
    content = {**json.loads(arrays["story"].tobytes()), **given}
    text = json.dumps({name: value for name, value in content.items() if value is not None})
    np.savez(path, **{**arrays, "story": np.frombuffer(text.encode(), np.uint8)})


def test_what_is_read_is_what_was_written(tmp_path):
    write_checkpoint(tmp_path, story(), ARRAYS)
    found, arrays = read_checkpoint(tmp_path, story(log=[], best=-1.0, best_epoch=0))
    assert found == story()
    for group, values in ARRAYS.items():
        for have, want in zip(arrays[group], values, strict=True):
            np.testing.assert_array_equal(have, want)
            assert have.dtype == want.dtype


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ({"settings": {"width": 32, "seed": 0}}, "width was 16, now 32"),
        ({"train": ["a"]}, "the train games are others"),
        ({"valid": ["d"]}, "the valid games are others"),
        ({"dims": {"Sound": 7}}, "width.Sound is 7, not 6"),
        (
            {"provenance": {"Sound": {"weights": {"sha256": "xyz"}, "fps": 2}}},
            "features.Sound.weights.sha256 is 'xyz', not 'abc'",
        ),
        ({"provenance": {"Sound": None}}, "features.Sound is None, not {"),
    ],
)
def test_another_training_is_refused_with_what_differs(tmp_path, now, message):
    write_checkpoint(tmp_path, story(), ARRAYS)
    with pytest.raises(UsageError, match=message):
        read_checkpoint(tmp_path, story(**now))


def test_a_checkpoint_of_an_older_version_says_nothing_of_its_features(tmp_path):
    spoil(tmp_path, dims=None, provenance=None)
    assert read_checkpoint(tmp_path, story())[0].best_epoch == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"settings": None}, "missing required field `settings`"),
        ({"log": "x"}, r"Expected `array`, got `str` - at `\$\.log`"),
        ({"log": [{"epoch": 1}]}, r"missing required field `loss` - at `\$\.log\[0\]`"),
        ({"log": None}, "epoch 1 of 0 with 0.25 cannot be the best"),
        ({"best_epoch": 99}, "epoch 99 of 2 with 0.25 cannot be the best"),
        ({"best": float("nan")}, "epoch 1 of 2 with nan cannot be the best"),
        ({"best": "high"}, r"got `str` - at `\$\.best`"),
        ({"train": [1]}, r"got `int` - at `\$\.train\[0\]`"),
    ],
)
def test_a_damaged_story_is_told_with_its_key(tmp_path, wrong, message):
    spoil(tmp_path, **wrong)
    with pytest.raises(InputError, match=rf"checkpoint\.npz: .*{message}.*--overwrite trains anew"):
        read_checkpoint(tmp_path, story())


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * 10_000])
def test_a_story_that_is_no_json_is_told(tmp_path, text):
    write_checkpoint(tmp_path, story(), ARRAYS)
    path = tmp_path / CHECKPOINT_FILE
    np.savez(path, **{**dict(np.load(path)), "story": np.frombuffer(text, np.uint8)})
    with pytest.raises(InputError, match=r"checkpoint\.npz: not a whole checkpoint"):
        read_checkpoint(tmp_path, story())
