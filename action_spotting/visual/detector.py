"""YOLOv5 detection with an ONNX export: letterbox, network, non-maximum suppression.

The steps are those of the YOLOv5 package (``letterbox``, ``non_max_suppression``,
``scale_boxes``), without PyTorch.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.records import sha256
from action_spotting.errors import InputError, UsageError
from action_spotting.io.onnx_network import OnnxNetwork
from action_spotting.visual.boxes import BALL, PERSON
from action_spotting.visual.picture_input import picture_input

PERSONS = ("person", "player", "goalkeeper", "referee")
BALLS = ("sports ball", "ball")
"""Classes that count as a person and as the ball: COCO's, and those of football's own data sets."""

_NEEDED = (PERSONS[0], BALLS[0])
Ids = tuple[tuple[int, ...], tuple[int, ...]]
COCO_IDS: Ids = (0,), (32,)
COCO_CLASSES = 80
MAX_BOXES = 300
"""Boxes of a class in one picture, as the package's ``max_det``."""

MAX_NAMES = 2**16
"""Characters of an export's list of class names."""

DEFAULT_SIDE = 640
BATCH_PIXELS = 8 * DEFAULT_SIDE**2
"""Of a call; with them YOLOv5n takes 0.5 GB, whatever the size."""

_PAD = 114
_STRIDES = ((8, 16, 32), (8, 16, 32, 64))  # n … x, and n6 … x6


@dataclass(frozen=True)
class DetectorSettings:
    """Which network and which boxes.

    Parameters
    ----------
    weights
        A ``.onnx`` export of YOLOv5.
    conf, ball_conf
        Least confidence of a person and of the ball.
    iou
        Overlap above which the less sure of two boxes of a class is dropped.
    imgsz
        Side of the network's input; None: the export's own, 640 where it is free.
    batch_size
        Frames a call; an export of fixed batch size overrules it. None: as many as fit into
        `BATCH_PIXELS`, at least one.
    gpu
        Index of the GPU; -1: the CPU; None: the first GPU, or the CPU where there is none.
    note
        Free text for the provenance, such as what the weights are.
    """

    weights: Path
    conf: float = 0.25
    ball_conf: float = 0.10
    iou: float = 0.45
    imgsz: int | None = None
    batch_size: int | None = None
    gpu: int | None = -1
    note: str = ""

    def __post_init__(self) -> None:
        for option in ("conf", "ball_conf", "iou"):
            if not 0 <= getattr(self, option) <= 1:
                raise UsageError(f"--{option} {getattr(self, option)}: must be between 0 and 1")
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"--batch_size {self.batch_size}: must be 1 or more")
        if self.imgsz is not None and (self.imgsz < 32 or self.imgsz % 32):
            raise UsageError(f"--imgsz {self.imgsz}: must be a multiple of 32, such as 640 or 1280")


@dataclass(frozen=True)
class Detections:
    """The boxes of one picture, the surest first.

    Attributes
    ----------
    corners
        Left, top, right, bottom in the letterboxed picture's pixels, float32 ``(n, 4)``.
    confidence
        float32 ``(n,)``
    kind
        `PERSON` or `BALL`, int8 ``(n,)``.
    """

    corners: np.ndarray
    confidence: np.ndarray
    kind: np.ndarray


class Detector:
    """Finds persons and the ball; may be called from several threads, one at a time is served.

    Attributes
    ----------
    side
        Side of the pictures it takes, in pixels.
    batch_size
        Pictures that every call must bring.
    record
        What the boxes depend on, for their provenance.
    device
        The provider that runs it.

    Raises
    ------
    UsageError
        No such file, or a size other than the export's.
    InputError
        Not ONNX, or not an export of YOLOv5.
    """

    def __init__(self, settings: DetectorSettings) -> None:
        self._settings = settings
        self._network = _open_network(settings)
        self.device = self._network.device
        shape = self._network.shape
        side = settings.imgsz or (None if any(shape[2:]) else DEFAULT_SIDE)
        pixels = (side or next(filter(None, shape[2:]), 1)) ** 2
        batch = settings.batch_size or max(1, BATCH_PIXELS // pixels)
        taken = picture_input(settings.weights, shape, side, batch, option="--imgsz")
        self.batch_size, self.side = taken.batch_size, taken.side
        blank = np.zeros((self.batch_size, self.side, self.side, 3), np.uint8)
        classes = _check_output(settings.weights, self._predict(blank), self.side)
        self._ids = _class_ids(self._network, classes)
        self.record: Mapping[str, Any] = {
            "weights": {"sha256": sha256(settings.weights)}
            | ({"note": settings.note} if settings.note else {}),
            "imgsz": self.side,
            "conf": settings.conf,
            "ball_conf": settings.ball_conf,
            "iou": settings.iou,
        }

    def __call__(self, pictures: np.ndarray) -> list[Detections]:
        """Detect in letterboxed BGR uint8 pictures ``(batch_size, side, side, 3)``."""
        limits = (self._settings.conf, self._settings.ball_conf)
        return [
            select(one, self._ids, limits, self._settings.iou) for one in self._predict(pictures)
        ]

    def _predict(self, pictures: np.ndarray) -> np.ndarray:
        import cv2

        return self._network(cv2.dnn.blobFromImages(list(pictures), 1 / 255, swapRB=True))


def letterbox(image: np.ndarray, side: int) -> np.ndarray:
    """Scale a picture into a square and fill the rest with grey, bit for bit as YOLOv5 does.

    Parameters
    ----------
    image
        uint8 ``(height, width, 3)``.
    side
        The square's side in pixels.

    Examples
    --------
    >>> boxed = letterbox(np.zeros((224, 398, 3), np.uint8), 640)
    >>> boxed.shape, int((boxed[:, 0, 0] == 114).sum())
    ((640, 640, 3), 280)
    """
    import cv2

    height, width = image.shape[:2]
    scale = min(side / height, side / width)
    size = round(width * scale), round(height * scale)
    if size != (width, height):
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    across, down = (side - size[0]) / 2, (side - size[1]) / 2
    return cv2.copyMakeBorder(
        image,
        round(down - 0.1),
        round(down + 0.1),
        round(across - 0.1),
        round(across + 0.1),
        cv2.BORDER_CONSTANT,
        value=(_PAD, _PAD, _PAD),
    )


def unletterbox(corners: np.ndarray, side: int, height: int, width: int) -> np.ndarray:
    """Turn corners ``(n, 4)`` in the letterboxed picture into corners in the picture, in pixels.

    >>> unletterbox(np.array([[0.0, 140, 640, 500]]), 640, 720, 1280).tolist()
    [[0.0, 0.0, 1280.0, 720.0]]
    """
    scale = min(side / height, side / width)
    pad = np.array([(side - width * scale) / 2, (side - height * scale) / 2] * 2)
    limit = np.array([width, height, width, height])
    inside: np.ndarray = np.clip((corners - pad) / scale, 0, limit)
    return inside


def select(output: np.ndarray, ids: Ids, limits: tuple[float, float], iou: float) -> Detections:
    """Pick persons and balls from a network's output for one picture.

    Parameters
    ----------
    output
        float32 ``(n, 5 + classes)``: centre x, centre y, width, height, objectness, classes.
    ids
        The classes' numbers of persons and of balls.
    limits
        Least confidence (objectness × class) of each.
    iou
        Overlap above which the less sure of two boxes of a class is dropped.
    """
    import cv2

    output = output[output[:, 4] > min(limits)]
    scores = output[:, 5:] * output[:, 4:5]
    best = scores.argmax(axis=1) if len(output) else np.zeros(0, np.int64)
    confidence = scores[np.arange(len(best)), best]
    kind = np.select([np.isin(best, one) for one in ids], [PERSON, BALL], -1).astype(np.int8)
    keep = (kind >= 0) & (confidence > np.array([*limits, 2.0])[kind])
    centre, size = output[keep, :2], output[keep, 2:4]
    confidence, kind = confidence[keep], kind[keep]
    left_top = centre - size / 2
    kept = np.asarray(
        cv2.dnn.NMSBoxesBatched(
            np.hstack([left_top, size]).tolist(), confidence.tolist(), kind.tolist(), 0.0, iou
        ),
        dtype=np.int64,
    ).ravel()
    kept = kept[np.argsort(-confidence[kept], kind="stable")]
    rank = np.where(
        kind[kept] == BALL, np.cumsum(kind[kept] == BALL), np.cumsum(kind[kept] != BALL)
    )
    kept = kept[rank <= MAX_BOXES]
    corners = np.hstack([left_top, left_top + size])[kept].astype(np.float32).reshape(-1, 4)
    return Detections(corners, confidence[kept].astype(np.float32), kind[kept])


def _open_network(settings: DetectorSettings) -> OnnxNetwork:
    path = Path(settings.weights)
    if not path.is_file():
        raise UsageError(
            f"--weights {str(path)!r}: no such file; expected a YOLOv5 export (.onnx), made with "
            "its own export.py: python export.py --weights yolov5m.pt --include onnx --dynamic"
        )
    return OnnxNetwork(path, settings.gpu)


def _class_ids(network: OnnxNetwork, classes: int) -> Ids:
    """Give the class numbers of persons and balls: those that the export names, or COCO's."""
    named = network.metadata.get("names")
    if not named:
        if classes != COCO_CLASSES:
            raise InputError(
                f"{network.path}: has {classes} classes and no names for them; expected the "
                f"{COCO_CLASSES} of COCO, or an export that names {' and '.join(_NEEDED)}"
            )
        return COCO_IDS
    try:
        found = ast.literal_eval(named[:MAX_NAMES]) if len(named) <= MAX_NAMES else None
        known = found if isinstance(found, dict) else dict(enumerate(found or ()))
        persons, balls = (
            tuple(index for index, name in known.items() if name in names)
            for names in (PERSONS, BALLS)
        )
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise InputError(_unnamed(network, named)) from error
    if not (persons and balls):
        raise InputError(_unnamed(network, named))
    if not all(type(index) is int and 0 <= index < classes for index in (*persons, *balls)):
        raise InputError(
            f"{network.path}: {_NEEDED[0]} is class {persons!r}, {_NEEDED[1]} {balls!r}; there are "
            f"{classes} classes, counted from 0"
        )
    return persons, balls


def _unnamed(network: OnnxNetwork, named: str) -> str:
    return f"{network.path}: its classes are {named[:200]}; {' and '.join(_NEEDED)} are needed"


def _check_output(path: Path, output: np.ndarray, side: int) -> int:
    """Check that an output is YOLOv5's; give the number of classes."""
    expected = {sum(3 * (side // stride) ** 2 for stride in strides) for strides in _STRIDES}
    if output.ndim == 3 and output.shape[1] in expected and output.shape[2] > 5:
        return int(output.shape[2]) - 5
    hint = ""
    if output.ndim == 3 and output.shape[1] < output.shape[2]:
        hint = " (this looks like YOLOv8 or later, whose boxes have no objectness)"
    counts = " or ".join(str(count) for count in sorted(expected))
    raise InputError(
        f"{path}: not a YOLOv5 export: its output at {side} px is {output.shape}, expected "
        f"(batch, {counts}, 5 + classes){hint}"
    )
