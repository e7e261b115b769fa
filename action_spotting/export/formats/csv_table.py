"""CSV: one line a spot, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io

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
)


def export_csv(timeline: Timeline, window: Window | None = None) -> str:
    """Write one line a spot under a header (RFC 4180, but with plain line ends).

    >>> print(export_csv(Timeline('A "B"', (), (), ())).strip())
    game,half,game_time,position_ms,match_ms,label,name,confidence
    """
    rows: list[tuple[str, ...]] = [HEADER]
    for m in timeline.moments:
        confidence = f"{m.confidence:.6f}"
        row = (m.half, m.game_time, m.position_ms, m.match_ms, m.label, m.name, confidence)
        rows.append((timeline.game, *map(str, row)))
    return "".join(map(_line, rows))


def _line(row: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(row)  # whose own line end makes it quote both "\r" and "\n"
    return text.getvalue().removesuffix("\r\n") + "\n"
