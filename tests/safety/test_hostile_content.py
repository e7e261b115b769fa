"""JSON, settings and weights made to attack: each is refused by name."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from action_spotting.audio.vggish_weights import read_keras
from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.splits import list_games
from action_spotting.dataset.tree import open_tree
from action_spotting.dataset.video_ini import read_video_ini
from action_spotting.errors import InputError, SpottingError
from action_spotting.io.files import read_bytes, read_json, write_json
from action_spotting.io.onnx_network import check_graph
from action_spotting.visual import resnet_network
from tests.safety.growth import BOMB_MIB, LITTLE_MIB, growth_mib

# text


@pytest.mark.slow
def test_json_of_many_small_values(tmp_path):
    """Fifteen megabytes of empty lists, each of which takes 64 bytes when it is parsed."""
    path = tmp_path / "many.json"
    path.write_bytes(b"[" + b"[]," * 5_000_000 + b"0]")
    with pytest.raises(InputError, match="so many values that they would take more than 512 MiB"):
        read_json(path)
    assert growth_mib(f"read_json(Path({str(path)!r}))") < LITTLE_MIB
    assert growth_mib(f"'naive', json.loads(Path({str(path)!r}).read_bytes())") > BOMB_MIB
    spot = {"gameTime": "1 - 00:01", "label": "Goal", "position": "1000", "half": "1"}
    path.write_text(json.dumps([{**spot, "confidence": "0.123456"}] * 200_000))
    assert len(read_json(path)) == 200_000


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"annotations":[', b"[[]," * 8 + b"["])
@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_json_nested_without_end(opening, depth, tmp_path):
    path = tmp_path / "Labels-v2.json"
    closing = b"".join(b"]" if c == 91 else b"}" for c in reversed(opening) if c in b"[{")
    path.write_bytes(opening * depth + b"1" + closing * depth)
    for read in (read_json, read_labels):
        with pytest.raises(InputError, match="not (usable|valid) JSON"):
            read(path)


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "1e999", "9" * 400, '"' + "9" * 400 + '"', '"inf"', "[]", '"\\ud800"'],
)
@pytest.mark.parametrize("key", ["position", "gameTime", "label"])
def test_numbers_that_are_none(key, value, tmp_path):
    entry = {"gameTime": '"1 - 00:01"', "position": '"1000"', "label": '"Goal"'} | {key: value}
    text = ",".join(f'"{name}": {text}' for name, text in entry.items())
    (tmp_path / "l.json").write_text(f'{{"annotations": [{{{text}}}]}}')
    with pytest.raises(InputError, match="entry 0"):
        read_labels(tmp_path / "l.json")


def test_files_that_never_end_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(InputError, match="not a plain file"):
            read_bytes(tmp_path / name, 10)
    with pytest.raises(SpottingError, match="a pipe or a device"):
        open_tree(tmp_path / "pipe", "predictions")


def test_a_video_ini_that_leaves_its_folder(tmp_path):
    for section in ("1/../../x.mkv", "1" * 300, "1\0.mkv"):
        text = f"[{section}]\nstart_time_second = 0\nduration_second = 1\n"
        (tmp_path / "video.ini").write_text(text)
        with pytest.raises(InputError, match="is not a file beside video.ini"):
            read_video_ini(tmp_path / "video.ini", 1)


@pytest.mark.parametrize("game", ["../x", "/etc", "a/../../b", "x" * 300, "a\0b", "a/" * 600, ""])
def test_splits_that_leave_the_folder(game, tmp_path):
    write_json(tmp_path / "splits.json", {"train": [game]})
    with pytest.raises(InputError, match="leaves the folder|is no folder"):
        list_games(tmp_path)


def test_a_name_that_is_no_text_still_gives_a_record(tmp_path):
    write_json(tmp_path / "1_FFT.json", {"file": "\udcff.mkv"})
    assert json.loads((tmp_path / "1_FFT.json").read_bytes()) == {"file": "\udcff.mkv"}


# weights


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_weights_that_lie_in_another_file(kind, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(np.arange(576, dtype="<f4").tobytes())
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        if kind == "external":
            places = [(str(secret), 0, 4 * 576)]
            file.create_dataset("conv1/kernel:0", (3, 3, 1, 64), "<f4", external=places)
        else:
            layout = h5py.VirtualLayout((3, 3, 1, 64), "<f4")
            layout[:] = h5py.VirtualSource(str(secret), "x", (3, 3, 1, 64))
            file.create_virtual_dataset("conv1/kernel:0", layout)
    with pytest.raises(InputError, match="conv1/kernel:0 lies in another file"):
        read_keras(path, dense=False)
    if kind == "external":
        with h5py.File(path) as file:
            assert file["conv1/kernel:0"][0, 0, 0, 5] == 5


@pytest.mark.parametrize("kind", ["number", "type", "no layers"])
def test_a_layer_that_is_no_group(kind, tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        if kind == "no layers":
            file["model_weights"] = 7
        else:
            file["conv1"] = 7 if kind == "number" else np.dtype("f4")
    layer = SimpleNamespace(name="conv1", weights=[np.zeros((3, 3))])
    problem = resnet_network._mismatch(SimpleNamespace(layers=[layer]), path)
    told = "its model_weights are no group of layers"
    assert problem == (
        told if kind == "no layers" else "layer conv1 has the shapes [], expected [(3, 3)]"
    )


def test_weights_that_state_a_terabyte(tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("conv1/kernel:0", (2**20, 2**20), "<f4", chunks=(64, 64))
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match="conv1's kernel is float32 \\(1048576, 1048576\\), not"):
        read_keras(path, dense=False)


def test_an_export_that_keeps_its_numbers_elsewhere(tmp_path):
    (tmp_path / "secret").write_bytes(np.array([7, 8], "<f4").tobytes())
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    node = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", shapes[:1], shapes[1:], [tensor])
    (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(InputError, match="keeps its numbers in other files"):
        check_graph(tmp_path / "m.onnx")
    careless = onnx.load(tmp_path / "m.onnx")
    assert onnx.numpy_helper.to_array(careless.graph.initializer[0]).tolist() == [7, 8]


def test_a_damaged_export_is_named(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(InputError, match="not an ONNX network"):
        check_graph(tmp_path / "m.onnx")


def test_bytes_are_read_up_to_the_bound(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    assert read_bytes(tmp_path / "a", 11) == bytes(11)
    with pytest.raises(InputError, match="11 bytes, more than the 10 allowed"):
        read_bytes(tmp_path / "a", 10)
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(tmp_path / "a\0b", 10)
