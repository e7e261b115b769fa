"""ResNet: what decoding costs beside the bare network, faster precisions, and memory.

    python benchmarks/resnet.py                       speed, all in one run
    python benchmarks/resnet.py --memory              peak memory of 2 and of 45 minutes
    python benchmarks/resnet.py --media match.mkv --frames 640

The weights are seeded random ones of the full network, which costs the same. "whole" is the door's
work from the video file to the feature file; "bare" is the same network on as many frames of the
same shape that lie in memory. Start-up (imports, tracing) is left out of both.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from frames import make_video

from action_spotting.backend import has_bfloat16
from action_spotting.dataset.media import Clip
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import Job
from action_spotting.io.tables import table
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.resnet import ResNetExtractor
from action_spotting.visual.resnet_network import Settings
from action_spotting.visual.transforms import square

MEMORY = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from action_spotting.dataset.media import Clip
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import job_of_clip
from action_spotting.visual.resnet import ResNetExtractor
from action_spotting.visual.resnet_network import Settings
extractor = ResNetExtractor(Settings(weights="random", batch_size={batch}))
{shortcut}
job = job_of_clip(Clip(Path(sys.argv[1])), ["X"], Path(sys.argv[2]))
extract_all({{"X": lambda: extractor}}, [job], fail_fast=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
SHORTCUT = """
# The network runs on the first three batches and its answer is then repeated: memory is the same.
run, answers = extractor._network._run, []
def repeated(batch):
    if len(answers) < 3:
        answers.append(run(batch))
    return answers[-1]
extractor._network._run = repeated
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--media", help="a video (default: one is made)")
    parser.add_argument(
        "--frames", type=int, default=320, help="frames that go through the network"
    )
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--whole_network", action="store_true", help="memory without the shortcut")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (memory if args.memory else speed)(Path(name), args)


def speed(folder: Path, args) -> None:
    """Time bare and whole in turn, for each precision and engine."""
    path = Path(args.media) if args.media else make_video(folder / "a.mkv", args.frames / 2 + 1, 25)
    frames = with_frames(
        Clip(path), FrameOptions(), lambda images: np.array([square(image) for image in images])
    )
    frames = frames[: len(frames) // args.batch_size * args.batch_size]
    wanted = [("tensorflow", "float32"), ("tensorflow", "bfloat16")]
    if importlib.util.find_spec("openvino"):
        wanted += [("openvino", "float32"), ("openvino", "bfloat16")]
    if not has_bfloat16(None):  # it would be emulated, for minutes
        wanted = [pair for pair in wanted if pair[1] == "float32"]
    rows, reference, slowest = [], None, None
    for engine, precision in wanted:
        settings = Settings(
            weights="random", engine=engine, precision=precision, batch_size=args.batch_size
        )
        extractor = ResNetExtractor(settings)
        features = extractor.features(frames)
        reference = features if reference is None else reference
        bare, whole = np.inf, np.inf
        for _ in range(args.repeats):
            bare = min(bare, seconds(partial(extractor.features, frames)) / len(frames))
            whole = min(whole, extraction(extractor, args.batch_size, path, folder))
        slowest = slowest or bare
        rows.append(
            (
                f"{engine} {precision}",
                f"{1 / bare:.1f}",
                f"{1 / whole:.1f}",
                f"{whole / bare:.3f}",
                f"{slowest / bare:.2f}",
                f"{cosine(features, reference):.6f}",
            )
        )
    head = ("", "bare frames/s", "whole frames/s", "whole / bare", "x float32", "least cosine")
    print(table(head, rows))


def extraction(extractor: ResNetExtractor, batch_size: int, path: Path, folder: Path) -> float:
    """Time two halves as the door does them: seconds a frame that went through the network."""
    jobs = [Job(lambda: Clip(path), {folder / f"{i}_X.npy": "X"}) for i in (1, 2)]
    took = seconds(lambda: extract_all({"X": lambda: extractor}, jobs, overwrite=True, workers=2))
    return took / sum(batched(len(np.load(job.name)), batch_size) for job in jobs)


def batched(rows: int, size: int) -> int:
    """Count what the network saw: the last batch is filled up."""
    return -(-rows // size) * size


def seconds(work) -> float:
    """Time a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Give the least cosine between rows of two sets of features."""
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def memory(folder: Path, args) -> None:
    """Measure the peak memory of processes that extract a short and a long half."""
    root = str(Path(__file__).resolve().parents[1])
    shortcut = "" if args.whole_network else SHORTCUT
    code = MEMORY.format(root=root, batch=args.batch_size, shortcut=shortcut)
    rows = []
    for minutes in (2, 45):
        path = make_video(folder / f"{minutes}.mkv", 60 * minutes, 25)
        command = [sys.executable, "-c", code, str(path), str(folder / "1_X.npy")]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append((f"{minutes} min", f"{float(done.stdout):.0f}"))
    print(table(("half", "peak MB"), rows))


if __name__ == "__main__":
    main()
