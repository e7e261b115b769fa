"""Precision, recall and average precision from counts and from ranked spots."""

from __future__ import annotations

import numpy as np

THRESHOLDS = np.linspace(0, 1, 200)
"""The confidences at which SoccerNet's scorer looks."""

_RECALLS = np.arange(11) / 10


def threshold_bins(confidence: np.ndarray) -> np.ndarray:
    """Count the thresholds that each confidence reaches: 0 to 200.

    >>> threshold_bins(np.array([-0.1, 0.0, 0.5, 1.0]))
    array([  0,   1, 100, 200])
    """
    return np.searchsorted(THRESHOLDS, confidence, side="right")


def at_thresholds(histogram: np.ndarray) -> np.ndarray:
    """Turn counts per bin ``(…, 201)`` into counts at or above each threshold ``(…, 200)``."""
    return np.cumsum(histogram[..., ::-1], axis=-1)[..., ::-1][..., 1:]


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; 0 where there is nothing to divide by.

    >>> ratio(np.array([1, 0]), np.array([2, 0]))
    array([0.5, 0. ])
    """
    shape = np.broadcast_shapes(np.shape(part), np.shape(whole))
    return np.divide(part, whole, out=np.zeros(shape), where=np.asarray(whole) != 0)


def interpolated_ap(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Give the 11-point average precision of Pascal VOC 2007.

    The mean over the recalls 0, 0.1 … 1 of the best precision at that recall or a higher one.

    Parameters
    ----------
    precision, recall
        In [0, 1], one point a threshold along the last axis; ``(…, n)``.

    Returns
    -------
    numpy.ndarray
        ``(…)``.

    Examples
    --------
    >>> interpolated_ap(np.array([0.5, 1.0]), np.array([1.0, 0.5])).round(3)
    np.float64(0.773)
    """
    total = np.zeros(precision.shape[:-1])
    for level in _RECALLS:
        total += np.max(np.where(recall >= level, precision, 0), axis=-1)
    return total / len(_RECALLS)


def ranks(confidence: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Count for each spot those of its class that are at least as confident, itself included.

    Parameters
    ----------
    confidence, label
        ``(n,)``, float and int.

    Returns
    -------
    numpy.ndarray
        int64 ``(n,)``, from 1; equal confidences share the highest count.

    Examples
    --------
    >>> ranks(np.array([0.9, 0.5, 0.5, 0.2]), np.array([0, 0, 0, 1]))
    array([1, 3, 3, 1])
    """
    order = np.lexsort((-confidence, label))
    score, group = confidence[order], label[order]
    last_of_tie = np.append((score[1:] != score[:-1]) | (group[1:] != group[:-1]), True)[
        : len(order)
    ]
    place = np.arange(1, len(order) + 1) - np.searchsorted(group, group)
    tie = np.cumsum(last_of_tie) - last_of_tie
    result = np.empty(len(order), np.int64)
    result[order] = place[last_of_tie][tie]
    return result


def exact_ap(rank: np.ndarray, label: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """Give the average precision at every threshold, without interpolation.

    The mean over the labels of a class of the precision at the confidence at which each is found,
    0 for one that never is: the area under the stepwise precision–recall curve.

    Parameters
    ----------
    rank, label
        `ranks` and class of the spots that found a label; int ``(n_found,)``.
    instances
        Labels of each class; int ``(classes,)``.

    Returns
    -------
    numpy.ndarray
        ``(classes,)``; NaN for a class without instances.

    Examples
    --------
    >>> exact_ap(np.array([1, 3]), np.array([0, 0]), np.array([2, 0])).round(3)
    array([0.833,   nan])
    """
    first = label * (int(rank.max(initial=0)) + 1)
    ascending = np.sort(first + rank)
    hits = np.searchsorted(ascending, first + rank, "right") - np.searchsorted(ascending, first)
    precision = hits / rank
    total = np.bincount(label, precision, minlength=len(instances))
    undefined = np.full(len(instances), np.nan)
    return np.divide(total, instances, out=undefined, where=instances > 0)
