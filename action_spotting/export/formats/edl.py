"""CMX3600 edit decision list: the spots' stretches cut one after another.

Source: the CMX 3600 list as editing programs write it: ``001  REEL  V  C  in out in out``, comments
behind ``*``. Time codes count whole frames, 30 of them a second for 29.97 (non-drop frame). A
spot's own frame is the locator ``* LOC:`` under its event, on the source's clock.
"""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from action_spotting.errors import UsageError
from action_spotting.export.match import NOMINAL_FPS, Match, Window, one_line, split_files

MAX_EVENTS = 999
RECORD_START_HOUR = 1
"""Edited programmes start at 01:00:00:00 by custom."""


def export_edl(match: Match, window: Window | None = None) -> str:
    """Write one event a spot: its `window` in the source file, edited one behind another.

    The list has one frame rate, that of the first half's media.

    Raises
    ------
    UsageError
        More than 999 spots: the format numbers its events with three digits.
    """
    if len(match.moments) > MAX_EVENTS:
        raise UsageError(
            f"{match.game}: {len(match.moments)} spots, but a CMX3600 list holds {MAX_EVENTS}; "
            "a higher threshold, or --top, keeps fewer"
        )
    window = window or Window()
    fps = match.halves[0].fps if match.halves else NOMINAL_FPS
    reels = {half.number: n for n, part in enumerate(split_files(match), 1) for half in part.halves}
    record = RECORD_START_HOUR * 3600 * round(fps)
    lines = [f"TITLE: {one_line(match.game)[:70]}", "FCM: NON-DROP FRAME"]
    for i, moment in enumerate(match.moments, 1):
        half = match.half(moment.half)
        to_file = half.file_ms - half.offset_ms
        ms = (*window.around(match, moment), moment.match_ms)
        start, end, spot = (frames(t + to_file, fps) for t in ms)
        end = max(end, start + 1)
        codes = (start, end, record, record + end - start)
        times = " ".join(timecode(code, fps) for code in codes)
        record += end - start
        lines += [
            "",
            f"{i:03d}  {f'FILE{reels[moment.half]}':<8} V     C        {times}",
            f"* FROM CLIP NAME: {one_line(PurePosixPath(half.name).name) or f'half {moment.half}'}",
            f"* LOC: {timecode(spot, fps)} RED     {moment.name}",
            f"* COMMENT: {moment.game_time}, CONFIDENCE {moment.confidence:.2f}",
        ]
    return "\n".join(lines) + "\n"


def frames(ms: int, fps: float) -> int:
    """Give the number, from 0, of the frame that is shown at a time.

    >>> frames(1001, 30000 / 1001), frames(1500, 25), frames(1519, 25)
    (30, 37, 37)
    """
    return math.floor(ms * fps / 1000 + 1e-6)


def timecode(frame: int, fps: float) -> str:
    """Word a frame number as hours, minutes, seconds and frames, non-drop.

    >>> timecode(30, 30000 / 1001), timecode(90001, 25)
    ('00:00:01:00', '01:00:00:01')
    """
    seconds, frame = divmod(frame, round(fps))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"
