"""Mean and spread of each feature over the training halves, in one streaming pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_spotting.dataset.features import open_feature
from action_spotting.fusion.half_data import HalfData, read_rows
from action_spotting.io.progress import Progress

BLOCK_ROWS = 2048
BLOCK_NUMBERS = 2**22
"""Of a block, so that one of wide rows takes no more memory."""


@dataclass(frozen=True)
class Normalisation:
    """``(x - mean) / std`` of each modality; float32 arrays ``(dims,)`` by name."""

    mean: Mapping[str, np.ndarray]
    std: Mapping[str, np.ndarray]


def fit_normalisation(
    halves: Sequence[HalfData], modalities: Collection[str], *, subtract_half_mean: bool
) -> tuple[Normalisation, dict[Path, np.ndarray], dict[str, str]]:
    """Compute the normalisation of a training set over all usable rows.

    Parameters
    ----------
    halves
        The training halves.
    modalities
        Names of their features.
    subtract_half_mean
        Whether each half's own mean is to be subtracted (stadium, light, loudness).

    Returns
    -------
    Normalisation
        Its spread is what is left when the halves' means are subtracted.
    dict
        Each feature file's own mean, float32 ``(dims,)``; empty unless `subtract_half_mean`.
    dict
        Warnings by feature file: rows that hold NaN or infinity.
    """
    mean: dict[str, np.ndarray] = {}
    std: dict[str, np.ndarray] = {}
    half_means: dict[Path, np.ndarray] = {}
    warnings: dict[str, str] = {}
    for name in Progress(len(modalities), "normalise", "modality", iterable=modalities):
        count, total, square, between = 0, np.zeros(1), np.zeros(1), np.zeros(1)
        for data in (half for half in halves if name in half.paths):
            path = data.paths[name]
            rows, sums, squares = _sums(data, name)
            count, total, square = count + rows, total + sums, square + squares
            half_mean = sums / max(rows, 1)
            between = between + rows * half_mean**2
            if subtract_half_mean:
                half_means[path] = half_mean.astype(np.float32)
            if rows < data.rows:
                bad = f"{data.rows - rows} of {data.rows} rows hold NaN or infinity"
                warnings[str(path)] = f"{bad}; treated as missing"
        overall = total / max(count, 1)
        mean[name] = overall.astype(np.float32)
        subtracted = between / max(count, 1) if subtract_half_mean else overall**2
        variance = square / max(count, 1) - subtracted
        std[name] = np.sqrt(np.maximum(variance, 1e-8)).astype(np.float32)
    return Normalisation(mean, std), half_means, warnings


def _sums(data: HalfData, name: str) -> tuple[int, np.ndarray, np.ndarray]:
    """Stream one modality of a half: usable rows, their sum and sum of squares ``(dims,)``."""
    count, total, square = 0, np.zeros(1), np.zeros(1)
    step = min(BLOCK_ROWS, max(1, BLOCK_NUMBERS // open_feature(data.paths[name]).shape[1]))
    for start in range(0, data.rows, step):
        block = read_rows(data, name, start, min(start + step, data.rows)).astype(np.float64)
        block = block[np.isfinite(block).all(axis=1)]
        count += len(block)
        total = total + block.sum(axis=0)
        square = square + np.square(block).sum(axis=0)
    return count, total, square
