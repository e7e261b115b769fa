"""From dense outputs to spots: displacement, then non-maximum suppression class by class.

Arrays in, arrays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

FLOOR = 0.01
"""Confidence under which a row is no candidate."""


@dataclass(frozen=True)
class Peaks:
    """Spots of one half before calibration.

    Attributes
    ----------
    time_s
        Seconds since the half's start; float array ``(n,)``.
    label
        Class index; int array ``(n,)``.
    confidence
        The network's confidence, lowered by the suppression; float array ``(n,)``.
    """

    time_s: np.ndarray
    label: np.ndarray
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.time_s)


NO_PEAKS = Peaks(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0))
"""Those of a half without features."""


def pick(
    confidence: np.ndarray,
    displacement_s: np.ndarray,
    *,
    fps: float,
    windows_s: np.ndarray,
    soft: bool = True,
    floor: float = FLOOR,
) -> Peaks:
    """Pick the spots of a half.

    Parameters
    ----------
    confidence
        In [0, 1], ``(rows, classes)``.
    displacement_s
        Seconds from each row to where the event is meant to be, ``(rows, classes)``.
    fps
        Rows a second; a row's time is its middle.
    windows_s
        Reach of the suppression to either side, ``(classes,)``.
    soft
        Lower neighbours in proportion to their nearness; else remove them.
    floor
        Spots under this are not given.

    Examples
    --------
    >>> confidence = np.array([[0.1], [0.9], [0.2], [0.0], [0.0], [0.0], [0.4]])
    >>> still = np.zeros_like(confidence)
    >>> peaks = pick(confidence, still, fps=1.0, windows_s=np.array([2.0]))
    >>> peaks.time_s.tolist(), peaks.confidence.tolist()
    ([1.5, 6.5, 2.5, 0.5], [0.9, 0.4, 0.1, 0.05])
    """
    merged, time_s = displace(confidence, displacement_s, fps)
    parts = []
    for c in range(confidence.shape[1]):
        rows = np.flatnonzero(merged[:, c] >= floor)
        order = rows[np.argsort(time_s[rows, c], kind="stable")]
        when, what = suppress(
            time_s[order, c], merged[order, c], float(windows_s[c]), soft=soft, floor=floor
        )
        parts.append(Peaks(when, np.full(len(when), c), what))
    return concatenate(parts)


def smooth(x: np.ndarray, sigma_rows: float) -> np.ndarray:
    """Smooth outputs ``(rows, classes)`` over time with a Gaussian; 0 rows: as they are.

    A network's outputs jitter from row to row; the mean of neighbours tells better where the
    event is than the single row that happens to be the highest.

    Examples
    --------
    >>> smooth(np.array([[0.0], [0.0], [1.0], [0.0], [0.0]]), 0.5).round(2).ravel().tolist()
    [0.0, 0.11, 0.79, 0.11, 0.0]
    """
    return gaussian_filter1d(x, sigma_rows, axis=0, mode="nearest") if sigma_rows else x


def displace(
    confidence: np.ndarray, displacement_s: np.ndarray, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Move each row's confidence to where its displacement points; the largest of several stays.

    Returns
    -------
    ndarray, ndarray
        The moved confidences (0 where none went) and the times in seconds they point to, each
        ``(rows, classes)``; a time lies within the half.
    """
    rows, classes = confidence.shape
    own = (np.arange(rows)[:, None] + 0.5) / fps
    time_s = np.clip(own + displacement_s, 0, rows / fps)
    target = np.minimum((time_s * fps).astype(np.int64), rows - 1) * classes + np.arange(classes)
    order = np.argsort(confidence, axis=None, kind="stable")
    merged, times = np.zeros(rows * classes), np.repeat(own, classes, axis=1).ravel()
    merged[target.ravel()[order]] = confidence.ravel()[order]
    times[target.ravel()[order]] = time_s.ravel()[order]
    return merged.reshape(rows, classes), times.reshape(rows, classes)


def suppress(
    time_s: np.ndarray,
    confidence: np.ndarray,
    window_s: float,
    *,
    soft: bool = True,
    floor: float = FLOOR,
) -> tuple[np.ndarray, np.ndarray]:
    """Take candidates from the most confident down, suppressing the neighbours of each.

    Soft suppression (Bodla et al., 2017, with a linear decay) multiplies a neighbour's
    confidence by its distance over the window.

    Parameters
    ----------
    time_s
        Candidates' times, ascending, ``(n,)``.
    confidence
        Theirs, ``(n,)``.
    window_s, soft, floor
        As `pick`.

    Returns
    -------
    ndarray, ndarray
        Times and confidences that remain, most confident first.
    """
    left = confidence.copy()
    low = np.searchsorted(time_s, time_s - window_s)
    high = np.searchsorted(time_s, time_s + window_s, side="right")
    when, what = [], []
    while len(left):
        i = int(np.argmax(left))
        if left[i] < floor:
            break
        when.append(time_s[i])
        what.append(left[i])
        near = slice(low[i], high[i])
        if soft and window_s > 0:
            left[near] *= np.abs(time_s[near] - time_s[i]) / window_s
        else:
            left[near] = 0
        left[i] = 0
    return np.array(when), np.array(what)


def concatenate(parts: list[Peaks]) -> Peaks:
    """Join peaks one after the other."""
    return Peaks(
        np.concatenate([p.time_s for p in parts]),
        np.concatenate([p.label for p in parts]).astype(np.int64),
        np.concatenate([p.confidence for p in parts]),
    )
