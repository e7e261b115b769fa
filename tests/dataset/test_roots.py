"""Features beside the data set's own folder."""

import numpy as np
import pytest

from action_spotting.dataset.layout import Half
from action_spotting.dataset.roots import look_in


@pytest.fixture
def root(tmp_path):
    """A data set, whose places are forgotten again."""
    yield tmp_path / "data"
    look_in(tmp_path / "data", [])


def put(folder, name):
    path = folder / "cup" / f"1_{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros((4, 2), np.float32))
    return path


def test_the_first_folder_that_has_a_file_counts(root, tmp_path):
    half = Half(root, "cup", 1)
    own, other = put(root, "FFT"), put(tmp_path / "b", "FFT")
    only = put(tmp_path / "a", "VGGish")
    assert (half.feature("FFT"), half.features()) == (own, ["FFT"])
    look_in(root, [tmp_path / "a", tmp_path / "b"])
    assert (half.feature("FFT"), half.feature("VGGish")) == (other, only)
    assert half.features() == ["FFT", "VGGish"]
    assert half.target("FFT") == own


def test_new_features_go_where_they_are_to_be_made(root, tmp_path):
    half, own = Half(root, "cup", 1), put(root, "FFT")
    look_in(root, [], made_in=tmp_path / "new")
    assert half.feature("FFT") == own
    assert half.feature("YOLOv5") == half.target("YOLOv5")
    assert half.target("FFT") == tmp_path / "new" / "cup" / "1_FFT.npy"
    assert half.feature("FFT") == own
    made = put(tmp_path / "new", "FFT")
    assert half.feature("FFT") == made
