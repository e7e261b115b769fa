"""Sets of games written to disk, for the tests of scoring."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import LABEL_FILES


def _write_set(root: Path, games, *, version=2, prediction_file="results_spotting.json"):
    """Write ``[(label entries, prediction entries)]`` as two folders; give them and the games."""
    labels, predictions, names = root / "labels", root / "predictions", []
    for i, (events, spots) in enumerate(games):
        names.append(f"league/2020-2021/game {i}")
        for side, file, content in (
            (labels, LABEL_FILES[version], {"annotations": events}),
            (predictions, prediction_file, {"predictions": spots}),
        ):
            path = side / names[-1] / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")
    return labels, predictions, names


def _zip_folder(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.json")):
            archive.write(path, path.relative_to(folder).as_posix())
    return target


def _random_games(seed: int, games: int, labels: int, spots: int, classes: int = 17):
    """Random labels and spots in the first ten minutes of each half, as arrays."""
    rng = np.random.default_rng(seed)

    def columns(n):
        return (rng.integers(1, 3, n), rng.integers(0, 600_000, n), rng.integers(0, classes, n))

    truth = [Events(*columns(labels), visible=rng.random(labels) < 0.7) for _ in range(games)]
    found = [Events(*columns(spots), rng.random(spots).round(2)) for _ in range(games)]
    return truth, found


@pytest.fixture(scope="session")
def write_set():
    return _write_set


@pytest.fixture(scope="session")
def zip_folder():
    return _zip_folder


@pytest.fixture(scope="session")
def random_games():
    return _random_games
