"""Label files and results files read as SoccerNet's scorer reads them, with all that is odd.

What that scorer would stop at is an error; what it leaves out or bends without a word is a
warning, and is left out or bent here too, so that the score is the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2, actions
from action_spotting.dataset.events import UNSHOWN, Annotations, Spots, fold_label, game_time
from action_spotting.errors import InputError, unknown
from action_spotting.evaluation.matching import FRAME_MS, LAST_FRAME
from action_spotting.io.files import parse_json

ERROR, WARNING = "error", "warning"
_LISTED = 5
_LATEST_MS = (LAST_FRAME + 1) * FRAME_MS
_ABSURD_MS = 2**62
_GAME_TIME = re.compile(r"\s*(\d{1,6})\s*-\s*(\d{1,6}):(\d{1,6})\s*")


@dataclass(frozen=True)
class Finding:
    """Something odd in a file: where, what, and what to do about it."""

    severity: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.message}"


class _Spot(msgspec.Struct, gc=False):
    label: str
    position: int
    half: int
    confidence: float
    gameTime: str = ""


class _Results(msgspec.Struct, gc=False):
    predictions: list[_Spot]


_decoder = msgspec.json.Decoder(_Results, strict=False)
_fields = tuple(
    attrgetter(name) for name in ("label", "position", "half", "confidence", "gameTime")
)


def parse_spots(
    data: bytes, where: str, classes: Sequence[str] = ACTIONS_V2
) -> tuple[Spots, list[Finding]]:
    """Read a results file.

    Parameters
    ----------
    data
        Its bytes: ``{"predictions": [{"label", "position", "half", "confidence", …}, …]}``.
    where
        Its name, for messages.
    classes
        The known labels, in the order of their indices.

    Returns
    -------
    spots
        The entries that count, in the file's order.
    findings
        All that is odd. With an error among them the file is unusable and `spots` empty.

    Raises
    ------
    InputError
        Not JSON, or not a results file at all.
    """
    problems: list[Finding] = []
    try:
        decoded = _decoder.decode(data).predictions
        columns = [list(map(field, decoded)) for field in _fields]
        entry = np.arange(len(decoded))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        columns, entry, problems = _patiently(data, where)
    labels, positions, halves, confidences, times = columns
    size = len(labels)
    try:
        position = np.fromiter(positions, np.int64, size)
        half = np.fromiter(halves, np.int64, size)
    except OverflowError as error:
        raise InputError(f"{where}: a position or half is absurdly large ({error})") from error
    confidence = np.fromiter(confidences, float, size)
    column_of = dict(zip(classes, range(len(classes)), strict=True))
    column = np.fromiter(map(column_of.get, labels, repeat(-1)), np.int64, size)
    counts = (column >= 0) & ((half == 1) | (half == 2))
    spots = Spots(half[counts], position[counts], column[counts], confidence[counts])
    odd = [
        *_strange(labels, column, classes),
        *_out_of_range(position, half, confidence),
        *_clock_problems(times, position, half),
        *_repeats(spots, np.flatnonzero(counts), len(classes)),
    ]
    problems += [Finding(kind, where, _at(entry[rows], message)) for kind, rows, message in odd]
    if not size and not problems:
        problems.append(Finding(WARNING, where, "no spots: every label of the game is missed"))
    if any(problem.severity == ERROR for problem in problems):
        spots = Spots(*(np.empty(0, np.int64),) * 3, np.empty(0))
    return spots, problems


def parse_annotations(
    data: bytes, where: str, *, version: int = 2
) -> tuple[Annotations, list[Finding]]:
    """Read a label file of version 1 or 2; as `parse_spots`."""
    columns = {name: i for i, name in enumerate(actions(version))}
    rows: list[tuple[int, int, int, bool]] = []
    problems: list[Finding] = []
    strange: dict[str, list[int]] = {}
    for i, entry in enumerate(_entries(data, where, "annotations")):
        try:
            half, position = _half_and_position(entry)
            name = fold_label(_text(entry, "label"), version)
        except (KeyError, ValueError, TypeError, IndexError, OverflowError) as error:
            problems.append(Finding(ERROR, where, f"entry {i}: {_words(error)}"))
            continue
        if half not in (1, 2):
            problems.append(Finding(WARNING, where, f"entry {i}: half {half} is left out"))
        elif name in columns:
            rows.append((half, position, columns[name], entry.get("visibility") != UNSHOWN))
        elif name is not None:
            strange.setdefault(name, []).append(i)
        if position >= _LATEST_MS:
            problems.append(Finding(WARNING, where, f"entry {i}: {_LATE}"))
    problems = _shorten(problems, where)
    for name, entries in strange.items():
        message = f"{unknown('label', name, tuple(columns))}; left out"
        problems.append(Finding(WARNING, where, _at(np.array(entries), message)))
    table = np.array(rows, np.int64).reshape(-1, 4)
    return Annotations(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool)), problems


_LATE = "position behind 120 minutes is put there; it is milliseconds since the half began"
_Odd = tuple[str, np.ndarray, str]
"""Severity, rows, message."""


def _patiently(data: bytes, where: str) -> tuple[list[list[Any]], np.ndarray, list[Finding]]:
    """Read entry by entry, to name each that is wrong; as lenient as Python's own conversions."""
    columns: list[list[Any]] = [[], [], [], [], []]
    problems, kept = [], []
    for i, entry in enumerate(_entries(data, where, "predictions")):
        try:
            row = (
                _text(entry, "label"),
                _whole(entry, "position"),
                _whole(entry, "half"),
                float(entry["confidence"]),
                str(entry.get("gameTime", "")),
            )
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            problems.append(Finding(ERROR, where, f"entry {i}: {_words(error)}"))
            continue
        kept.append(i)
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return columns, np.array(kept, np.int64), _shorten(problems, where)


def _entries(data: bytes, where: str, key: str) -> list[dict[str, Any]]:
    content = parse_json(data, where)
    entries = content.get(key) if isinstance(content, dict) else None
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return entries
    other = {"predictions": "annotations", "annotations": "predictions"}[key]
    if isinstance(content, dict) and other in content:
        raise InputError(
            f'{where}: holds "{other}", not "{key}"; are labels and predictions swapped?'
        )
    raise InputError(f'{where}: expected {{"{key}": [{{…}}, …]}}')


def _half_and_position(entry: dict[str, Any]) -> tuple[int, int]:
    """Read as SoccerNet's scorer: of a ``gameTime`` alone it takes two digits of minutes."""
    clock = _text(entry, "gameTime")
    half = int(clock[0])
    if "position" in entry:
        position = _whole(entry, "position")
    else:
        position = 1000 * (60 * int(clock[-5:-3]) + int(clock[-2:]))
    if position < 0:
        raise ValueError(f"position {position} is before the half's start")
    if position > _ABSURD_MS:
        raise ValueError("position is absurdly large; it is milliseconds since the half began")
    return half, position


def _text(entry: dict[str, Any], key: str) -> str:
    if not isinstance(entry[key], str):
        raise TypeError(f"{key} {entry[key]!r} is no text")
    return entry[key]


def _whole(entry: dict[str, Any], key: str) -> int:
    try:
        return int(entry[key])
    except (ValueError, TypeError) as error:
        raise ValueError(f"{key} {entry[key]!r} is no whole number") from error


def _words(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _strange(labels: list[str], column: np.ndarray, classes: Sequence[str]) -> list[_Odd]:
    """The labels that are no class; in version 1 the official scorer stops at them."""
    severity, fate = (ERROR, "") if len(classes) == 3 else (WARNING, "; left out")
    rows: dict[str, list[int]] = {}
    for i in np.flatnonzero(column < 0).tolist():
        rows.setdefault(labels[i], []).append(i)
    return [
        (severity, np.array(where), unknown("label", name[:60], classes) + fate)
        for name, where in list(rows.items())[:_LISTED]
    ]


def _out_of_range(position: np.ndarray, half: np.ndarray, confidence: np.ndarray) -> list[_Odd]:
    sick = ~np.isfinite(confidence)
    checks = (
        (ERROR, position < 0, "position before the half's start, since which it is milliseconds"),
        (ERROR, sick, "confidence is no finite number"),
        (WARNING, (half != 1) & (half != 2), "half is neither 1 nor 2; left out"),
        (WARNING, ~sick & (confidence < 0), "confidence below 0 never counts; use [0, 1]"),
        (WARNING, ~sick & (confidence > 1), "confidence above 1; scale them to [0, 1]"),
        (WARNING, position >= _LATEST_MS, _LATE),
    )
    found = ((severity, np.flatnonzero(wrong), message) for severity, wrong, message in checks)
    return [odd for odd in found if odd[1].size]


def _clock_problems(times: list[str], position: np.ndarray, half: np.ndarray) -> list[_Odd]:
    told = np.fromiter(map(_clock, times), np.int64, len(times))
    off = np.abs(told % _HALF_S * 1000 - position) > 1000
    wrong = np.flatnonzero((told >= 0) & (off | (told // _HALF_S != half)))
    if not wrong.size:
        return []
    i = int(wrong[0])
    fits = game_time(int(half[i]), max(0, int(position[i])))
    message = f"gameTime {times[i]!r} disagrees with half and position, which count: {fits!r}"
    return [(WARNING, wrong, message)]


_HALF_S = 10**6


@lru_cache(maxsize=2**15)
def _clock(text: str) -> int:
    """Read ``1 - 12:34`` as half · 10^6 + seconds; -1 for none."""
    found = _GAME_TIME.fullmatch(text)
    if not found:
        return -1
    half, minutes, seconds = map(int, found.groups())
    return half * _HALF_S + 60 * minutes + seconds


def _repeats(spots: Spots, rows: np.ndarray, classes: int) -> list[_Odd]:
    frame = np.minimum(spots.position_ms // FRAME_MS, LAST_FRAME)
    key = (spots.half * classes + spots.label) * (LAST_FRAME + 1) + frame
    ascending = np.sort(key)
    repeated = ascending[1:][ascending[1:] == ascending[:-1]]
    if not repeated.size:
        return []
    order = np.argsort(key, kind="stable")
    beaten = order[:-1][key[order[1:]] == key[order[:-1]]]
    message = "shares class and half-second with a later one, which alone counts; keep the best"
    return [(WARNING, np.sort(rows[beaten]), message)]


def _at(entries: np.ndarray, message: str) -> str:
    """Begin a message with where it applies."""
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return f"entry {entries[0]}{more}: {message}"


def _shorten(problems: list[Finding], where: str) -> list[Finding]:
    if len(problems) <= _LISTED:
        return problems
    more = Finding(problems[0].severity, where, f"and {len(problems) - _LISTED} more such entries")
    return [*problems[:_LISTED], more]
