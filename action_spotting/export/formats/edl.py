"""CMX3600 edit decision list: the spots' stretches cut one after another.

Source: the CMX 3600 list as editing programs write it: ``001  REEL  V  C  in out in out``, comments
behind ``*``. The source's codes begin at the start time code of the media, where it states one; a
spot's own frame is the locator ``* LOC:`` under its event, on the record clock.
"""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from action_spotting.errors import UsageError
from action_spotting.export.selection import Window, split_files
from action_spotting.export.timeline import USUAL_RATES, HalfMedia, Timeline
from action_spotting.export.wording import one_line

MAX_EVENTS = 999
RECORD_START = "01:00:00:00"
"""Edited programmes start here by custom."""


def export_edl(timeline: Timeline, window: Window | None = None) -> str:
    """Write one event a spot: its `window` in the source file, edited one behind another.

    The list has one frame rate, that of the first half's media, or the usual one that is nearest.

    Raises
    ------
    UsageError
        More than 999 spots: the format numbers its events with three digits. Or media of less than
        a frame a second, for which there are no time codes.
    """
    window = window or Window()
    first = timeline.halves[0] if timeline.halves else HalfMedia(1, 0, 0)
    fps = min(USUAL_RATES, key=lambda rate: abs(math.log(rate / first.fps)))
    drop = has_drop_frame(first, fps)
    _check(timeline, first)
    reels = {
        half.number: n for n, part in enumerate(split_files(timeline), 1) for half in part.halves
    }
    record = frame_of(RECORD_START, fps, drop)
    lines = [
        f"TITLE: {one_line(timeline.game)[:70]}",
        f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}",
    ]
    for i, moment in enumerate(timeline.moments, 1):
        half = timeline.half(moment.half)
        to_file = half.lead_ms + half.file_ms - half.offset_ms
        ms = (*window.around(timeline, moment), moment.match_ms)
        start, end, spot = (start_frame(half, fps) + frames(t + to_file, fps) for t in ms)
        end = max(end, start + 1)
        codes = [timecode(code, fps, has_drop_frame(half, fps)) for code in (start, end)]
        codes += [timecode(code, fps, drop) for code in (record, record + end - start)]
        lines += [
            "",
            f"{i:03d}  {f'FILE{reels[moment.half]}':<8} V     C        {' '.join(codes)}",
            f"* FROM CLIP NAME: {one_line(PurePosixPath(half.name).name) or f'half {moment.half}'}",
            f"* LOC: {timecode(record + spot - start, fps, drop)} RED     {moment.name}",
            f"* COMMENT: {moment.game_time}, CONFIDENCE {moment.confidence:.2f}",
        ]
        record += end - start
    return "\n".join(lines) + "\n"


def _check(timeline: Timeline, first: HalfMedia) -> None:
    if len(timeline.moments) > MAX_EVENTS:
        raise UsageError(
            f"{timeline.game}: {len(timeline.moments)} spots, but a CMX3600 list holds "
            f"{MAX_EVENTS}; a higher threshold, or --top, keeps fewer"
        )
    if first.fps < 1:
        raise UsageError(
            f"{timeline.game}: {first.fps:g} frames a second, for which a CMX3600 list has no time "
            "codes"
        )


def frames(ms: int, fps: float) -> int:
    """Give the number, from 0, of the frame that is shown at a time.

    >>> frames(1001, 30000 / 1001), frames(1500, 25), frames(1519, 25)
    (30, 37, 37)
    """
    return math.floor(ms * fps / 1000 + 1e-6)


def has_drop_frame(half: HalfMedia, fps: float) -> bool:
    """Whether the time code of a half's media drops frames, as at 29.97 and 59.94 it may."""
    return ";" in half.timecode and round(fps) % 30 == 0 and abs(fps - round(fps)) > 0.01


def start_frame(half: HalfMedia, fps: float) -> int:
    """Give the frame that the start time code of a half's media names; 0 without one."""
    return frame_of(half.timecode, fps, has_drop_frame(half, fps)) if half.timecode else 0


def frame_of(code: str, fps: float, drop: bool = False) -> int:
    """Give the frame, from 0, that a time code names.

    >>> frame_of("00:10:00;00", 30000 / 1001, True), frame_of("00:00:01:00", 24000 / 1001)
    (17982, 24)
    """
    hours, minutes, seconds, frame = (int(part) for part in code.replace(";", ":").split(":"))
    minutes += 60 * hours
    skipped = _dropped(fps) * (minutes - minutes // 10) if drop else 0
    return (60 * minutes + seconds) * round(fps) + frame - skipped


def timecode(frame: int, fps: float, drop: bool = False) -> str:
    """Word a frame number as hours, minutes, seconds and frames.

    A rate of 29.97 has 30 numbers a second; with `drop` the first ones of a minute are skipped, but
    for every tenth minute, so that the code keeps up with the clock.

    >>> timecode(30, 30000 / 1001), timecode(90001, 25), timecode(1800, 30000 / 1001, True)
    ('00:00:01:00', '01:00:00:01', '00:01:00;02')
    """
    if drop:
        skip, minute = _dropped(fps), 60 * round(fps)
        tens, rest = divmod(frame, 10 * minute - 9 * skip)
        frame += 9 * skip * tens + skip * max(0, (rest - skip) // (minute - skip))
    seconds, frame = divmod(frame, round(fps))
    text = f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}{';' if drop else ':'}{frame:02d}"


def _dropped(fps: float) -> int:
    return round(fps) // 15
