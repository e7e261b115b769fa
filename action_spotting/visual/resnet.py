"""ResNet-152 features of SoccerNet: 2048 numbers a frame.

The original is ``Features/ExtractResNET_TF2.py``: Keras' ResNet-152 (He et al., 2016) trained on
ImageNet, up to its global average pool. The original hands OpenCV's BGR pictures to Keras'
``preprocess_input``, which takes them for RGB and swaps the channels. The released features and
everything trained on them rest on that, so ``channel_order="soccernet"`` does the same;
``"rgb"`` is the order with which the network was trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.feature_types import PICTURE
from action_spotting.errors import UsageError, unknown
from action_spotting.io.threads import prefetch
from action_spotting.visual.batches import batches
from action_spotting.visual.choices import TRANSFORMS
from action_spotting.visual.frames import FrameOptions
from action_spotting.visual.resnet_network import SHAPE, WIDTH, Settings, load_network
from action_spotting.visual.transforms import square

QUEUED_BATCHES = 2


class ResNetExtractor:
    """Makes ``1_ResNET_TF2.npy``; see `action_spotting.extraction.driver.Extractor`.

    Parameters
    ----------
    network
        Weights, precision, engine, channel order and batch size.
    decoding
        Which frames are used, and by which decoder.
    transform
        ``crop``, ``resize`` or ``resize256crop224``; see
        `action_spotting.visual.transforms.square`.

    Attributes
    ----------
    device
        Where the network runs, in words.

    Raises
    ------
    UsageError
        No such transform or file of weights.
    WeightsUnavailable
        The ImageNet weights are neither here nor can be downloaded.

    Examples
    --------
    >>> extractor = ResNetExtractor(Settings(weights="random"))  # doctest: +SKIP
    """

    width = WIDTH
    medium = PICTURE

    def __init__(
        self,
        network: Settings | None = None,
        decoding: FrameOptions | None = None,
        *,
        transform: str = "crop",
    ) -> None:
        if transform not in TRANSFORMS:
            raise UsageError(unknown("transform", transform, TRANSFORMS))
        self.decoding = decoding or FrameOptions()
        self._transform = transform
        self._network = load_network(network or Settings())
        self.device = self._network.device
        self.settings: Mapping[str, Any] = {
            "fps": self.decoding.fps,
            "sampling": self.decoding.sampling,
            "grabber": self.decoding.grabber,
            "transform": transform,
            **self._network.record,
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
        float32 array ``(n, 2048)``
            One row a frame.
        """
        squares = (square(frame, self._transform) for frame in stream)
        begun: tuple[Any, int] | None = None
        for batch, count in prefetch(batches(squares, self._network.batch_size), QUEUED_BATCHES):
            following = self._network.begin(batch), count
            if begun:
                yield self._finish(*begun)
            begun = following
        if begun:
            yield self._finish(*begun)

    def _finish(self, begun: Any, count: int) -> np.ndarray:
        return self._network.finish(begun)[:count]

    def features(self, images: np.ndarray) -> np.ndarray:
        """Compute the features of frames that are already 224 × 224.

        They go through the network in batches, exactly as a half's frames do.

        Parameters
        ----------
        images
            BGR uint8 ``(n, 224, 224, 3)``.

        Returns
        -------
        float32 array ``(n, 2048)``

        Raises
        ------
        ValueError
            Another shape or dtype.

        Examples
        --------
        >>> extractor = ResNetExtractor(Settings(weights="random"))  # doctest: +SKIP
        >>> extractor.features(np.zeros((2, 224, 224, 3), np.uint8)).shape  # doctest: +SKIP
        (2, 2048)
        """
        if images.shape[1:] != SHAPE or images.dtype != np.uint8:
            raise ValueError(f"uint8 (n, 224, 224, 3) expected, not {images.dtype} {images.shape}")
        size = self._network.batch_size
        parts = [self._network(batch)[:count] for batch, count in batches(images, size)]
        return np.concatenate(parts) if parts else np.empty((0, WIDTH), np.float32)
