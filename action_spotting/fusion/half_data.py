"""One half: its feature files and events, and its features as rows of a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from action_spotting.dataset.events import Events
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.layout import Half
from action_spotting.dataset.rates import ENDS_S, Rate, common_rows, resample
from action_spotting.dataset.records import check_media
from action_spotting.errors import InputError

Rates = Mapping[str, Rate]

USUAL_FPS = (25.0, 12.5, 10.0, 5.0, 2.0, 1.0, 0.5)
"""Rows a second of features that people have."""


class HalfData(NamedTuple):
    """One half: its feature files and its events.

    Attributes
    ----------
    half
        The game and the half's number.
    rows
        The head's rows that all its modalities reach.
    paths
        Feature files by modality, of those that exist.
    time_s
        Seconds of its events since the half's start, float64 ``(n,)``.
    label
        Class indices of its events, int ``(n,)``.
    fps
        The head's rows a second.
    rates
        Of the modalities that are resampled; the others are read row for row.
    """

    half: Half
    rows: int
    paths: Mapping[str, Path]
    time_s: np.ndarray
    label: np.ndarray
    fps: float = 2.0
    rates: Rates = MappingProxyType({})


def open_half(
    half: Half, modalities: Sequence[str], annotations: Events, fps: float, rates: Rates
) -> HalfData | None:
    """Check the feature files (headers only) and events of a half.

    Parameters
    ----------
    half
        The half.
    modalities
        Names of features.
    annotations
        Events of the game.
    fps
        The head's rows a second.
    rates
        Of the modalities that are resampled.

    Returns
    -------
    HalfData or None
        None where there is no feature file.

    Raises
    ------
    InputError
        A file is damaged or was made from other media, the features end too far apart, or labels
        lie behind the end of one.
    """
    paths = {name: half.feature(name) for name in modalities if half.feature(name).exists()}
    if not paths:
        return None
    for path in paths.values():
        check_media(path, half)
    counts = {name: (path, len(open_feature(path))) for name, path in paths.items()}
    rows = _count_rows(counts, fps, rates)
    mine = annotations.take(annotations.half == half.number)
    data = HalfData(half, rows, paths, mine.position_ms / 1000.0, mine.label, fps, rates)
    for name, (path, count) in counts.items():
        _check_end(data, name, path, count)
    return data


def _check_end(data: HalfData, name: str, path: Path, rows: int) -> None:
    """Raise `InputError` where labels lie behind the end of a feature, with the probable cause."""
    rate = data.rates.get(name, Rate.of_head(data.fps))
    end_s, last_s = rate.end_s(rows), data.time_s.max(initial=0.0)
    if last_s <= end_s + ENDS_S:
        return
    ends_s = {fps: rows / fps for fps in USUAL_FPS}
    slower = [fps for fps, end in ends_s.items() if last_s <= end + ENDS_S and end < 1.5 * last_s]
    guess = f"Has it another rate (--rate {name}=FPS)"
    if slower:
        would = f"At {slower[0]:g} a second they would end at {ends_s[slower[0]]:.1f} s"
        guess = f"{would}: is that its rate (--rate {name}={slower[0]:g})"
    raise InputError(
        f"{path}: {(data.time_s > end_s + ENDS_S).sum()} of {len(data.time_s)} labels of half "
        f"{data.half.number} lie behind its end, the last at {last_s:.1f} s; its {rows} rows at "
        f"{rate.fps:g} a second end at {end_s:.1f} s. {guess}, is it of another video, or of a "
        "file that was cut?"
    )


def read_rows(data: HalfData, name: str, start: int, stop: int) -> np.ndarray:
    """Read a modality from disk, as rows of the head; nothing but what these need is read.

    Parameters
    ----------
    data
        The half.
    name
        The modality.
    start, stop
        The head's first row, and that after the last.

    Returns
    -------
    float32 array ``(stop - start, dims)``

    Raises
    ------
    InputError
        The file is missing or damaged.
    """
    # Opened each time: held maps would count as memory and as open files, a half each.
    rate = data.rates.get(name, Rate.of_head(data.fps))
    return resample(open_feature(data.paths[name]), rate, data.fps, start, stop)


def open_features(
    paths: Mapping[str, Path], fps: float, rates: Rates | None = None
) -> dict[str, np.ndarray]:
    """Open the features of a half as rows of the head, the same number of each.

    Parameters
    ----------
    paths
        Feature files by modality.
    fps
        The head's rows a second.
    rates
        Of the modalities that are resampled; the others are mapped as they are.

    Returns
    -------
    dict
        Arrays ``(rows, dims)`` by modality.

    Raises
    ------
    InputError
        A file is damaged, or the features end too far apart.
    """
    rates, own = rates or {}, Rate.of_head(fps)
    arrays = {name: open_feature(path) for name, path in paths.items()}
    counts = {name: (paths[name], len(array)) for name, array in arrays.items()}
    rows = _count_rows(counts, fps, rates)
    return {
        name: resample(array, rates.get(name, own), fps, 0, rows) for name, array in arrays.items()
    }


def _count_rows(files: Mapping[str, tuple[Path, int]], fps: float, rates: Rates) -> int:
    """Count the head's rows that all features of a half reach, by each one's path and rows."""
    own = Rate.of_head(fps)
    return common_rows({path: (n, rates.get(name, own)) for name, (path, n) in files.items()}, fps)
