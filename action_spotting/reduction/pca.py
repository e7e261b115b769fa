"""PCA of feature files in one streaming pass, and pickles that both sides can read.

The original is ``Features/ReduceFeaturesPCA.py``: subtract the mean of all rows, fit
scikit-learn's full PCA, project. Here the mean and the covariance come from float64 sums over
memory-mapped files, so memory depends on the width of the features and not on how many there are.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk

from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.records import compare_settings, read_record
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.job import make_file
from action_spotting.io.items import Outcome, Summary, run_items

BLOCK_ROWS = 2048


@dataclass(frozen=True)
class PCA:
    """A fitted projection.

    Attributes
    ----------
    average
        Subtracted first, float64 ``(dims,)``: the original's "scaler".
    components
        Principal axes as rows, the one of largest variance first, float64 ``(n, dims)``.
    mean
        Subtracted after `average`, float64 ``(dims,)``. The original fits scikit-learn's PCA on
        data from which the average is already subtracted, so that this is 0 but for rounding.
    variance
        Variance along each component, float64 ``(n,)``.
    variance_ratio
        The same as a fraction of the total variance, float64 ``(n,)``.
    rows
        Rows it was fitted on; 0: unknown.
    settings
        The provenance of the features it was fitted on; None: unknown.
    """

    average: np.ndarray
    components: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    variance_ratio: np.ndarray
    rows: int = 0
    settings: Mapping[str, Any] | None = None

    @property
    def width(self) -> int:
        """Numbers in a row before the projection."""
        return int(self.components.shape[1])

    @property
    def dims(self) -> int:
        """Numbers in a row after it."""
        return len(self.components)

    @property
    def sha256(self) -> str:
        """Hash of the numbers that matter to `transform`, wherever they were saved."""
        digest = hashlib.sha256()
        for array in (self.average, self.mean, self.components):
            digest.update(np.ascontiguousarray(array, "<f8").tobytes())
        return digest.hexdigest()

    def transform(self, block: np.ndarray) -> np.ndarray:
        """Project rows.

        Parameters
        ----------
        block
            Features ``(n, width)``, any float or int type.

        Returns
        -------
        numpy.ndarray
            float32 ``(n, dims)``.

        Examples
        --------
        >>> axes = np.array([[0.6, 0.8]])
        >>> pca = PCA(np.array([1.0, 1.0]), axes, np.zeros(2), np.ones(1), np.ones(1))
        >>> pca.transform(np.array([[1.0, 1.0], [6.0, 1.0]]))
        array([[0.],
               [3.]], dtype=float32)
        """
        offset = (self.average + self.mean) @ self.components.T
        reduced: np.ndarray = block.astype(np.float64) @ self.components.T - offset
        return reduced.astype(np.float32)


class Sums:
    """Running sums from which a PCA follows: rows, their sum and their Gram matrix, in float64.

    Rows are taken relative to `shift`, some row near the mean, which keeps the sums exact where a
    feature's mean is far larger than its spread.

    Parameters
    ----------
    shift
        ``(dims,)``.

    Attributes
    ----------
    rows
        Rows taken in so far.
    total
        Their sum, relative to `shift`; float64 ``(dims,)``.
    gram
        Their Gram matrix, its lower triangle; float64 ``(dims, dims)``.
    """

    def __init__(self, shift: np.ndarray) -> None:
        self.shift = np.asarray(shift, dtype=np.float64)
        width = len(self.shift)
        self.rows = 0
        self.total = np.zeros(width)
        self.gram = np.zeros((width, width), order="F")

    def update(self, block: np.ndarray) -> None:
        """Take in rows.

        Parameters
        ----------
        block
            Finite numbers ``(n, dims)``.
        """
        centred = block - self.shift
        self.rows += len(centred)
        self.total += centred.sum(axis=0)
        # One triangle, added in place: half the work of a full product, and no second matrix.
        self.gram = dsyrk(1.0, centred.T, beta=1.0, c=self.gram, overwrite_c=1, lower=1)

    def add(self, other: Sums) -> None:
        """Take in the rows of other sums.

        Parameters
        ----------
        other
            Sums with the same shift; left as they are.
        """
        self.rows += other.rows
        self.total += other.total
        self.gram += other.gram

    def mean_and_covariance(self) -> tuple[np.ndarray, np.ndarray]:
        """Compute the mean and the covariance (divided by rows - 1) of the rows taken in.

        Returns
        -------
        mean
            float64 ``(dims,)``.
        covariance
            Its lower triangle; float64 ``(dims, dims)``.

        Examples
        --------
        >>> sums = Sums(np.zeros(2))
        >>> sums.update(np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]]))
        >>> mean, covariance = sums.mean_and_covariance()
        >>> mean, np.tril(covariance)
        (array([2., 2.]), array([[4., 0.],
               [4., 4.]]))
        """
        mean = self.total / self.rows
        gram = self.gram - np.outer(self.total, mean)
        return self.shift + mean, gram / (self.rows - 1)


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
            _check_same_settings(path, settings, self.settings)
        before = copy.deepcopy(self.sums)
        if self.sums is None:
            self.sums = Sums(array[:BLOCK_ROWS].mean(axis=0, dtype=np.float64))
        for first, block in _blocks(array):
            finite = np.isfinite(block).all(axis=1)
            if not finite.all():
                self.sums = before
                row = first + int(np.argmin(finite))
                raise InputError(
                    f"{path}: row {row} holds a number that is not finite; make it anew"
                )
            self.sums.update(block)
        if before is None:
            self.settings = settings
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
                f"--dim_reduction {n_components}: the features have only "
                f"{len(self.sums.shift)} numbers"
            )
        if self.sums.rows <= n_components:
            raise InputError(
                f"PCA: {self.sums.rows} rows in {len(summary.done)} files, fewer than needed for "
                f"{n_components} components; give more games or a smaller --dim_reduction"
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


def from_sums(sums: Sums, n_components: int, settings: Mapping[str, Any] | None = None) -> PCA:
    """Compute the PCA of the rows that `sums` took in.

    Signs are scikit-learn's: each component's largest entry is positive.

    Parameters
    ----------
    sums
        Of at least two rows.
    n_components
        Components to keep, no more than the width.
    settings
        The provenance of the features, to be kept with the PCA.

    Returns
    -------
    PCA
        The fitted projection.

    Examples
    --------
    >>> sums = Sums(np.zeros(2))
    >>> sums.update(np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]]))
    >>> from_sums(sums, 1).components.round(3)
    array([[0.707, 0.707]])
    """
    mean, covariance = sums.mean_and_covariance()
    whole = float(np.trace(covariance))
    # NumPy's finds all components in a fifth of the time that SciPy's takes for some of them.
    values, vectors = np.linalg.eigh(covariance)
    values, components = values[::-1][:n_components], vectors.T[::-1][:n_components]
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(n_components), largest])[:, None]
    variance = np.maximum(values, 0.0)
    ratio = variance / whole if whole > 0 else np.zeros_like(variance)
    average = mean.astype(np.float32).astype(np.float64)  # what a saved average holds
    return PCA(average, components, mean - average, variance, ratio, sums.rows, settings)


def reduce_files(
    pca: PCA,
    pairs: Mapping[Path, Path],
    *,
    overwrite: bool = False,
    fail_fast: bool = False,
    workers: int = 1,
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
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> source, target = folder / "1_X.npy", folder / "1_X_PCA1.npy"
    >>> np.save(source, np.array([[0, 0], [2, 2], [4, 4]], np.float32))
    >>> pca, _ = fit([source], 1)
    >>> summary = reduce_files(pca, {target: source})
    >>> len(summary.done), open_feature(target).shape
    (1, (3, 1))
    """
    work = partial(reduce_one, pca, overwrite=overwrite)
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
    pca: PCA, pair: tuple[Path, Path], *, overwrite: bool = False, run: str = ""
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
    _check_same_settings(source, features, pca.settings)
    settings = {"features": features, "pca": {"sha256": pca.sha256, "dims": pca.dims}}

    def reduce() -> None:
        """Write the projected rows."""
        array = open_feature(source, pca.width)
        with write_feature(target, pca.dims, settings, media) as writer:
            for _, block in _blocks(array):
                try:
                    writer.append(pca.transform(block))
                except InputError as error:
                    raise InputError(f"{source}: {error}; make it anew") from error

    how = {"source": media, "overwrite": overwrite, "run": run}
    return make_file(target, pca.dims, settings, reduce, **how)


def _blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(array), BLOCK_ROWS):
        yield first, array[first : first + BLOCK_ROWS]


def _check_same_settings(path: Path, have: Any, want: Any) -> None:
    if have is None or want is None:  # released files have no record and are taken as they are
        return
    differences = compare_settings(have, want)
    if differences:
        raise InputError(
            f"{path}: made with other settings than the PCA's features: {'; '.join(differences)}"
        )
