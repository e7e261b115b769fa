"""What is fitted on the validation games."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit, logit

from action_spotting.dataset.events import Events
from action_spotting.errors import InputError
from action_spotting.fusion import calibration
from action_spotting.fusion import postprocessing as room
from action_spotting.fusion.peak_picking import FLOOR, NO_PEAKS, Peaks


def annotations(times_s, label=0, half=1) -> Events:
    n = len(times_s)
    ms = (1000 * np.array(times_s, float)).astype(np.int64)
    return Events(np.full(n, half), ms, np.full(n, label))


def peaks(times_s, confidence, label=0) -> Peaks:
    return Peaks(np.array(times_s, float), np.full(len(times_s), label), np.array(confidence))


def test_each_event_is_found_once_and_by_the_most_confident():
    found = calibration.true_positives(
        peaks([9.0, 10.0, 31.0], [0.5, 0.9, 0.8]), annotations([10.5, 40]), 1
    )
    assert found.tolist() == [False, True, False]


def test_events_of_another_half_or_class_do_not_count():
    spots = peaks([10.0], [0.9])
    assert not calibration.true_positives(spots, annotations([10.0], half=2), 1).any()
    assert not calibration.true_positives(spots, annotations([10.0], label=1), 1).any()


def fitted(confidence, *, spread=True) -> room.Postprocessing:
    rng = np.random.default_rng(0)
    spots = peaks(np.arange(len(confidence)) * 30.0, confidence)

    def score(annotations, spots):
        return SimpleNamespace(per_class=np.ones(1), average_map=1.0)

    events = annotations(spots.time_s[rng.random(len(spots)) < 0.5])
    pick = lambda windows_s, scale: [[spots, NO_PEAKS]]  # noqa: E731
    return calibration.fit_postprocessing(pick, [events], score, classes=1, spread=spread)


def test_the_map_spreads_logits_evenly_up_to_the_most_confident():
    squeezed = expit(np.linspace(logit(FLOOR), -2, 5))
    found = fitted(squeezed).spread(peaks(np.zeros(5), squeezed))
    assert found == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_the_map_keeps_to_the_unit_interval():
    chosen = fitted([0.1, 0.5])
    assert chosen.spread(peaks([0, 0, 0], [0.0, 0.9, 1.0])).tolist() == [0, 1, 1]


def test_without_a_map_confidences_stay():
    assert fitted([0.1, 0.5], spread=False).spread(peaks([0], [0.3])).tolist() == [0.3]


def test_probability_is_the_share_of_right_spots():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 3, 20000)
    right = rng.random(20000) < expit(x / 2 - 1)
    temperature, offset = calibration.fit_probability(x, right)
    assert (temperature, offset) == (pytest.approx(2, rel=0.05), pytest.approx(-1, abs=0.08))


def test_without_a_right_spot_probability_is_the_confidence():
    assert calibration.fit_probability(np.zeros(3), np.zeros(3, bool)) == (1.0, 0.0)


def test_what_was_never_fitted_is_not_called_a_probability():
    bare = room.default_postprocessing(1)
    assert not bare.calibrated
    assert replace(bare, temperature=2.0).calibrated
    assert replace(bare, offset=-1.0).calibrated


def test_the_threshold_has_the_best_f1():
    score = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([True, True, False, False])
    found = calibration.best_thresholds(score, np.zeros(4, int), right, np.array([12]))
    assert found == pytest.approx([0.8])


def test_a_rare_class_takes_the_window_of_all():
    events = [annotations(np.arange(20.0), 0), annotations([5.0], 1)]

    def pick(windows_s, scale):
        return [[peaks([1.0], [windows_s[0]])], [peaks([1.0], [windows_s[1]])]]

    def score(_, spots):
        width = spots[0].confidence[0]
        aps = np.array([-abs(width - 3.0), -2 * abs(width - 40.0)])
        return SimpleNamespace(per_class=aps, average_map=aps.mean())

    found = calibration.fit_postprocessing(pick, events, score, classes=2)
    assert found.nms_windows_s.tolist() == [3.0, 40.0]
    assert found.displacement_scale == 0.0


def test_it_survives_its_own_json_and_refuses_a_broken_one():
    plain = room.default_postprocessing(3)
    content = json.loads(json.dumps(plain.as_dict()))
    again = room.read_postprocessing(content, 3, "model.json")
    assert (again.nms_windows_s == plain.nms_windows_s).all()
    assert again.top is None
    with pytest.raises(InputError, match=r"model\.json: calibration windows_s"):
        room.read_postprocessing(content, 4, "model.json")
    broken = [("top", float("nan")), ("top", -9.0), ("threshold", [1, 2, "x"])]
    broken += [("share", float("nan")), ("temperature", 0), ("offset", 10**400)]
    for name, value in broken:
        with pytest.raises(InputError, match=r"model\.json: calibration"):
            room.read_postprocessing({**content, name: value}, 3, "model.json")
