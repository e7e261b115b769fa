"""Average-mAP of a set of games, from arrays in memory.

What is measured: the average precision of each class at several tolerances (a spot may be off by
half the tolerance either way), averaged over classes (mAP) and over tolerances by the trapezoid
rule (average-mAP). ``loose`` is Giancola et al. (2018), SoccerNet; ``tight`` is the metric of the
SoccerNet challenges since 2022.

The mode ``official`` equals ``SoccerNet.Evaluation.ActionSpotting.evaluate`` in every field; the
mode ``exact`` takes every confidence as a threshold, does not interpolate, and counts every event,
also several of one class in the same half-second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.events import Events
from action_spotting.evaluation import average_precision as ap
from action_spotting.evaluation.matching import Axis
from action_spotting.evaluation.tally import METRICS, Tally, _count

UNSHOWN_SHARE = 17 / 13
"""The factor by which SoccerNet multiplies the not-shown average over several tolerances."""

_OPERATING_TOLERANCE_S = 5


@dataclass(frozen=True)
class BestF1:
    """The threshold of each class at which its F1 is highest.

    Attributes
    ----------
    tolerance_s
        The tolerance of that F1, in seconds.
    threshold, precision, recall
        In [0, 1], float ``(classes,)``; NaN for a class without a correct spot.
    """

    tolerance_s: int
    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


@dataclass(frozen=True)
class Result:
    """A set's scores under one metric.

    Attributes
    ----------
    metric, mode
        One of `METRICS`, and of `MODES`.
    classes
        Names of the classes.
    tolerances_s
        Of the metric, ascending.
    ap
        Average precision, in [0, 1]; ``(3, tolerances, classes)``: all labels, visible ones, ones
        not shown. In ``exact`` mode NaN for a class without instances.
    visible, unshown
        Number of labels of each kind; int ``(classes,)``.
    spots
        Number of spots that counted; int ``(classes,)``.
    precision, recall
        At the 200 thresholds of `average_precision.THRESHOLDS`, all labels;
        ``(tolerances, classes, 200)``.
    best
        Thresholds to use the spots with.
    """

    metric: str
    mode: str
    classes: tuple[str, ...]
    tolerances_s: tuple[int, ...]
    ap: np.ndarray
    visible: np.ndarray
    unshown: np.ndarray
    spots: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    best: BestF1

    @property
    def averages(self) -> tuple[float, float, float]:
        """The average-mAP of all actions, of the visible ones, of those not shown."""
        scale = unshown_scale(self.classes, self.tolerances_s) if self.mode == "official" else 1
        per_class = map(over_tolerances, self.ap)
        means = (float("nan") if np.isnan(x).all() else float(np.nanmean(x)) for x in per_class)
        shown, visible, unshown = means
        return shown, visible, unshown * scale

    @property
    def average_map(self) -> float:
        """The average-mAP of all actions."""
        return self.averages[0]

    @property
    def per_class(self) -> np.ndarray:
        """The average AP of each class, all labels; ``(classes,)``."""
        return over_tolerances(self.ap[0])

    def official(self) -> dict[str, float | list[float] | None]:
        """Give the fields of SoccerNet's ``evaluate`` under their own names.

        Returns
        -------
        dict
            ``a_mAP``, ``a_mAP_per_class``, and the same with ``_visible`` and ``_unshown``, which
            are None for the classes of version 1.
        """
        fields: dict[str, float | list[float] | None] = {}
        for kind, suffix in enumerate(("", "_visible", "_unshown")):
            told = kind == 0 or len(self.classes) != 3
            per_class = over_tolerances(self.ap[kind]).tolist()
            fields[f"a_mAP{suffix}"] = self.averages[kind] if told else None
            fields[f"a_mAP_per_class{suffix}"] = per_class if told else None
        return fields


def average_map(
    labels: Sequence[Events],
    spots: Sequence[Events],
    *,
    metric: str = "tight",
    mode: str = "official",
) -> Result:
    """Score the spots of a set of games.

    Parameters
    ----------
    labels, spots
        One table a game, both in the same order of games and of one class vocabulary.
    metric
        ``loose`` (5 to 60 s), ``tight`` (1 to 5 s), ``at1`` … ``at5``.
    mode
        ``official`` or ``exact``.

    Returns
    -------
    Result
        Average precision by class and tolerance, its averages, and the best thresholds.

    Raises
    ------
    UsageError
        Unknown metric or mode, or the two sides differ in their number of games or their classes.

    Examples
    --------
    >>> half, time, goal = np.array([1, 2]), np.array([1000, 5000]), np.array([2, 2])
    >>> labels = Events(half, time, goal, visible=np.array([True, False]))
    >>> spots = Events(half, time, goal, np.array([0.9, 0.4]))
    >>> round(average_map([labels], [spots], metric="at1").per_class[2], 6)
    np.float64(1.0)
    """
    return score(labels, spots, metrics=[metric], mode=mode)[metric]


def score(
    labels: Sequence[Events],
    spots: Sequence[Events],
    *,
    metrics: Sequence[str] = ("loose", "tight"),
    mode: str = "official",
) -> dict[str, Result]:
    """Score the spots of a set of games under several metrics; labels are matched only once.

    Parameters
    ----------
    labels, spots, mode
        As for `average_map`.
    metrics
        Keys of `METRICS`.

    Returns
    -------
    dict of str to Result
        One a metric.

    Raises
    ------
    UsageError
        As for `average_map`.

    Examples
    --------
    >>> labels, spots = Events([1], [1000], [2]), Events([1], [4000], [2], confidence=[0.9])
    >>> results = score([labels], [spots])
    >>> [(metric, round(float(one.per_class[2]), 3)) for metric, one in results.items()]
    [('loose', 0.955), ('tight', 0.0)]
    """
    axis, found, tally = _count(labels, spots, metrics, mode)
    if mode == "official":
        return {metric: official_result(tally, metric) for metric in metrics}
    return {metric: _exact_result(axis, found, tally, metric) for metric in metrics}


def official_result(tally: Tally, metric: str) -> Result:
    """Score a tally of one block as SoccerNet does.

    Parameters
    ----------
    tally
        Has the tolerances of the metric; see `Tally.total`.
    metric
        A key of `METRICS`.

    Returns
    -------
    Result
        In mode ``official``.
    """
    return _result(tally, metric, "official", official_ap(tally, METRICS[metric])[0])


def official_ap(tally: Tally, tolerances_s: Sequence[int]) -> np.ndarray:
    """Compute the AP of each block of a tally as SoccerNet does.

    Parameters
    ----------
    tally
        The counts.
    tolerances_s
        In seconds, each one of the tally's.

    Returns
    -------
    np.ndarray
        In [0, 1], ``(blocks, 3, tolerances, classes)``; the second axis as in `Result.ap`.
    """
    kinds = [ap.interpolated_ap(*_curves(tally, tolerances_s, kind)) for kind in range(3)]
    return np.stack(kinds, axis=1)


def _exact_result(axis: Axis, found: np.ndarray, tally: Tally, metric: str) -> Result:
    """Score matches at every threshold."""
    rows = [tally.tolerances_s.index(t) for t in METRICS[metric]]
    kinds = (np.ones(len(axis.spot_key), bool), axis.spot_visible, ~axis.spot_visible)
    values = [_exact_kind(axis, found[rows], kind, tally, i) for i, kind in enumerate(kinds)]
    return _result(tally, metric, "exact", np.stack(values))


def over_tolerances(values: np.ndarray) -> np.ndarray:
    """Average along the first axis by the trapezoid rule; a single tolerance stands for itself.

    Parameters
    ----------
    values
        ``(tolerances, …)``, at tolerances of equal distance.

    Returns
    -------
    np.ndarray
        ``(…)``.

    Examples
    --------
    >>> over_tolerances(np.array([0.0, 1.0, 1.0])).item()
    0.75
    """
    if len(values) == 1:
        return values[0]
    return (values[0] / 2 + values[1:-1].sum(axis=0) + values[-1] / 2) / (len(values) - 1)


def unshown_scale(classes: tuple[str, ...], tolerances_s: tuple[int, ...]) -> float:
    """Give the factor of SoccerNet's not-shown average: 17/13 where it averages tolerances.

    Parameters
    ----------
    classes
        Names of the classes; 1 for any but those of version 2.
    tolerances_s
        In seconds; 1 for a single one.

    Returns
    -------
    float
        `UNSHOWN_SHARE` or 1.
    """
    return UNSHOWN_SHARE if classes == ACTIONS_V2 and len(tolerances_s) > 1 else 1.0


def _kind(counts: np.ndarray, axis: int, kind: int) -> np.ndarray:
    """Take all (0), visible (1) or not shown (2) from an axis that lists (not shown, visible)."""
    return counts.sum(axis=axis) if kind == 0 else counts.take(kind % 2, axis=axis)


def _curves(tally: Tally, tolerances_s: Sequence[int], kind: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall at the 200 thresholds; ``(blocks, tolerances, classes, 200)`` each."""
    rows = [tally.tolerances_s.index(tolerance) for tolerance in tolerances_s]
    hits = ap.at_thresholds(_kind(tally.matched[:, rows], 2, kind))
    spots = ap.at_thresholds(_kind(tally.detected, 1, kind))
    instances = _kind(tally.labels, 1, kind)
    return ap.ratio(hits, spots[:, None]), ap.ratio(hits, instances[:, None, :, None])


def _exact_kind(
    axis: Axis, found: np.ndarray, spots: np.ndarray, tally: Tally, kind: int
) -> np.ndarray:
    """AP at every threshold of the chosen spots; ``(tolerances, classes)``."""
    rank = np.zeros(len(spots), np.int64)
    rank[spots] = ap.ranks(axis.spots.confidence[spots], axis.spots.label[spots])
    instances = _kind(tally.labels[0], 0, kind)
    hits = (row[row >= 0] for row in found)
    hits = (row[spots[row]] for row in hits)
    return np.stack([ap.exact_ap(rank[r], axis.spots.label[r], instances) for r in hits])


def _result(tally: Tally, metric: str, mode: str, values: np.ndarray) -> Result:
    tolerances = METRICS[metric]
    precision, recall = (curve[0] for curve in _curves(tally, tolerances, 0))
    unshown, visible = tally.labels[0]
    return Result(
        metric=metric,
        mode=mode,
        classes=tally.classes,
        tolerances_s=tolerances,
        ap=values,
        visible=visible.astype(int),
        unshown=unshown.astype(int),
        spots=tally.detected[0].sum(axis=(0, 2)).astype(int),
        precision=precision,
        recall=recall,
        best=_best_f1(precision, recall, tolerances),
    )


def _best_f1(precision: np.ndarray, recall: np.ndarray, tolerances_s: Sequence[int]) -> BestF1:
    """Find each class's threshold of the highest F1, the highest such threshold.

    Taken at a tolerance of 5 s, or at the one nearest to it of those given: the one that loose and
    tight share.
    """
    row = int(np.argmin(np.abs(np.array(tolerances_s) - _OPERATING_TOLERANCE_S)))
    p, r = precision[row], recall[row]
    f1 = ap.ratio(2 * p * r, p + r)
    best = f1.shape[-1] - 1 - np.argmax(f1[:, ::-1], axis=-1)
    pick = (np.arange(len(f1)), best)
    none = f1[pick] == 0
    threshold, p, r = (np.where(none, np.nan, x) for x in (ap.THRESHOLDS[best], p[pick], r[pick]))
    return BestF1(tolerances_s[row], threshold, p, r)
