"""A stand-in for YOLOv5 that finds the people and the ball of the sample matches.

It has YOLOv5's input and output and none of its weights: a handful of fixed filters that look for
upright patches that are not grass, with grass around them. It is good for nothing but the pictures
of this package, and its metadata says so.

The input is ``images``, float32 ``(batch, 3, 640, 640)``, RGB in [0, 1]; the output ``output0``,
float32 ``(batch, 25200, 85)``: centre x, centre y, width, height in pixels, objectness, and 80
class scores, for three anchors on each of the grids of 80, 40 and 20 cells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from action_spotting.io.files import whole_file

SIDE = 640
STRIDES = (8, 16, 32)
CLASSES = 80
PERSON, BALL = 0, 32
NOTE = (
    "Stand-in detector for the generated sample matches: fixed colour filters with YOLOv5's input "
    "and output. It is not YOLOv5 and detects nothing in real pictures."
)
PEOPLE: dict[int, tuple[tuple[int, int], ...]] = {
    8: ((3, 7), (5, 11)),
    16: ((3, 7), (3, 9), (5, 13)),
    32: ((3, 7), (3, 9), (5, 13)),
}
"""Width and height of the patches looked for at each stride, in cells of half that stride."""

_LEAST, _SURE = 0.18, 0.55
"""Contrast at which something begins to be a person, and at which it surely is one."""

LARGER = 1.1
"""By how much the contrast of a smaller patch must exceed that of a larger one around it."""


def write_detector(path: Path) -> Path:
    """Write the stand-in to the ``.onnx`` file `path`, whole or not at all; give `path`.

    The bytes are the same every time.
    """
    with whole_file(Path(path)) as part:
        part.write_bytes(_network().SerializeToString(deterministic=True))
    return Path(path)


def _network() -> onnx.ModelProto:
    net = _Net()
    colour = net.add("AveragePool", ["images"], kernel_shape=[4, 4], strides=[4, 4])
    fine = _not_grass(net, colour)
    cells = {8: fine}
    for stride in STRIDES[1:]:
        half = cells[stride // 2]
        cells[stride] = net.add("AveragePool", [half], kernel_shape=[2, 2], strides=[2, 2])
    anchors = [_ball(net, fine, colour), *_people(net, cells)]
    table = net.add("Transpose", [net.add("Concat", anchors, axis=2)], perm=[0, 2, 1])
    spread = np.zeros((6, 5 + CLASSES), np.float32)
    for column, places in enumerate(((0,), (1,), (2,), (3,), (4, 5 + PERSON), (4, 5 + BALL))):
        spread[column, places] = 1
    net.add("MatMul", [table, net.constant(spread)], output="output0")
    return net.model()


class _Net:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        """Add a node; give the name of its output."""
        name = output or f"t{len(self.nodes)}"
        # Named, or ONNX Runtime 1.19 and 1.20 give two fused nodes one name.
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: object, dtype: type = np.float32) -> str:
        """Add a constant; give its name."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ramp(self, value: str, zero: float, one: float) -> str:
        """Map `value` straight so that `zero` becomes 0 and `one` becomes 1, and cut there."""
        scaled = self.times(value, 1.0 / (one - zero))
        moved = self.add("Add", [scaled, self.constant(-zero / (one - zero))])
        return self.clip(moved, 0.0, 1.0)

    def times(self, value: str, factor: object) -> str:
        """Multiply by a constant."""
        return self.add("Mul", [value, self.constant(factor)])

    def clip(self, value: str, low: float, high: float) -> str:
        """Cut to an interval."""
        return self.add("Clip", [value, self.constant(low), self.constant(high)])

    def peaks(self, value: str, height: int, width: int) -> str:
        """Give the largest value of each place's surroundings."""
        (top, left), shape = (height // 2, width // 2), [height, width]
        return self.add("MaxPool", [value], kernel_shape=shape, pads=[top, left, top, left])

    def filter(self, value: str, kernels: np.ndarray) -> str:
        """Correlate one channel with kernels ``(n, height, width)``; the size stays."""
        height, width = kernels.shape[1:]
        top, left = (height - 1) // 2, (width - 1) // 2
        pads = [top, left, height - 1 - top, width - 1 - left]
        return self.add("Conv", [value, self.constant(kernels[:, None])], pads=pads)

    def channel(self, value: str, first: int, last: int) -> str:
        """Cut channels `first` up to `last`."""
        limits = [self.constant([i], np.int64) for i in (first, last, 1)]
        return self.add("Slice", [value, *limits])

    def model(self) -> onnx.ModelProto:
        """Close the network."""
        entry, result = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
            for name, shape in (("images", (3, SIDE, SIDE)), ("output0", (25200, 5 + CLASSES)))
        )
        graph = helper.make_graph(self.nodes, "sample_detector", [entry], [result], self.constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", 13)],
            ir_version=8,
            producer_name="action_spotting.sample",
            doc_string=NOTE,
        )
        helper.set_model_props(model, {"description": NOTE})
        onnx.checker.check_model(model)
        return model


def _not_grass(net: _Net, colour: str) -> str:
    """How little a cell looks like grass: green must lead red and blue."""
    red, green, blue = (net.channel(colour, i, i + 1) for i in range(3))
    lead = net.add("Sub", [green, net.add("Max", [red, blue])])
    return net.ramp(lead, 0.20, 0.06)


def _people(net: _Net, cells: dict[int, str]) -> list[str]:
    """Columns of the people's anchors, from the largest patches to the smallest.

    What a larger patch explains nearly as well is left to it: a shirt is no person.
    """
    anchors, rival = [], ""
    for stride in reversed(STRIDES):
        for width, height in reversed(PEOPLE[stride]):
            contrast = _contrast(net, cells[stride], width, height)
            alone = net.add("Sub", [contrast, rival]) if rival else contrast
            score = net.ramp(contrast, _LEAST, _SURE)
            if rival:
                score = net.add("Mul", [score, net.ramp(alone, 0.0, 0.02)])
            size = np.array([0.42 * height, height], np.float32) * stride / 2
            anchors.append(_columns(net, score, contrast, stride, size, PERSON))
            near = net.times(net.peaks(contrast, 7, 5), LARGER)
            rival = net.add("Max", [near, rival]) if rival else near
        if stride > STRIDES[0]:
            scales = [net.constant([], np.float32), net.constant([1, 1, 2, 2])]
            rival = net.add("Resize", [rival, *scales], mode="nearest")
    return anchors


def _contrast(net: _Net, cells: str, width: int, height: int) -> str:
    """How much a patch of `width` × `height` cells stands out from the grass around it."""
    found = net.filter(cells, _patch_kernels(width, height))
    around = net.add("ReduceMax", [net.channel(found, 1, 5)], axes=[1], keepdims=1)
    return net.add("Sub", [net.channel(found, 0, 1), around])


def _patch_kernels(width: int, height: int) -> np.ndarray:
    """Means over a patch, and over what is left, right, above and below it; ``(5, h, w)``."""
    rim = max(1, height // 5)
    kernels = np.zeros((5, height + 2 * rim + 2, 3 * width), np.float32)
    rows = slice(rim + 1, rim + 1 + height)
    for i, part in enumerate((1, 0, 2)):
        kernels[i, rows, part * width : (part + 1) * width] = 1
    kernels[3, :rim, width : 2 * width] = kernels[4, -rim:, width : 2 * width] = 0.7
    return kernels / (kernels > 0).sum(axis=(1, 2), keepdims=True)


def _ball(net: _Net, cells: str, colour: str) -> str:
    """Columns of the ball's anchor: a white spot with nothing but grass around it."""
    kernels = np.stack([np.zeros((7, 7), np.float32), np.ones((7, 7), np.float32)])
    kernels[0, 2:5, 2:5], kernels[1, 1:6, 1:6] = 1, 0
    found = net.filter(cells, kernels)
    spot, ring = net.channel(found, 0, 1), net.channel(found, 1, 2)
    darkest = net.add("ReduceMin", [colour], axes=[1], keepdims=1)
    white = net.peaks(darkest, 3, 3)
    spot = net.clip(spot, 0.0, 1.8)
    alone = net.add("Sub", [spot, net.times(ring, 3.0)])
    contrast = net.add("Mul", [net.ramp(alone, 0.4, 1.0), net.ramp(white, 0.35, 0.6)])
    return _columns(net, contrast, contrast, 8, np.array([7.0, 7.0], np.float32), BALL)


def _columns(net: _Net, score: str, contrast: str, stride: int, size: np.ndarray, kind: int) -> str:
    """Keep the peaks of `contrast`: x, y, width, height, person, ball; ``(batch, 6, cells)``.

    Peaks are sought in cells of half the stride; a grid cell holds 2 × 2 of them and so at most
    one peak, whose place is the largest of the four, the others being 0.
    """
    count = SIDE // stride
    highest = net.peaks(contrast, 3, 3)
    is_peak = net.add("Equal", [contrast, highest])
    peak = net.add("Mul", [score, net.add("Cast", [is_peak], to=TensorProto.FLOAT)])
    seen = net.add("Ceil", [peak])
    middles = (np.arange(2 * count, dtype=np.float32) + 0.5) * stride / 2
    places = np.stack(np.meshgrid(middles, middles))[None]
    both = net.add("Concat", [net.times(seen, places), peak], axis=1)
    cells = net.add("MaxPool", [both], kernel_shape=[2, 2], strides=[2, 2])
    spread, offset = np.zeros((6, 3, 1, 1), np.float32), np.zeros(6, np.float32)
    spread[0, 0] = spread[1, 1] = spread[4 if kind == PERSON else 5, 2] = 1
    offset[2:4] = size
    full = net.add("Conv", [cells, net.constant(spread), net.constant(offset)])
    return net.add("Reshape", [full, net.constant([0, 6, count * count], np.int64)])
