"""The dense-anchor networks of yahoo/spivak (Soares et al., ICIP 2022), written anew in Keras.

One U-net gives the confidence of each row and class, another the displacement to the event. Both
see chunks of 224 rows; what a chunk gives for rows near its ends is not used, so that the rule
by which chunks are laid (`chunk_starts`, `kept_rows`) belongs to the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import Input, Model, layers, ops

from action_spotting.backend import compiled
from action_spotting.errors import InputError
from action_spotting.fusion.published.batches import run_in_batches

CHUNK_ROWS, BORDER_ROWS = 224, 100
MOST_MOVED_ROWS = 12
CONFIDENCE, DISPLACEMENT = "confidence", "delta"
"""The two networks, as their last layers are named."""

CHANNELS = (64, 128, 256, 512, 1024, 2048)
STEM = ("optional_projection", "input_reduction_1", "input_reduction_out")
STEM_UNITS = (512, 256, 64)

ROWS_AT_ONCE, CHUNKS_AT_ONCE = 1024, 31


class Upsampling(layers.Layer):
    """Transposed convolution of two taps and stride 2.

    As one matrix product: thirty times faster on a processor than TensorFlow's own.
    """

    def __init__(self, units: int, name: str) -> None:
        super().__init__(name=name)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Make kernel ``(2, units, inputs)`` and bias."""
        self.kernel = self.add_weight(name="kernel", shape=(2, self.units, input_shape[-1]))
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, x: Any) -> Any:
        """Make two rows ``(batch, 2 * rows, units)`` of each."""
        both = ops.reshape(self.kernel, (2 * self.units, -1))
        pairs = ops.matmul(x, ops.transpose(both))
        return ops.reshape(pairs, (-1, 2 * x.shape[1], self.units)) + self.bias

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Twice the rows, `units` numbers each."""
        return input_shape[0], 2 * input_shape[1], self.units


class DenseAnchors:
    """One of the two networks, with random weights.

    What works on each row alone (`stem`) is kept apart from what works on a chunk (`trunk`): it is
    run once a row, not once for each of the chunks that overlap there.

    Parameters
    ----------
    width
        Numbers of a feature row; 512 need no projection.
    classes
        Number of classes.
    output
        `CONFIDENCE` or `DISPLACEMENT`.

    Attributes
    ----------
    layers
        The layers with weights by their published names, in the order of a checkpoint.
    """

    def __init__(self, width: int, classes: int, output: str) -> None:
        self.layers: dict[str, Any] = {}
        names = [*zip(STEM, STEM_UNITS, strict=True)][int(width == STEM_UNITS[0]) :]
        rows = x = Input((width,))
        for name, units in names:
            x = self._named(layers.Dense(units, activation="relu", name=name))(x)
        stem = Model(rows, x)
        chunk = Input((CHUNK_ROWS, STEM_UNITS[-1]))
        head = layers.Conv1D(classes, 3, padding="same", name=f"{output}_convolution")
        trunk = Model(chunk, self._named(head)(ops.relu(self._u_net(chunk))))
        self.stem, self.trunk = (compiled(model, model.variables) for model in (stem, trunk))

    def _named(self, layer: Any) -> Any:
        self.layers[layer.name] = layer
        return layer

    def _u_net(self, x: Any) -> Any:
        levels = []
        for level, channels in enumerate(CHANNELS):
            if level:
                x = layers.MaxPooling1D(2)(x)
            for block in (0, 1):
                x = self._block(x, channels, f"bu_layer{level}_block{block}")
            levels.append(x)
        for level in reversed(range(len(CHANNELS) - 1)):
            name, channels = f"td_layer{level}", CHANNELS[level]
            up = self._named(Upsampling(channels, name=f"{name}_transpose"))
            x = up(ops.relu(x)) + levels[level]
            for block in (0, 1):
                x = self._block(x, channels, f"{name}_block{block}")
        return x

    def _block(self, x: Any, channels: int, name: str) -> Any:
        """Add a bottleneck whose activations come before its convolutions."""

        def conv(units: int, taps: int, suffix: str) -> Any:
            layer = layers.Conv1D(units, taps, padding="same", name=f"{name}_{suffix}")
            return self._named(layer)

        active = ops.relu(x)
        h = ops.relu(conv(channels // 4, 1, "reduce")(active))
        h = ops.relu(conv(channels // 4, 3, "convolve")(h))
        if x.shape[-1] != channels:
            x = conv(channels, 1, "shortcut_conv")(active)
        return x + conv(channels, 1, "expand")(h)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Give the shape of each variable as it is published: convolutions in two dimensions.

        Returns
        -------
        dict
            Of ``<layer>/kernel`` and ``<layer>/bias``, in the order of a checkpoint.
        """
        shapes = {}
        for i, (name, layer) in enumerate(self.layers.items()):
            *taps, inner, outer = layer.kernel.shape
            spread = (1, inner, 1, outer) if i == 0 else (*(taps or (1,)), 1, inner, outer)
            shapes[f"{name}/kernel"] = spread
            shapes[f"{name}/bias"] = tuple(layer.bias.shape)
        return shapes

    def assign(self, arrays: Mapping[str, np.ndarray], where: str) -> None:
        """Set all variables from arrays in their published shapes.

        Parameters
        ----------
        arrays
            Float32, by name as in `shapes`.
        where
            Their origin, for the error.

        Raises
        ------
        InputError
            One is missing, or of another shape.
        """
        check_shapes(arrays, self.shapes(), where)
        for name, layer in self.layers.items():
            for part in ("kernel", "bias"):
                variable = getattr(layer, part)
                variable.assign(arrays[f"{name}/{part}"].reshape(variable.shape))

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Run over the normalised rows of a half.

        Parameters
        ----------
        rows
            Float32 ``(rows, width)``, 1 row or more.

        Returns
        -------
        float32 array ``(rows, classes)``
            Logits; of the displacement the argument of the tanh.
        """
        count = len(rows)
        filled = max(count, CHUNK_ROWS)  # zeros behind the end of a half that is shorter

        def row_block(start: int, stop: int) -> np.ndarray:
            lacking = max(0, stop - max(start, count))
            return np.pad(rows[start:stop], ((0, lacking), (0, 0)))

        stem = run_in_batches(self.stem, filled, row_block, ROWS_AT_ONCE)
        starts = chunk_starts(count)

        def chunk_block(start: int, stop: int) -> np.ndarray:
            return np.stack([stem[s : s + CHUNK_ROWS] for s in starts[start:stop]])

        chunks = run_in_batches(self.trunk, len(starts), chunk_block, CHUNKS_AT_ONCE)
        return join_chunks(chunks, starts, count)


def check_width(width: int, numbers: int, where: str) -> None:
    """Raise `InputError` where rows of `width` need more variables than the `numbers` there are."""
    if numbers < STEM_UNITS[1] * width:
        raise InputError(
            f"{where}: not the variables of this network: {numbers} numbers for rows of {width}"
        )


def check_shapes(
    arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], where: str
) -> None:
    """Check that arrays are there, of the shapes a network needs.

    Raises
    ------
    InputError
        Some are missing or of another shape; the first are named.
    """
    problems = [f"{name} is missing" for name in shapes if name not in arrays]
    problems += [
        f"{name} has shape {arrays[name].shape}, expected {shape}"
        for name, shape in shapes.items()
        if name in arrays and arrays[name].shape != shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise InputError(
            f"{where}: not the variables of this network: {'; '.join(problems[:3])}{more}"
        )


def chunk_starts(rows: int) -> list[int]:
    """Lay chunks over a half: every 24 rows, the last one where the half ends.

    Examples
    --------
    >>> chunk_starts(100), chunk_starts(250), len(chunk_starts(5400))
    ([0], [0, 24, 26], 217)
    """
    last = max(rows - CHUNK_ROWS, 0)
    return [*range(0, last, CHUNK_ROWS - 2 * BORDER_ROWS), last]


def join_chunks(chunks: np.ndarray, starts: Sequence[int], rows: int) -> np.ndarray:
    """Take from each chunk the rows away from its ends; a later chunk's rows replace others.

    Parameters
    ----------
    chunks
        ``(chunks, 224, classes)``.
    starts
        As of `chunk_starts`.
    rows
        Of the half.

    Returns
    -------
    array ``(rows, classes)``
    """
    joined = np.empty((max(rows, CHUNK_ROWS), *chunks.shape[2:]), chunks.dtype)
    for chunk, start in zip(chunks, starts, strict=True):
        first = BORDER_ROWS if start else 0
        joined[start + first : start + CHUNK_ROWS] = chunk[first:]
    return joined[:rows]
