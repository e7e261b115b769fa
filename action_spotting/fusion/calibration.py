"""What is chosen on the validation games: suppression windows, score map, temperature, thresholds.

The official AP is not rank-only: it looks at 200 thresholds on [0, 1], so that the same ranking
squeezed into a corner loses points. The score map spreads the confidences evenly in their logits;
it is monotone, so that no ranking changes, and the same for all classes. What a confidence means to
people is kept apart: a logistic curve gives the probability that a spot is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from action_spotting.dataset.events import Events
from action_spotting.errors import InputError
from action_spotting.fusion.peak_picking import FLOOR, Peaks

WINDOWS_S = (3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0)
DEFAULT_WINDOW_S = 8.0
GIVE = 0.01
"""AP that a wider window may cost: it leaves fewer spots and serves the wider tolerances."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
DEFAULT_SHARE = 0.25
RIGHT_S = 2.5
"""A spot this close to an event counts as right: half of the largest tight tolerance."""

ENOUGH = 10
"""Validation events a class needs for a window or a threshold of its own."""

BOTTOM = float(logit(FLOOR))
"""The logit that the score map takes to 0."""

_EDGE = 1e-6


class Score(Protocol):
    """What a scorer gives: the average-mAP and each class's average AP, in [0, 1]."""

    @property
    def average_map(self) -> float:
        """The mean over the classes."""

    @property
    def per_class(self) -> np.ndarray:
        """Of each class, ``(classes,)``."""


Scorer = Callable[[Sequence[Events], Sequence[Events]], Score]
"""``score(annotations, spots)``, one element a game."""

Picker = Callable[[np.ndarray, float], list[list[Peaks]]]
"""``pick(windows_s, share)`` gives the peaks of every game's two halves."""


@dataclass(frozen=True)
class Calibration:
    """The result of the validation games, one row a class.

    Attributes
    ----------
    windows_s
        Suppression windows, ``(classes,)``.
    share
        Part of the displacement by which a row is moved, 0 to 1. The confidence of a narrow
        target peaks at the event by itself; rows moved all the way crowd into false doubles.
    top
        The score map's end: the logit that becomes 1, that of `spotting.FLOOR` becoming 0; None:
        confidences stay as they are.
    threshold
        Of the mapped confidence, with the best F1, ``(classes,)``.
    temperature, offset
        ``probability = expit(logit(confidence) / temperature + offset)``, of unmapped confidence.
    """

    windows_s: np.ndarray
    share: float
    top: float | None
    threshold: np.ndarray
    temperature: float = 1.0
    offset: float = 0.0

    def score(self, peaks: Peaks) -> np.ndarray:
        """Map confidences for the 200-threshold AP, ``(n,)`` in [0, 1]."""
        if self.top is None:
            return peaks.confidence
        return np.clip((_logit(peaks.confidence) - BOTTOM) / (self.top - BOTTOM), 0, 1)

    def probability(self, peaks: Peaks) -> np.ndarray:
        """Give the probability that each spot is within 2.5 s of an event, ``(n,)``."""
        return expit(_logit(peaks.confidence) / self.temperature + self.offset)

    def as_dict(self) -> dict[str, Any]:
        """Give JSON-able values."""
        return {
            "windows_s": self.windows_s.tolist(),
            "share": self.share,
            "top": self.top,
            "threshold": self.threshold.tolist(),
            "temperature": self.temperature,
            "offset": self.offset,
        }


def plain(classes: int) -> Calibration:
    """Give the calibration of a head without validation: one window, confidences as they are."""
    windows_s = np.full(classes, DEFAULT_WINDOW_S)
    return Calibration(windows_s, DEFAULT_SHARE, None, np.full(classes, 0.5))


def from_dict(content: Any, classes: int, where: str) -> Calibration:
    """Rebuild a calibration from a model folder's JSON; `where` names it in the error."""
    try:
        arrays = {name: np.array(content[name], float) for name in ("windows_s", "threshold")}
        top = None if content["top"] is None else float(content["top"])
        numbers = {name: float(content[name]) for name in ("share", "temperature", "offset")}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: calibration is not usable ({error!r})") from error
    if not np.isfinite(list(numbers.values())).all() or numbers["temperature"] <= 0:
        raise InputError(f"{where}: calibration is not usable ({numbers})")
    if not (top is None or BOTTOM < top < np.inf):
        raise InputError(f"{where}: calibration top is {top}, expected more than {BOTTOM:.2f}")
    for name, array in arrays.items():
        if array.shape != (classes,) or not np.isfinite(array).all():
            raise InputError(f"{where}: calibration {name} is not {classes} finite numbers")
    values: dict[str, Any] = {"top": top, **arrays, **numbers}
    return Calibration(**values)


def to_spots(
    halves: Sequence[Peaks],
    confidence: Callable[[Peaks], np.ndarray],
    classes: tuple[str, ...],
) -> Events:
    """Join the peaks of a game's halves (first, second) into spots with integer milliseconds."""
    return Events(
        np.repeat(np.arange(1, len(halves) + 1), [len(p) for p in halves]),
        np.concatenate([np.round(p.time_s * 1000) for p in halves]).astype(np.int64),
        np.concatenate([p.label for p in halves]),
        np.concatenate([confidence(p) for p in halves]),
        classes=classes,
    )


def fit(
    pick: Picker,
    annotations: Sequence[Events],
    score: Scorer,
    *,
    classes: int,
    window_s: float = 0.0,
    score_map: bool = True,
) -> Calibration:
    """Choose windows, score map, temperature and thresholds on the validation games.

    Parameters
    ----------
    pick
        Picks the games' peaks with given windows.
    annotations
        The games' events.
    score
        The tight AP of each class.
    classes
        How many.
    window_s
        The suppression window of every class; 0: each class's own is chosen.
    score_map
        Whether confidences are spread for the 200 thresholds.
    """
    share = choose_share(pick, annotations, score, classes, window_s or DEFAULT_WINDOW_S)
    windows_s = np.full(classes, window_s)
    if not window_s:
        windows_s = choose_windows(lambda w: pick(w, share), annotations, score, classes)
    games = pick(windows_s, share)
    matched = [
        match(half, game, number)
        for halves, game in zip(games, annotations, strict=True)
        for number, half in enumerate(halves, 1)
    ]
    peaks = [half for halves in games for half in halves]
    label = np.concatenate([p.label for p in peaks])
    x = _logit(np.concatenate([p.confidence for p in peaks]))
    right = np.concatenate(matched)
    temperature, offset = fit_probability(x, right)
    top = max(float(x.max(initial=BOTTOM)), BOTTOM + 1) if score_map else None
    fitted = Calibration(windows_s, share, top, np.full(classes, 0.5), temperature, offset)
    mapped_score = np.concatenate([fitted.score(p) for p in peaks])
    events = np.bincount(np.concatenate([a.label for a in annotations]), minlength=classes)
    threshold = best_thresholds(mapped_score, label, right, events)
    return replace(fitted, threshold=threshold)


def usual_average(scored: Score, annotations: Sequence[Events]) -> float:
    """Average the AP over the classes with enough events; one lucky red card decides nothing.

    Over all classes where none has enough.
    """
    aps = np.nan_to_num(scored.per_class)
    label = np.concatenate([a.label for a in annotations])
    usual = np.bincount(label, minlength=len(aps)) >= ENOUGH
    return float(aps[usual].mean() if usual.any() else aps.mean())


def choose_share(
    pick: Picker,
    annotations: Sequence[Events],
    score: Scorer,
    classes: int,
    window_s: float,
) -> float:
    """Choose the part of the displacement to move by: the best average-mAP, the smallest such."""
    windows_s = np.full(classes, window_s)
    averages = []
    for share in SHARES:
        spots = [
            to_spots(game, _confidence, annotations[0].classes) for game in pick(windows_s, share)
        ]
        averages.append(usual_average(score(annotations, spots), annotations))
    return SHARES[int(np.argmax(averages))]


def choose_windows(
    pick: Callable[[np.ndarray], list[list[Peaks]]],
    annotations: Sequence[Events],
    score: Scorer,
    classes: int,
) -> np.ndarray:
    """Choose each class's suppression window by its AP; rare classes take that of all together.

    The widest whose AP is within `GIVE` of the best.
    """
    aps = np.array(
        [
            score(
                annotations,
                [
                    to_spots(g, _confidence, annotations[0].classes)
                    for g in pick(np.full(classes, w))
                ],
            ).per_class
            for w in WINDOWS_S
        ]
    )
    aps = np.nan_to_num(aps)
    events = np.bincount(np.concatenate([a.label for a in annotations]), minlength=classes)
    pooled = _widest(aps.mean(axis=1, keepdims=True))
    return np.where(events >= ENOUGH, _widest(aps), pooled)


def _widest(aps: np.ndarray) -> np.ndarray:
    good = aps >= aps.max(axis=0) - GIVE
    return np.array(WINDOWS_S)[len(WINDOWS_S) - 1 - np.argmax(good[::-1], axis=0)]


def match(peaks: Peaks, annotations: Events, half: int, within_s: float = RIGHT_S) -> np.ndarray:
    """Tell which peaks are right: the most confident first, each taking its nearest free event."""
    right = np.zeros(len(peaks), dtype=bool)
    in_half = annotations.half == half
    for c in np.unique(peaks.label):
        events = annotations.position_ms[in_half & (annotations.label == c)] / 1000
        free = np.ones(len(events), dtype=bool)
        mine = np.flatnonzero(peaks.label == c)
        for i in mine[np.argsort(-peaks.confidence[mine], kind="stable")]:
            away = np.where(free, np.abs(events - peaks.time_s[i]), np.inf)
            if not free.any():
                break
            nearest = int(np.argmin(away))
            if away[nearest] <= within_s:
                right[i], free[nearest] = True, False
    return right


def fit_probability(x: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Fit ``P(right) = expit(x / temperature + offset)`` by likelihood (Platt, 1999)."""
    if not right.any() or right.all():
        return 1.0, 0.0
    sign = np.where(right, -1.0, 1.0)

    def loss(p: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0, sign * (x * np.exp(p[0]) + p[1])))) + 1e-4 * p @ p

    slope, offset = minimize(loss, np.zeros(2), method="BFGS").x
    return float(np.exp(-slope)), float(offset)


def best_thresholds(
    score: np.ndarray, label: np.ndarray, right: np.ndarray, events: np.ndarray
) -> np.ndarray:
    """Choose each class's threshold with the best F1; rare classes take that of all together."""
    pooled = _best_f1(score, right, int(events.sum()))
    return np.array(
        [
            _best_f1(score[label == c], right[label == c], count) if count >= ENOUGH else pooled
            for c, count in enumerate(events)
        ]
    )


def _best_f1(score: np.ndarray, right: np.ndarray, events: int) -> float:
    if not right.any():
        return 0.5
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + events)
    return float(score[order][int(np.argmax(f1))])


def _logit(confidence: np.ndarray) -> np.ndarray:
    return logit(np.clip(confidence, _EDGE, 1 - _EDGE))


def _confidence(peaks: Peaks) -> np.ndarray:
    return peaks.confidence
