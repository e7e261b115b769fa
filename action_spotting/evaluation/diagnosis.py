"""Why a score is what it is: what was missed, what was made up, what was taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from action_spotting.dataset.events import Events
from action_spotting.evaluation.average_precision import ratio
from action_spotting.evaluation.matching import Axis, build_axis, find_pairs, match_labels

_BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Spots in ten equal bins of confidence; arrays ``(10,)``.

    Attributes
    ----------
    confidence, hits
        Their mean confidence and the share of them that found a label, 0 in an empty bin.
    spots
        Their number.
    """

    confidence: np.ndarray
    hits: np.ndarray
    spots: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: mean distance of the two, weighted by `spots`."""
        gap = np.abs(self.confidence - self.hits)
        return float((gap * self.spots).sum() / max(1, self.spots.sum()))


@dataclass(frozen=True)
class Diagnosis:
    """What became of every label and every spot at one tolerance.

    Attributes
    ----------
    axis
        All labels and spots that count in scoring, ``(n_labels,)`` and ``(n_spots,)``.
    label_score
        The confidence of the spot that found each label, 0 without one.
    label_found
        Whether that reaches the threshold of the class.
    label_spot
        Index of the spot, of another class, that was taken for a missed label; -1: none.
    spot_hit
        Whether each spot found a label.
    spot_label
        Index of the missed label, of another class, at a false positive; -1: none.
    misses, false_positives
        Indices of the labels not found and of the spots that reach the threshold without a hit;
        worst first.
    confusion
        Int ``(classes + 1, classes + 1)``: labels by row, the spots taken for them by column; the
        last row counts spots where there is nothing, the last column labels without a spot.
    """

    tolerance_s: int
    axis: Axis
    label_score: np.ndarray
    label_found: np.ndarray
    label_spot: np.ndarray
    spot_hit: np.ndarray
    spot_label: np.ndarray
    misses: np.ndarray
    false_positives: np.ndarray
    confusion: np.ndarray
    calibration: Calibration


def diagnose(
    labels: Sequence[Events],
    spots: Sequence[Events],
    thresholds: np.ndarray,
    *,
    tolerance_s: int = 5,
) -> Diagnosis:
    """Look at every label and every spot of a set, matched as in official scoring.

    Parameters
    ----------
    labels, spots
        One table a game, both in the same order of games.
    thresholds
        The confidence from which a spot of each class is believed, ``(classes,)``; NaN: never.
    tolerance_s
        As in scoring: a spot may be off by half of it.

    Returns
    -------
    Diagnosis
        Misses are ordered by how little was seen of them, visible ones first, then those of
        classes that are otherwise found; false positives by confidence.

    Examples
    --------
    >>> at, classes = (np.array([1]), np.array([60_000])), ("Goal", "Foul")
    >>> goal = Events(*at, np.array([0]), classes=classes)
    >>> foul = Events(*at, np.array([1]), np.array([0.8]), classes=classes)
    >>> diagnose([goal], [foul], np.array([0.5, 0.5])).confusion[0]
    array([0, 1, 0])
    """
    axis = build_axis(labels, spots, tolerance_s=tolerance_s)
    found_by = match_labels(axis.pairs(tolerance_s), axis.reach(tolerance_s))
    known, seen = axis.labels, axis.spots
    believed = seen.confidence >= thresholds[seen.label]
    hit = np.zeros(len(believed), bool)
    hit[found_by[found_by >= 0]] = True
    score = np.where(found_by >= 0, np.append(seen.confidence, 0)[found_by], 0.0)
    found = (found_by >= 0) & np.append(believed, False)[found_by]
    missed, alarms = np.flatnonzero(~found), np.flatnonzero(believed & ~hit)
    label_spot, spot_label = _across(axis, missed, alarms, tolerance_s)
    of_class = (
        np.bincount(x, minlength=len(thresholds)) for x in (known.label[found], known.label)
    )
    recall = ratio(*of_class)
    badness = (-recall[known.label[missed]], ~known.visible[missed], score[missed])
    return Diagnosis(
        tolerance_s=tolerance_s,
        axis=axis,
        label_score=score,
        label_found=found,
        label_spot=label_spot,
        spot_hit=hit,
        spot_label=spot_label,
        misses=missed[np.lexsort(badness)],
        false_positives=alarms[np.argsort(-seen.confidence[alarms], kind="stable")],
        confusion=_confusion(known, found, label_spot, seen, alarms[spot_label[alarms] < 0]),
        calibration=calibrate(seen.confidence, hit),
    )


def calibrate(confidence: np.ndarray, hit: np.ndarray) -> Calibration:
    """Compare confidences in [0, 1] with how often they were right; arrays ``(n,)``.

    >>> calibrate(np.array([0.2, 0.95]), np.array([False, True])).error
    0.125...
    """
    where = np.clip((confidence * _BINS).astype(int), 0, _BINS - 1)
    spots = np.bincount(where, minlength=_BINS)
    total, hits = (np.bincount(where, one, minlength=_BINS) for one in (confidence, hit))
    return Calibration(ratio(total, spots), ratio(hits, spots), spots)


def _across(
    axis: Axis, missed: np.ndarray, alarms: np.ndarray, tolerance_s: int
) -> tuple[np.ndarray, np.ndarray]:
    """Match missed labels with false positives whatever their class, the most confident first.

    Returns the spot of each label and the label of each spot, -1 for none.
    """
    reach = 500 * tolerance_s
    sides = ((axis.labels, axis.label_game), (axis.spots, axis.spot_game))
    latest = max(np.abs(side.position_ms).max(initial=0) for side, _ in sides)
    label_key, spot_key = (
        (2 * game + side.half) * (2 * latest + reach + 1) + side.position_ms for side, game in sides
    )
    missed = missed[np.argsort(label_key[missed], kind="stable")]
    alarms = alarms[np.argsort(spot_key[alarms], kind="stable")]
    confidence = axis.spots.confidence[alarms]
    pairs = find_pairs(label_key[missed], spot_key[alarms], confidence, reach)
    taken = np.append(alarms, -1)[match_labels(pairs, reach)]
    spot_of, label_of = np.full(len(label_key), -1), np.full(len(spot_key), -1)
    spot_of[missed] = taken
    label_of[taken[taken >= 0]] = missed[taken >= 0]
    return spot_of, label_of


def _confusion(
    labels: Events, found: np.ndarray, label_spot: np.ndarray, spots: Events, alone: np.ndarray
) -> np.ndarray:
    """Count labels by what was taken for them, and the spots `alone` where there is nothing."""
    none = len(labels.classes)
    taken = np.append(spots.label, none)[label_spot]
    rows = np.concatenate([labels.label, np.full(len(alone), none)])
    columns = np.concatenate([np.where(found, labels.label, taken), spots.label[alone]])
    size = none + 1
    return np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)
