"""Small media with a known picture and sound at every time, and matches made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.events import Events

GREY_STEP = 16
"""The picture is one grey that grows by this much each second, from 32."""


def grey_at(time_s: float) -> int:
    """The luma of the picture at a time."""
    return 32 + GREY_STEP * int(time_s + 1e-6)


def write_steps(
    path: Path,
    *,
    seconds: float = 6.0,
    times_s: Sequence[float] | None = None,
    fps: int = 25,
    size: tuple[int, int] = (320, 180),
    tone_from_s: float | None = 0.0,
    codecs: tuple[str, str] = ("libx264", "aac"),
) -> Path:
    """Write a video whose grey tells the second, with a tone from `tone_from_s` on."""
    times = [i / fps for i in range(round(seconds * fps))] if times_s is None else times_s
    with av.open(f"file:{path}", "w") as out:
        options = {"preset": "ultrafast", "threads": "1"} if codecs[0] == "libx264" else {}
        video = out.add_stream(codecs[0], rate=fps, options=options)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000) if times_s else Fraction(1, fps)
        sound = None
        if tone_from_s is not None:
            sound = out.add_stream(codecs[1], rate=44100, layout="stereo")
        for time_s in times:
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = grey_at(time_s)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.time_base = video.codec_context.time_base
            frame.pts = round(time_s / frame.time_base)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            n = np.arange(round(seconds * 44100))
            tone = 0.3 * np.sin(2 * np.pi * 440 * n / 44100) * (n >= tone_from_s * 44100)
            for start in range(0, len(tone), 44100):
                block = np.tile(tone[start : start + 44100].astype(np.float32), (2, 1))
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = 44100, start
                out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
    return path


@pytest.fixture(scope="session")
def steps() -> Callable[..., Path]:
    """`write_steps`."""
    return write_steps


@pytest.fixture(scope="session")
def six_seconds(tmp_path_factory) -> Path:
    """Six seconds with sound, 320×180, 25 fps."""
    return write_steps(tmp_path_factory.mktemp("steps") / "1_224p.mkv")


@pytest.fixture(scope="session")
def four_silent_seconds(tmp_path_factory) -> Path:
    """Four seconds without sound, of another size and rate."""
    path = tmp_path_factory.mktemp("steps") / "2_224p.mp4"
    return write_steps(path, seconds=4.0, fps=30, size=(200, 180), tone_from_s=None)


@pytest.fixture(scope="session")
def spots_of() -> Callable[..., Events]:
    """Make `Events` of rows (half, position_ms, label, confidence)."""

    def make(*rows: tuple[int, int, str, float], classes: Sequence[str] = ACTIONS_V2) -> Events:
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
        half, position, label = (
            np.array(column, np.int64)
            for column in (columns[0], columns[1], [list(classes).index(c) for c in columns[2]])
        )
        return Events(half, position, label, np.array(columns[3], float), classes=tuple(classes))

    return make
