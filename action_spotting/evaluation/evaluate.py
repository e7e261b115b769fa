"""Scores, intervals and comparisons of two folders or zips, with the findings in their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from action_spotting.dataset.event_findings import Finding
from action_spotting.errors import InputError, UsageError
from action_spotting.evaluation.game_set import GameSet, load_set
from action_spotting.evaluation.resampling import (
    MOST_RESAMPLES,
    Comparison,
    Intervals,
    bootstrap,
    compare,
)
from action_spotting.evaluation.scoring import Result, score
from action_spotting.evaluation.tally import Tally, check_metrics, tally_games
from action_spotting.evaluation.video_bounds import find_beyond

_LISTED = 20


@dataclass(frozen=True)
class Evaluation:
    """A scored set.

    Attributes
    ----------
    games
        The labels and spots that were read.
    results
        One a metric.
    intervals
        One a metric; empty without bootstrap.
    """

    games: GameSet
    results: dict[str, Result]
    intervals: dict[str, Intervals] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """As `GameSet.exit_code`."""
        return self.games.exit_code()

    def to_json(self) -> dict[str, Any]:
        """Give all as JSON content: settings, games, and each metric's official fields.

        Returns
        -------
        dict
            Only dicts, lists, str, numbers and None; NaN becomes None.
        """
        games = self.games
        content: dict[str, Any] = {
            "settings": {
                "split": games.split,
                "version": games.version,
                "prediction_file": games.prediction_file,
                "mode": next(iter(self.results.values())).mode,
            },
            "classes": list(games.classes),
            "games": list(games.games),
            "left_out": games.left_out,
            "warnings": [str(finding) for finding in games.findings],
        }
        for metric, result in self.results.items():
            content[metric] = result.official() | {
                "best_f1": result.best,
                "instances_visible": result.visible,
                "instances_unshown": result.unshown,
            }
            if metric in self.intervals:
                content[metric]["intervals"] = _interval_fields(self.intervals[metric])
        return _plain(content)


def score_folder(
    labels: str | Path,
    predictions: str | Path,
    *,
    metrics: Sequence[str] = ("loose", "tight"),
    mode: str = "official",
    strict: bool = False,
    resamples: int = 0,
    seed: int = 0,
    **choice: Any,
) -> Evaluation:
    """Score the predictions of a split.

    Parameters
    ----------
    labels, predictions
        Folders or zips, as for `load_set`.
    metrics, mode
        As for `scoring.score`.
    strict
        Refuse files with warnings, not only those with errors.
    resamples
        Draws of the bootstrap for 95 % intervals, 0 to 1,000,000; 0: no intervals.
    seed
        Of these draws, at least 0.
    **choice
        ``split``, ``version``, ``prediction_file``, ``partial`` of `load_set`.

    Returns
    -------
    Evaluation
        The games, and one result a metric.

    Raises
    ------
    UsageError
        A side is missing, an unknown name, intervals in ``exact`` mode, `resamples` or `seed` out
        of range.
    InputError
        Files that cannot be scored; all problems are listed.

    Examples
    --------
    >>> evaluation = score_folder("SoccerNet", "results.zip", split="test")  # doctest: +SKIP
    >>> average_map = evaluation.results["tight"].average_map  # doctest: +SKIP
    """
    check_metrics(metrics)
    if resamples and mode != "official":
        raise UsageError(f"intervals are made in the official mode, not in mode {mode!r}")
    if not (0 <= resamples <= MOST_RESAMPLES and seed >= 0):
        raise UsageError(
            f"{resamples} draws with seed {seed}: 0 to {MOST_RESAMPLES} draws and a seed of at "
            "least 0 are expected"
        )
    games = load_set(labels, predictions, **choice)
    _refuse(games.findings if strict else games.errors)
    return score_set(games, metrics=metrics, mode=mode, resamples=resamples, seed=seed)


def score_set(
    games: GameSet,
    *,
    metrics: Sequence[str] = ("loose", "tight"),
    mode: str = "official",
    resamples: int = 0,
    seed: int = 0,
) -> Evaluation:
    """Score a set that is in memory.

    Parameters
    ----------
    games
        Labels and spots.
    metrics, mode, resamples, seed
        As for `score_folder`.

    Returns
    -------
    Evaluation
        One result a metric, with intervals where `resamples` is not 0.

    Raises
    ------
    UsageError
        Unknown metric or mode.

    Examples
    --------
    >>> from action_spotting.dataset.events import Events
    >>> labels = Events([1, 2], [60_000, 5_000], [2, 16])
    >>> spots = Events([1], [60_400], [2], confidence=[0.9])
    >>> evaluation = score_set(GameSet(("A - B",), (labels,), (spots,)))
    >>> round(float(evaluation.results["tight"].per_class[2]), 3)
    1.0
    """
    results = score(games.labels, games.spots, metrics=metrics, mode=mode)
    if not resamples:
        return Evaluation(games, results)
    tally = tally_games(games.labels, games.spots, metrics)
    intervals = {m: bootstrap(tally, m, resamples=resamples, seed=seed) for m in metrics}
    return Evaluation(games, results, intervals)


def check_folder(labels: str | Path, predictions: str | Path, **choice: Any) -> GameSet:
    """Read a set and check its files; events after the end of their video are findings too.

    Parameters
    ----------
    labels, predictions
        Folders or zips, as for `load_set`; the videos lie in the folder of the labels.
    **choice
        ``split``, ``version``, ``prediction_file``, ``partial`` of `load_set`.

    Returns
    -------
    GameSet
        What was read; its `findings` list all errors and warnings.

    Raises
    ------
    UsageError, InputError
        As for `load_set`.

    Examples
    --------
    >>> games = check_folder("SoccerNet", "results.zip", split="test")  # doctest: +SKIP
    >>> errors, all_findings = games.errors, games.findings  # doctest: +SKIP
    """
    games = load_set(labels, predictions, **choice)
    beyond = find_beyond(games, Path(labels)) if Path(labels).is_dir() else []
    return replace(games, findings=(*games.findings, *beyond))


def compare_sets(
    first: GameSet,
    second: GameSet,
    *,
    metrics: Sequence[str] = ("loose", "tight"),
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[tuple[str, ...], dict[str, Comparison]]:
    """Compare two systems on the games that both have: what `second` scores more than `first`.

    Parameters
    ----------
    first, second
        The games of each system, with the same labels.
    metrics
        Keys of `tally.METRICS`.
    resamples, seed
        Draws of the bootstrap, and their seed.

    Returns
    -------
    games : tuple of str
        The games compared, in the order of `first`.
    comparisons : dict of str to Comparison
        One a metric.

    Raises
    ------
    InputError
        Files of either system have errors.
    UsageError
        No game in common, different labels, or an unknown metric.

    Examples
    --------
    >>> from action_spotting.dataset.events import Events
    >>> labels = (Events([1], [60_000], [2]),)
    >>> early, late = (Events([1], [ms], [2], confidence=[0.9]) for ms in (60_400, 90_000))
    >>> one, other = (GameSet(("A - B",), labels, (spots,)) for spots in (late, early))
    >>> games, comparisons = compare_sets(one, other, metrics=["tight"], resamples=10)
    >>> games, round(float(comparisons["tight"].per_class.value[2]), 3)
    (('A - B',), 1.0)
    """
    _refuse(first.errors + second.errors)
    common = set(second.games).intersection(first.games)
    games = tuple(game for game in first.games if game in common)
    if not games:
        raise UsageError("the two systems have no game in common")
    one, other = (_tally(side, games, metrics) for side in (first, second))
    comparisons = {
        metric: compare(one, other, metric, resamples=resamples, seed=seed) for metric in metrics
    }
    return games, comparisons


def comparison_json(games: Sequence[str], comparisons: dict[str, Comparison]) -> dict[str, Any]:
    """Give a comparison as JSON content.

    Parameters
    ----------
    games, comparisons
        As `compare_sets` gives them.

    Returns
    -------
    dict
        By metric the differences, their intervals ``[low, high]`` and those of each game; NaN
        becomes None.
    """
    content: dict[str, Any] = {}
    for metric, one in comparisons.items():
        content[metric] = {
            "a_mAP": one.average_map.value[0],
            "a_mAP_per_class": one.per_class.value,
            "intervals": _interval_fields(one),
            "games": dict(zip(games, one.games.tolist(), strict=True)),
        }
    return _plain(content)


def _refuse(findings: Sequence[Finding]) -> None:
    """Raise `InputError` listing the findings, if there are any."""
    if findings:
        more = len(findings) - _LISTED
        lines = [str(finding) for finding in findings[:_LISTED]]
        lines += [f"and {more} more"] if more > 0 else []
        raise InputError("not scored:\n  " + "\n  ".join(lines))


def _tally(side: GameSet, games: Sequence[str], metrics: Sequence[str]) -> Tally:
    rows = [side.games.index(game) for game in games]
    return tally_games([side.labels[i] for i in rows], [side.spots[i] for i in rows], metrics)


def _interval_fields(intervals: Intervals | Comparison) -> dict[str, Any]:
    """The bounds of an estimate, ``[low, high]``, under the names of what they bound."""
    average_map, per_class = (
        np.stack([part.low, part.high], axis=-1)
        for part in (intervals.average_map, intervals.per_class)
    )
    names = ("a_mAP", "a_mAP_visible", "a_mAP_unshown")
    return dict(zip(names, average_map, strict=True)) | {"a_mAP_per_class": per_class}


def _plain(content: Any) -> Any:
    """Arrays as lists, and NaN, which JSON has no word for, as null; names of any bytes stay."""
    return _without_nan(msgspec.to_builtins(content, enc_hook=lambda array: array.tolist()))


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(name): _without_nan(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content


def occurring_average(evaluation: Evaluation) -> dict[str, float]:
    """Give each metric's average-mAP over the classes that occur.

    SoccerNet's own average counts a class that never occurs as 0.

    Parameters
    ----------
    evaluation
        As `score_folder` gives it.

    Returns
    -------
    dict of str to float
        By metric, in [0, 1].

    Examples
    --------
    >>> from action_spotting.dataset.events import Events
    >>> from action_spotting.evaluation.game_set import GameSet
    >>> labels, spots = Events([1], [60_000], [2]), Events([1], [60_400], [2], confidence=[0.9])
    >>> evaluation = score_set(GameSet(("A - B",), (labels,), (spots,)), metrics=["tight"])
    >>> round(occurring_average(evaluation)["tight"], 3)
    1.0
    """
    return {
        metric: float(np.mean(result.per_class[result.visible + result.unshown > 0]))
        for metric, result in evaluation.results.items()
    }
