"""The counts of matched and unmatched spots, by threshold, from which every score follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from action_spotting.dataset.events import Events
from action_spotting.errors import UsageError, unknown
from action_spotting.evaluation import average_precision as ap
from action_spotting.evaluation.matching import Axis, build_axis, match_labels

METRICS = {
    "loose": tuple(range(5, 61, 5)),
    "tight": (1, 2, 3, 4, 5),
    **{f"at{n}": (n,) for n in range(1, 6)},
}
"""The tolerances in seconds of each metric."""

MODES = ("official", "exact")


@dataclass(frozen=True)
class Tally:
    """The counts from which every score follows.

    Attributes
    ----------
    classes
        Names of the classes.
    tolerances_s
        Tolerances, ascending.
    labels
        Int ``(blocks, 2, classes)``; the second axis: nearest label not shown, visible.
    detected
        Spots by `threshold_bins`; int ``(blocks, 2, classes, 201)``.
    matched
        Those of them that found a label; int ``(blocks, tolerances, 2, classes, 201)``.
    """

    classes: tuple[str, ...]
    tolerances_s: tuple[int, ...]
    labels: np.ndarray
    detected: np.ndarray
    matched: np.ndarray

    def total(self, weights: np.ndarray | None = None) -> Tally:
        """Add the blocks (games) up.

        Parameters
        ----------
        weights
            How often each block counts in each sum, ``(sums, blocks)``; None: all once, one sum.

        Returns
        -------
        Tally
            One block a sum.
        """
        blocks = len(self.labels)
        weights = np.ones((1, blocks)) if weights is None else weights.astype(float)
        summed = (
            (weights @ part.reshape(blocks, -1)).reshape(-1, *part.shape[1:])
            for part in (self.labels, self.detected, self.matched)
        )
        return Tally(self.classes, self.tolerances_s, *summed)

    def at(self, tolerances_s: Sequence[int]) -> Tally:
        """Keep some tolerances, the counts as floats, which add up fastest.

        Parameters
        ----------
        tolerances_s
            In seconds, each one of the tally's.

        Returns
        -------
        Tally
            The same blocks.
        """
        rows = [self.tolerances_s.index(tolerance) for tolerance in tolerances_s]
        parts = (self.labels, self.detected, self.matched[:, rows])
        return Tally(
            self.classes, tuple(tolerances_s), *(np.array(part, float, order="C") for part in parts)
        )


def tally_games(labels: Sequence[Events], spots: Sequence[Events], metrics: Sequence[str]) -> Tally:
    """Count game by game what the official scores under `metrics` follow from.

    Parameters
    ----------
    labels, spots
        As for `average_map`.
    metrics
        Keys of `METRICS`.

    Returns
    -------
    Tally
        One block a game, all tolerances of the metrics.

    Raises
    ------
    UsageError
        As for `average_map`.
    """
    return _count(labels, spots, metrics, "official", games=len(labels))[2]


def check_metrics(metrics: Sequence[str]) -> tuple[int, ...]:
    """Give the tolerances of several metrics.

    Parameters
    ----------
    metrics
        Keys of `METRICS`.

    Returns
    -------
    tuple of int
        In seconds, ascending, each once.

    Raises
    ------
    UsageError
        Unknown metric.

    Examples
    --------
    >>> check_metrics(["tight", "at3"])
    (1, 2, 3, 4, 5)
    """
    for metric in metrics:
        if metric not in METRICS:
            raise UsageError(unknown("metric", metric, METRICS))
    return tuple(sorted({t for metric in metrics for t in METRICS[metric]}))


def _count(
    labels: Sequence[Events],
    spots: Sequence[Events],
    metrics: Sequence[str],
    mode: str,
    games: int | None = None,
) -> tuple[Axis, np.ndarray, Tally]:
    """Match at every tolerance, then count; game by game when their number `games` is given.

    Gives the axis, the spot of each label (-1 for none; ``(tolerances, labels)``), and the counts.
    """
    tolerances = check_metrics(metrics)
    if mode not in MODES:
        raise UsageError(unknown("mode", mode, MODES))
    if len(labels) != len(spots):
        raise UsageError(f"{len(labels)} games with labels, {len(spots)} with spots")
    axis = build_axis(labels, spots, tolerance_s=max(tolerances), exact=mode == "exact")
    pairs = axis.pairs(max(tolerances))
    found = np.stack([match_labels(pairs, axis.reach(tolerance)) for tolerance in tolerances])
    classes = axis.labels.classes
    if axis.spots.classes != classes:
        raise UsageError("labels and spots are of different classes")
    shape = (games or 1, 2, len(classes))
    label_block, spot_block = (axis.label_game, axis.spot_game) if games else (0, 0)
    known = (label_block * 2 + axis.labels.visible) * len(classes) + axis.labels.label
    cells = (spot_block * 2 + axis.spot_visible) * len(classes) + axis.spots.label
    cells = cells * 201 + ap.threshold_bins(axis.spots.confidence)
    size = int(np.prod(shape)) * 201
    matched = [np.bincount(cells[row[row >= 0]], minlength=size) for row in found]
    tally = Tally(
        classes=classes,
        tolerances_s=tolerances,
        labels=np.bincount(known, minlength=size // 201).reshape(shape),
        detected=np.bincount(cells, minlength=size).reshape(*shape, 201),
        matched=np.stack(matched, axis=0).reshape(-1, *shape, 201).swapaxes(0, 1),
    )
    return axis, found, tally
