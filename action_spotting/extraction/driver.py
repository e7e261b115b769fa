"""From halves to feature files: what is skipped, what is redone, what a failed half means.

Every extraction door hands its extractor and its halves to `extract_all`; the unit of work is one
half, and a half that fails stops only itself. A half is claimed while it is in work (see
`action_spotting.io.locks`), so that any number of processes may run over one folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from action_spotting.dataset.features import State, feature_state
from action_spotting.dataset.layout import side_path
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError
from action_spotting.io.files import clear_parts
from action_spotting.io.items import Outcome, Summary, run_items
from action_spotting.io.locks import InWork, claim, claim_path

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
        See `action_spotting.io.locks.claim`.

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
