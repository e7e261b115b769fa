"""The pooling heads: both flattenings, MaxPool, windows, one-sided suppression, PyTorch's files."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.classes import ACTIONS_V1, ACTIONS_V2
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.published.importing import import_head
from action_spotting.fusion.published.picking import pick_one_sided
from action_spotting.fusion.published.soccernet import Rules
from action_spotting.io.torch_zip import read_variables

from .published_files import residuals, unit, write_torch

RNG = np.random.default_rng(0)
ROWS = (5 * RNG.normal(size=(50, 512))).astype("f4")


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("f4")


def window(rows: np.ndarray, i: int, length: int) -> np.ndarray:
    return rows[np.clip(np.arange(i - length // 2, i + length - length // 2), 0, len(rows) - 1)]


def plus_plus(prefix: str = "", fc: str = "fc", width: int = 512) -> dict[str, np.ndarray]:
    """NetVLAD++ of four clusters a part, as SoccerNet's repository names it."""
    state = {
        f"{prefix}pool_layer_{part}.{name}": normal(*shape)
        for part in ("before", "after")
        for name, shape in (("clusters", (512, 4)), ("clusters2", (1, 512, 4)))
    }
    if width != 512:
        state |= {"feature_extractor.weight": normal(512, width) / 30}
        state |= {"feature_extractor.bias": normal(512)}
    return state | {f"{fc}.weight": normal(18, 2 * 2048), f"{fc}.bias": normal(18)}


def found_logits(head, rows: np.ndarray) -> np.ndarray:
    return head.score_rows({head.settings.modality: rows}).logits


@pytest.mark.parametrize("width", [512, 2048])
def test_two_parts_flattened_dimension_by_dimension(width, tmp_path):
    state = plus_plus(width=width)
    head = import_head([write_torch(tmp_path / "model.pth.tar", state)])
    settings = head.settings
    assert (settings.chunk_rows, settings.nms_window_s, settings.lost_rows) == (30, 15.0, 1)
    assert settings.modality == ("ResNET_TF2" if width == 2048 else "ResNET_TF2_PCA512")
    rows = normal(40, width)
    y = rows
    if width != 512:
        y = rows @ state["feature_extractor.weight"].T + state["feature_extractor.bias"]
    wanted = []
    for i in range(len(y)):
        parts = []
        for part, z in zip(("before", "after"), np.split(window(y, i, 30), 2), strict=True):
            pool = f"pool_layer_{part}.clusters"
            flat = residuals(z, state[pool], state[f"{pool}2"][0].T).T.ravel()
            parts.append(unit(flat, 0))
        wanted.append(state["fc.weight"] @ np.concatenate(parts) + state["fc.bias"])
    np.testing.assert_allclose(found_logits(head, rows), np.array(wanted)[:, 1:], atol=1e-4)


def test_one_pool_flattened_cluster_by_cluster(tmp_path):
    state = {
        "pool_layer.centroids": normal(8, 512),
        "pool_layer.conv.weight": normal(8, 512, 1, 1),
        "fc.weight": normal(4, 8 * 512),
        "fc.bias": normal(4),
    }
    head = import_head([write_torch(tmp_path / "model.pth.tar", state)])
    assert (head.settings.classes, head.settings.label_version) == (ACTIONS_V1, 1)
    assert (head.settings.floor, head.settings.lost_rows) == (0.5, 2)
    assign = state["pool_layer.conv.weight"][:, :, 0, 0].T
    wanted = [
        state["fc.weight"]
        @ unit(residuals(window(ROWS, i, 40), assign, state["pool_layer.centroids"]).ravel(), 0)
        + state["fc.bias"]
        for i in range(len(ROWS))
    ]
    np.testing.assert_allclose(found_logits(head, ROWS), np.array(wanted)[:, 1:], atol=1e-4)


def test_a_cluster_that_hardly_any_row_belongs_to_is_stretched_to_length_1(tmp_path):
    """A residual of length 1e-9 counts as much as any other: the floor is 1e-12, not 1e-6."""
    state = {
        "pool_layer.centroids": np.zeros((2, 512), "f4"),
        "pool_layer.conv.weight": np.zeros((2, 512, 1, 1), "f4"),
        "fc.weight": np.zeros((4, 1024), "f4"),
        "fc.bias": np.zeros(4, "f4"),
    }
    state["pool_layer.conv.weight"][1, 0] = -25.0
    state["fc.weight"][1, 512] = 1.0
    head = import_head([write_torch(tmp_path / "model.pth.tar", state)])
    rows = np.zeros((3, 512), "f4")
    rows[:, 0] = 7.0
    np.testing.assert_allclose(found_logits(head, rows)[:, 0], 0.5**0.5, rtol=1e-3)


def test_the_maximum_of_a_window(tmp_path):
    state = {"fc.weight": normal(18, 512), "fc.bias": normal(18)}
    head = import_head([write_torch(tmp_path / "model.pth.tar", state)])
    assert (head.settings.pooling, head.settings.classes) == ("max", ACTIONS_V2)
    tops = np.stack([window(ROWS, i, 40).max(axis=0) for i in range(len(ROWS))])
    wanted = tops @ state["fc.weight"].T + state["fc.bias"]
    np.testing.assert_allclose(found_logits(head, ROWS), wanted[:, 1:], rtol=1e-4, atol=1e-4)


def test_opensportslab_s_rules_stand_in_its_config(tmp_path):
    state = {
        name.replace("pool_layer", "neck.pooling_layer").replace("fc.", "head.head."): value
        for name, value in plus_plus().items()
    }
    path = write_torch(tmp_path / "best.ckpt", {f"model.{n}": v for n, v in state.items()})
    with pytest.raises(UsageError, match=r"do not tell how long a window is; give the config.yaml"):
        import_head([path])
    assert import_head([path], rules=Rules(window_s=20.0)).settings.chunk_rows == 40
    config = tmp_path / "config.yaml"
    config.write_text("MODEL: {neck: {vocab_size: 64}}\nDATA: {window_size: 12}\nNMS_window: 25\n")
    settings = import_head([path]).settings
    assert (settings.chunk_rows, settings.nms_window_s, settings.lost_rows) == (24, 12.5, 1)
    config.write_text("a: {window_size: 12}\nb: {window_size: 15}\n")
    with pytest.raises(InputError, match="window_size is 12 and 15"):
        import_head([path])
    config.write_text("!!python/object/apply:os.system [ls]")
    with pytest.raises(InputError, match="not usable YAML"):
        import_head([path])


def test_netrvlad_has_no_centres(tmp_path):
    state = {name: v for name, v in plus_plus().items() if "clusters2" not in name}
    head = import_head([write_torch(tmp_path / "m.pth", state)])
    assert not head.arrays["pool1/centres"].any()


def test_suppression_is_one_sided():
    rng = np.random.default_rng(1)
    confidence = rng.random((200, 2)).round(2)
    peaks = pick_one_sided(confidence, fps=2.0, window_s=15.0, floor=0.4)
    wanted = []
    for c in range(2):
        left = confidence[:, c].copy()
        while left.max() >= 0.4:
            i = int(np.argmax(left))
            wanted.append((i / 2, c, confidence[i, c]))
            left[max(i - 30, 0) : min(i + 30, len(left))] = -1
    assert list(zip(peaks.time_s, peaks.label, peaks.confidence, strict=True)) == wanted


def test_the_last_rows_that_the_authors_lose_have_no_spot(tmp_path):
    state = {"fc.weight": normal(18, 512), "fc.bias": normal(18)}
    head = import_head([write_torch(tmp_path / "m.pth", state)], rules=Rules(floor=0.0))
    features = {"ResNET_TF2_PCA512": ROWS[:3]}
    assert head.peaks(head.score_rows(features)).time_s.max() == 0.0
    assert len(head.peaks(head.score_rows({"ResNET_TF2_PCA512": ROWS[:2]}))) == 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda s: s.pop("fc.bias"), "no layer of 4 or 18 classes"),
        (lambda s: s.update({"fc.weight": normal(18, 100)}), "takes 100 numbers, not 4096"),
        (lambda s: s.pop("pool_layer_after.clusters"), "a pool without its clusters"),
        (lambda s: [s.pop(n) for n in list(s) if "after" in n], "one before and one after"),
        (
            lambda s: s.update({"conv_1.weight": normal(3)}),
            "conv_1.weight is none of its variables",
        ),
    ],
)
def test_variables_of_another_network_are_refused(change, match, tmp_path):
    state = plus_plus()
    change(state)
    with pytest.raises(InputError, match=match):
        import_head([write_torch(tmp_path / "model.pth.tar", state)])


def test_what_is_no_file_of_pytorch_s_is_refused(tmp_path):
    path = tmp_path / "model.pth.tar"
    harm = tmp_path / "harm"

    class Touch:
        def __reduce__(self) -> tuple:
            return Path.touch, (harm,)

    path.write_bytes(pickle.dumps(Touch()))
    with pytest.raises(InputError, match="not a zip of PyTorch's"):
        read_variables(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Touch()))
    with pytest.raises(InputError, match=r"it names .*, which numbers do not need"):
        read_variables(path)
    assert not harm.exists()
    write_torch(path, {"epoch": np.zeros(0, "f4")}, None)
    assert list(read_variables(path)) == ["epoch"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({"epoch": 3}))
    with pytest.raises(InputError, match="no variables in it"):
        read_variables(path)


@pytest.mark.parametrize(
    "arguments",
    [
        b"(K\x00(M\xff\xffM\xff\xfft(M\xff\xffK\x01t\x89}t",  # larger than its storage
        b"(K\x00(K\x02t(J\xff\xff\xff\x7ft\x89}t",  # steps behind its end
        b"(J\xff\xff\xff\xff(K\x01t(K\x01t\x89}t",  # from before its beginning
    ],
)
def test_a_tensor_outside_its_storage_is_refused(arguments, tmp_path):
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
    body = b"(" + storage + arguments[1:]
    data = b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n" + body + b"Rs."
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", data)
        archive.writestr("m/data/0", np.zeros(4, "f4").tobytes())
    with pytest.raises(InputError, match="a tensor of shape"):
        read_variables(tmp_path / "m.pt")
