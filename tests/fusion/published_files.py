"""Files as published heads come in, with small random variables, and their equations in NumPy."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
from sklearn.preprocessing import MaxAbsScaler

from action_spotting.fusion.published import dense_anchors
from tests.io.test_tf_checkpoint import field, table, varint

CHANNELS, STEM_UNITS = (8, 12, 16, 20, 24, 28), (10, 9, 8)
WIDTH = 2048


def small_networks(monkeypatch) -> None:
    """Give the dense-anchor networks few channels."""
    monkeypatch.setattr(dense_anchors, "CHANNELS", CHANNELS)
    monkeypatch.setattr(dense_anchors, "STEM_UNITS", STEM_UNITS)


def dense_arrays(output: str, seed: int, width: int = WIDTH) -> dict[str, np.ndarray]:
    """Random variables of one network in their published shapes and order."""
    rng = np.random.default_rng(seed)
    shapes = dense_anchors.DenseAnchors(width, 17, output).shapes()
    return {
        name: (rng.normal(size=shape) * np.prod(shape[:-1], initial=1.0) ** -0.5).astype("f4")
        for name, shape in shapes.items()
    }


def write_saved_model(folder: Path, arrays: dict[str, np.ndarray], *, named: bool = True) -> Path:
    """Write the variables of a SavedModel folder; `named`: with the object graph of Keras."""
    (folder / "variables").mkdir(parents=True)
    layers = list(dict.fromkeys(name.rpartition("/")[0] for name in [*arrays, "optimizer"]))
    data, entries, nodes = b"", {b"": field(1, 1)}, b""
    slot = "optimizer/m/.ATTRIBUTES/VARIABLE_VALUE"
    for name, array in [*arrays.items(), ("optimizer", np.zeros(3, "f4"))]:
        layer, _, part = name.rpartition("/")
        key = f"layer_with_weights-{layers.index(layer)}/{part}/.ATTRIBUTES/VARIABLE_VALUE"
        key = key if part in ("kernel", "bias") else slot
        sides = b"".join(field(2, field(1, side)) for side in array.shape)
        place = field(4, len(data)) + field(5, array.nbytes)
        entries[key.encode()] = field(1, 1) + field(2, sides) + place
        data += array.tobytes()
        variable = field(1, b"V") + field(2, name.encode()) + field(3, key.encode())
        nodes += field(1, field(2, variable))
    if named:
        text = varint(len(nodes)) + b"\0" * 4 + nodes
        place = field(4, len(data)) + field(5, len(text))
        entries[b"_CHECKPOINTABLE_OBJECT_GRAPH"] = field(1, 7) + field(2, b"") + place
        data += text
    stem = folder / "variables/variables"
    stem.with_suffix(".index").write_bytes(table(sorted(entries.items())))
    Path(f"{stem}.data-00000-of-00001").write_bytes(data)
    (folder / "saved_model.pb").write_bytes(b"a graph, which is not read")
    return folder


def write_scaler(path: Path, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    """Write a scikit-learn scaler; gives what it divides by."""
    rows = np.random.default_rng(seed).uniform(0.1, 9, (5, width)).astype("f4")
    path.write_bytes(pickle.dumps(MaxAbsScaler().fit(rows)))
    return rows.max(axis=0)


def write_spivak(folder: Path, *, named: bool = True) -> dict[str, dict[str, np.ndarray]]:
    """Write a whole head of two networks below `folder`; gives the arrays of each."""
    arrays = {}
    for seed, output in enumerate(("confidence", "delta")):
        name = f"spotting_test_resnet_normalized_{output}_zoo_lr1e-3/best_model"
        arrays[output] = dense_arrays(output, seed)
        write_saved_model(folder / name, arrays[output], named=named)
    write_scaler(folder / "resnet_normalizer.pkl")
    return arrays


def u_net(x: np.ndarray, arrays: dict[str, np.ndarray], output: str) -> np.ndarray:
    """One chunk ``(224, width)`` of normalised rows to logits ``(224, 17)``, term by term."""
    relu = lambda y: np.maximum(y, 0)  # noqa: E731

    def conv(y: np.ndarray, name: str) -> np.ndarray:
        kernel, bias = arrays[f"{name}/kernel"], arrays[f"{name}/bias"]
        kernel = kernel.reshape(kernel.shape[0], -1, kernel.shape[-1])
        side = len(kernel) // 2
        padded = np.pad(y, ((side, side), (0, 0)))
        return sum(padded[j : j + len(y)] @ kernel[j] for j in range(len(kernel))) + bias

    def block(y: np.ndarray, name: str) -> np.ndarray:
        active = relu(y)
        h = relu(conv(relu(conv(active, f"{name}_reduce")), f"{name}_convolve"))
        if f"{name}_shortcut_conv/bias" in arrays:
            y = conv(active, f"{name}_shortcut_conv")
        return y + conv(h, f"{name}_expand")

    for name in ("optional_projection", "input_reduction_1", "input_reduction_out"):
        if f"{name}/kernel" in arrays:
            x = relu(conv(x, name))
    levels = []
    for level in range(len(CHANNELS)):
        x = x.reshape(-1, 2, x.shape[1]).max(axis=1) if level else x
        x = block(block(x, f"bu_layer{level}_block0"), f"bu_layer{level}_block1")
        levels.append(x)
    for level in reversed(range(len(CHANNELS) - 1)):
        name = f"td_layer{level}"
        kernel, bias = arrays[f"{name}_transpose/kernel"], arrays[f"{name}_transpose/bias"]
        up = np.stack([relu(x) @ kernel[j, 0].T for j in (0, 1)], axis=1)
        x = up.reshape(2 * len(x), -1) + bias + levels[level]
        x = block(block(x, f"{name}_block0"), f"{name}_block1")
    return conv(relu(x), f"{output}_convolution")


def write_torch(path: Path, state: dict[str, np.ndarray], top: str | None = "state_dict") -> Path:
    """Write what ``torch.save`` writes, without PyTorch."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*_):
        raise AssertionError

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    class Tensor:
        def __init__(self, key: str, array: np.ndarray) -> None:
            self.key, self.array = key, array

        def __reduce__(self):
            steps = tuple(n // 4 for n in np.ascontiguousarray(self.array).strides)
            storage = Storage(self.key, self.array.size)
            return _rebuild_tensor_v2, (storage, 0, self.array.shape, steps, False, {})

    class Storage:
        def __init__(self, key: str, numbers: int) -> None:
            self.key, self.numbers = key, numbers

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", torch.FloatStorage, value.key, "cpu", value.numbers)
            return None

    content = {name: Tensor(str(i), array) for i, (name, array) in enumerate(state.items())}
    described, before = io.BytesIO(), {n: sys.modules.get(n) for n in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        Pickler(described, protocol=2).dump({"epoch": 3, top: content} if top else content)
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", described.getvalue())
        for i, array in enumerate(state.values()):
            archive.writestr(f"archive/data/{i}", np.ascontiguousarray(array, "<f4").tobytes())
    return path


def unit(x: np.ndarray, axis: int) -> np.ndarray:
    """Scale to length 1 as PyTorch's ``normalize`` does."""
    return x / np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), 1e-12)


def residuals(z: np.ndarray, assign: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """NetVLAD's ``(clusters, dims)`` of the rows of a window, each cluster of length 1."""
    z = unit(z.astype(float), 1)
    share = np.exp(z @ assign)
    share /= share.sum(axis=1, keepdims=True)
    return unit(share.T @ z - share.sum(axis=0)[:, None] * centres, 1)
