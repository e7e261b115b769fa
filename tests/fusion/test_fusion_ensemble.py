"""Several heads together: each smoothed and moved by its own settings, in any order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from action_spotting.errors import UsageError
from action_spotting.fusion.ensemble import Ensemble, mean_scores
from action_spotting.fusion.model import RowScores
from action_spotting.fusion.peak_picking import smooth
from action_spotting.fusion.postprocessing import Postprocessing
from action_spotting.fusion.settings import make_settings

SETTINGS = make_settings("small", modalities=("FFT",), classes=("Goal",), smooth_s=0.0)
FEATURES = {"FFT": np.zeros((40, 3), np.float32)}


class Head:
    """A head whose outputs are known."""

    def __init__(self, confidence, displacement_s=0.0, *, scale=1.0, window_s=8.0, **given):
        self.settings = replace(SETTINGS, **given)
        self.rates = {}
        self.postprocessing = Postprocessing(
            np.array([window_s]), scale, top=None, threshold=np.array([0.5])
        )
        logits = logit(np.asarray(confidence, np.float32))[:, None]
        self.outputs = RowScores(logits, np.full_like(logits, displacement_s))

    def score_rows(self, features):
        return self.outputs


def bump(*rows: int) -> np.ndarray:
    """Confidences that are high in some rows of 40."""
    found = np.full(40, 0.05)
    found[list(rows)] = 0.9
    return found


def test_one_head_gives_its_own_spots():
    head = Head(bump(20), displacement_s=2.0, scale=0.5)
    spots = Ensemble([head]).spot_half(FEATURES, half=2)
    assert spots.half[0] == 2
    assert spots.position_ms[0] == 1000 * (20.5 / 2 + 0.5 * 2.0)
    assert spots.confidence[0] == pytest.approx(0.9)


def test_each_head_is_smoothed_by_its_own_settings():
    rough, calm = Head(bump(12), smooth_s=0.0), Head(bump(12, 13, 14), smooth_s=1.5)
    found = Ensemble([rough, calm]).spot_half(FEATURES)
    mean = (rough.outputs.logits + smooth(calm.outputs.logits.astype(float), 3.0)) / 2
    assert found.confidence.max() == pytest.approx(1 / (1 + np.exp(-mean.max())), rel=1e-6)
    again = Ensemble([calm, rough]).spot_half(FEATURES)
    np.testing.assert_array_equal(found.position_ms, again.position_ms)
    np.testing.assert_allclose(found.confidence, again.confidence)


def test_a_head_without_displacement_leaves_that_of_the_others():
    plain = Head(bump(20), head="netvlad", displacement_s=0.0, scale=0.0)
    plain.settings = replace(plain.settings, displacement_s=0.0)
    moving = Head(bump(20), displacement_s=2.0, scale=0.5)
    for models in ([plain, moving], [moving, plain]):
        assert Ensemble(models).spot_half(FEATURES).position_ms[0] == 1000 * (20.5 / 2 + 1.0)
    assert (mean_scores([(h, h.outputs) for h in (plain, moving)]).displacement_s == 2.0).all()
    assert (mean_scores([(plain, plain.outputs)]).displacement_s == 0.0).all()


def test_a_head_without_its_features_is_left_out():
    here, elsewhere = Head(bump(5)), Head(bump(30), modalities=("VGGish",))
    outputs = Ensemble([here, elsewhere]).run(FEATURES)
    assert [model for model, _ in outputs] == [here]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"soft_nms": False}, r"differ in soft_nms \(True and False\)"),
        ({"fps": 5.0}, r"differ in fps \(2.0 and 5.0\)"),
        ({"label_version": 1}, r"differ in label_version \(2 and 1\)"),
        ({"classes": ("Foul",)}, "differ in classes; an ensemble needs one"),
    ],
)
def test_heads_that_cannot_be_averaged_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        Ensemble([Head(bump(5)), Head(bump(5), **given)])
