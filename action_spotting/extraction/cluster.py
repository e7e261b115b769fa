"""Many machines: work on many items done by a Dask cluster.

What is sent is plain data: how the tool is made (a `functools.partial` of importable functions and
settings) and the item. Every worker process makes the tool of a run once. All machines must see
the dataset under the same path.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.io.items import Outcome, Summary, run_items
from action_spotting.io.progress import Progress

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

CONNECT_S = 10
TOLD_S = 10
"""How long a scheduler may be without a worker before that is said."""

WORKER_S = 300
"""How long to wait for the first worker; a batch system may have to start it."""

T = TypeVar("T")
R = TypeVar("R")

_tools: dict[str, Any] = {}
_making = threading.Lock()


def run_on_cluster(
    scheduler: str,
    stage: str,
    make: partial[Any],
    items: Mapping[str, T],
    work: Callable[[Any, T], Outcome],
    *,
    fail_fast: bool = False,
) -> Summary:
    """Do ``work(make(), item)`` on each item, as `run_items` does, on a Dask cluster."""
    with connect(scheduler, make, work, items) as (call, pool):
        at_once = max(1, len(items))
        return run_items(stage, items, call, fail_fast=fail_fast, workers=at_once, pool=pool)


@contextlib.contextmanager
def connect(
    scheduler: str, make: partial[Any], work: Callable[[Any, T], R], files: Collection[str]
) -> Iterator[tuple[Callable[[T], R], Executor]]:
    """Connect to a Dask cluster that is to do ``work(make(), item)`` for many items.

    A worker that dies loses the item in its hand, which another worker does. An item whose workers
    die again and again (Dask's ``allowed-failures``) fails.

    Parameters
    ----------
    scheduler
        Its address, ``tcp://HOST:PORT``.
    make
        Makes the tool, once in every worker process; picklable, and so is what it is made of.
    work
        Does one item with the tool.
    files
        Absolute paths of the files concerned, which the workers must see.

    Yields
    ------
    call, pool
        What to submit for an item, and where.

    Raises
    ------
    UsageError
        Dask is not installed, no scheduler or worker answers, or the workers cannot see the
        folder or import this package.
    """
    with connected(scheduler) as client:
        check_workers(client, files, make, work)
        token = uuid.uuid4().hex
        if files:  # what is wrong with the tool itself is told once, not for every item
            client.submit(_prepare, token, make, pure=False).result()
        yield partial(_with_tool, token, make, work), _Pool(client, scheduler)


def sum_on_cluster(
    scheduler: str,
    stage: str,
    groups: Sequence[Sequence[Path]],
    work: Callable[[Sequence[Path]], T],
    add: Callable[[T, T], T],
) -> T:
    """Give the sum of ``work(group)`` over all groups of files.

    The results are added two by two in an order that hangs on the groups alone, so that the sum
    is the same to the bit whichever worker does what when.
    """
    with connected(scheduler) as client, Progress(len(groups), stage, "file") as bar:
        check_workers(client, [str(path) for group in groups for path in group], work, add)
        level: list[Any] = [client.submit(work, group, pure=False) for group in groups]
        for future in level:
            future.add_done_callback(lambda _: bar.update())
        while len(level) > 1:
            pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
            level = [client.submit(add, *p, pure=False) if len(p) == 2 else p[0] for p in pairs]
        return _result(level[0].result, scheduler)


@contextlib.contextmanager
def connected(scheduler: str) -> Iterator[Client]:
    """Connect to a Dask scheduler and wait for its first worker."""
    try:
        from distributed import Client
        from distributed import TimeoutError as OutOfTime
    except ImportError as error:
        raise UsageError(
            '--scheduler needs Dask: pip install "action_spotting[cluster]", here and where the '
            "workers run"
        ) from error
    # What it has to say about lost connections is said here, in a sentence each.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(  # type: ignore[no-untyped-call, unused-ignore]
            scheduler, timeout=CONNECT_S, set_as_default=False
        )
    except (OSError, OutOfTime, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {scheduler!r} within {CONNECT_S} s; start one with "
            "`dask scheduler` and give the address that it prints, such as tcp://node1:8786"
        ) from error
    with client:
        try:
            _wait_for_worker(client, scheduler)
        except OutOfTime as error:
            raise UsageError(
                f"the scheduler at {scheduler} has had no worker for {WORKER_S} s; start some with "
                f"`dask worker {scheduler}`"
            ) from error
        yield client


def _wait_for_worker(client: Client, scheduler: str) -> None:
    """Wait for the first worker; after `TOLD_S` say so."""
    from distributed import TimeoutError as OutOfTime

    with contextlib.suppress(OutOfTime):
        client.wait_for_workers(1, timeout=TOLD_S)
        return
    logger.warning(
        "the scheduler at %s has no worker yet; start some with `dask worker %s`; waiting up to "
        "%d s more",
        scheduler,
        scheduler,
        WORKER_S - TOLD_S,
    )
    client.wait_for_workers(1, timeout=WORKER_S - TOLD_S)


def check_workers(client: Client, files: Iterable[str], *needed: Callable[..., Any]) -> None:
    """Raise `UsageError` unless all workers can import what is sent and see the files' folder.

    A worker that is sent a function that it cannot import ends, and so would all the others that
    are given the task after it; hence the question, which takes nothing but the standard library.
    """
    for module in sorted({_sees.__module__, *_modules(needed)}):
        try:
            found = client.run(importlib.util.find_spec, module)
        except ModuleNotFoundError:
            found = {"the workers": None}
        if lacking := [address for address, spec in found.items() if spec is None]:
            raise UsageError(
                f"{', '.join(lacking)} cannot import {module}; install this toolkit there too, "
                "in the same version"
            )
    parents = {str(Path(file).parent) for file in files}
    folder = Path(os.path.commonpath(parents)) if parents else Path.cwd()
    folder = next(place for place in (folder, *folder.parents) if place.exists())
    if blind := [address for address, sees in client.run(_sees, folder).items() if not sees]:
        raise UsageError(
            f"{folder} cannot be seen by {', '.join(blind)}; it must be a folder that all machines "
            "share, under the same path"
        )


class _Pool(Executor):
    """Hands items to the cluster, and words what Dask has to say about those that are lost."""

    def __init__(self, client: Any, scheduler: str) -> None:
        self._executor = client.get_executor(pure=False)
        self._scheduler = scheduler

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        outer: Future[Any] = Future()

        def pass_on(inner: Future[Any]) -> None:
            try:
                outer.set_result(_result(inner.result, self._scheduler))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                outer.set_exception(error)

        self._executor.submit(fn, *args, **kwargs).add_done_callback(pass_on)
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait and not cancel_futures)


def _result(result: Callable[[], T], scheduler: str) -> T:
    from distributed.scheduler import KilledWorker

    try:
        return result()
    except KilledWorker as error:
        raise InputError(
            f"{error.allowed_failures + 1} workers died with it in hand, so it is not tried again; "
            "is the memory of the workers enough? Their logs say more"
        ) from error
    except CancelledError as error:
        raise SpottingError(
            f"the scheduler at {scheduler} has gone away; what is finished is kept, the same "
            "command goes on"
        ) from error


def _modules(value: Any) -> Iterator[str]:
    """Name the modules of all functions in what is sent."""
    if isinstance(value, partial):
        yield from _modules([value.func, *value.args, *value.keywords.values()])
    elif isinstance(value, Mapping):
        yield from _modules(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _modules(item)
    elif callable(value):
        yield value.__module__


def _prepare(token: str, make: partial[Any]) -> None:
    _tool(token, make)


def _with_tool(token: str, make: partial[Any], work: Callable[[Any, T], R], item: T) -> R:
    return work(_tool(token, make), item)


def _tool(token: str, make: partial[Any]) -> Any:
    """Make the tool of a run, or give the one that this process has made for it."""
    with _making:
        if token not in _tools:
            _tools.clear()  # a worker has one task after another; the tools of two may not fit
            _tools[token] = make()
        return _tools[token]


def _sees(folder: Path) -> bool:
    return folder.exists()
