"""Writes down what a scene shows: cuts, events, sounds and captions, frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from action_spotting.sample.script import (
    FPS,
    GOAL_X,
    NOBODY,
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

Span = tuple[float, float]


class Director:
    """Writes a half's script, scene after scene; `now` is the frame reached so far."""

    def __init__(self, rng: np.random.Generator, number: int, score: tuple[int, int]) -> None:
        self.rng, self.number, self.now = rng, number, 0
        self.goals = list(score)
        self.events: list[Event] = []
        self.shots: list[Shot] = []
        self.graphics: list[Graphic] = []
        self.sounds: list[Sound] = []
        self.ball: list[BallKey] = [BallKey(0, 0.0, 0.0)]
        self.scores: list[Score] = [Score(0, *score)]
        self.lineups: list[int] = []

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return bool(self.rng.random() < probability)

    def frames(self, low_s: float, high_s: float) -> int:
        """Draw a duration, in frames."""
        return round(self.rng.uniform(low_s, high_s) * FPS)

    def wait(self, low_s: float, high_s: float) -> None:
        """Let time pass."""
        self.now += self.frames(low_s, high_s)

    def cut(self, kind: str, **given: Any) -> None:
        """Cut to a shot of `kind` now; see `Shot`."""
        self.shots.append(Shot(self.now, kind, **given))

    def show(self, kind: str, team: int, length_s: Span, mark: int = 0) -> None:
        """Cut to a shot of `kind` and let it last."""
        self.cut(kind, team=team, mark=mark)
        self.wait(*length_s)

    def show_until(self, kind: str, team: int, wait_s: Span) -> None:
        """Cut to a shot of `kind` and wait for what it shows."""
        ready = self.frames(*wait_s)
        self.cut(kind, team=team, mark=self.now + ready)
        self.now += ready

    def wide(self) -> None:
        """Cut to the main camera."""
        self.cut("wide", zoom=self.between(0.75, 0.98))

    def event(self, label: str, team: int, *, shown: bool = True) -> None:
        """Something annotated happens now."""
        self.events.append(Event(self.now, label, team, shown))

    def sound(self, kind: str, delay_s: float = 0.0, level: float = 1.0) -> None:
        """Something is heard now, or `delay_s` later; left or right as the ball lies."""
        level *= self.between(0.8, 1.15)
        pan = 0.6 * self.ball[-1].x / GOAL_X
        self.sounds.append(Sound(self.now + round(delay_s * FPS), kind, level, pan))

    def caption(self, kind: str, team: int, delay_s: Span, length_s: float = 1.8) -> None:
        """Show a caption after a delay."""
        start = self.now + self.frames(*delay_s)
        self.graphics.append(Graphic(start, start + round(length_s * FPS), kind, team))

    def touch(self, x: float, y: float, z: float = 0.0, team: int = NOBODY, after: int = 0) -> None:
        """Have the ball at a place now, or `after` frames from now."""
        self.ball.append(BallKey(self.now + after, x, y, z, team))

    def side(self, team: int) -> int:
        """Give the sign of x of the goal that `team` attacks."""
        return goal_side(team, self.number)

    def replay(self, moment: int) -> None:
        """Show what happened around frame `moment` again, slowly, between two wipes."""
        length, rate = self.frames(2.2, 3.0), 0.6
        source = max(0, moment + 12 - round(length * rate))
        self.cut("replay", source=source, rate=rate, zoom=self.between(1.0, 1.3))
        for frame in (self.now, self.now + length):
            self.graphics.append(Graphic(frame - WIPE // 2, frame + WIPE // 2, "wipe"))
        self.now += length

    def play(self, low_s: float, high_s: float) -> None:
        """Open play: passes, now and then something that looks or sounds like an event."""
        end = self.now + self.frames(low_s, high_s)
        team = int(self.rng.integers(2))
        while self.now < end:
            self._pass(team)
            team = 1 - team if self.chance(0.25) else team
            if self.chance(0.14):
                kind = str(self.rng.choice(ASIDES))
                self.cut(kind, team=int(self.rng.integers(2)), mark=NEVER, zoom=2.0)
                self.wait(0.9, 1.5)
                self.wide()
            if self.chance(0.14):
                self.sound(str(self.rng.choice(NOISES)), 0.2)
            self.wait(0.6, 1.3)

    def _pass(self, team: int) -> None:
        last, step = self.ball[-1], self.rng.normal(0, 11, 2)
        x = float(np.clip(0.92 * last.x + step[0], -40, 40))
        y = float(np.clip(0.85 * last.y + step[1], -27, 27))
        self.touch(x, y, team=team)
        if self.chance(0.6):
            self.sound("kick", level=0.35)

    def script(
        self, seed: tuple[int, ...], clubs: tuple[Club, Club], clock_s: int, *, from_start: bool
    ) -> HalfScript:
        """Close the book: everything up to `now`, in order."""
        shots = {shot.start: shot for shot in self.shots if shot.start < self.now}
        ball = {key.frame: key for key in sorted(self.ball)}
        clock_from = self.lineups[0] if from_start else 0
        lists = (self.graphics, self.sounds, ball.values(), self.scores, self.lineups)
        told: Any = [tuple(entries) for entries in (self.events, shots.values(), *lists)]
        return HalfScript(seed, clubs, self.number, self.now, clock_s, clock_from, *told)


Span = tuple[float, float]
"""Shortest and longest time, in seconds."""
