"""The curves of a set's scores: for papers, and as pictures in the report."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from action_spotting.evaluation.diagnosis import Calibration
from action_spotting.evaluation.scoring import Result
from action_spotting.io.files import whole_file

_COLUMNS = 5
_LINE, _BEST, _INK = "#24617f", "#c4473a", "#000000"
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "action_spotting",
    "svg.fonttype": "none",
    "text.parse_math": False,
}
_COLOURS = """<style>
svg { --line: #24617f; --best: #c4473a; --ink: #667079; }
text { fill: var(--ink); }
@media (prefers-color-scheme: dark) { svg { --line: #66acce; --best: #e5796c; --ink: #98a2a9; } }
</style>"""
"""Light and dark, as in ``report.css``."""


@mpl.rc_context(_STYLE)
def precision_recall(result: Result) -> Figure:
    """Draw each class's precision over recall at the tolerance of its best F1, which is marked."""
    row = result.tolerances_s.index(result.best.tolerance_s)
    rows = math.ceil(len(result.classes) / _COLUMNS)
    figure = Figure(figsize=(7.2, 1.5 * rows + 0.3))
    grid = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(result.classes):
            axes.remove()
            continue
        recall, precision = result.recall[row, i], result.precision[row, i]
        drawn = precision > 0
        axes.plot(recall[drawn], precision[drawn], color=_LINE, linewidth=1)
        axes.plot(result.best.recall[i], result.best.precision[i], "o", color=_BEST, markersize=3)
        axes.set_title(result.classes[i], fontsize=8)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.tick_params(labelbottom=i >= len(result.classes) - _COLUMNS)
    figure.subplots_adjust(0.08, 0.3 / rows, 0.98, 1 - 0.2 / rows, 0.2, 0.35)
    figure.supxlabel(f"recall at a tolerance of {result.best.tolerance_s} s", fontsize=8)
    figure.supylabel("precision", fontsize=8)
    return figure


@mpl.rc_context(_STYLE)
def tolerance_curves(
    tolerances_s: Sequence[int], curves: Mapping[str, np.ndarray], mean: np.ndarray | None = None
) -> Figure:
    """Draw AP, in [0, 1], over tolerance: a line a name, and a thick one for their mean."""
    figure = Figure(figsize=(7.2, 4.2))
    axes = figure.subplots()
    tab20 = mpl.colormaps["tab20"]
    shades = [_LINE, *(tab20(i) for i in (*range(2, 20, 2), *range(1, 20, 2)))]
    for i, (name, values) in enumerate(curves.items()):
        axes.plot(tolerances_s, 100 * values, color=shades[i % 20], linewidth=1.2, label=name)
    if mean is not None:
        axes.plot(tolerances_s, 100 * mean, color=_INK, linewidth=2, label="mean")
    axes.set(xlabel="tolerance, s", ylabel="AP, %", ylim=(0, None))
    figure.subplots_adjust(0.08, 0.11, 0.78, 0.98)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False, labelcolor=_INK)
    return figure


@mpl.rc_context(_STYLE)
def calibration_curve(calibration: Calibration) -> Figure:
    """Draw the share of right spots over confidence, beside the diagonal and the spots' number."""
    figure = Figure(figsize=(4.2, 3.2))
    axes = figure.subplots()
    some = calibration.spots > 0
    bars = 25 * calibration.spots / max(1, calibration.spots.max())
    axes.bar(np.arange(0.05, 1, 0.1), bars, 0.09, color=_INK, alpha=0.15)
    axes.plot([0, 1], [0, 100], "--", color=_INK, linewidth=0.8)
    axes.plot(calibration.confidence[some], 100 * calibration.hits[some], "o-", color=_LINE)
    axes.set(xlabel="confidence", ylabel="right, %", xlim=(0, 1), ylim=(0, 101))
    figure.subplots_adjust(0.13, 0.15, 0.98, 0.97)
    return figure


@mpl.rc_context(_STYLE)
def to_svg(figure: Figure) -> bytes:
    """Give a figure as an SVG picture whose colours follow the reader's light or dark scheme."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    for colour, name in ((_LINE, "line"), (_BEST, "best"), (_INK, "ink")):
        svg = svg.replace(colour, f"var(--{name})")
    return svg.replace("<defs>", _COLOURS + "<defs>", 1).encode()


@mpl.rc_context(_STYLE)
def save_figures(results: Mapping[str, Result], folder: Path) -> list[Path]:
    """Write the precision–recall curves and the tolerance plots, each as PNG and as SVG.

    Parameters
    ----------
    results
        A set's scores by metric; the first gives the precision–recall curves, at the tolerance of
        its best F1, every one with several tolerances a tolerance plot.
    folder
        Where to: ``precision_recall`` and ``tolerance_<metric>``, each ``.png`` and ``.svg``.

    Returns
    -------
    list of Path
        The files; the same result gives the same bytes.
    """
    figures = {"precision_recall": precision_recall(next(iter(results.values())))}
    for metric, result in results.items():
        if len(result.tolerances_s) > 1:
            curves = dict(zip(result.classes, result.ap[0].T, strict=True))
            mean = np.nanmean(result.ap[0], axis=1)
            figures[f"tolerance_{metric}"] = tolerance_curves(result.tolerances_s, curves, mean)
    paths = []
    for name, figure in figures.items():
        for suffix, stamp in (("png", "Software"), ("svg", "Date")):
            paths.append(folder / f"{name}.{suffix}")
            with whole_file(paths[-1]) as part:
                figure.savefig(part, dpi=200, metadata={stamp: None})
    return paths
