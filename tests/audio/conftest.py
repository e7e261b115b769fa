"""Sound made on the spot: clicks whose time is known, in the containers that matches come in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile

from action_spotting.io.ffmpeg import ffmpeg_exe


def clicks(seconds: float, rate: int = 44100, channels: int = 1) -> np.ndarray:
    """A click a quarter after every second, over a little noise; int16 ``(n, channels)``."""
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 30, (round(seconds * rate), channels))
    for second in range(int(seconds)):
        begin = round((second + 0.25) * rate)
        sound[begin : begin + rate // 100] += 25_000
    return sound.clip(-32768, 32767).astype(np.int16)


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg quietly."""
    subprocess.run(
        [ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)], check=True, timeout=60
    )


@pytest.fixture
def wav(tmp_path) -> Callable[..., Path]:
    """Write samples as a ``.wav`` of this test."""

    def write(samples: np.ndarray, rate: int = 44100, name: str = "sound.wav") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        scipy.io.wavfile.write(path, rate, samples)
        return path

    return write


@pytest.fixture
def film(tmp_path, wav) -> Callable[..., Path]:
    """Make a video of this test with clicks for sound."""

    def make(
        name: str,
        *options: str,
        picture_s: float = 6,
        sound_s: float = 6,
        late_s: float = 0,
        codec: str = "aac",
    ) -> Path:
        sound = wav(clicks(sound_s), name="clicks.wav")
        picture = f"testsrc=size=64x36:rate=25:duration={picture_s}"
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ffmpeg(
            *("-f", "lavfi", "-i", picture, "-itsoffset", late_s, "-i", sound),
            *("-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast"),
            *("-c:a", codec, *options, path),
        )
        return path

    return make
