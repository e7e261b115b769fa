"""Closed-form scores, properties, and the exact mode against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from action_spotting.dataset.events import Events
from action_spotting.errors import UsageError
from action_spotting.evaluation.average_precision import exact_ap, ranks, threshold_bins
from action_spotting.evaluation.scoring import average_map, over_tolerances, score
from action_spotting.evaluation.tally import METRICS

GOAL, CORNER = 2, 13


def labels(*ms, label=GOAL, visible=True):
    n = len(ms)
    columns = np.ones(n, int), np.array(ms, int), np.full(n, label)
    return Events(*columns, visible=np.full(n, visible))


def spots(*rows, label=GOAL):
    ms, confidence = zip(*rows, strict=True) if rows else ((), ())
    n = len(ms)
    columns = np.ones(n, int), np.array(ms, int), np.full(n, label)
    return Events(*columns, np.array(confidence, float))


def test_perfect_spots_score_one():
    result = average_map([labels(1000, 90_000)], [spots((1000, 0.9), (90_000, 0.8))])
    assert result.per_class[GOAL] == pytest.approx(1)
    assert result.average_map == pytest.approx(1 / 17)
    assert result.averages[1] == pytest.approx(1 / 17)


def test_half_found_scores_six_of_eleven():
    """Precision 1 up to recall 0.5: the recalls 0, 0.1 … 0.5 of the eleven."""
    result = average_map([labels(1000, 90_000)], [spots((1000, 0.9))])
    assert result.per_class[GOAL] == pytest.approx(6 / 11)


def test_tolerance_is_half_to_each_side():
    found = [
        average_map([labels(10_000)], [spots((12_500, 0.9))], metric=f"at{t}").per_class[GOAL]
        for t in range(1, 6)
    ]
    assert found == pytest.approx([0, 0, 0, 0, 1])


def test_single_tolerance_not_shown_is_not_scaled():
    one, two = [labels(1000, visible=False)], [spots((1000, 0.9))]
    assert average_map(one, two, metric="at5").averages[2] == pytest.approx(1 / 17)
    assert average_map(one, two, metric="tight").averages[2] == pytest.approx(1 / 13)


def test_nothing_anywhere_scores_zero_officially_and_is_undefined_exactly():
    for given_labels, given_spots in (([], []), ([labels()], [spots()])):
        assert average_map(given_labels, given_spots).average_map == 0
        assert np.isnan(average_map(given_labels, given_spots, mode="exact").average_map)


def test_version_1_has_no_visibility():
    sides = labels(0, label=1), spots((0, 1.0), label=1)
    result = average_map(*([replace(side, classes=("a", "b", "c"))] for side in sides))
    assert result.official()["a_mAP_visible"] is None
    assert result.official()["a_mAP"] == pytest.approx(1 / 3)


def test_best_f1_is_where_the_table_says():
    result = average_map(
        [labels(0, 60_000)], [spots((0, 0.9), (30_000, 0.6), (60_000, 0.4))], metric="at5"
    )
    best = result.best
    assert best.tolerance_s == 5
    assert best.threshold[GOAL] == pytest.approx(0.4, abs=1 / 199)
    assert (best.precision[GOAL], best.recall[GOAL]) == pytest.approx((2 / 3, 1))
    assert np.isnan(best.threshold[CORNER])


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_order_of_games_changes_nothing(random_games, seed):
    annotations, found = random_games(seed, games=4, labels=10, spots=40, classes=3)
    turned = score(annotations[::-1], found[::-1])
    for metric, result in score(annotations, found).items():
        np.testing.assert_allclose(turned[metric].ap, result.ap, atol=1e-12)


@given(st.integers(0, 2**31), st.integers(0, 900_000))
@settings(max_examples=25)
def test_a_shift_of_both_sides_by_frames_changes_nothing(random_games, seed, shift):
    annotations, found = random_games(seed, games=2, labels=10, spots=40, classes=3)
    later = [
        [replace(one, position_ms=one.position_ms + 500 * (shift // 500)) for one in side]
        for side in (annotations, found)
    ]
    for mode in ("official", "exact"):
        before, after = (average_map(*pair, mode=mode) for pair in ((annotations, found), later))
        np.testing.assert_allclose(after.ap, before.ap, atol=1e-12)


@given(st.integers(0, 2**31), st.floats(0, 1))
@settings(max_examples=25)
def test_a_false_alarm_never_raises_an_ap(random_games, seed, confidence):
    annotations, found = random_games(seed, games=1, labels=10, spots=40, classes=3)
    one = found[0]
    far = Events(
        np.append(one.half, 1),
        np.append(one.position_ms, 5_000_000),
        np.append(one.label, 1),
        np.append(one.confidence, confidence),
    )
    for mode in ("official", "exact"):
        before = average_map(annotations, found, mode=mode).ap[0, :, 1]
        after = average_map(annotations, [far], mode=mode).ap[0, :, 1]
        assert (np.nan_to_num(after) <= np.nan_to_num(before) + 1e-12).all()


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.4, 0.8, 0.9]), st.booleans()), min_size=1))
def test_exact_ap_is_the_area_under_the_steps(rows):
    confidence, hit = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    if not hit.any():
        return
    zero = np.zeros(len(rows), int)
    rank = ranks(confidence, zero)
    got = exact_ap(rank[hit], zero[hit], np.array([hit.sum()]))
    assert got[0] == pytest.approx(average_precision_score(hit, confidence))


def test_exact_mode_ranks_what_the_official_thresholds_cannot_tell_apart():
    """Two false alarms squeezed below 1/199 together with the hit."""
    annotations = [labels(1000)]
    found = [spots((1000, 0.004), (60_000, 0.003), (90_000, 0.002))]
    assert average_map(annotations, found).per_class[GOAL] == pytest.approx(1 / 3)
    assert average_map(annotations, found, mode="exact").average_map == pytest.approx(1)


def test_exact_mode_keeps_what_shares_a_half_second():
    annotations, found = [labels(1000, 1200)], [spots((1000, 0.9), (1200, 0.8))]
    assert average_map(annotations, found).spots[GOAL] == 1
    exact = average_map(annotations, found, mode="exact")
    assert (exact.spots[GOAL], exact.average_map) == (2, pytest.approx(1))


def test_threshold_bins_are_the_comparisons_themselves():
    values = np.concatenate([np.linspace(0, 1, 200), np.linspace(0, 1, 200) - 1e-16, [2.0, -1.0]])
    expected = (values[:, None] >= np.linspace(0, 1, 200)).sum(axis=1)
    np.testing.assert_array_equal(threshold_bins(values), expected)


def test_over_tolerances_is_the_trapezoid_rule():
    values = np.random.default_rng(0).random((12, 3))
    expected = (values[:-1] + values[1:]).sum(axis=0) / 2 / 11
    np.testing.assert_allclose(over_tolerances(values), expected)


def test_metrics_are_those_of_the_task():
    assert METRICS["loose"] == (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)
    assert METRICS["tight"] == (1, 2, 3, 4, 5)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UsageError, match="unknown metric 'tigth'; did you mean 'tight'"):
        average_map([], [], metric="tigth")
    with pytest.raises(UsageError, match="did you mean 'exact'"):
        average_map([], [], mode="exakt")
    with pytest.raises(UsageError, match="1 games with labels, 0 with spots"):
        average_map([labels()], [])
