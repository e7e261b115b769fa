"""Mean and spread of each feature over the training halves, in one streaming pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from action_spotting.fusion.games import HalfData, Matches, read_rows

BLOCK_ROWS = 2048


@dataclass(frozen=True)
class Normalisation:
    """``(x - mean) / std`` of each modality; float32 arrays ``(dims,)`` by name."""

    mean: Mapping[str, np.ndarray]
    std: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Moments:
    """Sums over the usable rows of a half's modality, and how many rows are none."""

    count: int
    total: np.ndarray
    square: np.ndarray
    bad_rows: int


def moments(data: HalfData, name: str) -> Moments:
    """Stream one modality of a half: sums and sums of squares, float64 ``(dims,)``."""
    count, total, square = 0, np.zeros(1), np.zeros(1)
    for start in range(0, data.rows, BLOCK_ROWS):
        block = read_rows(data, name, start, min(start + BLOCK_ROWS, data.rows)).astype(np.float64)
        block = block[np.isfinite(block).all(axis=1)]
        count += len(block)
        total = total + block.sum(axis=0)
        square = square + np.square(block).sum(axis=0)
    return Moments(count, total, square, data.rows - count)


def survey(matches: Matches, *, centre: bool) -> tuple[Normalisation, dict[Path, np.ndarray]]:
    """Compute the normalisation of a training set over all usable rows.

    Rows with NaN are counted into the ``warnings`` of `matches`.

    Parameters
    ----------
    matches
        The training halves.
    centre
        Whether each half's own mean is to be subtracted (stadium, light, loudness).

    Returns
    -------
    Normalisation
        Its spread is what is left after centring.
    dict
        Each feature file's own mean, float32 ``(dims,)``; empty unless `centre`.
    """
    mean: dict[str, np.ndarray] = {}
    std: dict[str, np.ndarray] = {}
    own: dict[Path, np.ndarray] = {}
    for name in tqdm(matches.dims, desc="normalise", unit="modality", disable=None):
        count, total, square, level = 0, np.zeros(1), np.zeros(1), np.zeros(1)
        for data in (half for half in matches.halves if name in half.paths):
            found = moments(data, name)
            count += found.count
            total, square = total + found.total, square + found.square
            middle = found.total / max(found.count, 1)
            level = level + found.count * middle**2
            if centre:
                own[data.paths[name]] = middle.astype(np.float32)
            if found.bad_rows:
                matches.warnings[str(data.paths[name])] = (
                    f"{found.bad_rows} of {data.rows} rows hold NaN or infinity; treated as missing"
                )
        together = total / max(count, 1)
        mean[name] = together.astype(np.float32)
        variance = square / max(count, 1) - (level / max(count, 1) if centre else together**2)
        std[name] = np.sqrt(np.maximum(variance, 1e-8)).astype(np.float32)
    return Normalisation(mean, std), own
