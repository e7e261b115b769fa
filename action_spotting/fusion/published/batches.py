"""A Keras network over many examples: blocks of one size, so that it is compiled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops


def run_in_batches(
    network: Callable[[Any], Any],
    count: int,
    block: Callable[[int, int], np.ndarray],
    size: int,
) -> np.ndarray:
    """Run a network over `count` examples and join its outputs.

    Parameters
    ----------
    network
        Compiled, of one array.
    count
        Number of examples, 1 or more.
    block
        ``block(start, stop)`` gives float32 examples ``(stop - start, …)``.
    size
        Examples a batch; a last block that is smaller is filled with zeros.

    Returns
    -------
    float32 array ``(count, …)``
    """
    size, parts = min(size, count), []
    for start in range(0, count, size):
        batch = block(start, min(start + size, count))
        lacking = size - len(batch)
        if lacking:
            batch = np.concatenate([batch, np.zeros((lacking, *batch.shape[1:]), np.float32)])
        parts.append(np.asarray(ops.convert_to_numpy(network(batch)))[: size - lacking])
    return np.concatenate(parts)
