"""NetVLAD (Arandjelović et al., CVPR 2016): the rows of a window pooled over learned clusters."""

from __future__ import annotations

from typing import Any

from keras import initializers, layers, ops

_SMALLEST = 1e-12
"""Length under which a vector is not stretched to 1; PyTorch's ``normalize`` has the same."""


def unit(x: Any, axis: int) -> Any:
    """Scale vectors along an axis to length 1; zeros stay, and have a gradient of 0."""
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(square, _SMALLEST**2))


class Pool(layers.Layer):
    """NetVLAD: soft-assigned residuals of rows of length 1."""

    def __init__(self, clusters: int, dims: int) -> None:
        super().__init__()
        first, second = (initializers.RandomNormal(stddev=dims**-0.5) for _ in range(2))
        self._assign = layers.Dense(clusters, use_bias=False, kernel_initializer=first)
        self._centres = self.add_weight(name="centres", shape=(clusters, dims), initializer=second)

    @property
    def variables_by_name(self) -> dict[str, Any]:
        """The variables of a built pool: assignment ``(dims, clusters)``, centres, by name."""
        return {"assign": self._assign.kernel, "centres": self._centres}

    def call(self, x: Any) -> Any:
        """Pool rows ``(batch, rows, dims)`` to ``(batch, clusters * dims)``."""
        x = unit(x, -1)
        share = ops.softmax(self._assign(x), axis=-1)
        pooled = ops.matmul(ops.swapaxes(share, 1, 2), x)
        residual = pooled - ops.sum(share, axis=1)[:, :, None] * self._centres
        clusters, dims = self._centres.shape
        return unit(ops.reshape(unit(residual, 2), (-1, clusters * dims)), 1)


class Projection(layers.Dense):
    """To `units` numbers a row; rows of that width stay as they are."""

    def build(self, input_shape: Any) -> None:
        """Make the weights, if there are to be any."""
        self._as_it_is = input_shape[-1] == self.units
        if not self._as_it_is:
            super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Project rows ``(batch, rows, dims)``."""
        return x if self._as_it_is else super().call(x)
