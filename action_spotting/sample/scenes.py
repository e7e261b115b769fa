"""The scenes of a match, each with its events, camera work, captions and sounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from action_spotting.sample.script import (
    FPS,
    GOAL_X,
    HOME,
    NOBODY,
    TOUCH_Y,
    BallKey,
    Club,
    Event,
    Graphic,
    HalfScript,
    Score,
    Shot,
    Sound,
    goal_side,
)

WIPE = 14
"""Frames of the wipe that opens and closes a replay."""

NEVER = 10**6
"""The mark of a shot in which nothing happens."""

NOISES = ("horn", "fan_whistle", "cheer", "claps", "boo", "chime")
"""Heard now and then in open play, without an event."""

ASIDES = ("tele", "tele", "close", "crowd", "bench")
"""Seen now and then in open play, without an event."""


class Director:
    """Writes a half's script, scene after scene; `now` is the frame reached so far."""

    def __init__(self, rng: np.random.Generator, number: int, score: tuple[int, int]) -> None:
        self.rng = rng
        self.number = number
        self.now = 0
        self.goals = list(score)
        self.events: list[Event] = []
        self.shots: list[Shot] = []
        self.graphics: list[Graphic] = []
        self.sounds: list[Sound] = []
        self.ball: list[BallKey] = [BallKey(0, 0.0, 0.0)]
        self.scores: list[Score] = [Score(0, *score)]
        self.lineups: list[int] = []

    def frames(self, low_s: float, high_s: float) -> int:
        """Draw a duration between `low_s` and `high_s` seconds, in frames."""
        return round(self.rng.uniform(low_s, high_s) * FPS)

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return bool(self.rng.random() < probability)

    def wait(self, low_s: float, high_s: float) -> int:
        """Let time pass; give the frame reached."""
        self.now += self.frames(low_s, high_s)
        return self.now

    def cut(
        self,
        kind: str,
        *,
        team: int = HOME,
        mark: int = 0,
        source: int = 0,
        rate: float = 1.0,
        zoom: float = 1.0,
    ) -> None:
        """Cut to a shot of `kind` now; see `Shot`."""
        self.shots.append(Shot(self.now, kind, team, mark, source, rate, zoom))

    def wide(self) -> None:
        """Cut to the main camera."""
        self.cut("wide", zoom=float(self.rng.uniform(0.75, 0.98)))

    def event(self, label: str, team: int, *, shown: bool = True) -> None:
        """Something annotated happens now."""
        self.events.append(Event(self.now, label, team, shown))

    def sound(self, kind: str, delay_s: float = 0.0, level: float = 1.0) -> None:
        """Something is heard now, or `delay_s` later; left or right as the ball lies."""
        level *= float(self.rng.uniform(0.8, 1.15))
        pan = 0.6 * self.ball[-1].x / GOAL_X
        self.sounds.append(Sound(self.now + round(delay_s * FPS), kind, level, pan))

    def caption(
        self, kind: str, team: int, delay: tuple[float, float], length_s: float = 1.8
    ) -> None:
        """Show a caption after a delay drawn between `delay` seconds."""
        start = self.now + self.frames(*delay)
        self.graphics.append(Graphic(start, start + round(length_s * FPS), kind, team))

    def touch(self, x: float, y: float, z: float = 0.0, team: int = NOBODY, after: int = 0) -> None:
        """Have the ball at a place now, or `after` frames from now."""
        self.ball.append(BallKey(self.now + after, x, y, z, team))

    def replay(self, moment: int) -> None:
        """Show what happened around frame `moment` again, slowly, between two wipes."""
        length, rate = self.frames(2.2, 3.0), 0.6
        half = WIPE // 2
        self.graphics.append(Graphic(self.now - half, self.now - half + WIPE, "wipe"))
        source = max(0, moment + 12 - round(length * rate))
        self.cut("replay", source=source, rate=rate, zoom=float(self.rng.uniform(1.0, 1.3)))
        self.now += length
        self.graphics.append(Graphic(self.now - half, self.now - half + WIPE, "wipe"))

    def play(self, low_s: float, high_s: float) -> None:
        """Open play: passes, now and then something that looks or sounds like an event."""
        end = self.now + self.frames(low_s, high_s)
        team = int(self.rng.integers(2))
        while self.now < end:
            self._pass(team)
            team = 1 - team if self.chance(0.25) else team
            if self.chance(0.14):
                self._look_away()
            if self.chance(0.14):
                self.sound(str(self.rng.choice(NOISES)), 0.2)
            self.wait(0.6, 1.3)

    def _pass(self, team: int) -> None:
        last = self.ball[-1]
        step = self.rng.normal(0, 11, 2)
        x = float(np.clip(0.92 * last.x + step[0], -40, 40))
        y = float(np.clip(0.85 * last.y + step[1], -27, 27))
        self.touch(x, y, team=team)
        if self.chance(0.6):
            self.sound("kick", level=0.35)

    def _look_away(self) -> None:
        """Cut to something without an event, and back."""
        kind = str(self.rng.choice(ASIDES))
        self.cut(kind, team=int(self.rng.integers(2)), mark=NEVER, zoom=2.0)
        self.wait(0.9, 1.5)
        self.wide()

    def script(
        self, seed: tuple[int, ...], clubs: tuple[Club, Club], clock_s: int, *, from_start: bool
    ) -> HalfScript:
        """Close the book: everything up to `now`, in order."""
        return HalfScript(
            seed=seed,
            clubs=clubs,
            number=self.number,
            frames=self.now,
            clock_s=clock_s,
            clock_from=self.lineups[0] if from_start else 0,
            events=tuple(self.events),
            shots=tuple(
                {shot.start: shot for shot in self.shots if shot.start < self.now}.values()
            ),
            graphics=tuple(self.graphics),
            sounds=tuple(self.sounds),
            ball=tuple({key.frame: key for key in sorted(self.ball)}.values()),
            scores=tuple(self.scores),
            lineups=tuple(self.lineups),
        )


Scene = Callable[[Director, int], None]


def opening(d: Director, *, from_start: bool) -> None:
    """Begin the half: with shots of the ground and the kick-off, or in the middle of play."""
    if not from_start:
        d.wide()
        d.touch(float(d.rng.uniform(-30, 30)), float(d.rng.uniform(-20, 20)))
        return d.play(0.6, 5.0)
    for kind in d.rng.permutation(["crowd", "close", "bench"])[: d.rng.integers(1, 4)]:
        d.cut(str(kind), team=int(d.rng.integers(2)), mark=NEVER)
        d.wait(0.7, 2.8)
    return kick_off(d, int(d.rng.integers(2)), whistle="whistle_long")


def kick_off(d: Director, team: int, whistle: str = "whistle") -> None:
    """Kick off: both teams in their halves, the whistle, the first touch."""
    shown = whistle == "whistle_long" or d.chance(0.8)
    d.cut("centre" if shown else "crowd", team=team, zoom=float(d.rng.uniform(1.2, 1.4)))
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
    shot = _attack(d, team)
    side = goal_side(team, d.number)
    d.now += d.frames(0.45, 0.65)
    d.touch(side * (GOAL_X + 0.9), float(d.rng.uniform(-2.8, 2.8)), 0.8)
    d.event("Goal", team)
    d.sound("net")
    d.sound("roar", 0.04)
    d.caption("goal", team, (0.25, 0.5), 2.0)
    d.touch(side * (GOAL_X + 1.5), d.ball[-1].y, 0.0, after=8)
    d.wait(1.0, 1.6)
    d.goals[team] += 1
    d.scores.append(Score(d.now, *d.goals))
    for kind in d.rng.permutation(["celebrate", "crowd"]):
        d.cut(str(kind), team=team)
        d.wait(1.0, 1.7)
    d.replay(shot + 12)
    kick_off(d, 1 - team)


def shot_off(d: Director, team: int) -> None:
    """Shoot past the goal: ball out, groans, the shooter's hands on his head."""
    shot = _attack(d, team)
    d.event("Shots off target", team)
    d.caption("offtarget", team, (1.2, 1.6))
    side = goal_side(team, d.number)
    d.now += d.frames(0.55, 0.8)
    miss = float(d.rng.uniform(5, 9) * d.rng.choice([-1, 1]))
    d.touch(side * GOAL_X, miss, 1.5)
    d.event("Ball out of play", team)
    d.sound("groan", -0.1)
    d.sound("boards", 0.0, 0.9)
    d.touch(side * (GOAL_X + 5), miss * 1.2, after=10)
    d.wait(0.6, 1.0)
    d.cut("despair", team=team)
    d.wait(1.3, 1.9)
    if d.chance(0.5):
        d.replay(shot + 10)
    _restart(d, -side * 5.0)


def shot_on(d: Director, team: int) -> None:
    """Shoot at the keeper: he pushes it out; corner."""
    _attack(d, team)
    d.event("Shots on target", team)
    d.caption("ontarget", team, (1.0, 1.4))
    side = goal_side(team, d.number)
    d.now += d.frames(0.4, 0.6)
    d.touch(side * (GOAL_X - 1.0), float(d.rng.uniform(-3, 3)), 1.2, team=1 - team)
    d.sound("gloves")
    d.sound("ooh", 0.05)
    d.now += d.frames(0.4, 0.6)
    end = 1 if d.chance(0.5) else -1
    d.touch(side * (GOAL_X + 0.5), end * float(d.rng.uniform(6, 12)))
    d.event("Ball out of play", 1 - team)
    d.sound("boards", 0.0, 0.9)
    d.wait(0.4, 0.7)
    d.cut("keeper", team=1 - team)
    d.wait(1.3, 2.0)
    corner(d, team, side, end)


def corner(d: Director, team: int, side: int, end: int) -> None:
    """Take the corner: a close view of the flag, clapping, the kick, then the box."""
    shown = d.chance(0.85)
    ready = d.frames(0.9, 1.6)
    d.touch(side * (GOAL_X - 0.3), end * (TOUCH_Y - 0.3))
    d.cut("corner" if shown else "crowd", team=team, mark=d.now + ready)
    d.sound("claps", 0.1, 0.9)
    d.now += ready
    d.touch(side * (GOAL_X - 0.3), end * (TOUCH_Y - 0.3), team=team)
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
    x, end = float(d.rng.uniform(-32, 32)), int(d.rng.choice([-1, 1]))
    d.touch(x - 6.0, end * 22.0, team=team)
    d.now += d.frames(0.6, 0.9)
    d.touch(x, end * TOUCH_Y)
    d.event("Ball out of play", team)
    d.sound("boards")
    d.sound("hush")
    d.touch(x + 1.5, end * (TOUCH_Y + 4), after=10)
    d.wait(0.6, 1.1)
    if d.chance(0.5):
        d.cut("close", team=team)
        d.wait(1.0, 1.4)
    throw_in(d, 1 - team, x, end)


def throw_in(d: Director, team: int, x: float, end: int) -> None:
    """Throw in, seen from the touchline, or under another picture."""
    shown = d.chance(0.8)
    ready = d.frames(1.0, 1.7)
    d.cut("throw" if shown else "close", team=team, mark=d.now + ready)
    d.touch(x, end * (TOUCH_Y + 0.3), 2.0)
    d.now += ready
    d.touch(x, end * (TOUCH_Y + 0.3), 2.0, team=team)
    d.event("Throw-in", team, shown=shown)
    d.sound("throw", level=0.6)
    d.wait(0.5, 0.8)
    d.touch(x * 0.8, end * 22.0, team=team)
    d.wide()


def foul(d: Director, team: int) -> None:
    """Foul by `team`: whistle, the man on the ground, free-kick."""
    _foul(d, team)
    _free_kick(d, 1 - team)


def booked_foul(d: Director, team: int) -> None:
    """Foul with a yellow card."""
    _foul(d, team)
    ready = d.frames(0.7, 1.3)
    d.cut("card", team=team, mark=d.now + ready)
    d.now += ready
    d.event("Yellow card", team)
    if d.chance(0.7):
        d.sound("boo")
    d.caption("yellow", team, (0.2, 0.5))
    d.wait(1.2, 1.7)
    _free_kick(d, 1 - team)


def offside(d: Director, team: int) -> None:
    """Offside: through ball, flag and whistle; the line drawn over the replay."""
    side = goal_side(team, d.number)
    y = float(d.rng.uniform(-18, 18))
    d.touch(side * 14.0, y * 0.5, team=team)
    d.sound("kick", level=0.5)
    d.wait(0.8, 1.1)
    d.touch(side * 36.0, y, team=team)
    d.event("Offside", team)
    d.sound("whistle_double")
    moment = d.now
    d.caption("offside", team, (0.5, 0.8), 2.2)
    d.wait(0.35, 0.6)
    d.cut("flag", team=team, mark=moment)
    d.wait(1.3, 1.8)
    if d.chance(0.5):
        d.replay(moment)
    _restart(d, side * 20.0)


def substitution(d: Director, team: int) -> None:
    """Substitution: the fourth official's board goes up beside the bench."""
    x = d.ball[-1].x
    d.touch(x * 0.9, d.ball[-1].y)
    ready = d.frames(0.6, 1.1)
    d.cut("bench", team=team, mark=d.now + ready)
    d.now += ready
    d.event("Substitution", team)
    if d.chance(0.6):
        d.sound("chime", 0.05)
    d.caption("sub", team, (0.4, 0.8), 2.2)
    d.wait(1.8, 2.4)
    _restart(d, x * 0.6)


def closing(d: Director) -> None:
    """End the half: play, and perhaps the three whistles of half-time."""
    d.play(1.0, 2.5)
    if d.chance(0.6):
        d.sound("whistle_triple")
        d.wait(1.5, 2.0)
        d.cut(str(d.rng.choice(["crowd", "close"])))
        d.wait(0.8, 1.6)


SCENES: dict[str, Scene] = {
    "goal": goal,
    "shot_off": shot_off,
    "shot_on": shot_on,
    "out": out,
    "foul": foul,
    "booked_foul": booked_foul,
    "offside": offside,
    "substitution": substitution,
}


def _attack(d: Director, team: int) -> int:
    """Bring the ball before the goal and shoot; give the frame of the kick."""
    side = goal_side(team, d.number)
    d.touch(side * 24.0, float(d.rng.uniform(-20, 20)), team=team)
    d.wait(0.7, 1.1)
    d.touch(side * 36.0, float(d.rng.uniform(-12, 12)), team=team)
    d.sound("rise", -0.3)
    d.wait(0.6, 0.9)
    d.touch(side * float(d.rng.uniform(37, 42)), d.ball[-1].y * 0.7, team=team)
    d.sound("kick", level=1.2)
    return d.now


def _foul(d: Director, team: int) -> None:
    last = d.ball[-1]
    d.wait(0.3, 0.6)
    d.touch(last.x * 0.9 + 4.0, last.y * 0.8, team=1 - team)
    d.wait(0.5, 0.8)
    d.touch(last.x * 0.9 + 6.0, last.y * 0.8, team=team)
    d.event("Foul", team)
    d.sound("whistle")
    d.wait(0.4, 0.8)
    d.cut("fallen", team=1 - team)
    d.wait(1.4, 2.0)


def _free_kick(d: Director, team: int) -> None:
    shown = d.chance(0.85)
    last = d.ball[-1]
    ready = d.frames(0.9, 1.6)
    d.cut("wall" if shown else "crowd", team=team, mark=d.now + ready)
    d.now += ready
    d.touch(last.x, last.y, team=team)
    d.event("Direct free-kick", team, shown=shown)
    d.sound("whistle_short", -0.25, 0.8)
    d.sound("kick")
    side = goal_side(team, d.number)
    d.touch(float(np.clip(last.x + side * 22.0, -42, 42)), last.y * 0.6, 0.0, after=25)
    d.wait(0.4, 0.8)
    d.wide()
    d.now = max(d.now, d.ball[-1].frame)


def _restart(d: Director, x: float) -> None:
    """Back to the main camera, the ball in play around `x`."""
    d.now = max(d.now, d.ball[-1].frame)
    d.wide()
    d.touch(x, float(d.rng.uniform(-15, 15)), team=int(d.rng.integers(2)))
