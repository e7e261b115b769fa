"""Bootstrap intervals and paired comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from action_spotting.dataset.events import Events
from action_spotting.errors import UsageError
from action_spotting.evaluation.resampling import bootstrap, compare
from action_spotting.evaluation.scoring import average_map, official_result
from action_spotting.evaluation.tally import tally_games


def tally(annotations, spots):
    return tally_games(annotations, spots, ["tight"])


@pytest.fixture(scope="module")
def games(random_games):
    """Spots of which about half lie on a label."""
    annotations, noise = random_games(3, games=8, labels=40, spots=40, classes=4)
    rng = np.random.default_rng(0)
    spots = []
    for truth, other in zip(annotations, noise, strict=True):
        hit = rng.random(len(truth)) < 0.5
        spots.append(
            Events(
                truth.half,
                np.where(hit, truth.position_ms, other.position_ms),
                truth.label,
                other.confidence,
            )
        )
    return annotations, spots


def test_a_tally_by_game_adds_up_to_the_score(games):
    by_game = tally(*games)
    np.testing.assert_allclose(
        official_result(by_game.total(), "tight").ap, average_map(*games).ap, atol=1e-12
    )


def test_each_draw_is_the_score_of_the_games_drawn(games):
    annotations, spots = games
    weights = np.array([[2, 0, 1, 0, 3, 1, 0, 1]])
    drawn = [i for i, number in enumerate(weights[0]) for _ in range(number)]
    expected = average_map([annotations[i] for i in drawn], [spots[i] for i in drawn])
    got = official_result(tally(*games).total(weights), "tight")
    np.testing.assert_allclose(got.ap, expected.ap, atol=1e-12)


def test_intervals_hold_the_score_and_are_repeatable(games):
    first, second = (bootstrap(tally(*games), "tight", resamples=40, seed=1) for _ in range(2))
    one = first.average_map
    assert (one.low <= one.value).all()
    assert (one.value <= one.high + 1e-12).all()
    result = average_map(*games)
    assert one.value[0] == pytest.approx(result.average_map)
    assert one.value[2] == pytest.approx(result.averages[2])
    np.testing.assert_array_equal(one.low, second.average_map.low)
    other = bootstrap(tally(*games), "tight", resamples=40, seed=2)
    assert not np.array_equal(one.low, other.average_map.low)


def test_a_system_does_not_differ_from_itself(games):
    same = compare(tally(*games), tally(*games), "tight", resamples=20)
    assert not same.average_map.value.any()
    assert not same.per_class.high.any()
    assert not same.games.any()


def test_a_better_system_is_surely_better(games):
    annotations, spots = games
    better = [Events(a.half, a.position_ms, a.label, np.ones(len(a))) for a in annotations]
    difference = compare(
        tally(annotations, spots), tally(annotations, better), "tight", resamples=50
    )
    assert difference.average_map.low[0] > 0
    assert (difference.games > 0).all()
    assert (difference.per_class.value[:4] > 0).all()


def test_other_games_are_refused(games):
    annotations, spots = games
    with pytest.raises(UsageError, match="same games and labels"):
        compare(tally(*games), tally(annotations[:4], spots[:4]), "tight", resamples=5)
