"""Back ends of Keras side by side: speed, and how far their numbers lie apart.

    python benchmarks/backends.py                        those that are installed
    python benchmarks/backends.py --only tensorflow jax --frames 64

Each runs in a process of its own, with the same seeded weights and the same inputs. "relative" is
the greatest difference from the first row, as a part of its greatest number; "cosine" is the least
of a row. A whole training on a back end: ``KERAS_BACKEND=jax python benchmarks/head.py``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from action_spotting.backend import BACKENDS, load_backend
from action_spotting.fusion.settings import HeadSettings, make_settings
from action_spotting.io.tables import table

DIMS = {"ResNET_TF2_PCA512": 512, "VGGish": 512, "FFT": 48, "YOLOv5": 64}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    there = [name for name in BACKENDS if importlib.util.find_spec(name)]
    parser.add_argument("--only", nargs="+", choices=there, default=there, help="back ends")
    parser.add_argument("--frames", type=int, default=32, help="through ResNet-152")
    parser.add_argument("--steps", type=int, default=5, help="of a training")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.frames, args.steps)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = [measured(name, Path(folder), args) for name in args.only]
        print(table(HEAD, [row(Path(folder), args.only[0], *found) for found in rows]))


HEAD = (
    *("back end", "ResNet frames/s", "cosine", "relative"),
    *("VGGish x real time", "relative", "chunks/s", "logits relative"),
)


def measured(name: str, folder: Path, args: argparse.Namespace) -> tuple[str, dict[str, float]]:
    """Run this script on a back end."""
    command = [sys.executable, __file__, "--one", str(folder / name)]
    sizes = ["--frames", str(args.frames), "--steps", str(args.steps)]
    environment = {**os.environ, "KERAS_BACKEND": name}
    subprocess.run([*command, *sizes], check=True, env=environment)
    return name, json.loads((folder / f"{name}.json").read_text())


def row(folder: Path, first: str, name: str, speed: dict[str, float]) -> tuple[str, ...]:
    """Compare a back end's numbers with those of the first."""
    want, have = np.load(folder / f"{first}.npz"), np.load(folder / f"{name}.npz")
    apart = {key: np.abs(have[key] - want[key]).max() / np.abs(want[key]).max() for key in want}
    a, b = have["resnet"], want["resnet"]
    cosine = ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min()
    return (
        *(name, f"{speed['resnet']:.1f}", f"{cosine:.7f}", f"{apart['resnet']:.1e}"),
        *(f"{speed['vggish']:.0f}", f"{apart['vggish']:.1e}"),
        *(f"{speed['chunks']:.1f}", f"{apart['logits']:.1e}"),
    )


def one(place: Path, frames: int, steps: int) -> None:
    """Measure in this process; writes speeds and numbers."""
    load_backend()
    from action_spotting.audio import vggish_weights
    from action_spotting.audio.vggish import Network
    from action_spotting.backend import backend_name
    from action_spotting.visual.resnet import ResNetExtractor
    from action_spotting.visual.resnet_network import Settings

    rng = np.random.default_rng(0)
    pictures = smooth_pictures(rng, frames)
    extractor = ResNetExtractor(Settings(weights="random", engine=backend_name(), gpu=None))
    patches = rng.normal(0, 1, (256, 46, 64)).astype(np.float32)
    sound = Network(vggish_weights.load("random", dense=False), frames=46, dense=False)
    resnet, resnet_s = timed(lambda: extractor.features(pictures))
    vggish, vggish_s = timed(lambda: sound(patches))
    logits, chunks = head(steps)
    np.savez(place.with_suffix(".npz"), resnet=resnet, vggish=vggish, logits=logits)
    speed = {"resnet": frames / resnet_s, "vggish": len(patches) / 2 / vggish_s, "chunks": chunks}
    place.with_suffix(".json").write_text(json.dumps(speed))


def smooth_pictures(rng: np.random.Generator, count: int) -> np.ndarray:
    """Make pictures with large areas, ``(count, 224, 224, 3)``."""
    small = rng.integers(0, 256, (count, 14, 14, 3), dtype=np.uint8)
    return small.repeat(16, axis=1).repeat(16, axis=2)


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Call twice; gives what the second call gives, and its seconds."""
    work()
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def head(steps: int) -> tuple[np.ndarray, float]:
    """Give the logits of the ``full`` head with seeded weights, and its chunks/s in training."""
    from action_spotting.fusion.arrays import assign
    from action_spotting.fusion.model import SpottingModel, make_network
    from action_spotting.fusion.normalisation import Normalisation
    from action_spotting.fusion.step import make_optimizer, make_step

    settings = make_settings("full", modalities=tuple(DIMS), fusion="hybrid")
    plain = {name: np.zeros(n, np.float32) for name, n in DIMS.items()}
    scale = {name: mean + 1 for name, mean in plain.items()}
    model, rng = SpottingModel(settings, Normalisation(plain, scale), {}), np.random.default_rng(0)
    shapes = [tuple(variable.shape) for variable in model.network.variables]
    small = [rng.normal(0, 0.05, shape).astype(np.float32) for shape in shapes]
    assign(model.network.variables, small, "")
    features = {n: rng.normal(0, 1, (600, d)).astype(np.float32) for n, d in DIMS.items()}
    logits = model.score_rows(features).logits
    network = make_network(settings, DIMS)
    weight = np.ones(len(settings.classes), np.float32)
    step = make_step(network, make_optimizer(network, settings, 1000), weight)
    batch = made_batch(settings, rng)
    float(step(batch))
    began = time.perf_counter()
    for _ in range(steps):
        loss = step(batch)
    float(loss)
    return logits, steps * settings.batch_size / (time.perf_counter() - began)


def made_batch(settings: HeadSettings, rng: np.random.Generator) -> dict[str, Any]:
    """Make what a step of the training takes."""
    rows = (settings.batch_size, settings.chunk_rows)
    classes = (*rows, len(settings.classes))
    ones = np.ones(rows, np.float32)
    return {
        "features": {n: rng.normal(0, 1, (*rows, d)).astype(np.float32) for n, d in DIMS.items()},
        "present": dict.fromkeys(DIMS, ones),
        "inside": ones,
        "confidence": (rng.random(classes) < 0.01).astype(np.float32),
        "displacement": rng.normal(0, 1, classes).astype(np.float32),
        "near": (rng.random(classes) < 0.02).astype(np.float32),
        "mixup_lambda": np.full(rows[0], 0.8, np.float32),
        "seed": np.array([3, 4], np.int32),
    }


if __name__ == "__main__":
    main()
