"""The matching against a loop that takes labels in turn, and the nearest label against a search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from action_spotting.dataset.events import LAST_FRAME, Events
from action_spotting.evaluation.matching import (
    build_axis,
    find_pairs,
    first_come,
    match_labels,
    nearest_visible,
)

times = st.lists(st.integers(0, 30), max_size=20)


@given(
    times,
    times.flatmap(
        lambda t: st.tuples(
            st.just(t), st.lists(st.sampled_from([0.1, 0.5, 0.9]), min_size=len(t), max_size=len(t))
        )
    ),
    st.integers(0, 12),
)
def test_match_is_taking_in_turn(label_times, scored, reach):
    labels, spots = np.sort(label_times).astype(int), np.array(scored[0], int)
    order = np.argsort(spots, kind="stable")
    spots, confidence = spots[order], np.array(scored[1], float)[order]
    free, expected = set(range(len(spots))), []
    for label in labels:
        near = [i for i in sorted(free) if abs(spots[i] - label) <= reach]
        best = max(near, key=lambda i: (confidence[i], -i), default=-1)
        free.discard(best)
        expected.append(best)
    found = match_labels(find_pairs(labels, spots, confidence, 12), reach)
    np.testing.assert_array_equal(found, expected)


def test_match_ousts_later_labels_in_a_chain():
    """Each label prefers what the one before it falls back on."""
    n = 200
    wishes = [(owner, item) for owner in range(n) for item in range(max(0, n - owner - 1), n)]
    owner, item = np.array(wishes).T
    np.testing.assert_array_equal(
        first_come(owner, item, n, n), np.array([_turn(wishes, n)[i] for i in range(n)])
    )


def _turn(wishes, n):
    taken, result = set(), [-1] * n
    for owner, item in wishes:
        if result[owner] < 0 and item not in taken:
            result[owner] = item
            taken.add(item)
    return result


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8, unique=True), st.data())
def test_nearest_label_as_the_official_loop_writes_it(frames, data):
    frames = sorted(frames)
    visible = data.draw(st.lists(st.booleans(), min_size=len(frames), max_size=len(frames)))
    size = 60
    closest = np.full(size, -1)
    edges = [-frames[0], *frames, 2 * size]
    for i in range(1, len(edges) - 1):
        start = max(0, (edges[i - 1] + edges[i]) // 2)
        stop = min(size, (edges[i] + edges[i + 1]) // 2)
        closest[start:stop] = 1 if visible[i - 1] else -1
    got = nearest_visible(np.array(frames), np.array(visible), np.arange(size), size)
    np.testing.assert_array_equal(got, closest > 0)


def _labels(half, ms):
    return Events(np.full(len(ms), half), np.array(ms), np.zeros(len(ms), int), classes=("Goal",))


def _spots(half, ms, confidence):
    return replace(_labels(half, ms), confidence=np.array(confidence))


def test_official_axis_clamps_and_keeps_the_last_of_a_frame():
    spots = _spots(1, [100, 499, 7_200_000, 9_000_000], [0.9, 0.2, 0.3, 0.4])
    axis = build_axis([_labels(1, [0])], [spots], tolerance_s=5)
    np.testing.assert_array_equal(axis.spots.confidence, [0.2, 0.4])
    np.testing.assert_array_equal(axis.spot_key % axis.stride, [0, LAST_FRAME])


def test_official_axis_forgets_a_frame_whose_last_entry_is_negative():
    axis = build_axis([_labels(1, [0])], [_spots(1, [100, 200], [0.9, -0.5])], tolerance_s=5)
    assert len(axis.spot_key) == 0


def test_exact_axis_keeps_all():
    spots = _spots(2, [100, 100, 9_000_000], [0.9, 0.2, 0.4])
    axis = build_axis([_labels(2, [0])], [spots], tolerance_s=5, exact=True)
    np.testing.assert_array_equal(axis.spots.position_ms, [100, 100, 9_000_000])


def test_exact_times_before_a_half_stay_in_it():
    """Neither in the half before, nor out of reach of what is near."""
    labels = [_labels(1, [5_000_000]), _labels(2, [0])]
    spots = [_spots(1, [], []), _spots(2, [-300, -7_000_000], [0.9, 0.8])]
    axis = build_axis(labels, spots, tolerance_s=5, exact=True)
    assert match_labels(axis.pairs(5), axis.reach(5)).tolist() == [-1, 1]
    assert axis.spots.position_ms.tolist() == [-7_000_000, -300]


def test_extra_time_counts_exactly_and_not_officially():
    sides = [_labels(3, [0])], [_spots(3, [0], [0.9])]
    assert len(build_axis(*sides, tolerance_s=5).label_key) == 0
    axis = build_axis(*sides, tolerance_s=5, exact=True)
    assert match_labels(axis.pairs(5), axis.reach(5)).tolist() == [0]


def test_windows_never_reach_into_another_half_class_or_game():
    axis = build_axis([_labels(1, [5000])], [_spots(2, [0], [0.9])], tolerance_s=60)
    assert match_labels(axis.pairs(60), axis.reach(60)).tolist() == [-1]
