"""Media files: the part of a file that is one half, what streams it has, where its clock begins."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from action_spotting.dataset.streams import leading_stream, name_of, picture_stream, sound_streams
from action_spotting.errors import InputError
from action_spotting.io.ffmpeg import MEDIA_OPTIONS

_POINTERS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0", b"[playlist]", b"<ASX", b"<smil")


LONGEST_S = 24 * 3600.0
"""Longest time, in seconds, in a media file; later times are taken for damage."""


@dataclass(frozen=True)
class Clip:
    """A media file, or the part of it that is one half.

    Attributes
    ----------
    path
        The file.
    start_s
        Where the half begins, in seconds; None: with the file.
    duration_s
        How long it lasts, in seconds; None: to the end of the file.

    Examples
    --------
    >>> Clip(Path("1_HQ.mkv"), start_s=330.0, duration_s=2700.0).path.name
    '1_HQ.mkv'
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
        The container's duration in seconds, 0 where it states none.
    width, height, fps
        Of the video stream, in pixels and frames a second; 0 where there is none.
    sounds
        Number of audio tracks.
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

    Parameters
    ----------
    path
        A media file.

    Returns
    -------
    Probe
        What the file holds.

    Raises
    ------
    InputError
        Not there, a folder, empty, a playlist, or not a media file.

    Examples
    --------
    >>> import tempfile, numpy, scipy.io.wavfile
    >>> path = Path(tempfile.mkdtemp()) / "1.wav"
    >>> scipy.io.wavfile.write(path, 8000, numpy.zeros(8000, numpy.int16))
    >>> probe(path)
    Probe(duration_s=1.0, width=0, height=0, fps=0.0, sounds=1)
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
    """Give the zero of a file's clock: the time stamp of the first frame that decodes.

    Everything placed in time counts from there: rows of video and audio features, exports, reel,
    overlay.

    Parameters
    ----------
    path
        A media file.

    Returns
    -------
    float
        In seconds, on the clock of the container: as ``frame.pts * frame.time_base``. Without
        video, the stamp of the first audio frame that decodes; 0 where the file holds no stamps.

    Raises
    ------
    InputError
        Not a media file, or nothing in it decodes.

    Examples
    --------
    >>> import tempfile, numpy, scipy.io.wavfile
    >>> path = Path(tempfile.mkdtemp()) / "1.wav"
    >>> scipy.io.wavfile.write(path, 8000, numpy.zeros(8000, numpy.int16))
    >>> origin_s(path)
    0.0
    """
    with open_media(path) as container:
        stream = leading_stream(container, path)
        if counts_decoding(container):
            return stamp_s(container, next(container.demux(stream)))
        return stamp_s(container, first_frame(container, stream))


def first_frame(container: Any, stream: Any) -> Any:
    """Give the first frame of a stream that decodes.

    Parameters
    ----------
    container
        An open file, of `open_media`, at its start.
    stream
        One of its video or audio streams.

    Returns
    -------
    av.VideoFrame or av.AudioFrame
        Packets that do not decode are skipped.

    Raises
    ------
    InputError
        No frame decodes.
    """
    with contextlib.suppress(*damage()):
        for packet in container.demux(stream):
            with contextlib.suppress(*damage()):
                for frame in packet.decode():
                    return frame
    raise InputError(
        f"{name_of(container)}: no {'picture' if stream.type == 'video' else 'sound'} could be "
        "decoded; is the file complete?"
    )


def stamp_s(container: Any, item: Any) -> float:
    """Give the time stamp of a frame or packet, on the clock of its container.

    Parameters
    ----------
    container
        An open file.
    item
        A PyAV frame or packet of it.

    Returns
    -------
    float
        In seconds; 0 where it has no stamp.
    """
    stamps = (item.dts, item.pts) if counts_decoding(container) else (item.pts, item.dts)
    stamp = next((stamp for stamp in stamps if stamp is not None), 0)
    return float(stamp * item.time_base)


def counts_decoding(container: Any) -> bool:
    """Tell whether time stamps number frames in the order in which they are decoded.

    The presentation times of such a file, an AVI, are a guess.

    Parameters
    ----------
    container
        An open file.

    Returns
    -------
    bool
        True for AVI.
    """
    return container.format.name == "avi"


def has_index(container: Any) -> bool:
    """Tell whether the container lists its keyframes, so that seeking finds them.

    A file that states no duration was written into a pipe, and has no list.

    Parameters
    ----------
    container
        An open file.

    Returns
    -------
    bool
        True for Matroska and MP4 with a duration.
    """
    indexed = container.format.name.startswith(("matroska", "mov"))
    return indexed and bool(container.duration)


def may_jump(container: Any) -> bool:
    """Tell whether the clock of such a file, and its audio format, may change on the way.

    Parameters
    ----------
    container
        An open file.

    Returns
    -------
    bool
        True where ffmpeg says so of the container, such as MPEG-TS.
    """
    import av

    return bool(container.format.flags & av.format.Flags.ts_discont.value)


def open_media(path: Path) -> Any:
    """Open a media file with PyAV as data: one of `CONTAINERS`, no protocol but plain files.

    Parameters
    ----------
    path
        A media file.

    Returns
    -------
    av.container.InputContainer
        To be used as a context manager.

    Raises
    ------
    InputError
        Not there, a folder, empty, a playlist, or not a media file of these containers.
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
    """Options to open a file whose titles are not UTF-8; PyAV needs none from release 19 on."""
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
    """Check that `path` is a plain file with content.

    Parameters
    ----------
    path
        Of any file.

    Raises
    ------
    InputError
        Not there, a folder, a pipe, a device, or empty.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: a folder; a media file is expected")
    if not path.is_file():
        raise InputError(f"{path}: a pipe or a device; a media file is expected")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes)")
