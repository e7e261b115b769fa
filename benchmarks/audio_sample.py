"""What the sound features find in the sample matches: whistles, and a head on sound alone.

    python benchmarks/audio_sample.py                    # makes the sample matches first
    python benchmarks/audio_sample.py --sample FOLDER    # a set that `make_sample` has written

Whistles: a row is one when `whistle_share` and `tonal_fraction` are both above a threshold; the
thresholds are chosen on the training matches and judged on the others. Head: trained on FFT alone;
chance is the same predictions against labels moved to another half.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting.audio.extractors import fft_extractor
from action_spotting.audio.fft import COLUMN
from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.events import Events
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.layout import feature_path, labels_path
from action_spotting.dataset.splits import list_games, list_halves
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import jobs_of_halves
from action_spotting.io.files import read_json
from action_spotting.io.tables import table

BEFORE_S, AFTER_S = 0.5, 2.5
"""A detection belongs to a whistle that begins up to 0.5 s after or 2.5 s (blasts) before it."""


def whistles(root: Path, games: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give each half's features and the seconds at which its whistles begin."""
    halves = []
    for game, half in product(games, (1, 2)):
        sounds = read_json(root / game / "cues.json")[str(half)]["sounds"]
        onsets = [s["onset_ms"] / 1000 for s in sounds if s["kind"].startswith("whistle")]
        rows = np.asarray(open_feature(feature_path(root / game, half, "FFT")))
        halves.append((rows, np.array(onsets)))
    return halves


def detect(rows: np.ndarray, share_db: float, fraction: float) -> np.ndarray:
    """Give the seconds at which whistles are heard: rows above both, each run once."""
    loud = rows[:, COLUMN["whistle_share"]] > share_db
    heard = np.flatnonzero(loud & (rows[:, COLUMN["tonal_fraction"]] > fraction))
    return heard[np.diff(heard, prepend=-9) > 1] / 2


def count(halves: list[tuple[np.ndarray, np.ndarray]], share_db: float, fraction: float):
    """Precision and recall over halves."""
    right = found = detected = present = 0
    for rows, onsets in halves:
        times = detect(rows, share_db, fraction)
        late = times[:, None] - onsets[None]
        near = (late >= -BEFORE_S) & (late <= AFTER_S)
        right, detected = right + near.any(axis=1).sum(), detected + len(times)
        found, present = found + near.any(axis=0).sum(), present + len(onsets)
    return right / max(detected, 1), found / max(present, 1), detected, present


def choose(halves: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Choose the thresholds with the best F1."""

    def f1(pair: tuple[float, float]) -> float:
        precision, recall, *_ = count(halves, *pair)
        return 2 * precision * recall / max(precision + recall, 1e-9)

    return max(product(np.arange(-30.0, 0.0, 2.0), np.arange(0.05, 0.9, 0.05)), key=f1)


def head_scores(root: Path, games: dict[str, list[str]], epochs: int | None) -> list[tuple]:
    """Train a head on FFT alone; give loose AP by class, beside chance."""
    from action_spotting.dataset.classes import ACTIONS_V2
    from action_spotting.dataset.event_files import read_predictions
    from action_spotting.dataset.layout import predictions_path
    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.prediction import load_models, predict
    from action_spotting.fusion.settings import make_settings
    from action_spotting.fusion.training import train

    settings = make_settings(
        "small", modalities=("FFT",), classes=ACTIONS_V2, seed=0, epochs=epochs
    )
    score = partial(average_map, metric="tight")
    with tempfile.TemporaryDirectory() as name:
        model, out = Path(name) / "model", Path(name) / "predictions"
        train(root, games["train"], games["valid"], model, settings, score=score)
        judged = games["valid"] + games["test"]
        predict(root, judged, load_models([model]), out)
        spots = [read_predictions(predictions_path(out, game)) for game in judged]
    annotations = [read_labels(labels_path(root, game)) for game in judged]
    real = average_map(annotations, spots, metric="loose")
    chance = average_map(annotations, [elsewhere(s) for s in spots], metric="loose")
    present = real.visible + real.unshown > 0
    rows = [
        (name, f"{real.per_class[i]:.3f}", f"{chance.per_class[i]:.3f}")
        for i, name in enumerate(ACTIONS_V2)
        if present[i]
    ]
    return [*rows, ("all", f"{real.average_map:.3f}", f"{chance.average_map:.3f}")]


def elsewhere(spots: Events) -> Events:
    """Give the same spots in the other half: as many, as sure, at times that mean nothing."""
    return replace(spots, half=3 - spots.half)


def main() -> int:
    """Make or take the sample, extract, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=Path, help="where the sample matches are, or are made")
    parser.add_argument("--epochs", type=int, help="of the head (left out: its preset's)")
    parser.add_argument("--no_head", action="store_true", help="only the whistles")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = options.sample or Path(name)
        if not (root / "splits.json").exists():
            from action_spotting.sample import make_sample

            make_sample(root)
        jobs = jobs_of_halves(list_halves(root), ["FFT"])
        for summary in extract_all({"FFT": fft_extractor}, jobs):
            print(summary, end="\n\n")
        games = {split: list_games(root, split) for split in ("train", "valid", "test")}
        pair = choose(whistles(root, games["train"]))
        rows = []
        for split in ("train", "valid", "test"):
            precision, recall, detected, present = count(whistles(root, games[split]), *pair)
            rows.append((split, present, detected, f"{precision:.3f}", f"{recall:.3f}"))
        print(f"whistles: share over {pair[0]:.0f} dB, tonal fraction over {pair[1]:.2f}")
        print(table(("split", "whistles", "detected", "precision", "recall"), rows))
        if not options.no_head:
            head = head_scores(root, games, options.epochs)
            print("\nhead on FFT alone, average-AP (loose) on valid and test")
            print(table(("class", "AP", "chance"), head))
    return 0


if __name__ == "__main__":
    sys.exit(main())
