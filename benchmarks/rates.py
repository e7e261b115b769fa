"""What features of other rates and widths cost, in one command.

    python benchmarks/rates.py                              training on 8,576 random numbers a row
    python benchmarks/rates.py --data bench --epochs 8      the picture at half its rate, with sound

The first trains a head on made-up features of 8,576 numbers, a row a second, memory-mapped. It
prints chunks a second of the second epoch (validation included), the processor time of a chunk,
which tells what two idle cores would do, and the memory beyond the back end and a head on 8
numbers.
The second takes a set as the head's generator makes it, averages every two rows of the picture, as
a network at one frame a second would give, and trains once with the picture at 2 and once at 1 row
a second beside the sound's 2; a training that is killed goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from action_spotting.dataset.layout import Half, labels_path
from action_spotting.dataset.splits import list_games
from action_spotting.io.tables import table

PICTURE, SLOW, SOUND = "ResNET_TF2_PCA512", "Picture_1fps", ("VGGish", "FFT")
WIDE = "baidu_soccer_embeddings"
HALF_S = 2700


def make_wide(root: Path, games: int, width: int) -> None:
    """Write games of random features, a row a second, with an event a minute."""
    names = [f"game {i}" for i in range(games)]
    for number, game in enumerate(names):
        rng = np.random.default_rng(number)
        (root / game).mkdir(parents=True)
        events = [
            {"gameTime": f"{half} - {m:02d}:00", "label": "Corner", "position": str(60_000 * m)}
            for half in (1, 2)
            for m in range(1, 45)
        ]
        labels = {"UrlLocal": game, "annotations": events}
        labels_path(root, game).write_text(json.dumps(labels), encoding="utf-8")
        for half in (1, 2):
            rows = rng.standard_normal((HALF_S, width), dtype=np.float32)
            np.save(Half(root, game, half).feature(WIDE), rows)
    splits = {"train": names[1:], "valid": names[:1]}
    (root / "splits.json").write_text(json.dumps(splits), encoding="utf-8")


def halve(root: Path) -> None:
    """Average every two rows of the picture of all games."""
    for split in ("train", "valid", "test"):
        for game in list_games(root, split):
            for number in (1, 2):
                half = Half(root, game, number)
                target = half.feature(SLOW)
                if not target.exists():
                    rows = np.load(half.feature(PICTURE))
                    rows = rows[: len(rows) // 2 * 2]
                    np.save(target, (rows[::2] + rows[1::2]) / 2)


def fit(
    root: Path,
    model: Path,
    modalities: tuple[str, ...],
    after_epoch: Callable[[int], None] | None = None,
    **given: Any,
) -> Any:
    """Train a head."""
    from action_spotting.dataset.rates import Rate
    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.settings import make_settings
    from action_spotting.fusion.training import train

    splits = (list_games(root, split) for split in ("train", "valid"))
    score = partial(average_map, metric="tight")
    rates = {SLOW: Rate(1.0, 0.5)} if SLOW in modalities else {}
    settings = make_settings("full", modalities=modalities, **given)
    return train(root, *splits, model, settings, score=score, rates=rates, after_epoch=after_epoch)


def cost(root: Path, model: Path, chunks: int, fps: float) -> None:
    """Print what a chunk of the second epoch takes, and the peak of this process, MiB."""
    marks: list[tuple[float, float]] = []

    def mark(_: int) -> None:
        marks.append((time.monotonic(), time.process_time()))

    fit(root, model, (WIDE,), mark, epochs=2, epoch_chunks=chunks, fps=fps)
    wall_s, cpu_s = (after - before for before, after in zip(*marks, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": chunks / wall_s, "cpu": 1000 * cpu_s / chunks, "peak_mib": peak}))


def wide(games: int, chunks: int) -> None:
    """Print what 8,576 numbers a row cost beyond 8, for heads of one and of two rows a second."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for width in (8, 8576):
            root = Path(folder) / str(width)
            make_wide(root, games, width)
            for fps in (1, 2):
                line = [sys.executable, __file__, "--one", str(root), "--fps", str(fps)]
                line += ["--chunks", str(chunks)]
                done = subprocess.run(line, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(done.stderr)
                found[width, fps] = json.loads(done.stdout.splitlines()[-1])
    rows = [
        [*of, *(f"{x:.1f}" for x in (f["wall"], f["cpu"], 2000 / f["cpu"], f["peak_mib"]))]
        for of, f in found.items()
    ]
    head = ["numbers a row", "head's rows a second", "chunks/s", "CPU ms a chunk"]
    print(table([*head, "chunks/s, two idle cores", "peak, MiB"], rows))
    beyond = found[8576, 2]["peak_mib"] - found[8, 2]["peak_mib"]
    print(f"{beyond:.0f} MiB beyond the back end and a head on 8 numbers")


def mixed(root: Path, work: Path, epochs: int, chunks: int) -> None:
    """Print what is lost where the picture has a row a second and the sound two."""
    from action_spotting.evaluation.evaluate import score_folder
    from action_spotting.fusion.prediction import load_models, predict

    halve(root)
    rows = []
    for name in (PICTURE, SLOW):
        model, out = work / name, work / f"{name} spots"
        if not (model / "model.json").exists():
            fit(root, model, (name, *SOUND), epochs=epochs, epoch_chunks=chunks)
        predict(root, list_games(root, "test"), load_models([model]), out)
        results = score_folder(root, out, split="test").results
        rows.append([name, *(f"{100 * results[m].average_map:.1f}" for m in ("loose", "tight"))])
    print(table([f"with {' and '.join(SOUND)}", "loose", "tight"], rows))


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a set as the generator makes it")
    parser.add_argument("--work", type=Path, default=Path("rates_work"), help="for the heads")
    parser.add_argument("--games", type=int, default=3, help="of the made-up set")
    parser.add_argument("--chunks", type=int, default=320, help="chunks an epoch")
    parser.add_argument("--epochs", type=int, default=8, help="of the heads on --data")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fps", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        cost(args.one, args.one / f"model{args.fps:g}", args.chunks, args.fps)
    elif args.data:
        mixed(args.data, args.work, args.epochs, args.chunks)
    else:
        wide(args.games, args.chunks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
