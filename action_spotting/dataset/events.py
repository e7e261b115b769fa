"""What happened when: label files and results files, as arrays.

SoccerNet's JSON on disk; columns in memory. Both kinds of file are lists of entries with a half, a
position in milliseconds and a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2, actions
from action_spotting.errors import InputError, unknown
from action_spotting.io.files import read_json, write_json

UNSHOWN = "not shown"
LATEST_MS = 24 * 3600 * 1000
"""Positions behind this are refused: a unit mistaken, or a damaged file."""

_BAD_ENTRY = (KeyError, ValueError, TypeError, OverflowError)


@dataclass(frozen=True)
class Annotations:
    """The labels of one game, one element an event.

    Attributes
    ----------
    half
        1 or 2; int array ``(n,)``.
    position_ms
        Time since the half's start; int64 array ``(n,)``.
    label
        Index into the classes they were read with; int array ``(n,)``.
    visible
        False for "not shown"; bool array ``(n,)``.
    """

    half: np.ndarray
    position_ms: np.ndarray
    label: np.ndarray
    visible: np.ndarray

    def __len__(self) -> int:
        return len(self.half)


@dataclass(frozen=True)
class Spots:
    """The predictions of one game: as `Annotations`, with a confidence in [0, 1] each."""

    half: np.ndarray
    position_ms: np.ndarray
    label: np.ndarray
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.half)


def read_labels(
    path: Path, *, version: int = 2, classes: Sequence[str] | None = None
) -> Annotations:
    """Read a game's ``Labels-v2.json`` (version 2) or ``Labels.json`` (version 1).

    Parameters
    ----------
    path
        The label file.
    version
        1 folds the labels into card, subs and soccer, as SoccerNet does: by the first of these
        words that a label contains, other labels being none of the task's.
    classes
        An own choice of the version's classes; other known events are left out.

    Raises
    ------
    InputError
        Not JSON, no ``annotations``, an entry without a usable half or position, or (version 2) a
        label that is no SoccerNet class; all problems are listed together.
    """
    known = actions(version)
    columns = {name: i for i, name in enumerate(classes or known)}
    rows: list[tuple[int, int, int, bool]] = []
    problems = []
    for i, entry in enumerate(_entries(path, "annotations")):
        try:
            half, position = half_of(entry), position_of(entry)
            name = fold_label(str(entry["label"]), version)
        except _BAD_ENTRY as error:
            problems.append(f"entry {i}: {error}")
            continue
        if name in columns:
            visible = entry.get("visibility") != UNSHOWN
            rows.append((half, position, columns[name], visible))
        elif name is not None and name not in known:
            problems.append(f"entry {i}: {unknown('label', name, known)}")
    _raise_if(path, problems)
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Annotations(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(bool))


def read_predictions(path: Path, classes: Sequence[str] = ACTIONS_V2) -> Spots:
    """Read a game's ``Predictions-v2.json``.

    Raises
    ------
    InputError
        As `read_labels`; a confidence that is no finite number is a problem too.
    """
    columns = {name: i for i, name in enumerate(classes)}
    rows: list[tuple[int, int, int]] = []
    confidences: list[float] = []
    problems = []
    for i, entry in enumerate(_entries(path, "predictions")):
        try:
            row = (_half_number(entry["half"]), position_of(entry), columns.get(entry["label"], -1))
            confidence = float(entry["confidence"])
        except _BAD_ENTRY as error:
            problems.append(f"entry {i}: {error}")
            continue
        if row[2] < 0:
            problems.append(f"entry {i}: {unknown('label', str(entry['label']), classes)}")
        elif not np.isfinite(confidence):
            problems.append(f"entry {i}: confidence {confidence} is not a finite number")
        else:
            rows.append(row)
            confidences.append(confidence)
    _raise_if(path, problems)
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Spots(table[:, 0], table[:, 1], table[:, 2], np.array(confidences, dtype=float))


def write_predictions(
    path: Path, game: str, spots: Spots, classes: Sequence[str] = ACTIONS_V2
) -> None:
    """Write a game's spots as SoccerNet's results file, sorted by half, time and class.

    Numbers are strings, as the challenge server takes them; confidences keep six digits.
    """
    order = np.lexsort((spots.label, spots.position_ms, spots.half))
    entries = [
        {
            "gameTime": game_time(int(spots.half[i]), int(spots.position_ms[i])),
            "label": classes[int(spots.label[i])],
            "position": str(int(spots.position_ms[i])),
            "half": str(int(spots.half[i])),
            "confidence": f"{float(spots.confidence[i]):.6f}",
        }
        for i in order
    ]
    write_json(path, {"UrlLocal": game, "predictions": entries})


def game_time(half: int, position_ms: int) -> str:
    """Word a time as SoccerNet does.

    >>> game_time(2, 61500)
    '2 - 01:01'
    """
    minutes, seconds = divmod(position_ms // 1000, 60)
    return f"{half} - {minutes:02d}:{seconds:02d}"


def half_of(entry: dict[str, Any]) -> int:
    """Read the half of a label entry: the first character of ``gameTime``."""
    half = int(str(entry["gameTime"])[:1])
    if half not in (1, 2):
        raise ValueError(f"gameTime {entry['gameTime']!r} begins with half {half}, not 1 or 2")
    return half


def _half_number(given: Any) -> int:
    half = int(given)
    if half not in (1, 2):
        raise ValueError(f"half {str(given)[:20]} is not 1 or 2")
    return half


def position_of(entry: dict[str, Any]) -> int:
    """Read an entry's time in milliseconds: ``position``, else ``gameTime`` (whole seconds)."""
    if "position" in entry:
        position = int(entry["position"])
    else:
        minutes, _, seconds = str(entry["gameTime"]).partition("-")[2].strip().partition(":")
        position = 1000 * (60 * int(minutes) + int(seconds))
    if position < 0:
        raise ValueError(f"position {position} is before the half's start")
    if position > LATEST_MS:
        raise ValueError("position is more than a day after the half's start; it is milliseconds")
    return position


def fold_label(label: str, version: int) -> str | None:
    """Give the class of a label; None where version 1 has none for it.

    >>> fold_label("yr-card", 1), fold_label("soccer-ball", 1), fold_label("Goal", 2)
    ('card', 'soccer', 'Goal')
    """
    if version == 2:
        return label
    return next((name for name in actions(1) if name in label), None)


def _entries(path: Path, key: str) -> list[dict[str, Any]]:
    content = read_json(path)
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f'{path}: expected {{"{key}": [{{…}}, …]}}')
    return entries


def _raise_if(path: Path, problems: list[str]) -> None:
    if problems:
        more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise InputError(f"{path}: " + "; ".join(problems[:10]) + more)
