"""Model folders and weights with code in them: loading runs none of it."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from action_spotting.audio.vggish_weights import read_keras
from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.io.files import write_json

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sound_model(tmp_path_factory) -> Path:
    """A small head, untrained."""
    from action_spotting.fusion.model import SpottingModel, save_model
    from action_spotting.fusion.normalisation import Normalisation
    from action_spotting.fusion.settings import make_settings

    folder = tmp_path_factory.mktemp("model")
    settings = make_settings("small", modalities=("FFT",), width=4, branch_width=2, dilations=[1])
    ones = {"FFT": np.ones(3, np.float32)}
    save_model(folder, SpottingModel(settings, Normalisation(ones, ones), {}), [])
    return folder


@pytest.fixture
def folder(sound_model, tmp_path) -> Path:
    """A copy of it to spoil."""
    for path in sound_model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def with_code(path: Path, harm: Path) -> Path:
    """A whole Keras model with a layer of Python code, which makes a file when it is loaded."""
    import keras

    code = f"lambda x: __import__('pathlib').Path({str(harm)!r}).touch() or x"
    layer = keras.layers.Lambda(eval(code))  # noqa: S307 - the attack
    keras.Sequential([keras.Input((1,)), layer]).save(path)
    harm.unlink(missing_ok=True)
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_weights_with_code_in_them(suffix, tmp_path):
    import keras

    from action_spotting.visual.resnet_network import Settings, load_network

    harm = tmp_path / "harm"
    path = with_code(tmp_path / f"weights{suffix}", harm)
    with pytest.raises(InputError, match="not the weights of ResNet-152"):
        load_network(Settings(weights=str(path)))
    with pytest.raises(InputError, match="not an HDF5 file|is missing"):
        read_keras(path, dense=False)
    assert not harm.exists()
    keras.models.load_model(path, safe_mode=False, compile=False)
    assert harm.exists()


def test_a_model_folder_whose_arrays_are_a_pickle(folder):
    from action_spotting.fusion.model import load_model

    harm = folder / "harm"

    class Touch:
        def __reduce__(self) -> tuple:
            return Path.touch, (harm,)

    for content in (pickle.dumps(Touch()), None):
        if content is None:
            np.savez(folder / "weights.npz", weight_0000=np.array([Touch()], dtype=object))
        else:
            (folder / "weights.npz").write_bytes(content)
        with pytest.raises(InputError, match="not a whole .npz"):
            load_model(folder)
        assert not harm.exists()
    np.load(folder / "weights.npz", allow_pickle=True)["weight_0000"]
    assert harm.exists()


def test_code_that_lies_in_a_model_folder_is_not_looked_at(folder, tmp_path):
    from action_spotting.fusion.model import load_model

    harm = tmp_path / "harm"
    for name in ("__init__.py", "model.py", "settings.py", "sitecustomize.py"):
        (folder / name).write_text(f"open({str(harm)!r}, 'w')")
    with_code(folder / "model.keras", harm)
    load_model(folder)
    assert not harm.exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"width": 2**20}, "holds less than the network"),
        ({"branch_width": 2**30}, "holds less than the network"),
        ({"dilations": [1] * 10_000}, "holds less than the network"),
        ({"dilations": [2**31]}, "at most 4096"),
        ({"chunk_rows": 10**9}, "at most 20000"),
        ({"width": 10**400}, "at most 4294967296"),
        ({"dropout": float("nan")}, "expected 0 or more, less than 1"),
        ({"fps": float("inf")}, "at most 1000"),
        ({"head": "os.system"}, "unknown head 'os.system'"),
        ({"classes": [["a"]]}, r"got `array` - at `\$\.classes\[0\]`"),
        ({"modalities": ["../../etc/passwd"]}, "no array|not all names"),
    ],
)
def test_settings_that_would_take_the_machine(change, match, folder):
    from action_spotting.fusion.model import load_model

    content = json.loads((folder / "model.json").read_text())
    content["settings"] |= change
    write_json(folder / "model.json", content)
    with pytest.raises(SpottingError, match=match):
        load_model(folder)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        (("provenance",), [1], r"got `array` - at `\$\.provenance`"),
        (("provenance", "FFT"), 5, r"Expected `object \| null`, got `int` - at `\$\.provenance"),
        (("calibration",), None, r"got `null` - at `\$\.calibration`"),
        (("calibration", "threshold"), "x", r"calibration: .* got `str` - at `\$\.threshold`"),
        (("calibration", "windows_s"), [None] * 17, r"got `null` - at `\$\.windows_s\[0\]`"),
        (("calibration", "windows_s"), [1.0], "calibration windows_s is not 17 finite numbers"),
        (("calibration", "share"), 10**400, r"out of range - at `\$\.share`"),
        (("settings", "width"), "4", r"settings: Expected `int`, got `str` - at `\$\.width`"),
        (("settings", "fusion"), {}, r"settings: Expected `str`, got `object` - at `\$\.fusion`"),
        (("settings", "label_version"), 7, "label_version is 7, expected 1 or 2"),
        (("settings", "modalities"), ["x" * 300], "are not all names"),
    ],
)
def test_a_wrong_type_below_the_top_is_told_with_file_and_key(key, value, match, folder):
    from action_spotting.fusion.model import load_model

    content = json.loads((folder / "model.json").read_text())
    place = content
    for name in key[:-1]:
        place = place[name]
    place[key[-1]] = value
    write_json(folder / "model.json", content)
    with pytest.raises(SpottingError, match=match):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("weight_0003", np.nan, "holds NaN or infinity"),
        ("weight_0000", np.inf, "holds NaN or infinity"),
        ("mean_FFT", np.nan, "holds NaN or infinity"),
        ("std_FFT", np.inf, "holds NaN or infinity"),
        ("std_FFT", 0.0, "a std is not more than 0"),
        ("std_FFT", np.nan, "a std is not more than 0"),
        ("std_FFT", -1.0, "a std is not more than 0"),
    ],
)
def test_sick_numbers_are_refused(name, value, match, folder):
    from action_spotting.fusion.model import load_model

    arrays = dict(np.load(folder / "weights.npz"))
    arrays[name] = np.full_like(arrays[name], value)
    np.savez(folder / "weights.npz", **arrays)
    with pytest.raises(InputError, match=rf"weights\.npz: {match}; train anew"):
        load_model(folder)


def test_outputs_that_are_no_numbers_are_refused(folder):
    from action_spotting.fusion.model import load_model

    model = load_model(folder)
    for variable in model.network.variables:
        variable.assign(np.full(variable.shape, 1e38, np.float32))
    with pytest.raises(InputError, match="the head gives NaN or infinity"):
        model.score_rows({"FFT": np.ones((4, 3), np.float32)})


def test_arrays_of_other_kinds_are_refused(folder):
    from action_spotting.fusion.model import load_model

    arrays = dict(np.load(folder / "weights.npz"))
    for name in ("std_FFT", "weight_0000"):
        spoilt = {**arrays, name: arrays[name].astype(np.longdouble)}
        np.savez(folder / "weights.npz", **spoilt)
        with pytest.raises(InputError, match=r"float32 numbers; train anew"):
            load_model(folder)


def test_arrays_that_unpack_to_gigabytes(folder):
    from action_spotting.fusion.arrays import MAX_WEIGHTS_BYTES
    from action_spotting.fusion.model import load_model

    with zipfile.ZipFile(folder / "weights.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(9):
            archive.writestr(f"weight_{i}.npy", bytes(2**28))
    with pytest.raises(InputError, match=f"larger than {MAX_WEIGHTS_BYTES} bytes"):
        load_model(folder)


def test_a_folder_that_is_none(tmp_path):
    from action_spotting.fusion.model import load_model

    with pytest.raises(UsageError, match=r"no model\.json"):
        load_model(tmp_path)
