"""JSON: the match, its halves and its spots, for programs of one's own."""

from __future__ import annotations

import json
from typing import Any

from action_spotting.export.selection import Window
from action_spotting.export.timeline import HalfMedia, Timeline
from action_spotting.export.wording import rounded


def export_json(timeline: Timeline, window: Window | None = None) -> str:
    """Write ``{"game", "halves": [{…}], "spots": [{…}]}``; times are whole milliseconds.

    >>> json.loads(export_json(Timeline("A - B", (), (), ())))
    {'game': 'A - B', 'halves': [], 'spots': []}
    """
    spots = [
        {
            "half": m.half,
            "game_time": m.game_time,
            "position_ms": m.position_ms,
            "match_ms": m.match_ms,
            "label": m.label,
            "name": m.name,
            "confidence": rounded(m.confidence),
            "probability": rounded(m.probability),
        }
        for m in timeline.moments
    ]
    content = {"game": timeline.game, "halves": [_half(h) for h in timeline.halves], "spots": spots}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _half(half: HalfMedia) -> dict[str, Any]:
    return {
        "half": half.number,
        "media": half.name or None,
        "media_start_ms": half.lead_ms + half.file_ms,
        "match_start_ms": half.offset_ms,
        "duration_ms": half.duration_ms,
        "fps": round(half.fps, 6),
    }
