"""The frames of a half: which camera, what it sees, what is laid over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from action_spotting.sample import closeups, graphics
from action_spotting.sample.closeups import Scenery
from action_spotting.sample.people import disc, figure, make_look, referee_look
from action_spotting.sample.pitch import (
    HEIGHT,
    WIDTH,
    Camera,
    boards_texture,
    camera,
    crowd_texture,
    panorama,
)
from action_spotting.sample.script import AWAY, FPS, HOME, HalfScript, Shot
from action_spotting.sample.world import World, simulate

PERSON_M = 2.3
"""Height at which people are drawn: a little too tall, to read well in a small picture."""

MAIN = ((0.0, -75.0, 30.0), 800.0, (1700, 560))
LOW = ((0.0, -56.0, 9.0), 800.0, (2100, 420))


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
    >>> from action_spotting.sample.game import plan_matches
    >>> painter = Painter(plan_matches(0, 3, (12, 16))[0].halves[0])
    >>> next(painter.frames()).shape
    (224, 398, 3)
    """

    def __init__(self, script: HalfScript) -> None:
        self.script = script
        self.world: World = simulate(script)
        crowds = np.random.default_rng([script.seed[0], script.seed[1], 7])
        crowd, boards = crowd_texture(crowds, script.clubs), boards_texture(crowds)
        self._cameras = {name: camera(*place) for name, place in (("main", MAIN), ("low", LOW))}
        self._grounds = {
            name: panorama(view, crowd, boards) for name, view in self._cameras.items()
        }
        rng = np.random.default_rng([script.seed[0], script.seed[1], 8])
        self._looks = [
            make_look(rng, script.clubs[team], keeper=number == 0, number=number + 1)
            for team in (HOME, AWAY)
            for number in range(11)
        ] + [referee_look(rng)]
        self._scenery = Scenery(crowd, boards)
        self._kept = ("", 0.0, crowd)

    def frames(self) -> Iterator[np.ndarray]:
        """Draw every frame in order: BGR, uint8 ``(224, 398, 3)``."""
        for index, (shot, end) in enumerate(self.script.shot_spans()):
            draw = self._drawer(shot, index)
            for frame in range(shot.start, end):
                picture = draw(frame)
                graphics.overlay(picture, self.script, frame, replaying=shot.kind == "replay")
                yield picture

    def _drawer(self, shot: Shot, index: int) -> Callable[[int], np.ndarray]:
        """Give the function that draws the frames of a shot."""
        if shot.kind in PITCH_SHOTS:
            return lambda frame: self.pitch(shot, frame)[0]
        rng = np.random.default_rng([*self.script.seed, 2, index])
        return closeups.DRAWERS[shot.kind](rng, shot, self.script.clubs, self._scenery)

    def pitch(self, shot: Shot, frame: int) -> tuple[np.ndarray, list[Box], Box]:
        """Draw a view of the pitch; give it with the boxes of the people in it and of the ball."""
        name, share = PITCH_SHOTS[shot.kind]
        moment = frame
        if shot.kind == "replay":
            moment = min(shot.source + round((frame - shot.start) * shot.rate), frame)
        view = self._cameras[name]
        scale = share * shot.zoom
        corner = self._aim(view, moment, scale, centred=shot.kind == "centre")
        middle = corner * scale + ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
        picture = cv2.getRectSubPix(self._scaled(name, scale), (WIDTH, HEIGHT), middle.tolist())
        boxes = self._people(picture, view, moment, scale, corner)
        return picture, boxes, self._ball(picture, view, moment, scale, corner)

    def _scaled(self, name: str, scale: float) -> np.ndarray:
        """Give a camera's wide picture in a shot's scale; the last one is kept."""
        if self._kept[:2] != (name, scale):
            ground = self._grounds[name]
            size = (round(ground.shape[1] * scale), round(ground.shape[0] * scale))
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            self._kept = (name, scale, cv2.resize(ground, size, interpolation=how))
        return self._kept[2]

    def _aim(self, view: Camera, moment: int, scale: float, *, centred: bool) -> np.ndarray:
        """Find the top left corner of the view: it follows the ball, smoothly."""
        ball = self.world.ball[max(0, moment - FPS // 2) : moment + FPS // 2].mean(axis=0)
        target = np.array([0.0, 0.0, 0.0]) if centred else ball * (0.95, 0.8, 0.0)
        place = view.project(target[None])[0][0]
        size = np.array([WIDTH, HEIGHT]) / scale
        return np.clip(place - size * (0.5, 0.55), 0, np.array(view.size) - size)

    def _people(
        self, picture: np.ndarray, view: Camera, moment: int, scale: float, corner: np.ndarray
    ) -> list[Box]:
        people = self.world.people[moment]
        feet = np.concatenate([people, np.zeros((len(people), 1))], axis=1)
        pixels, metre = view.project(feet)
        pixels = (pixels - corner) * scale
        heights = (metre * scale * PERSON_M).tolist()
        strides = self.world.stride[moment].tolist()
        boxes = []
        for i in np.argsort(-people[:, 1]).tolist():
            (x, y), h = pixels[i].tolist(), heights[i]
            if not (-h < x < WIDTH + h and 0 < y < HEIGHT + h):
                continue
            figure(picture, x, y, h, self._looks[i], stride=strides[i])
            boxes.append(Box(x - 0.2 * h, y - h, x + 0.2 * h, y))
        return boxes

    def _ball(
        self, picture: np.ndarray, view: Camera, moment: int, scale: float, corner: np.ndarray
    ) -> Box:
        ball = self.world.ball[moment]
        points = np.stack([ball + np.array([0, 0, 0.2]), ball * np.array([1, 1, 0])])
        pixels, metre = view.project(points)
        (x, y), (shade_x, shade_y) = ((pixels - corner) * scale).tolist()
        radius = max(1.6, 0.24 * float(metre[0]) * scale)
        disc(picture, shade_x + radius * 0.6, shade_y, radius * 0.8, (32, 84, 40))
        disc(picture, x, y, radius, (250, 250, 250))
        return Box(x - radius, y - radius, x + radius, y + radius)


PITCH_SHOTS = {
    "wide": ("main", 1.0),
    "centre": ("main", 1.0),
    "tele": ("main", 1.0),
    "replay": ("low", 1.15),
}
"""Views of the pitch: the camera, and the enlargement of its wide picture."""
