"""Reel, overlay and thumbnails of media whose picture and sound are known at every time."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from moviepy import VideoFileClip
from PIL import Image

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.export.cuts import choose_cuts
from action_spotting.export.footage import check_target
from action_spotting.export.overlay import overlay, overlay_paths
from action_spotting.export.reel import highlights
from action_spotting.export.selection import Window
from action_spotting.export.thumbnails import thumbnails
from action_spotting.export.timeline import build_timeline
from action_spotting.io.ffmpeg import ffmpeg_exe

slow = pytest.mark.slow


def greys(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times and mean luma of the upper right, where no caption is, of every frame."""
    times, levels = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="yuv420p")[: frame.height]
            times.append(frame.time)
            levels.append(luma[: frame.height // 4, frame.width * 3 // 4 :].mean())
    return np.array(times), np.array(levels)


def captions_seen(path: Path) -> np.ndarray:
    """Times of the frames on whose lower left something is written."""
    times = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="yuv420p")[: frame.height].astype(int)
            corner = luma[frame.height * 2 // 3 :, : frame.width // 2]
            if corner.max() - corner.min() > 40:
                times.append(frame.time)
    return np.array(times)


def loudness(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square of every tenth of a second."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 8000)
        start = next(container.decode(audio=0)).time or 0
        container.seek(0)
        blocks = [
            b.to_ndarray()[0] for f in container.decode(audio=0) for b in resampler.resample(f)
        ]
    sound = np.concatenate(blocks)
    tenths = sound[: len(sound) // 800 * 800].reshape(-1, 800)
    return start + np.arange(len(tenths)) / 10, np.sqrt((tenths**2).mean(axis=1))


def second(level: np.ndarray | float):
    """The second of the source that a grey tells."""
    return np.rint((level - 32) / 16).astype(int)


@pytest.fixture(scope="module")
def two_halves(six_seconds, four_silent_seconds, spots_of):
    spots = spots_of(
        (1, 1000, "Throw-in", 0.99),
        (1, 2000, "Goal", 0.9),
        (1, 3000, "Foul", 0.8),
        (1, 5500, "Corner", 0.7),
        (2, 3000, "Yellow->red card", 0.6),
    )
    clips = {1: Clip(six_seconds), 2: Clip(four_silent_seconds)}
    return build_timeline("A - B", spots, clips)


def test_overlapping_windows_are_merged_and_the_strongest_chosen(two_halves):
    cuts = choose_cuts(two_halves, top=4, window=Window(1, 1))
    assert [(c.half.number, c.start_ms, c.end_ms) for c in cuts] == [
        (1, 1000, 4000),
        (1, 4500, two_halves.halves[0].duration_ms),
        (2, 2000, 4000),
    ]
    assert [m.label for m in cuts[0].moments] == ["Goal", "Foul"]
    only = choose_cuts(two_halves, top=1, weights={"Throw-in": 2.0}, window=Window(1, 1))
    assert [m.label for cut in only for m in cut.moments] == ["Throw-in"]
    assert choose_cuts(two_halves, weights=dict.fromkeys(ACTIONS_V2, 0.0)) == []
    with pytest.raises(UsageError, match="at least 1"):
        choose_cuts(two_halves, top=0)


@slow
def test_a_reel_shows_the_stretches_with_captions_and_sound(two_halves, tmp_path):
    path = tmp_path / "reel 'x'; %d.mp4"
    cuts = highlights(two_halves, path, top=4, window=Window(1, 1))
    total_s = sum(c.end_ms - c.start_ms for c in cuts) / 1000
    found = probe(path)
    assert found.duration_s == pytest.approx(total_s, abs=0.1)
    assert (found.width, found.height, found.sounds) == (320, 180, 1)
    times, levels = greys(path)
    assert (np.diff(times) > 0).all()
    assert second(levels[np.searchsorted(times, [0.5, 1.5, 2.5, 3.2])]).tolist() == [1, 2, 3, 4]
    assert len(captions_seen(path)) > 0.9 * len(times)
    at, loud = loudness(path)
    assert (loud[(at > 0.1) & (at < total_s - 2.2)] > 0.1).all()
    assert (loud[at > total_s - 1.8] < 0.01).all()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@slow
def test_another_program_reads_what_was_made(two_halves, tmp_path):
    """Moviepy takes sizes, rate, length, picture and sound from what it reads."""
    highlights(two_halves, tmp_path / "reel.mp4", top=1, window=Window(1, 1))
    first, _ = overlay(two_halves, tmp_path / "over.mp4")
    for path, seconds, grey_s in [(tmp_path / "reel.mp4", 2.0, 2), (first, 6.0, 1)]:
        with VideoFileClip(str(path)) as film:
            assert film.size == [320, 180]
            assert film.fps == pytest.approx(25)
            assert film.duration == pytest.approx(seconds, abs=0.1)
            corner = film.get_frame(1.5)[:45, 240:].mean()
            assert second(16 + corner * 219 / 255) == grey_s
            assert np.abs(film.audio.get_frame(np.arange(0.5, 0.6, 1e-4))).max() > 0.1


@slow
def test_another_shape_gets_black_bars(two_halves, tmp_path):
    path = tmp_path / "reel.mp4"
    highlights(two_halves, path, top=4, window=Window(1, 1))
    with av.open(str(path)) as container:
        *_, last = container.decode(video=0)
    luma = last.to_ndarray(format="yuv420p")[:180]
    assert luma[90, :50].max() < 24
    assert luma[20, 160] > 60


@slow
def test_the_same_reel_has_the_same_bytes(two_halves, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        highlights(two_halves, tmp_path / name, top=1, window=Window(0.5, 0.5))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@slow
def test_an_overlay_keeps_picture_sound_and_time(two_halves, six_seconds, tmp_path):
    first, other = overlay(two_halves, tmp_path / "over.mp4", stay_s=0.8)
    assert (first.name, other.name) == ("over_half1.mp4", "over_half2.mp4")
    before, after = greys(six_seconds), greys(first)
    np.testing.assert_allclose(after[0], before[0], atol=1e-3)
    np.testing.assert_allclose(after[1], before[1], atol=3)
    seen = captions_seen(first)
    due = [(at_s, at_s + 0.8) for at_s in (1, 2, 3, 5.5)]
    assert all(any(start <= t < end for start, end in due) for t in seen.round(3))
    opaque = [t for t in after[0] if any(start + 0.2 < t < end - 0.2 for start, end in due)]
    assert set(opaque) <= set(seen)
    assert probe(other).sounds == 0
    assert probe(other).duration_s == pytest.approx(4, abs=0.1)


@slow
@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_the_sound_keeps_its_time_over_many_stretches(suffix, spots_of, tmp_path):
    """It beeps every second; the stretches begin at any time of one."""
    source = tmp_path / f"1{suffix}"
    beep = "aevalsrc=0.5*sin(2000*PI*t)*lt(mod(t\\,1)\\,0.05):s=44100:d=60"
    command = [ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30:d=60"]
    command += ["-f", "lavfi", "-i", beep, "-preset", "ultrafast", "-g", "60", "-c:a", "aac"]
    subprocess.run([*command, str(source)], check=True)
    spots = spots_of(*((1, 1513 + 2710 * i, "Goal", 0.9) for i in range(21)))
    timeline = build_timeline("A", spots, {1: Clip(source)})
    cuts = highlights(timeline, tmp_path / "reel.mp4", top=99, window=Window(1.1, 1.1))
    assert len(cuts) == 21
    with av.open(str(tmp_path / "reel.mp4")) as container:
        resampler = av.AudioResampler("flt", "mono", 16000)
        frames = list(container.decode(audio=0))
        blocks = [b.to_ndarray()[0] for f in frames for b in resampler.resample(f)]
    loud = np.flatnonzero(np.abs(np.concatenate(blocks)) > 0.1) / 16000 + frames[0].time
    begins = loud[np.diff(loud, prepend=-1) > 0.2]
    start_s = 0.0
    for cut in cuts:
        beep_s = start_s - cut.start_ms / 1000 % -1  # the first one in the stretch
        assert np.abs(begins - beep_s).min() < 0.02
        start_s += (cut.end_ms - cut.start_ms) / 1000


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(audio=0) if p.size]


@slow
@pytest.mark.parametrize(
    ("suffix", "codecs", "copied"),
    [
        (".mp4", ("libx264", "aac"), True),
        (".avi", ("mpeg4", "mp3"), True),
        (".mkv", ("mpeg4", "pcm_s16le"), False),
        (".webm", ("libvpx", "libopus"), False),
    ],
)
def test_sound_is_copied_where_it_can_be(suffix, codecs, copied, steps, spots_of, tmp_path):
    rate = {"fps": 25, "seconds": 2.0, "tone_from_s": 1.0}
    if codecs[1] == "libopus":
        source = tmp_path / f"in{suffix}"
        first = steps(tmp_path / "in.mkv", **rate)
        command = [ffmpeg_exe(), "-v", "error", "-i", str(first)]
        subprocess.run([*command, "-c:v", "libvpx", "-c:a", "libopus", str(source)], check=True)
    else:
        source = steps(tmp_path / f"in{suffix}", codecs=codecs, **rate)
    timeline = build_timeline("A", spots_of((1, 500, "Goal", 0.9)), {1: Clip(source)})
    (path,) = overlay(timeline, tmp_path / "over.mp4")
    if copied:
        assert packets(path) == packets(source)
    at, loud = loudness(path)
    assert (loud[at < 0.85] < 0.02).all()
    assert (loud[(at > 1.1) & (at < 1.8)] > 0.1).all()
    assert probe(path).duration_s == pytest.approx(2, abs=0.15)


@slow
def test_a_variable_frame_rate_stays_one(steps, spots_of, tmp_path):
    times = [*np.arange(0, 2, 0.04), *np.arange(2, 3, 0.1), *np.arange(3, 4, 0.02)]
    source = steps(tmp_path / "phone.mp4", seconds=4.0, times_s=[round(t, 3) for t in times])
    timeline = build_timeline("A", spots_of((1, 2500, "Goal", 0.9)), {1: Clip(source)})
    (path,) = overlay(timeline, tmp_path / "over.mp4")
    np.testing.assert_allclose(greys(path)[0], greys(source)[0], atol=1e-3)
    highlights(timeline, tmp_path / "reel.mp4", window=Window(1, 1))
    at, levels = greys(tmp_path / "reel.mp4")
    assert second(levels[np.searchsorted(at, [0.2, 0.7, 1.2, 1.7])]).tolist() == [1, 2, 2, 3]


@slow
def test_a_turned_recording_is_set_upright(six_seconds, spots_of, tmp_path):
    turned = tmp_path / "phone.mp4"
    command = [ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", str(six_seconds)]
    subprocess.run([*command, "-codec", "copy", str(turned)], check=True)
    timeline = build_timeline("A", spots_of((1, 2500, "Goal", 0.9)), {1: Clip(turned)})
    (path,) = overlay(timeline, tmp_path / "over.mp4")
    assert (probe(path).width, probe(path).height) == (180, 320)
    assert Image.open(io.BytesIO(thumbnails(timeline, 1, width=90)[0][1])).size == (90, 160)


@slow
def test_late_sound_comes_late(six_seconds, spots_of, tmp_path):
    late = tmp_path / "late.mkv"
    command = [ffmpeg_exe(), "-v", "error", "-i", str(six_seconds), "-itsoffset", "2", "-i"]
    command += [str(six_seconds), "-map", "0:v", "-map", "1:a", "-codec", "copy", str(late)]
    subprocess.run(command, check=True)
    timeline = build_timeline("A", spots_of((1, 2000, "Goal", 0.9)), {1: Clip(late)})
    highlights(timeline, tmp_path / "reel.mp4", window=Window(1, 1))
    at, loud = loudness(tmp_path / "reel.mp4")
    assert (loud[at < 0.85] < 0.02).all()
    assert (loud[(at > 1.1) & (at < 1.9)] > 0.1).all()


@slow
def test_a_stretch_of_a_transport_stream_is_complete(six_seconds, spots_of, tmp_path):
    stream = tmp_path / "1.ts"
    command = [ffmpeg_exe(), "-v", "error", "-i", str(six_seconds), "-codec", "copy", str(stream)]
    subprocess.run(command, check=True)
    timeline = build_timeline("A", spots_of((1, 3000, "Goal", 0.9)), {1: Clip(stream)})
    highlights(timeline, tmp_path / "reel.mp4", window=Window(1, 1))
    at, levels = greys(tmp_path / "reel.mp4")
    assert len(at) == pytest.approx(50, abs=1)
    assert second(levels[np.searchsorted(at, [0.5, 1.5])]).tolist() == [2, 3]


def test_thumbnails_are_the_frames_of_their_spots(two_halves):
    pictures = [one for one in thumbnails(two_halves, width=160) if one[0].half == 1]
    assert [moment.label for moment, _ in pictures] == ["Throw-in", "Goal", "Foul", "Corner"]
    for moment, data in pictures:
        image = Image.open(io.BytesIO(data))
        assert (image.format, image.size) == ("JPEG", (160, 90))
        grey = 16 + np.asarray(image.convert("L"), float).mean() * 219 / 255
        assert second(grey) == moment.position_ms // 1000


def test_a_thumbnail_at_the_very_end_is_the_last_frame(six_seconds, spots_of):
    spots = spots_of((1, 99_000, "Goal", 0.9))
    timeline = build_timeline("A", spots, {1: Clip(six_seconds)})
    ((_, data),) = thumbnails(timeline, 1)
    grey = 16 + np.asarray(Image.open(io.BytesIO(data)).convert("L"), float).mean() * 219 / 255
    assert second(grey) == 5


def test_a_half_without_media_is_left_out(six_seconds, spots_of, tmp_path):
    spots = spots_of((1, 1000, "Foul", 0.5), (2, 1000, "Goal", 0.9))
    timeline = build_timeline("A", spots, {1: Clip(six_seconds), 2: None})
    assert timeline.without_media == (2,)
    assert [m.half for cut in choose_cuts(timeline) for m in cut.moments] == [1]
    assert [m.half for m, _ in thumbnails(timeline, 5)] == [1]


@pytest.mark.parametrize("make", [highlights, overlay])
def test_what_cannot_be_made_leaves_nothing_behind(
    make, two_halves, six_seconds, spots_of, tmp_path
):
    empty = build_timeline("A - B", spots_of(), {})
    with pytest.raises(InputError, match="no spot to show|no half with media"):
        make(empty, tmp_path / "x.mp4")
    with pytest.raises(UsageError, match=r"ends with \.mp4"):
        make(two_halves, tmp_path / "x.avi")
    source = tmp_path / "in.mp4"
    source.write_bytes(six_seconds.read_bytes())
    timeline = build_timeline("A", spots_of((1, 0, "Goal", 0.9)), {1: Clip(source)})
    with pytest.raises(UsageError, match="would replace the video"):
        make(timeline, source)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write"):
        make(timeline, tmp_path / "file" / "x.mp4")
    source.write_bytes(six_seconds.read_bytes()[:300])
    with pytest.raises(SpottingError, match=r"in\.mp4"):
        make(timeline, tmp_path / "x.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "in.mp4"]


def test_a_target_is_no_input_by_any_name(six_seconds, tmp_path):
    source, link, hard = tmp_path / "in.mp4", tmp_path / "link.mp4", tmp_path / "hard.mp4"
    source.write_bytes(b"x")
    link.symlink_to(source)
    hard.hardlink_to(source)
    for target in (source, link, hard, tmp_path / "a" / ".." / "in.mp4"):
        with pytest.raises(UsageError, match="would replace the video"):
            check_target(target, [six_seconds, source])
    check_target(tmp_path / "IN.MP4", [source])  # another file where capitals count


def test_two_targets_are_two_files(tmp_path):
    overlays = overlay_paths(tmp_path / "x.mp4", [1, 2])
    (tmp_path / "there.mp4").write_bytes(b"x")
    (tmp_path / "again.mp4").hardlink_to(tmp_path / "there.mp4")
    for reel, others in [
        ("x_half1.mp4", overlays),
        ("X_Half2.mp4", overlays),
        ("again.mp4", [tmp_path / "there.mp4"]),
    ]:
        with pytest.raises(UsageError, match="would be one file; name two files"):
            check_target(tmp_path / reel, [], others)
    check_target(tmp_path / "x.mp4", [], overlays)
