"""The ground, seen from a fixed camera: one wide picture a camera, of which frames are cuts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from action_spotting.sample.script import GOAL_X, LENGTH_M, TOUCH_Y, Club, Colour, colours

WIDTH, HEIGHT = 398, 224
GRASS = colours("34803e 3c9248")
LINE: Colour = (225, 235, 228)
LEAGUE_COLOUR: Colour = (150, 60, 20)
BOARDS = colours("782814 2828aa 1e1e1e e6e6e6 82286e 2878d2")
STAND_Y, STAND_X = 40.0, 59.0
"""Where the stands begin, in metres from the centre."""
_GROUND_X, _GROUND_Y = 60.0, 48.0
_SCALE = 10


class Camera(NamedTuple):
    """A pinhole camera that only turns by cutting from its wide picture.

    `matrix` ``(3, 4)`` projects homogeneous metres to pixels of the wide picture, whose width and
    height are `size`.
    """

    matrix: np.ndarray
    size: tuple[int, int]

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give pixels ``(n, 2)`` and pixels a metre ``(n,)`` of points ``(n, 3)`` in metres."""
        full = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ self.matrix.T
        return full[:, :2] / full[:, 2:], 1.0 / full[:, 2]


def camera(place: tuple[float, float, float], focal: float, size: tuple[int, int]) -> Camera:
    """Make a camera at `place` (metres) that looks at the centre spot.

    `focal` is in pixels; depth is divided by it, so that 1/depth is pixels a metre.
    """
    eye = np.array(place)
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    turn = np.stack([right, down, forward])
    lens = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    matrix = lens @ np.concatenate([turn, -turn @ eye[:, None]], axis=1)
    return Camera(matrix / focal, size)


def panorama(view: Camera, crowd: np.ndarray, boards: np.ndarray) -> np.ndarray:
    """Draw the empty ground as `view` sees it: stands, boards, pitch, goals."""
    picture = np.full((view.size[1], view.size[0], 3), 30, np.uint8)
    g, h, x, y = _GROUND_X, _GROUND_Y, STAND_X, STAND_Y
    ground = [(-g, h, 0.0), (g, h, 0.0), (g, -h, 0.0), (-g, -h, 0.0)]
    _paste(picture, view, _pitch_texture(), ground)
    for x0, y0, x1, y1 in ((-x, y, x, y), (-x, -h, -x, y), (x, y, x, -h)):
        for texture, low, high in ((crowd, 1.2, 26.0), (boards, 0.0, 1.3)):
            corners = [(x0, y0, high), (x1, y1, high), (x1, y1, low), (x0, y0, low)]
            _paste(picture, view, texture, corners)
    for side in (-1, 1):
        _draw_goal(picture, view, side)
    return picture


def _paste(picture: np.ndarray, view: Camera, texture: np.ndarray, corners: list[Any]) -> None:
    """Lay `texture` on the plane patch with these corners (from its top left, clockwise)."""
    height, width = texture.shape[:2]
    pixels, _ = view.project(np.array(corners, dtype=float))
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    warp = cv2.getPerspectiveTransform(source, pixels.astype(np.float32))
    size = (picture.shape[1], picture.shape[0])
    flat = cv2.warpPerspective(texture, warp, size, flags=cv2.INTER_AREA)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(pixels).astype(np.int32), 255)
    cv2.copyTo(flat, mask, picture)


@lru_cache(maxsize=1)
def _pitch_texture() -> np.ndarray:
    """Draw the pitch from above, with stripes and lines, 10 px a metre."""
    width, height = int(2 * _GROUND_X * _SCALE), int(2 * _GROUND_Y * _SCALE)
    stripes = (np.arange(width) // int(LENGTH_M / 18 * _SCALE)) % 2
    texture = np.array(GRASS, np.uint8)[stripes][None].repeat(height, axis=0)
    noise = np.random.default_rng(0).normal(0, 5, (height // 4, width // 4))
    rough = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    texture = np.clip(texture + rough[..., None], 0, 255).astype(np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round((x + _GROUND_X) * _SCALE), round((_GROUND_Y - y) * _SCALE)

    def box(x0: float, y0: float, x1: float, y1: float) -> None:
        cv2.rectangle(texture, at(x0, y0), at(x1, y1), LINE, 2, cv2.LINE_AA)

    box(-GOAL_X, -TOUCH_Y, GOAL_X, TOUCH_Y)
    cv2.line(texture, at(0, -TOUCH_Y), at(0, TOUCH_Y), LINE, 2, cv2.LINE_AA)
    cv2.circle(texture, at(0, 0), round(9.15 * _SCALE), LINE, 2, cv2.LINE_AA)
    cv2.circle(texture, at(0, 0), 3, LINE, -1, cv2.LINE_AA)
    for side in (-1, 1):
        for depth, half in ((16.5, 20.16), (5.5, 9.16)):
            box(side * GOAL_X, -half, side * (GOAL_X - depth), half)
        spot = at(side * (GOAL_X - 11), 0)
        cv2.circle(texture, spot, 3, LINE, -1, cv2.LINE_AA)
        axes = (round(9.15 * _SCALE),) * 2
        middle = 180 if side > 0 else 0
        cv2.ellipse(texture, spot, axes, middle, -53, 53, LINE, 2, cv2.LINE_AA)
    return texture


def _draw_goal(picture: np.ndarray, view: Camera, side: int) -> None:
    x, back, half, high = side * GOAL_X, side * (GOAL_X + 2.2), 3.66, 2.9

    def line(a: tuple[float, float, float], b: tuple[float, float, float], thick: int) -> None:
        pixels, _ = view.project(np.array([a, b]))
        (x0, y0), (x1, y1) = np.round(pixels * 8).astype(int).tolist()
        colour = (250, 250, 250) if thick > 1 else (190, 195, 190)
        cv2.line(picture, (x0, y0), (x1, y1), colour, thick, cv2.LINE_AA, 3)

    for y in np.linspace(-half, half, 13):
        line((back, y, 0), (back, y, high * 0.8), 1)
        line((x, y, high), (back, y, high * 0.8), 1)
    for z in np.linspace(0, high * 0.8, 6):
        line((back, -half, z), (back, half, z), 1)
    for y in (-half, half):
        line((back, y, 0), (x, y, 0), 1)
        line((x, y, 0), (x, y, high), 2)
    line((x, -half, high), (x, half, high), 2)


def crowd_texture(rng: np.random.Generator, clubs: tuple[Club, Club]) -> np.ndarray:
    """Draw rows of spectators, many in the home side's colour; uint8 ``(300, 1400, 3)``."""
    rows, seats = 30, 200
    coats = rng.integers(30, 190, (rows, seats, 3)) * rng.uniform(0.5, 1.0, (rows, seats, 1))
    coats[rng.random((rows, seats)) < 0.4] = clubs[0].shirt
    guests = coats[:, int(seats * 0.8) :]
    guests[rng.random(guests.shape[:2]) < 0.5] = clubs[1].shirt
    picture = coats.astype(np.uint8).repeat(10, axis=0).repeat(7, axis=1)
    for row in range(rows):
        picture[row * 10 : row * 10 + 2] = picture[row * 10 : row * 10 + 2] // 3
        for seat in range(seats):
            tone = int(rng.integers(110, 210))
            x = seat * 7 + 3 + int(rng.integers(-1, 2))
            cv2.circle(picture, (x, row * 10 + 3), 2, (tone - 60, tone - 30, tone), -1)
    return cv2.convertScaleAbs(cv2.GaussianBlur(picture, (3, 3), 0), alpha=0.7)


def boards_texture(rng: np.random.Generator) -> np.ndarray:
    """Draw a row of advertising boards; uint8 ``(28, 1400, 3)``."""
    names = ("KICKWELL", "NORTH & CO", "RAPID TEA", "OPEN SPOT", "GLOBE TYRES", "MILL BREAD")
    picture = np.zeros((28, 1400, 3), np.uint8)
    for i, start in enumerate(range(0, 1400, 140)):
        colour = BOARDS[int(rng.integers(len(BOARDS)))]
        ink = (245, 245, 245) if sum(colour) < 450 else (30, 20, 20)
        cv2.rectangle(picture, (start, 0), (start + 138, 27), colour, -1)
        name = names[i % len(names)]
        cv2.putText(picture, name, (start + 8, 21), cv2.FONT_HERSHEY_DUPLEX, 0.65, ink, 2)
    return picture
