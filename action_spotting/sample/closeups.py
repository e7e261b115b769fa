"""The shots that do not show the pitch from above: faces, crowd, bench, set pieces.

Each drawer takes the shot's own random generator once, draws what stays the same in the shot, and
gives the function that draws a frame of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from action_spotting.sample.people import bust, disc, figure, line, make_look, referee_look, shape
from action_spotting.sample.pitch import GRASS, HEIGHT, WIDTH
from action_spotting.sample.script import FPS, Club, Colour, Shot

Clubs = tuple[Club, Club]
Drawer = Callable[[int], np.ndarray]


class Scenery(NamedTuple):
    """What stands behind people: the textures of the stands and the boards."""

    crowd: np.ndarray
    boards: np.ndarray


def _stands(rng: np.random.Generator, scenery: Scenery, blur: float) -> np.ndarray:
    """Draw the stands out of focus; 80 px wider than a frame, to be panned over."""
    left = int(rng.integers(0, scenery.crowd.shape[1] - 260))
    top = int(rng.integers(0, scenery.crowd.shape[0] - 130))
    part = scenery.crowd[top : top + 122, left : left + 260]
    picture = cv2.resize(part, (WIDTH + 80, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(picture, (0, 0), blur)


def _touchline(rng: np.random.Generator, scenery: Scenery, horizon: int) -> np.ndarray:
    """Draw stands, boards and grass as seen from the touchline; 80 px wider than a frame."""
    picture = _stands(rng, scenery, 2.5)
    left = int(rng.integers(0, scenery.boards.shape[1] - 300))
    boards = cv2.resize(scenery.boards[:, left : left + 300], (WIDTH + 80, 36))
    picture[horizon - 36 : horizon] = boards
    dark, light = np.array(GRASS, float)
    for row in range(horizon, HEIGHT):
        band = int(np.log1p((HEIGHT - horizon) / (row - horizon + 6)) * 5) % 2
        picture[row] = light if band else dark
    return picture


def _pan(wide: np.ndarray, drift: float, seconds: float) -> np.ndarray:
    """Cut a frame from a wider picture; it drifts by `drift` px a second."""
    left = round(float(np.clip(40 + drift * seconds, 0, wide.shape[1] - WIDTH)))
    return wide[:, left : left + WIDTH].copy()


def _face(
    *, arms: str = "down", keeper: bool = False, excited: float = 0.2
) -> Callable[[np.random.Generator, Shot, Clubs, Scenery], Drawer]:
    """Make the drawer of a player's close-up."""

    def start(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
        look = make_look(rng, clubs[shot.team], keeper=keeper, number=1 if keeper else 0)
        back = _stands(rng, scenery, 5.0)
        if keeper:
            _net(back)
        size, x0 = float(rng.uniform(40, 58)), float(rng.uniform(150, 250))
        drift, phase = float(rng.uniform(-18, 18)), float(rng.uniform(0, 6))

        def draw(frame: int) -> np.ndarray:
            t = (frame - shot.start) / FPS
            picture = _pan(back, drift, t)
            x = x0 + 8 * np.sin(1.7 * t + phase) - drift * t
            y = 108 + (3 + 9 * excited) * np.sin((3 + 6 * excited) * t + phase)
            mouth = excited * (0.6 + 0.4 * float(np.sin(9 * t)))
            bust(picture, x, y, size, look, arms=arms, mouth=mouth)
            if keeper:
                disc(picture, x + 4, 196, 34, (250, 250, 250))
                disc(picture, x + 4, 196, 13, (40, 40, 40))
                for sign in (-1, 1):
                    disc(picture, x + 4 + sign * 34, 200, 17, (60, 235, 235))
            return picture

        return draw

    return start


def _net(picture: np.ndarray) -> None:
    for x in range(-HEIGHT, picture.shape[1] + HEIGHT, 22):
        line(picture, (x, 0), (x + HEIGHT, HEIGHT), (225, 228, 225), 1)
        line(picture, (x, HEIGHT), (x + HEIGHT, 0), (225, 228, 225), 1)


def _crowd(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """Spectators that jump and wave scarves."""
    fans = rng.integers(20, 380, 26), rng.integers(0, 6, 26) * 36 + 40
    looks = [make_look(rng, clubs[shot.team], number=0)._replace(number=0) for _ in range(26)]
    back = _stands(rng, scenery, 1.2)
    phases, speed = rng.uniform(0, 6, 26), float(rng.uniform(5, 9))
    order = np.argsort(fans[1], kind="stable")
    raised = rng.random(26) < 0.6

    def draw(frame: int) -> np.ndarray:
        t = (frame - shot.start) / FPS
        picture = _pan(back, 4.0, t)
        for i in order:
            y = float(fans[1][i] - 5 * abs(np.sin(speed * t / 2 + phases[i])))
            arms = "up" if raised[i] else "down"
            bust(picture, float(fans[0][i]), y, 14.0, looks[i], arms=arms, mouth=0.6)
        return picture

    return draw


def _card(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """The referee; the yellow card goes up at the shot's mark."""
    look, back = referee_look(rng), _stands(rng, scenery, 5.0)
    booked = make_look(rng, clubs[shot.team])
    size, x = float(rng.uniform(34, 44)), float(rng.uniform(170, 220))
    side = 1 if rng.random() < 0.5 else -1

    def draw(frame: int) -> np.ndarray:
        t = (frame - shot.start) / FPS
        picture = _pan(back, 0.0, t)
        bust(picture, x - side * 4.2 * size, 112, size, booked)
        bust(picture, x, 122, size, look)
        if frame >= shot.mark - 1:
            hand = (x + side * 1.7 * size, 92.0)
            line(picture, (x + side * 1.35 * size, 122 + size), hand, look.shirt, 0.5 * size)
            _held_card(picture, hand[0], hand[1], size)
        return picture

    return draw


def _held_card(picture: np.ndarray, x: float, y: float, size: float) -> None:
    wide, high = 0.6 * size, 1.8 * size
    corners = [(x - wide, y - high), (x + wide, y - high), (x + wide, y), (x - wide, y)]
    shape(picture, corners, (20, 225, 252))
    disc(picture, x, y, 0.3 * size, (120, 160, 210))


def _flag(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """The assistant with the raised flag, red and yellow."""
    look, back = referee_look(rng), _touchline(rng, scenery, 150)
    x, side = float(rng.uniform(150, 240)), 1 if rng.random() < 0.5 else -1

    def draw(frame: int) -> np.ndarray:
        t = (frame - shot.start) / FPS
        picture = _pan(back, 6.0, t)
        figure(picture, x, 226, 168, look)
        hand = (x + side * 34.0, 62.0)
        line(picture, (x + side * 20, 92), hand, look.skin, 10)
        tip = (hand[0] + side * 12, 8.0)
        line(picture, hand, tip, (230, 230, 230), 4)
        _chequered(picture, tip, side, t)
        return picture

    return draw


def _chequered(picture: np.ndarray, tip: tuple[float, float], side: int, t: float) -> None:
    cell = 17
    for i in range(4):
        for j in range(3):
            wave = 3 * float(np.sin(9 * t - i))
            x, y = tip[0] + side * i * cell, tip[1] + j * cell + wave
            colour: Colour = (20, 225, 252) if (i + j) % 2 else (30, 40, 235)
            corners = [(x, y), (x + side * cell, y), (x + side * cell, y + cell), (x, y + cell)]
            shape(picture, corners, colour)


def _bench(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """The dugout; the fourth official's board goes up at the shot's mark."""
    back = _touchline(rng, scenery, 172)
    cv2.rectangle(back, (20, 40), (WIDTH + 60, 172), (70, 60, 55), -1)
    cv2.rectangle(back, (20, 34), (WIDTH + 60, 48), clubs[shot.team].shirt, -1)
    looks = [make_look(rng, clubs[shot.team])._replace(number=0) for _ in range(5)]
    official, incoming = referee_look(rng), make_look(rng, clubs[shot.team])
    numbers = int(rng.integers(2, 12)), int(rng.integers(12, 30))
    x = float(rng.uniform(150, 250))

    def draw(frame: int) -> np.ndarray:
        t = (frame - shot.start) / FPS
        picture = _pan(back, 5.0, t)
        for i, look in enumerate(looks):
            bust(picture, 40 + 80 * i, 118 + 2 * float(np.sin(2 * t + i)), 17, look)
        figure(picture, x + 60, 218, 140, incoming, stride=0.4 * float(np.sin(8 * t)))
        raised = frame >= shot.mark - 1
        figure(picture, x, 222, 140, official, arms=1.0 if raised else 0.0)
        if raised:
            _number_board(picture, round(x), 26, numbers)
        return picture

    return draw


def _number_board(picture: np.ndarray, x: int, y: int, numbers: tuple[int, int]) -> None:
    cv2.rectangle(picture, (x - 62, y), (x + 62, y + 52), (15, 15, 15), -1)
    cv2.rectangle(picture, (x - 62, y), (x + 62, y + 52), (120, 120, 120), 2)
    inks: tuple[Colour, Colour] = ((40, 40, 255), (60, 255, 60))
    for i, (number, ink) in enumerate(zip(numbers, inks, strict=True)):
        place = (x - 56 + 60 * i, y + 40)
        cv2.putText(picture, str(number), place, cv2.FONT_HERSHEY_DUPLEX, 1.25, ink, 4)


def _fallen(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """A player on the ground, others around him."""
    look, other = make_look(rng, clubs[shot.team]), make_look(rng, clubs[1 - shot.team])
    mate = make_look(rng, clubs[shot.team])
    x, phase = float(rng.uniform(130, 230)), float(rng.uniform(0, 6))
    back = np.empty((HEIGHT, WIDTH + 80, 3), np.uint8)
    back[:] = GRASS[0]
    for start in range(-60, WIDTH + 80, 150):
        band = np.array(
            [(start, 0), (start + 75, 0), (start + 125, HEIGHT), (start + 30, HEIGHT)], np.int32
        )
        cv2.fillConvexPoly(back, band, GRASS[1])

    def draw(frame: int) -> np.ndarray:
        t = (frame - shot.start) / FPS
        picture = _pan(back, 8.0, t)
        figure(picture, x - 95, 150, 140, other, arms=0.5)
        figure(picture, x + 150, 120, 125, mate, stride=float(np.sin(2 * t)))
        roll = 4 * float(np.sin(5 * t + phase))
        _lying(picture, x + roll, 185.0, look)
        return picture

    return draw


def _lying(picture: np.ndarray, x: float, y: float, look) -> None:
    line(picture, (x + 40, y), (x + 75, y - 26), look.skin, 14)
    line(picture, (x + 75, y - 26), (x + 98, y + 4), look.shirt, 12)
    line(picture, (x + 40, y + 4), (x + 110, y + 10), look.skin, 14)
    line(picture, (x + 12, y), (x + 44, y + 2), look.shorts, 34)
    line(picture, (x - 38, y - 2), (x + 6, y), look.shirt, 38)
    line(picture, (x - 20, y - 8), (x + 30, y - 24), look.skin, 10)
    disc(picture, x - 72, y - 4, 17, look.skin)
    disc(picture, x - 77, y - 8, 14, look.hair)


def _throw(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """A player at the touchline; the ball leaves his hands at the shot's mark."""
    look, back = make_look(rng, clubs[shot.team]), _touchline(rng, scenery, 120)
    shape(back, [(0, 204), (WIDTH + 80, 204), (WIDTH + 80, 212), (0, 212)], (235, 240, 238))
    x, side = float(rng.uniform(140, 260)), 1 if rng.random() < 0.5 else -1

    def draw(frame: int) -> np.ndarray:
        t = (frame - shot.start) / FPS
        picture = _pan(back, 0.0, t)
        flown = max(0, frame - shot.mark) / FPS
        figure(picture, x, 210, 172, look, arms=1.0 if flown < 0.2 else 0.4)
        ball_x = x + side * 520 * flown
        disc(picture, ball_x, 34 - 90 * flown + 240 * flown**2, 15, (250, 250, 250))
        disc(picture, ball_x, 34 - 90 * flown + 240 * flown**2, 6, (50, 50, 50))
        return picture

    return draw


def _wall(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """The wall of defenders, the taker before it; he kicks at the shot's mark."""
    back = _touchline(rng, scenery, 96)
    count, left = int(rng.integers(4, 6)), float(rng.uniform(150, 190))
    defenders = [make_look(rng, clubs[1 - shot.team]) for _ in range(count)]
    taker = make_look(rng, clubs[shot.team])
    ball_x = float(rng.uniform(80, 110))

    def draw(frame: int) -> np.ndarray:
        to_kick = (shot.mark - frame) / FPS
        picture = _pan(back, 0.0, 0.0)
        for i, look in enumerate(defenders):
            jump = 10.0 if -0.4 < to_kick < -0.05 else 0.0
            figure(picture, left + 36 * i, 150 - jump, 96, look)
        run = float(np.clip(to_kick, 0, 0.8)) * 70
        flown = max(0.0, -to_kick)
        disc(picture, ball_x + 420 * flown, 196 - 330 * flown, 11 - 6 * min(1, flown), (250,) * 3)
        stride = 14 * to_kick if to_kick > 0 else 1.6
        figure(picture, ball_x - 26 - run, 214, 150, taker, stride=stride)
        return picture

    return draw


def _corner(rng: np.random.Generator, shot: Shot, clubs: Clubs, scenery: Scenery) -> Drawer:
    """The corner flag in front, the taker behind it; he kicks at the shot's mark."""
    back, look = _touchline(rng, scenery, 110), make_look(rng, clubs[shot.team])
    side = 1 if rng.random() < 0.5 else -1
    flag_x = WIDTH / 2 - side * float(rng.uniform(70, 110))
    centre = (round(flag_x) + 40, 206)
    cv2.ellipse(back, centre, (120, 22), 0, 180, 360, (235, 240, 238), 4, cv2.LINE_AA)
    shape(back, [(0, 204), (WIDTH + 80, 204), (WIDTH + 80, 210), (0, 210)], (235, 240, 238))

    def draw(frame: int) -> np.ndarray:
        to_kick = (shot.mark - frame) / FPS
        picture = _pan(back, 0.0, 0.0)
        run = float(np.clip(to_kick, 0, 0.9)) * 90
        flown = max(0.0, -to_kick)
        ball = (flag_x + side * (22 + 500 * flown), 196 - 420 * flown)
        disc(picture, ball[0], ball[1], 10, (250, 250, 250))
        stride = 14 * to_kick if to_kick > 0 else 1.6
        figure(picture, flag_x + side * (62 + run), 204, 128, look, stride=stride)
        wave = 5 * float(np.sin(frame / 2.5))
        line(picture, (flag_x, 214), (flag_x, 40), (240, 240, 240), 5)
        cloth = [(flag_x, 40), (flag_x - side * 62, 56 + wave), (flag_x, 88)]
        shape(picture, cloth, (30, 130, 250))
        return picture

    return draw


DRAWERS: dict[str, Callable[[np.random.Generator, Shot, Clubs, Scenery], Drawer]] = {
    "close": _face(),
    "despair": _face(arms="head", excited=0.1),
    "celebrate": _face(arms="up", excited=1.0),
    "keeper": _face(keeper=True),
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
