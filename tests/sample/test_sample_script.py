"""The scripts of the sample matches: believable, balanced, and nothing a clock could guess."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.sample.closeups import CLOSEUPS
from action_spotting.sample.game import Game, plan_games
from action_spotting.sample.make import cues, labels
from action_spotting.sample.picture import PITCH_SHOTS
from action_spotting.sample.script import FPS, GOAL_X, TOUCH_Y
from action_spotting.sample.sound import MAKERS
from action_spotting.sample.world import simulate

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def matches() -> list[Game]:
    """The default set."""
    return plan_games(0, 9)


def names(match: Game) -> list[list[str]]:
    return [[event.label for event in half.events] for half in match.halves]


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_every_class_is_in_every_split_often_enough(seed):
    counts: dict[str, Counter[str]] = {"train": Counter(), "valid": Counter(), "test": Counter()}
    for match in plan_games(seed, 9):
        for half in names(match):
            counts[match.split].update(half)
    assert len(counts["train"]) == 12
    assert set(counts["train"]) <= set(ACTIONS_V2)
    for split, least in (("train", 4), ("valid", 1), ("test", 4)):
        assert counts[split].keys() == counts["train"].keys()
        assert min(counts[split].values()) >= least


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, count=st.integers(3, 5))
def test_a_half_is_in_order_and_inside(seed, count):
    for match in plan_games(seed, count, (12, 16)):
        for half in match.halves:
            frames = [event.frame for event in half.events]
            assert frames == sorted(frames)
            assert all(0 <= frame < half.frames for frame in frames)
            assert half.shots[0].start == 0
            assert all(a.start < b.start for a, b in pairwise(half.shots))
            assert {shot.kind for shot in half.shots} <= {*PITCH_SHOTS, *CLOSEUPS}
            assert {sound.kind for sound in half.sounds} <= set(MAKERS)
            assert 8 < half.frames / FPS < 25


def test_halves_last_40_to_60_s(matches):
    lengths = [half.frames / FPS for match in matches for half in match.halves]
    assert 40 <= min(lengths) <= max(lengths) <= 60
    assert sum(lengths) <= 24 * 60


def test_one_thing_leads_to_another(matches):
    follows = {
        "Goal": "Kick-off",
        "Shots off target": "Ball out of play",
        "Shots on target": "Ball out of play",
        "Yellow card": "Direct free-kick",
    }
    for match in matches:
        for half in names(match):
            for first, second in pairwise([*half, ""]):
                assert follows.get(first, second) == second
            before = dict(zip(half[1:], half, strict=False))
            assert before.get("Yellow card", "Foul") == "Foul"


def test_a_goal_is_replayed_before_the_kick_off_and_counted(matches):
    for match in matches:
        scored = 0
        for half in match.halves:
            kinds = [(shot.start, shot.kind) for shot in half.shots]
            for event, following in pairwise(half.events):
                if event.label == "Goal":
                    scored += 1
                    between = [k for s, k in kinds if event.frame < s <= following.frame]
                    assert {"celebrate", "crowd", "replay"} <= set(between)
                    assert following.team == 1 - event.team
        last = match.halves[1].scores[-1]
        assert last.home + last.away == scored
        assert f" {last.home} - {last.away} " in match.name


def test_shown_events_are_not_under_a_replay(matches):
    for match in matches:
        for half in match.halves:
            for event in half.events:
                shot = next(s for s in reversed(half.shots) if s.start <= event.frame)
                assert not (event.shown and shot.kind == "replay")
    hidden = sum(not e.shown for m in matches for h in m.halves for e in h.events)
    assert hidden >= 3


def test_the_first_event_comes_at_any_time(matches):
    first = [half.events[0].frame / FPS for match in matches for half in match.halves]
    assert np.std(first) > 1.5


def test_the_world_follows_the_script(matches):
    half = matches[0].halves[0]
    world = simulate(half)
    assert world.ball.shape == (half.frames, 3)
    assert world.people.shape == (half.frames, 23, 2)
    assert np.abs(world.people).max() < 75
    for event in half.events:
        x, y, _ = np.abs(world.ball[event.frame])
        if event.label == "Goal":
            assert x > GOAL_X
        if event.label == "Ball out of play":
            assert x >= GOAL_X or y >= TOUCH_Y
        if event.label == "Kick-off":
            assert (x, y) == (0, 0)


def test_labels_are_soccernet_s(matches):
    match = matches[0]
    content = labels(match)
    assert content["UrlLocal"] == match.name
    entry, event = content["annotations"][0], match.halves[0].events[0]
    assert entry["position"] == str(event.frame * 40)
    assert entry["gameTime"] == f"1 - 00:{event.frame // FPS:02d}"
    assert {e["visibility"] for e in content["annotations"]} <= {"visible", "not shown"}
    assert {e["team"] for e in content["annotations"]} <= {"home", "away", "not applicable"}


def test_cues_name_whistles_at_their_events(matches):
    for match in matches[:3]:
        told = cues(match)
        for half in match.halves:
            onsets = {
                sound["onset_ms"]
                for sound in told[str(half.number)]["sounds"]
                if sound["kind"].startswith("whistle")
            }
            fouls = {event.frame * 40 for event in half.events if event.label == "Foul"}
            assert fouls <= onsets


def test_matches_do_not_depend_on_how_many_there_are():
    assert plan_games(5, 4)[0].halves == plan_games(5, 6)[0].halves
    assert plan_games(5, 3)[0].halves != plan_games(6, 3)[0].halves
