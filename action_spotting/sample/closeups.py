"""The shots that do not show the pitch from above: faces, crowd, bench, set pieces.

A close-up draws what stays the same in its shot once. It gives a background 80 px wider than a
frame, the drift over it in px a second, and the function that draws the rest of each frame, told
the seconds since the shot's start and those to its mark.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from action_spotting.sample.people import (
    Look,
    bust,
    disc,
    line,
    make_look,
    person,
    referee_look,
    shape,
)
from action_spotting.sample.pitch import GRASS, HEIGHT, WIDTH
from action_spotting.sample.script import FPS, Club, Colour, Shot

WIDE = WIDTH + 80
WHITE: Colour = (250, 250, 250)

Draw = Callable[[np.ndarray, float, float], None]
Parts = tuple[np.ndarray, float, Draw]


class Closeup(NamedTuple):
    """One shot with what it is drawn from: the clubs, the textures of the stands and boards."""

    rng: np.random.Generator
    shot: Shot
    clubs: tuple[Club, Club]
    crowd: np.ndarray
    boards: np.ndarray

    def frames(self) -> Callable[[int], np.ndarray]:
        """Give the function that draws a frame: BGR, uint8 ``(224, 398, 3)``."""
        back, drift, draw = CLOSEUPS[self.shot.kind](self)

        def at(frame: int) -> np.ndarray:
            t = (frame - self.shot.start) / FPS
            left = round(float(np.clip(40 + drift * t, 0, WIDE - WIDTH)))
            picture = back[:, left : left + WIDTH].copy()
            draw(picture, t, (self.shot.mark - frame) / FPS)
            return picture

        return at

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.rng.uniform(low, high))

    def side(self) -> int:
        """Draw left (-1) or right (1)."""
        return 1 if self.rng.random() < 0.5 else -1

    def look(self, *, opponent: bool = False, keeper: bool = False, number: int = 0) -> Look:
        """Draw the looks of a player of the shot's team, or of the other."""
        club = self.clubs[self.shot.team ^ opponent]
        return make_look(self.rng, club, keeper=keeper, number=number)

    def stands(self, blur: float) -> np.ndarray:
        """Draw the stands out of focus."""
        left = int(self.rng.integers(0, self.crowd.shape[1] - 260))
        top = int(self.rng.integers(0, self.crowd.shape[0] - 130))
        part = self.crowd[top : top + 122, left : left + 260]
        picture = cv2.resize(part, (WIDE, HEIGHT), interpolation=cv2.INTER_LINEAR)
        return cv2.GaussianBlur(picture, (0, 0), blur)

    def touchline(self, horizon: int) -> np.ndarray:
        """Draw stands, boards and grass as seen from the touchline."""
        picture = self.stands(2.5)
        left = int(self.rng.integers(0, self.boards.shape[1] - 300))
        picture[horizon - 36 : horizon] = cv2.resize(self.boards[:, left : left + 300], (WIDE, 36))
        rows = np.arange(horizon, HEIGHT)
        bands = (np.log1p((HEIGHT - horizon) / (rows - horizon + 6)) * 5).astype(int) % 2
        picture[horizon:] = np.array(GRASS, np.uint8)[bands][:, None]
        return picture


def _face(
    scene: Closeup, *, arms: str = "down", keeper: bool = False, excited: float = 0.2
) -> Parts:
    """A player's face; the keeper with the ball in his hands."""
    look, back = scene.look(keeper=keeper, number=int(keeper)), scene.stands(5.0)
    if keeper:
        for x in range(-HEIGHT, WIDE + HEIGHT, 22):
            line(back, (x, 0), (x + HEIGHT, HEIGHT), (225, 228, 225), 1)
            line(back, (x, HEIGHT), (x + HEIGHT, 0), (225, 228, 225), 1)
    size, x0 = scene.between(40, 58), scene.between(150, 250)
    drift, phase = scene.between(-18, 18), scene.between(0, 6)

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        x = x0 + 8 * np.sin(1.7 * t + phase) - drift * t
        y = 108 + (3 + 9 * excited) * np.sin((3 + 6 * excited) * t + phase)
        mouth = excited * (0.6 + 0.4 * float(np.sin(9 * t)))
        bust(picture, x, y, size, look, arms=arms, mouth=mouth)
        if keeper:
            _ball(picture, x + 4, 196, 34, 13, (40, 40, 40))
            for sign in (-1, 1):
                disc(picture, x + 4 + sign * 34, 200, 17, (60, 235, 235))

    return back, drift, draw


def _ball(
    picture: np.ndarray, x: float, y: float, radius: float, patch: float, ink: Colour
) -> None:
    disc(picture, x, y, radius, WHITE)
    disc(picture, x, y, patch, ink)


def _crowd(scene: Closeup) -> Parts:
    """Spectators that jump and wave scarves."""
    rng = scene.rng
    x, row = rng.integers(20, 380, 26), rng.integers(0, 6, 26) * 36 + 40
    looks = [scene.look()._replace(number=0) for _ in range(26)]
    back = scene.stands(1.2)
    phases, speed = rng.uniform(0, 6, 26), scene.between(5, 9)
    raised = rng.random(26) < 0.6

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        for i in np.argsort(row, kind="stable"):
            y = float(row[i] - 5 * abs(np.sin(speed * t / 2 + phases[i])))
            arms = "up" if raised[i] else "down"
            bust(picture, float(x[i]), y, 14.0, looks[i], arms=arms, mouth=0.6)

    return back, 4.0, draw


def _card(scene: Closeup) -> Parts:
    """The referee; the yellow card goes up at the shot's mark."""
    look, back, booked = referee_look(scene.rng), scene.stands(5.0), scene.look()
    size, x, side = scene.between(34, 44), scene.between(170, 220), scene.side()

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        bust(picture, x - side * 4.2 * size, 112, size, booked)
        bust(picture, x, 122, size, look)
        if to_mark <= 1 / FPS:
            hand, wide, high = x + side * 1.7 * size, 0.6 * size, 92.0 - 1.8 * size
            line(
                picture, (x + side * 1.35 * size, 122 + size), (hand, 92.0), look.shirt, 0.5 * size
            )
            corners = [
                (hand - wide, high),
                (hand + wide, high),
                (hand + wide, 92),
                (hand - wide, 92),
            ]
            shape(picture, corners, (20, 225, 252))
            disc(picture, hand, 92.0, 0.3 * size, (120, 160, 210))

    return back, 0.0, draw


def _flag(scene: Closeup) -> Parts:
    """The assistant with the raised flag, red and yellow."""
    look, back = referee_look(scene.rng), scene.touchline(150)
    x, side = scene.between(150, 240), scene.side()

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        person(picture, x, 226, 168, look)
        hand = (x + side * 34.0, 62.0)
        line(picture, (x + side * 20, 92), hand, look.skin, 10)
        left, cell = hand[0] + side * 12, 17
        line(picture, hand, (left, 8.0), (230, 230, 230), 4)
        for i, j in np.ndindex(4, 3):
            x0, y0 = left + side * i * cell, 8.0 + j * cell + 3 * float(np.sin(9 * t - i))
            x1, y1 = x0 + side * cell, y0 + cell
            colour: Colour = (20, 225, 252) if (i + j) % 2 else (30, 40, 235)
            shape(picture, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    return back, 6.0, draw


def _bench(scene: Closeup) -> Parts:
    """The dugout; the fourth official's board goes up at the shot's mark."""
    back = scene.touchline(172)
    cv2.rectangle(back, (20, 40), (WIDTH + 60, 172), (70, 60, 55), -1)
    cv2.rectangle(back, (20, 34), (WIDTH + 60, 48), scene.clubs[scene.shot.team].shirt, -1)
    looks = [scene.look()._replace(number=0) for _ in range(5)]
    official, incoming = referee_look(scene.rng), scene.look()
    numbers = int(scene.rng.integers(2, 12)), int(scene.rng.integers(12, 30))
    inks: tuple[Colour, Colour] = ((40, 40, 255), (60, 255, 60))
    x = scene.between(150, 250)

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        for i, look in enumerate(looks):
            bust(picture, 40 + 80 * i, 118 + 2 * float(np.sin(2 * t + i)), 17, look)
        person(picture, x + 60, 218, 140, incoming, stride=0.4 * float(np.sin(8 * t)))
        raised = to_mark <= 1 / FPS
        person(picture, x, 222, 140, official, arms=float(raised))
        if raised:
            left, right = round(x) - 62, round(x) + 62
            cv2.rectangle(picture, (left, 26), (right, 78), (15, 15, 15), -1)
            cv2.rectangle(picture, (left, 26), (right, 78), (120, 120, 120), 2)
            for at, number, ink in zip((left + 6, left + 66), numbers, inks, strict=True):
                cv2.putText(picture, str(number), (at, 66), cv2.FONT_HERSHEY_DUPLEX, 1.25, ink, 4)

    return back, 5.0, draw


def _fallen(scene: Closeup) -> Parts:
    """A player on the ground, others around him."""
    look, other, mate = scene.look(), scene.look(opponent=True), scene.look()
    x0, phase = scene.between(130, 230), scene.between(0, 6)
    back = np.full((HEIGHT, WIDE, 3), GRASS[0], np.uint8)
    for left in range(-60, WIDE, 150):
        band = [(left, 0), (left + 75, 0), (left + 125, HEIGHT), (left + 30, HEIGHT)]
        cv2.fillConvexPoly(back, np.array(band, np.int32), GRASS[1])
    limbs: tuple[tuple[int, int, int, int, Colour, int], ...] = (
        (40, 0, 75, -26, look.skin, 14),
        (75, -26, 98, 4, look.shirt, 12),
        (40, 4, 110, 10, look.skin, 14),
        (12, 0, 44, 2, look.shorts, 34),
        (-38, -2, 6, 0, look.shirt, 38),
        (-20, -8, 30, -24, look.skin, 10),
    )

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        person(picture, x0 - 95, 150, 140, other, arms=0.5)
        person(picture, x0 + 150, 120, 125, mate, stride=float(np.sin(2 * t)))
        x, y = x0 + 4 * float(np.sin(5 * t + phase)), 185.0
        for left, top, right, bottom, colour, thick in limbs:
            line(picture, (x + left, y + top), (x + right, y + bottom), colour, thick)
        disc(picture, x - 72, y - 4, 17, look.skin)
        disc(picture, x - 77, y - 8, 14, look.hair)

    return back, 8.0, draw


def _throw(scene: Closeup) -> Parts:
    """A player at the touchline; the ball leaves his hands at the shot's mark."""
    look, back = scene.look(), scene.touchline(120)
    shape(back, [(0, 204), (WIDE, 204), (WIDE, 212), (0, 212)], (235, 240, 238))
    x, side = scene.between(140, 260), scene.side()

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        flown = max(0.0, -to_mark)
        person(picture, x, 210, 172, look, arms=1.0 if flown < 0.2 else 0.4)
        y = 34 - 90 * flown + 240 * flown**2
        _ball(picture, x + side * 520 * flown, y, 15, 6, (50, 50, 50))

    return back, 0.0, draw


def _wall(scene: Closeup) -> Parts:
    """The wall of defenders, the taker before it; he kicks at the shot's mark."""
    back = scene.touchline(96)
    count, left = int(scene.rng.integers(4, 6)), scene.between(150, 190)
    defenders = [scene.look(opponent=True) for _ in range(count)]
    taker, ball_x = scene.look(), scene.between(80, 110)

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        for i, look in enumerate(defenders):
            jump = 10.0 if -0.4 < to_mark < -0.05 else 0.0
            person(picture, left + 36 * i, 150 - jump, 96, look)
        run, flown = float(np.clip(to_mark, 0, 0.8)) * 70, max(0.0, -to_mark)
        disc(picture, ball_x + 420 * flown, 196 - 330 * flown, 11 - 6 * min(1, flown), WHITE)
        person(picture, ball_x - 26 - run, 214, 150, taker, stride=_run_up(to_mark))

    return back, 0.0, draw


def _run_up(to_mark: float) -> float:
    """The phase of the legs of who kicks at the mark."""
    return 14 * to_mark if to_mark > 0 else 1.6


def _corner(scene: Closeup) -> Parts:
    """The corner flag in front, the taker behind it; he kicks at the shot's mark."""
    back, look, side = scene.touchline(110), scene.look(), scene.side()
    flag_x = WIDTH / 2 - side * scene.between(70, 110)
    centre = (round(flag_x) + 40, 206)
    cv2.ellipse(back, centre, (120, 22), 0, 180, 360, (235, 240, 238), 4, cv2.LINE_AA)
    shape(back, [(0, 204), (WIDE, 204), (WIDE, 210), (0, 210)], (235, 240, 238))

    def draw(picture: np.ndarray, t: float, to_mark: float) -> None:
        run, flown = float(np.clip(to_mark, 0, 0.9)) * 90, max(0.0, -to_mark)
        disc(picture, flag_x + side * (22 + 500 * flown), 196 - 420 * flown, 10, WHITE)
        person(picture, flag_x + side * (62 + run), 204, 128, look, stride=_run_up(to_mark))
        wave = 5 * float(np.sin((scene.shot.start + round(t * FPS)) / 2.5))
        line(picture, (flag_x, 214), (flag_x, 40), (240, 240, 240), 5)
        cloth = [(flag_x, 40), (flag_x - side * 62, 56 + wave), (flag_x, 88)]
        shape(picture, cloth, (30, 130, 250))

    return back, 0.0, draw


CLOSEUPS: dict[str, Callable[[Closeup], Parts]] = {
    "close": _face,
    "despair": partial(_face, arms="head", excited=0.1),
    "celebrate": partial(_face, arms="up", excited=1.0),
    "keeper": partial(_face, keeper=True),
    "crowd": _crowd,
    "card": _card,
    "flag": _flag,
    "bench": _bench,
    "fallen": _fallen,
    "throw": _throw,
    "wall": _wall,
    "corner": _corner,
}
"""The shots that are not of the pitch, by kind."""
