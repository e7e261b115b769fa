"""The fixture list: which clubs meet, what happens in each half, how the matches are split."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from action_spotting.sample.scenes import SCENES, Director, closing, opening
from action_spotting.sample.script import FPS, Club, Colour, HalfScript

LEAGUE, SEASON = "sample_league", "2026-2027"
FIRST_DAY = date(2026, 8, 15)
TOWNS = (
    "Ashford Brackley Coleford Dunmere Eastwick Farley Granton Harwell Ingleby Kelby Lowmoor "
    "Marden Norbury Oakham Penrose Redmile Selby Thornley Upton Wexham"
)
SHIRTS: tuple[Colour, ...] = (
    (40, 40, 200),
    (200, 90, 30),
    (235, 235, 235),
    (40, 30, 110),
    (220, 180, 60),
    (45, 45, 45),
    (140, 50, 120),
    (30, 110, 230),
)
SHIRT_GAP = 230
"""Least difference of two sides' shirts, summed over blue, green and red."""

SHORTS: tuple[Colour, ...] = ((235, 235, 235), (40, 40, 40), (110, 40, 30))
KEEPERS: tuple[Colour, ...] = ((200, 60, 230), (220, 210, 40), (20, 140, 250))
LONG_SCENES = ("goal", "booked_foul", "shot_on", "shot_off")
SHORT_SCENES = ("out", "foul", "offside", "substitution")
GAP_S = (0.8, 6.0)
"""Open play between two scenes."""

HALF_S = (54.0, 60.0)
"""Shortest and longest half."""

TRIES = 16
"""Clocks drawn for a half before a scene is left out."""

ENDING = 4 * FPS


@dataclass(frozen=True)
class Match:
    """One match of the set.

    Attributes
    ----------
    game
        ``league/season/game``, the score included.
    split
        ``train``, ``valid`` or ``test``.
    halves
        The scripts of both halves.
    """

    game: str
    split: str
    halves: tuple[HalfScript, HalfScript]


def plan_matches(seed: int, matches: int, half_s: tuple[float, float] = HALF_S) -> list[Match]:
    """Script a whole set.

    Every match has each scene once, in an order and on a clock of its own, so that each class
    occurs in every split; scenes that a short half has no time for are left out.

    Parameters
    ----------
    seed
        The same seed gives the same set.
    matches
        How many, from 3.
    half_s
        Shortest and longest half, in seconds.

    Examples
    --------
    >>> [match.split for match in plan_matches(0, 4)]
    ['train', 'train', 'valid', 'test']
    """
    splits = split_names(matches)
    return [_plan_match(seed, i, split, half_s) for i, split in enumerate(splits)]


def split_names(matches: int) -> list[str]:
    """Say to which split each of so many matches belongs: about 4 : 1 : 4.

    With fewer matches in the test split, spots at random times score higher by luck.

    >>> split_names(9).count("train"), split_names(3)
    (4, ['train', 'valid', 'test'])
    """
    valid, test = max(1, matches // 9), max(1, matches * 4 // 9)
    return ["train"] * (matches - valid - test) + ["valid"] * valid + ["test"] * test


def _plan_match(seed: int, index: int, split: str, half_s: tuple[float, float]) -> Match:
    rng = np.random.default_rng([seed, index])
    home, away = _clubs(rng)
    clubs = (home, away)
    first, second = _deal(rng)
    one, score = _plan_half((seed, index, 1), clubs, first, (0, 0), half_s)
    two, score = _plan_half((seed, index, 2), clubs, second, score, half_s)
    day = FIRST_DAY + timedelta(days=7 * (index // 6))
    hour = 12 + index % 6
    title = f"{day} - {hour}-00 {home.name} {score[0]} - {score[1]} {away.name}"
    return Match(f"{LEAGUE}/{SEASON}/{title}", split, (one, two))


def _clubs(rng: np.random.Generator) -> list[Club]:
    """Draw two clubs whose shirts can be told apart."""
    towns, keepers = rng.permutation(TOWNS.split()), rng.permutation(len(KEEPERS))
    first, *others = rng.permutation(len(SHIRTS)).tolist()
    gaps = np.abs(np.subtract(SHIRTS, SHIRTS[first])).sum(axis=1)
    second = next(i for i in others if gaps[i] >= SHIRT_GAP)
    shorts = rng.integers(len(SHORTS), size=2).tolist()
    return [
        Club(str(towns[i]), SHIRTS[shirt], SHORTS[shorts[i]], KEEPERS[keepers[i]])
        for i, shirt in enumerate((first, second))
    ]


def _deal(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Deal each half two long and two short scenes; each has one of the two kinds of foul."""
    long, short = rng.permutation(LONG_SCENES).tolist(), rng.permutation(SHORT_SCENES).tolist()
    if ("booked_foul" in long[:2]) == ("foul" in short[:2]):
        short = short[2:] + short[:2]
    return [*long[:2], *short[:2]], [*long[2:], *short[2:]]


def _plan_half(
    seed: tuple[int, int, int],
    clubs: tuple[Club, Club],
    scenes: list[str],
    score: tuple[int, int],
    half_s: tuple[float, float],
) -> tuple[HalfScript, tuple[int, int]]:
    """Script one half with those `scenes` it has time for; give the score at its end too."""
    for attempt in range(TRIES * len(scenes) + 1):
        rng = np.random.default_rng([*seed, attempt])
        director = Director(rng, seed[-1], score)
        end = director.frames(half_s[0], 0.95 * half_s[1])
        from_start = director.chance(0.6)
        clock_s = 2700 * (seed[-1] - 1) + (0 if from_start else int(rng.integers(120, 2400)))
        opening(director, from_start=from_start)
        for name in rng.permutation(scenes[: len(scenes) - attempt // TRIES]):
            director.play(*GAP_S)
            SCENES[str(name)](director, int(rng.integers(2)))
        while director.now < end - ENDING:
            director.play(1.0, 2.0)
        closing(director)
        if director.now <= half_s[1] * FPS:
            break
    script = director.script(seed, clubs, clock_s, from_start=from_start)
    return script, (director.goals[0], director.goals[1])
