"""What a published head costs: seconds and memory for a half of 45 minutes, with random variables.

    python benchmarks/published_heads.py

Prints, for a dense-anchor head on 2048 numbers and NetVLAD++ on 512, the seconds that the network
and the picking of spots take for 5,400 rows, of loading, and the most memory beyond what
the back end itself holds. Their time does not depend on what the variables are; the number of spots
that are picked does, and is printed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.backend import backend_name, load_backend

ROWS = 5400
SEED = 0


def memory_mb() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def dense_anchors(folder: Path) -> None:
    """Write a dense-anchor head with random variables."""
    from action_spotting.fusion.published.dense_anchors import (
        CONFIDENCE,
        DISPLACEMENT,
        DenseAnchors,
    )
    from action_spotting.fusion.published.model import PublishedModel, save_published
    from action_spotting.fusion.published.settings import PublishedSettings

    rng = np.random.default_rng(SEED)
    arrays = {"scale": np.full(2048, 10, np.float32)}
    for output in (CONFIDENCE, DISPLACEMENT):
        for name, shape in DenseAnchors(2048, 17, output).shapes().items():
            spread = np.prod(shape[:-1], initial=1.0) ** -0.5
            arrays[f"{output}/{name}"] = (spread * rng.normal(size=shape)).astype(np.float32)
    settings = PublishedSettings(
        head="dense_anchors",
        modality="ResNET_TF2",
        nms_window_s=4.0,
        soft_nms=True,
        moves=True,
        floor=1e-5,
    )
    save_published(folder, PublishedModel(settings, arrays, "random"))


def netvladpp(folder: Path) -> None:
    """Write a NetVLAD++ head with random variables."""
    from action_spotting.fusion.published.model import PublishedModel, save_published
    from action_spotting.fusion.published.settings import PublishedSettings

    rng = np.random.default_rng(SEED)
    shapes = {"classify/kernel": (32_768, 17), "classify/bias": (17,)}
    for part in (0, 1):
        shapes |= {f"pool{part}/assign": (512, 32), f"pool{part}/centres": (32, 512)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    settings = PublishedSettings(
        head="netvlad",
        modality="ResNET_TF2_PCA512",
        nms_window_s=15.0,
        chunk_rows=30,
        parts=2,
        lost_rows=1,
    )
    save_published(folder, PublishedModel(settings, arrays, "random"))


HEADS = {"dense anchors": dense_anchors, "NetVLAD++": netvladpp}


def measure(folder: Path, rows: int) -> str:
    """Load a head, spot two halves, and word what the second took."""
    from action_spotting.fusion.published.model import load_published

    before, start = memory_mb(), time.perf_counter()
    model = load_published(folder)
    loaded_s = time.perf_counter() - start
    features = {model.settings.modality: np.zeros((rows, model.width), np.float32)}
    features[model.settings.modality][:] = np.random.default_rng(SEED).gamma(0.6, 1, model.width)
    features[model.settings.modality] *= np.linspace(0, 2, rows, dtype=np.float32)[:, None]
    times = []
    for _ in range(2):
        start = time.perf_counter()
        scores = model.score_rows(features)
        middle = time.perf_counter()
        peaks = model.peaks(scores)
        times.append((middle - start, time.perf_counter() - middle))
    (first, _), (network, picking) = times
    return (
        f"loading {loaded_s:.1f} s; network {first:.1f} s, compiled {network:.1f} s; picking "
        f"{picking:.1f} s ({len(peaks)} spots); memory {memory_mb() - before:.0f} MB more"
    )


def main() -> None:
    """Measure the heads, each in a process of its own."""
    import subprocess

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--head", choices=HEADS, help="only this one, in this process")
    args = parser.parse_args()
    if not args.head:
        for name in HEADS:
            line = [sys.executable, __file__, "--head", name, "--rows", str(args.rows)]
            subprocess.run(line, check=True)
        return
    load_backend()
    import keras

    keras.ops.convert_to_numpy(keras.ops.ones((8, 8)) @ keras.ops.ones((8, 8)))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", MAKE.format(name=args.head, folder=folder)]
        subprocess.run(command, check=True, cwd=Path(__file__).parent)
        text = measure(Path(folder), args.rows)
    print(f"{args.head}, {args.rows} rows, {backend_name()}: {text}")


MAKE = """
import published_heads as p
from pathlib import Path
p.load_backend()
p.HEADS["{name}"](Path("{folder}"))
"""

if __name__ == "__main__":
    main()
