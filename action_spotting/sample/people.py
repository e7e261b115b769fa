"""People drawn with a few strokes: small on the pitch, large in the close shots."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from action_spotting.sample.script import Club, Colour, colours

REFEREE: Colour = (35, 30, 28)
SKINS = colours("96b9e1 78a0d2 5a7daf 3c557d 2d3c5a")
HAIRS = colours("19191e 283c5a 5a96be 3c4650")
_SHIFT = 4
_ONE = 1 << _SHIFT

Point = tuple[float, float]


class Look(NamedTuple):
    """How one person looks."""

    shirt: Colour
    shorts: Colour
    skin: Colour
    hair: Colour
    number: int


def make_look(
    rng: np.random.Generator, club: Club, *, keeper: bool = False, number: int = 0
) -> Look:
    """Draw the looks of a player of `club`; his number too where none is given."""
    shirt, shorts = (club.keeper, (40, 40, 40)) if keeper else (club.shirt, club.shorts)
    return Look(shirt, shorts, *_skin_and_hair(rng), number or int(rng.integers(2, 30)))


def referee_look(rng: np.random.Generator) -> Look:
    """Draw the looks of a referee."""
    return Look(REFEREE, REFEREE, *_skin_and_hair(rng), 0)


def _skin_and_hair(rng: np.random.Generator) -> tuple[Colour, Colour]:
    return SKINS[int(rng.integers(len(SKINS)))], HAIRS[int(rng.integers(len(HAIRS)))]


def line(picture: np.ndarray, a: Point, b: Point, colour: Colour, thick: float) -> None:
    """Draw a smooth line between points in fractions of pixels."""
    start, end = (round(a[0] * _ONE), round(a[1] * _ONE)), (round(b[0] * _ONE), round(b[1] * _ONE))
    cv2.line(picture, start, end, colour, max(1, round(thick)), cv2.LINE_AA, _SHIFT)


def disc(picture: np.ndarray, x: float, y: float, radius: float, colour: Colour) -> None:
    """Draw a smooth filled circle."""
    centre = (round(x * _ONE), round(y * _ONE))
    cv2.circle(picture, centre, round(radius * _ONE), colour, -1, cv2.LINE_AA, _SHIFT)


def shape(picture: np.ndarray, points: list[Point], colour: Colour) -> None:
    """Draw a smooth filled convex polygon."""
    corners = np.round(np.array(points) * _ONE).astype(np.int32)
    cv2.fillConvexPoly(picture, corners, colour, cv2.LINE_AA, _SHIFT)


def _symmetric(picture: np.ndarray, x: float, sides: list[Point], colour: Colour) -> None:
    """Draw a shape that is the same left and right of `x`: half its width at each height."""
    left, right = [(x - w, y) for w, y in sides], [(x + w, y) for w, y in sides]
    shape(picture, [*left[:1], *right, *left[:0:-1]], colour)


def _oval(
    picture: np.ndarray,
    centre: Point,
    axes: Point,
    colour: Colour,
    span: tuple[int, int] = (0, 360),
    kind: int = cv2.LINE_AA,
) -> None:
    """Draw a filled ellipse, or the part of it between two angles, on whole pixels."""
    place, size = (round(centre[0]), round(centre[1])), (round(axes[0]), max(1, round(axes[1])))
    cv2.ellipse(picture, place, size, 0, *span, colour, -1, kind)


def person(
    picture: np.ndarray,
    x: float,
    y: float,
    height: float,
    look: Look,
    *,
    stride: float = 0.0,
    arms: float = 0.0,
) -> None:
    """Draw a whole person with the feet at `x`, `y`.

    `stride` is the phase of the running legs, `arms` lifts the arms from 0 (down) to 1 (up).
    """
    h, swing, wide = height, 0.13 * height * math.sin(stride), 0.13 * height
    _oval(picture, (x + 0.12 * h, y), (0.24 * h, 0.06 * h), (32, 84, 40), kind=cv2.LINE_8)
    hip, neck = y - 0.46 * h, y - 0.82 * h
    for sign in (-1, 1):
        knee = (x + sign * swing, y - 0.2 * h)
        foot = (x + sign * swing * 1.2 + sign * 0.03 * h, y)
        line(picture, (x + sign * 0.05 * h, hip), knee, look.skin, 0.09 * h)
        line(picture, knee, foot, look.shirt, 0.08 * h)
    shorts = [(wide, hip - 0.06 * h), (wide * 1.1, hip + 0.13 * h)]
    _symmetric(picture, x, shorts, look.shorts)
    for sign in (-1, 1):
        hand = (x + sign * 0.2 * h - sign * swing * 0.3, neck + 0.36 * h * (1 - 2 * arms))
        line(picture, (x + sign * wide, neck + 0.04 * h), hand, look.skin, 0.07 * h)
    _symmetric(picture, x, [(wide * 1.15, neck), (wide * 0.95, hip)], look.shirt)
    disc(picture, x, y - 0.91 * h, 0.085 * h, look.skin)
    if h > 40:
        _oval(picture, (x, y - 0.925 * h), (0.088 * h, 0.085 * h), look.hair, (180, 360))


def bust(
    picture: np.ndarray,
    x: float,
    y: float,
    size: float,
    look: Look,
    *,
    arms: str = "down",
    mouth: float = 0.0,
) -> None:
    """Draw a person from the chest up, the chin at `x`, `y`, the head about `size` px wide.

    `arms` is "down", "up" (cheering) or "head" (hands on the head); `mouth` opens from 0 to 1.
    """
    s, skin, shirt = size, look.skin, look.shirt
    torso = [(0.55 * s, y + 0.3 * s), (1.45 * s, y + 0.8 * s), (1.35 * s, y + 4.0 * s)]
    _symmetric(picture, x, torso, shirt)
    for sign in (-1, 1):
        _arm(picture, (x, y), sign, s, look, arms)
    _symmetric(picture, x, [(0.3 * s, y - 0.3 * s), (0.4 * s, y + 0.45 * s)], skin)
    _head(picture, x, y, s, look, mouth)
    if look.number:
        text, scale = str(look.number), s / 34
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
        ink = (240, 240, 240) if sum(shirt) < 420 else (40, 30, 30)
        place = (round(x - width / 2), round(y + 1.9 * s))
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, ink, 2, cv2.LINE_AA)


def _arm(picture: np.ndarray, chin: Point, sign: int, s: float, look: Look, arms: str) -> None:
    sleeve = _darker(look.shirt, 0.7)
    x, y = chin[0] + sign * 1.3 * s, chin[1] + 0.95 * s
    if arms == "down":
        line(picture, (x, y), (x + sign * 0.25 * s, y + 2.8 * s), sleeve, 0.6 * s)
        return
    elbow = (x + sign * 0.75 * s, y - (0.9 if arms == "up" else 0.5) * s)
    hand = (chin[0] + sign * (1.7 if arms == "up" else 0.45) * s, chin[1] - 1.5 * s)
    line(picture, elbow, hand, look.skin, 0.36 * s)
    line(picture, (x, y), elbow, sleeve, 0.55 * s)
    disc(picture, *hand, 0.26 * s, look.skin)


def _head(picture: np.ndarray, x: float, y: float, s: float, look: Look, mouth: float) -> None:
    _oval(picture, (x, y - 0.55 * s), (0.52 * s, 0.7 * s), look.skin)
    _oval(picture, (x, y - 0.78 * s), (0.56 * s, 0.56 * s), look.hair, (185, 355))
    for sign in (-1, 1):
        disc(picture, x + sign * 0.2 * s, y - 0.55 * s, 0.07 * s, (245, 245, 245))
        disc(picture, x + sign * 0.2 * s, y - 0.55 * s, 0.045 * s, (30, 25, 25))
    nose = (x + 0.05 * s, y - 0.3 * s)
    line(picture, (x, y - 0.5 * s), nose, _darker(look.skin, 0.75), 0.06 * s)
    _oval(picture, (x, y - 0.12 * s), (0.17 * s, (0.03 + 0.14 * mouth) * s), (60, 50, 130))


def _darker(colour: Colour, share: float) -> Colour:
    return int(colour[0] * share), int(colour[1] * share), int(colour[2] * share)
