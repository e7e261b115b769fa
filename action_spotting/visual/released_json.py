"""SoccerNet's player boxes and pitch calibrations, released as JSON: read, checked, bounded.

``1_player_boundingbox_maskrcnn.json`` holds ``size``, ``[frames, height, width, 3]`` of the
pictures that were looked at, and ``predictions``, one a frame at two a second: ``bboxes``, corners
``[left, top, right, bottom]`` in pixels, and where known ``colors`` (red, green, blue of the shirt,
0 to 255) and ``scores``. ``1_field_calib_ccbv.json`` holds ``size`` and, a frame, a list whose
first entry has ``homography``, the nine numbers that take metres on the pitch (0, 0 at its centre)
to pixels, and ``confidence``. A frame may be empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from action_spotting.dataset.features import MAX_ROWS
from action_spotting.dataset.media import LONGEST_S
from action_spotting.errors import InputError
from action_spotting.io.files import read_bytes
from action_spotting.visual.boxes import MOST, PERSON, Boxes

T = TypeVar("T")

FPS = 2.0
MAX_BYTES = 256 * 2**20
MAX_PIXELS = 2**15
"""Width and height of a picture."""


class _Players(msgspec.Struct):
    """The players of a frame."""

    bboxes: list[list[float]] = []
    colors: list[list[float]] = []
    scores: list[float] = []


class _Camera(msgspec.Struct):
    """A calibration of a frame."""

    homography: list[float | list[float]]
    confidence: float


class _PlayersFile(msgspec.Struct):
    predictions: list[_Players | None]
    size: list[int]


class _CamerasFile(msgspec.Struct):
    predictions: list[list[_Camera] | None]
    size: list[int]


@dataclass(frozen=True)
class Cameras:
    """The calibrations of a half.

    Attributes
    ----------
    height, width
        Of the pictures, in pixels.
    homography
        From metres on the pitch to pixels, float64 ``(rows, 3, 3)``; 0 where there is none.
    confidence
        In [0, 1], float64 ``(rows,)``; 0 where there is none.
    """

    height: int
    width: int
    homography: np.ndarray
    confidence: np.ndarray


def read_players(path: Path) -> tuple[Boxes, tuple[int, int]]:
    """Read the player boxes of a half.

    Parameters
    ----------
    path
        A ``…_player_boundingbox_maskrcnn.json``.

    Returns
    -------
    boxes
        Persons only, two rows a second; a box without a score counts as sure.
    size
        Height and width of the pictures, in pixels.

    Raises
    ------
    InputError
        Missing, damaged, too large, or not such a file.
    """
    held = _decode(path, _PlayersFile)
    frames = [frame or _Players() for frame in held.predictions]
    height, width = _size(path, held.size, len(frames))
    for row, frame in enumerate(frames):
        count, colours, scores = len(frame.bboxes), len(frame.colors), len(frame.scores)
        if count > MOST or colours not in (0, count) or scores not in (0, count):
            raise InputError(
                f"{path}: frame {row} has {count} boxes, {colours} colours and {scores} scores; "
                f"expected as many of each, at most {MOST}"
            )
    return _boxes(path, frames, np.array([width, height, width, height])), (height, width)


def _boxes(path: Path, frames: list[_Players], scale: np.ndarray) -> Boxes:
    every = [box for frame in frames for box in frame.bboxes]
    corners = np.clip(_table(path, every, 4, "a box") / scale, 0, 1)
    if (corners[:, 2:] < corners[:, :2]).any():
        raise InputError(f"{path}: a box ends before it begins; expected left, top, right, bottom")
    colours = [c for f in frames for c in f.colors or [[0.0] * 3] * len(f.bboxes)]
    scores = [s for f in frames for s in f.scores or [1.0] * len(f.bboxes)]
    centre, extent = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    bgr = _within(path, _table(path, colours, 3, "a colour"), 255.0, "a colour")[:, ::-1]
    counts = [len(frame.bboxes) for frame in frames]
    return Boxes(
        rows=len(frames),
        fps=FPS,
        row=np.repeat(np.arange(len(frames), dtype=np.int32), counts),
        box=np.hstack([centre, extent]).astype(np.float32),
        confidence=_within(path, np.array(scores), 1.0, "a score").astype(np.float32),
        kind=np.full(len(every), PERSON, np.int8),
        colour=(bgr / 255).astype(np.float32),
    )


def read_cameras(path: Path) -> Cameras:
    """Read the calibrations of a half; of a frame with several, the first.

    Parameters
    ----------
    path
        A ``…_field_calib_ccbv.json``.

    Returns
    -------
    Cameras
        Two rows a second.

    Raises
    ------
    InputError
        Missing, damaged, too large, or not such a file.
    """
    held = _decode(path, _CamerasFile)
    height, width = _size(path, held.size, len(held.predictions))
    flat, confidence = [], []
    for frame in held.predictions:
        camera = frame[0] if frame else _Camera([0.0] * 9, 0.0)
        parts = [p if isinstance(p, list) else [p] for p in camera.homography]
        flat.append([number for part in parts for number in part])
        confidence.append(camera.confidence)
    matrices = _table(path, flat, 9, "a homography").reshape(-1, 3, 3)
    sure = _within(path, np.array(confidence), 1.0, "a confidence")
    return Cameras(height, width, matrices, sure)


def _decode(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(read_bytes(path, MAX_BYTES), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not such a file ({str(error)[:200]})") from error


def _size(path: Path, size: list[int], rows: int) -> tuple[int, int]:
    """Check ``[frames, height, width, …]``; give height and width."""
    if not 0 < rows <= min(FPS * LONGEST_S, MAX_ROWS):
        raise InputError(f"{path}: {rows} frames at {FPS:g} a second are no half")
    if len(size) < 3 or not all(1 <= side <= MAX_PIXELS for side in size[1:3]):
        raise InputError(f"{path}: size is {size[:8]}; expected [frames, height, width, 3]")
    return size[1], size[2]


def _table(path: Path, rows: list[Any], width: int, what: str) -> np.ndarray:
    """Make finite float64 ``(n, width)`` of lists of numbers."""
    if any(len(row) != width for row in rows):
        raise InputError(f"{path}: {what} does not have {width} numbers")
    table = np.array(rows, np.float64).reshape(-1, width)
    if not np.isfinite(table).all() or np.abs(table).max(initial=0) > 1e9:
        raise InputError(f"{path}: {what} has a number that is not finite or beyond all measure")
    return table


def _within(path: Path, values: np.ndarray, most: float, what: str) -> np.ndarray:
    if not (np.isfinite(values).all() and (values >= 0).all() and (values <= most).all()):
        raise InputError(f"{path}: {what} is not between 0 and {most:g}")
    return values
