"""From halves to feature files: what is skipped, what is redone, what a failed half means.

Every extraction door hands its extractor and its halves to `extract_all`; the unit of work is one
half, and a half that fails stops only itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from action_spotting.dataset.features import State, feature_state
from action_spotting.dataset.media import Clip
from action_spotting.door import SOME_FAILED
from action_spotting.errors import InputError, SpottingError

T = TypeVar("T")


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
    """One half to extract: where it is read and where its features go."""

    target: Path
    clip: Callable[[], Clip]
    """Finds the media when the job runs, so that a half without media fails alone."""


@dataclass
class Summary:
    """What became of the items of a stage."""

    stage: str
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    warnings: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 when all went well, 3 when some items failed."""
        return SOME_FAILED if self.failures else 0

    def __str__(self) -> str:
        """Counts, then each warning and each failure with its reason."""
        lines = [
            f"{self.stage}: {len(self.done)} made, {len(self.skipped)} already there, "
            f"{len(self.failures)} failed ({self.seconds:.1f} s)"
        ]
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
    index, count = shard
    mine = list(jobs)[index - 1 :: count]

    def work(job: Job) -> tuple[str, str | None]:
        if not overwrite:
            state, reason = feature_state(job.target, extractor.dims, extractor.settings)
            if state is State.DONE:
                return "skipped", None
            if state is State.STALE:
                raise InputError(f"{reason}; --overwrite makes it anew")
        return "done", extractor.extract(job.clip(), job.target)

    return run_items(
        extractor.name,
        {str(job.target): job for job in mine},
        work,
        fail_fast=fail_fast,
        workers=workers,
    )


def run_items(
    stage: str,
    items: Mapping[str, T],
    work: Callable[[T], tuple[str, str | None]],
    *,
    fail_fast: bool = False,
    workers: int = 1,
    unit: str = "half",
) -> Summary:
    """Do `work` on each item, with a progress bar; the one place that decides what failure means.

    `work` returns ``("done" | "skipped", warning or None)`` and raises `SpottingError` for what a
    user can put right; any other exception is a defect of ours and ends the run. `unit` names an
    item in the progress bar.
    """
    summary = Summary(stage)
    began = time.monotonic()
    todo = iter(items.items())
    running: dict[Future[tuple[str, str | None]], str] = {}
    pool = ThreadPoolExecutor(max_workers=workers)
    with tqdm(total=len(items), desc=stage, unit=unit, disable=None) as bar:
        try:
            while True:
                while len(running) < workers and (entry := next(todo, None)):
                    running[pool.submit(work, entry[1])] = entry[0]
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    _account(summary, name, future, fail_fast)
                    bar.update()
        except BaseException as error:
            # Ctrl-C does not wait for the halves in work.
            wait_for_them = not isinstance(error, KeyboardInterrupt)
            pool.shutdown(wait=wait_for_them, cancel_futures=True)
            raise
    pool.shutdown()
    summary.seconds = time.monotonic() - began
    return summary


def _account(
    summary: Summary, name: str, future: Future[tuple[str, str | None]], fail_fast: bool
) -> None:
    try:
        outcome, warning = future.result()
    except SpottingError as error:
        if fail_fast:
            raise
        summary.failures[name] = str(error)
        return
    (summary.done if outcome == "done" else summary.skipped).append(name)
    if warning:
        summary.warnings[name] = warning
