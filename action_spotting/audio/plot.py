"""A half's sound at a glance: how loud, where a whistle, how the crowd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.audio.fft import COLUMN, NAMES, SILENT_DB
from action_spotting.audio.waveform import ROWS_PER_S
from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.layout import LABEL_FILES, parse_feature, side_path
from action_spotting.dataset.media import Clip
from action_spotting.io.files import whole_file
from action_spotting.io.items import Outcome, Summary, run_items


def draw_halves(clips: Mapping[Path, Callable[[], Clip]], *, fail_fast: bool = False) -> Summary:
    """Draw the FFT features that are there; `clips` finds the media of each file."""

    def work(feature: Path) -> Outcome:
        draw_half(feature, clips[feature]().path)
        return "done", None

    there = {str(feature): feature for feature in clips if feature.exists()}
    return run_items("pictures", there, work, fail_fast=fail_fast)


def draw_half(feature: Path, media: Path) -> None:
    """Draw an ``<n>_FFT.npy`` as the ``.png`` beside it.

    Parameters
    ----------
    feature
        The FFT features of a half.
    media
        What they were made from; the ``Labels-v2.json`` beside it, if there is one, is marked.

    Raises
    ------
    InputError
        No such features, or labels that cannot be read.
    """
    rows = np.asarray(open_feature(feature, len(NAMES)))
    numbered = parse_feature(feature)
    labels = media.parent / LABEL_FILES[2]
    events = read_labels(labels) if numbered and labels.exists() else None
    with whole_file(side_path(feature, ".png")) as part:
        figure = plot_sound(rows, events, numbered[0] if numbered else 1)
        figure.savefig(part, dpi=110, metadata={"Software": None})


def plot_sound(rows: np.ndarray, events: Events | None = None, half: int = 1) -> Any:
    """Plot FFT features ``(n, 48)``, with the labels of half `half` as vertical lines.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels over the minutes of the half: loudness, whistle, crowd.

    Examples
    --------
    >>> figure = plot_sound(np.zeros((240, 48)))
    >>> [axes.get_ylabel() for axes in figure.axes[:2]]
    ['loudness (dB)', 'whistle band (dB)']
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 7), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    minutes = np.arange(len(rows)) / ROWS_PER_S / 60
    column = {name: rows[:, place] for name, place in COLUMN.items()}
    panels[0].fill_between(minutes, 20 * column["rms_mean"], -100, color="0.75", lw=0)
    panels[0].plot(minutes, 20 * column["rms_max"], color="0.3", lw=0.6)
    panels[0].set(ylabel="loudness (dB)", ylim=(SILENT_DB - 10, 0))
    panels[1].plot(minutes, column["whistle_share"], color="tab:blue", lw=0.6)
    panels[1].set_ylabel("whistle band (dB)", color="tab:blue")
    panels[1].set_ylim(-30, 1)
    tonal = panels[1].twinx()
    tonal.fill_between(minutes, column["tonal_fraction"], color="tab:red", alpha=0.6, lw=0)
    tonal.set_ylim(0, 1)
    tonal.set_ylabel("share of tone", color="tab:red")
    panels[2].axhline(0, color="0.7", lw=0.8)
    panels[2].plot(minutes, column["crowd_over_30s"], color="tab:green", lw=0.8)
    panels[2].set(
        ylabel="crowd over last 30 s (dB)", xlabel="minutes", xlim=(0, len(rows) / ROWS_PER_S / 60)
    )
    if events is not None:
        _mark(figure, panels, events, half)
    return figure


def _mark(figure: Any, panels: Any, events: Events, half: int) -> None:
    """Draw the labels of a half as lines through all panels, one colour a class."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    palette = colormaps["tab20"]
    here = events.half == half
    for position_ms, label in zip(events.position_ms[here], events.label[here], strict=True):
        for panel in panels:
            panel.axvline(position_ms / 60_000, color=palette(int(label)), lw=1, alpha=0.8)
    present = [int(label) for label in np.unique(events.label[here])]
    handles = [Line2D([], [], color=palette(label), label=ACTIONS_V2[label]) for label in present]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=9, fontsize="small")
