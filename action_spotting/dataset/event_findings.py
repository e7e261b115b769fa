"""What is odd about a file of labels or results, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from action_spotting.dataset.classes import ACTIONS_V1
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

LABELS, PREDICTIONS = "annotations", "predictions"
"""The two kinds of file, by the name of their list of entries."""

ERROR, WARNING = "error", "warning"

OTHER, UNKNOWN = -1, -2
"""Label numbers: a class that was not chosen, and no class at all."""

HUGE = 2**62
LISTED = 5
_HALF_S = 10**6
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


Odd = Iterator[tuple[str, np.ndarray, str]]
"""Severity, rows, message."""


def find_odd(
    labels: list[str],
    times: list[str],
    events: Events,
    kind: str,
    *,
    known: bool,
    strict: bool,
) -> Odd:
    """Find what is odd about the entries of a file.

    Parameters
    ----------
    labels, times
        The entries' ``label`` and ``gameTime``.
    events
        What was read of them; a label that is no class has the number `UNKNOWN`.
    kind
        `LABELS` or `PREDICTIONS`.
    known
        Whether an unknown label is an error.
    strict
        Whether what the official scorer lets pass is an error.

    Yields
    ------
    tuple
        Severity, rows (int ``(n,)``), message.
    """
    yield from _unknown_labels(labels, events, ERROR if known else WARNING)
    yield from _out_of_range(events, kind, strict)
    yield from _wrong_clocks(times, events, kind)
    if kind == PREDICTIONS:
        yield from _repeats(events)


def _unknown_labels(labels: list[str], events: Events, severity: str) -> Odd:
    """The labels that are no class; SoccerNet's scorer stops at them in results of version 1."""
    rows: dict[str, list[int]] = {}
    for i in np.flatnonzero(events.label == UNKNOWN).tolist():
        rows.setdefault(labels[i], []).append(i)
    fate = "; left out" if severity == WARNING else ""
    for name, at in list(rows.items())[:LISTED]:
        message = unknown("label", name[:60], events.classes)
        if name in ACTIONS_V1 and events.classes != ACTIONS_V1:
            message = f"label {name!r} is one of version 1: --version 1"
        yield severity, np.array(at), message + fate


def _out_of_range(events: Events, kind: str, strict: bool) -> Odd:
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


def _wrong_clocks(times: list[str], events: Events, kind: str) -> Odd:
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


def _repeats(events: Events) -> Odd:
    """The spots that another of their class and frame beats in SoccerNet's scorer."""
    rows = np.flatnonzero((events.label >= 0) & np.isin(events.half, (1, 2)))
    half, frame = events.half[rows], official_frame(events.position_ms[rows])
    key = (frame * len(HALVES) + half) * len(events.classes) + events.label[rows]
    order = np.argsort(key, kind="stable")
    beaten = order[:-1][key[order[1:]] == key[order[:-1]]]
    if beaten.size:
        message = "shares class and half-second with a later one, which alone counts; keep the best"
        yield WARNING, np.sort(rows[beaten]), message
