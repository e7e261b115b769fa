"""FFmpeg metadata with a chapter a spot: ``ffmpeg -i V -i spots.ffmeta -map_metadata 1 -c copy``.

Source: the section "Metadata" of FFmpeg's formats manual.
"""

from __future__ import annotations

import re
from itertools import pairwise

from action_spotting.export.selection import Window
from action_spotting.export.timeline import Timeline
from action_spotting.export.wording import one_line


def export_chapters(timeline: Timeline, window: Window | None = None) -> str:
    """Write chapters: one a half, one a spot; each lasts until the next begins.

    What happens at the same time shares a chapter, since players drop empty ones.

    >>> print(export_chapters(Timeline("A - B", (), (), ())).strip())
    ;FFMETADATA1
    title=A - B
    """
    titles: dict[int, list[str]] = {}
    for half in timeline.halves:
        titles.setdefault(half.offset_ms, []).append(f"Half {half.number}")
    for m in timeline.moments:
        titles.setdefault(m.match_ms, []).append(f"{m.name} ({m.game_time}, {m.certainty})")
    starts = sorted(titles)
    end = max([timeline.end_ms, *(start + 1 for start in starts[-1:])])
    lines = [";FFMETADATA1", f"title={_escape(timeline.game)}"]
    for start, stop in pairwise([*starts, end]):
        lines += ["", "[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={stop}"]
        lines += [f"title={_escape(' · '.join(titles[start]))}"]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return re.sub(r"([=;#\\])", r"\\\1", one_line(text))
