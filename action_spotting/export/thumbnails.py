"""The strongest frames of a match as small JPEG pictures."""

from __future__ import annotations

import io
from pathlib import Path

import av
from PIL import Image

from action_spotting.dataset.media import open_media
from action_spotting.export.match import Match, Moment, select
from action_spotting.export.media import display_size, fitted, picture_of, play

LOOK_BACK_S = 1.0
"""How far before a moment a frame is looked for, should the file end before it."""


def thumbnails(
    match: Match, n: int = 12, *, width: int = 320, quality: int = 80
) -> list[tuple[Moment, bytes]]:
    """Give the frames of the `n` most confident moments, in the order of the match.

    Parameters
    ----------
    match
        What `select` left; halves without media are left out.
    n
        At most this many.
    width
        Of the pictures, in pixels; the height follows from the video.
    quality
        Of the JPEG, 1 to 95.

    Returns
    -------
    list of tuple of Moment and bytes
        A moment whose frame cannot be decoded is left out.

    Raises
    ------
    InputError
        Media that cannot be read at all.
    """
    with_media = tuple(m for m in match.moments if m.half not in match.without_media)
    pictures = []
    for moment in select(Match("", match.halves, with_media, ()), threshold=0, top=n).moments:
        half = match.half(moment.half)
        if half.clip is None:
            continue
        frame = _frame(half.clip.path, (half.file_ms + moment.position_ms) / 1000, width)
        if frame is not None:
            pictures.append((moment, _jpeg(frame, quality)))
    return pictures


def _frame(path: Path, at_s: float, width: int) -> av.VideoFrame | None:
    """The frame that is shown at a time, the last one before it where the video ends earlier."""
    found = None
    with open_media(path) as container:
        stream = picture_of(container, path)
        for time_s, frame in play(container, [stream], start_s=max(0.0, at_s - LOOK_BACK_S)):
            if found is not None and time_s > at_s:
                break
            found = frame
        if found is None:
            return None
        full = display_size(stream, found)
        height = max(2, round(full[1] * width / full[0] / 2) * 2)
        return fitted(stream, found, (width // 2 * 2, height))


def _jpeg(frame: av.VideoFrame, quality: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(data, "JPEG", quality=quality)
    return data.getvalue()
