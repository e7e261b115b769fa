"""Features of any frozen ONNX image network: one row a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.feature_types import PICTURE
from action_spotting.errors import UsageError, unknown
from action_spotting.extraction.onnx_encoder import EncoderSettings, pooled
from action_spotting.io.threads import prefetch
from action_spotting.visual.batches import batches
from action_spotting.visual.choices import IMAGENET_MEAN, IMAGENET_STD, ONNX_TRANSFORMS, RGB_ORDERS
from action_spotting.visual.detector import letterbox
from action_spotting.visual.frames import FrameOptions
from action_spotting.visual.picture_input import picture_input

QUEUED_BATCHES = 2


@dataclass(frozen=True)
class PictureSettings:
    """How a frame becomes the input of a network.

    Attributes
    ----------
    side
        Height and width of the pictures; None: those that the network fixes.
    mean, std
        Of red, green, blue in [0, 1]; a picture is divided by 255, less `mean`, over `std`.
    transform
        ``crop``, ``resize`` or ``letterbox``; see `fit_square`.
    channel_order
        ``rgb`` or ``bgr``: the order of the input, of `mean` and of `std`.

    Raises
    ------
    UsageError
        A name that is not known, or numbers out of range.

    Examples
    --------
    >>> PictureSettings(224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).transform
    'crop'
    """

    side: int | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    transform: str = "crop"
    channel_order: str = "rgb"

    def __post_init__(self) -> None:
        if self.transform not in ONNX_TRANSFORMS:
            raise UsageError(unknown("transform", self.transform, ONNX_TRANSFORMS))
        if self.channel_order not in RGB_ORDERS:
            raise UsageError(unknown("channel order", self.channel_order, RGB_ORDERS))
        if not np.isfinite(self.mean).all() or not all(0 < std < np.inf for std in self.std):
            raise UsageError(
                f"--mean {self.mean}, --std {self.std}: finite numbers are expected, of --std "
                "above 0"
            )
        if len(self.mean) != 3 or len(self.std) != 3:
            raise UsageError("--mean and --std take three numbers, or one for all channels")


class OnnxFrames:
    """Makes ``1_<name>.npy``; see `action_spotting.extraction.driver.Extractor`.

    Parameters
    ----------
    encoder
        The network, and which of its numbers make a row.
    pictures
        How a frame becomes its input.
    decoding
        Which frames are used, and by which decoder.

    Attributes
    ----------
    device
        Where the network runs, in words.

    Raises
    ------
    UsageError
        No such file or output, or a size that is needed and not given, or not the network's.
    InputError
        The network is refused, does not run, or does not take square colour pictures.

    Examples
    --------
    >>> encoder = EncoderSettings(Path("dinov3.onnx"))  # doctest: +SKIP
    >>> OnnxFrames(encoder, PictureSettings(224)).width  # doctest: +SKIP
    384
    """

    medium = PICTURE

    def __init__(
        self,
        encoder: EncoderSettings,
        pictures: PictureSettings | None = None,
        decoding: FrameOptions | None = None,
    ) -> None:
        self.decoding = decoding or FrameOptions()
        self._encoder, self._pictures = encoder, pictures or PictureSettings()
        self._network = encoder.open()
        self.device = self._network.device
        self.input = picture_input(
            self._network.path, self._network.shape, self._pictures.side, encoder.batch_size
        )
        side = self.input.side
        blank = np.zeros((self.input.batch_size, side, side, 3), np.uint8)
        self.width = self._rows(blank).shape[1]
        self.settings: Mapping[str, Any] = {
            "fps": self.decoding.fps,
            "sampling": self.decoding.sampling,
            "grabber": self.decoding.grabber,
            "offset_s": 1 / self.decoding.fps if self.decoding.sampling == "soccernet" else 0.0,
            "medium": PICTURE,
            **encoder.record(self._network),
            "side": side,
            "mean": list(self._pictures.mean),
            "std": list(self._pictures.std),
            "transform": self._pictures.transform,
            "channel_order": self._pictures.channel_order,
        }

    def rows(self, stream: Iterator[np.ndarray], target: Path) -> Iterator[np.ndarray]:
        """Compute the features of a half's frames, a batch at a time.

        Parameters
        ----------
        stream
            BGR uint8 frames ``(height, width, 3)``.
        target
            The feature file; not used.

        Yields
        ------
        float32 array ``(n, width)``
            One row a frame.
        """
        squares = (fit_square(f, self.input.side, self._pictures.transform) for f in stream)
        for batch, count in prefetch(batches(squares, self.input.batch_size), QUEUED_BATCHES):
            yield self._rows(batch)[:count]

    def _rows(self, batch: np.ndarray) -> np.ndarray:
        """Rows of BGR uint8 ``(batch_size, side, side, 3)``."""
        last = self.input.channels_last
        inputs = normalised(batch, self._pictures)
        output = self._network(inputs if last else inputs.transpose(0, 3, 1, 2))
        return pooled(self._network.path, output, self._encoder.pool, channels_last=last)


def fit_square(image: np.ndarray, side: int, transform: str) -> np.ndarray:
    """Make a frame a square.

    Parameters
    ----------
    image
        uint8 ``(height, width, 3)``.
    side
        Of the square, in pixels.
    transform
        ``crop``: the middle square, scaled; ``resize``: all of the frame, squeezed; ``letterbox``:
        all of it in its proportions, with grey above and below. Scaled down by area, up by cubic
        interpolation; ``crop`` of a 398 × 224 frame to 224 scales nothing, as ResNet's does.

    Returns
    -------
    uint8 array ``(side, side, 3)``

    Examples
    --------
    >>> frame = np.zeros((224, 398, 3), np.uint8)
    >>> [fit_square(frame, 96, name).shape for name in ("crop", "resize", "letterbox")]
    [(96, 96, 3), (96, 96, 3), (96, 96, 3)]
    """
    import cv2

    if transform == "letterbox":
        return letterbox(image, side)
    if transform == "crop":
        least = min(image.shape[:2])
        top, left = ((size - least) // 2 for size in image.shape[:2])
        image = image[top : top + least, left : left + least]
    if image.shape[:2] == (side, side):
        return image
    smaller = side <= min(image.shape[:2])
    return cv2.resize(
        image, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )


def normalised(batch: np.ndarray, settings: PictureSettings) -> np.ndarray:
    """Bring pictures into the network's order and range.

    Parameters
    ----------
    batch
        BGR uint8 ``(n, side, side, 3)``.
    settings
        Order, mean and spread.

    Returns
    -------
    float32 array ``(n, side, side, 3)``

    Examples
    --------
    >>> white = np.full((1, 1, 1, 3), 255, np.uint8)
    >>> normalised(white, PictureSettings(1, mean=(0, 0.5, 1), std=(1, 0.5, 2))).ravel().tolist()
    [1.0, 1.0, 0.0]
    """
    ordered = batch[..., ::-1] if settings.channel_order == "rgb" else batch
    mean, std = (np.array(values, np.float32) for values in (settings.mean, settings.std))
    scaled: np.ndarray = (ordered.astype(np.float32) / np.float32(255) - mean) / std
    return scaled
