"""One short video a spot, for those who sort and share them one by one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from action_spotting.dataset.media import open_media
from action_spotting.errors import InputError
from action_spotting.export.cuts import REEL_WINDOW, Cut, cut_around
from action_spotting.export.cutting import cut_out, join
from action_spotting.export.footage import Footage, check_target, read_footage, work_folder
from action_spotting.export.selection import Window
from action_spotting.export.timeline import Moment, Timeline
from action_spotting.io.files import whole_file
from action_spotting.io.items import Outcome, Summary, run_items

_LONGEST_NAME = 60


def clips(timeline: Timeline, folder: Path, *, window: Window = REEL_WINDOW) -> Summary:
    """Write one clip a spot, its caption on the picture: mp4 with H.264 and AAC.

    A clip that is there and was made of the same stretch, with the same caption, is left as it is,
    so that an interrupted run goes on. Clips of other spots in the folder stay.

    Parameters
    ----------
    timeline
        What `select` left; halves without media are left out.
    folder
        Gets ``<half>_<minute>-<second>_<class>.mp4``; of two spots of a class in one second the
        second ends with ``_2``.
    window
        What is shown before and after each spot.

    Returns
    -------
    Summary
        One item a clip; one that cannot be made stops only itself.

    Raises
    ------
    InputError
        No spot lies in a half with media.
    UsageError
        A clip would replace the video that it is made from.

    Examples
    --------
    >>> clips(select(timeline, top=20), Path("clips")).done  # doctest: +SKIP
    ['1_04-12_Goal.mp4', ...]
    """
    cuts = _cuts(timeline, window)
    if not cuts:
        raise InputError(f"{timeline.game}: no spot with media to make a clip of")
    for name in cuts:
        check_target(folder / name, [half.clip.path for half in timeline.halves if half.clip])
    items = {name: (folder / name, cut) for name, cut in cuts.items()}
    return run_items("clips", items, partial(_make, read=cache(read_footage)), unit="clip")


def _cuts(timeline: Timeline, window: Window) -> dict[str, Cut]:
    """Each moment's stretch, by the name of its clip."""
    media = {half.number: half.clip.path for half in timeline.halves if half.clip}
    return {
        name: cut_around(timeline, moment, window, media[moment.half])
        for name, moment in _names(timeline).items()
        if moment.half in media
    }


def _make(item: tuple[Path, Cut], read: Callable[[Path], Footage]) -> Outcome:
    (path, cut), origin = item, _origin(item[1])
    if path.exists() and _holds(path, origin):
        return "skipped", None
    footage = read(cut.path)
    with whole_file(path) as part, work_folder() as room:
        piece, audio = room / "0.nut", footage.audio is not None
        cut_out(room, footage, [cut], piece, size=footage.size, audio=audio)
        join(room, {piece: cut.duration_s}, part, ["-metadata", f"comment={origin}"])
    return "done", None


def _names(timeline: Timeline) -> dict[str, Moment]:
    """Each moment by the name of its clip."""
    seen: Counter[str] = Counter()
    names = {}
    for moment in timeline.moments:
        minute, second = divmod(moment.position_ms // 1000, 60)
        safe = re.sub(r"[^\w.-]+", "_", moment.name).strip("._")[:_LONGEST_NAME] or "spot"
        stem = f"{moment.half}_{minute:02d}-{second:02d}_{safe}"
        seen[stem] += 1
        again = f"_{seen[stem]}" if seen[stem] > 1 else ""
        names[f"{stem}{again}.mp4"] = moment
    return names


def _origin(cut: Cut) -> str:
    """What a clip is made of, as it stands in its comment."""
    (caption,), size = cut.captions, cut.path.stat().st_size
    words = f"{cut.start_ms}-{cut.end_ms} ms of {size} bytes: {caption.title} {caption.subtitle}"
    return words.encode("utf-8", "replace").decode()


def _holds(path: Path, origin: str) -> bool:
    try:
        with open_media(path) as container:
            return container.metadata.get("comment") == origin
    except InputError:
        return False
