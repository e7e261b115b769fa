"""A season in one process: memory, file handles and processes over hundreds of games.

The games are hard links of one short video. Both the sound features (FFT) and the frames are read,
by the same calls as the doors use. From the tenth game on, memory must stay within 20 MB, and no
file handle, thread or process may be left.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from action_spotting.audio.extractors import fft_extractor
from action_spotting.dataset.feature_types import PICTURE
from action_spotting.dataset.layout import Half
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import jobs_of_halves
from action_spotting.visual.frames import FrameOptions
from action_spotting.visual.transforms import square

SETTLED = 10
MEMORY_MB = 20


class FrameMeans:
    """The cheapest feature of frames: their mean colour."""

    width, medium = 3, PICTURE

    def __init__(self, grabber: str = "pyav") -> None:
        self.settings = {"grabber": grabber}
        self.decoding = FrameOptions(grabber=grabber)

    def rows(self, stream, target: Path):
        """Give the means of a half's frames."""
        for frame in stream:
            yield square(frame).mean(axis=(0, 1))[None]


@dataclass
class Count:
    """What a process has."""

    memory_mb: float
    handles: int
    threads: int
    children: int


def count() -> Count:
    """Look at this process."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return Count(
        int(status["VmRSS"].split()[0]) / 1000,
        len(list(Path("/proc/self/fd").iterdir())),
        int(status["Threads"]),
        len(children),
    )


def write_video(path: Path, seconds: float = 2.0) -> None:
    """Write a short video with sound."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 398, 224, "yuv420p"
        sound = out.add_stream("aac", rate=16000, layout="mono")
        for i in range(round(25 * seconds)):
            picture = rng.integers(0, 255, (224, 398, 3), dtype=np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            noise = rng.normal(0, 0.1, (1, 640)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 640 * i
            out.mux(sound.encode(frame))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))


def games_of(root: Path, count: int) -> list[list[Half]]:
    """Make the games' folders, each with two links to one video."""
    write_video(root / "video.mkv")
    games = []
    for i in range(count):
        halves = [Half(root, f"league/season/game {i:03d}", number) for number in (1, 2)]
        halves[0].folder.mkdir(parents=True)
        for half in halves:
            (half.folder / f"{half.number}_224p.mkv").hardlink_to(root / "video.mkv")
        games.append(halves)
    return games


def run(root: Path, games: int) -> list[Count]:
    """Extract all games in one process; what it has after each."""
    makers = {
        "Mean": FrameMeans,
        "MeanCV": partial(FrameMeans, "opencv"),
        "FFT": fft_extractor,
    }
    counts = []
    for halves in games_of(root, games):
        for summary in extract_all(makers, jobs_of_halves(halves, list(makers)), workers=2):
            if summary.failures:
                raise SystemExit(str(summary))
        counts.append(count())
    return counts


def verdict(counts: list[Count]) -> list[str]:
    """Name what grew from the tenth game on."""
    settled = counts[SETTLED - 1 :]
    memory = [c.memory_mb for c in settled]
    found = []
    if max(memory) - memory[0] > MEMORY_MB or memory[0] - min(memory) > MEMORY_MB:
        found.append(
            f"memory goes from {memory[0]:.0f} to {min(memory):.0f} … {max(memory):.0f} MB"
        )
    for name in ("handles", "threads", "children"):
        if getattr(settled[-1], name) > getattr(settled[0], name):
            found.append(f"{name}: {getattr(settled[0], name)} → {getattr(settled[-1], name)}")
    return found
