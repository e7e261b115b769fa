"""CSV: one line a spot, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io

from action_spotting.export.match import Match, Window

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


def export_csv(match: Match, window: Window | None = None) -> str:
    """Write one line a spot under a header (RFC 4180, but with plain line ends).

    >>> print(export_csv(Match('A "B"', (), (), ())).strip())
    game,half,game_time,position_ms,match_ms,label,name,confidence
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for m in match.moments:
        confidence = f"{m.confidence:.6f}"
        row = (m.half, m.game_time, m.position_ms, m.match_ms, m.label, m.name, confidence)
        writer.writerow((match.game, *row))
    return text.getvalue()
