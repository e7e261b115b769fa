"""One GPU, in under eight minutes: decoding, the network, both as the command runs them, training.

    KERAS_BACKEND=jax python benchmarks/gpu.py                      a GPU, videos are made
    KERAS_BACKEND=jax python benchmarks/gpu.py --media a.mkv b.mkv  videos of your own
    python benchmarks/gpu.py --seconds 8 --halves 2                 a trial on a processor

Weights are seeded random ones of the full networks, which cost the same. "decoding" reads the
videos with as many threads as the command does, "network" runs on frames that lie in memory,
"whole" is the command's own way from video to feature files, and "part" what it reaches of the
slower of the two. "relative" is the greatest difference from the CPU's float32 features.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from backends import head, smooth_pictures
from frames import make_video

from action_spotting.backend import backend_name, gpus, load_backend
from action_spotting.dataset.media import Clip
from action_spotting.extraction.driver import default_workers, extract_all
from action_spotting.extraction.job import job_of_clip
from action_spotting.io.tables import table
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.resnet import ResNetExtractor
from action_spotting.visual.resnet_network import Settings
from action_spotting.visual.transforms import square

HEAD = ("precision", "device", "batch", "decoding /s", "network /s", "whole /s", "part", "relative")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--media", nargs="+", type=Path, help="videos (default: LQ ones are made)")
    parser.add_argument("--seconds", type=float, default=600, help="length of the videos made")
    parser.add_argument("--halves", type=int, default=16, help="videos made")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--workers", type=int, default=default_workers(), help="halves at once")
    parser.add_argument("--steps", type=int, default=20, help="of the training")
    args = parser.parse_args()
    load_backend()
    print(f"Keras on {backend_name()}; {', '.join(gpu.name for gpu in gpus()) or 'no GPU'}")
    print(f"{os.cpu_count()} cores, {args.workers} halves at once", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        media = args.media or made(folder, args.halves, args.seconds)
        decoding = decoded_per_s(media, args.workers)
        reference = reference_features()
        rows = [
            measure(precision, media, folder / precision, decoding, reference, args.workers)
            for precision in args.precisions
        ]
    print(table(HEAD, rows), flush=True)
    print(f"training, preset full: {head(args.steps)[1]:.0f} chunks/s")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def made(folder: Path, count: int, seconds: float) -> list[Path]:
    """Make one video, under as many names as there are halves."""
    first = make_video(folder / "0.mkv", seconds, 25)
    others = [folder / f"{i}.mkv" for i in range(1, count)]
    for path in others:
        path.hardlink_to(first)
    return [first, *others]


def decoded_per_s(media: list[Path], workers: int) -> float:
    """Decode all videos and scale their frames, `workers` at a time; frames a second."""

    def count(path: Path) -> int:
        return with_frames(
            Clip(path), FrameOptions(), lambda images: sum(1 for _ in squares(images))
        )

    def squares(images):
        return (square(image, "crop") for image in images)

    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        frames = sum(pool.map(count, media))
    return frames / (time.perf_counter() - began)


def reference_features() -> np.ndarray:
    """Give the features of eight pictures by the CPU, in float32."""
    settings = Settings(weights="random", gpu=None if not gpus() else -1, engine="auto")
    if backend_name() == "tensorflow" and gpus():  # which runs on one kind of device only
        settings = Settings(weights="random", engine="openvino")
    return ResNetExtractor(settings).features(smooth_pictures(np.random.default_rng(0), 8))


def measure(
    precision: str,
    media: list[Path],
    folder: Path,
    decoding: float,
    reference: np.ndarray,
    workers: int,
) -> tuple[str, ...]:
    """Measure network and whole."""
    extractor = ResNetExtractor(Settings(weights="random", precision=precision, gpu=None))
    size = extractor._network.batch_size
    pictures = smooth_pictures(np.random.default_rng(0), max(8, 4 * size))
    found = extractor.features(pictures[:8])
    extractor.features(pictures[: 2 * size])
    network = len(pictures) / seconds(partial(in_flight, extractor, pictures, folder))
    jobs = [job_of_clip(Clip(path), ["X"], folder / path.stem) for path in media]
    took = seconds(lambda: extract_all({"X": lambda: extractor}, jobs, workers=workers))
    whole = sum(len(np.load(job.name, mmap_mode="r")) for job in jobs) / took
    apart = np.abs(found - reference).max() / np.abs(reference).max()
    speeds = (f"{value:.0f}" for value in (decoding, network, whole))
    part = f"{whole / min(decoding, network):.2f}"
    return (precision, extractor.device, str(size), *speeds, part, f"{apart:.1e}")


def in_flight(extractor: ResNetExtractor, pictures: np.ndarray, folder: Path) -> None:
    """Run pictures in memory as those of a half."""
    for _ in extractor.rows(iter(pictures), folder):
        pass


def seconds(work) -> float:
    """Time a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
