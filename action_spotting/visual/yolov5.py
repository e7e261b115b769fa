"""YOLOv5 features: persons and ball of a frame in 64 numbers, and the boxes beside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.feature_types import PICTURE
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.layout import side_path
from action_spotting.extraction.job import make_file
from action_spotting.io.items import Outcome, Summary, run_items
from action_spotting.io.threads import prefetch
from action_spotting.visual.batches import batches
from action_spotting.visual.boxes import Boxes, read_boxes, write_boxes
from action_spotting.visual.detector import (
    Detections,
    Detector,
    DetectorSettings,
    letterbox,
    unletterbox,
)
from action_spotting.visual.frames import FrameOptions
from action_spotting.visual.yolov5_vector import DIMENSIONS, vectors

BOXES_SUFFIX = "_boxes.npz"
DEFINITION = 2
"""Number of the definition of the 64 numbers; another one makes other features."""

QUEUED_BATCHES = 2
_TORSO = (0.25, 0.75, 0.15, 0.5)  # left, right, top, bottom as fractions of a person's box


class YOLOv5Extractor:
    """Makes ``1_YOLOv5.npy``, and ``1_YOLOv5_boxes.npz`` beside it.

    See `action_spotting.extraction.driver.Extractor`.

    Parameters
    ----------
    detector
        The network and its thresholds.
    decoding
        Which frames are used, and by which decoder.

    Attributes
    ----------
    device
        Where the network runs, in words.

    Examples
    --------
    >>> settings = DetectorSettings(Path("yolov5m.onnx"))
    >>> extractor = YOLOv5Extractor(settings)  # doctest: +SKIP
    """

    width = len(DIMENSIONS)
    medium = PICTURE

    def __init__(self, detector: DetectorSettings, decoding: FrameOptions | None = None) -> None:
        self.decoding = decoding or FrameOptions()
        self._detector = Detector(detector)
        self.device = self._detector.device
        self.settings: Mapping[str, Any] = {
            "fps": self.decoding.fps,
            "sampling": self.decoding.sampling,
            "grabber": self.decoding.grabber,
            "definition": DEFINITION,
            **self._detector.record,
        }

    def rows(self, stream: Iterator[np.ndarray], target: Path) -> Iterator[np.ndarray]:
        """Detect in a half's frames and write the boxes beside `target`.

        Parameters
        ----------
        stream
            BGR uint8 frames ``(height, width, 3)``.
        target
            The feature file; the boxes go to ``<name>_boxes.npz`` beside it.

        Yields
        ------
        float32 array ``(rows, 64)``
            All rows at once.
        """
        boxes = self.detect(stream)
        write_boxes(side_path(target, BOXES_SUFFIX), boxes, self.settings)
        yield vectors(boxes)

    def detect(self, frames: Iterable[np.ndarray]) -> Boxes:
        """Detect persons and balls.

        Parameters
        ----------
        frames
            BGR uint8 ``(height, width, 3)``.

        Returns
        -------
        Boxes
            One row a frame.

        Examples
        --------
        >>> extractor = YOLOv5Extractor(DetectorSettings(Path("yolov5m.onnx")))  # doctest: +SKIP
        >>> extractor.detect([frame]).confidence  # doctest: +SKIP
        """
        sizes: deque[tuple[int, int]] = deque()
        rows = []
        for batch, count in prefetch(
            batches(self._boxed(frames, sizes), self._detector.batch_size)
        ):
            found = self._detector(batch)
            for picture, detections in zip(batch[:count], found, strict=False):
                rows.append(_row(picture, detections, sizes.popleft()))
        return _gather(rows, self.decoding.fps)

    def _boxed(
        self, frames: Iterable[np.ndarray], sizes: deque[tuple[int, int]]
    ) -> Iterator[np.ndarray]:
        for frame in frames:
            sizes.append(frame.shape[:2])
            yield letterbox(frame, self._detector.side)


def vectors_from_boxes(
    targets: Sequence[Path], *, overwrite: bool = False, fail_fast: bool = False
) -> Summary:
    """Make feature files from the boxes that lie beside them, without running the detector.

    Parameters
    ----------
    targets
        Feature files, such as ``1_YOLOv5.npy``.
    overwrite
        Make files that are already there anew.
    fail_fast
        Raise at the first file that fails instead of listing it.

    Returns
    -------
    Summary
        Files done and skipped, and the failures with their reasons.

    Raises
    ------
    InputError
        With `fail_fast`: boxes are missing or damaged.

    Examples
    --------
    >>> print(vectors_from_boxes([half_folder / "1_YOLOv5.npy"]))  # doctest: +SKIP
    """

    def work(target: Path) -> Outcome:
        source = side_path(target, BOXES_SUFFIX)
        boxes, settings = read_boxes(source)
        settings = {**settings, "definition": DEFINITION}

        def write() -> None:
            with write_feature(target, len(DIMENSIONS), settings) as writer:
                writer.append(vectors(boxes))

        return make_file(target, len(DIMENSIONS), settings, write, overwrite=overwrite)

    items = {str(target): target for target in targets}
    return run_items("YOLOv5 from boxes", items, work, fail_fast=fail_fast)


def torso_colours(picture: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Compute the mean colour of the upper middle of each box, where the jersey is.

    Parameters
    ----------
    picture
        BGR uint8 ``(height, width, 3)``.
    corners
        Left, top, right, bottom in pixels, ``(n, 4)``.

    Returns
    -------
    float32 array ``(n, 3)``
        BGR in [0, 1].

    Examples
    --------
    >>> picture = np.full((100, 100, 3), 255, np.uint8)
    >>> torso_colours(picture, np.array([[10.0, 10.0, 30.0, 60.0]])).tolist()
    [[1.0, 1.0, 1.0]]
    """
    left, top, right, bottom = corners.T.astype(np.float64)
    width, height = right - left, bottom - top
    x0, x1 = left + _TORSO[0] * width, left + _TORSO[1] * width
    y0, y1 = top + _TORSO[2] * height, top + _TORSO[3] * height
    limit_y, limit_x = picture.shape[:2]
    colours = np.zeros((len(corners), 3), np.float32)
    for i in range(len(corners)):
        column = int(np.clip(x0[i], 0, limit_x - 1))
        row = int(np.clip(y0[i], 0, limit_y - 1))
        patch = picture[row : max(row + 1, int(y1[i])), column : max(column + 1, int(x1[i]))]
        colours[i] = patch.reshape(-1, 3).mean(axis=0) / 255
    return colours


def _row(
    picture: np.ndarray, found: Detections, size: tuple[int, int]
) -> tuple[np.ndarray, Detections, np.ndarray]:
    """Turn the detections in a letterboxed picture into fractions of the frame and colours."""
    height, width = size
    corners = unletterbox(found.corners, picture.shape[0], height, width)
    corners = corners / np.array([width, height, width, height])
    centre = (corners[:, :2] + corners[:, 2:]) / 2
    box = np.hstack([centre, corners[:, 2:] - corners[:, :2]]).astype(np.float32)
    return box, found, torso_colours(picture, found.corners)


def _gather(rows: list[tuple[np.ndarray, Detections, np.ndarray]], fps: float) -> Boxes:
    counts = [len(box) for box, _, _ in rows]
    empty = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int8))
    rows = [*rows, (np.zeros((0, 4), np.float32), empty, np.zeros((0, 3), np.float32))]
    return Boxes(
        rows=len(counts),
        fps=fps,
        row=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        box=np.concatenate([box for box, _, _ in rows]),
        confidence=np.concatenate([found.confidence for _, found, _ in rows]),
        kind=np.concatenate([found.kind for _, found, _ in rows]),
        colour=np.concatenate([colour for _, _, colour in rows]),
    )
