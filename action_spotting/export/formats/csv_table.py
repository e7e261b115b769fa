"""CSV: one line a spot, for data frames; and, with semicolons, for spreadsheets."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence

from action_spotting.export.selection import Window
from action_spotting.export.timeline import Timeline

HEADER = (
    "game",
    "half",
    "game_time",
    "position_ms",
    "match_ms",
    "label",
    "name",
    "confidence",
    "probability",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for a formula, or looks behind for one."""


def export_csv(timeline: Timeline, window: Window | None = None) -> str:
    """Write one line a spot under a header (RFC 4180, but with plain line ends).

    The probability is empty where no calibration says it.

    >>> print(export_csv(Timeline('A "B"', (), (), ())).strip())
    game,half,game_time,position_ms,match_ms,label,name,confidence,probability
    """
    rows = ([f"{c:.6f}" if isinstance(c, float) else c for c in row] for row in cells(timeline))
    return "".join([_line(HEADER, ","), *(_line(row, ",") for row in rows)])


def export_csv_semicolon(timeline: Timeline, window: Window | None = None) -> str:
    """Write the same for spreadsheets of countries that have a decimal comma.

    Semicolons, decimal commas, and a byte order mark, by which Excel knows UTF-8. A text that a
    spreadsheet would take for a formula gets an apostrophe in front, which makes it a text.

    >>> export_csv_semicolon(Timeline("=1+1", (), (), ())).splitlines()[0][-22:]
    'confidence;probability'
    """
    rows = ([_local(cell) for cell in row] for row in cells(timeline))
    lines = [_line(HEADER, ";"), *(_line(row, ";") for row in rows)]
    return codecs.BOM_UTF8.decode() + "".join(lines)


def cells(timeline: Timeline) -> list[list[str | int | float]]:
    """Give the columns of `HEADER`, a row a spot; what is unknown is an empty text."""
    return [
        [
            timeline.game,
            m.half,
            m.game_time,
            m.position_ms,
            m.match_ms,
            m.label,
            m.name,
            round(m.confidence, 6),
            "" if m.probability is None else round(m.probability, 6),
        ]
        for m in timeline.moments
    ]


def _local(cell: str | float) -> str:
    if isinstance(cell, float):
        return f"{cell:.6f}".replace(".", ",")
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA):
        return "'" + cell
    return str(cell)


def _line(row: Sequence[object], delimiter: str) -> str:
    text = io.StringIO()
    # its own line end makes the writer quote both "\r" and "\n"
    csv.writer(text, delimiter=delimiter).writerow(row)
    return text.getvalue().removesuffix("\r\n") + "\n"
