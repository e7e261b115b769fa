"""OSL JSON 2.0, the annotation format of the OpenSportsLab tools.

Source: the format's description in the documentation of opensportslib and of the Video Annotation
Tool. A sample is one media file; an event's ``position_ms`` runs on that file's clock. The format
recommends a ``date``, which is left out so that a repeated export gives the same bytes. The library
reads ``confidence``, the annotation tool ``confidence_score``: both are written.
"""

from __future__ import annotations

import json
from typing import Any

from action_spotting.export.selection import Window, split_files
from action_spotting.export.timeline import Timeline

HEAD = "action"
"""The name of the one set of labels."""


def export_osl(timeline: Timeline, window: Window | None = None) -> str:
    """Write one sample a media file, with its events and their confidence.

    >>> json.loads(export_osl(Timeline("A - B", (), (), ("Goal",))))["labels"]
    {'action': {'type': 'single_label', 'labels': ['Goal']}}
    """
    content = {
        "version": "2.0",
        "task": "action_spotting",
        "dataset_name": timeline.game,
        "description": "Predicted actions",
        "modalities": ["video"],
        "metadata": {"type": "predictions", "sport": "football"},
        "labels": {HEAD: {"type": "single_label", "labels": list(timeline.labels)}},
        "data": [_sample(part) for part in split_files(timeline)],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _sample(part: Timeline) -> dict[str, Any]:
    """One media file: `part` is on the file's own clock."""
    first = part.halves[0]
    numbers = "+".join(str(half.number) for half in part.halves)
    video = {"type": "video", "path": first.name, "fps": round(first.fps, 6)}
    return {
        "id": f"{part.game}/half {numbers}",
        "inputs": [video] if first.name else [],
        "metadata": {"game": part.game, "halves": [half.number for half in part.halves]},
        "events": [
            {
                "head": HEAD,
                "label": moment.label,
                "position_ms": moment.match_ms,
                "gameTime": moment.game_time,
                "confidence": round(moment.confidence, 6),
                "confidence_score": round(moment.confidence, 6),
            }
            for moment in part.moments
        ],
    }
