"""Which of a media file's streams is read."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from action_spotting.errors import InputError, UsageError


def picture_stream(container: Any) -> Any:
    """Give the video stream of an open file that shows the match.

    The one flagged as the default, else the longest, else the largest, else the first. Cover images
    and streams of an unknown codec do not count.

    Parameters
    ----------
    container
        An open file.

    Returns
    -------
    av.VideoStream or None
        None where there is no video.

    Raises
    ------
    InputError
        Its pictures are larger than ``ACTION_SPOTTING_MEGAPIXELS`` allows (40): a small file may
        state any size.
    """
    import av

    flags = av.stream.Disposition

    def _rank(stream: Any) -> tuple[bool, int, int]:
        default = bool(stream.disposition & flags.default)
        return default, round(_stated_s(stream)), stream.width * stream.height

    pictures = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & flags.attached_pic
    ]
    film = max(pictures, key=_rank, default=None)
    if film is not None:
        most = _max_pixels()
        if film.width * film.height > most:
            raise InputError(
                f"{name_of(container)}: pictures of {film.width} x {film.height}, more than the "
                f"{most / 1e6:g} megapixels that are read; ACTION_SPOTTING_MEGAPIXELS in the "
                "environment sets another limit"
            )
        film.codec_context.options = {"max_pixels": str(most)}  # for sizes that change later
    return film


def _max_pixels() -> int:
    text = os.environ.get("ACTION_SPOTTING_MEGAPIXELS", "40")
    try:
        return min(round(float(text) * 1e6), 2**31 - 1)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"ACTION_SPOTTING_MEGAPIXELS={text}: a number is expected") from error


def sound_streams(container: Any) -> list[Any]:
    """List the audio streams of an open file whose codec is known.

    Parameters
    ----------
    container
        An open file.

    Returns
    -------
    list of av.AudioStream
        In the file's order.
    """
    return [s for s in container.streams.audio if s.codec_context is not None]


def _stated_s(stream: Any) -> float:
    """The duration that a stream states, in Matroska by its tag; 0 where it states none."""
    with contextlib.suppress(ValueError):
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return float((stream.duration or 0) * stream.time_base)


def leading_stream(container: Any, path: Path) -> Any:
    """Give the stream that sets the clock: the video, or the audio where there is no video.

    Parameters
    ----------
    container
        An open file.
    path
        Its path, for messages.

    Returns
    -------
    av.VideoStream or av.AudioStream

    Raises
    ------
    InputError
        There is neither.
    """
    stream = picture_stream(container) or next(iter(sound_streams(container)), None)
    if stream is None:
        raise InputError(f"{path}: neither sound nor picture in it")
    return stream


def name_of(container: Any) -> str:
    """Give the name of an open file, for messages.

    Parameters
    ----------
    container
        An open file.

    Returns
    -------
    str
        Its path, as it was given.
    """
    return container.name.removeprefix("file:")
