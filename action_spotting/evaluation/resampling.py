"""How sure a score is, and whether two systems differ: the bootstrap over games.

Games are drawn with replacement and scored anew; the 2.5th and 97.5th percentile bound the 95 %
interval (Efron and Tibshirani, 1993). Two systems are drawn with the same games, so that what is
hard for both cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from action_spotting.errors import UsageError
from action_spotting.evaluation.scoring import official_ap, over_tolerances, unshown_scale
from action_spotting.evaluation.tally import METRICS, Tally

MOST_RESAMPLES = 1_000_000
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
    drawn = _scores(tally, metric, _draws(tally, resamples, seed))
    return Intervals(*map(_estimate, _scores(tally, metric), drawn))


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
    both = [tally.at(METRICS[metric]) for tally in (first, second)]
    weights = _draws(first, resamples, seed)
    points = [_scores(tally, metric) for tally in both]
    draws = [_scores(tally, metric, weights) for tally in both]
    estimates = [_estimate(points[1][i] - points[0][i], draws[1][i] - draws[0][i]) for i in (0, 1)]
    games = _game_scores(both[1], metric) - _game_scores(both[0], metric)
    return Comparison(metric, estimates[0], estimates[1], games)


def _draws(tally: Tally, resamples: int, seed: int) -> np.ndarray:
    """How often each draw holds each game; ``(resamples, games)``."""
    games = len(tally.labels)
    generator = np.random.default_rng(seed)
    return generator.multinomial(games, np.full(games, 1 / games), size=resamples)


def _scores(
    tally: Tally, metric: str, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Average-mAP ``(sums, 3)`` and average AP a class ``(sums, classes)`` of weighted games.

    A batch of `weights` ``(sums, games)`` at a time; None: all games once.
    """
    weights = np.ones((1, len(tally.labels))) if weights is None else weights
    averages, classes = [], []
    for start in range(0, len(weights), _BATCH):
        values = official_ap(tally.total(weights[start : start + _BATCH]), METRICS[metric])
        per_class = over_tolerances(np.moveaxis(values, 2, 0))
        averages.append(per_class.mean(axis=-1))
        averages[-1][:, 2] *= unshown_scale(tally.classes, METRICS[metric])
        classes.append(per_class[:, 0])
    return np.concatenate(averages), np.concatenate(classes)


def _game_scores(tally: Tally, metric: str) -> np.ndarray:
    has = tally.labels.sum(axis=1) > 0
    scores = _scores(tally, metric, np.eye(len(has)))[1]
    undefined = np.full(len(has), np.nan)
    return np.divide(
        (scores * has).sum(axis=1), has.sum(axis=1), out=undefined, where=has.any(axis=1)
    )


def _estimate(value: np.ndarray, draws: np.ndarray) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return Estimate(value[0], low, high)
