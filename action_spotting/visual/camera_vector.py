"""Twenty numbers of a frame's calibration: where the camera looks on the pitch, and how it moves.

Metres count from the centre of the pitch, 105 × 68 m; x is divided by 52.5 and y by 34, and what
lies further than twice that is cut. What needs a calibration, or one of the row before, is 0 where
there is none, and a flag says so.
"""

from __future__ import annotations

import numpy as np

DIMENSIONS = (
    *("seen", "confidence"),
    *("centre_x", "centre_y", "left_x", "left_y", "right_x", "right_y", "near_x", "near_y"),
    *("span", "zoom"),
    *("pitch_seen", "left_box_seen", "right_box_seen", "circle_seen"),
    *("shift_x", "shift_y", "zoom_change", "cut"),
)
"""The name of each number. ``centre``, ``left``, ``right`` and ``near`` are the points of the
ground in the middle of the picture, of its left and right and of its lower edge; ``span`` is the
distance from left to right in lengths of the pitch, ``zoom`` its logarithm; the four shares are of
the whole pitch, of the penalty areas and of the centre circle; ``cut`` says that the view jumped,
or that there is one and was none, or the other way round."""

LENGTH_M, WIDTH_M = 105.0, 68.0
JUMP_M = 20.0
_FURTHEST = 2.0
_HALF = np.array([LENGTH_M, WIDTH_M]) / 2
_EYES = np.array([[0.5, 0.5], [0.0, 0.5], [1.0, 0.5], [0.5, 1.0]])  # centre, left, right, near


def vectors(
    homography: np.ndarray, confidence: np.ndarray, size: tuple[int, int], least: float = 0.0
) -> np.ndarray:
    """Compute the numbers of every row of a half.

    Parameters
    ----------
    homography
        From metres on the pitch to pixels, ``(rows, 3, 3)``; 0 where there is none.
    confidence
        Of each, in [0, 1], ``(rows,)``.
    size
        Height and width of the pictures, in pixels.
    least
        Calibrations of less confidence count as none.

    Returns
    -------
    float32 array ``(rows, 20)``
        In the order of `DIMENSIONS`.

    Examples
    --------
    >>> above = np.array([[10.0, 0, 640], [0, 10, 360], [0, 0, 1]])  # ten pixels a metre
    >>> row = vectors(above[None], np.array([0.9]), (720, 1280))[0]
    >>> [round(float(row[DIMENSIONS.index(name)]), 2) for name in ("centre_x", "right_x", "span")]
    [0.0, 1.22, 1.22]
    """
    result = np.zeros((len(homography), len(DIMENSIONS)), np.float32)
    before: np.ndarray | None = None
    for i, (matrix, sure) in enumerate(zip(homography, confidence, strict=True)):
        ground = _ground(matrix, size) if sure > 0 and sure >= least else None
        jumped = (ground is None) != (before is None) if i else False
        if ground is not None:
            shift, zoom_change = np.zeros(2), 0.0
            if before is not None:
                shift = ground[0] - before[0]
                zoom_change = _zoom(ground) - _zoom(before)
                jumped = bool(np.hypot(*shift) > JUMP_M)
            result[i, :-1] = [
                *(1.0, sure),
                *_cut(ground / _HALF).ravel(),
                *(min(_span(ground), _FURTHEST), _zoom(ground)),
                *_shares(matrix, size),
                *_cut(shift / _HALF),
                np.clip(zoom_change, -_FURTHEST, _FURTHEST),
            ]
        result[i, -1] = jumped
        before = ground
    return result


def _ground(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """Give the ground points ``(4, 2)`` in metres of what `_EYES` see; None: of no use."""
    height, width = size
    if abs(np.linalg.det(matrix)) < 1e-12 * max(1e-30, np.abs(matrix).max() ** 3):
        return None
    seen = np.hstack([_EYES * (width, height), np.ones((len(_EYES), 1))])
    points = seen @ np.linalg.inv(matrix).T
    depth = points[:, 2]
    if not depth.all() or (np.sign(depth) != np.sign(depth[0])).any():  # beyond the horizon
        return None
    ground: np.ndarray = points[:, :2] / depth[:, None]
    return ground if np.isfinite(ground).all() else None


def _span(ground: np.ndarray) -> float:
    return float(np.hypot(*(ground[2] - ground[1]))) / LENGTH_M


def _zoom(ground: np.ndarray) -> float:
    return float(np.clip(np.log(max(_span(ground), 1e-6)), -5, 5))


def _cut(numbers: np.ndarray) -> np.ndarray:
    cut: np.ndarray = np.clip(numbers, -_FURTHEST, _FURTHEST)
    return cut


def _shares(matrix: np.ndarray, size: tuple[int, int]) -> list[float]:
    """Which shares of the pitch, the penalty areas and the centre circle are in the picture."""
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(-52.5, 52.5, 43), np.linspace(-34, 34, 29)))
    points = np.stack([x, y, np.ones_like(x)])
    projected = matrix @ points
    height, width = size
    # The sign of a homography is free: what the picture's centre sees is in front.
    front = np.linalg.inv(matrix) @ (width / 2, height / 2, 1.0)
    depth = projected[2] * np.sign(front[2])
    with np.errstate(divide="ignore", invalid="ignore"):
        column, line = projected[:2] * np.sign(front[2]) / depth
        seen = (depth > 0) & (column >= 0) & (column <= width) & (line >= 0) & (line <= height)
    box = np.abs(y) <= 20.16
    parts = (np.full(x.shape, True), box & (x <= -36), box & (x >= 36), np.hypot(x, y) <= 9.15)
    return [float(seen[part].mean()) for part in parts]
