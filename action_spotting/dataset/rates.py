"""Where in time the rows of a feature stand, and how they become rows of a head.

Row *i* of a feature stands at ``offset_s + i / fps`` seconds of its half; row *i* of a head covers
``i / fps`` to ``(i + 1) / fps``. A feature with the head's rate whose rows stand within the head's
is read row for row. Of any other the rows are resampled when they are read: where the feature has
fewer rows a second than the head, linearly in time between its rows; where it has more, by the mean
of that line over the head's row, so that none of its rows is lost. The ends are held.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from action_spotting.dataset.feature_types import feature_type
from action_spotting.errors import InputError

ENDS_S = 1.0
"""Most seconds between the ends of two features of a half, and from a feature's end to a label."""

ROW_TOLERANCE = 2
"""Rows by which the features of a half may differ; the longer are cut."""

LOWEST_FPS, HIGHEST_FPS = 0.01, 1000.0


class Rate(NamedTuple):
    """Where the rows of a feature stand.

    Attributes
    ----------
    fps
        Rows a second.
    offset_s
        Seconds of the half at which the first row stands.
    nearest
        Resample by the nearest row instead of linearly.
    """

    fps: float
    offset_s: float
    nearest: bool = False

    @classmethod
    def of_head(cls, fps: float) -> Rate:
        """Give the rate of rows that are a head's own: each stands in its middle.

        Parameters
        ----------
        fps
            The head's rows a second.

        Returns
        -------
        Rate
            It fits `fps`.
        """
        return cls(fps, 0.5 / fps)

    def fits(self, fps: float) -> bool:
        """Tell whether the rows are read row for row.

        Parameters
        ----------
        fps
            The head's rows a second.

        Returns
        -------
        bool
            Each row stands within the head's row of the same number.

        Examples
        --------
        >>> Rate(2.0, 0.5).fits(2.0), Rate(2.0, 3.0).fits(2.0), Rate(1.0, 0.5).fits(2.0)
        (True, False, False)
        """
        return self.fps == fps and -1e-9 <= self.offset_s <= 1 / fps + 1e-9

    def end_s(self, rows: int) -> float:
        """Give the end of what rows describe: each, a row's length around or before it.

        Parameters
        ----------
        rows
            How many there are.

        Returns
        -------
        float
            Seconds of the half.

        Examples
        --------
        >>> Rate(2.0, 0.5).end_s(5400), Rate(2.0, 10.0).end_s(5400)
        (2700.0, 2709.5)
        """
        return rows / self.fps + self.offset_s - min(max(self.offset_s, 0.0), 1 / self.fps)

    def __str__(self) -> str:
        return f"{self.fps:g}{self.offset_s:+g}" + ":nearest" * self.nearest


def rate_of(name: str, settings: Any, fps: float) -> Rate:
    """Tell a feature's rate by its record or, without any, by its name.

    Parameters
    ----------
    name
        Of the feature.
    settings
        Of its record; None: there is none.
    fps
        Rows a second where neither knows: the head's.

    Returns
    -------
    Rate
        An offset that the record does not name is that of the name's `FeatureType`, at the record's
        rate; an unknown feature's rows stand in their middle.

    Raises
    ------
    InputError
        The record's rate is not a number from 0.01 to 1000.

    Examples
    --------
    >>> rate_of("baidu_soccer_embeddings", None, 2.0)
    Rate(fps=1.0, offset_s=0.5, nearest=False)
    >>> rate_of("ResNET_TF2", {"fps": 5}, 2.0)
    Rate(fps=5.0, offset_s=0.2, nearest=False)
    """
    known = feature_type(name)
    found = [*_values(settings, "fps"), known.fps if known else fps][0]
    if not _is_number(found) or not LOWEST_FPS <= found <= HIGHEST_FPS:
        raise InputError(
            f"the record of {name} states {found!r} rows a second; expected {LOWEST_FPS:g} to "
            f"{HIGHEST_FPS:g}. Make the feature anew"
        )
    place = known.offset_s * known.fps if known else 0.5
    offset = [*_values(settings, "offset_s"), place / found][0]
    if not _is_number(offset):
        raise InputError(f"the record of {name} states the offset {offset!r}, expected seconds")
    return Rate(float(found), float(offset))


def names_its_rate(record: Any) -> bool:
    """Tell whether a provenance record states rows a second.

    Parameters
    ----------
    record
        As `read_record` gives it; None: there is none.

    Returns
    -------
    bool
        True where it does.

    Examples
    --------
    >>> names_its_rate({"settings": {"fps": 2}}), names_its_rate(None)
    (True, False)
    """
    return bool(_values(record, "fps"))


def common_rows(files: Mapping[Path, tuple[int, Rate]], fps: float) -> int:
    """Give the number of a head's rows that all features of a half reach.

    Parameters
    ----------
    files
        Number of rows and rate by path, at least one; the path is for messages only.
    fps
        The head's rows a second.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    InputError
        Their ends are more than a second apart or, of features of unlike rates, more than that and
        a row of the slowest; names the first and the last.

    Examples
    --------
    >>> files = {Path("1_FFT.npy"): (5401, Rate(2, 0.25)), Path("1_Own.npy"): (2700, Rate(1, 0.5))}
    >>> common_rows(files, 2)
    5400
    """
    ends_s = {path: rate.end_s(rows) for path, (rows, rate) in files.items()}
    first, last = min(ends_s, key=ends_s.__getitem__), max(ends_s, key=ends_s.__getitem__)
    rates = {rate.fps for _, rate in files.values()}
    allowed_s = ENDS_S + (1 / min(rates) if len(rates) > 1 else 0)
    if ends_s[last] - ends_s[first] > allowed_s + 1e-6:
        (rows, rate), (others, other) = files[first], files[last]
        raise InputError(
            f"{first} has {rows} rows, but {last} has {others}: at {rate.fps:g} and {other.fps:g} "
            f"a second they end at {ends_s[first]:.1f} s and {ends_s[last]:.1f} s, more than "
            f"{allowed_s:g} s apart, so they are not of the same half. At "
            f"{rows / ends_s[last]:.3g} rows a second the first would end with the other: has one "
            "another rate (--rate NAME=FPS), is one of another video, or of a file that was cut? "
            "Extract it anew"
        )
    return min(
        rows if rate.fits(fps) else max(1, round(rate.end_s(rows) * fps))
        for rows, rate in files.values()
    )


def resample(rows: np.ndarray, rate: Rate, fps: float, start: int, stop: int) -> np.ndarray:
    """Give rows of a head from those of a feature; reads no more than these need.

    Parameters
    ----------
    rows
        All rows of a feature ``(n, dims)``, such as a memory map.
    rate
        Where they stand.
    fps
        The head's rows a second.
    start, stop
        The head's first row, and that after the last.

    Returns
    -------
    numpy.ndarray
        float32 ``(stop - start, dims)``; a row that a NaN takes part in is NaN there.

    Examples
    --------
    >>> resample(np.array([[0.0], [1.0]]), Rate(1.0, 0.5), 2.0, 0, 4).ravel().tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    if rate.fits(fps):
        return np.asarray(rows[start:stop], dtype=np.float32)
    taken, weight = _shares(rate, fps, np.arange(start, stop))
    taken = np.clip(taken, 0, len(rows) - 1)
    low, high = taken.min(), taken.max() + 1
    ends = np.arange(0, taken.size + 1, taken.shape[1])
    shape = (len(taken), high - low)
    mixing = sparse.csr_array((weight.ravel().astype("f4"), (taken - low).ravel(), ends), shape)
    mixing.eliminate_zeros()
    return mixing @ np.asarray(rows[low:high], dtype=np.float32)


def _shares(rate: Rate, fps: float, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the feature's rows that make each row of the head, and their weights, ``(n, k)``."""
    begin, length = (head / fps - rate.offset_s) * rate.fps, rate.fps / fps
    middle = begin + length / 2
    if rate.nearest:
        taken = np.floor(middle + 0.5).astype(np.int64)[:, None]
        return taken, np.ones(taken.shape)
    if length <= 1:
        taken = np.floor(middle).astype(np.int64)[:, None] + np.arange(2)
        return taken, 1 - np.abs(middle[:, None] - taken)
    taken = np.floor(begin).astype(np.int64)[:, None] + np.arange(math.ceil(length) + 2)
    away = begin[:, None] - taken
    return taken, (_below(away + length) - _below(away)) / length


def _below(x: np.ndarray) -> np.ndarray:
    """Integrate a row's hat function (1 at its row, 0 at its neighbours) up to `x` rows."""
    x = np.clip(x, -1, 1)
    return np.where(x < 0, (x + 1) ** 2 / 2, 1 - (1 - x) ** 2 / 2)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _values(content: Any, key: str) -> list[Any]:
    """List what nested settings hold under a key, the outermost first."""
    if not isinstance(content, Mapping):
        return []
    found = [content[key]] if key in content else []
    return found + [value for inner in content.values() for value in _values(inner, key)]
