"""Several features of one clip from one decoding of its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from action_spotting.dataset.media import Clip
from action_spotting.extraction.fan_out import counted, share
from action_spotting.visual.frames import FrameOptions, with_frames


class FrameExtractor(Protocol):
    """What makes a feature of a clip's frames, such as `action_spotting.visual.resnet`'s.

    Attributes
    ----------
    frames
        Which frames it looks at.
    """

    frames: FrameOptions

    def consume(self, frames: Iterator[np.ndarray], clip: Clip, target: Path) -> None:
        """Write the feature of `frames` to `target`, whole or not at all."""
        ...


def extract_frames(
    clip: Clip,
    targets: Mapping[Path, FrameExtractor],
    *,
    tell: Callable[[float], object] = lambda _: None,
) -> str | None:
    """Write several features of a clip; those that look at the same frames share a decoding.

    Each file has the bytes that its extractor gives alone.

    Parameters
    ----------
    clip
        The video, or the part of it.
    targets
        The files to make, each with its extractor.
    tell
        Is told how many seconds have been read; what it raises ends the work.

    Returns
    -------
    str or None
        What the user should know about the picture.

    Raises
    ------
    InputError
        As `action_spotting.visual.frames.with_frames`, or from an extractor. A target that was
        whole by then stays; of the others nothing is left.

    Examples
    --------
    >>> files = {Path("1_ResNET_TF2.npy"): resnet, Path("1_YOLOv5.npy"): yolo}  # doctest: +SKIP
    >>> extract_frames(Clip(Path("1_224p.mkv")), files)  # doctest: +SKIP
    """
    remarks: dict[str, None] = {}
    for options in dict.fromkeys(extractor.frames for extractor in targets.values()):
        consumers = [
            partial(extractor.consume, clip=clip, target=target)
            for target, extractor in targets.items()
            if extractor.frames == options
        ]
        work = partial(_feed, consumers, options.fps, tell)
        with_frames(clip, options, work, warn=lambda remark: remarks.setdefault(remark))
    return "; ".join(remarks) or None


def _feed(
    consumers: Sequence[Callable[[Iterator[np.ndarray]], None]],
    fps: float,
    tell: Callable[[float], object],
    frames: Iterator[np.ndarray],
) -> None:
    share(counted(frames, lambda number: tell(number / fps)), consumers)
