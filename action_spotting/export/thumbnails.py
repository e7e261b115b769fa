"""The frames of a match's most confident spots, of all its classes, as small JPEG images."""

from __future__ import annotations

import contextlib
from collections import Counter
from itertools import groupby
from pathlib import Path

from action_spotting.errors import InputError
from action_spotting.export.cuts import CLASS_WEIGHTS
from action_spotting.export.footage import EARLY_S, FINE, Footage, read_footage, run_in, work_folder
from action_spotting.export.timeline import Moment, Timeline

LOOK_BACK_S = 1.0
"""How far before a moment a frame is looked for, should the file end before it."""


def thumbnails(timeline: Timeline, n: int = 12, *, width: int = 320) -> list[tuple[Moment, bytes]]:
    """Give the frames of `n` moments, in the order of the match.

    The most confident of each class first, then the second of each, and so on; of the classes
    those that weigh most in a reel first.

    Parameters
    ----------
    timeline
        What `select` left; halves without media are left out.
    n
        At most this many.
    width
        Of the images, in pixels; the height follows from the video.

    Returns
    -------
    list of tuple of Moment and bytes
        Each moment with its JPEG file; one whose frame cannot be decoded is left out.

    Raises
    ------
    InputError
        Media that cannot be read at all.

    Examples
    --------
    >>> from action_spotting.dataset.event_files import read_predictions
    >>> from action_spotting.dataset.media import Clip
    >>> from action_spotting.export.timeline import build_timeline
    >>> spots = read_predictions(Path("Predictions-v2.json"))  # doctest: +SKIP
    >>> timeline = build_timeline("A - B", spots, {1: Clip(Path("1.mp4"))})  # doctest: +SKIP
    >>> moment, jpeg = thumbnails(timeline, n=1)[0]  # doctest: +SKIP
    """
    media = {half.number: half.clip.path for half in timeline.halves if half.clip}
    chosen = _over_classes([m for m in timeline.moments if m.half in media], n)
    pictures: list[tuple[Moment, bytes]] = []
    with work_folder() as folder:
        for path, of_file in groupby(chosen, key=lambda moment: media[moment.half]):
            footage, moments = read_footage(path, audio=False), list(of_file)
            for group in footage.read_together(moments):
                times_s = [(timeline.half(m.half).file_ms + m.position_ms) / 1000 for m in group]
                found = _frames(folder, footage, times_s, width)
                pictures += [(m, data) for m, data in zip(group, found, strict=True) if data]
    return pictures


def _over_classes(moments: list[Moment], n: int) -> list[Moment]:
    """At most `n` of the moments, in their order, the classes in turn."""
    place: Counter[str] = Counter()
    ranked = []
    for i in sorted(range(len(moments)), key=lambda i: -moments[i].confidence):
        label = moments[i].label
        ranked.append((place[label], -CLASS_WEIGHTS.get(label, 1.0), i))
        place[label] += 1
    return [moments[i] for i in sorted(i for _, _, i in sorted(ranked)[:n])]


def _frames(folder: Path, footage: Footage, times_s: list[float], width: int) -> list[bytes | None]:
    """The frames that show at some times, or the last ones before them where the video ends."""
    full = footage.size
    size = max(2, width // 2 * 2), max(2, round(full[1] * width / full[0] / 2) * 2)
    files = [folder / f"{i}.jpg" for i in range(len(times_s))]
    outputs = {}
    for time_s, file in zip(times_s, files, strict=True):
        file.unlink(missing_ok=True)
        around = f"{FINE},trim=start={time_s - LOOK_BACK_S:.3f}:end={time_s + EARLY_S:.3f}"
        filters = f"{around},scale={size[0]}:{size[1]},setsar=1"
        last_one = ("-fps_mode", "vfr", "-q:v", "4", "-update", "1", "-f", "image2")
        outputs[file] = ["-map", f"0:{footage.picture}", "-vf", filters, *last_one]
    with contextlib.suppress(InputError):  # where no frame decodes there is no file either
        run_in(folder, {footage.path: footage.read_from(times_s[0] - LOOK_BACK_S)}, outputs)
    return [file.read_bytes() if file.exists() else None for file in files]
