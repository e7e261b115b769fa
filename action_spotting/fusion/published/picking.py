"""From a published head's outputs to its spots, by its authors' rules: whole rows, times i/fps."""

from __future__ import annotations

import numpy as np

from action_spotting.fusion.peak_picking import Peaks, concatenate, suppress


def move(confidence: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Move confidences by whole rows; of several that meet, the largest stays.

    Parameters
    ----------
    confidence
        In [0, 1], ``(rows, classes)``.
    displacement
        In rows, ``(rows, classes)``; rounded, halves to even, and held within the half.

    Returns
    -------
    float64 array ``(rows, classes)``
        0 where none went.

    Examples
    --------
    >>> confidence = np.array([[0.2], [0.9], [0.5]])
    >>> move(confidence, np.array([[2.5], [0.0], [-0.6]])).ravel().tolist()
    [0.0, 0.9, 0.2]
    """
    rows, classes = confidence.shape
    own = np.arange(rows)[:, None]
    target = np.clip(own + np.rint(displacement).astype(np.int64), 0, rows - 1)
    moved = np.zeros((rows, classes))
    np.maximum.at(moved, (target, np.arange(classes)), confidence)
    return moved


def pick_dense(
    score: np.ndarray, *, fps: float, window_s: float, soft: bool, floor: float
) -> Peaks:
    """Take the moved scores from the highest down, each lowering or removing its neighbours.

    Parameters
    ----------
    score
        As of `move`, ``(rows, classes)``.
    fps
        Rows a second; row *i* stands at *i*/fps.
    window_s
        Reach of the suppression to either side.
    soft
        Lower in proportion to nearness; else remove.
    floor
        Score under which nothing is given.

    Returns
    -------
    Peaks
        Class by class, the highest first.
    """
    parts, floor = [], max(floor, float(np.finfo(np.float64).tiny))
    for c in range(score.shape[1]):
        rows = np.flatnonzero(score[:, c] >= floor)
        when, what = suppress(rows / fps, score[rows, c], window_s, soft=soft, floor=floor)
        parts.append(Peaks(when, np.full(len(when), c), what))
    return concatenate(parts)


def pick_one_sided(confidence: np.ndarray, *, fps: float, window_s: float, floor: float) -> Peaks:
    """Take confidences from the highest down and remove its neighbours, as SoccerNet's heads do.

    A row at exactly `window_s` behind a spot stays, one at exactly `window_s` before it does not.

    Parameters
    ----------
    confidence
        In [0, 1], ``(rows, classes)``.
    fps, window_s, floor
        As `pick_dense`.

    Returns
    -------
    Peaks
        Class by class, the highest first; of equal ones the earlier.

    Examples
    --------
    >>> confidence = np.array([[0.5], [0.1], [0.9], [0.2], [0.3]])
    >>> pick_one_sided(confidence, fps=1.0, window_s=2.0, floor=0.0).time_s.tolist()
    [2.0, 4.0]
    """
    reach, parts = max(int(window_s * fps), 1), []
    for c in range(confidence.shape[1]):
        left, rows = confidence[:, c].astype(np.float64), []
        while len(left) and left.max() >= floor:
            i = int(np.argmax(left))
            rows.append(i)
            left[max(i - reach, 0) : i + reach] = -1
        at = np.array(rows, dtype=np.int64)
        parts.append(Peaks(at / fps, np.full(len(at), c), confidence[at, c].astype(np.float64)))
    return concatenate(parts)
