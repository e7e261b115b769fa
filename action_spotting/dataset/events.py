"""What happened when, as one table: the labels of a game, or the spots found in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.errors import UsageError

HALVES = (1, 2, 3, 4)
"""First and second half, and those of extra time."""

LATEST_MS = 24 * 3600 * 1000
"""Positions after this many ms are refused: another unit, or a damaged file."""


@dataclass(frozen=True)
class Events:
    """Events of one game or of several, one row each.

    Attributes
    ----------
    half
        1 or 2; 3 or 4 in extra time. int64 array ``(n,)``.
    position_ms
        Milliseconds since the half's start; int64 array ``(n,)``.
    label
        Index into `classes`; int64 array ``(n,)``.
    confidence
        Of a spot, meant to be in [0, 1]; NaN for labels. float64 array ``(n,)``.
    visible
        False for SoccerNet's "not shown"; bool array ``(n,)``.
    team
        ``home``, ``away`` or what else the file says; empty where unknown. Array of str ``(n,)``.
    classes
        The class vocabulary: names by index.

    Examples
    --------
    >>> labels = Events([1, 2], [61_500, 2_000], [2, 16], team=["home", "away"])
    >>> labels.classes[labels.label[1]], labels.visible.tolist()
    ('Yellow->red card', [True, True])
    """

    half: np.ndarray
    position_ms: np.ndarray
    label: np.ndarray
    confidence: np.ndarray = field(default_factory=lambda: np.array(np.nan))
    visible: np.ndarray = field(default_factory=lambda: np.array(True))
    team: np.ndarray = field(default_factory=lambda: np.array("", object))
    classes: tuple[str, ...] = ACTIONS_V2

    def __post_init__(self) -> None:
        """Bring the columns to their types and to one length."""
        for name, kind in _KINDS.items():
            column: np.ndarray = np.asarray(getattr(self, name), kind)
            object.__setattr__(self, name, np.broadcast_to(column, (len(self.half),)))

    def __len__(self) -> int:
        return len(self.half)

    def take(self, rows: np.ndarray | slice) -> Events:
        """Pick rows.

        Parameters
        ----------
        rows
            Indices ``(k,)``, a bool mask ``(n,)`` or a slice.

        Returns
        -------
        Events
            The rows picked, in that order.

        Examples
        --------
        >>> spots = Events([1, 1], [0, 500], [2, 2], confidence=[0.2, 0.9])
        >>> spots.take(spots.confidence > 0.5).position_ms.tolist()
        [500]
        """
        return _table((getattr(self, name)[rows] for name in _KINDS), self.classes)

    def sorted(self) -> Events:
        """Sort by half, time and class.

        Returns
        -------
        Events
            Rows equal in all three keep their order.

        Examples
        --------
        >>> Events([2, 1], [0, 500], [2, 2]).sorted().half.tolist()
        [1, 2]
        """
        return self.take(np.lexsort((self.label, self.position_ms, self.half)))

    @classmethod
    def concat(cls, parts: Sequence[Events], classes: tuple[str, ...] = ACTIONS_V2) -> Events:
        """Join tables of one vocabulary.

        Parameters
        ----------
        parts
            The tables, in order.
        classes
            The vocabulary of the result where `parts` is empty.

        Returns
        -------
        Events
            All rows.

        Raises
        ------
        UsageError
            The tables have different classes.

        Examples
        --------
        >>> Events.concat([Events([1], [0], [2]), Events([2], [500], [2])]).half.tolist()
        [1, 2]
        """
        classes = parts[0].classes if parts else classes
        if any(part.classes != classes for part in parts):
            raise UsageError("events of different classes cannot be joined")
        none = np.empty(0)
        parts = [*parts, cls(none, none, none, classes=classes)]
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in _KINDS)
        return _table(columns, classes)


_KINDS = {
    "half": np.int64,
    "position_ms": np.int64,
    "label": np.int64,
    "confidence": np.float64,
    "visible": np.bool_,
    "team": np.object_,
}


def _table(columns: Iterable[np.ndarray], classes: tuple[str, ...]) -> Events:
    half, position_ms, label, confidence, visible, team = columns
    return Events(half, position_ms, label, confidence, visible, team, classes)


def game_time(half: int, position_ms: int) -> str:
    """Write a time as SoccerNet does: half, minutes and seconds.

    Parameters
    ----------
    half
        1 to 4.
    position_ms
        Milliseconds since the half's start; a negative one is written as 0.

    Returns
    -------
    str
        ``<half> - <mm>:<ss>``, rounded down to the second.

    Examples
    --------
    >>> game_time(2, 61500), game_time(1, -300)
    ('2 - 01:01', '1 - 00:00')
    """
    minutes, seconds = divmod(max(0, position_ms) // 1000, 60)
    return f"{half} - {minutes:02d}:{seconds:02d}"


FRAME_MS = 500
LAST_FRAME = 120 * 60 * 1000 // FRAME_MS - 1


def official_frame(position_ms: np.ndarray) -> np.ndarray:
    """Give the frame, of half a second, that SoccerNet's scorer puts each time into.

    Times after 120 minutes go into the last frame. Times are cut towards zero, and half a second or
    more before the half's start counts from the end, as a negative list index does.

    Parameters
    ----------
    position_ms
        Milliseconds since the half's start; int ``(n,)``.

    Returns
    -------
    numpy.ndarray
        int ``(n,)`` in [0, `LAST_FRAME`].

    Examples
    --------
    >>> official_frame(np.array([499, 500, 9_000_000, -499, -500]))
    array([    0,     1, 14399,     0, 14399])
    """
    frame = np.where(position_ms < 0, -(-position_ms // FRAME_MS), position_ms // FRAME_MS)
    return np.minimum(frame, LAST_FRAME) % (LAST_FRAME + 1)
