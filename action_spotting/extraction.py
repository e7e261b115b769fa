"""From halves to feature files: what is skipped, what is redone, what a failed half means.

Every extraction door hands its extractor and its halves to `extract_all`; the unit of work is one
half, and a half that fails stops only itself. A half is claimed while it is in work (see
`action_spotting.claims`), so that any number of processes may run over one folder.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from action_spotting.claims import InWork, claim, claim_path
from action_spotting.dataset.features import State, feature_state
from action_spotting.dataset.layout import side_path
from action_spotting.dataset.media import Clip
from action_spotting.door import SOME_FAILED
from action_spotting.errors import InputError, SpottingError
from action_spotting.files import clear_parts

T = TypeVar("T")
Outcome = tuple[str, str | None]
"""``("done" | "skipped", warning or None)``: what became of an item."""

_SUFFIXES = (".npy", "_boxes.npz")  # of what is made with a feature file


class Extractor(Protocol):
    """What turns one clip into one feature file.

    Attributes
    ----------
    name
        The feature's name, as in ``1_<name>.npy``.
    dims
        Numbers in a row.
    settings
        All that two files must share to be used together (weights' hash, transform, …);
        JSON-able, it goes into the provenance record.
    """

    name: str
    dims: int
    settings: Mapping[str, Any]

    def extract(self, clip: Clip, target: Path) -> str | None:
        """Write the features of `clip` to `target` (whole or not at all) with their record.

        Called from several threads at once. Returns a warning for the summary, or None.
        Raises `InputError` for a clip that cannot be used.
        """
        ...


@dataclass(frozen=True)
class Job:
    """One half to extract: where it is read and where its features go.

    Attributes
    ----------
    target
        The feature file.
    clip
        Finds the media when the job runs, so that a half without media fails alone. To be sent
        to other machines it must be plain data: ``partial(half.clip, "LQ")``, not a lambda.
    """

    target: Path
    clip: Callable[[], Clip]


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

    def __str__(self) -> str:
        """Counts, then each warning and each failure with its reason."""
        others = f"{len(self.elsewhere)} in work elsewhere, " if self.elsewhere else ""
        lines = [
            f"{self.stage}: {len(self.done)} made, {len(self.skipped)} already there, {others}"
            f"{len(self.failures)} failed ({self.seconds:.1f} s)"
        ]
        lines += [f"  {item}: {text}" for item, text in self.elsewhere.items()]
        lines += [f"  warning  {item}: {text}" for item, text in self.warnings.items()]
        lines += [f"  FAILED   {item}: {text}" for item, text in self.failures.items()]
        return "\n".join(lines)


def extract_all(
    extractor: Extractor,
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    fail_fast: bool = False,
    workers: int = 1,
    shard: tuple[int, int] = (1, 1),
) -> Summary:
    """Make the feature file of every job that has none that is valid.

    Parameters
    ----------
    extractor
        Does one half; must bear being called from `workers` threads.
    jobs
        The halves.
    overwrite
        Redo files that are already there.
    fail_fast
        Raise at the first half that fails instead of listing it.
    workers
        Halves in work at once.
    shard
        ``(i, n)``: take every n-th job, beginning with the i-th (from 1).

    Returns
    -------
    Summary
        Made, skipped, warnings and failures by file name. A file made with other settings is a
        failure that says which setting differs, never silently kept or replaced.
    """
    return run_items(
        extractor.name,
        jobs_by_name(jobs, shard),
        partial(extract_half, extractor, overwrite=overwrite),
        fail_fast=fail_fast,
        workers=workers,
    )


def jobs_by_name(jobs: Sequence[Job], shard: tuple[int, int] = (1, 1)) -> dict[str, Job]:
    """Give part ``(i, n)`` of the jobs by their targets: every n-th, beginning with the i-th."""
    index, count = shard
    return {str(job.target): job for job in list(jobs)[index - 1 :: count]}


def extract_half(
    extractor: Extractor, job: Job, *, overwrite: bool = False, run: str = ""
) -> Outcome:
    """Do one half; see `make_file`."""
    return make_file(
        job.target,
        extractor.dims,
        extractor.settings,
        lambda: extractor.extract(job.clip(), job.target),
        overwrite=overwrite,
        run=run,
    )


def make_file(
    target: Path,
    dims: int,
    settings: Mapping[str, Any],
    make: Callable[[], str | None],
    *,
    overwrite: bool = False,
    run: str = "",
) -> Outcome:
    """Make a feature file unless a valid one is there; it is claimed meanwhile.

    Parameters
    ----------
    target, dims, settings
        The file, its width, and what its record must say.
    make
        Makes it; returns a warning or None.
    overwrite
        Make it even if it is there.
    run
        See `action_spotting.claims.claim`.

    Raises
    ------
    InputError
        It is there, but made with other settings.
    InWork
        Another process is making it.
    """
    # A claim that lies there with the file may be what a killed run left: it is looked into.
    if not overwrite and not claim_path(target).exists() and _is_there(target, dims, settings):
        return "skipped", None
    try:
        with claimed(target, run=run):
            if not overwrite and _is_there(target, dims, settings):
                return "skipped", None
            return "done", make()
    except InWork:
        if not overwrite and _is_there(target, dims, settings):
            return "skipped", None
        raise


@contextlib.contextmanager
def claimed(target: Path, *, run: str = "") -> Iterator[None]:
    """Claim a feature file and clear away what a killed run left of it; see `claims.claim`."""
    with claim(target, run=run):
        for suffix in _SUFFIXES:
            clear_parts(side_path(target, suffix))
        yield


def _is_there(target: Path, dims: int, settings: Mapping[str, Any]) -> bool:
    state, reason = feature_state(target, dims, settings)
    if state is State.STALE:
        raise InputError(f"{reason}; --overwrite makes it anew")
    return state is State.DONE


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
    """Do `work` on each item, with a progress bar; the one place that decides what failure means.

    Parameters
    ----------
    stage
        Name of what is done.
    items
        By the name under which they are listed.
    work
        Does one item, and raises `SpottingError` for what a user can put right; any other
        exception is a defect of ours and ends the run.
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
    todo = iter(items.items())
    running: dict[Future[Outcome], str] = {}
    finished: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()
    pool = pool or ThreadPoolExecutor(max_workers=workers)
    with tqdm(total=len(items), desc=stage, unit=unit, disable=None) as bar:
        try:
            while True:
                while len(running) < workers and (entry := next(todo, None)):
                    future = pool.submit(work, entry[1])
                    running[future] = entry[0]
                    future.add_done_callback(finished.put)
                if not running:
                    break
                future = finished.get()
                _account(summary, running.pop(future), future, fail_fast)
                bar.update()
        except BaseException as error:
            # Ctrl-C does not wait for the halves in work.
            wait_for_them = not isinstance(error, KeyboardInterrupt)
            pool.shutdown(wait=wait_for_them, cancel_futures=True)
            raise
    pool.shutdown()
    summary.seconds = time.monotonic() - began
    return summary


def _account(summary: Summary, name: str, future: Future[Outcome], fail_fast: bool) -> None:
    try:
        outcome, warning = future.result()
    except InWork as error:
        summary.elsewhere[name] = str(error)
        return
    except SpottingError as error:
        if fail_fast:
            raise
        summary.failures[name] = str(error)
        return
    (summary.done if outcome == "done" else summary.skipped).append(name)
    if warning:
        summary.warnings[name] = warning
