"""The scenes of a match, each with its events, camera work, captions and sounds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from action_spotting.sample.director import NEVER, Director
from action_spotting.sample.script import (
    GOAL_X,
    HOME,
    TOUCH_Y,
    Score,
)

Scene = Callable[[Director, int], None]


def opening(d: Director, *, from_start: bool) -> None:
    """Begin the half: with shots of the ground and the kick-off, or in the middle of play."""
    if not from_start:
        d.wide()
        d.touch(d.between(-30, 30), d.between(-20, 20))
        return d.play(0.6, 5.0)
    for kind in d.rng.permutation(["crowd", "close", "bench"])[: d.rng.integers(1, 4)]:
        d.show(str(kind), int(d.rng.integers(2)), (0.7, 2.8), NEVER)
    return kick_off(d, int(d.rng.integers(2)), whistle="whistle_long")


def kick_off(d: Director, team: int, whistle: str = "whistle") -> None:
    """Kick off: both teams in their halves, the whistle, the first touch."""
    shown = whistle == "whistle_long" or d.chance(0.8)
    d.cut("centre" if shown else "crowd", team=team, zoom=d.between(1.2, 1.4))
    d.touch(0, 0)
    d.wait(0.8, 2.2)
    d.lineups.append(d.now)
    d.touch(0, 0, team=team)
    d.event("Kick-off", team, shown=shown)
    d.sound(whistle)
    d.sound("kick", 0.12, 0.6)
    d.caption("kickoff", team, (0.1, 0.4), 1.6)
    d.wait(0.6, 1.2)
    d.wide()
    d.play(0.8, 1.6)


def goal(d: Director, team: int) -> None:
    """Goal, celebration, crowd, replay, kick-off by the other side."""
    shot, side = _attack(d, team)
    d.wait(0.45, 0.65)
    d.touch(side * (GOAL_X + 0.9), d.between(-2.8, 2.8), 0.8)
    d.event("Goal", team)
    d.sound("net")
    d.sound("roar", 0.04)
    d.caption("goal", team, (0.25, 0.5), 2.0)
    d.touch(side * (GOAL_X + 1.5), d.ball[-1].y, after=8)
    d.wait(1.0, 1.6)
    d.goals[team] += 1
    d.scores.append(Score(d.now, *d.goals))
    for kind in d.rng.permutation(["celebrate", "crowd"]):
        d.show(str(kind), team, (1.0, 1.7))
    d.replay(shot + 12)
    kick_off(d, 1 - team)


def shot_off(d: Director, team: int) -> None:
    """Shoot past the goal: ball out, groans, the shooter's hands on his head."""
    shot, side = _attack(d, team)
    d.event("Shots off target", team)
    d.caption("offtarget", team, (1.2, 1.6))
    d.wait(0.55, 0.8)
    miss = float(d.rng.uniform(5, 9) * d.rng.choice([-1, 1]))
    d.touch(side * GOAL_X, miss, 1.5)
    d.event("Ball out of play", team)
    d.sound("groan", -0.1)
    d.sound("boards", 0.0, 0.9)
    d.touch(side * (GOAL_X + 5), miss * 1.2, after=10)
    d.wait(0.6, 1.0)
    d.show("despair", team, (1.3, 1.9))
    if d.chance(0.5):
        d.replay(shot + 10)
    _restart(d, -side * 5.0)


def shot_on(d: Director, team: int) -> None:
    """Shoot at the keeper: he pushes it out; corner."""
    _, side = _attack(d, team)
    d.event("Shots on target", team)
    d.caption("ontarget", team, (1.0, 1.4))
    d.wait(0.4, 0.6)
    d.touch(side * (GOAL_X - 1.0), d.between(-3, 3), 1.2, team=1 - team)
    d.sound("gloves")
    d.sound("ooh", 0.05)
    d.wait(0.4, 0.6)
    end = 1 if d.chance(0.5) else -1
    d.touch(side * (GOAL_X + 0.5), end * d.between(6, 12))
    d.event("Ball out of play", 1 - team)
    d.sound("boards", 0.0, 0.9)
    d.wait(0.4, 0.7)
    d.show("keeper", 1 - team, (1.3, 2.0))
    corner(d, team, side, end)


def corner(d: Director, team: int, side: int, end: int) -> None:
    """Take the corner: a close view of the flag, clapping, the kick, then the box."""
    shown, ready = d.chance(0.85), d.frames(0.9, 1.6)
    place = side * (GOAL_X - 0.3), end * (TOUCH_Y - 0.3)
    d.touch(*place)
    d.cut("corner" if shown else "crowd", team=team, mark=d.now + ready)
    d.sound("claps", 0.1, 0.9)
    d.now += ready
    d.touch(*place, team=team)
    d.event("Corner", team, shown=shown)
    d.sound("kick")
    d.caption("corner", team, (0.05, 0.3), 1.2)
    d.touch(side * 44.0, end * 8.0, 6.0, after=14)
    d.wait(0.35, 0.6)
    d.wide()
    d.wait(0.7, 0.9)
    d.touch(side * 40.0, -end * 6.0, team=1 - team)
    d.sound("kick", level=0.5)
    _restart(d, side * 15.0)


def out(d: Director, team: int) -> None:
    """Play the ball over the touchline; throw-in by the other side."""
    x, end = d.between(-32, 32), int(d.rng.choice([-1, 1]))
    d.touch(x - 6.0, end * 22.0, team=team)
    d.wait(0.6, 0.9)
    d.touch(x, end * TOUCH_Y)
    d.event("Ball out of play", team)
    d.sound("boards")
    d.sound("hush")
    d.touch(x + 1.5, end * (TOUCH_Y + 4), after=10)
    d.wait(0.6, 1.1)
    if d.chance(0.5):
        d.show("close", team, (1.0, 1.4))
    throw_in(d, 1 - team, x, end)


def throw_in(d: Director, team: int, x: float, end: int) -> None:
    """Throw in, seen from the touchline, or under another picture."""
    shown, place = d.chance(0.8), (x, end * (TOUCH_Y + 0.3), 2.0)
    d.touch(*place)
    d.show_until("throw" if shown else "close", team, (1.0, 1.7))
    d.touch(*place, team=team)
    d.event("Throw-in", team, shown=shown)
    d.sound("throw", level=0.6)
    d.wait(0.5, 0.8)
    d.touch(x * 0.8, end * 22.0, team=team)
    d.wide()


def foul(d: Director, team: int, *, booked: bool = False) -> None:
    """Foul by `team`: whistle, the man on the ground, perhaps a yellow card, free-kick."""
    last = d.ball[-1]
    d.wait(0.3, 0.6)
    d.touch(last.x * 0.9 + 4.0, last.y * 0.8, team=1 - team)
    d.wait(0.5, 0.8)
    d.touch(last.x * 0.9 + 6.0, last.y * 0.8, team=team)
    d.event("Foul", team)
    d.sound("whistle")
    d.wait(0.4, 0.8)
    d.show("fallen", 1 - team, (1.4, 2.0))
    if booked:
        d.show_until("card", team, (0.7, 1.3))
        d.event("Yellow card", team)
        if d.chance(0.7):
            d.sound("boo")
        d.caption("yellow", team, (0.2, 0.5))
        d.wait(1.2, 1.7)
    _free_kick(d, 1 - team)


def offside(d: Director, team: int) -> None:
    """Offside: through ball, flag and whistle; the line drawn over the replay."""
    side, y = d.side(team), d.between(-18, 18)
    d.touch(side * 14.0, y * 0.5, team=team)
    d.sound("kick", level=0.5)
    d.wait(0.8, 1.1)
    d.touch(side * 36.0, y, team=team)
    d.event("Offside", team)
    d.sound("whistle_double")
    moment = d.now
    d.caption("offside", team, (0.5, 0.8), 2.2)
    d.wait(0.35, 0.6)
    d.show("flag", team, (1.3, 1.8), moment)
    if d.chance(0.5):
        d.replay(moment)
    _restart(d, side * 20.0)


def substitution(d: Director, team: int) -> None:
    """Substitution: the fourth official's board goes up beside the bench."""
    last = d.ball[-1]
    d.touch(last.x * 0.9, last.y)
    d.show_until("bench", team, (0.6, 1.1))
    d.event("Substitution", team)
    if d.chance(0.6):
        d.sound("chime", 0.05)
    d.caption("sub", team, (0.4, 0.8), 2.2)
    d.wait(1.8, 2.4)
    _restart(d, last.x * 0.6)


def closing(d: Director) -> None:
    """End the half: play, and perhaps the three whistles of half-time."""
    d.play(1.0, 2.5)
    if d.chance(0.6):
        d.sound("whistle_triple")
        d.wait(1.5, 2.0)
        d.show(str(d.rng.choice(["crowd", "close"])), HOME, (0.8, 1.6))


SCENES: dict[str, Scene] = {
    "goal": goal,
    "shot_off": shot_off,
    "shot_on": shot_on,
    "out": out,
    "foul": foul,
    "booked_foul": partial(foul, booked=True),
    "offside": offside,
    "substitution": substitution,
}


def _attack(d: Director, team: int) -> tuple[int, int]:
    """Bring the ball before the goal and shoot; give the frame of the kick and the goal's side."""
    side = d.side(team)
    d.touch(side * 24.0, d.between(-20, 20), team=team)
    d.wait(0.7, 1.1)
    d.touch(side * 36.0, d.between(-12, 12), team=team)
    d.sound("rise", -0.3)
    d.wait(0.6, 0.9)
    d.touch(side * d.between(37, 42), d.ball[-1].y * 0.7, team=team)
    d.sound("kick", level=1.2)
    return d.now, side


def _free_kick(d: Director, team: int) -> None:
    shown, last = d.chance(0.85), d.ball[-1]
    d.show_until("wall" if shown else "crowd", team, (0.9, 1.6))
    d.touch(last.x, last.y, team=team)
    d.event("Direct free-kick", team, shown=shown)
    d.sound("whistle_short", -0.25, 0.8)
    d.sound("kick")
    x = float(np.clip(last.x + d.side(team) * 22.0, -42, 42))
    d.touch(x, last.y * 0.6, after=25)
    d.wait(0.4, 0.8)
    d.wide()
    d.now = max(d.now, d.ball[-1].frame)


def _restart(d: Director, x: float) -> None:
    """Back to the main camera, the ball in play around `x`."""
    d.now = max(d.now, d.ball[-1].frame)
    d.wide()
    d.touch(x, d.between(-15, 15), team=int(d.rng.integers(2)))
