"""The curves of a report as figures for papers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from action_spotting.evaluation.scoring import Result
from action_spotting.io.files import whole_file

_COLUMNS = 5
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "action_spotting",
    "svg.fonttype": "none",
}


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
    paths = []
    with mpl.rc_context(_STYLE):
        figures = {"precision_recall": _precision_recall(next(iter(results.values())))}
        for metric, result in results.items():
            if len(result.tolerances_s) > 1:
                figures[f"tolerance_{metric}"] = _tolerance(result)
        for name, figure in figures.items():
            for suffix, stamp in (("png", "Software"), ("svg", "Date")):
                paths.append(folder / f"{name}.{suffix}")
                with whole_file(paths[-1]) as part:
                    figure.savefig(part, dpi=200, metadata={stamp: None})
    return paths


def _precision_recall(result: Result) -> Figure:
    row = result.tolerances_s.index(result.best.tolerance_s)
    rows = math.ceil(len(result.classes) / _COLUMNS)
    figure = Figure(figsize=(7.2, 1.5 * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(result.classes):
            axes.remove()
            continue
        _curve(axes, result, row, i)
    figure.supxlabel(f"recall at a tolerance of {result.best.tolerance_s} s", fontsize=8)
    figure.supylabel("precision", fontsize=8)
    return figure


def _curve(axes: Axes, result: Result, row: int, column: int) -> None:
    recall, precision = result.recall[row, column], result.precision[row, column]
    drawn = precision > 0
    axes.plot(recall[drawn], precision[drawn], color="#24617f", linewidth=1)
    best = result.best
    axes.plot(best.recall[column], best.precision[column], "o", color="#c4473a", markersize=3)
    axes.set_title(result.classes[column], fontsize=8)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))


def _tolerance(result: Result) -> Figure:
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    shades = mpl.colormaps["tab20"](np.linspace(0, 1, 20))
    for i, name in enumerate(result.classes):
        axes.plot(
            result.tolerances_s, 100 * result.ap[0, :, i], color=shades[i % 20], lw=0.9, label=name
        )
    mean = 100 * np.nanmean(result.ap[0], axis=1)
    axes.plot(result.tolerances_s, mean, color="black", linewidth=2, label="mean")
    axes.set(xlabel="tolerance, s", ylabel="AP, %", ylim=(0, None))
    figure.legend(loc="outside right upper", frameon=False)
    return figure
