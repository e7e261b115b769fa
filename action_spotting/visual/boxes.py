"""The boxes of a half, as they lie in ``1_YOLOv5_boxes.npz``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError
from action_spotting.io.files import parse_json, whole_file
from action_spotting.io.zips import read_npz

MAX_BOXES_BYTES = 256 * 2**20

PERSON, BALL = 0, 1


@dataclass(frozen=True)
class Boxes:
    """What was detected in the frames of a half, ordered by row, the surest first.

    Attributes
    ----------
    rows
        Frames looked at.
    fps
        Frames a second.
    row
        The frame of each box, int32 ``(n,)``.
    box
        Centre x, centre y, width, height as fractions of the frame, float32 ``(n, 4)``.
    confidence
        In [0, 1], float32 ``(n,)``.
    kind
        `PERSON` or `BALL`, int8 ``(n,)``.
    colour
        Mean blue, green, red of the torso, in [0, 1], float32 ``(n, 3)``.
    """

    rows: int
    fps: float
    row: np.ndarray
    box: np.ndarray
    confidence: np.ndarray
    kind: np.ndarray
    colour: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def write_boxes(path: Path, boxes: Boxes, settings: Mapping[str, Any]) -> None:
    """Write boxes and the settings they were made with, whole or not at all."""
    arrays: dict[str, Any] = {
        field.name: np.asarray(getattr(boxes, field.name)) for field in fields(Boxes)
    }
    arrays["settings"] = np.frombuffer(json.dumps(settings, sort_keys=True).encode(), np.uint8)
    with whole_file(path) as part:
        np.savez_compressed(part, **arrays)


def read_boxes(path: Path) -> tuple[Boxes, dict[str, Any]]:
    """Read boxes and the settings they were made with.

    Raises
    ------
    InputError
        Missing, damaged, or not such a file.
    """
    if not path.exists():
        raise InputError(f"{path}: no boxes; run the detection (without --boxes) first")
    try:
        arrays = read_npz(path, MAX_BOXES_BYTES)
        settings = parse_json(arrays.pop("settings").tobytes(), "settings")
        values: dict[str, Any] = {
            **arrays,
            "rows": int(arrays["rows"]),
            "fps": float(arrays["fps"]),
        }
        boxes = Boxes(**values)
    except (InputError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{path}: not a whole file of boxes ({error}); detect anew") from error
    _check(path, boxes)
    return boxes, settings


def _check(path: Path, boxes: Boxes) -> None:
    count = len(boxes.row)
    shapes = {"box": (count, 4), "confidence": (count,), "kind": (count,), "colour": (count, 3)}
    for name, shape in shapes.items():
        array = getattr(boxes, name)
        if array.shape != shape or not np.isfinite(array).all():
            raise InputError(f"{path}: {name} is not finite numbers {shape}; detect anew")
    if count and not (boxes.row.min() >= 0 and boxes.row.max() < boxes.rows):
        raise InputError(f"{path}: boxes outside the {boxes.rows} rows; detect anew")
