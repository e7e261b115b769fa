"""What files of media are called."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

VIDEO_STEMS = {"LQ": ("{n}_224p", "{n}"), "720p": ("{n}_720p",), "HQ": ("{n}_HQ",)}
"""The names, without their suffix, of each kind of video."""

VIDEO_SUFFIXES = (
    *(".mkv", ".mp4", ".mov", ".avi", ".ts", ".webm", ".m4v", ".mts", ".m2ts", ".m2t", ".mxf"),
    *(".mpg", ".mpeg", ".m2v", ".vob", ".flv", ".f4v", ".wmv", ".asf", ".ogv", ".3gp", ".dv"),
    *(".mod", ".tod", ".h264", ".264", ".h265", ".265", ".hevc"),
)
"""Of files that are taken for video, in any case; the first is preferred."""

SOUND_SUFFIXES = (
    *(".wav", ".mp3", ".flac", ".m4a", ".ogg", ".aac", ".opus", ".wma", ".aif", ".aiff", ".ac3"),
    ".mka",
)
"""Of files that are taken for audio alone, in any case."""

_MEDIA_FILE = re.compile(r"([12])(_.*)?\.[^.]+")
_DATA_SUFFIXES = (".npy", ".npz", ".h5", ".part", ".claim")


def number_of_media(name: str) -> int | None:
    """The half of a file that is named as media are, also of a kind that is not taken."""
    match = _MEDIA_FILE.fullmatch(name)
    if match is None:
        return None
    stem, suffix = Path(name).stem, Path(name).suffix.lower()
    number = int(match[1])
    if suffix in VIDEO_SUFFIXES + SOUND_SUFFIXES:
        return number
    usual = any(stem == s.format(n=number) for stems in VIDEO_STEMS.values() for s in stems)
    kind = mimetypes.guess_type(name)[0] or ("data" if suffix in _DATA_SUFFIXES else "video")
    return number if usual and kind.startswith(("video", "audio")) else None
