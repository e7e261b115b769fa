"""PCA on a Dask cluster: the workers sum up their files, the sums add up to those of all."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.rates import Rate
from action_spotting.extraction.cluster import run_on_cluster, sum_on_cluster
from action_spotting.io.items import Summary, note, run_items
from action_spotting.reduction.files import load_pca
from action_spotting.reduction.fitting import Fitting
from action_spotting.reduction.pca import PCA, Sums
from action_spotting.reduction.projection import pairs_by_name, reduce_one

FILES_A_TASK = 8
"""A partial sum of 2048 numbers takes 32 MiB on its way; a few files a task keep that small."""

Part = tuple[Sums, Summary]


def fit_on_cluster(
    scheduler: str, files: Sequence[Path], n_components: int = 512, *, fail_fast: bool = False
) -> tuple[PCA, Summary]:
    """Fit a PCA as `action_spotting.reduction.pca.fit` does, to the last few bits.

    The first file that is usable is taken in here: all sums are relative to its mean, and all
    files must have its settings. How the rest is grouped and in which order the groups add up
    hangs on `files` alone, so that any cluster gives the same bytes.
    """
    todo = [path.absolute() for path in files]
    fitting, summary = Fitting(), Summary("PCA fit")
    while todo and fitting.sums is None:
        path = todo.pop(0)
        _join(
            summary, run_items("PCA fit", {str(path): path}, fitting.take_in, fail_fast=fail_fast)
        )
    if todo and fitting.sums is not None:
        groups = [todo[i : i + FILES_A_TASK] for i in range(0, len(todo), FILES_A_TASK)]
        work = partial(
            sum_up, shift=fitting.sums.shift, settings=fitting.settings, fail_fast=fail_fast
        )
        sums, rest = sum_on_cluster(scheduler, "PCA fit", groups, work, add)
        fitting.sums.add(sums)
        note(summary.stage, rest.failures)  # the workers' logs are elsewhere
        _join(summary, rest)
    return fitting.finish(n_components, summary), summary


def reduce_on_cluster(
    scheduler: str,
    pca_file: Path,
    scaler_file: Path,
    pairs: Mapping[Path, Path],
    *,
    overwrite: bool = False,
    fail_fast: bool = False,
    rate: Rate | None = None,
) -> Summary:
    """Project feature files; every worker loads the PCA from its two pickles once."""
    absolute = {target.absolute(): source.absolute() for target, source in pairs.items()}
    make = partial(load_pca, pca_file.absolute(), scaler_file.absolute())
    work = partial(reduce_one, overwrite=overwrite, rate=rate, run=uuid.uuid4().hex)
    return run_on_cluster(
        scheduler, "PCA transform", make, pairs_by_name(absolute), work, fail_fast=fail_fast
    )


def sum_up(files: Sequence[Path], shift: np.ndarray, settings: Any, *, fail_fast: bool) -> Part:
    """Sum up a group of files relative to `shift`."""
    sums = Sums(shift)
    fitting = Fitting(sums, settings)
    items = {str(path): path for path in files}
    return sums, run_items("PCA fit", items, fitting.take_in, fail_fast=fail_fast)


def add(one: Part, other: Part) -> Part:
    """Add two results of `sum_up`, which stay as they are: Dask may need them again."""
    sums, summary = Sums(one[0].shift), Summary(one[1].stage)
    for part, rest in (one, other):
        sums.add(part)
        _join(summary, rest)
    return sums, summary


def _join(summary: Summary, other: Summary) -> None:
    summary.done += other.done
    summary.failures |= other.failures
    summary.seconds += other.seconds
