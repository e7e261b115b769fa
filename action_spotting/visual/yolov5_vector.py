"""The 64 numbers of a frame: where players and ball are, and how they moved since the last row.

Lengths are fractions of the frame's width (x) and height (y); a person stands where the lower
edge of the box is (the foot point). What needs a person, a ball or a previous row is 0 where
there is none, and a flag says so. A ball of more than half the median size of three persons or more
is none: YOLOv5n takes crests in graphics, red shirts and players far away for one, more surely than
the ball beside them.

Source: player position, motion and team role as in the IPCV player graphs (Cartas et al., 2022,
arXiv 2211.12334), as fixed-size statistics.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from action_spotting.visual.boxes import BALL, PERSON, Boxes

DIMENSIONS = (
    *("persons", "persons_sure", "confidence_sum", "confidence_mean"),
    *("height_mean", "height_std", "height_max", "height_p10"),
    *("area_sum", "area_largest", "area_second", "aspect_mean"),
    *("foot_x_mean", "foot_y_mean", "foot_x_std", "foot_y_std"),
    *("foot_x_p10", "foot_x_p90", "foot_y_p10", "foot_y_p90"),
    *("neighbour_distance", "pair_distance", "hull_area", "density_max"),
    *(f"grid_row{row}_column{column}" for row in range(3) for column in range(4)),
    *("share_left", "share_right", "foot_x_skew"),
    *("heights_below_0.1", "heights_below_0.2", "heights_below_0.4", "heights_above_0.4"),
    "empty",
    *("ball_seen", "ball_confidence", "ball_x", "ball_y", "ball_size", "ball_unseen_for"),
    *("ball_to_person", "persons_at_ball"),
    *("ball_velocity_x", "ball_velocity_y", "ball_speed", "ball_velocity_valid"),
    *("camera_x", "camera_y", "persons_change", "height_change"),
    *("motion_median", "motion_std", "unmatched", "team_balance"),
)
"""The name of each of the 64 numbers."""

PERSONS_SCALE, GRID_SCALE, BALL_CROWD_SCALE = 25, 10, 5
SURE, NEAR, MATCH = 0.5, 0.1, 0.15
"""Confidence of a certain person; neighbourhood radius; largest step of a person between rows."""

ENOUGH, LARGEST_BALL = 3, 0.5
"""Persons from which a ball's size is judged, and its largest, in the median size of a person."""

UNSEEN_SCALE_S = 5.0
_HEIGHT_EDGES = (0.1, 0.2, 0.4)
_COLOUR_SEED = 0
_SAME_COLOUR = 1e-6


def vectors(boxes: Boxes) -> np.ndarray:
    """Compute the 64 numbers of every row of a half.

    Parameters
    ----------
    boxes
        Persons and balls of the half.

    Returns
    -------
    float32 array ``(rows, 64)``
        In the order of `DIMENSIONS`.

    Examples
    --------
    >>> one = Boxes(
    ...     rows=1, fps=2.0, row=np.array([0]), box=np.array([[0.5, 0.5, 0.1, 0.2]]),
    ...     confidence=np.array([0.9]), kind=np.array([PERSON]), colour=np.zeros((1, 3)))
    >>> print(vectors(one)[0, DIMENSIONS.index("height_mean")])
    0.2
    """
    order = np.argsort(boxes.row, kind="stable")
    bounds = np.searchsorted(boxes.row[order], np.arange(boxes.rows + 1))
    teams = _teams(boxes)
    result = np.zeros((boxes.rows, len(DIMENSIONS)), np.float32)
    previous: tuple[np.ndarray, np.ndarray | None] | None = None
    seen_s = -np.inf
    for i in range(boxes.rows):
        mine = order[bounds[i] : bounds[i + 1]]
        persons = mine[boxes.kind[mine] == PERSON]
        balls = mine[boxes.kind[mine] == BALL]
        people = boxes.box[persons].astype(np.float64)
        ball = _surest(boxes, _not_too_large(boxes, balls, people))
        if ball is not None:
            seen_s = i / boxes.fps
        result[i] = [
            *_crowd(people, boxes.confidence[persons].astype(np.float64)),
            *_places(_feet(people)),
            *_heights(people),
            *_ball(ball, i / boxes.fps - seen_s, _feet(people)),
            *_ball_motion(ball, previous[1] if previous else None, boxes.fps),
            *_motion(people, previous[0] if previous else None),
            _balance(teams[persons]),
        ]
        previous = people, ball
    return result


def _crowd(people: np.ndarray, confidence: np.ndarray) -> list[float]:
    """Compute numbers 0 to 11: count, confidence and size of the persons."""
    if len(people) == 0:
        return [0.0] * 12
    width, height = people[:, 2], people[:, 3]
    areas = np.sort(width * height)[::-1]
    return [
        len(people) / PERSONS_SCALE,
        np.count_nonzero(confidence > SURE) / PERSONS_SCALE,
        confidence.sum() / PERSONS_SCALE,
        confidence.mean(),
        height.mean(),
        height.std(),
        height.max(),
        np.percentile(height, 10),
        min(areas.sum(), 1.0),
        areas[0],
        areas[1] if len(areas) > 1 else 0.0,
        (width / np.maximum(height, 1e-6)).mean(),
    ]


def _places(feet: np.ndarray) -> list[float]:
    """Compute numbers 12 to 38: where the persons stand."""
    if len(feet) == 0:
        return [0.0] * 27
    x, y = feet.T
    cell = 4 * np.clip(3 * y, 0, 2).astype(int) + np.clip(4 * x, 0, 3).astype(int)
    (left, low), (right, high) = np.percentile(feet, (10, 90), axis=0)
    return [
        *feet.mean(axis=0),
        *feet.std(axis=0),
        left,
        right,
        low,
        high,
        *_spacing(feet),
        *(np.bincount(cell, minlength=12) / GRID_SCALE),
        np.mean(x < 1 / 3),
        np.mean(x > 2 / 3),
        _skew(x),
    ]


def _spacing(feet: np.ndarray) -> list[float]:
    """Compute numbers 20 to 23: distance to the nearest, to all, area, density."""
    count = len(feet)
    if count == 1:
        return [0.0, 0.0, 0.0, 1 / GRID_SCALE]
    distance = cdist(feet, feet)
    density = np.count_nonzero(distance <= NEAR, axis=1).max() / GRID_SCALE
    pairs = distance.sum() / (count * (count - 1))
    np.fill_diagonal(distance, np.inf)
    return [distance.min(axis=1).mean(), pairs, _hull_area(feet), density]


def _hull_area(feet: np.ndarray) -> float:
    try:
        return float(ConvexHull(feet).volume) if len(feet) > 2 else 0.0
    except QhullError:  # all on one line
        return 0.0


def _skew(x: np.ndarray) -> float:
    spread = x.std()
    return float((((x - x.mean()) / spread) ** 3).mean()) if spread > 1e-6 else 0.0


def _heights(people: np.ndarray) -> list[float]:
    """Compute numbers 39 to 43: fractions of small to large persons (shot scale), and nobody."""
    if len(people) == 0:
        return [0.0, 0.0, 0.0, 0.0, 1.0]
    size = np.searchsorted(_HEIGHT_EDGES, people[:, 3], side="right")
    return [*(np.bincount(size, minlength=4) / len(people)), 0.0]


def _ball(ball: np.ndarray | None, unseen_s: float, feet: np.ndarray) -> list[float]:
    """Compute numbers 44 to 51: the ball, how long it has not been seen, persons near it."""
    unseen = np.tanh(unseen_s / UNSEEN_SCALE_S)
    if ball is None:
        return [0.0, 0.0, 0.0, 0.0, 0.0, unseen, 0.0, 0.0]
    x, y, width, height, confidence = ball
    near = [0.0, 0.0]
    if len(feet):
        distance = np.hypot(*(feet - (x, y)).T)
        near = [distance.min(), np.count_nonzero(distance <= NEAR) / BALL_CROWD_SCALE]
    return [1.0, confidence, x, y, np.sqrt(width * height), unseen, *near]


def _ball_motion(ball: np.ndarray | None, before: np.ndarray | None, fps: float) -> list[float]:
    """Compute numbers 52 to 55: velocity of the ball in frame sizes a second, if seen twice."""
    if ball is None or before is None:
        return [0.0] * 4
    step = (ball[:2] - before[:2]) * fps
    return [*step, np.hypot(*step), 1.0]


def _motion(people: np.ndarray, before: np.ndarray | None) -> list[float]:
    """Compute numbers 56 to 62: the camera's and the players' motion since the last row."""
    if before is None:
        return [0.0] * 7
    change = (len(people) - len(before)) / PERSONS_SCALE
    most = max(len(people), len(before))
    if not (len(people) and len(before)):
        return [0.0, 0.0, change, 0.0, 0.0, 0.0, float(most > 0)]
    zoom = people[:, 3].mean() - before[:, 3].mean()
    distance = cdist(before[:, :2], people[:, :2])
    left, right = linear_sum_assignment(np.minimum(distance, MATCH))
    matched = distance[left, right] < MATCH
    if not matched.any():
        return [0.0, 0.0, change, zoom, 0.0, 0.0, 1.0]
    steps = people[right[matched], :2] - before[left[matched], :2]
    camera = np.median(steps, axis=0)
    rest = np.hypot(*(steps - camera).T)
    unmatched = 1 - np.count_nonzero(matched) / most
    return [*camera, change, zoom, np.median(rest), rest.std(), unmatched]


def _feet(people: np.ndarray) -> np.ndarray:
    return people[:, :2] + np.array([0.0, 0.5]) * people[:, 2:4]


def _not_too_large(boxes: Boxes, balls: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Leave out what is too large, among the persons of the row, to be a ball."""
    if len(people) < ENOUGH:
        return balls
    size = np.sqrt(boxes.box[balls, 2] * boxes.box[balls, 3])
    return balls[size <= LARGEST_BALL * np.sqrt(np.median(people[:, 2] * people[:, 3]))]


def _surest(boxes: Boxes, balls: np.ndarray) -> np.ndarray | None:
    """Give x, y, width, height, confidence of the most confident ball of a row."""
    if len(balls) == 0:
        return None
    best = balls[np.argmax(boxes.confidence[balls])]
    return np.append(boxes.box[best], boxes.confidence[best]).astype(np.float64)


def _teams(boxes: Boxes) -> np.ndarray:
    """Give each person one of two teams by jersey colour, over the whole half; int ``(n,)``."""
    teams = np.zeros(len(boxes), np.int64)
    persons = np.flatnonzero(boxes.kind == PERSON)
    colours = boxes.colour[persons].astype(np.float64)
    if len(persons) > 1 and colours.std(axis=0).max() > _SAME_COLOUR:
        axis = np.linalg.svd(colours - colours.mean(axis=0), full_matrices=False)[2][0]
        side = (colours - colours.mean(axis=0)) @ axis > 0
        start = np.array([colours[~side].mean(axis=0), colours[side].mean(axis=0)])
        teams[persons] = kmeans2(colours, start, iter=10, minit="matrix", seed=_COLOUR_SEED)[1]
    return teams


def _balance(teams: np.ndarray) -> float:
    """Compute number 63: 1 when both teams have as many persons, 0 when there is only one team."""
    if len(teams) == 0:
        return 0.0
    second = np.count_nonzero(teams) / len(teams)
    return 2 * min(second, 1 - second)
