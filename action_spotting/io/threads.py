"""Streams between threads: one for several readers (`tee`), one made ahead (`prefetch`)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

TEE_DEPTH = 4
PREFETCH_DEPTH = 2
_POLL_S = 0.2


def tee(
    items: Iterable[T], consumers: Sequence[Callable[[Iterator[T]], R]], *, depth: int = TEE_DEPTH
) -> list[R]:
    """Hand every item to every consumer, each of which runs in a thread of its own.

    Parameters
    ----------
    items
        Iterated over once, in the caller's thread.
    consumers
        Take an iterator over all items. One that ends early is not waited for; when all have
        ended, so does the iteration.
    depth
        Items by which a consumer may lag behind.

    Returns
    -------
    list
        What the consumers return, in their order.

    Raises
    ------
    Exception
        What `items` or the first failing consumer raises. It is also raised in the streams of the
        other consumers that have not yet reached the end.

    Examples
    --------
    >>> tee(range(4), [sum, list])
    [6, [0, 1, 2, 3]]
    """
    channels: list[_Channel[T]] = [_Channel(depth) for _ in consumers]
    error: BaseException | None = None
    with ThreadPoolExecutor(len(consumers) or 1, thread_name_prefix="tee") as pool:
        running = [
            pool.submit(channel.read, consumer)
            for channel, consumer in zip(channels, consumers, strict=True)
        ]
        try:
            for item in items:
                reading = [channel.put(item) for channel in channels]
                for future, reads in zip(running, reading, strict=True):
                    if not reads:
                        future.result()
                if not any(reading):
                    break
        except BaseException as caught:
            error = caught
            raise
        finally:
            for channel in channels:
                channel.put(_End(error))
    return [future.result() for future in running]


def prefetch(items: Iterable[T], depth: int = PREFETCH_DEPTH) -> Generator[T]:
    """Iterate over `items` in a thread that runs at most `depth` items ahead.

    What the thread raises is raised here; leaving the loop early ends the thread.

    >>> list(prefetch(range(3)))
    [0, 1, 2]
    """
    channel: _Channel[T] = _Channel(depth)
    thread = threading.Thread(target=channel.fill, args=(items,), name="prefetch", daemon=True)
    thread.start()
    try:
        yield from channel
    finally:
        channel.left.set()
        if thread is not threading.current_thread():  # the collector may close it there
            thread.join()


@dataclass
class _End:
    """The end of a stream, and the error that ended it."""

    error: BaseException | None = None


class _Channel(Generic[T]):
    """A bounded stream from one thread to another.

    Attributes
    ----------
    left
        Set when the reader takes no more.
    """

    def __init__(self, depth: int) -> None:
        self.left = threading.Event()
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)

    def put(self, item: T | _End) -> bool:
        """Wait until there is room for `item`; False when the reader has left."""
        while not self.left.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def fill(self, items: Iterable[T]) -> None:
        """Put all `items`, then the end."""
        end = _End()
        try:
            for item in items:
                if not self.put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again in the reader's thread
            end.error = error
        self.put(end)

    def read(self, consumer: Callable[[Iterator[T]], R]) -> R:
        """Give what `consumer` makes of the stream."""
        try:
            return consumer(iter(self))
        finally:
            self.left.set()

    def __iter__(self) -> Iterator[T]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
