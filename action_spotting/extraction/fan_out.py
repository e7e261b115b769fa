"""One stream handed to several consumers, so that what makes it runs once."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

DEPTH = 4
_POLL_S = 0.2


def share(
    items: Iterable[T], consumers: Sequence[Callable[[Iterator[T]], R]], *, depth: int = DEPTH
) -> list[R]:
    """Hand every item to every consumer, each of which runs in a thread of its own.

    Parameters
    ----------
    items
        Iterated over once, in the caller's thread.
    consumers
        Take an iterator over all items. One that ends early is not waited for.
    depth
        Items that a consumer may lie behind the fastest.

    Returns
    -------
    list
        What the consumers return, in their order.

    Raises
    ------
    Exception
        What `items` raises, after each consumer has met it too; or what the first consumer that
        fails raises, after which the others meet it in their stream, if they are still in it: up
        to `depth` items of the end may have reached them before.

    Examples
    --------
    >>> share(range(4), [sum, list])
    [6, [0, 1, 2, 3]]
    """
    if len(consumers) == 1:
        return [consumers[0](iter(items))]
    taps: list[_Tap[T]] = [_Tap(depth) for _ in consumers]
    ending: BaseException | None = None
    with ThreadPoolExecutor(len(consumers), thread_name_prefix="share") as pool:
        for tap, consumer in zip(taps, consumers, strict=True):
            tap.consumer = pool.submit(consumer, iter(tap))
        try:
            for item in items:
                for tap in taps:
                    tap.put(item)
        except BaseException as error:
            ending = error
            raise
        finally:
            for tap in taps:
                tap.end(ending)
    return [tap.consumer.result() for tap in taps]


def counted(items: Iterable[T], tell: Callable[[int], object]) -> Iterator[T]:
    """Pass `items` on, and `tell` how many there have been.

    >>> list(counted("ab", print))
    1
    2
    ['a', 'b']
    """
    for number, item in enumerate(items, start=1):
        tell(number)
        yield item


class _Tap(Generic[T]):
    """One consumer's end of a shared stream."""

    consumer: Future[Any]

    def __init__(self, depth: int) -> None:
        self._queue: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)

    def put(self, item: T) -> None:
        """Wait until the consumer has room for `item`, or has ended; raise what it raised."""
        while not self.consumer.done():
            try:
                self._queue.put((True, item), timeout=_POLL_S)
                return
            except queue.Full:
                continue
        self.consumer.result()

    def end(self, error: BaseException | None) -> None:
        """End the stream, by `error` if there is one; of a consumer that is gone, too."""
        while True:
            try:
                self._queue.put((False, error), timeout=_POLL_S)
                return
            except queue.Full:
                if self.consumer.done():
                    self._queue.get()

    def __iter__(self) -> Iterator[T]:
        while True:
            there, value = self._queue.get()
            if there:
                yield value  # type: ignore[misc]
            elif isinstance(value, BaseException):
                raise value
            else:
                return
