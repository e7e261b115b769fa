"""Media files: the part of a file that is one half, what streams it has, where ffmpeg is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from action_spotting.errors import InputError, UsageError

# A container may point elsewhere (a playlist, a network address); only plain files are read.
_CONTAINER_OPTIONS = {"protocol_whitelist": "file,crypto,data"}
_PLAYLISTS = {"hls", "concat", "dash", "sdp", "rtsp", "imf", "ffmetadata", "tty", "image2"}


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
            sounds=len(container.streams.audio),
        )


def open_media(path: Path):
    """Open a media file with PyAV as data: no playlist, no protocol but plain files.

    Returns
    -------
    av.container.InputContainer
        To be used as a context manager.
    """
    import av

    check_file(path)
    try:
        container = av.open(f"file:{path}", options=_CONTAINER_OPTIONS, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: not a media file that ffmpeg reads ({error})") from error
    formats = set(container.format.name.split(","))
    if formats & _PLAYLISTS:
        container.close()
        raise InputError(f"{path}: a playlist or pointer ({container.format.name}), not media")
    return container


def check_file(path: Path) -> None:
    """Raise `InputError` unless `path` is a file with content."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: a folder; a media file is expected")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes)")


def ffmpeg_exe() -> str:
    """Give the ffmpeg program: that of imageio-ffmpeg, else the system's."""
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
    if not found:
        raise UsageError("no ffmpeg: `pip install imageio-ffmpeg`, or install ffmpeg")
    return found


def picture_stream(container):
    """Give the first video stream of an open file that is no still cover picture, or None."""
    import av

    cover = av.stream.Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & cover), None)
