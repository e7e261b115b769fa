"""Label files and results files: SoccerNet's JSON in all its spellings, read and written.

One parser reads both kinds, versions 1 and 2, into `Events` and a list of findings. For scoring it
is as lenient as SoccerNet's scorer: what stops that scorer is an error; what it silently leaves out
or changes is a warning, and is left out or changed here too, so that the score is the same. Read
strictly, for training, whatever would lose or move an event is an error.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from action_spotting.dataset.classes import ACTIONS_V1, ACTIONS_V2, actions
from action_spotting.dataset.events import (
    FRAME_MS,
    HALVES,
    LAST_FRAME,
    LATEST_MS,
    Events,
    game_time,
    official_frame,
)
from action_spotting.errors import InputError, unknown
from action_spotting.io.files import MAX_JSON_BYTES, parse_json, read_bytes, write_json

LABELS, PREDICTIONS = "annotations", "predictions"
"""The two kinds of file, by the name of their list of entries."""

ERROR, WARNING = "error", "warning"
UNSHOWN = "not shown"

_LISTED = 5
_HUGE = 2**62
_HALF_S = 10**6
_OTHER, _UNKNOWN = -1, -2
_NUMBER, _TIME = "whole number", "time such as '1 - 12:34'"
_GAME_TIME = re.compile(r"\s*(\d{1,6})\s*-\s*(\d{1,6}):(\d{1,6})\s*")


@dataclass(frozen=True)
class Finding:
    """Something odd in a file: where, what, and what to do about it.

    Attributes
    ----------
    severity
        `ERROR` or `WARNING`.
    where
        The file.
    message
        Which entries, what is odd, what to do.
    """

    severity: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.message}"


def parse_events(
    data: bytes,
    where: str,
    kind: str,
    *,
    version: int = 2,
    classes: Sequence[str] | None = None,
    strict: bool = False,
) -> tuple[Events, list[Finding]]:
    """Read a label file or a results file.

    Parameters
    ----------
    data
        Its bytes: ``{"annotations": [{"gameTime", "label", "position", "visibility", "team"}, …]}``
        or ``{"predictions": [{"label", "position", "half", "confidence", …}, …]}``.
    where
        Its name, for messages.
    kind
        `LABELS` or `PREDICTIONS`.
    version
        Of the classes. 1 maps each label of a label file to the first of card, subs and soccer that
        it contains, as SoccerNet does; labels that contain none of them are left out.
    classes
        An own choice of classes; other labels of the version are left out. None: all of them.
    strict
        Unknown labels and unknown halves are errors.

    Returns
    -------
    events
        The entries that count, in the file's order; none when there is an error.
    findings
        Everything odd in the file.

    Raises
    ------
    InputError
        Not JSON, or not a label or results file at all.

    Examples
    --------
    >>> data = b'{"annotations": [{"gameTime": "1 - 00:10", "label": "Gaol"}]}'
    >>> print(parse_events(data, "Labels-v2.json", LABELS)[1][0])
    warning: Labels-v2.json: entry 0: unknown label 'Gaol'; did you mean 'Goal'?...; left out
    """
    vocabulary = tuple(classes or actions(version))
    index: dict[str | None, int] = {name: i for i, name in enumerate(vocabulary)}
    if kind == LABELS:  # known events that were not chosen are left out without a word
        index = dict.fromkeys([None, *actions(version)], _OTHER) | index
    columns, entry, findings = _columns(data, where, kind, version, strict)
    labels, times = columns.pop("label"), columns.pop("gameTime")
    number = np.fromiter(map(index.get, labels, repeat(_UNKNOWN)), np.int64, len(labels))
    events = Events(label=number, classes=vocabulary, **columns)
    severity = ERROR if strict or (kind, version) == (PREDICTIONS, 1) else WARNING
    odd = [*_unknown_labels(labels, events, severity), *_out_of_range(events, kind, strict)]
    odd += [*_wrong_clocks(times, events, kind), *(_repeats(events) if kind == PREDICTIONS else ())]
    findings += [Finding(kind, where, _at(entry[at], message)) for kind, at, message in odd]
    if kind == PREDICTIONS and not len(entry) and not findings:
        findings.append(Finding(WARNING, where, "no spots: every label of the game is missed"))
    if data.startswith(codecs.BOM_UTF8):
        message = "begins with a byte order mark, at which SoccerNet's scorer stops"
        findings.append(Finding(WARNING, where, message))
    sound = not any(finding.severity == ERROR for finding in findings)
    return events.take(sound & (events.label >= 0) & np.isin(events.half, HALVES)), findings


def read_labels(path: Path, *, version: int = 2, classes: Sequence[str] | None = None) -> Events:
    """Read a game's ``Labels-v2.json`` (version 2) or ``Labels.json`` (version 1) strictly.

    Parameters
    ----------
    path
        The label file.
    version
        Of the classes, 1 or 2; see `parse_events`.
    classes
        An own choice of classes; other labels of the version are left out. None: all of them.

    Returns
    -------
    Events
        In the file's order.

    Raises
    ------
    InputError
        A file or an entry that cannot be used; all problems are listed together.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "Labels-v2.json"
    >>> text = '{"annotations": [{"gameTime": "1 - 00:10", "label": "Goal", "position": "10500"}]}'
    >>> path.write_text(text) > 0
    True
    >>> labels = read_labels(path)
    >>> labels.position_ms.tolist(), labels.classes[labels.label[0]]
    ([10500], 'Goal')
    """
    return _read_strictly(path, LABELS, version, classes)


def read_predictions(path: Path, classes: Sequence[str] = ACTIONS_V2) -> Events:
    """Read a game's ``Predictions-v2.json`` strictly.

    Parameters
    ----------
    path
        The results file.
    classes
        The class vocabulary; entries of other classes are an error.

    Returns
    -------
    Events
        The spots, in the file's order.

    Raises
    ------
    InputError
        A file or an entry that cannot be used; all problems are listed together.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "Predictions-v2.json"
    >>> write_predictions(path, "league/season/game", Events([1], [500], [2], confidence=[0.9]))
    >>> spots = read_predictions(path)
    >>> spots.position_ms.tolist(), spots.confidence.tolist()
    ([500], [0.9])
    """
    return _read_strictly(path, PREDICTIONS, 2, classes)


def write_predictions(path: Path, game: str, spots: Events) -> None:
    """Write a game's spots as SoccerNet's results file, sorted by half, time and class.

    Numbers are strings, as the challenge server takes them; confidences keep six digits.

    Parameters
    ----------
    path
        The file to write.
    game
        The game's path in the dataset, ``league/season/game``: its ``UrlLocal``.
    spots
        The game's spots, with finite confidences.

    Raises
    ------
    UsageError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "Predictions-v2.json"
    >>> spots = Events([2, 1], [1_000, 61_500], [2, 13], confidence=[0.25, 0.9])
    >>> write_predictions(path, "league/season/game", spots)
    >>> read_predictions(path).position_ms.tolist()
    [61500, 1000]
    """
    spots = spots.sorted()
    columns = (spots.half, spots.position_ms, spots.label, spots.confidence)
    entries = [
        {
            "gameTime": game_time(half, position),
            "label": spots.classes[label],
            "position": str(position),
            "half": str(half),
            "confidence": f"{confidence:.6f}",
        }
        for half, position, label, confidence in zip(*(c.tolist() for c in columns), strict=True)
    ]
    write_json(path, {"UrlLocal": game, "predictions": entries})


def _read_strictly(path: Path, kind: str, version: int, classes: Sequence[str] | None) -> Events:
    data = read_bytes(path, MAX_JSON_BYTES)
    events, findings = parse_events(
        data, str(path), kind, version=version, classes=classes, strict=True
    )
    refuse_errors(findings, f"{path}: ")
    return events


def refuse_errors(findings: Sequence[Finding], where: str = "") -> None:
    """Raise all errors among the findings as one, if there are any.

    Parameters
    ----------
    findings
        Of `parse_events`.
    where
        What the message begins with.

    Raises
    ------
    InputError
        With the messages of all errors.
    """
    errors = [finding.message for finding in findings if finding.severity == ERROR]
    if errors:
        raise InputError(where + "; ".join(errors))


class _Spot(msgspec.Struct, gc=False):
    label: str
    position: str | int | float
    half: str | int | float
    confidence: float
    gameTime: str = ""


class _Results(msgspec.Struct, gc=False):
    predictions: list[_Spot]


_decoder = msgspec.json.Decoder(_Results, strict=False)
_Columns = dict[str, Any]
"""``label`` and ``gameTime`` as text, other columns as in `Events`, of the entries of a file."""


def _columns(
    data: bytes, where: str, kind: str, version: int, strict: bool
) -> tuple[_Columns, np.ndarray, list[Finding]]:
    """Give the entries that can be read, the place of each in the file, and the others."""
    if kind == PREDICTIONS:
        try:
            return _fast_columns(data)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            pass  # entry by entry, to name each that is wrong
    rows, kept, problems = [], [], []
    for i, entry in enumerate(_entries(data, where, kind)):
        try:
            rows.append(_spot(entry) if kind == PREDICTIONS else _label(entry, version, strict))
            kept.append(i)
        except ValueError as error:
            problems.append(Finding(ERROR, where, f"entry {i}: {error}"))
    if len(problems) > _LISTED:
        more = f"and {len(problems) - _LISTED} more such entries"
        problems[_LISTED:] = [Finding(ERROR, where, more)]
    names = ["label", "gameTime", "half", "position_ms"]
    names += ["confidence"] if kind == PREDICTIONS else ["visible", "team"]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return columns, np.array(kept, np.int64), problems


def _fast_columns(data: bytes) -> tuple[_Columns, np.ndarray, list[Finding]]:
    spots = _decoder.decode(data).predictions
    half, position = (map(int, map(attrgetter(key), spots)) for key in ("half", "position"))
    columns = {
        "label": [spot.label for spot in spots],
        "gameTime": [spot.gameTime for spot in spots],
        "half": np.fromiter(half, np.int64, len(spots)),
        "position_ms": np.fromiter(position, np.int64, len(spots)),
        "confidence": np.array([spot.confidence for spot in spots], float),
    }
    return columns, np.arange(len(spots)), []


def _entries(data: bytes, where: str, kind: str) -> list[dict[str, Any]]:
    content = parse_json(data, where)
    entries = content.get(kind) if isinstance(content, dict) else None
    if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
        return entries
    other = LABELS if kind == PREDICTIONS else PREDICTIONS
    if isinstance(content, dict) and other in content:
        raise InputError(
            f'{where}: holds "{other}", not "{kind}"; are labels and predictions swapped?'
        )
    raise InputError(f'{where}: expected {{"{kind}": [{{…}}, …]}}')


def _spot(entry: dict[str, Any]) -> tuple[Any, ...]:
    """The columns of a spot, as lenient as Python's own conversions."""
    half, position = (_read(entry, key, _whole, _NUMBER) for key in ("half", "position"))
    confidence = _read(entry, "confidence", float, "number")
    label, time = _read(entry, "label", _text, "text"), str(entry.get("gameTime", ""))
    return label, time, half, position, confidence


def _label(entry: dict[str, Any], version: int, strict: bool) -> tuple[Any, ...]:
    """The columns of a label; its `gameTime` empty unless it gives the position, too."""
    label = _read(entry, "label", _text, "text")
    if version == 1:
        label = next((name for name in actions(1) if name in label), None)
    half, time = _read(entry, "gameTime", lambda text: int(text[0]), _TIME), ""
    if "position" in entry:
        position = _read(entry, "position", _whole, _NUMBER)
    else:
        time, clock = entry["gameTime"], _clock_ms if strict else _official_clock_ms
        position = _read(entry, "gameTime", clock, _TIME)
    visible = entry.get("visibility") != UNSHOWN
    return label, time, half, position, visible, str(entry.get("team") or "")


def _read(entry: dict[str, Any], key: str, read: Callable[[Any], Any], what: str) -> Any:
    if key not in entry:
        raise ValueError(f"no {key!r}")
    try:
        return read(entry[key])
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"{key} {repr(entry[key])[:60]} is no {what}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    """As Python's own conversion; absurd numbers are cut down to what an array takes."""
    return max(-_HUGE, min(int(value), _HUGE))


def _clock_ms(text: str) -> int:
    minutes, _, seconds = text.partition("-")[2].partition(":")
    return _whole(1000 * (60 * int(minutes) + int(seconds)))


def _official_clock_ms(text: str) -> int:
    return 1000 * (60 * int(text[-5:-3]) + int(text[-2:]))


_Odd = Iterator[tuple[str, np.ndarray, str]]
"""Severity, rows, message."""


def _unknown_labels(labels: list[str], events: Events, severity: str) -> _Odd:
    """The labels that are no class; SoccerNet's scorer stops at them in results of version 1."""
    rows: dict[str, list[int]] = {}
    for i in np.flatnonzero(events.label == _UNKNOWN).tolist():
        rows.setdefault(labels[i], []).append(i)
    fate = "; left out" if severity == WARNING else ""
    for name, at in list(rows.items())[:_LISTED]:
        message = unknown("label", name[:60], events.classes)
        if name in ACTIONS_V1 and events.classes != ACTIONS_V1:
            message = f"label {name!r} is one of version 1: --version 1"
        yield severity, np.array(at), message + fate


def _out_of_range(events: Events, kind: str, strict: bool) -> _Odd:
    position, half, confidence = events.position_ms, events.half, events.confidence
    first = -(LAST_FRAME + 2) * FRAME_MS
    sick, nowhere = (kind == PREDICTIONS) & ~np.isfinite(confidence), ~np.isin(half, HALVES)
    checks = (
        (
            ERROR if strict else WARNING,
            (position < 0) & (position > first),
            "position before the half's start, since which it is milliseconds"
            + "; SoccerNet's scorer counts it from the 120th minute back" * (not strict),
        ),
        (ERROR, position <= first, "position 120 minutes before the half's start"),
        (ERROR, position > LATEST_MS, "position is behind a day; it is milliseconds"),
        (ERROR, sick, "confidence is no finite number"),
        (ERROR if strict else WARNING, nowhere, "half is none of 1 to 4"),
        (WARNING, half > 2, "half is neither 1 nor 2; left out of SoccerNet's score"),
        (WARNING, ~sick & (confidence < 0), "confidence below 0 never counts; use [0, 1]"),
        (WARNING, ~sick & (confidence > 1), "confidence above 1; scale them to [0, 1]"),
        (
            WARNING,
            position >= 120 * 60 * 1000,
            "position behind 120 minutes is put there; it is milliseconds since the half began",
        ),
    )
    for severity, wrong, message in checks:
        if wrong.any():
            yield severity, np.flatnonzero(wrong), message


def _wrong_clocks(times: list[str], events: Events, kind: str) -> _Odd:
    told = np.fromiter(map(_clock, times), np.int64, len(times))
    off = np.abs(told % _HALF_S * 1000 - events.position_ms) > 1000
    wrong = np.flatnonzero((told >= 0) & (off | (told // _HALF_S != events.half)))
    if wrong.size:
        i = int(wrong[0])
        fits = game_time(int(events.half[i]), int(events.position_ms[i]))
        message = f"disagrees with half and position, which count: {fits!r}"
        if kind == LABELS:
            message = f"without position is read as {fits!r}; give position"
        yield WARNING, wrong, f"gameTime {times[i]!r} {message}"


@lru_cache(maxsize=2**15)
def _clock(text: str) -> int:
    """Read ``1 - 12:34`` as half · 10^6 + seconds; -1 for none."""
    found = _GAME_TIME.fullmatch(text)
    if not found:
        return -1
    half, minutes, seconds = map(int, found.groups())
    return half * _HALF_S + 60 * minutes + seconds


def _repeats(events: Events) -> _Odd:
    """The spots that another of their class and frame beats in SoccerNet's scorer."""
    rows = np.flatnonzero((events.label >= 0) & np.isin(events.half, (1, 2)))
    half, frame = events.half[rows], official_frame(events.position_ms[rows])
    key = (frame * len(HALVES) + half) * len(events.classes) + events.label[rows]
    order = np.argsort(key, kind="stable")
    beaten = order[:-1][key[order[1:]] == key[order[:-1]]]
    if beaten.size:
        message = "shares class and half-second with a later one, which alone counts; keep the best"
        yield WARNING, np.sort(rows[beaten]), message


def _at(entries: np.ndarray, message: str) -> str:
    """Begin a message with where it applies."""
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return f"entry {entries[0]}{more}: {message}"
