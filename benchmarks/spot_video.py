"""The features of a match half, picture and sound side by side, beside the bare networks.

    python benchmarks/spot_video.py
    python benchmarks/spot_video.py --media clip_720p.mp4 --seconds 60 --yolov5_weights yolov5m.onnx

"bare" is a network alone on the same frames (or half-seconds of sound), which lie in memory in
batches of the same size. "whole" is all that `Models/SpotVideo.py` does from the video to the four
feature files of a half; "one by one" is the same files made by one extractor after another. The
weights of ResNet-152 and VGGish are seeded random ones, which cost the same; the detector is the
sample matches' small stand-in unless a YOLOv5 export is named. Start-up (imports, building and
first call of the networks) is left out of all. A video given with --media is repeated or cut to
--seconds without encoding it anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from action_spotting.audio.mel import log_mel
from action_spotting.audio.vggish import FRAMES
from action_spotting.audio.waveform import Waveform
from action_spotting.backend import load_backend
from action_spotting.cli import command
from action_spotting.dataset.media import Clip, probe
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import job_of_clip
from action_spotting.extraction.registry import Pretrained, make_extractor
from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.io.tables import table
from action_spotting.visual.batches import batches
from action_spotting.visual.detector import Detector, DetectorSettings, letterbox
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.transforms import square

FEATURES = ("ResNET_TF2", "YOLOv5", "VGGish", "FFT")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = command.parser(str(__doc__), "python benchmarks/spot_video.py --seconds 60")
    parser.add_argument("--media", type=Path, help="a video (default: a 720p one is made)")
    parser.add_argument("--seconds", type=float, default=60, help="length of the half")
    parser.add_argument("--yolov5_weights", type=Path, help="an ONNX export")
    parser.add_argument("--repeats", type=int, default=2, help="the best time of so many counts")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = repeated(args.media, folder, args.seconds) if args.media else made(folder, args)
        detector = args.yolov5_weights or stand_in(folder)
        print(measure(Clip(path), detector, folder, args.repeats))
    return 0


def made(folder: Path, args) -> Path:
    """Make a 720p video at 25 fps with sound."""
    path = folder / "made.mkv"
    picture = f"testsrc2=size=1280x720:rate=25:duration={args.seconds},noise=alls=6:allf=t"
    tone = f"anoisesrc=amplitude=0.2:duration={args.seconds}"
    run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-b:v", "4M", "-c:a", "aac", path)
    return path


def repeated(media: Path, folder: Path, seconds: float) -> Path:
    """Repeat or cut a video to a length."""
    path = folder / "repeated.mkv"
    run("-stream_loop", "-1", "-i", f"file:{media}", "-t", str(seconds), "-c", "copy", path)
    return path


def run(*options: str | Path) -> None:
    """Run ffmpeg."""
    subprocess.run([ffmpeg_exe(), "-v", "error", "-y", *map(str, options)], check=True)


def stand_in(folder: Path) -> Path:
    """Make the sample matches' detector."""
    from action_spotting.sample import write_detector

    return write_detector(folder / "standin.onnx")


def measure(clip: Clip, detector: Path, folder: Path, repeats: int) -> str:
    """Measure all in turn; gives the table."""
    load_backend()
    pretrained = Pretrained("random", "random", detector)
    extractors = {name: make_extractor(name, pretrained) for name in FEATURES}
    tasks = bare_networks(clip, extractors, detector)
    networks = list(tasks)
    tasks["picture decoded"] = lambda: with_frames(clip, FrameOptions(), exhaust)
    tasks["sound decoded"] = lambda: exhaust(Waveform(clip).blocks())

    def extract(*names: str) -> None:
        makers = {name: partial(extractors.__getitem__, name) for name in names}
        extract_all(makers, [job_of_clip(clip, names, folder)], overwrite=True, fail_fast=True)

    tasks["FFT alone"] = lambda: extract("FFT")
    tasks["whole"] = lambda: extract(*FEATURES)
    tasks["one by one"] = lambda: [extract(name) for name in FEATURES]
    for task in tasks.values():
        task()
    best = dict.fromkeys(tasks, np.inf)
    for _ in range(repeats):
        for name, task in tasks.items():
            best[name] = min(best[name], seconds(task))
    slowest, all_networks = max(best[n] for n in networks), sum(best[n] for n in networks)
    rows = [
        [name, f"{took:.2f}", f"{took / slowest:.2f}", f"{took / all_networks:.2f}"]
        for name, took in best.items()
    ]
    found = probe(clip.path)
    media = f"{found.width}x{found.height}, {found.fps:.5g} fps, {found.duration_s:.0f} s"
    head = ["", "seconds", "/ slowest network", "/ all networks"]
    return f"{media}, {os.cpu_count()} cores\n\n{table(head, rows)}"


def bare_networks(clip: Clip, extractors, detector: Path) -> dict[str, Callable[[], object]]:
    """Lay the inputs of each network ready in memory; gives what runs it on them."""
    resnet, vggish = extractors["ResNET_TF2"], extractors["VGGish"]
    find = Detector(DetectorSettings(detector))

    def lay_out(frames) -> tuple[np.ndarray, np.ndarray]:
        pairs = [(square(frame), letterbox(frame, find.side)) for frame in frames]
        return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])

    squares, boxed = with_frames(clip, FrameOptions(), lay_out)
    full = [batch.copy() for batch, _ in batches(boxed, find.batch_size)]
    patches = np.concatenate([log_mel(block, FRAMES) for block in Waveform(clip).blocks()])
    return {
        "bare ResNet-152": lambda: resnet.features(squares),
        "bare detector": lambda: [find(batch) for batch in full],
        "bare VGGish": lambda: vggish._variant._network(patches),
    }


def exhaust(items) -> None:
    """Take all items and drop them."""
    for _ in items:
        pass


def seconds(task: Callable[[], object]) -> float:
    """Time a call."""
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


if __name__ == "__main__":
    command.run(main)
