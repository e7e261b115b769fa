"""Decoding for people, and encoding to what every player opens: H.264 and AAC in mp4.

Frame by frame and block by block: memory does not depend on how long a video is. Times are
seconds since the file's start, whatever time stamps its container begins with; a variable frame
rate stays one.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from action_spotting.dataset.media import open_media, picture_stream
from action_spotting.errors import InputError, UsageError
from action_spotting.export.match import NOMINAL_FPS

TIME_BASE = Fraction(1, 90000)
SOUND_RATE = 48000
SOUND_TOLERANCE = SOUND_RATE // 50
"""Samples by which a block may lie beside its time stamp before a gap is filled or cut."""

COPIED_SOUND = ("aac", "mp3", "mp3float")
"""Sound that every player takes in an mp4 as it is."""

_COLOURS = ("color_range", "color_primaries", "color_trc", "colorspace")
_PATIENCE_S = 5.0
_SEEK_BACK_S = (1.0, 3.0, 10.0, 30.0)
_VIDEO_OPTIONS = {"crf": "21", "preset": "veryfast"}


def picture_of(container: Any, path: Path) -> Any:
    """Give the picture stream of an open file, set to decode with several threads.

    Raises
    ------
    InputError
        There is none.
    """
    stream = picture_stream(container)
    if stream is None:
        raise InputError(f"{path}: no picture in it; a video is expected")
    stream.thread_type = "AUTO"
    return stream


def play(
    container: Any,
    streams: list[Any],
    *,
    start_s: float = 0.0,
    end_s: float = math.inf,
    copied: Any = None,
) -> Iterator[tuple[float, Any]]:
    """Give the frames of `streams` between two times, in the order in which the file holds them.

    Parameters
    ----------
    container
        Opened by ``dataset.media.open_media``.
    streams
        Streams of it, the picture first.
    start_s, end_s
        Since the file's start. A frame belongs between them when its middle does (and so never
        follows the one before it too closely where stretches meet); of sound, whatever touches.
    copied
        The one of `streams` whose packets are given as they are.

    Yields
    ------
    tuple of float and (VideoFrame or AudioFrame or Packet)
        The time in seconds since the file's start, and what is shown or heard then. A packet that
        cannot be decoded is left out.

    Raises
    ------
    InputError
        The file cannot be read further.
    """
    origin = (container.start_time or 0) / av.time_base
    lasts = {stream.index: start_s for stream in streams}
    try:
        if start_s > 0:
            _seek(container, streams[0], origin, start_s)
        for packet in container.demux(streams):
            index = packet.stream.index
            for item in [packet] if packet.stream is copied else _decoded(packet):
                if item.pts is None:
                    continue
                at = float(item.pts * item.time_base) - origin
                lasts[index] = max(lasts[index], at)
                if _between(item, at, start_s, end_s):
                    yield at, item
            if _past(list(lasts.values()), end_s):
                return
    except av.FFmpegError as error:
        raise InputError(
            f"{container.name.removeprefix('file:')}: cannot be read beyond "
            f"{max(lasts.values()):.1f} s ({error.strerror})"
        ) from error


def display_size(stream: Any, frame: av.VideoFrame) -> tuple[int, int]:
    """Give the width and height at which a frame is seen: turned upright, with square pixels, even.

    Parameters
    ----------
    stream
        The frame's; it knows the shape of the pixels.
    """
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = round(frame.width * aspect), frame.height
    if _quarter_turns(frame) % 2:
        width, height = height, width
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


def fitted(stream: Any, frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    """Turn a frame upright and fit it into `size`, as yuv420p, with black bars where it must.

    A frame that already is what is wanted is given back itself.
    """
    wanted = display_size(stream, frame)
    if turns := _quarter_turns(frame):
        frame = _turned(frame, turns)
    scale = min(size[0] / wanted[0], size[1] / wanted[1])
    inner = tuple(
        min(full, max(2, round(side * scale / 2) * 2))
        for side, full in zip(wanted, size, strict=True)
    )
    if (frame.format.name, frame.width, frame.height) != ("yuv420p", *inner):
        frame = frame.reformat(width=inner[0], height=inner[1], format="yuv420p")
    return frame if inner == size else _with_bars(frame, size)


@dataclass(frozen=True)
class Look:
    """What a video looks like.

    Attributes
    ----------
    size
        Width and height at which it is seen, in pixels, even.
    colours
        How its numbers mean colours: attributes of a codec context.
    """

    size: tuple[int, int]
    colours: dict[str, int] = field(default_factory=dict)


def look_of(path: Path, at_s: float = 0.0) -> Look:
    """Give what a video looks like, from the first frame that decodes at a time.

    Raises
    ------
    InputError
        There is none.
    """
    with open_media(path) as container:
        stream = picture_of(container, path)
        for _, frame in play(container, [stream], start_s=at_s):
            colours = {name: int(getattr(stream.codec_context, name)) for name in _COLOURS}
            return Look(display_size(stream, frame), colours)
    raise InputError(f"{path}: no picture from {at_s:.1f} s on; is the file complete?")


class Movie:
    """An mp4 in the making; use as a context manager, which finishes it.

    Parameters
    ----------
    path
        To write to, usually the temporary one of ``files.whole_file``.
    look
        Size and colours of its pictures.
    fps
        About how many frames a second there will be.
    sound
        False for none; True to encode what `hear` is given; a stream whose packets `copy` passes.

    Attributes
    ----------
    size
        As given.
    """

    def __init__(self, path: Path, look: Look, fps: float, sound: Any = False) -> None:
        self.size = look.size
        options = {"movflags": "+faststart"}
        self._out = av.open(f"file:{path}", "w", format="mp4", options=options)
        rate = Fraction(fps).limit_denominator(1001) if 1 <= fps <= 240 else Fraction(25)
        self._video: Any = self._out.add_stream("libx264", rate=rate, options=_VIDEO_OPTIONS)
        self._video.width, self._video.height = look.size
        self._video.pix_fmt = "yuv420p"
        for name, value in look.colours.items():
            setattr(self._video.codec_context, name, value)
        self._video.codec_context.time_base = TIME_BASE
        self._video.codec_context.gop_size = max(1, round(4 * rate))
        self._sound: Any = None
        self._encodes_sound = sound is True
        self._written = 0
        self._resampler: Any = None
        self._last_pts = -1
        if sound is True:
            self._sound = self._out.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        elif sound:
            self._sound = self._out.add_stream_from_template(sound)

    def __enter__(self) -> Movie:
        """Begin."""
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        """Finish the file, or leave it as it is after an error."""
        try:
            if kind is None:
                self._out.mux(self._video.encode(None))
                if self._encodes_sound:
                    self._out.mux(self._sound.encode(None))
        finally:
            self._out.close()

    def show(self, frame: av.VideoFrame, at_s: float) -> None:
        """Encode a frame (of `size`, yuv420p) at a time; one that does not advance is dropped."""
        pts = round(at_s / TIME_BASE)
        if pts <= self._last_pts:
            return
        self._last_pts = frame.pts = pts
        frame.time_base = TIME_BASE
        frame.pict_type = av.video.frame.PictureType.NONE
        self._out.mux(self._video.encode(frame))

    def hear(self, frame: av.AudioFrame, at_s: float, end_s: float) -> None:
        """Encode a block of sound that begins at `at_s`, up to `end_s`.

        What lies before the end of the sound so far is cut off, a gap is filled with silence.
        """
        if self._resampler is None:
            self._resampler = av.AudioResampler("fltp", "stereo", SOUND_RATE)
        frame.pts = None
        start = round(at_s * SOUND_RATE)
        limit = sys.maxsize if math.isinf(end_s) else round(end_s * SOUND_RATE)
        for block in self._resampler.resample(frame):
            samples = block.to_ndarray()
            if abs(start - self._written) <= SOUND_TOLERANCE:
                start = self._written
            self._silence(min(start, limit))
            stop = min(samples.shape[1], max(0, limit - start))
            self._encode(samples[:, max(0, self._written - start) : stop])
            start += samples.shape[1]

    def end_stretch(self, end_s: float) -> None:
        """Fill the sound with silence up to `end_s`; what is heard next has nothing before it."""
        self._resampler = None
        if self._sound is not None:
            self._silence(round(end_s * SOUND_RATE))

    def copy(self, packet: av.Packet, at_s: float) -> None:
        """Pass on a packet of the sound, to be heard at `at_s`."""
        pts = round(at_s / packet.time_base)
        packet.dts = pts + (packet.dts or 0) - (packet.pts or 0) if packet.dts is not None else pts
        packet.pts = pts
        packet.stream = self._sound
        self._out.mux(packet)

    def _silence(self, until: int) -> None:
        while self._written < until:
            self._encode(np.zeros((2, min(SOUND_RATE, until - self._written)), np.float32))

    def _encode(self, samples: np.ndarray) -> None:
        if not samples.shape[1]:
            return
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
        block.sample_rate, block.pts = SOUND_RATE, self._written
        block.time_base = Fraction(1, SOUND_RATE)
        self._written += samples.shape[1]
        self._out.mux(self._sound.encode(block))


def check_target(path: Path, inputs: list[Path]) -> None:
    """Raise `UsageError` unless `path` is an mp4 that is none of the inputs."""
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"{path}: the video is written as mp4; give it a name that ends with .mp4")
    if path.resolve() in [source.resolve() for source in inputs]:
        raise UsageError(f"{path}: would replace the video that it is made from; name another file")


def _seek(container: Any, stream: Any, origin: float, start_s: float) -> None:
    """Go to a key frame at or before a time; MPEG transport streams may need several tries."""
    for back_s in (0.0, *_SEEK_BACK_S, start_s):
        to_s = start_s - back_s
        if to_s <= 0:
            container.seek(int(min(0.0, origin) * av.time_base), backward=True)
            return
        container.seek(int((origin + to_s) * av.time_base), backward=True)
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.pts is not None:
                break
        if packet.pts is not None and packet.pts * packet.time_base - origin <= start_s:
            container.seek(int((origin + to_s) * av.time_base), backward=True)
            return


def _decoded(packet: Any) -> list[Any]:
    try:
        return packet.decode()
    except av.FFmpegError:
        return []


def _between(item: Any, at_s: float, start_s: float, end_s: float) -> bool:
    if isinstance(item, av.AudioFrame):
        length_s = item.samples / item.sample_rate
    else:
        length_s = float((item.duration or 0) * item.time_base)
    if isinstance(item, av.VideoFrame):
        return start_s <= at_s + (length_s or 1 / NOMINAL_FPS) / 2 < end_s
    return start_s <= at_s + length_s and at_s < end_s


def _past(lasts: list[float], end_s: float) -> bool:
    """All streams are past the end, or one so far that the others will not come any more."""
    return min(lasts) >= end_s or max(lasts) >= end_s + _PATIENCE_S


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that set a frame upright."""
    return round(frame.rotation / 90) % 4


def _turned(frame: av.VideoFrame, turns: int) -> av.VideoFrame:
    even = frame.width // 2 * 2, frame.height // 2 * 2
    planes = frame.reformat(*even, format="yuv420p").to_ndarray()
    luma, chroma = _split(planes)
    turned = (np.rot90(luma, turns), *(np.rot90(plane, turns) for plane in chroma))
    joined = np.concatenate([plane.ravel() for plane in turned])
    return av.VideoFrame.from_ndarray(joined.reshape(-1, turned[0].shape[1]), format="yuv420p")


def _split(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give a yuv420p frame's luma ``(h, w)`` and chroma ``(2, h/2, w/2)`` as views."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    return planes[:height], planes[height:].reshape(2, height // 2, width // 2)


def _with_bars(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    width, height = size
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = 16
    top, left = (
        (full - side) // 4
        for full, side in zip(size[::-1], (frame.height, frame.width), strict=True)
    )
    for target, source, scale in zip(
        _split(planes), _split(frame.to_ndarray()), (2, 1), strict=True
    ):
        rows, columns = source.shape[-2:]
        y, x = scale * top, scale * left
        target[..., y : y + rows, x : x + columns] = source
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")
