"""Displacement and suppression on outputs whose spots are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from action_spotting.fusion.peak_picking import displace, pick, smooth, suppress

PROBABILITY = st.floats(0, 1, width=32)


def test_rows_that_point_to_one_moment_become_one_spot():
    confidence = np.zeros((20, 1))
    confidence[8:13, 0] = [0.3, 0.6, 0.9, 0.6, 0.3]
    displacement = np.zeros((20, 1))
    displacement[8:13, 0] = 5.1 - (np.arange(8, 13) + 0.5) / 2
    peaks = pick(confidence, displacement, fps=2.0, windows_s=np.array([4.0]))
    assert peaks.time_s == pytest.approx([5.1])
    assert peaks.confidence == pytest.approx([0.9])


def test_a_smoothed_plateau_peaks_in_its_middle_wherever_its_highest_row_is():
    logits = np.full((30, 1), -4.0)
    logits[10:17, 0] = [2.3, 2.0, 2.0, 2.0, 2.0, 2.0, 2.2]
    still = np.zeros((30, 1))

    def first(sigma_rows):
        confidence = 1 / (1 + np.exp(-smooth(logits, sigma_rows)))
        return pick(confidence, still, fps=2.0, windows_s=np.array([8.0])).time_s[0]

    assert first(0.0) == 10.5 / 2
    assert first(2.0) == 13.5 / 2
    np.testing.assert_allclose(smooth(np.full((5, 2), 3.0), 2.0), 3.0)


def test_a_displacement_never_leaves_the_half():
    confidence = np.full((6, 1), 0.5)
    _, time_s = displace(confidence, np.array([[-9.0], [9], [9], [9], [-9], [9]]), 2.0)
    assert time_s.min() >= 0
    assert time_s.max() <= 3.0


@pytest.mark.parametrize(("soft", "second"), [(True, 0.8 * 2 / 5), (False, None)])
def test_a_neighbour_is_lowered_by_its_nearness_or_removed(soft, second):
    when, what = suppress(np.array([10.0, 12.0]), np.array([0.9, 0.8]), 5.0, soft=soft)
    assert when.tolist() == ([10.0, 12.0] if second else [10.0])
    assert what == pytest.approx([0.9, second] if second else [0.9])


def test_classes_do_not_suppress_one_another():
    confidence = np.zeros((10, 2))
    confidence[4] = 0.9
    peaks = pick(confidence, np.zeros((10, 2)), fps=2.0, windows_s=np.array([10.0, 10.0]))
    assert sorted(peaks.label) == [0, 1]


def test_each_class_has_a_window_of_its_own():
    confidence = np.zeros((10, 2))
    confidence[[3, 5]] = [[0.9, 0.9], [0.8, 0.8]]
    peaks = pick(confidence, np.zeros((10, 2)), fps=2.0, windows_s=np.array([0.5, 5.0]), soft=False)
    assert np.bincount(peaks.label).tolist() == [2, 1]


@given(arrays(np.float64, (30, 2), elements=PROBABILITY), st.floats(0, 20))
def test_hard_suppression_leaves_gaps_as_wide_as_the_window(confidence, window_s):
    still = np.zeros_like(confidence)
    peaks = pick(confidence, still, fps=2.0, windows_s=np.full(2, window_s), soft=False)
    for c in (0, 1):
        gaps = np.diff(np.sort(peaks.time_s[peaks.label == c]))
        assert (gaps > window_s).all()


@given(arrays(np.float64, (30, 1), elements=PROBABILITY), st.floats(0.5, 20))
def test_soft_suppression_never_raises_and_keeps_the_best(confidence, window_s):
    peaks = pick(confidence, np.zeros((30, 1)), fps=2.0, windows_s=np.array([window_s]))
    best = confidence.max()
    if best >= 0.01:
        assert peaks.confidence[0] == best
        rows = (peaks.time_s * 2).astype(int)
        assert (peaks.confidence <= confidence[rows, 0] + 1e-12).all()
    else:
        assert len(peaks) == 0


@given(arrays(np.float64, (24, 1), elements=PROBABILITY), st.integers(1, 10))
def test_a_shift_of_the_half_shifts_the_spots(confidence, rows):
    still = np.zeros((24, 1))
    window = np.array([3.0])
    here = pick(confidence, still, fps=2.0, windows_s=window)
    later = np.concatenate([np.zeros((rows, 1)), confidence])
    there = pick(later, np.zeros_like(later), fps=2.0, windows_s=window)
    assert there.time_s == pytest.approx(here.time_s + rows / 2)
    assert there.confidence == pytest.approx(here.confidence)
