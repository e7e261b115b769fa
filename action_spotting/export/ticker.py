"""The broadcast with a ticker: each spot appears at its time and fades after some seconds."""

from __future__ import annotations

import math
from pathlib import Path

from tqdm import tqdm

from action_spotting.dataset.media import open_media, sound_streams
from action_spotting.errors import InputError, UsageError
from action_spotting.export.match import Match, split_files
from action_spotting.export.media import COPIED_SOUND, Movie, check_target, look_of
from action_spotting.export.render import BAR, Stretch, caption_of, render
from action_spotting.io.files import whole_file


def overlay(match: Match, path: Path, *, stay_s: float = 4.0) -> list[Path]:
    """Write a match's media with its spots drawn on the picture: mp4 with H.264.

    Sound is passed on as it is where an mp4 takes it (AAC, MP3), else encoded as AAC.

    Parameters
    ----------
    match
        What `select` left; halves without media are left out.
    path
        The video, a name that ends with ``.mp4``. Of a match in several files each is written:
        ``<name>_half1.mp4`` …
    stay_s
        How long a spot stays, in seconds.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        No half with media, or media that cannot be read.
    UsageError
        `path` is no mp4, is one of the inputs, or cannot be written.
    """
    if not 0 < stay_s <= 3600:
        raise UsageError(f"spots that stay for {stay_s} s: more than 0, at most 3600 is expected")
    parts = [(part, half.clip.path) for part in split_files(match) if (half := part.halves[0]).clip]
    if not parts:
        raise InputError(f"{match.game}: no half with media, nothing to draw the spots on")
    targets = [
        path if len(parts) == 1 else path.with_stem(f"{path.stem}_half{part.halves[0].number}")
        for part, _ in parts
    ]
    for target in targets:
        check_target(target, [source for _, source in parts])
    for (part, source), target in zip(parts, targets, strict=True):
        _overlay_file(part, source, target, round(1000 * stay_s))
    return targets


def _overlay_file(part: Match, source: Path, target: Path, stay_ms: int) -> None:
    """One media file; `part` is on the file's own clock."""
    half = part.halves[0]
    captions = tuple(caption_of(m, m.match_ms, m.match_ms + stay_ms) for m in part.moments)
    stretch = Stretch(source, 0.0, math.inf, captions)
    look = look_of(source)
    with (
        whole_file(target) as temporary,
        open_media(source) as container,
        tqdm(total=half.media_ms / 1000, desc=target.name, disable=None, bar_format=BAR) as bar,
    ):
        sound = next(iter(sound_streams(container)), None)
        copied = sound is not None and sound.codec_context.name in COPIED_SOUND
        with Movie(temporary, look, half.fps, sound if copied else sound is not None) as movie:
            render(movie, stretch, at_s=0.0, bar=bar, copy_sound=copied)
