"""Frames gathered into full batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


def batches(images: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Gather images into batches of exactly `size`; the last is filled up with zeros.

    A network that only ever sees one shape gives a frame the same features wherever it stands.

    Returns
    -------
    iterator of (batch, count)
        `batch` is ``(size, …)``, of which the first `count` are images.

    Examples
    --------
    >>> [(b.ravel().tolist(), n) for b, n in batches([np.ones(1)] * 3, 2)]
    [([1.0, 1.0], 2), ([1.0, 0.0], 1)]
    """
    batch: np.ndarray | None = None
    count = 0
    for image in images:
        if batch is None:
            batch = np.zeros((size, *image.shape), image.dtype)
        batch[count] = image
        count += 1
        if count == size:
            yield batch, count
            batch, count = None, 0
    if batch is not None:
        yield batch, count
