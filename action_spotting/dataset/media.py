"""Media files: the part of a file that is one half, what streams it has, where its clock begins."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from action_spotting.errors import InputError, UsageError
from action_spotting.io.ffmpeg import MEDIA_OPTIONS

_POINTERS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0", b"[playlist]", b"<ASX", b"<smil")


LONGEST_S = 24 * 3600.0
"""Media state times; what lies behind this is taken for damage."""


@dataclass(frozen=True)
class Clip:
    """A media file, or the part of it that is one half.

    Parameters
    ----------
    path
        The file.
    start_s
        Where the half begins, in seconds; None: with the file.
    duration_s
        How long it lasts, in seconds; None: to the end of the file.
    """

    path: Path
    start_s: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class Probe:
    """What a media file holds.

    Attributes
    ----------
    duration_s
        The container's duration, 0 where it gives none.
    width, height, fps
        The first video stream's; 0 where there is none.
    sounds
        Number of sound tracks.
    """

    duration_s: float
    width: int
    height: int
    fps: float
    sounds: int

    @property
    def has_picture(self) -> bool:
        """Whether there is a video stream."""
        return self.width > 0


def probe(path: Path) -> Probe:
    """Look into a media file without decoding it.

    Raises
    ------
    InputError
        Not there, a folder, empty, a playlist, or not a media file.
    """
    import av

    with open_media(path) as container:
        video = picture_stream(container)
        rate = (video.average_rate or video.guessed_rate) if video else None
        return Probe(
            duration_s=max(0.0, (container.duration or 0) / av.time_base),
            width=video.width if video else 0,
            height=video.height if video else 0,
            fps=float(rate or 0),
            sounds=len(sound_streams(container)),
        )


def origin_s(path: Path) -> float:
    """Give the zero of a file's clock: the time stamp of the first picture that decodes.

    All that is placed in time counts from there: rows of picture and sound, exports, reel, overlay.

    Parameters
    ----------
    path
        A media file.

    Returns
    -------
    float
        In seconds, on the clock of the container: as ``frame.pts * frame.time_base``. Without a
        picture, the stamp of the first sound that decodes; 0 where the file holds no stamps.

    Raises
    ------
    InputError
        Not a media file, or nothing in it decodes.
    """
    with open_media(path) as container:
        stream = _leading_stream(container, path)
        if counts_decoding(container):
            return stamp_s(container, next(container.demux(stream)))
        return stamp_s(container, first_frame(container, stream))


def first_frame(container, stream):
    """Give the first frame of a stream that decodes.

    Raises
    ------
    InputError
        There is none.
    """
    with contextlib.suppress(*damage()):
        for packet in container.demux(stream):
            with contextlib.suppress(*damage()):
                for frame in packet.decode():
                    return frame
    raise InputError(
        f"{_name(container)}: no {'picture' if stream.type == 'video' else 'sound'} could be "
        "decoded; is the file complete?"
    )


def stamp_s(container, item) -> float:
    """Give the time stamp of a frame or packet in seconds, on the clock of its container."""
    stamps = (item.dts, item.pts) if counts_decoding(container) else (item.pts, item.dts)
    stamp = next((stamp for stamp in stamps if stamp is not None), 0)
    return float(stamp * item.time_base)


def counts_decoding(container) -> bool:
    """Whether pictures are numbered as they are decoded: a presentation time is then a guess."""
    return container.format.name == "avi"


def has_index(container) -> bool:
    """Whether the container lists its key frames, so that seeking finds them.

    One that states no duration was written into a pipe, and has no list.
    """
    indexed = container.format.name.startswith(("matroska", "mov"))
    return indexed and bool(container.duration)


def may_jump(container) -> bool:
    """Whether the clock, and the kind of sound, of such a file may change on its way."""
    import av

    return bool(container.format.flags & av.format.Flags.ts_discont.value)


def open_media(path: Path):
    """Open a media file with PyAV as data: one of `CONTAINERS`, no protocol but plain files.

    Returns
    -------
    av.container.InputContainer
        To be used as a context manager.
    """
    import av

    check_file(path)
    unreadable: tuple[type[Exception], ...] = (*damage(), ValueError)
    try:
        return av.open(f"file:{path}", options=MEDIA_OPTIONS, **_any_metadata())
    except unreadable as error:
        if _begins_like_pointer(path):
            raise InputError(
                f"{path}: a playlist or another pointer to media, which is not followed; give the "
                "media file itself"
            ) from error
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, av.ArgumentError):  # what ffmpeg says of a container not in the list
            reason = "a kind of file that is not taken; convert it to mkv or mp4"
        raise InputError(f"{path}: not a media file that is read here ({reason})") from error


def _any_metadata() -> dict[str, Any]:
    """What lets PyAV open a file whose titles are no UTF-8; from release 19 on it always does."""
    import av

    before_19 = int(av.__version__.partition(".")[0]) < 19
    return {"metadata_errors": "replace"} if before_19 else {}


def _begins_like_pointer(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_POINTERS)


@cache
def damage() -> tuple[type[Exception], ...]:
    """List what PyAV raises but for lack of memory, which is no damage of what it reads."""
    import av

    return tuple(c for c in av.FFmpegError.__subclasses__() if not issubclass(c, MemoryError))


def check_file(path: Path) -> None:
    """Raise `InputError` unless `path` is a plain file with content."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: a folder; a media file is expected")
    if not path.is_file():
        raise InputError(f"{path}: a pipe or a device; a media file is expected")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes)")


def picture_stream(container):
    """Give the video stream of an open file that is its film, or None.

    The one that is flagged as the default, else the longest, else the largest, else the first. A
    cover picture and a stream of a codec that is not known do not count.

    Raises
    ------
    InputError
        Its pictures are larger than ``ACTION_SPOTTING_MEGAPIXELS`` allows (40): a small file may
        state any size.
    """
    import av

    flags = av.stream.Disposition

    def rank(stream) -> tuple[bool, int, int]:
        default = bool(stream.disposition & flags.default)
        return default, round(_stated_s(stream)), stream.width * stream.height

    pictures = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & flags.attached_pic
    ]
    film = max(pictures, key=rank, default=None)
    if film is not None:
        most = _max_pixels()
        if film.width * film.height > most:
            raise InputError(
                f"{_name(container)}: pictures of {film.width} x {film.height}, more than the "
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


def sound_streams(container) -> list:
    """Give the sound streams of an open file whose codec is known."""
    return [s for s in container.streams.audio if s.codec_context is not None]


def _stated_s(stream) -> float:
    """How long a stream says that it lasts, in Matroska by its tag; 0 where it does not say."""
    with contextlib.suppress(ValueError):
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return float((stream.duration or 0) * stream.time_base)


def _leading_stream(container, path: Path):
    """The stream that sets the clock: the picture, or the sound where there is none."""
    stream = picture_stream(container) or next(iter(sound_streams(container)), None)
    if stream is None:
        raise InputError(f"{path}: neither sound nor picture in it")
    return stream


def _name(container) -> str:
    return container.name.removeprefix("file:")
