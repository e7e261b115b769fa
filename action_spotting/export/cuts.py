"""Which stretches of a match's media a highlight reel shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from action_spotting.errors import UsageError
from action_spotting.export.ass import Caption, caption_of
from action_spotting.export.selection import Window
from action_spotting.export.timeline import HalfMedia, Moment, Timeline

CLASS_WEIGHTS: dict[str, float] = {
    "Goal": 10.0,
    "Penalty": 8.0,
    "Red card": 8.0,
    "Yellow->red card": 8.0,
    "Shots on target": 5.0,
    "Shots off target": 3.0,
    "Yellow card": 3.0,
    "Direct free-kick": 2.0,
    "Corner": 1.5,
    "Foul": 1.0,
    "Offside": 1.0,
    "Substitution": 1.0,
    "Kick-off": 0.3,
    "Indirect free-kick": 0.3,
    "Clearance": 0.3,
    "Throw-in": 0.1,
    "Ball out of play": 0.1,
    "soccer": 10.0,
    "card": 3.0,
    "subs": 1.0,
}
"""How much a highlight of each class is worth at equal confidence; 1 for any other class."""

REEL_WINDOW = Window(6.0, 6.0)


@dataclass(frozen=True)
class Cut:
    """One stretch of the reel.

    Attributes
    ----------
    half
        Where it is taken from.
    path
        Its media file.
    start_ms, end_ms
        On the clock of the half's media file.
    moments
        What happens in it.
    captions
        When each of them is announced, on the same clock.
    """

    half: HalfMedia
    path: Path
    start_ms: int
    end_ms: int
    moments: tuple[Moment, ...]
    captions: tuple[Caption, ...]

    @property
    def duration_s(self) -> float:
        """How long it lasts, in seconds."""
        return (self.end_ms - self.start_ms) / 1000


def choose_cuts(
    timeline: Timeline,
    *,
    top: int = 20,
    weights: Mapping[str, float] | None = None,
    window: Window = REEL_WINDOW,
) -> list[Cut]:
    """Choose a reel's stretches: the strongest moments, overlapping windows merged, in order.

    Parameters
    ----------
    timeline
        Halves without media are left out.
    top
        At most this many moments, by weight × confidence.
    weights
        Of the classes; `CLASS_WEIGHTS` by default, 1 for a class that is not in it, 0 for never.
    window
        Around each moment; cut at the half's ends.
    """
    if top < 1:
        raise UsageError(f"a reel of {top} spots: at least 1 is expected")
    weights = CLASS_WEIGHTS if weights is None else weights

    def worth(moment: Moment) -> float:
        return weights.get(moment.label, 1.0) * moment.confidence

    media = {half.number: half.clip.path for half in timeline.halves if half.clip}
    able = [m for m in timeline.moments if m.half in media and worth(m) > 0]
    chosen = sorted(able, key=lambda m: (-worth(m), m.match_ms, m.label))[:top]
    cuts: list[Cut] = []
    for moment in sorted(chosen, key=lambda m: (m.half, m.position_ms, m.label)):
        cut = cut_around(timeline, moment, window, media[moment.half])
        if cut.end_ms <= cut.start_ms:
            continue
        if cuts and cuts[-1].half == cut.half and cut.start_ms <= cuts[-1].end_ms:
            cut = _merged(cuts.pop(), cut)
        cuts.append(cut)
    return cuts


def cut_around(timeline: Timeline, moment: Moment, window: Window, path: Path) -> Cut:
    """Give the stretch of a media file around a moment, with the moment's caption."""
    half = timeline.half(moment.half)
    to_file = half.file_ms - half.offset_ms
    start, end = (t + to_file for t in window.around(timeline, moment))
    return Cut(half, path, start, end, (moment,), (caption_of(moment, start, end),))


def _merged(first: Cut, second: Cut) -> Cut:
    return replace(
        first,
        end_ms=max(first.end_ms, second.end_ms),
        moments=first.moments + second.moments,
        captions=first.captions + second.captions,
    )
