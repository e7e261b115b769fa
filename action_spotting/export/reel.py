"""The strongest moments of a match, one after another, in one video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from action_spotting.errors import InputError
from action_spotting.export.cuts import REEL_WINDOW, Cut, choose_cuts
from action_spotting.export.cutting import cut_out, join
from action_spotting.export.footage import check_target, read_footage, work_folder
from action_spotting.export.selection import Window
from action_spotting.export.timeline import Timeline
from action_spotting.io.files import whole_file
from action_spotting.io.progress import SECONDS, Progress


def highlights(
    timeline: Timeline,
    path: Path,
    *,
    top: int = 20,
    weights: Mapping[str, float] | None = None,
    window: Window = REEL_WINDOW,
) -> list[Cut]:
    """Make a reel of a match's strongest moments: mp4 with H.264 and AAC.

    It has the frame size of its first stretch; frames of another shape get black bars. Sound is
    kept; a stretch without any is silent.

    Parameters
    ----------
    timeline
        What `select` left.
    path
        The video, a name that ends with ``.mp4``.
    top
        At most this many moments, by weight × confidence.
    weights
        By class, 0: never shown; 1 for a class that is not in it; None: `cuts.CLASS_WEIGHTS`.
    window
        What is shown before and after each moment.

    Returns
    -------
    list of Cut
        What is in the reel.

    Raises
    ------
    InputError
        No moment to show, or media that cannot be read.
    UsageError
        `path` is no mp4, is one of the inputs, or cannot be written; `top` is below 1.

    Examples
    --------
    >>> from action_spotting.dataset.event_files import read_predictions
    >>> from action_spotting.dataset.media import Clip
    >>> from action_spotting.export.selection import select
    >>> from action_spotting.export.timeline import build_timeline
    >>> spots = read_predictions(Path("Predictions-v2.json"))  # doctest: +SKIP
    >>> timeline = build_timeline("A - B", spots, {1: Clip(Path("1.mp4"))})  # doctest: +SKIP
    >>> cuts = highlights(select(timeline), Path("reel.mp4"), top=15)  # doctest: +SKIP
    """
    check_target(path, [half.clip.path for half in timeline.halves if half.clip])
    cuts = choose_cuts(timeline, top=top, weights=weights, window=window)
    if not cuts:
        raise InputError(
            f"{timeline.game}: no spot to show in a reel (of {len(timeline.moments)}, halves with "
            f"media: {len(timeline.halves) - len(timeline.without_media)}); lower the threshold"
        )
    footage = {source: read_footage(source) for source in dict.fromkeys(c.path for c in cuts)}
    size = footage[cuts[0].path].size
    audio = any(source.audio is not None for source in footage.values())
    pieces: dict[Path, float] = {}
    with (
        whole_file(path) as part,
        work_folder() as folder,
        Progress(_seconds(cuts), "highlights", "s", shown=SECONDS) as bar,
    ):
        groups = [
            group
            for path, of_file in groupby(cuts, key=lambda cut: cut.path)
            for group in footage[path].read_together(list(of_file))
        ]
        for group in groups:
            source, piece = footage[group[0].path], folder / f"{len(pieces)}.nut"
            pieces[piece] = _seconds(group)
            tell = partial(_advance, bar, bar.n)
            cut_out(folder, source, group, piece, size=size, audio=audio, tell=tell)
            tell(_seconds(group))
        join(folder, pieces, part)
    return cuts


def _seconds(cuts: Sequence[Cut]) -> float:
    return sum(cut.duration_s for cut in cuts)


def _advance(bar: Progress, begun_s: float, done_s: float) -> None:
    bar.update(begun_s + done_s - bar.n)
