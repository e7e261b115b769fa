"""A PCA fitted on feature files, in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.features import open_feature
from action_spotting.dataset.records import compare_settings, read_record
from action_spotting.errors import InputError, UsageError
from action_spotting.io.items import Outcome, Summary, run_items
from action_spotting.reduction.pca import PCA, Sums, from_sums

BLOCK_ROWS = 2048


class Fitting:
    """A fit under way.

    Parameters
    ----------
    sums, settings
        Of the files taken in before; None: none yet.

    Attributes
    ----------
    sums
        Of all files taken in; None before the first.
    settings
        The provenance that they share.
    """

    def __init__(self, sums: Sums | None = None, settings: Any = None) -> None:
        self.sums = sums
        self.settings = settings

    def take_in(self, path: Path) -> Outcome:
        """Add a file's rows to the sums; all of them, or none where one of them is not usable.

        Parameters
        ----------
        path
            A feature file.

        Returns
        -------
        Outcome
            ``("done", None)``.

        Raises
        ------
        InputError
            Not readable, another width, a number that is not finite, or made with other settings.
        """
        array = open_feature(path, len(self.sums.shift) if self.sums else None)
        record = read_record(path)
        settings = record["settings"] if record else None
        if self.sums:
            check_same_settings(path, settings, self.settings)
        for first, block in blocks(array):  # before the sums, of which wide features have no copy
            finite = np.isfinite(block).all(axis=1)
            if not finite.all():
                row = first + int(np.argmin(finite))
                raise InputError(
                    f"{path}: row {row} holds a number that is not finite; make it anew"
                )
        if self.sums is None:
            self.sums = Sums(array[:BLOCK_ROWS].mean(axis=0, dtype=np.float64))
            self.settings = settings
        for _, block in blocks(array):
            self.sums.update(block)
        return "done", None

    def finish(self, n_components: int, summary: Summary) -> PCA:
        """Compute the PCA of the files taken in.

        Parameters
        ----------
        n_components
            Components to keep.
        summary
            What became of the files, for messages.

        Returns
        -------
        PCA
            The fitted projection.

        Raises
        ------
        InputError
            No usable file, or no more rows than components.
        UsageError
            More components than the features have numbers.
        """
        if self.sums is None:
            raise InputError(f"PCA: no feature file is usable\n{summary}")
        if n_components > len(self.sums.shift):
            raise UsageError(
                f"PCA to {n_components} numbers: the features have only {len(self.sums.shift)}; "
                "ask for fewer (--dim_reduction, or n in NAME_PCAn)"
            )
        if self.sums.rows <= n_components:
            raise InputError(
                f"PCA: {self.sums.rows} rows in {len(summary.done)} files, fewer than needed for "
                f"{n_components} components; give more games or ask for fewer (--dim_reduction, or "
                "n in NAME_PCAn)"
            )
        return from_sums(self.sums, n_components, self.settings)


def fit(
    files: Sequence[Path], n_components: int = 512, *, fail_fast: bool = False
) -> tuple[PCA, Summary]:
    """Fit a PCA on feature files, in one pass.

    Parameters
    ----------
    files
        Feature files of one width, made with the same settings.
    n_components
        Components to keep.
    fail_fast
        Raise at the first file that is not usable instead of leaving it out.

    Returns
    -------
    pca, summary
        `summary` names the files that were left out: not readable, another width, a number that
        is not finite, made with other settings.

    Raises
    ------
    InputError
        No usable file, or no more rows than components.
    UsageError
        More components than the features have numbers.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "1_X.npy"
    >>> np.save(path, np.array([[0, 0], [2, 2], [4, 4]], np.float32))
    >>> pca, _ = fit([path], 1)
    >>> pca.variance_ratio, pca.transform(np.array([[2, 2]]))
    (array([1.]), array([[0.]], dtype=float32))
    """
    fitting = Fitting()
    items = {str(path): path for path in files}
    summary = run_items("PCA fit", items, fitting.take_in, fail_fast=fail_fast)
    return fitting.finish(n_components, summary), summary


def blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(array), BLOCK_ROWS):
        yield first, array[first : first + BLOCK_ROWS]


def check_same_settings(path: Path, have: Any, want: Any) -> None:
    if have is None or want is None:  # released files have no record and are taken as they are
        return
    differences = compare_settings(have, want)
    if differences:
        raise InputError(
            f"{path}: made with other settings than the PCA's features: {'; '.join(differences)}"
        )
