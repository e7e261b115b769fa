"""How a file says that its pictures are to be turned and mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.media import first_frame, open_media
from action_spotting.visual.packet_index import video_stream


@dataclass(frozen=True)
class Film:
    """Which of a file's video streams is read, its pictures' size, and how they are turned."""

    number: int
    width: int
    height: int
    matrix: np.ndarray | None


def find_film(path: Path) -> Film:
    with open_media(path) as container:
        stream = video_stream(container, path)
        number = [other.index for other in container.streams.video].index(stream.index)
        frame = first_frame(container, stream)
        return Film(number, frame.width, frame.height, display_matrix(frame))


def upright(frame: Any, reformatter: Any) -> np.ndarray:
    """Convert to BGR as BT.601, and turn as the file says."""
    image = reformatter.reformat(frame, format="bgr24", src_colorspace="ITU601").to_ndarray()
    return turned(image, display_matrix(frame))


def display_matrix(frame: Any) -> np.ndarray | None:
    """Give how the file says that a picture is to be turned and mirrored, 3 × 3, or None."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return None if matrix is None else np.frombuffer(bytes(matrix)[:36], np.int32).reshape(3, 3)


def turned(image: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Turn by quarters and mirror, as a display matrix says."""
    if matrix is None:
        return image
    (right, down), (right_of_down, down_of_down) = matrix[:2, :2]
    if abs(down) > abs(right):
        image, right, down_of_down = image.swapaxes(0, 1), right_of_down, down
    return np.ascontiguousarray(image[:: -1 if down_of_down < 0 else 1, :: -1 if right < 0 else 1])
