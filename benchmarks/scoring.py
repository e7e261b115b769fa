"""How long scoring takes, beside the official function, in one run.

    python benchmarks/scoring.py                        # 100 games, 2,000 and 20,000 spots a game
    python benchmarks/scoring.py --spots 2000 --games 20

The sets are generated: 220 labels a game, the spots spread evenly over time and classes. The
official function takes minutes on the larger one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from SoccerNet.Evaluation import ActionSpotting as official
from SoccerNet.utils import getListGames

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.events import game_time
from action_spotting.dataset.layout import LABEL_FILES, PREDICTION_FILES
from action_spotting.evaluation.evaluate import score_folder
from action_spotting.evaluation.game_set import load_set
from action_spotting.evaluation.scoring import average_map
from action_spotting.io.tables import table

HALF_MS = 47 * 60 * 1000
LABELS = 220
DOOR = Path(__file__).resolve().parents[1] / "Evaluation" / "EvaluateSpotting.py"


def write_set(root: Path, games: list[str], spots: int) -> tuple[Path, Path]:
    """Write random labels and predictions of `games`."""
    rng = np.random.default_rng(0)
    for game in games:
        labels = _entries(rng, LABELS)
        for label, visible in zip(labels, rng.random(LABELS) < 0.8, strict=True):
            label["visibility"] = "visible" if visible else "not shown"
        found = _entries(rng, spots)
        for spot, confidence in zip(found, rng.random(spots), strict=True):
            spot["half"], spot["confidence"] = spot["gameTime"][0], f"{confidence:.6f}"
        _write(root / "labels" / game / LABEL_FILES[2], {"annotations": labels})
        _write(root / "results" / game / PREDICTION_FILES[2], {"predictions": found})
    return root / "labels", root / "results"


def compare(labels: Path, results: Path, games: list[str], spots: int) -> list[list[str]]:
    """Time the steps on both sides; rows of a table."""
    official.getListGames = lambda **_: games
    official.tqdm = lambda items: items
    scorer, steps = official.average_mAP, []

    def timed_scorer(*given: Any, **settings: Any) -> Any:
        seconds, result = _timed(lambda: scorer(*given, **settings))
        steps.append(seconds)
        return result

    official.average_mAP = timed_scorer
    theirs, expected = _timed(
        lambda: official.evaluate(
            str(labels), str(results), prediction_file=PREDICTION_FILES[2], metric="loose"
        )
    )
    official.average_mAP = scorer
    ours, evaluation = _best(lambda: score_folder(labels, results, metrics=["loose"], partial=True))
    assert abs(evaluation.results["loose"].average_map - expected["a_mAP"]) < 1e-9
    read = load_set(labels, results, partial=True)
    step, _ = _best(lambda: average_map(read.labels, read.spots, metric="loose"))
    tight, _ = _best(lambda: average_map(read.labels, read.spots, metric="tight"))
    command = [sys.executable, str(DOOR), "--SoccerNet_path", str(labels)]
    command += ["--Predictions_path", str(results), "--partial"]
    door, _ = _best(lambda: subprocess.run(command, capture_output=True, check=True))
    return [
        _row(spots, "files to result, loose", ours, theirs),
        _row(spots, "arrays to result, loose", step, steps[0]),
        _row(spots, "arrays to result, tight", tight),
        _row(spots, "the door, start to table", door),
    ]


def _entries(rng: np.random.Generator, number: int) -> list[dict[str, str]]:
    half, position = rng.integers(1, 3, number), rng.integers(0, HALF_MS, number)
    label = rng.integers(0, len(ACTIONS_V2), number)
    order = np.lexsort((label, position, half))
    return [
        {
            "gameTime": game_time(int(half[i]), int(position[i])),
            "label": ACTIONS_V2[label[i]],
            "position": str(position[i]),
        }
        for i in order
    ]


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _best(work: Callable[[], Any], runs: int = 3) -> tuple[float, Any]:
    """The shortest of a few runs."""
    return min((_timed(work) for _ in range(runs)), key=lambda pair: pair[0])


def _row(spots: int, what: str, ours: float, theirs: float | None = None) -> list[str]:
    times = [f"{theirs:.2f}", f"{theirs / ours:.0f}x"] if theirs else ["", ""]
    return [what, str(spots), f"{ours:.3f}", *times]


def main() -> None:
    """Generate, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--spots", type=int, nargs="+", default=[2000, 20_000], help="a game")
    options = parser.parse_args()
    games = getListGames("test")[: options.games]
    rows = []
    for spots in options.spots:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(*write_set(Path(folder), games, spots), games, spots)
    print(table([f"{len(games)} games", "spots", "ours, s", "official, s", "ratio"], rows))


if __name__ == "__main__":
    main()
