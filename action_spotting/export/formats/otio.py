"""OpenTimelineIO: one track, a clip a media file, a marker a spot.

Written as the documented JSON of OpenTimelineIO's file format (schemas ``Timeline.1``, ``Stack.1``,
``Track.1``, ``Clip.2``, ``Marker.2``, ``ExternalReference.1``, ``MissingReference.1``); the package
itself is not needed. Markers lie on whole frames; the exact millisecond is in their metadata.
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from action_spotting.export.formats.edl import frames, start_frame
from action_spotting.export.selection import Window, split_files
from action_spotting.export.timeline import HalfMedia, Moment, Timeline
from action_spotting.export.wording import rounded

METADATA_KEY = "action_spotting"


def export_otio(timeline: Timeline, window: Window | None = None) -> str:
    """Write a time line of the match's media end to end, with a marker at each spot.

    >>> json.loads(export_otio(Timeline("A - B", (), (), ())))["OTIO_SCHEMA"]
    'Timeline.1'
    """
    clips = [_clip(part) for part in split_files(timeline)]
    track = {"OTIO_SCHEMA": "Track.1", "name": "Video", "kind": "Video", "children": clips}
    content = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": timeline.game,
        "global_start_time": None,
        "tracks": {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track]},
        "metadata": {},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _clip(part: Timeline) -> dict[str, Any]:
    """One media file: `part` is on the file's own clock."""
    first = part.halves[0]
    whole = _range(0, first.media_ms, first)
    numbers = " and ".join(str(half.number) for half in part.halves)
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": f"Half {numbers}",
        "source_range": whole,
        "media_references": {"DEFAULT_MEDIA": _media(first.name, whole)},
        "active_media_reference_key": "DEFAULT_MEDIA",
        "markers": [_marker(moment, first) for moment in part.moments],
        "effects": [],
        "enabled": True,
        "metadata": {},
    }


def _media(name: str, available: dict[str, Any]) -> dict[str, Any]:
    if not name:
        return {"OTIO_SCHEMA": "MissingReference.1", "name": "", "metadata": {}}
    return {
        "OTIO_SCHEMA": "ExternalReference.1",
        "name": "",
        "target_url": quote(os.fsencode(name)),
        "available_range": available,
        "metadata": {},
    }


def _marker(moment: Moment, media: HalfMedia) -> dict[str, Any]:
    exact = {
        "label": moment.label,
        "half": moment.half,
        "position_ms": moment.position_ms,
        "confidence": rounded(moment.confidence),
        "probability": rounded(moment.probability),
    }
    return {
        "OTIO_SCHEMA": "Marker.2",
        "name": moment.name,
        "comment": f"{moment.game_time}, {moment.certainty}",
        "color": "RED",
        "marked_range": _range(moment.match_ms, moment.match_ms, media),
        "metadata": {METADATA_KEY: exact},
    }


def _range(start_ms: int, end_ms: int, media: HalfMedia) -> dict[str, Any]:
    """A TimeRange of whole frames, counted from the start time code of the media."""
    start, end = frames(start_ms, media.fps), frames(end_ms, media.fps)
    times = {"start_time": start_frame(media, media.fps) + start, "duration": end - start}
    rational = {
        key: {"OTIO_SCHEMA": "RationalTime.1", "rate": media.fps, "value": float(value)}
        for key, value in times.items()
    }
    return {"OTIO_SCHEMA": "TimeRange.1", **rational}
