"""Work on many items: a bad one stops only itself and is listed at the end."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from action_spotting.errors import SOME_FAILED, SpottingError, worded
from action_spotting.io.locks import InWork
from action_spotting.io.progress import Progress
from action_spotting.io.reasons import grouped, short

T = TypeVar("T")
R = TypeVar("R")
Outcome = tuple[str, str | None]
"""``("done" | "skipped", warning or None)``: what became of an item."""

ITEM_ERRORS = (SpottingError, OSError, MemoryError)
"""What fails one item; any other exception is a defect of ours and ends the run."""

_TICK_S = 0.25
_LEVELS = {
    "done": logging.INFO,
    "skipped": logging.DEBUG,
    "elsewhere": logging.INFO,
    "warning": logging.WARNING,
    "failed": logging.ERROR,
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """What became of an item, as the attribute ``event`` of its log record.

    Attributes
    ----------
    stage, item
        Their names.
    state
        done, skipped, elsewhere, warning or failed.
    text
        Why; empty for what is done or skipped.
    """

    stage: str
    item: str
    state: str
    text: str = ""


def note(stage: str, items: Mapping[str, str], state: str = "failed") -> None:
    """Log what became of items, each with its reason: all that failures files and logs are of."""
    for item, text in items.items():
        words = f"{item}: {short(item, text)}" if text else item
        words = words.encode("utf-8", "backslashreplace").decode()  # a file's name may be any bytes
        event = {"event": Event(stage, item, state, text)}
        logger.log(_LEVELS[state], "%s: %s %s", stage, state, words, extra=event)


@dataclass
class Summary:
    """What became of the items of a stage.

    Attributes
    ----------
    stage
        Its name.
    done, skipped
        Items made, and items that were already there.
    elsewhere
        Items that another process is making, with who that is; neither made nor failed.
    warnings, failures
        What is to be said of items, and why items failed.
    seconds
        How long it took.
    """

    stage: str
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 when all went well, 3 when some items failed."""
        return SOME_FAILED if self.failures else 0

    def account(self, item: str, result: Outcome | Exception, *, fail_fast: bool = False) -> None:
        """Enter what became of an item; the one place that decides what a failure means.

        Raises
        ------
        Exception
            `result`, one of `ITEM_ERRORS`, where the item failed, and `fail_fast`.
        """
        if isinstance(result, InWork):
            self.elsewhere[item] = str(result)
            note(self.stage, {item: str(result)}, "elsewhere")
        elif isinstance(result, Exception):
            if fail_fast:
                raise result
            self.failures[item] = worded(result)
            note(self.stage, {item: worded(result)})
        else:
            outcome, warning = result
            (self.done if outcome == "done" else self.skipped).append(item)
            note(self.stage, {item: ""}, outcome)
            if warning:
                self.warnings[item] = warning
                note(self.stage, {item: warning}, "warning")

    def __str__(self) -> str:
        """Counts, then warnings and failures, those with one reason together."""
        others = f"{len(self.elsewhere)} in work elsewhere, " if self.elsewhere else ""
        lines = [
            f"{self.stage}: {len(self.done)} made, {len(self.skipped)} already there, {others}"
            f"{len(self.failures)} failed ({self.seconds:.1f} s)"
        ]
        lines += [f"  {line}" for line in grouped(self.elsewhere)]
        lines += [f"  warning  {line}" for line in grouped(self.warnings)]
        lines += [f"  FAILED   {line}" for line in grouped(self.failures)]
        return "\n".join(lines)


def run_items(
    stage: str,
    items: Mapping[str, T],
    work: Callable[[T], Outcome],
    *,
    fail_fast: bool = False,
    workers: int = 1,
    unit: str = "half",
    pool: Executor | None = None,
) -> Summary:
    """Do `work` on each item, with a progress bar, and sum up what became of them.

    Parameters
    ----------
    stage
        Name of what is done.
    items
        By the name under which they are listed.
    work
        Does one item; one of `ITEM_ERRORS` fails only that item.
    fail_fast
        Raise at the first item that fails instead of listing it.
    workers
        Items in work at once.
    unit
        What an item is, for the progress bar.
    pool
        Where the work is done; None: in `workers` threads.
    """
    summary = Summary(stage)
    began = time.monotonic()
    with Progress(len(items), stage, unit) as bar:

        def account(name: str, future: Future[Outcome]) -> None:
            try:
                result: Outcome | Exception = future.result()
            except ITEM_ERRORS as error:
                result = error
            summary.account(name, result, fail_fast=fail_fast)
            bar.update()

        run_all(items, work, account, workers=workers, pool=pool, tick=bar.tick)
    summary.seconds = time.monotonic() - began
    return summary


def run_all(
    items: Mapping[str, T],
    work: Callable[[T], R],
    account: Callable[[str, Future[R]], object],
    *,
    workers: int = 1,
    pool: Executor | None = None,
    tick: Callable[[], object] = lambda: None,
) -> None:
    """Do `work` on each item, `workers` at once, and hand each to `account` as it ends.

    Parameters
    ----------
    items
        By name.
    work
        Does one item.
    account
        Takes the name of an item and its finished future, in the caller's thread; what it raises
        ends the run.
    workers, pool
        As for `run_items`.
    tick
        Is called a few times a second while all items in work go on.
    """
    todo = iter(items.items())
    running: dict[Future[R], str] = {}
    finished: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()
    pool = pool or ThreadPoolExecutor(max_workers=workers)
    try:
        while True:
            while len(running) < workers and (entry := next(todo, None)):
                future = pool.submit(work, entry[1])
                running[future] = entry[0]
                future.add_done_callback(finished.put)
            if not running:
                break
            try:
                future = finished.get(timeout=_TICK_S)
            except queue.Empty:
                tick()
                continue
            account(running.pop(future), future)
    except BaseException as error:
        # Ctrl-C does not wait for the halves in work.
        wait_for_them = not isinstance(error, KeyboardInterrupt)
        pool.shutdown(wait=wait_for_them, cancel_futures=True)
        raise
    pool.shutdown()
