"""Label files and results files: SoccerNet's JSON in all its spellings, read and written.

One parser reads both kinds, versions 1 and 2, into `Events` and a list of findings. For scoring it
is as lenient as SoccerNet's scorer: what stops that scorer is an error; what it silently leaves out
or changes is a warning, and is left out or changed here too, so that the score is the same. Read
strictly, for training, whatever would lose or move an event is an error.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2, actions
from action_spotting.dataset.event_findings import (
    ERROR,
    HUGE,
    LABELS,
    LISTED,
    OTHER,
    PREDICTIONS,
    UNKNOWN,
    WARNING,
    Finding,
    find_odd,
    refuse_errors,
)
from action_spotting.dataset.events import (
    HALVES,
    Events,
    game_time,
)
from action_spotting.errors import InputError
from action_spotting.io.files import MAX_JSON_BYTES, parse_json, read_bytes, write_json

UNSHOWN = "not shown"

_NUMBER, _TIME = "whole number", "time such as '1 - 12:34'"


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
        index = dict.fromkeys([None, *actions(version)], OTHER) | index
    columns, entry, findings = _columns(data, where, kind, version, strict)
    labels, times = columns.pop("label"), columns.pop("gameTime")
    number = np.fromiter(map(index.get, labels, repeat(UNKNOWN)), np.int64, len(labels))
    events = Events(label=number, classes=vocabulary, **columns)
    known = strict or (kind, version) == (PREDICTIONS, 1)
    odd = find_odd(labels, times, events, kind, known=known, strict=strict)
    findings += [Finding(how, where, _at(entry[rows], what)) for how, rows, what in odd]
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
    if len(problems) > LISTED:
        more = f"and {len(problems) - LISTED} more such entries"
        problems[LISTED:] = [Finding(ERROR, where, more)]
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
    return max(-HUGE, min(int(value), HUGE))


def _clock_ms(text: str) -> int:
    minutes, _, seconds = text.partition("-")[2].partition(":")
    return _whole(1000 * (60 * int(minutes) + int(seconds)))


def _official_clock_ms(text: str) -> int:
    return 1000 * (60 * int(text[-5:-3]) + int(text[-2:]))


def _at(entries: np.ndarray, message: str) -> str:
    """Begin a message with where it applies."""
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return f"entry {entries[0]}{more}: {message}"
