"""A video as ffmpeg is to read and write it: its streams, its clock, its size, the encoder.

Times are seconds since the zero of the file (`dataset.media.origin_s`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from action_spotting.dataset.media import first_frame, has_index, may_jump, open_media, stamp_s
from action_spotting.dataset.streams import picture_stream, sound_streams
from action_spotting.errors import InputError, UsageError
from action_spotting.export.ass import font_file
from action_spotting.io.ffmpeg import run_ffmpeg

T = TypeVar("T")

EARLY_S = 0.001
"""Stretches begin and end this much early, because time stamps are rounded to at most this."""

FINE = "settb=1/90000"
"""The filter after which times are not rounded to whole pictures."""

TRACK = "captions.ass"
CAPTIONED = f"ass={TRACK}:fontsdir=fonts"
"""The filter that draws the track of that name in a `work_folder`: no user's path is in it."""

EVEN_AUDIO = "aformat=sample_fmts=s16|fltp:sample_rates=48000:channel_layouts=stereo"
GAPLESS = "aresample=async=1"
"""The filter that fills gaps of the sound with silence."""

H264 = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-g", "100"),
    *("-fps_mode", "vfr", "-enc_time_base:v", "1:90000"),  # a variable frame rate stays one
)
MP4 = (
    *("-map_metadata", "-1", "-map_chapters", "-1", "-f", "mp4"),
    *("-video_track_timescale", "90000", "-movflags", "+faststart"),
)
_SEEK_BACK_S = 0.5
_COPIED_AUDIO = ("aac", "mp3", "mp3float")
_FONTS = "fonts.conf"


@dataclass(frozen=True)
class Footage:
    """A video file.

    Attributes
    ----------
    path
        The file.
    picture, audio
        Indices of the streams that are taken; None without sound.
    copies_audio
        Whether an mp4 takes the sound as it is: AAC or MP3 that stays what it is.
    size
        Width and height at which it is seen: turned upright, with square pixels, even.
    offset_s
        The file's zero on the clock of ffmpeg, which begins with the first packet.
    seekable
        Whether ffmpeg finds a time in it without reading all that comes before.
    """

    path: Path
    picture: int
    audio: int | None
    copies_audio: bool
    size: tuple[int, int]
    offset_s: float
    seekable: bool

    def read_from(self, at_s: float = 0.0) -> list[str]:
        """Give ffmpeg's options to read the file, from a time or earlier, on the file's clock."""
        seek_s = self.offset_s + at_s - _SEEK_BACK_S
        if not self.seekable or seek_s <= 0:
            return ["-itsoffset", f"{-self.offset_s:.6f}"]
        back = ["-itsoffset", f"{at_s - _SEEK_BACK_S:.6f}"]
        return ["-noaccurate_seek", "-ss", f"{seek_s:.6f}", *back]

    def read_together(self, stretches: list[T]) -> list[list[T]]:
        """Group what is made by reading the file once: all, where ffmpeg cannot seek in it."""
        return [[stretch] for stretch in stretches] if self.seekable else [stretches]


def read_footage(path: Path, *, audio: bool = True) -> Footage:
    """Look into a video.

    Parameters
    ----------
    path
        The file.
    audio
        Whether its sound is wanted.

    Raises
    ------
    InputError
        Not a media file, no picture in it, or none that decodes.
    """
    with open_media(path) as container:
        picture = picture_stream(container)
        if picture is None:
            raise InputError(f"{path}: no picture in it; a video is expected")
        sound = next(iter(sound_streams(container)), None) if audio else None
        frame = first_frame(container, picture)
        codec = sound.codec_context.name if sound else ""
        return Footage(
            path=path,
            picture=picture.index,
            audio=sound.index if sound else None,
            copies_audio=codec in _COPIED_AUDIO and not may_jump(container),
            size=_seen_size(picture, frame),
            offset_s=stamp_s(container, frame) - _start_s(container, [picture, sound]),
            seekable=has_index(container),
        )


def fitted(size: tuple[int, int]) -> str:
    """Give the filter that fits a picture into `size`, with black bars where it must."""
    width, height = size
    sides = (f"{width},{height}*dar", f"{height},{width}/dar")
    inner = (f"'max(2,2*trunc(min({side})/2+0.5))'" for side in sides)
    return f"scale={':'.join(inner)},setsar=1,format=yuv420p,pad={width}:{height}:-1:-1"


@contextmanager
def work_folder() -> Iterator[Path]:
    """Give a folder for what is in the making; ffmpeg runs there and finds the captions' font."""
    with tempfile.TemporaryDirectory(prefix="action_spotting_") as name:
        folder = Path(name)
        (folder / "fonts").mkdir()
        shutil.copy(font_file(), folder / "fonts")
        (folder / _FONTS).write_text("<fontconfig/>", encoding="utf-8")
        yield folder


def run_in(
    folder: Path,
    inputs: Mapping[Path, Sequence[str]],
    outputs: Mapping[Path, Sequence[str]],
    tell: Callable[[float], object] | None = None,
) -> None:
    """Run ffmpeg in a `work_folder`, where no font of the system is looked for."""
    env = {"FONTCONFIG_FILE": str(folder / _FONTS)}
    run_ffmpeg(inputs, outputs, tell=tell, folder=folder, env=env)


def check_target(path: Path, inputs: Sequence[Path], others: Sequence[Path] = ()) -> None:
    """Raise `UsageError` unless `path` is an mp4, none of the inputs, and no other target."""
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"{path}: the video is written as mp4; give it a name that ends with .mp4")
    if any(_is_same(path, source) for source in inputs):
        raise UsageError(f"{path}: would replace the video that it is made from; name another file")
    same = next((other for other in others if _is_same(path, other, not_there=True)), None)
    if same is not None:
        raise UsageError(f"{path} and {same} would be one file; name two files")


def _is_same(one: Path, other: Path, *, not_there: bool = False) -> bool:
    """Whether two names are of one file, by links or on a disk that knows no capitals, too."""
    one, other = one.resolve(), other.resolve()
    if one.exists() and other.exists():
        return one.samefile(other)
    return not_there and str(one).casefold() == str(other).casefold()


def _start_s(container: Any, streams: Sequence[Any]) -> float:
    """Where the clock of ffmpeg begins: with the file, or with what is read of it."""
    if may_jump(container):
        starts = [s.start_time * s.time_base for s in streams if s and s.start_time is not None]
        return float(min(starts, default=0))
    return (container.start_time or 0) / 1e6


def _seen_size(stream: Any, frame: Any) -> tuple[int, int]:
    """The size of a picture turned upright, with square pixels, even."""
    width = round(frame.width * float(stream.sample_aspect_ratio or 1))
    sides = (width, frame.height) if round(frame.rotation / 90) % 2 == 0 else (frame.height, width)
    return max(2, sides[0] // 2 * 2), max(2, sides[1] // 2 * 2)
