"""Stretches cut out of footage with their captions, and joined again: what reel and clips share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from action_spotting.export.ass import Caption, ass_track
from action_spotting.export.cuts import Cut
from action_spotting.export.footage import (
    CAPTIONED,
    EARLY_S,
    EVEN_AUDIO,
    FINE,
    GAPLESS,
    H264,
    MP4,
    TRACK,
    Footage,
    fitted,
    run_in,
)

_SHORT_BLOCKS = "asetnsamples=n=256:p=0"


def cut_out(
    folder: Path,
    footage: Footage,
    cuts: Sequence[Cut],
    piece: Path,
    *,
    size: tuple[int, int],
    audio: bool,
    tell: Callable[[float], object] | None = None,
) -> None:
    """Cut stretches out of one file: video as in the reel, with captions; sound as PCM.

    Each frame is placed by its own time stamp alone, whatever frames come before it.
    """
    chosen, shift_s, captions, at_ms = [], "0", list[Caption](), 0
    for cut in cuts:
        start_s, end_s = cut.start_ms / 1000 - EARLY_S, cut.end_ms / 1000 - EARLY_S
        begun = f"{start_s - EARLY_S / 2:.4f}"  # the first block may lie a sample before it
        chosen.append(f"gte(t,{begun})*lt(t,{end_s:.3f})")
        shift_s = f"if(lt(T,{begun}),{shift_s},{start_s - at_ms / 1000:.3f})"
        captions += [caption.shifted(at_ms - cut.start_ms) for caption in cut.captions]
        at_ms += cut.end_ms - cut.start_ms
    within = f"trim=start={cuts[0].start_ms / 1000 - EARLY_S:.3f}:end={end_s:.3f}"
    choice = f"select='{'+'.join(chosen)}'"
    place = f"setpts='PTS-({shift_s})/TB'"
    (folder / TRACK).write_text(ass_track(captions, size), encoding="utf-8")
    drawn = f"{FINE},{within},{choice},{place},{fitted(size)},{CAPTIONED}"
    options = ["-map", f"0:{footage.picture}", "-vf", drawn, *H264]
    if audio:
        heard = "anullsrc"
        if footage.audio is not None:
            heard = f"[0:{footage.audio}]a{within},{_SHORT_BLOCKS},a{choice},a{place}"
        heard += f",{EVEN_AUDIO},apad,atrim=end={at_ms / 1000:.3f}[a]"
        options += ["-filter_complex", heard, "-map", "[a]", "-c:a", "pcm_s16le"]
    reading = footage.read_from(cuts[0].start_ms / 1000)
    run_in(folder, {footage.path: reading}, {piece: [*options, "-f", "nut"]}, tell=tell)


def join(folder: Path, pieces: Mapping[Path, float], to: Path, more: Sequence[str] = ()) -> None:
    """Join pieces in order; the video stream is copied."""
    lines = [f"file {piece.name}\nduration {lasts_s:.3f}\n" for piece, lasts_s in pieces.items()]
    script = folder / "pieces.ffconcat"
    script.write_text("ffconcat version 1.0\n" + "".join(lines), encoding="utf-8")
    as_list = ["-format_whitelist", "concat,nut", "-f", "concat"]
    whole = [
        "-map",
        "0",
        "-c:v",
        "copy",
        "-c:a",
        "aac",
        "-af",
        f"{GAPLESS}:first_pts=0",
        *MP4,
        *more,
    ]
    run_in(folder, {script: as_list}, {to: whole})
