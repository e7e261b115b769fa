"""Files made to attack: each is refused by name, and each works on a loader without care."""

from __future__ import annotations

import gc
import json
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from action_spotting.audio.vggish_weights import read_keras
from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.splits import list_games
from action_spotting.dataset.tree import open_tree
from action_spotting.dataset.video_ini import read_video_ini
from action_spotting.errors import InputError, SpottingError
from action_spotting.io.files import MAX_JSON_BYTES, read_bytes, read_json, write_json
from action_spotting.io.onnx_network import check_graph
from action_spotting.io.pickles import read_pickle
from action_spotting.io.zips import read_npz
from action_spotting.visual import resnet_network

LITTLE_MIB = 60
BOMB_BYTES = 256 * 2**20
BOMB_MIB = 220


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self._path,)


def growth_mib(call: str) -> float:
    """Run Python code in a process of its own; give how far its memory grew, in MiB."""
    code = f"""
import re
from pathlib import Path
from types import SimpleNamespace
from action_spotting.errors import SpottingError
from action_spotting.dataset.tree import open_tree
from action_spotting.visual.boxes import read_boxes
from action_spotting.io.pickles import read_pickle
from action_spotting.io.zips import read_npz
from action_spotting.io.files import read_json
import json, pickle, zipfile, numpy as np
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
try:
    {call}
except Exception as error:
    assert isinstance(error, SpottingError) or "naive" in {call!r}, repr(error)
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


# pickles


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_executes(protocol, tmp_path):
    path, harm = tmp_path / "pca.pkl", tmp_path / "harm"
    path.write_bytes(pickle.dumps({"components_": Touch(harm)}, protocol))
    with pytest.raises(InputError, match=r"(_|getattr|Path|builtins).*not executed"):
        read_pickle(path)
    assert not harm.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - the loader without care
    assert harm.exists()


@pytest.mark.parametrize(
    ("program", "match"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"\x80\x02cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R.", "'O' is no type of plain numbers"),
        (b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "bytes of an array are none"),
        (b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.", "not a pickle"),
        (b"\x80\x02" + b"(" * 20_000 + b".", "more than 10000 steps"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x0f.", "not a pickle"),
    ],
)
def test_pickled_programs_that_numbers_do_not_need(program, match, tmp_path):
    path = tmp_path / "pca.pkl"
    path.write_bytes(program)
    with pytest.raises(InputError, match=match):
        read_pickle(path)


def test_a_pickle_whose_key_never_ends(tmp_path):
    """A tuple of twice a tuple of twice …: 300 bytes, and 2^60 steps for its hash."""

    def nested(depth: int) -> bytes:
        steps = b"".join(bytes([ord("q"), i, ord("h"), i, 0x86]) for i in range(depth))
        return b"\x80\x02})" + steps + b"K\x01s."

    path = tmp_path / "bomb.pkl"
    path.write_bytes(nested(60))
    with pytest.raises(InputError, match="unhashable"):
        read_pickle(path)

    def seconds(depth: int) -> float:
        began = time.process_time()
        pickle.loads(nested(depth))  # noqa: S301 - the loader without care
        return time.process_time() - began

    assert seconds(22) > 20 * seconds(14)


@pytest.mark.slow
def test_a_pickle_that_takes_memory(tmp_path):
    """Five bytes that make the unpickler's store of values a gigabyte."""
    path = tmp_path / "bomb.pkl"
    path.write_bytes(b"\x80\x02K\x01r\x00\x00\x00\x01.")
    assert growth_mib(f"read_pickle(Path({str(path)!r}))") < LITTLE_MIB
    assert growth_mib(f"'naive', pickle.load(open({str(path)!r}, 'rb'))") > BOMB_MIB


# zips


def zip_of(path: Path, name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, data)
    return path


def test_a_zip_that_climbs(tmp_path):
    """Python's own `extract` takes ``..`` out of names; a loader that joins paths does not."""
    path = zip_of(tmp_path / "slip.zip", "../../escaped.json", b"{}")
    with pytest.raises(InputError, match="leaves the archive"):
        open_tree(path, "predictions")
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            (inside / member.filename).write_bytes(archive.read(member))
    assert (tmp_path / "escaped.json").exists()


def test_a_zip_with_a_link_is_never_unpacked(tmp_path):
    info = zipfile.ZipInfo("game/Predictions-v2.json")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    tree = open_tree(tmp_path / "link.zip", "predictions")
    assert tree.read("game/Predictions-v2.json") == b"/etc/passwd"


def test_a_zip_that_states_its_size_is_refused_unread(tmp_path):
    path = zip_of(tmp_path / "bomb.zip", "a.json", bytes(MAX_JSON_BYTES + 1))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="bytes, more than the 67108864 allowed"):
        open_tree(path, "predictions").read("a.json")


@pytest.mark.slow
def test_a_zip_that_lies_about_its_size(tmp_path):
    """256 MiB behind "20 bytes": Python's own reader unpacks it before it compares."""
    path = zip_of(tmp_path / "bomb.zip", "a.json", bytes(BOMB_BYTES))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 20)
    path.write_bytes(data)
    assert growth_mib(f"open_tree(Path({str(path)!r}), 'x').read('a.json')") < LITTLE_MIB
    assert growth_mib(f"read_npz(Path({str(path)!r}), 2**20)") < LITTLE_MIB
    assert growth_mib(f"'naive', zipfile.ZipFile({str(path)!r}).read('a.json')") > BOMB_MIB


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_without_bound_are_not_taken(method, tmp_path):
    path = zip_of(tmp_path / "r.zip", "a.json", b"{}", method)
    with pytest.raises(InputError, match="not compressed by deflate"):
        open_tree(path, "predictions").read("a.json")


def test_an_encrypted_zip_is_named(tmp_path):
    path = zip_of(tmp_path / "r.zip", "a.json", b"{}")
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(magic) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="encrypted"):
        open_tree(path, "predictions").read("a.json")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_zip_that_is_not_there_is_one_error_and_no_noise(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_npz(tmp_path / "weights.npz", 1000)
    gc.collect()


def test_a_zip_whose_list_of_members_is_a_bomb(tmp_path):
    path = zip_of(tmp_path / "r.zip", "a.json", b"{}")
    data = path.read_bytes()
    end = bytearray(data[data.index(b"PK\x05\x06") :])
    struct.pack_into("<II", end, 12, 2**26, 0)
    with path.open("wb") as handle:
        handle.truncate(2**26)
        handle.seek(2**26)
        handle.write(end)
    with pytest.raises(SpottingError, match="list of members"):
        open_tree(path, "predictions")


# arrays


def test_an_npy_with_a_pickle_in_it(tmp_path):
    path, harm = tmp_path / "1_FFT.npy", tmp_path / "harm"
    np.save(path, np.array([Touch(harm)], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a whole .npy"):
        open_feature(path)
    np.savez(tmp_path / "a.npz", a=np.array([Touch(harm)], dtype=object))
    with pytest.raises(InputError, match="objects"):
        read_npz(tmp_path / "a.npz", 2**20)
    assert not harm.exists()
    np.load(path, allow_pickle=True)
    assert harm.exists()


def test_a_pickle_under_the_name_of_features(tmp_path):
    path, harm = tmp_path / "1_FFT.npy", tmp_path / "harm"
    path.write_bytes(pickle.dumps(Touch(harm)))
    with pytest.raises(InputError, match="not a whole .npy"):
        open_feature(path)
    assert not harm.exists()


def test_an_npy_that_states_more_than_it_holds(tmp_path):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s, 4)}"
    for rows in ("10**9", "999999999999", "-1", "-4", "9" * 400, "(1,)", "'a'"):
        text = (header % rows).ljust(500).encode()
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)
        (tmp_path / "1_FFT.npy").write_bytes(data)
        with pytest.raises(InputError, match="not a whole .npy"):
            open_feature(tmp_path / "1_FFT.npy")


@pytest.mark.slow
def test_boxes_that_unpack_to_gigabytes(tmp_path):
    path = tmp_path / "1_YOLOv5_boxes.npz"
    np.savez_compressed(path, rows=np.zeros(BOMB_BYTES // 8))
    assert path.stat().st_size < 2**21
    assert growth_mib(f"read_boxes(Path({str(path)!r}))") < LITTLE_MIB
    assert growth_mib(f"'naive', np.load({str(path)!r})['rows']") > BOMB_MIB


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
