"""Feature files projected by a PCA."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from action_spotting.dataset.feature_types import base_of, feature_type
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.layout import feature_name
from action_spotting.dataset.rates import Rate, names_its_rate
from action_spotting.dataset.records import read_record
from action_spotting.errors import InputError
from action_spotting.extraction.job import make_file
from action_spotting.io.items import Outcome, Summary, run_items
from action_spotting.reduction.fitting import blocks, check_same_settings
from action_spotting.reduction.pca import PCA


def reduce_files(
    pca: PCA,
    pairs: Mapping[Path, Path],
    *,
    overwrite: bool = False,
    fail_fast: bool = False,
    workers: int = 1,
    rate: Rate | None = None,
) -> Summary:
    """Project feature files.

    Parameters
    ----------
    pca
        The projection.
    pairs
        ``{target: source}``.
    overwrite
        Redo targets that are there.
    fail_fast
        Raise at the first file that fails instead of listing it.
    workers
        Files in work at once.
    rate
        Where the rows stand, for the records, where those of the sources do not tell.

    Returns
    -------
    Summary
        Made, skipped and failed by target. A source of another width, with other settings than the
        PCA was fitted on, or with numbers that are not finite is a failure; the others are made.

    Raises
    ------
    InputError
        With `fail_fast`: what is wrong with the first file that fails.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from action_spotting.reduction.fitting import fit
    >>> folder = Path(tempfile.mkdtemp())
    >>> source, target = folder / "1_X.npy", folder / "1_X_PCA1.npy"
    >>> np.save(source, np.array([[0, 0], [2, 2], [4, 4]], np.float32))
    >>> pca, _ = fit([source], 1)
    >>> summary = reduce_files(pca, {target: source})
    >>> len(summary.done), open_feature(target).shape
    (1, (3, 1))
    """
    work = partial(reduce_one, pca, overwrite=overwrite, rate=rate)
    return run_items(
        "PCA transform", pairs_by_name(pairs), work, fail_fast=fail_fast, workers=workers
    )


def pairs_by_name(pairs: Mapping[Path, Path]) -> dict[str, tuple[Path, Path]]:
    """Give each pair of target and source a name.

    Parameters
    ----------
    pairs
        ``{target: source}``.

    Returns
    -------
    dict
        ``{name of the target: (target, source)}``.
    """
    return {str(target): (target, source) for target, source in pairs.items()}


def reduce_one(
    pca: PCA,
    pair: tuple[Path, Path],
    *,
    overwrite: bool = False,
    rate: Rate | None = None,
    run: str = "",
) -> Outcome:
    """Project one feature file unless a valid result is there.

    Parameters
    ----------
    pca
        The projection.
    pair
        ``(target, source)``.
    overwrite
        Redo a target that is there.
    rate
        Where the rows stand, for the record; None: as the source's record or name tells.
    run
        As for `action_spotting.io.locks.claim`.

    Returns
    -------
    Outcome
        ``("done", None)`` or ``("skipped", None)``.

    Raises
    ------
    InputError
        The source has another width or other settings than the PCA was fitted on, or a number that
        is not finite; or the target was made with other settings or from other media.
    InWork
        Another process is making the target.
    """
    target, source = pair
    record = read_record(source) or {}
    features, media = record.get("settings"), record.get("source")
    check_same_settings(source, features, pca.settings)
    settings: dict[str, Any] = {"features": features}
    settings["pca"] = {"sha256": pca.sha256, "dims": pca.dims}
    if rate := rate or _lost_rate(target, source, features):
        settings["rate"] = rate._asdict()

    def reduce() -> None:
        """Write the projected rows."""
        array = open_feature(source, pca.width)
        with write_feature(target, pca.dims, settings, media) as writer:
            for _, block in blocks(array):
                try:
                    writer.append(pca.transform(block))
                except InputError as error:
                    raise InputError(f"{source}: {error}; make it anew") from error

    how = {"source": media, "overwrite": overwrite, "run": run}
    return make_file(target, pca.dims, settings, reduce, **how)


def _lost_rate(target: Path, source: Path, features: Any) -> Rate | None:
    """The rate that the source's name tells, where neither a record nor the new name does."""
    name = feature_name(source)
    known = feature_type(name)
    if known is None or names_its_rate(features) or base_of(feature_name(target)) == base_of(name):
        return None
    return Rate(known.fps, known.offset_s)
