"""Reel and overlay: speed beside a plain ffmpeg transcode, and peak memory at two lengths.

    python benchmarks/export_video.py [--video FILE] [--seconds 60]

Without a file a moving 1280×720 test picture with a tone is made. The transcode does the same work
but for the captions: decode, H.264 at the same settings, sound copied.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.dataset.events import Events
from action_spotting.dataset.media import Clip, ffmpeg_exe, probe
from action_spotting.export.match import Match, Window, build_match
from action_spotting.export.overlay import overlay
from action_spotting.export.reel import highlights
from action_spotting.io.tables import table

SPOT_EVERY_S = 15


def make_video(path: Path, seconds: float) -> Path:
    """Make a 720p test picture at 25 fps with a tone."""
    picture = f"testsrc2=size=1280x720:rate=25:duration={seconds}"
    tone = f"sine=frequency=440:duration={seconds}"
    command = [ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
    options = ["-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac"]
    subprocess.run([*command, *options, str(path)], check=True)
    return path


def match_of(video: Path) -> Match:
    """A match of one half with a spot every quarter of a minute."""
    position = np.arange(5, max(6, int(probe(video).duration_s)), SPOT_EVERY_S) * 1000
    n = len(position)
    spots = Events(np.ones(n, int), position, np.arange(n) % 17, np.linspace(0.9, 0.6, n))
    return build_match("benchmark", spots, {1: Clip(video)})


def work(kind: str, video: Path, out: Path) -> float:
    """Do one piece of work; give the seconds it took."""
    began = time.perf_counter()
    if kind == "transcode":
        command = [ffmpeg_exe(), "-v", "error", "-y", "-i", f"file:{video}", "-c:v", "libx264"]
        options = ["-preset", "veryfast", "-crf", "21", "-g", "100", "-c:a", "copy"]
        subprocess.run([*command, *options, f"file:{out}"], check=True)
    elif kind == "overlay":
        overlay(match_of(video), out)
    else:
        highlights(match_of(video), out, top=100, window=Window(SPOT_EVERY_S, SPOT_EVERY_S))
    return time.perf_counter() - began


def measured(kind: str, video: Path, out: Path, queue: multiprocessing.Queue) -> None:
    """Run in a process of its own; put seconds and this process's peak in MiB."""
    seconds = work(kind, video, out)
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def row(kind: str, video: Path, out: Path, base_s: float | None) -> tuple[list[str], float]:
    """Measure one line of the table."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=measured, args=(kind, video, out, queue))
    process.start()
    seconds, peak = queue.get()
    process.join()
    length = probe(video).duration_s
    ratio = seconds / (base_s or seconds)
    memory = "-" if kind == "transcode" else f"{peak:.0f}"
    cells = [kind, f"{length:.0f}", f"{seconds:.1f}", f"{length / seconds:.1f}", f"{ratio:.2f}"]
    return [*cells, memory], seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--video", type=Path, help="an own video instead of the test picture")
    parser.add_argument("--seconds", type=float, default=60, help="length of the test picture")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lengths = (options.seconds, 4 * options.seconds)
        videos = [options.video] if options.video else []
        videos = videos or [make_video(folder / f"{i}.mkv", s) for i, s in enumerate(lengths)]
        for video in videos:
            base = None
            for kind in ("transcode", "overlay", "reel"):
                cells, seconds = row(kind, video, folder / "out.mp4", base)
                base = base or seconds
                rows.append(cells)
    header = ["work", "video s", "seconds", "x real time", "/ transcode", "peak MiB"]
    print(table(header, rows))


if __name__ == "__main__":
    main()
