"""Captions: a text as a picture, when and where it shows, and how it is drawn on a frame.

Texts are drawn once, by Pillow with the DejaVu font that comes with matplotlib, and blended into
the planes of a YUV 4:2:0 frame, so that a frame without a caption is never converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

FADE_MS = 400
"""How long a caption takes to come and to go."""

SLOTS = 4
"""How many captions can show at once; a further one takes the place of the oldest."""

_BOX = (16, 20, 24, 200)
_TEXT = (255, 255, 255, 255)
_SUBTEXT = (190, 200, 210, 255)
ACCENT = (255, 196, 0, 255)


@dataclass(frozen=True)
class Picture:
    """A caption as YUV 4:2:0 planes with an opacity.

    Attributes
    ----------
    luma, luma_alpha
        ``(2h, 2w)``; 16 to 235, and 0 to 1; float32.
    chroma, chroma_alpha
        ``(2, h, w)`` and ``(h, w)``; 16 to 240, and 0 to 1; float32.
    """

    luma: np.ndarray
    luma_alpha: np.ndarray
    chroma: np.ndarray
    chroma_alpha: np.ndarray


@dataclass(frozen=True)
class Caption:
    """A text that shows for a while.

    Attributes
    ----------
    start_ms, end_ms
        When it shows.
    title, subtitle
        The large line and the small one.
    """

    start_ms: int
    end_ms: int
    title: str
    subtitle: str


def assign_slots(captions: Sequence[Caption], slots: int = SLOTS) -> list[int]:
    """Give each caption a place that it keeps while it shows.

    The lowest free place; where none is, that of the caption that began first.

    Parameters
    ----------
    captions
        Sorted by start.

    Examples
    --------
    >>> assign_slots([Caption(0, 40, "", ""), Caption(10, 50, "", ""), Caption(40, 60, "", "")])
    [0, 1, 0]
    """
    holders: list[Caption | None] = [None] * slots
    places = []
    for caption in captions:
        free = [i for i, held in enumerate(holders) if not held or held.end_ms <= caption.start_ms]
        place = free[0] if free else min(range(slots), key=lambda i: _began(holders[i]))
        holders[place] = caption
        places.append(place)
    return places


def opacity(caption: Caption, at_ms: float) -> float:
    """How much of a caption shows at a time: 0 to 1, rising and falling within `FADE_MS`.

    >>> caption = Caption(0, 4000, "", "")
    >>> [opacity(caption, t) for t in (0, 200, 2000, 3900, 4000)]
    [0.1, 0.5, 1.0, 0.25, 0.0]
    """
    if not caption.start_ms <= at_ms < caption.end_ms:
        return 0.0
    coming = max(0.1, (at_ms - caption.start_ms) / FADE_MS)
    going = (caption.end_ms - at_ms) / FADE_MS
    return float(min(1.0, coming, going))


class CaptionTrack:
    """Draws a list of captions on the frames of a video of one size.

    Parameters
    ----------
    captions
        In any order.
    width, height
        Of the frames, in pixels; even.
    """

    def __init__(self, captions: Sequence[Caption], width: int, height: int) -> None:
        ordered = sorted(captions, key=lambda caption: caption.start_ms)
        places = assign_slots(ordered)
        self._entries = list(zip(ordered, places, strict=True))
        self._starts = np.array([caption.start_ms for caption in ordered])
        self._longest_ms = max((c.end_ms - c.start_ms for c in ordered), default=0)
        self._size = width, height

    def active(self, at_ms: float) -> list[tuple[Caption, int]]:
        """Give the captions that show at a time with their places, the newest of a place alone."""
        first = int(np.searchsorted(self._starts, at_ms - self._longest_ms, side="left"))
        last = int(np.searchsorted(self._starts, at_ms, side="right"))
        shown = {
            place: caption
            for caption, place in self._entries[first:last]
            if opacity(caption, at_ms) > 0
        }
        return [(caption, place) for place, caption in shown.items()]

    def draw(self, planes: np.ndarray, at_ms: float) -> None:
        """Blend what shows at a time into a frame.

        Parameters
        ----------
        planes
            The frame as ``(height * 3 / 2, width)`` uint8: Y, then U, then V at half size, as
            PyAV's ``to_ndarray`` gives yuv420p. Changed in place.
        at_ms
            Time of the frame.
        """
        width, height = self._size
        for caption, place in self.active(at_ms):
            picture = caption_picture(caption.title, caption.subtitle, text_height(height))
            rows, columns = picture.chroma_alpha.shape
            margin = max(1, height // 40)
            top = height // 2 - margin - (place + 1) * rows - place * max(1, margin // 4)
            columns = min(columns, width // 2 - 2 * margin)
            if top >= 0 and columns > 0:
                blend(planes, picture, top, margin, columns, opacity(caption, at_ms))


def text_height(frame_height: int) -> int:
    """Height of the large line for a frame of this height, in pixels.

    >>> text_height(720), text_height(224)
    (36, 14)
    """
    return max(14, frame_height // 20)


def blend(
    planes: np.ndarray, picture: Picture, top: int, left: int, columns: int, strength: float
) -> None:
    """Blend a picture into a frame's planes; places in chroma pixels (half the luma's).

    Rows that lie below the frame are left out; `columns` of the picture are drawn.
    """
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    rows = picture.chroma_alpha.shape[0]
    luma = planes[2 * top : 2 * (top + rows), 2 * left : 2 * (left + columns)]
    _mix(luma, picture.luma[:, : 2 * columns], strength * picture.luma_alpha[:, : 2 * columns])
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    area = chroma[:, top : top + rows, left : left + columns]
    _mix(area, picture.chroma[..., :columns], strength * picture.chroma_alpha[:, :columns])


@lru_cache(maxsize=64)
def caption_picture(title: str, subtitle: str, size: int) -> Picture:
    """Draw a caption: an accent bar, the title, and the subtitle beside it, on a dark box.

    Parameters
    ----------
    title, subtitle
        What is not in the font shows as a box.
    size
        Height of the title in pixels.
    """
    from PIL import Image, ImageDraw

    large, small = _font(size), _font(max(10, size * 2 // 3))
    pad = size // 2
    text_end = pad + size // 4 + large.getlength(title)
    width = int(text_end + pad + small.getlength(subtitle) + pad) // 2 * 2 + 2
    height = (size + pad * 5 // 4) // 2 * 2
    image = Image.new("RGBA", (width, height), _BOX)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, max(1, size // 5) - 1, height - 1), fill=ACCENT)
    middle = height // 2
    draw.text((pad + size // 4, middle), title, font=large, fill=_TEXT, anchor="lm")
    draw.text((text_end + pad, middle), subtitle, font=small, fill=_SUBTEXT, anchor="lm")
    return _to_yuv(np.asarray(image, np.float32))


def _began(caption: Caption | None) -> int:
    return caption.start_ms if caption else 0


def _mix(area: np.ndarray, picture: np.ndarray, alpha: np.ndarray) -> None:
    area[...] = np.rint(area + alpha * (picture - area)).astype(np.uint8)


def _to_yuv(rgba: np.ndarray) -> Picture:
    """BT.709, limited range; chroma is the mean of 2×2 pixels."""
    r, g, b, a = np.moveaxis(rgba, -1, 0) / 255
    luma = 0.2126 * r + 0.7152 * g + 0.0722 * b
    chroma = np.stack([(b - luma) / 1.8556, (r - luma) / 1.5748])
    half = luma.shape[0] // 2, luma.shape[1] // 2
    chroma = chroma.reshape(2, half[0], 2, half[1], 2).mean(axis=(2, 4))
    alpha = a.reshape(half[0], 2, half[1], 2).mean(axis=(1, 3))
    return Picture(16 + 219 * luma, a, 128 + 224 * chroma, alpha)


@lru_cache(maxsize=8)
def _font(size: int):
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    return ImageFont.truetype(str(path), size)
