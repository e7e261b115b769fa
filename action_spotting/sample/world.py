"""Where the ball and everybody on the pitch are in every frame of a half."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from action_spotting.sample.script import AWAY, FPS, GOAL_X, HOME, HalfScript, goal_side

PEOPLE = 23
"""Eleven of each team, keepers first, then the referee."""

FORMATION = np.array(
    [(-49, 0)]
    + [(-33, y) for y in (-21, -7, 7, 21)]
    + [(-14, y) for y in (-24, -8, 8, 24)]
    + [(6, -9), (8, 10)],
    dtype=float,
)
"""Places of a team that attacks towards +x, in metres."""


class World(NamedTuple):
    """Tracks of a half, in metres: the ball, and everybody (home, away, referee).

    `ball` is ``(frames, 3)``, `people` ``(frames, 23, 2)``; `stride`, ``(frames, 23)``, is the
    phase of the running legs in radians.
    """

    ball: np.ndarray
    people: np.ndarray
    stride: np.ndarray


def simulate(script: HalfScript) -> World:
    """Move the ball along the script's keys, and everybody with it.

    Teams keep their formation, shifted with the ball; who is nearest to a touch runs to it.
    """
    rng = np.random.default_rng([*script.seed, 1])
    keys = np.array([key[:4] for key in script.ball], dtype=float)
    frames = np.arange(script.frames)
    ball = np.stack([np.interp(frames, keys[:, 0], keys[:, i]) for i in (1, 2, 3)], axis=1)
    calm = gaussian_filter1d(ball[:, :2], 1.2 * FPS, axis=0, mode="nearest")
    people = np.concatenate(
        [_team(script, team, calm) for team in (HOME, AWAY)]
        + [calm[:, None] * 0.8 + np.array([4.0, 7.0])],
        axis=1,
    )
    people += _wander(rng, len(ball))
    _line_up(script, people)
    _run_to_ball(script, people)
    people = gaussian_filter1d(people, 0.25 * FPS, axis=0, mode="nearest")
    speed = np.linalg.norm(np.diff(people, axis=0, prepend=people[:1]), axis=2)
    return World(ball, people, np.cumsum(speed * 2.6, axis=0))


def _team(script: HalfScript, team: int, calm: np.ndarray) -> np.ndarray:
    """Place a team by its formation, shifted with the slow ball `calm` ``(frames, 2)``."""
    side = goal_side(team, script.number)
    places = FORMATION * (side, side)
    share = np.where(np.arange(11) == 0, 0.06, 0.55)[:, None] * (1.0, 0.6)
    return places + calm[:, None] * share


def _wander(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Let everybody stray a little: two slow waves each."""
    time = np.arange(frames)[:, None, None] / FPS
    periods = rng.uniform(4, 13, (2, 1, PEOPLE, 2))
    phases = rng.uniform(0, 2 * np.pi, (2, 1, PEOPLE, 2))
    size = rng.uniform(0.6, 2.2, (1, PEOPLE, 2))
    size[:, [0, 11]] *= 0.4
    return size * np.sin(2 * np.pi * time / periods + phases).sum(axis=0)


def _line_up(script: HalfScript, people: np.ndarray) -> None:
    """Keep each team in its own half around kick-offs."""
    frames = np.arange(len(people))
    for lineup in script.lineups:
        weight = np.clip((lineup + FPS - frames) / FPS, 0, 1) * (frames < lineup + FPS)
        weight *= np.clip((frames - lineup + 5 * FPS) / (2 * FPS), 0, 1)
        for team in (HOME, AWAY):
            side = goal_side(team, script.number)
            mine = people[:, 11 * team : 11 * team + 11]
            own = FORMATION * (side, side) - (np.where(FORMATION[:, :1] > 0, 12.0, 0.0) * (side, 0))
            mine += weight[:, None, None] * (own - mine)


def _run_to_ball(script: HalfScript, people: np.ndarray) -> None:
    """Bring the nearest player of the key's team to each touch of the ball."""
    frames = np.arange(len(people))
    for key in script.ball:
        if key.team not in (HOME, AWAY) or key.frame >= len(people):
            continue
        first = 11 * key.team + (abs(key.x) < GOAL_X - 2)
        mine = people[key.frame, first : 11 * key.team + 11]
        place = np.array([key.x, key.y])
        who = first + int(np.argmin(np.linalg.norm(mine - place, axis=1)))
        weight = np.exp(-(((frames - key.frame) / (0.7 * FPS)) ** 2))
        offset = place - (1.2 * (np.sign(key.x) or 1.0), 0.4) - people[key.frame, who]
        people[:, who] += weight[:, None] * offset
