"""How a frame is cut to the square that a network takes."""

from __future__ import annotations

import numpy as np

from action_spotting.errors import UsageError, unknown
from action_spotting.visual.choices import TRANSFORMS

SIDE = 224


def square(image: np.ndarray, transform: str = "crop") -> np.ndarray:
    """Make a frame 224 × 224.

    Parameters
    ----------
    image
        BGR uint8 ``(height, width, 3)``.
    transform
        ``crop`` scales the shorter side to 224 and keeps the middle of the other;
        ``resize256crop224`` scales it to 256 and keeps the middle of both; ``resize`` squeezes both
        to 224 (bicubic). For 398 × 224 frames these are the original's bits. The original fails
        where the width left over is odd (it keeps 225 columns), and for portrait and square frames;
        here they give the middle 224.

    Returns
    -------
    uint8 array ``(224, 224, 3)``

    Raises
    ------
    UsageError
        An unknown transform.

    Examples
    --------
    >>> square(np.zeros((224, 398, 3), np.uint8)).shape
    (224, 224, 3)
    """
    import cv2

    if transform == "resize":
        return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    if transform not in TRANSFORMS:
        raise UsageError(unknown("transform", transform, TRANSFORMS))
    image = _scale_short_side(image, 256 if transform == "resize256crop224" else SIDE)
    top, left = ((size - SIDE) // 2 for size in image.shape[:2])
    return image[top : top + SIDE, left : left + SIDE]


def _scale_short_side(image: np.ndarray, side: int) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    ratio = side / float(min(height, width))
    # int() and the area filter are imutils.resize's, which the original calls.
    size = (int(width * ratio), side) if height <= width else (side, int(height * ratio))
    if size == (width, height):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
