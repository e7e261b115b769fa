"""The fixture list: which clubs meet, what happens in each half, how the games are split."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from action_spotting.sample.director import Director
from action_spotting.sample.scenes import SCENES, closing, opening
from action_spotting.sample.script import FPS, Club, HalfScript, colours

LEAGUE, SEASON = "sample_league", "2026-2027"
FIRST_DAY = date(2026, 8, 15)
TOWNS = (
    "Ashford Brackley Coleford Dunmere Eastwick Farley Granton Harwell Ingleby Kelby Lowmoor "
    "Marden Norbury Oakham Penrose Redmile Selby Thornley Upton Wexham"
)
SHIRTS = colours("2828c8 c85a1e ebebeb 281e6e dcb43c 2d2d2d 8c3278 1e6ee6")
SHIRT_GAP = 230
"""Least difference of two sides' shirts, summed over blue, green and red."""

SHORTS = colours("ebebeb 282828 6e281e")
KEEPERS = colours("c83ce6 dcd228 148cfa")
LONG_SCENES = ("goal", "booked_foul", "shot_on", "shot_off")
SHORT_SCENES = ("out", "foul", "offside", "substitution")
GAP_S = (0.8, 6.0)
"""Open play between two scenes."""

HALF_S = (54.0, 60.0)
"""Shortest and longest half."""

TRIES = 16
"""Scripts drawn for a half before a scene is left out."""

ENDING = 4 * FPS


class Game(NamedTuple):
    """One game: ``league/season/game`` with its score, its split, the scripts of its halves."""

    name: str
    split: str
    halves: tuple[HalfScript, HalfScript]


def plan_games(seed: int, count: int, half_s: tuple[float, float] = HALF_S) -> list[Game]:
    """Script a whole set.

    Every game has each scene once, in an order and at times of its own, so that each class
    occurs in every split; scenes that a short half has no time for are left out.

    Parameters
    ----------
    seed
        The same seed gives the same set.
    count
        How many games, from 3.
    half_s
        Shortest and longest half, in seconds.

    Examples
    --------
    >>> [game.split for game in plan_games(0, 4)]
    ['train', 'train', 'valid', 'test']
    """
    # About 4 : 1 : 4. With fewer test games, spots at random times score higher by luck.
    valid, test = max(1, count // 9), max(1, count * 4 // 9)
    splits = ["train"] * (count - valid - test) + ["valid"] * valid + ["test"] * test
    return [_plan_game(seed, i, split, half_s) for i, split in enumerate(splits)]


def _plan_game(seed: int, index: int, split: str, half_s: tuple[float, float]) -> Game:
    rng = np.random.default_rng([seed, index])
    clubs, scenes = _clubs(rng), _deal(rng)
    score, halves = (0, 0), []
    for number in (1, 2):
        script, score = _plan_half((seed, index, number), clubs, scenes[number - 1], score, half_s)
        halves.append(script)
    day = FIRST_DAY + timedelta(days=7 * (index // 6))
    title = f"{clubs[0].name} {score[0]} - {score[1]} {clubs[1].name}"
    name = f"{LEAGUE}/{SEASON}/{day} - {12 + index % 6}-00 {title}"
    return Game(name, split, (halves[0], halves[1]))


def _clubs(rng: np.random.Generator) -> tuple[Club, Club]:
    """Draw two clubs whose shirts can be told apart."""
    towns, keepers = rng.permutation(TOWNS.split()), rng.permutation(len(KEEPERS))
    first, *others = rng.permutation(len(SHIRTS)).tolist()
    gaps = np.abs(np.subtract(SHIRTS, SHIRTS[first])).sum(axis=1)
    second = next(i for i in others if gaps[i] >= SHIRT_GAP)
    shorts = rng.integers(len(SHORTS), size=2).tolist()
    home, away = (
        Club(str(towns[i]), SHIRTS[shirt], SHORTS[shorts[i]], KEEPERS[keepers[i]])
        for i, shirt in enumerate((first, second))
    )
    return home, away


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
