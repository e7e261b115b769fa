"""Heads that were not made alike: one time for their rows, calibration, weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import logit

from action_spotting.dataset.event_files import read_labels
from action_spotting.errors import UsageError
from action_spotting.evaluation.scoring import average_map
from action_spotting.fusion import combining
from action_spotting.fusion.combination import Combination, read_combination, write_combination
from action_spotting.fusion.combining import choose_combination, weights_to_try
from action_spotting.fusion.ensemble import Ensemble, calibrated_mean
from action_spotting.fusion.model import RowScores
from action_spotting.fusion.postprocessing import default_postprocessing, to_spots
from action_spotting.fusion.published.model import PublishedModel
from action_spotting.fusion.published.settings import PublishedSettings

from .test_fusion_ensemble import Head, bump

FEATURES = {"FFT": np.zeros((40, 3), np.float32)}


def published(confidence: np.ndarray, displacement_rows: float = 0.0, **given) -> PublishedModel:
    """A published head of one class whose outputs are known."""
    head = PublishedModel.__new__(PublishedModel)
    form = {
        "head": "dense_anchors",
        "moves": True,
        "soft_nms": True,
        "nms_window_s": 4.0,
        "floor": 1e-5,
    }
    head.settings = PublishedSettings(**{**form, "modality": "FFT", "classes": ("Goal",), **given})
    head.arrays, head.provenance = {"scale": confidence.astype("f4")}, {}
    head.rates = {}
    head.postprocessing = default_postprocessing(len(head.settings.classes), 4.0)
    logits = logit(confidence.astype("f4"))[:, None]
    head.score_rows = lambda _: RowScores(logits, np.full_like(logits, displacement_rows / 2))
    return head


def test_one_published_head_keeps_its_authors_time_and_floor():
    spots = Ensemble([published(bump(20), 3.0)]).spot_half(FEATURES)
    assert spots.position_ms[0] == 1000 * 23 / 2  # whole rows, at i/2 s, not in their middle
    assert spots.confidence.min() < 0.01


def test_two_of_one_rule_are_averaged_and_picked_by_it():
    one, other = published(bump(20)), published(bump(20, 30))
    spots = Ensemble([one, other]).spot_half(FEATURES)
    assert spots.position_ms[:2].tolist() == [10_000, 15_000]


def test_the_times_of_rows_meet_in_their_middle():
    mine = Head(bump(20), displacement_s=2.0, scale=1.0)
    theirs = published(bump(20), 4.0)  # the same 2 s, counted from i/2 s
    mean = calibrated_mean(
        [(mine, mine.outputs), (theirs, theirs.score_rows({}))],
        Combination.equal([mine, theirs]),
        [mine, theirs],
    )
    assert mean.displacement_s[20, 0] == pytest.approx(2.0 - 0.25 / 2)
    spots = Ensemble([mine, theirs]).spot_half(FEATURES)
    assert abs(spots.position_ms[0] - 1000 * (20.5 / 2 + 1.875)) <= 1
    assert spots.confidence[0] == pytest.approx(0.9, abs=1e-6)


def test_weights_and_calibration_count(tmp_path):
    mine, theirs = Head(bump(10)), published(bump(30))
    marks = Combination.equal([mine, theirs]).heads
    combination = Combination(
        (1.0, 0.0), ((2.0, 1.0), (1.0, 0.0)), marks, default_postprocessing(1)
    )
    write_combination(tmp_path / "c.json", combination)
    again = read_combination(tmp_path / "c.json", 1)
    assert (again.weights, again.curves, again.heads) == (
        combination.weights,
        combination.curves,
        marks,
    )
    spots = Ensemble([mine, theirs], again).spot_half(FEATURES)
    assert spots.position_ms[0] == 1000 * 10.5 / 2
    assert logit(spots.confidence[0]) == pytest.approx(logit(0.9) / 2 + 1, abs=1e-4)
    with pytest.raises(UsageError, match="2 other heads, or of these in another order"):
        Ensemble([theirs, mine], again)
    content = json.loads((tmp_path / "c.json").read_text())
    for change in (
        {"weights": [0, 0]},
        {"weights": [-1, 2]},
        {"curves": [[0, 1], [1, 1]]},
        {"version": 9},
    ):
        (tmp_path / "d.json").write_text(json.dumps(content | change))
        with pytest.raises(UsageError, match=r"not a combination|a temperature is not"):
            read_combination(tmp_path / "d.json", 1)


def test_heads_of_other_classes_are_refused():
    other = published(bump(20), classes=("Foul",))
    with pytest.raises(UsageError, match="differ in classes; an ensemble needs one"):
        Ensemble([Head(bump(20)), other])


def test_weights_to_try_begin_with_equal_ones():
    for heads in (1, 2, 3, 4):
        weights = weights_to_try(heads)
        assert weights[0] == pytest.approx((1 / heads,) * heads)
        assert all(sum(each) == pytest.approx(1) for each in weights)


def test_validation_games_choose_the_head_that_is_right(matches, monkeypatch):
    """One head marks the events, the other the rows 4 s behind them."""
    classes = ("Goal", "Foul", "Corner")
    games = ["league/season/train 0", "league/season/train 1"]
    tracks = {}
    for game in games:
        labels = read_labels(matches / game / "Labels-v2.json", classes=classes)
        for half in (1, 2):
            here = labels.half == half
            at = (labels.position_ms[here] / 500).astype(int)
            track = np.full((90, 3), 0.02, "f4")
            late = track.copy()
            track[at, labels.label[here]] = 0.7
            late[np.minimum(at + 8, 89), labels.label[here]] = 0.9
            tracks[game, half] = track, late

    def head(index: int) -> PublishedModel:
        made = published(np.full(3, 0.1 + index), classes=classes, modality="Picture")
        made.score_rows = lambda rows: RowScores(
            logit(tracks[rows["Picture"]][index]), np.zeros((90, 3), "f4")
        )
        made.settings = made.settings.__class__(
            **{**made.settings.as_dict(), "nms_window_s": 4.0 + index, "classes": classes}
        )
        return made

    monkeypatch.setattr(
        combining, "open_half", lambda half, *_: ({"Picture": (half.game, half.number)}, [])
    )
    heads = Ensemble([head(1), head(0)])
    best, summary = choose_combination(matches, games, heads, score=average_map)
    assert summary.done == games
    assert sum(best.combination.weights) == pytest.approx(1)

    def scored(models: Ensemble) -> float:
        truths = [read_labels(matches / g / "Labels-v2.json", classes=classes) for g in games]
        found = []
        for game in games:
            halves = [models.peaks(models.run({"Picture": (game, n)})) for n in (1, 2)]
            found.append(to_spots(halves, models.postprocessing.spread, classes))
        return average_map(truths, found).average_map

    assert scored(best) > 0.95 > scored(heads)
