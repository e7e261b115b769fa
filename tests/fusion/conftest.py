"""Small matches whose events can be seen in their features."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.events import game_time
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.layout import feature_path, labels_path

FPS = 2.0
SHOWN = ("Goal", "Foul", "Corner")
"""The classes that the small matches have."""

DIMS = {"Picture": 12, "Sound": 6}
SETTINGS = {"fps": FPS, "weights": {"sha256": "abc"}}


def write_match(root: Path, game: str, *, rows: int, seed: int, settings: dict | None = None):
    """Write one match: labels and two modalities, an event every 8 s or so."""
    rng = np.random.default_rng(seed)
    entries = []
    for half in (1, 2):
        times = np.arange(4.0, rows / FPS - 4, 8.0) + rng.uniform(-2, 2)
        kinds = rng.integers(0, len(SHOWN), len(times))
        for time_s, kind in zip(times, kinds, strict=True):
            position = int(1000 * time_s)
            entries.append(
                {
                    "gameTime": game_time(half, position),
                    "label": SHOWN[kind],
                    "position": str(position),
                    "visibility": "visible",
                    "team": "home",
                }
            )
        for m, (name, dims) in enumerate(DIMS.items()):
            look = np.random.default_rng(m).normal(size=(len(SHOWN), dims)) * 3
            values = rng.normal(size=(rows, dims)).astype(np.float32)
            at = (times * FPS).astype(int)
            for step in (-1, 0, 1):
                values[at + step] += look[kinds]
            with write_feature(
                feature_path(root / game, half, name), dims, settings or SETTINGS
            ) as writer:
                writer.append(values)
    path = labels_path(root, game)
    path.write_text(json.dumps({"annotations": entries}), encoding="utf-8")


@pytest.fixture(scope="session")
def matches_at() -> Callable[..., Path]:
    """Give a function that writes small matches below a folder, with their splits."""

    def make(root: Path, counts: Sequence[int] = (3, 1, 1), rows: int = 90) -> Path:
        splits = {}
        for s, (split, count) in enumerate(zip(("train", "valid", "test"), counts, strict=True)):
            splits[split] = [f"league/season/{split} {i}" for i in range(count)]
            for i, game in enumerate(splits[split]):
                write_match(root, game, rows=rows + 4 * i, seed=100 * s + i)
        (root / "splits.json").write_text(json.dumps(splits), encoding="utf-8")
        return root

    return make


@pytest.fixture
def matches(tmp_path: Path, matches_at: Callable[..., Path]) -> Path:
    """Give a dataset folder with small matches."""
    return matches_at(tmp_path / "data")


@pytest.fixture(scope="session")
def classes() -> tuple[str, ...]:
    """Give all classes."""
    return ACTIONS_V2
