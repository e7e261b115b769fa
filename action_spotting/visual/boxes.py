"""The boxes of a half, as they lie in ``1_YOLOv5_boxes.npz``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.features import MAX_ROWS
from action_spotting.dataset.media import LONGEST_S
from action_spotting.errors import InputError
from action_spotting.io.files import parse_json, whole_file
from action_spotting.io.zips import read_npz

MAX_BOXES_BYTES = 256 * 2**20
MOST = 1000
"""Boxes in a row; the detector gives at most 300 of a kind."""

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
        if not isinstance(settings, dict):
            raise InputError("settings are no settings")
        return _checked(arrays), settings
    except (InputError, KeyError) as error:
        raise InputError(f"{path}: not a whole file of boxes ({error}); detect anew") from error


def _checked(arrays: dict[str, np.ndarray]) -> Boxes:
    """Make boxes of arrays of the kinds, shapes and ranges that `write_boxes` writes."""
    n = np.size(arrays["row"])
    kinds = {"rows": "i", "fps": "f", "row": "i", "box": "f", "confidence": "f", "kind": "i"}
    shapes: dict[str, tuple[int, ...]] = {"rows": (), "fps": (), "box": (n, 4), "colour": (n, 3)}
    for name in (field.name for field in fields(Boxes)):
        array, kind, shape = arrays[name], kinds.get(name, "f"), shapes.get(name, (n,))
        if array.dtype.kind != kind or array.shape != shape or not np.isfinite(array).all():
            raise InputError(f"{name} is not finite {'whole ' * (kind == 'i')}numbers {shape}")
    values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(Boxes)}
    row, rows, fps = values["row"], int(values["rows"]), float(values["fps"])
    if not (fps > 0 and 0 <= rows <= min(LONGEST_S * fps, MAX_ROWS)):
        raise InputError(f"{rows} rows at {fps:g} a second are no half")
    if n and not (row.min() >= 0 and row.max() < rows):
        raise InputError(f"boxes outside the {rows} rows")
    if (np.diff(row) < 0).any() or np.unique(row, return_counts=True)[1].max(initial=0) > MOST:
        raise InputError(f"boxes out of order, or more than {MOST} in a row")
    if not np.isin(values["kind"], (PERSON, BALL)).all():
        raise InputError("boxes of an unknown kind")
    return Boxes(**{**values, "rows": rows, "fps": fps})
