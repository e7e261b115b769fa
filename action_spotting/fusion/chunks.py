"""Training data: chunks of halves drawn at random, whole batches gathered from disk, targets.

Every batch is a function of the seed, the epoch and its number alone, so that a resumed training
sees what an undisturbed one sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from action_spotting.dataset.feature_types import is_audio
from action_spotting.fusion.half_data import HalfData, read_rows
from action_spotting.fusion.normalisation import Normalisation
from action_spotting.fusion.settings import HeadSettings

CLIP = 5.0
SHIFTED = 0.25
"""Fraction of the chunks whose modalities are shifted."""


Arrays = dict[str, np.ndarray]


class Chunks(NamedTuple):
    """Stretches of halves: which half, first row, number of rows; int arrays ``(n,)``."""

    half: np.ndarray
    start: np.ndarray
    rows: np.ndarray

    def each(self) -> Iterator[tuple[int, int, int]]:
        """Give half, first row and number of rows of one chunk after the other."""
        return zip(self.half.tolist(), self.start.tolist(), self.rows.tolist(), strict=True)


def normalise(
    rows: np.ndarray, mean: np.ndarray, std: np.ndarray, out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Standardise feature rows, clipped to ±5; rows with NaN become 0 and are marked.

    Parameters
    ----------
    rows
        Float32 ``(n, dims)``.
    mean, std
        Float32 ``(dims,)``.
    out
        Where the rows go; None: into a new array.

    Returns
    -------
    ndarray, ndarray
        Float32 ``(n, dims)``, and a bool array ``(n,)`` of the rows that can be used.

    Examples
    --------
    >>> z, usable = normalise(np.array([[3.0], [np.nan]], "f4"), np.ones(1, "f4"), np.ones(1, "f4"))
    >>> z.ravel().tolist(), usable.tolist()
    ([2.0, 0.0], [True, False])
    """
    usable = np.isfinite(rows).all(axis=1)
    scaled = np.subtract(rows, mean, out=out)
    scaled /= std
    scaled[~usable] = 0
    return np.clip(scaled, -CLIP, CLIP, out=scaled), usable


class ChunkSampler:
    """Draws chunks: some anywhere, some at events with every class as likely as the others.

    A chunk lies within its half, and is shorter than the half: a network that sees a half's end
    only where it sees any chunk's end cannot learn where in the half it is.
    """

    def __init__(self, halves: Sequence[HalfData], settings: HeadSettings) -> None:
        self._rows = np.array([half.rows for half in halves])
        self._length = settings.chunk_rows
        self._event_fraction = settings.event_fraction
        self._half = np.repeat(np.arange(len(halves)), [len(half.label) for half in halves])
        self._row = np.concatenate([half.time_s * settings.fps for half in halves]).astype(int)
        self._row = np.clip(self._row, 0, self._rows[self._half] - 1)
        label = np.concatenate([half.label for half in halves])
        self._of_class = [np.flatnonzero(label == c) for c in np.unique(label)]

    def __call__(self, count: int, rng: np.random.Generator) -> Chunks:
        """Draw `count` chunks."""
        half = rng.choice(len(self._rows), count, p=self._rows / self._rows.sum())
        row = rng.integers(0, self._rows[half])
        for i in np.flatnonzero(rng.random(count) < self._event_fraction if self._of_class else []):
            event = rng.choice(self._of_class[rng.integers(len(self._of_class))])
            half[i], row[i] = self._half[event], self._row[event]
        total = self._rows[half]
        short = rng.integers((total + 1) // 2, total + 1)
        rows = np.where(total > self._length, self._length, np.minimum(short, self._length))
        first = np.maximum(0, row - rows + 1)
        return Chunks(half, rng.integers(first, np.minimum(row, total - rows) + 1), rows)


def targets(
    halves: Sequence[HalfData], chunks: Chunks, settings: HeadSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Build a batch's targets from the events; a row's time is its middle.

    Returns
    -------
    confidence
        1 within ``positive_s`` of an event of the class, float32 ``(n, chunk_rows, classes)``.
    displacement
        Seconds from the row to the nearest event, float32, same shape.
    near
        1 where ``displacement`` counts (an event within ``displacement_s``), float32.
    """
    shape = (len(chunks.half), settings.chunk_rows, len(settings.classes))
    radius_s = max(settings.displacement_s, settings.positive_s)
    reach = int(np.ceil(radius_s * settings.fps)) + 1
    distance = np.full(shape, np.inf, dtype=np.float32)
    for i, (h, start, rows) in enumerate(chunks.each()):
        data = halves[h]
        centre = np.floor(data.time_s * settings.fps).astype(int) - start
        seen = np.flatnonzero((centre > -reach) & (centre < rows + reach))
        row = (centre[seen, None] + np.arange(-reach, reach + 1)).ravel()
        event = np.repeat(seen, 2 * reach + 1)
        inside = (row >= 0) & (row < rows)
        row, event = row[inside], event[inside]
        away = data.time_s[event] - (start + row + 0.5) / settings.fps
        order = np.argsort(-np.abs(away), kind="stable")  # of several, the nearest is kept
        distance[i, row[order], data.label[event[order]]] = away[order]
    confidence = (np.abs(distance) <= settings.positive_s).astype(np.float32)
    near = (np.abs(distance) <= settings.displacement_s).astype(np.float32)
    return confidence, np.where(near > 0, distance, 0).astype(np.float32), near


def mask(present: Arrays, settings: HeadSettings, rng: np.random.Generator) -> None:
    """Apply modality dropout and time masking to `present` ``(n, chunk_rows)``, in place.

    Of the chunks that lose modalities, half lose the picture or the sound, with all that is made
    from it, as matches do; the others keep a random number of modalities, and so does a chunk
    that has only one of the two. Mixup partners lose the same, so that a head learns what it is
    to have the sound alone, or the picture.
    """
    names = settings.modalities
    there = np.stack([present[name].any(axis=1) for name in names])
    count, length = present[names[0]].shape

    def drawn(*shape: int) -> np.ndarray:
        """Draw numbers that are the same for mixup partners: a chunk and its mirror image."""
        at = np.arange(count)
        return rng.random((*shape, count))[..., np.minimum(at, at[::-1])]

    thinned = drawn() < settings.modality_dropout
    rank = np.argsort(np.argsort(drawn(len(names)) + ~there, axis=0), axis=0)
    kept = 1 + np.floor(drawn() * np.maximum(1, there.sum(axis=0) - 1))
    sound = np.array([is_audio(name) for name in names])
    medium = sound[:, None] == (drawn() < 0.5)
    both = (there & medium).any(axis=0) & (there & ~medium).any(axis=0)
    dropped = thinned & np.where(both & (drawn() < 0.5), medium, rank >= kept)
    at = np.arange(length)
    for name, drop in zip(names, dropped, strict=True):
        present[name][drop] = 0
        if settings.time_mask_rows:
            start = rng.integers(0, length, (count, 1))
            rows = rng.integers(0, settings.time_mask_rows + 1, (count, 1))
            present[name][(at >= start) & (at < start + rows)] = 0


class Batches:
    """The batches of a training set; ``batches(epoch, number)`` makes one.

    Parameters
    ----------
    halves
        The training halves.
    normalisation, half_means
        What `fit_normalisation` gives.
    settings
        Sizes, seed, augmentation.
    """

    def __init__(
        self,
        halves: Sequence[HalfData],
        normalisation: Normalisation,
        half_means: Mapping[Path, np.ndarray],
        settings: HeadSettings,
    ) -> None:
        self._halves, self._half_means = halves, half_means
        self._normalisation, self._settings = normalisation, settings
        self._draw = ChunkSampler(halves, settings)
        rows = sum(half.rows for half in halves)
        chunks = settings.epoch_chunks or rows // settings.chunk_rows
        self.per_epoch = max(1, chunks // settings.batch_size)

    def __call__(self, epoch: int, number: int) -> dict[str, np.ndarray | Arrays]:
        """Make batch `number` of `epoch`: what ``batch_loss`` of the networks takes."""
        settings = self._settings
        rng = np.random.default_rng((settings.seed, epoch, number))
        chunks = self._draw(settings.batch_size, rng)
        shape = (len(settings.modalities), settings.batch_size)
        shifts = rng.integers(-settings.shift_rows, settings.shift_rows + 1, shape)
        shifts *= rng.random(shape) < SHIFTED
        features, present = self.gather(chunks, shifts)
        mask(present, settings, rng)
        confidence, displacement, near = targets(self._halves, chunks, settings)
        mixed = np.ones(settings.batch_size)
        if settings.mixup:
            mixed = rng.beta(settings.mixup, settings.mixup, settings.batch_size)
        return {
            "features": features,
            "present": present,
            "inside": (np.arange(settings.chunk_rows) < chunks.rows[:, None]).astype(np.float32),
            "confidence": confidence,
            "displacement": displacement,
            "near": near,
            "mixup_lambda": np.maximum(mixed, 1 - mixed).astype(np.float32),
            "seed": rng.integers(0, 2**31 - 1, 2, dtype=np.int32),
        }

    def gather(self, chunks: Chunks, shifts: np.ndarray) -> tuple[Arrays, Arrays]:
        """Read the features of `chunks`; `shifts` ``(modalities, n)`` moves each by some rows.

        Returns
        -------
        dict, dict
            By modality: normalised features, float32 ``(n, chunk_rows, dims)``, 0 where there is
            none; and 1 where there is one, float32 ``(n, chunk_rows)``.
        """
        shape = (len(chunks.half), self._settings.chunk_rows)
        features, present = {}, {}
        for name, moved in zip(self._settings.modalities, shifts.tolist(), strict=True):
            mean, std = self._normalisation.mean[name], self._normalisation.std[name]
            block = np.zeros((*shape, len(std)), dtype=np.float32)
            usable = np.zeros(shape, dtype=np.float32)
            for i, (h, start, rows) in enumerate(chunks.each()):
                data = self._halves[h]
                if path := data.paths.get(name):
                    start = min(max(start + moved[i], 0), data.rows - rows)
                    read = read_rows(data, name, start, start + rows)
                    half_mean = self._half_means.get(path, mean)
                    usable[i, :rows] = normalise(read, half_mean, std, out=block[i, :rows])[1]
            features[name], present[name] = block, usable
        return features, present
