"""Fixtures that several rooms use: small media made on the spot, and game folders."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import numpy as np
import pytest

# In the background of a script the tests are started with Ctrl-C ignored, which the processes
# that tests interrupt would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def write_video(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 25,
    size: tuple[int, int] = (398, 224),
    sound: bool = True,
) -> Path:
    """Write an H.264 video of moving noise, with a 440 Hz tone when `sound`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "threads": "1"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        for i in range(round(seconds * fps)):
            picture = np.roll(ground, i, axis=1) // 8 * 8
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
        if audio:
            n = round(seconds * 16000)
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(n) / 16000, dtype=np.float32)
            for start in range(0, n, 1024):
                block = tone[None, start : start + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16000, start
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def tone_video(tmp_path_factory) -> Path:
    """A 2 s, 398×224, 25 fps video with a tone."""
    return write_video(tmp_path_factory.mktemp("media") / "tone.mkv")


@pytest.fixture(scope="session")
def silent_video(tmp_path_factory) -> Path:
    """A 2 s video without a sound track."""
    return write_video(tmp_path_factory.mktemp("media") / "silent.mp4", sound=False)


def pytest_collection_modifyitems(items) -> None:
    """Keep a file's tests together when several processes share the work: they share fixtures."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.as_posix()))
