"""Scores as plain text that a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from action_spotting.dataset.event_findings import Finding
from action_spotting.evaluation.evaluate import Evaluation
from action_spotting.evaluation.game_set import GameSet
from action_spotting.evaluation.resampling import Comparison, Estimate
from action_spotting.io.tables import table

_KINDS = ("all", "visible", "not shown")
_NOTHING = "-"
_LISTED = 20


def report_text(evaluation: Evaluation) -> str:
    """Lay out a scored set: the games, the findings, and the table of `score_table`.

    Parameters
    ----------
    evaluation
        As `score_folder` gives it.

    Returns
    -------
    str
        Several lines; the first 20 findings are listed.

    Examples
    --------
    >>> from action_spotting.dataset.events import Events
    >>> from action_spotting.evaluation.evaluate import score_set
    >>> labels, spots = Events([1], [60_000], [2]), Events([1], [60_400], [2], confidence=[0.9])
    >>> games = GameSet(("A - B",), (labels,), (spots,), prediction_file="p.json", listed=1)
    >>> print(report_text(score_set(games)).splitlines()[0])
    1 games of split 'all', p.json
    """
    games = evaluation.games
    lines = [f"{len(games.games)} games of split {games.split!r}, {games.prediction_file}"]
    lines += left_out_text(games) + _first(games.findings)
    return "\n".join([*lines, "", score_table(evaluation)])


def left_out_text(games: GameSet) -> list[str]:
    """Say how many games of the split are not scored, and why the unusable ones are not.

    Parameters
    ----------
    games
        What was read.

    Returns
    -------
    list of str
        One line each; empty when all games of the split are scored.

    Examples
    --------
    >>> left_out_text(GameSet((), (), (), split="test", listed=2))
    ["2 of the 2 games of split 'test' are left out"]
    """
    left = games.listed - len(games.games)
    lines = [f"{left} of the {games.listed} games of split {games.split!r} are left out"]
    lines += [f"left out: {game}: {games.left_out[game]}" for game in games.broken]
    return lines if left else []


def findings_text(games: GameSet) -> str:
    """List all findings in the files of a set, and count them.

    Parameters
    ----------
    games
        As `check_folder` gives them.

    Returns
    -------
    str
        One line a finding, then the counts.

    Examples
    --------
    >>> findings_text(GameSet((), (), ()))
    '0 of 0 games can be scored: 0 errors, 0 warnings'
    """
    warnings = len(games.findings) - len(games.errors)
    lines = [str(finding) for finding in games.findings]
    lines += left_out_text(games)
    lines.append(
        f"{len(games.games)} of {games.listed} games can be scored: "
        f"{len(games.errors) + len(games.broken)} errors, {warnings} warnings"
    )
    return "\n".join(lines)


def score_table(evaluation: Evaluation) -> str:
    """Lay out scores: the classes in SoccerNet's order, the averages below, in percent.

    Parameters
    ----------
    evaluation
        As `score_folder` gives it.

    Returns
    -------
    str
        Several lines.

    Examples
    --------
    >>> from action_spotting.dataset.events import Events
    >>> from action_spotting.evaluation.evaluate import score_set
    >>> labels, spots = Events([1], [60_000], [2]), Events([1], [60_400], [2], confidence=[0.9])
    >>> games = GameSet(("A - B",), (labels,), (spots,))
    >>> score_table(score_set(games, metrics=["tight"])).splitlines()[0].split()[:4]
    ['class', 'visible', 'not', 'shown']
    """
    results = list(evaluation.results.values())
    first = results[0]
    header = ["class", "visible", "not shown", "spots"]
    for result in results:
        header += [f"AP {result.metric}"] + ["95 %"] * bool(evaluation.intervals)
    header += ["threshold", "precision", "recall"]
    rows = [_class_row(evaluation, i) for i in range(len(first.classes))]
    return "\n".join(
        [
            table(header, rows),
            "",
            _averages(evaluation),
            "",
            f"In percent. threshold: of the best F1 at a tolerance of {first.best.tolerance_s} s, "
            "with its precision and recall.",
        ]
    )


def comparisons_text(
    games: Sequence[str], comparisons: Mapping[str, Comparison], classes: Sequence[str]
) -> str:
    """Lay out a comparison under each metric.

    Parameters
    ----------
    games, comparisons
        As `compare_sets` gives them.
    classes
        Names of the classes.

    Returns
    -------
    str
        Differences in percent: by class, on average, and the games where they are largest.
    """
    tables = (_comparison_table(games, one, classes) for one in comparisons.values())
    return "\n\n".join(["", f"the other predictions minus these, {len(games)} games", *tables])


def _comparison_table(games: Sequence[str], comparison: Comparison, classes: Sequence[str]) -> str:
    """Lay out what a second system scores more than a first, in percent."""
    rows = [[name, *_difference(comparison.per_class, i)] for i, name in enumerate(classes)]
    rows += [[""] * 4]
    rows += [
        [f"average-mAP, {kind}", *_difference(comparison.average_map, i)]
        for i, kind in enumerate(_KINDS)
    ]
    text = table([f"difference, {comparison.metric}", "AP", "95 %", "sure"], rows)
    order = np.argsort(-np.abs(np.nan_to_num(comparison.games)), kind="stable")[:5]
    most = [[games[i], f"{100 * comparison.games[i]:+.2f}"] for i in order]
    return f"{text}\n\n{table(['games where they differ most', 'mAP'], most)}"


def _first(findings: Sequence[Finding]) -> list[str]:
    more = len(findings) - _LISTED
    lines = [str(finding) for finding in findings[:_LISTED]]
    return lines + ([f"and {more} more; --check_only lists them all"] if more > 0 else [])


def _class_row(evaluation: Evaluation, i: int) -> list[str]:
    results = list(evaluation.results.values())
    first = results[0]
    row = [first.classes[i], str(first.visible[i]), str(first.unshown[i]), str(first.spots[i])]
    for result in results:
        row.append(_percent(result.per_class[i]))
        if evaluation.intervals:
            row.append(_interval(evaluation.intervals[result.metric].per_class, i))
    best = first.best
    threshold = best.threshold[i]
    row.append(_NOTHING if np.isnan(threshold) else f"{threshold:.3f}")
    return [*row, _percent(best.precision[i]), _percent(best.recall[i])]


def _averages(evaluation: Evaluation) -> str:
    header = ["average-mAP"]
    for metric in evaluation.results:
        header += [metric] + ["95 %"] * bool(evaluation.intervals)
    kinds = _KINDS if len(evaluation.games.classes) != 3 else _KINDS[:1]
    rows = []
    for i, kind in enumerate(kinds):
        row = [kind]
        for result in evaluation.results.values():
            row.append(_percent(result.averages[i]))
            if evaluation.intervals:
                row.append(_interval(evaluation.intervals[result.metric].average_map, i))
        rows.append(row)
    return table(header, rows)


def _difference(estimate: Estimate, i: int) -> list[str]:
    low, high = estimate.low[i], estimate.high[i]
    sure = "yes" if low > 0 or high < 0 else "no"
    return [f"{100 * estimate.value[i]:+.2f}", f"{100 * low:+.2f} to {100 * high:+.2f}", sure]


def _interval(estimate: Estimate, i: int) -> str:
    return f"{100 * estimate.low[i]:.1f} to {100 * estimate.high[i]:.1f}"


def _percent(value: float) -> str:
    return _NOTHING if np.isnan(value) else f"{100 * value:.2f}"
