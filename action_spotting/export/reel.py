"""The strongest moments of a match, one after another, in one video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from action_spotting.dataset.media import probe
from action_spotting.errors import InputError, UsageError
from action_spotting.export.captions import Caption
from action_spotting.export.match import HalfMedia, Match, Moment, Window
from action_spotting.export.media import Movie, check_target, look_of
from action_spotting.export.render import BAR, Stretch, caption_of, render
from action_spotting.io.files import whole_file

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
    start_ms, end_ms
        On the clock of the half's media file.
    moments
        What happens in it.
    captions
        When each of them is announced, on the same clock.
    """

    half: HalfMedia
    start_ms: int
    end_ms: int
    moments: tuple[Moment, ...]
    captions: tuple[Caption, ...]


def highlights(
    match: Match,
    path: Path,
    *,
    top: int = 20,
    weights: Mapping[str, float] | None = None,
    window: Window = REEL_WINDOW,
) -> list[Cut]:
    """Make a reel of a match's strongest moments: mp4 with H.264 and AAC.

    It has the size and about the frame rate of its first stretch; pictures of another shape get
    black bars. Sound is kept; a stretch without any is silent.

    Parameters
    ----------
    match
        What `select` left.
    path
        The video, a name that ends with ``.mp4``.
    top, weights, window
        As for `choose_cuts`.

    Returns
    -------
    list of Cut
        What is in the reel.

    Raises
    ------
    InputError
        No moment to show, or media that cannot be read.
    UsageError
        `path` is no mp4, is one of the inputs, or cannot be written.
    """
    check_target(path, [half.clip.path for half in match.halves if half.clip])
    cuts = choose_cuts(match, top=top, weights=weights, window=window)
    if not cuts:
        raise InputError(
            f"{match.game}: no spot to show in a reel (of {len(match.moments)}, halves with media: "
            f"{len(match.halves) - len(match.without_media)}); lower the threshold"
        )
    stretches = [_stretch(cut) for cut in cuts]
    look = look_of(stretches[0].path, stretches[0].start_s)
    sound = any(probe(path).sounds for path in {stretch.path for stretch in stretches})
    total_s = sum(stretch.end_s - stretch.start_s for stretch in stretches)
    at_s = 0.0
    with (
        whole_file(path) as part,
        Movie(part, look, cuts[0].half.fps, sound) as movie,
        tqdm(total=total_s, desc="highlights", disable=None, bar_format=BAR) as bar,
    ):
        for stretch in stretches:
            render(movie, stretch, at_s=at_s, bar=bar, sound=sound)
            at_s += stretch.end_s - stretch.start_s
            movie.end_stretch(at_s)
    return cuts


def choose_cuts(
    match: Match,
    *,
    top: int = 20,
    weights: Mapping[str, float] | None = None,
    window: Window = REEL_WINDOW,
) -> list[Cut]:
    """Choose a reel's stretches: the strongest moments, overlapping windows merged, in order.

    Parameters
    ----------
    match
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

    with_media = {half.number for half in match.halves if half.clip}
    able = [m for m in match.moments if m.half in with_media and worth(m) > 0]
    chosen = sorted(able, key=lambda m: (-worth(m), m.match_ms, m.label))[:top]
    cuts: list[Cut] = []
    for moment in sorted(chosen, key=lambda m: (m.half, m.position_ms, m.label)):
        cut = _cut(match, moment, window)
        if cut.end_ms <= cut.start_ms:
            continue
        if cuts and cuts[-1].half == cut.half and cut.start_ms <= cuts[-1].end_ms:
            cut = _merged(cuts.pop(), cut)
        cuts.append(cut)
    return cuts


def _cut(match: Match, moment: Moment, window: Window) -> Cut:
    half = match.half(moment.half)
    to_file = half.file_ms - half.offset_ms
    start, end = (t + to_file for t in window.around(match, moment))
    return Cut(half, start, end, (moment,), (caption_of(moment, start, end),))


def _merged(first: Cut, second: Cut) -> Cut:
    return Cut(
        first.half,
        first.start_ms,
        max(first.end_ms, second.end_ms),
        first.moments + second.moments,
        first.captions + second.captions,
    )


def _stretch(cut: Cut) -> Stretch:
    if cut.half.clip is None:
        raise InputError(f"half {cut.half.number} has no media")
    return Stretch(cut.half.clip.path, cut.start_ms / 1000, cut.end_ms / 1000, cut.captions)
