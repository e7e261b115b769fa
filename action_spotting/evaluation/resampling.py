"""How sure a score is, and whether two systems differ: the bootstrap over games.

Games are drawn with replacement and scored anew; the 2.5th and 97.5th percentile bound the 95 %
interval (Efron and Tibshirani, 1993). Two systems are drawn with the same games, so that what is
hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from action_spotting.errors import UsageError
from action_spotting.evaluation.scoring import (
    METRICS,
    Tally,
    official_ap,
    over_tolerances,
    unshown_scale,
)

_BATCH = 16


@dataclass(frozen=True)
class Estimate:
    """A number (or several) with its 95 % interval; arrays of one shape."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Intervals:
    """Average-mAP (all, visible, not shown; ``(3,)``) and average AP a class ``(classes,)``."""

    average_map: Estimate
    per_class: Estimate


@dataclass(frozen=True)
class Comparison:
    """What a second system scores more than a first, under one metric.

    Attributes
    ----------
    average_map, per_class
        The differences, second minus first, as in `Intervals`.
    games
        Per game the difference of the mean average AP over the classes that it has;
        ``(games,)``, NaN for a game without labels.
    """

    metric: str
    average_map: Estimate
    per_class: Estimate
    games: np.ndarray


def bootstrap(tally: Tally, metric: str, *, resamples: int, seed: int = 0) -> Intervals:
    """Give the 95 % intervals of a metric.

    Parameters
    ----------
    tally
        Counted game by game (`scoring.count` with ``games``).
    metric
        One whose tolerances the tally has.
    resamples
        How often to draw; 1000 is usual.
    seed
        Of the draws; the same seed and games give the same draws.
    """
    tally = tally.at(METRICS[metric])
    point = _scores(tally.total(), metric)
    drawn = _scores_of_draws([tally], metric, resamples, seed)[0]
    return Intervals(*(_estimate(one[0], many) for one, many in zip(point, drawn, strict=True)))


def compare(
    first: Tally, second: Tally, metric: str, *, resamples: int, seed: int = 0
) -> Comparison:
    """Compare two systems on the same games; as `bootstrap`, paired.

    Raises
    ------
    UsageError
        The tallies are of different games.
    """
    if not np.array_equal(first.labels, second.labels):
        raise UsageError("the two systems were not scored on the same games and labels")
    first, second = (tally.at(METRICS[metric]) for tally in (first, second))
    points = [_scores(tally.total(), metric) for tally in (first, second)]
    draws = _scores_of_draws([first, second], metric, resamples, seed)
    estimates = [
        _estimate(points[1][i][0] - points[0][i][0], draws[1][i] - draws[0][i]) for i in range(2)
    ]
    games = _game_scores(second, metric) - _game_scores(first, metric)
    return Comparison(metric, estimates[0], estimates[1], games)


def _scores_of_draws(
    tallies: Sequence[Tally], metric: str, resamples: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Score the same draws of games for each tally, a batch at a time."""
    games = len(tallies[0].labels)
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(games, np.full(games, 1 / games), size=resamples)
    result = []
    for tally in tallies:
        parts = [
            _scores(tally.total(weights[start : start + _BATCH]), metric)
            for start in range(0, resamples, _BATCH)
        ]
        result.append(
            (np.concatenate([a for a, _ in parts]), np.concatenate([c for _, c in parts]))
        )
    return result


def _scores(tally: Tally, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Average-mAP ``(blocks, 3)`` and average AP a class ``(blocks, classes)``."""
    values = official_ap(tally, METRICS[metric])
    per_class = over_tolerances(np.moveaxis(values, 2, 0))
    average = per_class.mean(axis=-1)
    average[:, 2] *= unshown_scale(tally.classes, METRICS[metric])
    return average, per_class[:, 0]


def _game_scores(tally: Tally, metric: str) -> np.ndarray:
    has = tally.labels.sum(axis=1) > 0
    blocks = np.eye(len(has))
    scores = np.concatenate(
        [
            _scores(tally.total(blocks[start : start + _BATCH]), metric)[1]
            for start in range(0, len(blocks), _BATCH)
        ]
    )
    undefined = np.full(len(has), np.nan)
    return np.divide(
        (scores * has).sum(axis=1), has.sum(axis=1), out=undefined, where=has.any(axis=1)
    )


def _estimate(value: np.ndarray, draws: np.ndarray) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return Estimate(value, low, high)
