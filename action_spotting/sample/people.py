"""People drawn with a few strokes: small on the pitch, large in the close shots."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from action_spotting.sample.script import Club, Colour

REFEREE: Colour = (35, 30, 28)
SKINS: tuple[Colour, ...] = (
    (150, 185, 225),
    (120, 160, 210),
    (90, 125, 175),
    (60, 85, 125),
    (45, 60, 90),
)
HAIRS: tuple[Colour, ...] = ((25, 25, 30), (40, 60, 90), (90, 150, 190), (60, 70, 80))
_SHIFT = 4
_ONE = 1 << _SHIFT


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
    return Look(
        club.keeper if keeper else club.shirt,
        (40, 40, 40) if keeper else club.shorts,
        SKINS[int(rng.integers(len(SKINS)))],
        HAIRS[int(rng.integers(len(HAIRS)))],
        number or int(rng.integers(2, 30)),
    )


def referee_look(rng: np.random.Generator) -> Look:
    """Draw the looks of a referee."""
    skin, hair = SKINS[int(rng.integers(len(SKINS)))], HAIRS[int(rng.integers(len(HAIRS)))]
    return Look(REFEREE, REFEREE, skin, hair, 0)


def line(
    picture: np.ndarray,
    a: tuple[float, float],
    b: tuple[float, float],
    colour: Colour,
    thick: float,
) -> None:
    """Draw a smooth line between points in fractions of pixels."""
    start, end = (round(a[0] * _ONE), round(a[1] * _ONE)), (round(b[0] * _ONE), round(b[1] * _ONE))
    cv2.line(picture, start, end, colour, max(1, round(thick)), cv2.LINE_AA, _SHIFT)


def disc(picture: np.ndarray, x: float, y: float, radius: float, colour: Colour) -> None:
    """Draw a smooth filled circle."""
    centre = (round(x * _ONE), round(y * _ONE))
    cv2.circle(picture, centre, round(radius * _ONE), colour, -1, cv2.LINE_AA, _SHIFT)


def shape(picture: np.ndarray, points: list[tuple[float, float]], colour: Colour) -> None:
    """Draw a smooth filled convex polygon."""
    corners = np.round(np.array(points) * _ONE).astype(np.int32)
    cv2.fillConvexPoly(picture, corners, colour, cv2.LINE_AA, _SHIFT)


def figure(
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
    h, swing = height, 0.13 * height * math.sin(stride)
    ground = (round(x + 0.12 * h), round(y))
    shade = (round(0.24 * h), max(1, round(0.06 * h)))
    cv2.ellipse(picture, ground, shade, 0, 0, 360, (32, 84, 40), -1, cv2.LINE_8)
    hip, neck = y - 0.46 * h, y - 0.82 * h
    for sign in (-1, 1):
        knee = (x + sign * swing, y - 0.2 * h)
        foot = (x + sign * swing * 1.2 + sign * 0.03 * h, y)
        line(picture, (x + sign * 0.05 * h, hip), knee, look.skin, 0.09 * h)
        line(picture, knee, foot, look.shirt, 0.08 * h)
    wide = 0.13 * h
    shape(
        picture,
        [
            (x - wide, hip - 0.06 * h),
            (x + wide, hip - 0.06 * h),
            (x + wide * 1.1, hip + 0.13 * h),
            (x - wide * 1.1, hip + 0.13 * h),
        ],
        look.shorts,
    )
    for sign in (-1, 1):
        lift = 0.36 * h * (1 - 2 * arms)
        hand = (x + sign * 0.2 * h - sign * swing * 0.3, neck + lift)
        line(picture, (x + sign * wide, neck + 0.04 * h), hand, look.skin, 0.07 * h)
    shape(
        picture,
        [
            (x - wide * 1.15, neck),
            (x + wide * 1.15, neck),
            (x + wide * 0.95, hip),
            (x - wide * 0.95, hip),
        ],
        look.shirt,
    )
    disc(picture, x, y - 0.91 * h, 0.085 * h, look.skin)
    if h > 40:
        centre = (round(x), round(y - 0.925 * h))
        axes = (round(0.088 * h), round(0.085 * h))
        cv2.ellipse(picture, centre, axes, 0, 180, 360, look.hair, -1, cv2.LINE_AA)


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
    dark = (int(shirt[0] * 0.7), int(shirt[1] * 0.7), int(shirt[2] * 0.7))
    bottom = y + 4.0 * s
    shape(
        picture,
        [
            (x - 0.55 * s, y + 0.3 * s),
            (x + 0.55 * s, y + 0.3 * s),
            (x + 1.45 * s, y + 0.8 * s),
            (x + 1.35 * s, bottom),
            (x - 1.35 * s, bottom),
            (x - 1.45 * s, y + 0.8 * s),
        ],
        shirt,
    )
    for sign in (-1, 1):
        shoulder = (x + sign * 1.3 * s, y + 0.95 * s)
        _arm(picture, shoulder, sign, s, look, dark, arms, (x, y))
    shape(
        picture,
        [
            (x - 0.3 * s, y - 0.3 * s),
            (x + 0.3 * s, y - 0.3 * s),
            (x + 0.4 * s, y + 0.45 * s),
            (x - 0.4 * s, y + 0.45 * s),
        ],
        skin,
    )
    _head(picture, x, y, s, look, mouth)
    if look.number:
        text, scale = str(look.number), s / 34
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
        ink = (240, 240, 240) if sum(shirt) < 420 else (40, 30, 30)
        place = (round(x - width / 2), round(y + 1.9 * s))
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, ink, 2, cv2.LINE_AA)


def _arm(
    picture: np.ndarray,
    shoulder: tuple[float, float],
    sign: int,
    s: float,
    look: Look,
    sleeve: Colour,
    arms: str,
    chin: tuple[float, float],
) -> None:
    x, y = shoulder
    if arms == "down":
        line(picture, shoulder, (x + sign * 0.25 * s, y + 2.8 * s), sleeve, 0.6 * s)
        return
    elbow = (x + sign * 0.75 * s, y - (0.9 if arms == "up" else 0.5) * s)
    hand = (chin[0] + sign * (1.7 if arms == "up" else 0.45) * s, chin[1] - 1.5 * s)
    line(picture, elbow, hand, look.skin, 0.36 * s)
    line(picture, shoulder, elbow, sleeve, 0.55 * s)
    disc(picture, *hand, 0.26 * s, look.skin)


def _head(picture: np.ndarray, x: float, y: float, s: float, look: Look, mouth: float) -> None:
    centre = (round(x), round(y - 0.55 * s))
    axes = (round(0.52 * s), round(0.7 * s))
    cv2.ellipse(picture, centre, axes, 0, 0, 360, look.skin, -1, cv2.LINE_AA)
    crown = (centre[0], round(y - 0.78 * s))
    axes = (round(0.56 * s), round(0.56 * s))
    cv2.ellipse(picture, crown, axes, 0, 185, 355, look.hair, -1, cv2.LINE_AA)
    for sign in (-1, 1):
        disc(picture, x + sign * 0.2 * s, y - 0.55 * s, 0.07 * s, (245, 245, 245))
        disc(picture, x + sign * 0.2 * s, y - 0.55 * s, 0.045 * s, (30, 25, 25))
    line(picture, (x, y - 0.5 * s), (x + 0.05 * s, y - 0.3 * s), _darker(look.skin), 0.06 * s)
    lips = (round(x), round(y - 0.12 * s))
    opening = (max(1, round(0.17 * s)), max(1, round((0.03 + 0.14 * mouth) * s)))
    cv2.ellipse(picture, lips, opening, 0, 0, 360, (60, 50, 130), -1, cv2.LINE_AA)


def _darker(colour: Colour) -> Colour:
    return int(colour[0] * 0.75), int(colour[1] * 0.75), int(colour[2] * 0.75)
