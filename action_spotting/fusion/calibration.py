"""What validation games choose: suppression, displacement, probabilities, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from action_spotting.dataset.events import Events
from action_spotting.fusion.peak_picking import Peaks, concatenate
from action_spotting.fusion.postprocessing import (
    BOTTOM,
    DEFAULT_NMS_WINDOW_S,
    Postprocessing,
    logit_of,
    to_spots,
)

NMS_WINDOWS_S = (3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0)

AP_MARGIN = 0.01
"""AP that a wider window may cost: it leaves fewer spots and serves the wider tolerances."""

DISPLACEMENT_SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)

TOLERANCE_S = 2.5
"""A spot this close to an event counts as right: half of the largest tight tolerance."""

ENOUGH = 10
"""Validation events a class needs for a window or a threshold of its own."""

Scorer = Callable[..., Any]
"""``score(annotations, spots)``, one element a game; gives ``average_map`` and ``per_class``, in
[0, 1], as ``average_map`` of `action_spotting.evaluation.scoring` does."""

Picker = Callable[[np.ndarray, float], list[list[Peaks]]]
"""``pick(nms_windows_s, displacement_scale)`` gives the peaks of every game's two halves."""


def fit_postprocessing(
    pick: Picker,
    annotations: Sequence[Events],
    score: Scorer,
    *,
    classes: int,
    nms_window_s: float = 0.0,
    spread: bool = True,
) -> Postprocessing:
    """Choose the postprocessing on the validation games.

    Of displacement scales with the same AP the smallest is taken. Classes with few events share the
    window and the threshold that are best over all classes.

    Parameters
    ----------
    pick
        Picks the games' peaks with given windows and scale.
    annotations
        The games' events.
    score
        Gives the tight AP of each class and their average.
    classes
        Number of classes.
    nms_window_s
        Suppression window of every class in seconds; 0: chosen for each class.
    spread
        Whether confidences are spread for the 200 thresholds.

    Returns
    -------
    Postprocessing
        Scale, windows, spread, probability curve and thresholds.
    """
    events = _count_events(annotations, classes)

    def scored(window_s: float, scale: float) -> Any:
        return score_peaks(score, annotations, pick(np.full(classes, window_s), scale))

    window_s = nms_window_s or DEFAULT_NMS_WINDOW_S
    averages = [average_of_common(scored(window_s, x), annotations) for x in DISPLACEMENT_SCALES]
    scale = DISPLACEMENT_SCALES[int(np.argmax(averages))]
    windows_s = np.full(classes, nms_window_s)
    if not nms_window_s:
        aps = np.nan_to_num([scored(window_s, scale).per_class for window_s in NMS_WINDOWS_S])
        pooled = _widest(aps.mean(axis=1, keepdims=True))
        windows_s = np.where(events >= ENOUGH, _widest(aps), pooled)
    games = pick(windows_s, scale)
    right = np.concatenate(
        [
            true_positives(half, game, number)
            for halves, game in zip(games, annotations, strict=True)
            for number, half in enumerate(halves, 1)
        ]
    )
    peaks = concatenate([half for halves in games for half in halves])
    x = logit_of(peaks.confidence)
    top = max(float(x.max(initial=BOTTOM)), BOTTOM + 1) if spread else None
    curve = fit_probability(x, right)
    fitted = Postprocessing(windows_s, scale, top, np.full(classes, 0.5), *curve)
    threshold = best_thresholds(fitted.spread(peaks), peaks.label, right, events)
    return replace(fitted, threshold=threshold)


def average_of_common(scored: Any, annotations: Sequence[Events]) -> float:
    """Average the AP over the classes with at least 10 events, so that rare ones decide nothing.

    Over all classes if none has that many.

    Parameters
    ----------
    scored
        Result of a `Scorer`.
    annotations
        The events it was scored on.

    Returns
    -------
    float
        In [0, 1].
    """
    aps = np.nan_to_num(scored.per_class)
    common = _count_events(annotations, len(aps)) >= ENOUGH
    return float(aps[common].mean() if common.any() else aps.mean())


def _count_events(annotations: Sequence[Events], classes: int) -> np.ndarray:
    return np.bincount(np.concatenate([a.label for a in annotations]), minlength=classes)


def score_peaks(
    score: Scorer, annotations: Sequence[Events], games: Sequence[Sequence[Peaks]]
) -> Any:
    """Score the peaks of games by the confidences that suppression leaves.

    Parameters
    ----------
    score
        The scorer.
    annotations
        Events of each game.
    games
        Peaks of each game's first and second half.

    Returns
    -------
    Any
        Result of `score`.
    """
    spots = [
        to_spots(halves, lambda p: p.confidence, events.classes)
        for halves, events in zip(games, annotations, strict=True)
    ]
    return score(annotations, spots)


def _widest(aps: np.ndarray) -> np.ndarray:
    """Choose the widest windows whose AP is within `AP_MARGIN` of the best."""
    good = aps >= aps.max(axis=0) - AP_MARGIN
    return np.array(NMS_WINDOWS_S)[len(NMS_WINDOWS_S) - 1 - np.argmax(good[::-1], axis=0)]


def true_positives(peaks: Peaks, annotations: Events, half: int) -> np.ndarray:
    """Match peaks to events: the most confident first, each to its nearest free event.

    Parameters
    ----------
    peaks
        Peaks of a half.
    annotations
        Events of the game.
    half
        Number of the half, 1 or 2.

    Returns
    -------
    bool array ``(n,)``
        True for a peak with an event of its class within 2.5 s.
    """
    right = np.zeros(len(peaks), dtype=bool)
    in_half = annotations.half == half
    for c in np.unique(peaks.label):
        events = annotations.position_ms[in_half & (annotations.label == c)] / 1000
        mine = np.flatnonzero(peaks.label == c)
        for i in mine[np.argsort(-peaks.confidence[mine], kind="stable")]:
            away = np.abs(events - peaks.time_s[i])
            if len(events) and away.min() <= TOLERANCE_S:
                right[i], events = True, np.delete(events, np.argmin(away))
    return right


def fit_probability(x: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Fit ``P(right) = expit(x / temperature + offset)`` by likelihood (Platt, 1999).

    Parameters
    ----------
    x
        Logits of the confidences, ``(n,)``.
    right
        Which spots are right, bool ``(n,)``.

    Returns
    -------
    float, float
        Temperature and offset; 1 and 0 if all spots are right, or none.
    """
    if not right.any() or right.all():
        return 1.0, 0.0
    sign = np.where(right, -1.0, 1.0)

    def loss(p: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0, sign * (x * np.exp(p[0]) + p[1])))) + 1e-4 * p @ p

    slope, offset = minimize(loss, np.zeros(2), method="BFGS").x
    return float(np.exp(-slope)), float(offset)


def best_thresholds(
    confidence: np.ndarray, label: np.ndarray, right: np.ndarray, events: np.ndarray
) -> np.ndarray:
    """Choose each class's threshold with the best F1; rare classes share one for all classes.

    Parameters
    ----------
    confidence
        Spread confidences, ``(n,)``.
    label
        Class indices, ``(n,)``.
    right
        Which spots are right, bool ``(n,)``.
    events
        Number of events of each class, ``(classes,)``.

    Returns
    -------
    float array ``(classes,)``
        Confidences; 0.5 without a right spot.
    """
    pooled = _best_f1(confidence, right, int(events.sum()))
    return np.array(
        [
            _best_f1(confidence[label == c], right[label == c], count)
            if count >= ENOUGH
            else pooled
            for c, count in enumerate(events)
        ]
    )


def _best_f1(confidence: np.ndarray, right: np.ndarray, events: int) -> float:
    if not right.any():
        return 0.5
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + events)
    return float(confidence[order][int(np.argmax(f1))])
