"""WebVTT and SubRip: a line of text that appears at each spot.

Sources: the W3C's WebVTT recommendation; SubRip's format as players read it.
"""

from __future__ import annotations

import html

from action_spotting.export.selection import Window
from action_spotting.export.timeline import Moment, Timeline
from action_spotting.export.wording import clock, one_line

SHOWN_MS = 4000
"""How long a line stays."""


def export_vtt(timeline: Timeline, window: Window | None = None) -> str:
    """Write a WebVTT file; a cue begins at its spot's time and stays for four seconds.

    >>> export_vtt(Timeline("A - B", (), (), ()))
    'WEBVTT\\n'
    """
    cues = [
        f"{i}\n{_span(m, '.')}\n{html.escape(_line(m), quote=False)}\n"
        for i, m in enumerate(timeline.moments, 1)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def export_srt(timeline: Timeline, window: Window | None = None) -> str:
    """Write a SubRip file; as `export_vtt`, an empty one where there is no spot."""
    cues = [f"{i}\n{_span(m, ',')}\n{_line(m)}\n" for i, m in enumerate(timeline.moments, 1)]
    return "\n".join(cues)


def _span(moment: Moment, separator: str) -> str:
    start = moment.match_ms
    return f"{clock(start, separator)} --> {clock(start + SHOWN_MS, separator)}"


def _line(moment: Moment) -> str:
    return one_line(f"{moment.name} ({moment.game_time}, {moment.certainty})")
