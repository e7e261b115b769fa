"""ResNet-152 features of SoccerNet: 2048 numbers a frame.

The original is ``Features/ExtractResNET_TF2.py``: Keras' ResNet-152 (He et al., 2016) trained on
ImageNet, up to its global average pool. The original hands OpenCV's BGR pictures to Keras'
``preprocess_input``, which takes them for RGB and swaps the channels. The released features and
everything trained on them rest on that, so ``channel_order="soccernet"`` does the same;
``"rgb"`` is the order with which the network was trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.cli.visual_options import TRANSFORMS
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.media import Clip
from action_spotting.errors import UsageError, unknown
from action_spotting.extraction.prefetch import ahead, batches
from action_spotting.visual.frames import FrameOptions, square, with_frames
from action_spotting.visual.resnet_network import SHAPE, WIDTH, Settings, load_network

QUEUED_BATCHES = 2


class ResNetExtractor:
    """Makes ``1_ResNET_TF2.npy``; see `action_spotting.extraction.driver.Extractor`.

    Parameters
    ----------
    network
        Weights, precision, engine, channel order and batch size.
    frames
        Which frames.
    transform
        ``crop``, ``resize`` or ``resize256crop224``; see `action_spotting.visual.frames.square`.
    name
        The feature's name.

    Examples
    --------
    >>> extractor = ResNetExtractor(Settings(weights="random"))  # doctest: +SKIP
    >>> extractor.extract(Clip(Path("1_224p.mkv")), Path("1_ResNET_TF2.npy"))  # doctest: +SKIP
    """

    dims = WIDTH

    def __init__(
        self,
        network: Settings | None = None,
        frames: FrameOptions | None = None,
        *,
        transform: str = "crop",
        name: str = "ResNET_TF2",
    ) -> None:
        if transform not in TRANSFORMS:
            raise UsageError(unknown("transform", transform, TRANSFORMS))
        self.name = name
        self.frames = frames or FrameOptions()
        self._transform = transform
        self._network = load_network(network or Settings())
        self.device = self._network.device
        self.batch_size = self._network.batch_size
        self.settings: Mapping[str, Any] = {
            "fps": self.frames.fps,
            "sampling": self.frames.sampling,
            "grabber": self.frames.grabber,
            "transform": transform,
            **self._network.record,
        }

    def extract(self, clip: Clip, target: Path) -> str | None:
        """Write the features of `clip`; a Ctrl-C or a bad clip leaves nothing behind."""
        found: list[str] = []
        work = partial(self.consume, clip=clip, target=target)
        with_frames(clip, self.frames, work, warn=found.append)
        return "; ".join(found) or None

    def consume(self, frames: Iterator[np.ndarray], clip: Clip, target: Path) -> None:
        """Write the features of `frames`, which are those of `clip`."""
        squares = (square(frame, self._transform) for frame in frames)
        ready = ahead(batches(squares, self._network.batch_size), QUEUED_BATCHES)
        with write_feature(target, self.dims, self.settings, clip) as writer:
            for batch, count in ready:
                writer.append(self._network(batch)[:count])

    def features(self, images: np.ndarray) -> np.ndarray:
        """Compute the features of BGR uint8 pictures ``(n, 224, 224, 3)``: float32 ``(n, 2048)``.

        They go through the network in batches, exactly as a half's frames do.
        """
        if images.shape[1:] != SHAPE or images.dtype != np.uint8:
            raise ValueError(f"uint8 (n, 224, 224, 3) expected, not {images.dtype} {images.shape}")
        size = self._network.batch_size
        parts = [self._network(batch)[:count] for batch, count in batches(images, size)]
        return np.concatenate(parts) if parts else np.empty((0, WIDTH), np.float32)
