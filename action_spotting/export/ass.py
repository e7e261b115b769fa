"""Captions as an ASS subtitle track, which libass draws on the picture.

The format is Aegisub's Advanced SubStation Alpha, version 4+. The font is the DejaVu that comes
with matplotlib; a character that is not in it shows as a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from action_spotting.export.timeline import Moment
from action_spotting.export.wording import one_line

FADE_MS = 400
"""How long a caption takes to come and to go."""

SLOTS = 4
"""How many captions can show at once; a further one takes the place of the oldest."""

_EM = 1 / 1.164
"""Size of a font in its own units at ASS size 1: its ascent and descent together are 1."""

_SMALL = 2 / 3
_ACCENT, _WHITE, _GREY = "&H00C4FF&", "&HFFFFFF&", "&HDCD2BE&"
_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, BackColour, Bold, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV
Style: Caption,DejaVu Sans,{size},&H00FFFFFF,&H37181410,-1,4,0,{pad},1,0,0,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""Border style 4 is a box around the whole text; the shadow's width is the room around it."""


@dataclass(frozen=True)
class Caption:
    """A text that shows for a while.

    Attributes
    ----------
    start_ms, end_ms
        When it shows.
    title, subtitle
        The large text and the small one behind it.
    """

    start_ms: int
    end_ms: int
    title: str
    subtitle: str

    def shifted(self, by_ms: int) -> Caption:
        """Give the same caption on another clock."""
        return replace(self, start_ms=self.start_ms + by_ms, end_ms=self.end_ms + by_ms)


def caption_of(moment: Moment, start_ms: int, end_ms: int) -> Caption:
    """Word a moment: its name; half, time and how sure it is behind it.

    >>> caption_of(Moment(2, 61000, 0, "Goal", "Goal", 0.934), 0, 1).subtitle
    'H2 01:01  0.93'
    """
    half, _, time = moment.game_time.partition(" - ")
    return Caption(start_ms, end_ms, moment.name, f"H{half} {time}  {moment.certainty}")


def ass_track(captions: Sequence[Caption], size: tuple[int, int]) -> str:
    """Write captions as a subtitle track, at the lower left, one above another.

    Parameters
    ----------
    captions
        In any order.
    size
        Width and height of the picture in pixels.

    Returns
    -------
    str
        The content of an ``.ass`` file.

    Examples
    --------
    >>> track = ass_track([Caption(61_000, 65_000, "Goal", "H1 01:01  0.93")], (1280, 720))
    >>> track.splitlines()[-1][:36]
    'Dialogue: 0,0:01:01.00,0:01:05.00,Ca'
    """
    width, height = size
    font = max(14, min(size) // 20) / _EM
    pad = round(font / 4)
    ordered = sorted(captions, key=lambda caption: caption.start_ms)
    lines = [_HEAD.format(width=width, height=height, size=round(font), pad=pad)]
    for slot, caption in in_slots(ordered):
        left, bottom = 2 * pad, height - 2 * pad - round(slot * (font + 2.5 * pad))
        room = max(1, width - left - 2 * pad)
        fitting = min(font, room / _width_em(caption))
        lines.append(
            f"Dialogue: {slot},{_time(caption.start_ms)},{_time(caption.end_ms)},Caption,,0,0,0,,"
            f"{{\\pos({left},{bottom})\\fad({FADE_MS},{FADE_MS})\\fs{fitting:.1f}\\c{_ACCENT}}}▌"
            f"{{\\c{_WHITE}}}{_plain(caption.title)}  "
            f"{{\\fs{_SMALL * fitting:.1f}\\c{_GREY}}}{_plain(caption.subtitle)}\n"
        )
    return "".join(lines)


def in_slots(captions: Sequence[Caption], slots: int = SLOTS) -> list[tuple[int, Caption]]:
    """Give each caption a place that it keeps while it shows.

    The lowest free place; where none is, that of the caption that began first, which then ends.

    Parameters
    ----------
    captions
        Sorted by start.

    Examples
    --------
    >>> captions = [Caption(0, 40, "", ""), Caption(10, 50, "", ""), Caption(40, 60, "", "")]
    >>> [slot for slot, _ in in_slots(captions)]
    [0, 1, 0]
    """
    placed: list[tuple[int, Caption]] = []
    holders: dict[int, int] = {}
    for caption in captions:
        held = {slot: placed[i][1] for slot, i in holders.items()}
        free = [i for i in range(slots) if i not in held or held[i].end_ms <= caption.start_ms]
        slot = free[0] if free else min(held, key=lambda i: held[i].start_ms)
        if not free:
            placed[holders[slot]] = slot, replace(held[slot], end_ms=caption.start_ms)
        holders[slot] = len(placed)
        placed.append((slot, caption))
    return placed


@lru_cache(maxsize=1)
def font_file() -> Path:
    """Give the font of the captions."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


def _width_em(caption: Caption) -> float:
    """Width of a caption's text at ASS size 1."""
    from PIL import ImageFont

    font = ImageFont.truetype(str(font_file()), 100)
    large = font.getlength(f"▌{_plain(caption.title)}  ")
    return (large + _SMALL * font.getlength(_plain(caption.subtitle))) / 100 * _EM


def _plain(text: str) -> str:
    """Text without what libass takes for commands: look-alikes of braces and backslashes.

    >>> _plain("{\\\\pos(1,1)}Goal\\\\N")
    '❴∖pos(1,1)❵Goal∖N'
    """
    return one_line(text).translate(str.maketrans("{}\\", "❴❵∖"))


def _time(ms: int) -> str:
    seconds, hundredths = divmod(max(0, round(ms / 10)), 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}.{hundredths:02d}"
