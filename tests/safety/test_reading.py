"""A pipe or a device under the name of any file that is read is refused; it would never end."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from action_spotting.audio.decode import open_sound
from action_spotting.audio.vggish_weights import read_keras, read_pca
from action_spotting.dataset.classes import read_classes
from action_spotting.dataset.event_files import read_labels, read_predictions
from action_spotting.dataset.features import feature_state, open_feature
from action_spotting.dataset.media import probe
from action_spotting.dataset.records import sha256
from action_spotting.dataset.tree import open_tree
from action_spotting.dataset.video_ini import read_video_ini
from action_spotting.errors import SpottingError
from action_spotting.fusion.arrays import read_arrays
from action_spotting.io.pickles import read_pickle
from action_spotting.io.pretrained import PretrainedFile, find, open_hdf5
from action_spotting.io.tf_checkpoint import Checkpoint
from action_spotting.io.zips import read_npz
from action_spotting.visual.boxes import read_boxes


def keras_h5(path: Path) -> object:
    return read_keras(path, dense=False)


def checkpoint(path: Path) -> object:
    return Checkpoint(path)


def checkpoint_of_several_files(path: Path) -> object:
    path.rename(path.with_name("model.ckpt.index"))
    return Checkpoint(path.with_name("model.ckpt"))


def pretrained(path: Path) -> object:
    return find(PretrainedFile(path.name, "http://127.0.0.1:9/x", "md5:0"), path.parent)


def feature_record(path: Path) -> object:
    np.save(path.with_name("1_FFT.npy"), np.ones((3, 4), np.float32))
    path.rename(path.with_name("1_FFT.json"))
    state, reason = feature_state(path.with_name("1_FFT.npy"), 4, {})
    raise SpottingError(f"{state}: {reason}")


READERS: dict[str, Callable[[Path], object]] = {
    "feature": open_feature,
    "feature's record": feature_record,
    "hash": sha256,
    "model's arrays": read_arrays,
    "npz": lambda path: read_npz(path, 2**20),
    "boxes": read_boxes,
    "labels": read_labels,
    "predictions": read_predictions,
    "tree": lambda path: open_tree(path.parent, "predictions").read(path.name),
    "zip": lambda path: open_tree(path.rename(path.with_suffix(".zip")), "predictions"),
    "classes": read_classes,
    "video.ini": lambda path: read_video_ini(path, 1),
    "pickle": read_pickle,
    "h5": keras_h5,
    "checkpoint": checkpoint,
    "checkpoint of several files": checkpoint_of_several_files,
    "VGGish's PCA": read_pca,
    "pretrained": pretrained,
    "media": probe,
    "sound": lambda path: open_sound(path).__enter__(),
}


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_plain_file_is_refused(reader, kind, tmp_path):
    path = tmp_path / "given.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    if reader == "zip" and kind == "folder":
        return
    with pytest.raises(SpottingError, match="plain file|a pipe or a device|no such file|a folder"):
        READERS[reader](path)


def test_a_reader_without_care_waits_for_ever(tmp_path):
    path = tmp_path / "1_FFT.npy"
    os.mkfifo(path)

    def load() -> None:
        with contextlib.suppress(EOFError):
            np.load(path)

    waiting = threading.Thread(target=load, daemon=True)
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    os.close(os.open(path, os.O_WRONLY))
    waiting.join()


def test_weights_that_lead_out_of_their_file(tmp_path):
    """HDF5 opens what an external link names: a pipe for ever, and no signal gets through."""
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["kernel"] = [7.0]
    for name in ("pipe", "other.h5"):
        path = tmp_path / "weights.h5"
        with h5py.File(path, "w") as file:
            file.create_group("conv1")["kernel:0"] = h5py.ExternalLink(
                str(tmp_path / name), "kernel"
            )
        with pytest.raises(SpottingError, match="conv1/kernel:0 lies in another file"):
            keras_h5(path)
        with pytest.raises(SpottingError, match="lies in another file"), open_hdf5(path):
            pass
    with h5py.File(path) as careless:
        assert careless["conv1/kernel:0"][0] == 7


def test_links_within_a_file_are_no_harm(tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["a/b"] = [1.0]
        file["a/round"] = h5py.SoftLink("/a")
        file["hard"] = file["a"]
        file["nowhere"] = h5py.SoftLink("/none")
    with open_hdf5(path) as file:
        assert file["a/b"][0] == 1
