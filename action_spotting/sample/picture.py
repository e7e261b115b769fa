"""The frames of a half: which camera, what it sees, what is laid over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from action_spotting.sample import graphics, pitch
from action_spotting.sample.closeups import Closeup
from action_spotting.sample.people import disc, make_look, person, referee_look
from action_spotting.sample.pitch import HEIGHT, WIDTH, Camera
from action_spotting.sample.script import AWAY, FPS, HOME, HalfScript, Shot
from action_spotting.sample.world import simulate

PERSON_M = 2.3
"""Height at which people are drawn: a little too tall, to read well in a small picture."""

CAMERAS = {
    "main": ((0.0, -75.0, 30.0), 800.0, (1700, 560)),
    "low": ((0.0, -56.0, 9.0), 800.0, (2100, 420)),
}
PITCH_SHOTS = {
    "wide": ("main", 1.0),
    "centre": ("main", 1.0),
    "tele": ("main", 1.0),
    "replay": ("low", 1.15),
}
"""Views of the pitch: the camera, and the enlargement of its wide picture."""


class Box(NamedTuple):
    """A person or ball in the picture: left, top, right, bottom in pixels."""

    left: float
    top: float
    right: float
    bottom: float


class Painter:
    """Draws the frames of one half.

    Parameters
    ----------
    script
        The half.

    Examples
    --------
    >>> from action_spotting.sample.game import plan_games
    >>> painter = Painter(plan_games(0, 3, (12, 16))[0].halves[0])
    >>> next(painter.frames()).shape
    (224, 398, 3)
    """

    def __init__(self, script: HalfScript) -> None:
        self.script = script
        self.world = simulate(script)
        rng = np.random.default_rng([*script.seed[:2], 7])
        self._textures = pitch.crowd_texture(rng, script.clubs), pitch.boards_texture(rng)
        self._cameras = {name: pitch.camera(*place) for name, place in CAMERAS.items()}
        grounds = {n: pitch.panorama(c, *self._textures) for n, c in self._cameras.items()}
        rng = np.random.default_rng([*script.seed[:2], 8])
        self._looks = [
            make_look(rng, script.clubs[team], keeper=number == 0, number=number + 1)
            for team in (HOME, AWAY)
            for number in range(11)
        ] + [referee_look(rng)]

        @lru_cache(maxsize=1)
        def scaled(name: str, scale: float) -> np.ndarray:
            """Give a camera's wide picture in a shot's scale."""
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            height, width = grounds[name].shape[:2]
            size = (round(width * scale), round(height * scale))
            return cv2.resize(grounds[name], size, interpolation=how)

        self._scaled = scaled

    def frames(self) -> Iterator[np.ndarray]:
        """Draw every frame in order: BGR, uint8 ``(224, 398, 3)``."""
        for index, (shot, end) in enumerate(self.script.shot_spans()):
            draw = self.shot(shot, index)
            for frame in range(shot.start, end):
                picture = draw(frame)
                graphics.overlay(picture, self.script, frame, replaying=shot.kind == "replay")
                yield picture

    def shot(self, shot: Shot, index: int) -> Callable[[int], np.ndarray]:
        """Give the function that draws the frames of shot number `index`, without graphics."""
        if shot.kind in PITCH_SHOTS:
            return lambda frame: self.pitch_view(shot, frame)[0]
        rng = np.random.default_rng([*self.script.seed, 2, index])
        return Closeup(rng, shot, self.script.clubs, *self._textures).frames()

    def pitch_view(self, shot: Shot, frame: int) -> tuple[np.ndarray, list[Box], Box]:
        """Draw a view of the pitch; give it with the boxes of the people in it and of the ball."""
        name, enlarged = PITCH_SHOTS[shot.kind]
        moment = frame
        if shot.kind == "replay":
            moment = min(shot.source + round((frame - shot.start) * shot.rate), frame)
        view, scale = self._cameras[name], enlarged * shot.zoom
        corner = self._aim(view, moment, scale, centred=shot.kind == "centre")
        middle = corner * scale + ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
        picture = cv2.getRectSubPix(self._scaled(name, scale), (WIDTH, HEIGHT), middle.tolist())

        def place(points: np.ndarray) -> tuple[list[list[float]], list[float]]:
            pixels, metre = view.project(points)
            return ((pixels - corner) * scale).tolist(), metre.tolist()

        boxes = self._people(picture, moment, place, scale)
        return picture, boxes, self._ball(picture, moment, place, scale)

    def _aim(self, view: Camera, moment: int, scale: float, *, centred: bool) -> np.ndarray:
        """Find the top left corner of the view: it follows the ball, smoothly."""
        ball = self.world.ball[max(0, moment - FPS // 2) : moment + FPS // 2].mean(axis=0)
        target = np.zeros(3) if centred else ball * (0.95, 0.8, 0.0)
        place = view.project(target[None])[0][0]
        size = np.array([WIDTH, HEIGHT]) / scale
        return np.clip(place - size * (0.5, 0.55), 0, np.array(view.size) - size)

    def _people(
        self, picture: np.ndarray, moment: int, place: Callable[..., Any], scale: float
    ) -> list[Box]:
        people, strides = self.world.people[moment], self.world.stride[moment].tolist()
        pixels, metres = place(np.pad(people, ((0, 0), (0, 1))))
        boxes = []
        for i in np.argsort(-people[:, 1]).tolist():
            (x, y), h = pixels[i], metres[i] * scale * PERSON_M
            if -h < x < WIDTH + h and 0 < y < HEIGHT + h:
                person(picture, x, y, h, self._looks[i], stride=strides[i])
                boxes.append(Box(x - 0.2 * h, y - h, x + 0.2 * h, y))
        return boxes

    def _ball(
        self, picture: np.ndarray, moment: int, place: Callable[..., Any], scale: float
    ) -> Box:
        ball = self.world.ball[moment]
        points = np.stack([ball + np.array([0, 0, 0.2]), ball * np.array([1, 1, 0])])
        ((x, y), (shade_x, shade_y)), metres = place(points)
        radius = max(1.6, 0.24 * metres[0] * scale)
        disc(picture, shade_x + radius * 0.6, shade_y, radius * 0.8, (32, 84, 40))
        disc(picture, x, y, radius, (250, 250, 250))
        return Box(x - radius, y - radius, x + radius, y + radius)
