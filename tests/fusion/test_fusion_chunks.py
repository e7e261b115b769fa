"""Chunks, targets and batches of the training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.layout import Half
from action_spotting.fusion.chunks import (
    Batches,
    Chunks,
    ChunkSampler,
    mask,
    normalise,
    targets,
)
from action_spotting.fusion.half_data import HalfData
from action_spotting.fusion.normalisation import fit_normalisation
from action_spotting.fusion.settings import make_settings
from action_spotting.fusion.split_data import open_split

NAMES = ("Picture", "Sound")
SMALL = make_settings("small", modalities=NAMES, chunk_rows=32, batch_size=4, epoch_chunks=8)


def half_with(rows: int, times: list[float], labels: list[int]) -> HalfData:
    return HalfData(Half(Path(), "game", 1), rows, {}, np.array(times), np.array(labels, int))


def fitted(data, *, subtract_half_mean=True):
    return fit_normalisation(data.halves, NAMES, subtract_half_mean=subtract_half_mean)


def slow_targets(half, start, rows, settings):
    """The definition, row by row and event by event."""
    shape = (settings.chunk_rows, len(settings.classes))
    away = np.full(shape, np.inf)
    for r in range(rows):
        for time_s, label in zip(half.time_s, half.label, strict=True):
            d = time_s - (start + r + 0.5) / settings.fps
            if abs(d) < abs(away[r, label]):
                away[r, label] = d
    near = np.abs(away) <= settings.displacement_s
    return np.abs(away) <= settings.positive_s, np.where(near, away, 0), near


def test_targets_equal_the_slow_definition():
    rng = np.random.default_rng(0)
    half = half_with(200, sorted(rng.uniform(0, 100, 25)), rng.integers(0, 17, 25).tolist())
    chunks = Chunks(np.zeros(3, int), np.array([0, 60, 180]), np.array([32, 32, 20]))
    fast = targets([half], chunks, SMALL)
    for i, (_, start, rows) in enumerate(chunks.each()):
        for have, want in zip(fast, slow_targets(half, start, rows, SMALL), strict=True):
            assert have[i] == pytest.approx(np.asarray(want, float), abs=1e-4)


def test_chunks_lie_within_their_halves_and_never_fill_a_short_one_always():
    halves = [half_with(500, [3.0], [0]), half_with(20, [9.5], [1])]
    chunks = ChunkSampler(halves, SMALL)(400, np.random.default_rng(0))
    rows = np.array([500, 20])[chunks.half]
    assert (chunks.start >= 0).all()
    assert (chunks.start + chunks.rows <= rows).all()
    short = chunks.rows[chunks.half == 1]
    assert short.min() >= 10
    assert len(set(short)) > 3


def test_anchored_chunks_hold_an_event_of_every_class_as_often():
    halves = [half_with(3000, [10.0 * i for i in range(100)] + [1200.0], [0] * 100 + [1])]
    chunks = ChunkSampler(halves, replace(SMALL, event_fraction=1.0))(600, np.random.default_rng(0))
    rare = (chunks.start <= 2400) & (chunks.start + chunks.rows > 2400)
    assert 0.4 < rare.mean() < 0.6


def test_halves_without_events_are_drawn_too():
    chunks = ChunkSampler([half_with(100, [], [])], SMALL)(8, np.random.default_rng(0))
    assert (chunks.start + chunks.rows <= 100).all()


def test_a_missing_modality_and_a_broken_row_are_marked(matches):
    (matches / "league/season/train 0/1_Sound.npy").unlink()
    path = matches / "league/season/train 0/1_Picture.npy"
    values = np.load(path)
    values[3] = np.nan
    np.save(path, values)
    data = open_split(matches, ["league/season/train 0"], NAMES, classes=SMALL.classes)
    normalisation, half_means, warnings = fitted(data)
    assert "1 of 90 rows" in warnings[str(path)]
    assert data.warnings == {}
    chunks = Chunks(np.zeros(1, int), np.zeros(1, int), np.array([32]))
    batches = Batches(data.halves, normalisation, half_means, SMALL)
    features, present = batches.gather(chunks, np.zeros((2, 1), int))
    assert present["Sound"].sum() == 0
    assert present["Picture"][0].tolist() == [1, 1, 1, 0] + [1] * 28
    assert np.isfinite(features["Picture"]).all()


def test_the_normalisation_is_that_of_all_rows_at_once(matches):
    data = open_split(matches, ["league/season/train 0"], NAMES, classes=SMALL.classes)
    files = [np.load(half.paths["Picture"]) for half in data.halves]
    together = np.concatenate(files)
    found, half_means, _ = fitted(data, subtract_half_mean=False)
    assert half_means == {}
    assert found.mean["Picture"] == pytest.approx(together.mean(axis=0), abs=1e-5)
    assert found.std["Picture"] == pytest.approx(together.std(axis=0), abs=1e-5)
    found, half_means, _ = fitted(data)
    centred = np.concatenate([x - x.mean(axis=0) for x in files])
    assert found.std["Picture"] == pytest.approx(centred.std(axis=0), abs=1e-5)
    second = half_means[data.halves[1].paths["Picture"]]
    assert second == pytest.approx(files[1].mean(axis=0), abs=1e-5)


def test_normalised_rows_are_clipped():
    z, usable = normalise(np.array([[100.0], [-100]], "f4"), np.zeros(1, "f4"), np.ones(1, "f4"))
    assert z.ravel().tolist() == [5, -5]
    assert usable.all()


def test_a_chunk_keeps_one_of_the_modalities_it_has():
    always = replace(SMALL, modality_dropout=1.0, time_mask_rows=0)
    present = {"Picture": np.ones((50, 32), "f4"), "Sound": np.ones((50, 32), "f4")}
    present["Sound"][:25] = 0
    mask(present, always, np.random.default_rng(0))
    total = present["Picture"][:, 0] + present["Sound"][:, 0]
    assert (total == 1).all()
    assert (present["Picture"][:25] == 1).all()


def test_some_chunks_lose_a_random_number_of_modalities_like_their_mirror():
    names = ("A", "B", "C", "D")
    chosen = replace(SMALL, modalities=names, modality_dropout=0.5, time_mask_rows=0)
    present = {name: np.ones((600, 3), "f4") for name in names}
    mask(present, chosen, np.random.default_rng(0))
    left = np.stack([present[name][:, 0] for name in names])
    assert (left == left[:, ::-1]).all()
    shares = np.bincount(left.sum(axis=0).astype(int), minlength=5) / 600
    assert shares == pytest.approx([0, 1 / 6, 1 / 6, 1 / 6, 1 / 2], abs=0.06)
    assert left[:, left.sum(axis=0) == 1].mean(axis=1) == pytest.approx([1 / 4] * 4, abs=0.15)


def test_half_of_those_lose_the_whole_picture_or_sound_where_both_are_there():
    names = ("ResNET_TF2_PCA512", "VGGish", "FFT", "YOLOv5")
    always = replace(SMALL, modalities=names, modality_dropout=1.0, time_mask_rows=0)
    present = {name: np.ones((2000, 3), "f4") for name in names}
    for name in ("VGGish", "FFT"):
        present[name][500:1500] = 0  # mirrored: the middle of a batch pairs with itself
    mask(present, always, np.random.default_rng(0))
    left = np.stack([present[name][:, 0] for name in names])
    assert (left == left[:, ::-1]).all()
    random = 1 / 2 * 1 / 3 * 1 / 6  # two of four stay, these two
    for pattern in ([1, 0, 0, 1], [0, 1, 1, 0]):
        share = (left[:, :500] == np.array(pattern)[:, None]).all(axis=0).mean()
        assert share == pytest.approx(1 / 4 + random, abs=0.06)
    assert left.max(axis=0).all()
    assert left[[0, 3], 500:1500].sum(axis=0).tolist() == [1] * 1000


def test_a_batch_depends_on_seed_epoch_and_number_alone(matches):
    games = [f"league/season/train {i}" for i in range(3)]
    data = open_split(matches, games, NAMES, classes=SMALL.classes)
    normalisation, half_means, _ = fitted(data)
    one, two = (Batches(data.halves, normalisation, half_means, SMALL) for _ in range(2))
    one(0, 0)
    first, again, other = one(3, 1), two(3, 1), two(3, 0)
    assert (first["features"]["Picture"] == again["features"]["Picture"]).all()
    assert (first["seed"] == again["seed"]).all()
    assert not (first["features"]["Picture"] == other["features"]["Picture"]).all()
    assert one.per_epoch == 2
