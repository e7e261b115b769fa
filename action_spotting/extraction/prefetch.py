"""Work done ahead in a thread of its own, and frames gathered into full batches."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_POLL_S = 0.2


def default_workers() -> int:
    """Halves to work on at once: while one waits for its decoder, another feeds the network.

    >>> default_workers() >= 2
    True
    """
    return max(2, min(8, (os.cpu_count() or 2) // 2))


def ahead(items: Iterable[T], depth: int = 2) -> Generator[T]:
    """Iterate over `items` in a thread that runs at most `depth` items ahead.

    What the thread raises is raised here; leaving the loop early ends the thread.

    >>> list(ahead(range(3)))
    [0, 1, 2]
    """
    full: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(depth)
    left = threading.Event()

    def put(kind: str, value: T | BaseException | None) -> bool:
        while not left.is_set():
            try:
                full.put((kind, value), timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def fill() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # noqa: BLE001 - handed to the reader's thread
            put("error", error)

    thread = threading.Thread(target=fill, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = full.get()
            if kind == "end":
                return
            if kind == "error":
                raise value  # type: ignore[misc]
            yield value  # type: ignore[misc]
    finally:
        left.set()
        thread.join()


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
