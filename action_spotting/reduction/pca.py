"""The PCA itself: running sums, the projection that follows from them, and what it does to rows.

The original is ``Features/ReduceFeaturesPCA.py``: subtract the mean of all rows, fit
scikit-learn's full PCA, project. Here the mean and the covariance come from float64 sums over
memory-mapped files, so memory depends on the width of the features and not on how many there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk


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
        covariance = np.outer(self.total, mean)
        np.subtract(self.gram, covariance, out=covariance)  # in place: wide features take gigabytes
        covariance /= self.rows - 1
        return self.shift + mean, covariance


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
