"""Choose on validation games how heads that were not made alike are combined."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import Half, labels_path
from action_spotting.errors import UsageError
from action_spotting.fusion.calibration import (
    Scorer,
    average_of_common,
    fit_postprocessing,
    fit_probability,
    score_peaks,
    true_positives,
)
from action_spotting.fusion.combination import Combination
from action_spotting.fusion.ensemble import Ensemble, Outputs, calibrated_mean, mixed_peaks
from action_spotting.fusion.model import RowScores
from action_spotting.fusion.peak_picking import NO_PEAKS, Peaks, concatenate
from action_spotting.fusion.postprocessing import logit_of
from action_spotting.fusion.prediction import open_half
from action_spotting.io.items import Summary, run_items

STEPS = {2: 10, 3: 5, 4: 4}
"""Steps from 0 to 1 in which the weights of so many heads are tried."""

Means = list[list[RowScores | None]]
"""Of each game's halves; None: without features."""


def choose_combination(
    root: Path, games: Sequence[str], models: Ensemble, *, score: Scorer
) -> tuple[Ensemble, Summary]:
    """Choose weights, calibration and postprocessing of heads on games with labels.

    Parameters
    ----------
    root
        The dataset folder, with features and labels.
    games
        Games below it that none of the heads was trained on.
    models
        The heads.
    score
        Called as ``score(annotations, spots)``; the tight average-mAP is meant.

    Returns
    -------
    Ensemble, Summary
        The same heads, combined; the games that were used.

    Raises
    ------
    UsageError
        No game could be used.

    Examples
    --------
    >>> heads = load_models([Path("spivak-resnet"), Path("model")])  # doctest: +SKIP
    >>> score = partial(average_map, metric="tight")  # doctest: +SKIP
    >>> best, _ = choose_combination(root, games, heads, score=score)  # doctest: +SKIP
    >>> best.combination.weights  # doctest: +SKIP
    (0.7, 0.3)
    """
    annotations: dict[str, Events] = {}
    outputs: dict[str, list[Outputs]] = {}

    def work(game: str) -> tuple[str, str | None]:
        path = labels_path(root, game, models.label_version)
        truth = read_labels(path, version=models.label_version, classes=models.classes)
        halves = [open_half(Half(root, game, n), models, ())[0] for n in (1, 2)]
        outputs[game] = [models.run(features) if features else [] for features in halves]
        annotations[game] = truth
        return "done", None

    summary = run_items("combine", {game: game for game in games}, work)
    if not annotations:
        raise UsageError(f"no game could be used to choose the weights\n{summary}")
    truths, halves = list(annotations.values()), [outputs[game] for game in annotations]
    curves = [_fit_curve(models, i, truths, halves) for i in range(len(models.models))]
    plain = Combination((), tuple(curves), models.combination.heads)
    best = max(
        (replace(plain, weights=weights) for weights in weights_to_try(len(curves))),
        key=lambda c: _tried(models, c, truths, halves, score),
    )
    means = _means(models, best, halves)

    @lru_cache
    def picked(windows_s: tuple[float, ...]) -> list[list[Peaks]]:
        return _picked(means, models.fps, np.array(windows_s))

    chosen = fit_postprocessing(
        lambda windows_s, _: picked(tuple(windows_s)), truths, score, classes=len(models.classes)
    )
    combined = replace(best, postprocessing=replace(chosen, displacement_scale=1.0))
    return Ensemble(models.models, combined), summary


def weights_to_try(heads: int) -> list[tuple[float, ...]]:
    """List weights that add up to 1, the most equal first.

    Parameters
    ----------
    heads
        Number of heads.

    Returns
    -------
    list of tuple

    Examples
    --------
    >>> weights_to_try(2)[:3]
    [(0.5, 0.5), (0.4, 0.6), (0.6, 0.4)]
    """
    steps = STEPS.get(heads, 1 if heads == 1 else 3)
    parts = itertools.product(range(steps + 1), repeat=heads)
    found = [tuple(n / steps for n in part) for part in parts if sum(part) == steps]
    found += [(1 / heads,) * heads]
    return sorted(dict.fromkeys(found), key=lambda weights: float(np.var(weights)))


def _fit_curve(
    models: Ensemble, index: int, truths: Sequence[Events], halves: Sequence[Sequence[Outputs]]
) -> tuple[float, float]:
    """Fit what one head's confidences mean, on the spots that it gives alone."""
    model = models.models[index]
    alone, right, peaks = Ensemble([model]), [], []
    for truth, game in zip(truths, halves, strict=True):
        for number, outputs in enumerate(game, 1):
            mine = [pair for pair in outputs if pair[0] is model]
            found = alone.peaks(mine) if mine else NO_PEAKS
            peaks.append(found)
            right.append(true_positives(found, truth, number))
    confidence = concatenate(peaks).confidence
    return fit_probability(logit_of(confidence), np.concatenate(right))


def _means(
    models: Ensemble, combination: Combination, halves: Sequence[Sequence[Outputs]]
) -> Means:
    return [
        [calibrated_mean(outputs, combination, models.models) if outputs else None for outputs in g]
        for g in halves
    ]


def _picked(means: Means, fps: float, windows_s: np.ndarray) -> list[list[Peaks]]:
    return [
        [mixed_peaks(mean, fps, windows_s) if mean else NO_PEAKS for mean in game] for game in means
    ]


def _tried(
    models: Ensemble,
    combination: Combination,
    truths: Sequence[Events],
    halves: Sequence[Sequence[Outputs]],
    score: Scorer,
) -> float:
    means = _means(models, combination, halves)
    games = _picked(means, models.fps, models.postprocessing.nms_windows_s)
    return average_of_common(score_peaks(score, truths, games), truths)
