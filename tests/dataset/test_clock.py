"""One clock for picture and sound, in files that are odd as people's are.

Every picture shows its number in bars, the sound beeps at known seconds: each row is held against
what the file really shows and when.
"""

from __future__ import annotations

import subprocess
from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from action_spotting.audio.waveform import ROW_SAMPLES, Waveform
from action_spotting.dataset.media import Clip, origin_s
from action_spotting.dataset.packets import _carry_on, _track, length_s, list_packets
from action_spotting.io.ffmpeg import ffmpeg_exe
from action_spotting.visual.frames import FrameOptions, with_frames

FPS, SECONDS, BITS = 25, 8, 9
BEEPS_S = (1.2, 3.2, 6.2)
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-crf", "12")
TS = ("-c", "copy", "-f", "mpegts")


def ffmpeg(*arguments: object) -> bytes:
    """Run ffmpeg, and give what it writes to a pipe."""
    command = [ffmpeg_exe(), "-y", "-v", "error", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def numbered(path: Path, rate: int = FPS, gop: int = 25) -> Path:
    """Write a film whose pictures show their numbers, and whose sound beeps."""
    with av.open(str(path), "w") as out:
        options = {"preset": "ultrafast", "bf": "2", "g": str(gop), "crf": "12", "threads": "1"}
        video = out.add_stream("libx264", rate=rate, options=options)
        video.width, video.height, video.pix_fmt = 16 * (BITS + 1), 64, "yuv420p"
        audio = out.add_stream("aac", rate=48000, layout="mono")
        for number in range(rate * SECONDS):
            bars = [230, *(230 if number >> bit & 1 else 20 for bit in range(BITS))]
            picture = np.tile(np.repeat(np.uint8(bars), 16), (64, 1))
            frame = av.VideoFrame.from_ndarray(picture, "gray")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        t = np.arange(48000 * SECONDS) / 48000
        on = np.any([(t >= beep) & (t < beep + 0.1) for beep in BEEPS_S], axis=0)
        sound = (0.5 * np.sin(2 * np.pi * 1000 * t) * on).astype(np.float32)
        for first in range(0, len(t), 1024):
            part = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], "flt", "mono")
            part.sample_rate, part.pts = 48000, first
            out.mux(audio.encode(part))
        out.mux(audio.encode(None))
    return path


def number_of(picture: np.ndarray) -> int:
    """Read the number that a picture shows, the lowest bit at the left."""
    bars = picture.mean(axis=(0, 2)).reshape(BITS + 1, -1).mean(axis=1) > 125
    assert bars[0]
    return int((bars[1:] << np.arange(BITS)).sum())


def piped(path: Path, source: Path) -> None:
    path.write_bytes(ffmpeg("-i", source, "-c", "copy", "-f", "matroska", "-"))


def parts(path: Path, source: Path, *offsets_s: float) -> None:
    streams = [ffmpeg("-i", source, "-output_ts_offset", s, *TS, "-") for s in offsets_s]
    path.write_bytes(b"".join(streams))


def beheaded(path: Path, source: Path) -> None:
    whole = ffmpeg("-i", source, *TS, "-")
    path.write_bytes(whole[len(whole) // 3 // 188 * 188 :])


def without(path: Path, source: Path, lost: str) -> None:
    chosen = ("-vf", f"select='not({lost})'", "-fps_mode", "passthrough")
    ffmpeg("-i", source, *chosen, *X264, "-c:a", "copy", path)


def beside(path: Path, source: Path, picture_s: float, sound_s: float) -> None:
    inputs = ("-itsoffset", picture_s, "-i", source, "-itsoffset", sound_s, "-i", source)
    ffmpeg(*inputs, "-map", "0:v", "-map", "1:a", "-c", "copy", path)


def after(path: Path, source: Path, *first: str, flags: str = "default") -> None:
    second = ("-map", "0", "-c:v:1", "copy", "-c:a", "copy")
    flags_of = ("-disposition:v:0", "0", "-disposition:v:1", flags)
    ffmpeg("-i", source, "-map", "0:v", "-c:v:0", "libx264", *first, *second, *flags_of, path)


def copied(path: Path, source: Path, *options: object, before: tuple[str, ...] = ()) -> None:
    ffmpeg(*before, "-i", source, "-c", "copy", *options, path)


STILL = ("-filter:v:0", "scale=640:360,select=eq(n\\,0)")
FROM = ("-avoid_negative_ts", "disabled", "-output_ts_offset")
ANNEXB = ("-bsf:v", "h264_mp4toannexb")
KINDS: dict[str, Callable[[Path, Path], object]] = {
    "plain.mkv": lambda path, source: copied(path, source),
    "piped.mkv": piped,
    "raw.h264": lambda path, source: ffmpeg("-i", source, "-an", "-c", "copy", *ANNEXB, path),
    "joined.ts": lambda path, source: parts(path, source, 0, 0),
    "ahead.ts": lambda path, source: parts(path, source, 0, 36000),
    "back.ts": lambda path, source: parts(path, source, 100, 0),
    "cut.ts": beheaded,
    "late.mkv": lambda path, source: beside(path, source, 0.7, 0),
    "late.mp4": lambda path, source: beside(path, source, 0.3, 0),
    "late.ts": lambda path, source: beside(path, source, 2, 0),
    "from5.mkv": lambda path, source: copied(path, source, *FROM, 5),
    "from3600.mkv": lambda path, source: copied(path, source, *FROM, 3600),
    "hole.mp4": lambda path, source: without(path, source, "between(n,80,129)"),
    "hole.ts": lambda path, source: without(path, source, "between(n,80,129)"),
    "end.mp4": lambda path, source: without(path, source, "gte(n,150)"),
    "head.mp4": lambda path, source: without(path, source, "lt(n,35)"),
    "phone.mp4": lambda path, source: without(path, source, "eq(mod(n,97),60)"),
    "bpictures.avi": lambda path, source: copied(path, source, *ANNEXB),
    "still.mp4": lambda path, source: after(path, source, *STILL),
    "still.mkv": lambda path, source: after(path, source, *STILL, flags="0"),
    "preview.mkv": lambda path, source: after(path, source, "-filter:v:0", "scale=80:32,fps=5"),
    "mirrored.mp4": lambda path, source: copied(path, source, before=("-display_hflip",)),
    "flipped.mp4": lambda path, source: copied(path, source, before=("-display_vflip",)),
}
"""How each kind is made of a plain film."""

LENGTHS_S = {
    "joined.ts": 16,
    "ahead.ts": 16,
    "back.ts": 16,
    "end.mp4": 6,
    "cut.ts": 5,
    "head.mp4": 6.6,
}
HOLES_S = {"hole.mp4": (3.2, 5.2), "hole.ts": (3.2, 5.2)}
ZEROS_S = {"cut.ts": 3.0, "head.mp4": 1.4}
"""The second of the film that a file's first picture shows."""

SOUND_S = {"late.mkv": -0.7, "late.mp4": -0.3, "late.ts": -2.0}
"""How much later its sound is than its picture."""


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Callable[[str], Path]:
    """Make a file of a kind, once."""
    folder = tmp_path_factory.mktemp("odd")
    source = numbered(folder / "source.mp4")

    def make(name: str) -> Path:
        path = folder / name
        if not path.exists():
            KINDS[name](path, source)
        return path

    return make


def shown(path: Path, sampling: str, grabber: str) -> np.ndarray:
    """The second of the film that each row shows."""
    mirrored, flipped = path.stem == "mirrored", path.stem == "flipped"
    step = (slice(None, None, -1 if flipped else 1), slice(None, None, -1 if mirrored else 1))
    options = FrameOptions(sampling=sampling, grabber=grabber)
    return with_frames(
        Clip(path), options, lambda frames: np.array([number_of(frame[step]) for frame in frames])
    ) / float(FPS)


@pytest.mark.parametrize("sampling", ["soccernet", "timestamp"])
@pytest.mark.parametrize("name", KINDS)
def test_every_row_of_the_picture_shows_its_time(odd, name, sampling):
    grabbers = ["pyav"]
    if sampling == "timestamp" and not name.startswith(("still", "preview")):
        grabbers.append("opencv")
    for grabber in grabbers:
        seconds = shown(odd(name), sampling, grabber)
        rows = np.arange(len(seconds))
        wanted = rows / 2 if sampling == "timestamp" else (rows + 1) / 2 - 1 / FPS
        assert abs(len(seconds) - 2 * LENGTHS_S.get(name, SECONDS)) < 1
        first, last = HOLES_S.get(name, (np.inf, np.inf))
        there = (wanted < first) | (wanted >= last)
        wanted = (ZEROS_S.get(name, 0.0) + wanted) % SECONDS
        np.testing.assert_allclose(seconds[there], wanted[there], atol=1 / FPS + 0.002)
        assert (seconds[~there] <= first).all()


@pytest.mark.parametrize("name", [name for name in KINDS if name != "raw.h264"])
def test_beeps_stand_in_their_rows_of_the_sound(odd, name):
    sound = Waveform(Clip(odd(name)))
    rows = np.concatenate(list(sound.blocks()))[: sound.row_count]
    length = LENGTHS_S.get(name, SECONDS)
    assert sound.row_count == int(2 * length)
    films = np.arange(0, length, SECONDS)[:, None] if length > SECONDS else np.zeros((1, 1))
    at_s = (films + BEEPS_S).ravel() - ZEROS_S.get(name, 0.0) + SOUND_S.get(name, 0.0)
    at_s = at_s[(at_s > 0) & (at_s < length)]
    late_s = 0.03 if name.endswith("avi") else 0.005  # AVI says nothing of the encoder's delay
    loud = np.flatnonzero(np.abs(rows.ravel()) > 0.2) / (2 * ROW_SAMPLES)
    begins_s = loud[np.diff(loud, prepend=-1) > 0.5]
    np.testing.assert_allclose(begins_s, at_s, atol=late_s)
    np.testing.assert_array_equal(np.flatnonzero(np.abs(rows).max(axis=1) > 0.2), at_s * 2 // 1)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_as_long_as_its_pictures(odd, name):
    assert length_s(odd(name)) == pytest.approx(LENGTHS_S.get(name, SECONDS), abs=0.05)


def test_a_film_without_stamps_or_sound_is_silence(odd):
    sound = Waveform(Clip(odd("raw.h264")))
    assert not np.concatenate(list(sound.blocks())).any()
    assert sound.row_count == 2 * SECONDS
    assert sound.warning == "no sound track: all rows are silence"


def test_zero_is_the_first_picture_that_decodes(odd):
    assert origin_s(odd("late.mkv")) == pytest.approx(0.7)
    assert origin_s(odd("from3600.mkv")) == pytest.approx(3600)
    picture = list_packets(odd("cut.ts")).picture
    assert origin_s(odd("cut.ts")) > picture.times_s.min() + 0.1


@pytest.mark.parametrize("wrong_s", [60.0, 0.0, 5000.0])
def test_false_stamps_in_between_move_nothing(odd, wrong_s):
    """Three packets that claim to be of another time; Matroska counts milliseconds."""
    true = 40 * np.arange(200, dtype=np.int64)
    stamps = true.copy()
    stamps[150:153] = 1000 * wrong_s + 40 * np.arange(3)
    ones = np.ones_like(true)
    rows = np.stack([np.arange(200), stamps, stamps, 40 * ones, ones, ones], axis=1)
    with av.open(str(odd("plain.mkv"))) as container:
        track = _track({0: array("q", rows.ravel())}, container.streams.video[0], False)
    assert _carry_on(track, None, 10.0) == 0.0
    np.testing.assert_allclose(track.times_s, true / 1000, atol=1e-6)
