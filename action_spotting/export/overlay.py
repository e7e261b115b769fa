"""The broadcast with an overlay: each spot appears at its time and fades after some seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from action_spotting.errors import InputError, UsageError
from action_spotting.export.ass import ass_track, caption_of
from action_spotting.export.footage import (
    CAPTIONED,
    EVEN_AUDIO,
    GAPLESS,
    H264,
    MP4,
    TRACK,
    Footage,
    check_target,
    fitted,
    read_footage,
    run_in,
    work_folder,
)
from action_spotting.export.selection import split_files
from action_spotting.export.timeline import Timeline
from action_spotting.io.files import whole_file
from action_spotting.io.progress import SECONDS, Progress


def overlay(timeline: Timeline, path: Path, *, stay_s: float = 4.0) -> list[Path]:
    """Write a match's media with its spots drawn on the frames: mp4 with H.264.

    Sound is copied where an mp4 takes it (AAC, MP3), else encoded as AAC. Sound before the first
    frame is left out, so that the clock of the video is that of the spots.

    Parameters
    ----------
    timeline
        What `select` left; halves without media are left out.
    path
        The video, a name that ends with ``.mp4``. Of a match in several files each is written:
        ``<name>_half1.mp4`` …
    stay_s
        How long a spot stays, in seconds; above 0, at most 3600.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        No half with media, or media that cannot be read.
    UsageError
        `path` is no mp4, is one of the inputs, or cannot be written; `stay_s` out of range.

    Examples
    --------
    >>> from action_spotting.dataset.event_files import read_predictions
    >>> from action_spotting.dataset.media import Clip
    >>> from action_spotting.export.selection import select
    >>> from action_spotting.export.timeline import build_timeline
    >>> spots = read_predictions(Path("Predictions-v2.json"))  # doctest: +SKIP
    >>> timeline = build_timeline("A - B", spots, {1: Clip(Path("1.mp4"))})  # doctest: +SKIP
    >>> overlay(select(timeline), Path("overlay.mp4"))  # doctest: +SKIP
    [PosixPath('overlay.mp4')]
    """
    if not 0 < stay_s <= 3600:
        raise UsageError(f"spots that stay for {stay_s} s: more than 0, at most 3600 is expected")
    parts = [
        (part, half.clip.path) for part in split_files(timeline) if (half := part.halves[0]).clip
    ]
    if not parts:
        raise InputError(f"{timeline.game}: no half with media, nothing to draw the spots on")
    targets = overlay_paths(path, [part.halves[0].number for part, _ in parts])
    for target in targets:
        check_target(target, [source for _, source in parts])
    for (part, source), target in zip(parts, targets, strict=True):
        _overlay_file(part, source, target, round(1000 * stay_s))
    return targets


def overlay_paths(path: Path, halves: Sequence[int]) -> list[Path]:
    """Name the overlays of a match.

    Parameters
    ----------
    path
        As for `overlay`.
    halves
        The first half in each media file.

    Returns
    -------
    list of Path
        One a media file; `path` itself for a single one.

    Examples
    --------
    >>> [path.name for path in overlay_paths(Path("over.mp4"), [1, 2])]
    ['over_half1.mp4', 'over_half2.mp4']
    """
    if len(halves) == 1:
        return [path]
    return [path.with_stem(f"{path.stem}_half{number}") for number in halves]


def _overlay_file(part: Timeline, source: Path, target: Path, stay_ms: int) -> None:
    """One media file; `part` is on the file's own clock."""
    at_ms = {half.number: half.file_ms for half in part.halves}
    times = [(moment, at_ms[moment.half] + moment.position_ms) for moment in part.moments]
    captions = [caption_of(moment, start, start + stay_ms) for moment, start in times]
    footage = read_footage(source)
    picture = ["-map", f"0:{footage.picture}", *H264]
    filters = ["-vf", f"{fitted(footage.size)},{CAPTIONED}"]
    media_s = part.halves[0].media_ms / 1000
    with (
        whole_file(target) as temporary,
        work_folder() as folder,
        Progress(media_s, target.name, "s", shown=SECONDS) as bar,
    ):
        (folder / TRACK).write_text(ass_track(captions, footage.size), encoding="utf-8")
        run_in(
            folder,
            {source: footage.read_from()},
            {temporary: [*picture, *filters, *_audio(footage), *MP4]},
            tell=lambda done_s: bar.update(done_s - bar.n),
        )


def _audio(footage: Footage) -> list[str]:
    if footage.audio is None:
        return []
    kept = ["-map", f"0:{footage.audio}", "-c:a"]
    if footage.copies_audio:
        return [*kept, "copy"]
    return [*kept, "aac", "-af", f"atrim=start=0,{GAPLESS},{EVEN_AUDIO}"]
