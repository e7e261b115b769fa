"""How fast sound becomes features, with how much memory, beside the loop it replaces.

    python benchmarks/audio_speed.py                  # 45 minutes; memory at 10 and 90
    python benchmarks/audio_speed.py --minutes 5 --memory_minutes 2 8
    python benchmarks/audio_speed.py --sound match.wav    # of a real match, over and over

Each figure comes from a process of its own. FFT is held to one core, VGGish to two (random
weights: the arithmetic is the same). "Old loop" is the published script's way of working, written
anew: a .wav per half, then for each half-second resampy, a mel matrix, and `predict` on sixty.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.io.wavfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.dataset.media import Clip
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import job_of_clip
from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.io.tables import table

CORES = {"FFT": 1, "VGGish": 2, "old loop": 2, "FFT row by row": 1}
GOALS = {"FFT": 300, "VGGish": 50}
ROOT = Path(__file__).resolve().parents[1]


def make_match(folder: Path, minutes: float, sound: Path | None) -> Path:
    """Make a half as SoccerNet's: 398×224 at 25 fps, stereo AAC at 44.1 kHz."""
    path = folder / f"{minutes:g}.mkv"
    minute = folder / "minute.mkv"
    if not minute.exists():
        rng = np.random.default_rng(0)
        t = np.arange(44100 * 60) / 44100
        crowd = np.cumsum(rng.normal(0, 300, (t.size, 2)), axis=0) * 0.02
        crowd = (crowd - crowd.mean(axis=0)) + rng.normal(0, 900, (t.size, 2))
        crowd += (6000 * np.sin(2 * np.pi * 3600 * t) * (t % 20 < 0.7))[:, None]
        wav = folder / "minute.wav"
        scipy.io.wavfile.write(wav, 44100, crowd.clip(-32768, 32767).astype(np.int16))
        picture = ("-f", "lavfi", "-i", "testsrc=size=398x224:rate=25:duration=60")
        heard = ("-stream_loop", "-1", "-i", sound or wav, "-ac", 2, "-ar", 44100)
        run_ffmpeg(*picture, *heard, "-t", 60, "-preset", "ultrafast", minute)
    run_ffmpeg("-stream_loop", "-1", "-i", minute, "-t", minutes * 60, "-c", "copy", path)
    return path


def run_ffmpeg(*arguments: object) -> None:
    """Run ffmpeg quietly."""
    command = [ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True)


def measure(what: str, media: Path) -> dict[str, float]:
    """Do one measurement in a process of its own, on its number of cores."""
    cores = CORES[what]
    environment = os.environ | {
        "OMP_NUM_THREADS": str(cores),
        "OPENBLAS_NUM_THREADS": str(cores),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, __file__, "--child", what, str(media)]
    result = subprocess.run(
        command, check=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return json.loads(result.stdout)


def child(what: str, media: Path) -> None:
    """Measure, and print seconds and MB as JSON."""
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[: CORES[what]])
    if what in ("VGGish", "old loop"):
        import tensorflow as tf

        tf.constant(1.0)
    base = peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        seconds = WORK[what](media, Path(folder))
    print(json.dumps({"seconds": seconds, "base": base, "peak": peak_mb()}))


def peak_mb() -> float:
    """The most memory this process has had so far (Linux keeps it by process, not by fork)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def fft(media: Path, folder: Path) -> float:
    """The FFT features."""
    from action_spotting.audio.extractors import fft_extractor

    return extraction("FFT", fft_extractor(), media, folder)


def vggish(media: Path, folder: Path) -> float:
    """The VGGish features, the building of the network not counted."""
    from action_spotting.audio.extractors import vggish_extractor

    return extraction("VGGish", vggish_extractor(weights="random"), media, folder)


def extraction(name: str, extractor, media: Path, folder: Path) -> float:
    """One feature of the half, as the command makes it."""
    job = job_of_clip(Clip(media), [name], folder)
    return timed(lambda: extract_all({name: lambda: extractor}, [job], fail_fast=True))


def fft_row_by_row(media: Path, folder: Path) -> float:
    """The same 48 numbers, from a .wav, one half-second at a time in a Python loop."""
    from action_spotting.audio.fft import fft_features

    def loop() -> None:
        run_ffmpeg("-i", media, "-ar", 16000, "-ac", 1, folder / "1.wav")
        _, samples = scipy.io.wavfile.read(folder / "1.wav")
        for begin in range(0, len(samples) - 7999, 8000):
            fft_features(samples[None, begin : begin + 8000] / 32768.0)

    return timed(loop)


def old_loop(media: Path, folder: Path) -> float:
    """VGGish as the published script did it."""
    import resampy

    from action_spotting.audio.vggish import build_network

    model = build_network(frames=46, dense=False)

    def loop() -> None:
        run_ffmpeg("-i", media, folder / "1.wav")
        rate, samples = scipy.io.wavfile.read(folder / "1.wav")
        step = rate // 2
        batch = np.zeros((60, 46, 64, 1))
        for number, begin in enumerate(range(0, len(samples) - step + 1, step)):
            half_second = (samples[begin : begin + step] / 32768.0).mean(axis=1)
            batch[number % 60, :, :, 0] = slow_log_mel(resampy.resample(half_second, rate, 16000))
            if number % 60 == 59:
                model.predict(batch, verbose=0)

    return timed(loop)


def slow_log_mel(sound: np.ndarray) -> np.ndarray:
    """A log-mel patch with everything computed anew, band by band."""
    windows = np.stack([sound[i * 160 : i * 160 + 400] for i in range(46)])
    spectrum = np.abs(
        np.fft.rfft(windows * (0.5 - 0.5 * np.cos(np.arange(400) * np.pi / 200)), 512)
    )
    mels = 1127 * np.log(1 + np.linspace(0, 8000, 257) / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    bands = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        bands.append(
            np.maximum(
                0, np.minimum((mels - low) / (centre - low), (high - mels) / (high - centre))
            )
        )
    return np.log(spectrum @ np.array(bands).T + 0.01)


def timed(work) -> float:
    """Seconds that `work` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


WORK = {"FFT": fft, "VGGish": vggish, "old loop": old_loop, "FFT row by row": fft_row_by_row}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=45, help="length of the half")
    parser.add_argument("--loop_minutes", type=float, default=5, help="length for the old loops")
    parser.add_argument("--memory_minutes", type=float, nargs=2, default=(10, 90), help="lengths")
    parser.add_argument("--sound", type=Path, help="a sound file instead of made sound")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for what in WORK:
            minutes = (
                options.minutes if what in GOALS else min(options.minutes, options.loop_minutes)
            )
            result = measure(what, make_match(folder, minutes, options.sound))
            speed = minutes * 60 / result["seconds"]
            goal = f"1/{GOALS[what]}" if what in GOALS else ""
            rows.append(
                (
                    what,
                    CORES[what],
                    f"{minutes:g}",
                    f"{result['seconds']:.1f}",
                    f"1/{speed:.0f}",
                    goal,
                )
            )
        print(table(("speed", "cores", "minutes", "seconds", "of duration", "goal"), rows))
        rows = []
        for what in GOALS:
            for minutes in options.memory_minutes:
                result = measure(what, make_match(folder, minutes, options.sound))
                above = result["peak"] - result["base"]
                rows.append((what, f"{minutes:g}", f"{result['peak']:.0f}", f"{above:.0f}", "400"))
        print()
        print(table(("peak memory", "minutes", "MB", "above imports", "goal"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
