"""Three ways to decode a video, one interface: PyAV, OpenCV, scikit-video.

Each gives BGR pictures, uint8 ``(height, width, 3)``. PyAV gives the bits of the original's
OpenCV, and is faster: it leaves out pictures that nobody asked for and that no other picture refers
to, and decodes several parts of the video at once. The installed OpenCV gives the same bits but for
media that name BT.709 (HD) colours: releases before 4.12 read all media as BT.601, and so were the
released features made; later ones honour the name, which moves values by 3 of 255 on average.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from action_spotting.dataset.media import open_media
from action_spotting.errors import UsageError, unknown
from action_spotting.visual.choices import GRABBERS
from action_spotting.visual.counting_readers import OpenCVReader, SkvideoReader
from action_spotting.visual.packet_index import Scan
from action_spotting.visual.pyav_reader import PyAVReader


class Reader(Protocol):
    """Decodes one video.

    Parameters
    ----------
    path
        The video.

    Attributes
    ----------
    damaged
        Frames that the decoder called damaged when `images` last ran; 0 where it does not report
        damage.
    """

    damaged: int

    def __init__(self, path: Path) -> None: ...

    def images(self, wanted: Sequence[int], scan: Scan) -> Iterator[np.ndarray]:
        """Decode the wanted frames.

        Parameters
        ----------
        wanted
            Ascending indices of frames, counted from 0.
        scan
            The video's frames.

        Yields
        ------
        uint8 array ``(height, width, 3)``
            BGR frames, upright.

        Raises
        ------
        Miscounted
            Decoding shows that `scan` is wrong.
        InputError
            The decoder cannot open the file.
        """
        ...

    def recount(self, scan: Scan) -> Scan:
        """Decode everything to learn when each frame is shown.

        Parameters
        ----------
        scan
            What the packets say.

        Returns
        -------
        Scan
            What decoding shows.

        Raises
        ------
        InputError
            No frame could be decoded.
        """
        ...


READERS: dict[str, type[Reader]] = dict(
    zip(GRABBERS, (PyAVReader, OpenCVReader, SkvideoReader), strict=True)
)


def reader_class(grabber: str) -> type[Reader]:
    """Give the reader class of a decoder.

    Parameters
    ----------
    grabber
        ``pyav``, ``opencv`` or ``skvideo``.

    Returns
    -------
    type

    Raises
    ------
    UsageError
        An unknown grabber.

    Examples
    --------
    >>> reader_class("pyav").__name__
    'PyAVReader'
    """
    if grabber not in READERS:
        raise UsageError(unknown("grabber", grabber, READERS))
    return READERS[grabber]


def open_reader(path: Path, grabber: str) -> Reader:
    """Make the reader of a file, after checking that it is media and not a pointer to other files.

    Parameters
    ----------
    path
        The video.
    grabber
        ``pyav``, ``opencv`` or ``skvideo``.

    Returns
    -------
    Reader

    Raises
    ------
    InputError
        Not a media file.
    UsageError
        An unknown grabber.
    """
    open_media(path).close()
    return reader_class(grabber)(path)
