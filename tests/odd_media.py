"""Small media that are odd as people's are, and say in picture and sound what time it is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from action_spotting.io.ffmpeg import ffmpeg_exe

CLOCK_S = 8.0
BEEPS_S = (2, 5)


def clock_picture(ms: int, size: tuple[int, int] = (320, 180)) -> np.ndarray:
    """Luma of a picture that says its time as a bar code; its upper left corner is bright."""
    width, height = size
    luma = np.full((height, width), 60, np.uint8)
    for k, bit in enumerate([1, 0, *((ms >> k) & 1 for k in range(15, -1, -1))]):
        columns = slice(round(k * width / 18), round((k + 1) * width / 18))
        luma[height // 4 : height * 5 // 8, columns] = 230 if bit else 20
    luma[: height // 8], luma[: height // 8, : width // 4] = 60, 230
    return luma


def clock_ms(luma: np.ndarray) -> int | None:
    """The time that a picture of any size says; None where it says none."""
    rows, width = luma[int(len(luma) * 0.3) : int(len(luma) * 0.55)].mean(axis=0), luma.shape[1]
    bits = [rows[int((k + 0.5) * width / 18)] > 125 for k in range(18)]
    said = sum(int(bit) << (15 - k) for k, bit in enumerate(bits[2:]))
    return said if bits[0] and not bits[1] else None


def write_clock(path: Path, times_s: Sequence[float], *, gop: int = 25, unit: int = 25) -> Path:
    """Write a video of `clock_picture` with B-frames, stamped in 1 / `unit` s, with `BEEPS_S`."""
    with av.open(str(path), "w") as out:
        options = {"preset": "ultrafast", "threads": "1", "crf": "12", "bf": "2", "g": str(gop)}
        video = out.add_stream("libx264", rate=25, options=options)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        video.codec_context.time_base = Fraction(1, unit)
        audio = out.add_stream("aac", rate=48000, layout="stereo")
        planes = np.full((270, 320), 128, np.uint8)
        for time_s in times_s:
            planes[:180] = clock_picture(round(1000 * time_s))
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = round(unit * time_s), Fraction(1, unit)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        n = np.arange(round(CLOCK_S * 48000)) / 48000
        beep = sum(((n >= at) & (n < at + 0.1)) for at in BEEPS_S) * 0.5 * np.sin(2000 * np.pi * n)
        for start in range(0, len(n), 1024):
            block = np.tile(beep[start : start + 1024].astype(np.float32), (2, 1))
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48000, start
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return path


EVEN_S = tuple(i / 25 for i in range(round(25 * CLOCK_S)))
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12")
ODD_MEDIA: dict[str, tuple[object, ...]] = {
    # no length is stated anywhere
    "piped.mkv": ("-i", "base.mp4", "-c", "copy", "-f", "matroska", "pipe:1"),
    "raw.h264": ("-i", "base.mp4", "-an", "-c", "copy", "-bsf:v", "h264_mp4toannexb"),
    # two recordings, the clock of which begins again in the middle
    "joined.ts": ("-i", "base.mp4", "-c", "copy"),
    # a transport stream that begins within a group of pictures
    "cut.ts": ("-i", "long_gop.mp4", "-c", "copy"),
    # one whose clock has no more digits after four seconds
    "wrapped.ts": (
        *("-i", "base.mp4", "-c", "copy", "-output_ts_offset", 95439),
        *("-muxdelay", 0, "-muxpreload", 0),
    ),
    "late.mkv": (
        *("-itsoffset", 0.7, "-i", "base.mp4", "-i", "base.mp4"),
        *("-map", "0:v", "-map", "1:a", "-c", "copy"),
    ),
    "from3600.mkv": (
        *("-i", "base.mp4", "-c", "copy"),
        *("-output_ts_offset", 3600, "-avoid_negative_ts", "disabled"),
    ),
    "timecode.mov": ("-i", "base.mp4", "-timecode", "10:00:00:00", "-c", "copy"),
    # no presentation times
    "bpictures.avi": ("-i", "base.mp4", "-c", "copy", "-bsf:v", "h264_mp4toannexb"),
    "still_first.mp4": (
        *("-f", "lavfi", "-i", "color=red:s=640x360:d=0.04", "-i", "base.mp4"),
        *("-map", "0:v", "-map", "1", "-c:v:0", "libx264", "-c:v:1", "copy", "-c:a", "copy"),
        *("-disposition:v:0", 0, "-disposition:v:1", "default"),
    ),
    "preview_first.mkv": (
        *("-i", "base.mp4", "-map", "0:v", "-map", "0:v", "-map", "0:a", *_X264),
        *("-filter:v:0", "scale=160:90,fps=5", "-c:v:1", "copy", "-c:a", "copy"),
        *("-disposition:v:0", 0, "-disposition:v:1", "default"),
    ),
    "mirrored.mp4": ("-display_hflip", "-i", "base.mp4", "-c", "copy"),
    "turned.mp4": ("-display_rotation", 90, "-i", "base.mp4", "-c", "copy"),
    "broadcast.mxf": (
        *("-i", "base.mp4", "-c:v", "mpeg2video", "-q:v", 2, "-g", 12, "-bf", 2),
        *("-c:a", "pcm_s16le"),
    ),
    "hole.mp4": (),
    "phone.mp4": (),
}
"""Media as people have them, by the ffmpeg options that make them of a plain one."""

_COPY = ("-i", "base.mp4", "-c", "copy")
_BESIDE = ("-i", "base.mp4", "-i", "base.mp4", "-map", "0:v", "-map", "1:a", "-c", "copy")
_CHOSEN = ("-fps_mode", "passthrough", *_X264, "-bf", "2", "-c:a", "copy")
VARIANTS: dict[str, tuple[object, ...]] = {
    # a clock that jumps ahead, and one that jumps back
    "ahead.ts": _COPY,
    "back.ts": _COPY,
    "late.mp4": ("-itsoffset", 0.3, *_BESIDE),
    "late.ts": ("-itsoffset", 2, *_BESIDE),
    "from5.mkv": (*_COPY, "-output_ts_offset", 5, "-avoid_negative_ts", "disabled"),
    "hole.ts": ("-i", "base.mp4", "-vf", "select='not(between(n,75,124))'", *_CHOSEN),
    # pictures are missing at the end, and at the beginning
    "end.mp4": ("-i", "base.mp4", "-vf", "select='lt(n,150)'", *_CHOSEN),
    "head.mp4": ("-i", "base.mp4", "-vf", "select='gte(n,35)'", *_CHOSEN),
    # no stream is flagged as the default
    "still_first.mkv": (*ODD_MEDIA["still_first.mp4"][:-1], 0),
    "flipped.mp4": ("-display_vflip", *_COPY),
}
"""More of the same kinds."""

RECORDINGS_S = {"joined.ts": (0, 0), "ahead.ts": (0, 36_000), "back.ts": (100, 0)}
"""Where the clocks of recordings begin that are joined to one file."""


@pytest.fixture(scope="session")
def odd_media(tmp_path_factory) -> Callable[[str], Path]:
    """Make a file of `ODD_MEDIA` or `VARIANTS` by its name."""
    folder = tmp_path_factory.mktemp("odd")
    write_clock(folder / "base.mp4", EVEN_S)

    def make(name: str) -> Path:
        path = folder / name
        if path.exists():
            return path
        if name == "hole.mp4":
            return write_clock(path, [t for t in EVEN_S if not 3 <= t < 4.5], unit=1000)
        if name == "phone.mp4":
            return write_clock(
                path, [round(i / 30, 3) for i in range(240) if i % 57 != 3], unit=1000
            )
        if name == "cut.ts":
            write_clock(folder / "long_gop.mp4", EVEN_S, gop=100)
        options = (ODD_MEDIA | VARIANTS)[name]
        if name in RECORDINGS_S:
            parts = [(*options, "-output_ts_offset", s) for s in RECORDINGS_S[name]]
            path.write_bytes(b"".join(run(*part, "-f", "mpegts", "pipe:1") for part in parts))
        elif "pipe:1" in options:
            path.write_bytes(run(*options))
        else:
            run(*options, name)
        if name == "cut.ts":
            data = path.read_bytes()
            path.write_bytes(data[len(data) // 4 // 188 * 188 :])
        return path

    def run(*options: object) -> bytes:
        command = [ffmpeg_exe(), "-y", "-v", "error", "-nostdin", *map(str, options)]
        return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout

    return make
