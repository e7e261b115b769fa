"""The readers that ``fuzz.py`` feeds: with sound files, and the words that break readers."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

JSON = [
    *(b"NaN", b"-Infinity", b"Infinity", b"1e999", b"-1", b"0", b"2.5", b"true", b"null", b"[]"),
    *(b"{}", b'""', b'"\\ud800"', b'"\\u0000"', b'"../../x"', b'"1 - 99:99"', b'"9e9"', b'"inf"'),
    *(b"9" * 30, b"9" * 400, b"9" * 5000, b"[" * 2000, b'{"a":' * 500, b'"' + b"9" * 5000 + b'"'),
]
NPY = [
    *(b"'<f8'", b"'>f4'", b"'|O'", b"'<U9999999'", b"[('a','O')]", b"True", b"(-1, 4)", b"(4,)"),
    *(b"(99999999999, 99999999)", b"(0, 4)", b"'<c8'", b"'|V0'", b"'S'", b"{'x':1}", b"(" * 200),
    *(b"9" * 5000, b"\x93NUMPY\x02\x00", b"\x93NUMPY\x03\x00", b"PK\x03\x04", b"1_0", b"1L"),
]
INI = [
    *(b"[1_HQ.mkv]", b"[../x]", b"[1\x00]", b"[DEFAULT]", b"=", b"nan", b"1e999", b"%(a)s"),
    *(b"[1]\n", b"\n x", b"[", b"\n\n", b":", b"#", b";", b"[2_HQ.mkv]", b"start_time_second"),
]
ZIP = [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"../", b"/"]
PICKLE = [code.code.encode("latin1") for code in pickletools.opcodes]
PICKLE += [b"cos\nsystem\n", b"cbuiltins\neval\n", b"\x8c\x05numpy\x8c\x07ndarray\x93", b"(" * 2000]
PICKLE += [b"r\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 7 + b"\x0f"]

LABEL = {"gameTime": "1 - 01:00", "label": "Goal", "position": "60000", "visibility": "visible"}
SPOT = LABEL | {"half": "1", "confidence": "0.5"}
VIDEO_INI = b"""[1_HQ.mkv]
start_time_second = 12.5
duration_second = 2700
[2_HQ.mkv]
start_time_second = 0
duration_second = 2701.25
"""


@dataclass
class Target:
    """A reader: what it does with the bytes of a file, and sound files to begin with."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = field(default_factory=list)


def make_target(name: str, folder: Path) -> Target:
    """Make the reader `name`; it may keep files in `folder`."""
    return READERS[name](folder)


def on_disk(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Make a reader of bytes out of one of files."""

    def from_bytes(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return from_bytes


def labels_seeds() -> list[bytes]:
    """Label files of both versions."""
    old = [LABEL | {"label": "soccer-ball"}, LABEL | {"label": "yr-card"}]
    files = [[LABEL, LABEL | {"gameTime": "2 - 45:01"}], [], old]
    return [json.dumps({"UrlLocal": "a/b/c", "annotations": entries}).encode() for entries in files]


def spots_seeds() -> list[bytes]:
    """Results files."""
    files = [[SPOT, SPOT | {"half": 2, "position": 90_000.0, "confidence": 1}], [SPOT] * 5, []]
    return [json.dumps({"UrlLocal": "a/b", "predictions": spots}).encode() for spots in files]


def labels(folder: Path) -> Target:
    """``dataset.event_files.read_labels``, both versions."""
    from action_spotting.dataset.event_files import read_labels
    from action_spotting.errors import SpottingError

    def read(path: Path) -> None:
        try:
            read_labels(path, version=1)
        except SpottingError:
            read_labels(path, version=2)

    return Target(on_disk(folder / "l.json", read), labels_seeds(), JSON)


def predictions(folder: Path) -> Target:
    """``dataset.event_files.read_predictions``."""
    from action_spotting.dataset.event_files import read_predictions

    return Target(on_disk(folder / "p.json", read_predictions), spots_seeds(), JSON)


def scored_labels(_: Path) -> Target:
    """``dataset.event_files.parse_events`` of labels, both versions."""
    from action_spotting.dataset.event_files import parse_events
    from action_spotting.dataset.event_findings import LABELS

    def read(data: bytes) -> None:
        parse_events(data, "l.json", LABELS, version=1)
        parse_events(data, "l.json", LABELS, version=2)

    return Target(read, labels_seeds(), JSON)


def scored_spots(_: Path) -> Target:
    """``dataset.event_files.parse_events`` of results."""
    from action_spotting.dataset.event_files import parse_events
    from action_spotting.dataset.event_findings import PREDICTIONS

    return Target(lambda data: parse_events(data, "p.json", PREDICTIONS), spots_seeds(), JSON)


def zip_bytes(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of `members`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def results_zip(folder: Path) -> Target:
    """``dataset.tree.open_tree``, and every member of the zip read."""
    from action_spotting.dataset.tree import open_tree

    def read(path: Path) -> None:
        tree = open_tree(path, "predictions")
        for name in tree.names:
            tree.read(name)

    members = {"a/b/c/p.json": spots_seeds()[1], "a/b/d/p.json": b"{}", "a/x.txt": b"no"}
    methods = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    files = [zip_bytes(members, method) for method in methods[:2]]
    words = [*ZIP, *(method.to_bytes(2, "little") for method in (*methods, 99))]
    return Target(on_disk(folder / "r.zip", read), files, words)


def npy_bytes(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    """An ``.npy``."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue()


def npy_seeds() -> list[bytes]:
    """Feature files: as they are, of another order, type and version."""
    rows = np.arange(24, dtype=np.float32).reshape(6, 4)
    arrays = [rows, np.asfortranarray(rows), rows.astype(">f8")]
    return [*(npy_bytes(array) for array in arrays), npy_bytes(rows, (2, 0))]


def npy(folder: Path) -> Target:
    """``dataset.features.open_feature``, and every row looked at."""
    from action_spotting.dataset.features import open_feature

    def read(path: Path) -> None:
        np.isfinite(open_feature(path)).all()

    return Target(on_disk(folder / "1_FFT.npy", read), npy_seeds(), NPY)


def npy_in_zip(_: Path) -> Target:
    """``zips.parse_npy``."""
    from action_spotting.io.zips import parse_npy

    return Target(lambda data: parse_npy(data, "a.npy"), npy_seeds(), NPY)


def npz(folder: Path) -> Target:
    """``zips.read_npz``."""
    from action_spotting.io.zips import read_npz

    members = {f"a{i}.npy": data for i, data in enumerate(npy_seeds())}
    files = [zip_bytes(members, zipfile.ZIP_STORED), zip_bytes(members)]
    read = on_disk(folder / "a.npz", lambda path: read_npz(path, 2**24))
    return Target(read, files, [*ZIP, *NPY])


def boxes(folder: Path) -> Target:
    """``visual.boxes.read_boxes``; the checksums are made good, so that edits reach the arrays."""
    from action_spotting.visual.boxes import Boxes, read_boxes, write_boxes

    path = folder / "1_YOLOv5_boxes.npz"
    rows = np.arange(3)
    found = Boxes(
        *(4, 2.0, rows.astype(np.int32), np.ones((3, 4), np.float32), np.ones(3, np.float32)),
        *(np.zeros(3, np.int8), np.ones((3, 3), np.float32)),
    )
    write_boxes(path, found, {"fps": 2})
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return Target(one_of_many(path, members, read_boxes), seeds_of(members), [*NPY, *JSON])


def one_of_many(
    path: Path, members: dict[str, bytes], read: Callable[[Path], object]
) -> Callable[[bytes], object]:
    """Read a zip of `members`, the one that the case names replaced by the case."""

    def from_bytes(data: bytes) -> object:
        name, _, content = data.partition(b"\n")
        changed = members | {name.decode("latin1"): content}
        path.write_bytes(zip_bytes(changed, zipfile.ZIP_STORED))
        return read(path)

    return from_bytes


def seeds_of(members: dict[str, bytes]) -> list[bytes]:
    """Each member with its name before it."""
    return [name.encode() + b"\n" + data for name, data in members.items()]


def pickles(folder: Path) -> Target:
    """``visual.pca_files.load_pca``: the PCA's pickle, and the average's."""
    from sklearn.decomposition import PCA

    from action_spotting.io.pickles import Fields, read_pickle
    from action_spotting.reduction.files import load_pca

    model = PCA(3).fit(np.random.default_rng(0).random((9, 5)))
    (folder / "sound.pkl").write_bytes(pickle.dumps(model))
    (folder / "average.pkl").write_bytes(pickle.dumps(np.zeros(5, np.float32)))

    def read(path: Path) -> None:
        if isinstance(read_pickle(path), Fields):
            load_pca(path, folder / "average.pkl")
        else:
            load_pca(folder / "sound.pkl", path)

    files = [pickle.dumps(model, protocol) for protocol in (0, 2, 3, 4, 5)]
    files += [pickle.dumps(np.arange(5.0), protocol) for protocol in (0, 2, 4)]
    read_one = on_disk(folder / "pca.pkl", lambda path: _quietly(read, path))
    return Target(read_one, files, PICKLE)


def torch_zip(folder: Path) -> Target:
    """``io.torch_zip.read_variables``: the pickle, and the numbers."""
    from action_spotting.io.torch_zip import read_variables
    from tests.fusion.published_files import write_torch

    state = {"fc.weight": np.zeros((4, 6), np.float32), "fc.bias": np.zeros(4, np.float32)}
    path = write_torch(folder / "m.pth.tar", state)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return Target(one_of_many(path, members, read_variables), seeds_of(members), PICKLE)


def _quietly(read: Callable[[Path], None], path: Path) -> None:
    with np.errstate(all="ignore"):
        read(path)


def video_ini(folder: Path) -> Target:
    """``dataset.layout.read_video_ini``, both halves."""
    from action_spotting.dataset.video_ini import read_video_ini

    for number in (1, 2):
        (folder / f"{number}_HQ.mkv").touch()

    def read(path: Path) -> None:
        read_video_ini(path, 1)
        read_video_ini(path, 2)

    files = [VIDEO_INI, VIDEO_INI.replace(b"\n", b"\r\n"), b"# 1\n" + VIDEO_INI]
    return Target(on_disk(folder / "video.ini", read), files, INI)


def provenance(folder: Path) -> Target:
    """``dataset.features.feature_state``: the record read and compared with settings."""
    from action_spotting.dataset.features import feature_state, write_feature
    from action_spotting.dataset.records import record_path

    path = folder / "1_FFT.npy"
    settings = {"fps": 2, "weights": {"sha256": "a", "layers": [1, 2]}}
    with write_feature(path, 4, settings) as writer:
        writer.append(np.ones((3, 4)))

    def read(record: Path) -> None:
        state, reason = feature_state(path, 4, settings)
        if state.value not in ("done", "stale", "broken"):
            raise AssertionError(f"{record}: {state}, {reason}")

    files = [record_path(path).read_bytes(), b'{"settings": {}}']
    return Target(on_disk(record_path(path), read), files, JSON)


def splits(folder: Path) -> Target:
    """``dataset.splits.list_games`` with a ``splits.json``."""
    from action_spotting.dataset.splits import list_games

    (folder / "cup" / "final").mkdir(parents=True)
    content = {"train": ["cup/final", "cup/semi"], "test": ["cup/é"], "valid": []}
    files = [json.dumps(content).encode(), b'{"all": ["cup/final"]}']
    read = on_disk(folder / "splits.json", lambda path: list_games(path.parent, "all"))
    return Target(read, files, JSON)


def classes(folder: Path) -> Target:
    """``dataset.classes.read_classes`` of JSON and ``export.timeline.read_threshold``."""
    from action_spotting.dataset.classes import ACTIONS_V2, read_classes
    from action_spotting.errors import SpottingError
    from action_spotting.export.selection import read_threshold

    def read(path: Path) -> None:
        try:
            read_classes(path)
        except SpottingError:
            read_threshold(str(path), ACTIONS_V2)

    files = [b'["Goal", "Corner"]', b'{"Goal": 0.5, "Foul": 1}']
    return Target(on_disk(folder / "c.json", read), files, JSON)


def model_folder(folder: Path) -> Target:
    """``fusion.model.read_parts``: everything of a model folder but building its network."""
    from action_spotting.fusion import model as room
    from action_spotting.fusion.normalisation import Normalisation
    from action_spotting.fusion.settings import make_settings

    settings = make_settings("small", modalities=("FFT",), width=4, branch_width=2, dilations=[1])
    ones = {"FFT": np.ones(3, np.float32)}
    room.save_model(folder, room.SpottingModel(settings, Normalisation(ones, ones), {}), [])
    weights = folder / room.WEIGHTS_FILE
    with zipfile.ZipFile(weights) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    story = (folder / room.MODEL_FILE).read_bytes()
    whole = weights.read_bytes()
    change = one_of_many(weights, members, lambda path: room.read_parts(path.parent))

    def read(data: bytes) -> object:
        if not data.startswith(b"model.json\n"):
            return change(data)
        weights.write_bytes(whole)
        (folder / room.MODEL_FILE).write_bytes(data.partition(b"\n")[2])
        try:
            return room.read_parts(folder)
        finally:
            (folder / room.MODEL_FILE).write_bytes(story)

    seeds = seeds_of({"mean_FFT.npy": members["mean_FFT.npy"]})
    weight = min(members, key=lambda name: len(members[name]) - 1000 * name.startswith("weight"))
    seeds += seeds_of({weight: members[weight]})
    short = re.sub(rb"\s+", b"", story)
    return Target(read, [b"model.json\n" + short, b"model.json\n" + short, *seeds], [*JSON, *NPY])


def keras_h5(folder: Path) -> Target:
    """``audio.vggish_weights.read_keras``; HDF5 is a C library."""
    import h5py

    from action_spotting.audio.vggish_weights import read_keras
    from action_spotting.errors import SpottingError

    path = folder / "w.h5"
    with h5py.File(path, "w") as file:
        file["conv1/kernel:0"] = np.ones((3, 3, 1, 64), np.float32)
        file["conv1/bias:0"] = np.ones(64, np.float32)

    def read(given: Path) -> None:
        try:
            read_keras(given, dense=False)
        except SpottingError as error:  # the sound file lacks the other layers
            if "conv2's kernel is missing" not in str(error):
                raise

    return Target(on_disk(path, read), [path.read_bytes()], COUNTS)


def onnx_export(folder: Path) -> Target:
    """``visual.detector``'s look into an ONNX file before it is run."""
    import onnx
    from onnx import TensorProto, helper

    from action_spotting.io.onnx_network import check_graph

    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    node = helper.make_node("Add", ["x", "w"], ["y"])
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    graph = helper.make_graph([node], "g", shapes[:1], shapes[1:], [tensor])
    model = onnx.helper.make_model(graph)
    return Target(on_disk(folder / "m.onnx", check_graph), [model.SerializeToString()], COUNTS)


def released_boxes(folder: Path) -> Target:
    """``visual.released_json.read_players``, and the 64 numbers of what it lets through."""
    from action_spotting.visual.released_json import read_players
    from action_spotting.visual.yolov5_vector import vectors

    frame = {"bboxes": [[1.5, 2, 3, 4], [5, 6, 70, 80]], "colors": [[255, 0, 9]] * 2}
    seeds = [
        json.dumps({"size": [3, 720, 1280, 3], "predictions": [frame, {}, one]}).encode()
        for one in (None, frame | {"scores": [0.5, 1.0], "onfield": [1, 0]})
    ]
    return Target(
        on_disk(folder / "p.json", lambda path: vectors(read_players(path)[0])), seeds, JSON
    )


def released_cameras(folder: Path) -> Target:
    """``visual.released_json.read_cameras``, and the 20 numbers of what it lets through."""
    from action_spotting.visual.camera_vector import vectors
    from action_spotting.visual.released_json import read_cameras

    def read(path: Path) -> None:
        found = read_cameras(path)
        numbers = vectors(found.homography, found.confidence, (found.height, found.width))
        assert np.isfinite(numbers).all()

    matrix = [1500, 400.5, 0, 0, 300, 1000, 0, 0.6, 30]
    entries = [{"homography": h, "confidence": 0.9} for h in (matrix, [matrix[:3]] * 3)]
    file = {"size": [4, 720, 1280, 3], "predictions": [[entries[0]], [], None, [entries[1]]]}
    return Target(on_disk(folder / "c.json", read), [json.dumps(file).encode()], JSON)


COUNTS = [b"\xff" * 8, b"\x00" * 8, b"\x7f", b"OHDR", b"TREE", b"HEAP", b"SNOD"]

READERS: dict[str, Callable[[Path], Target]] = {
    reader.__name__: reader
    for reader in (
        *(labels, predictions, scored_labels, scored_spots, results_zip, npy, npy_in_zip, npz),
        *(boxes, pickles, torch_zip, video_ini, provenance, splits, classes, model_folder),
        *(keras_h5, onnx_export, released_boxes, released_cameras),
    )
}
