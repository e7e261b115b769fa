"""Reel, overlay and thumbnails of media as people have them: every picture, at its time."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from action_spotting.dataset.media import Clip, probe
from action_spotting.export.overlay import overlay
from action_spotting.export.reel import highlights
from action_spotting.export.selection import Window
from action_spotting.export.thumbnails import thumbnails
from action_spotting.export.timeline import Timeline, build_timeline
from action_spotting.io.ffmpeg import run_ffmpeg

from ..odd_media import BEEPS_S, CLOCK_S, EVEN_S, ODD_MEDIA, clock_ms

KINDS = ["base.mp4", *sorted(set(ODD_MEDIA) - {"mirrored.mp4", "turned.mp4"})]
FRAME_S = 0.045

pytestmark = pytest.mark.slow


def shown(path: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When each frame shows, the time that it says (on the file's clock), whether captioned."""
    times, said, captioned = [], [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="yuv420p")[: frame.height].astype(int)
            times.append(frame.time)
            ms = clock_ms(luma)
            said.append(np.nan if ms is None else ms / 1000)
            corner = luma[frame.height * 3 // 4 :, : frame.width // 2]
            captioned.append(corner.max() - corner.min() > 40)
    said = np.array(said) - (4.0 if name == "cut.ts" else 0.0)
    if name == "joined.ts":
        said = said + CLOCK_S * np.cumsum(np.diff(said, prepend=0) < -4)
    return np.array(times), said, np.array(captioned)


def beeps(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 8000)
        frames = list(container.decode(audio=0))
        samples = [b.to_ndarray()[0] for f in frames for b in resampler.resample(f)]
    loud = np.flatnonzero(np.abs(np.concatenate(samples)) > 0.1)
    starts = loud[np.diff(loud, prepend=-9999) > 2000]
    return [round(frames[0].time + start / 8000, 3) for start in starts]


def match_of(path: Path, spots_of, times_ms: tuple[int, ...]) -> Timeline:
    spots = spots_of(*((1, time_ms, "Goal", 0.9) for time_ms in times_ms))
    return build_timeline("A", spots, {1: Clip(path)})


def pictures_of(name: str) -> int:
    counts = {"hole.mp4": 162, "phone.mp4": 235, "joined.ts": 400, "cut.ts": 100}
    return counts.get(name, len(EVEN_S))


@pytest.mark.parametrize("name", KINDS)
def test_an_overlay_has_every_picture_and_caption_at_its_time(name, odd_media, spots_of, tmp_path):
    source = odd_media(name)
    at_ms = (1000, 2500) if name == "cut.ts" else (1000, 5000)
    (path,) = overlay(match_of(source, spots_of, at_ms), tmp_path / "o.mp4", stay_s=1.0)
    times, said, captioned = shown(path, name)
    assert len(times) == pictures_of(name)
    assert times[0] == pytest.approx(0, abs=0.002)
    np.testing.assert_allclose(times, said, atol=FRAME_S)
    for start_s in np.array(at_ms) / 1000:
        within = (times > start_s + 0.15) & (times < start_s + 0.85)
        assert captioned[within].all()
    beside = [(times < t - 0.01) | (times > t + 1.01) for t in np.array(at_ms) / 1000]
    assert not captioned[np.logical_and.reduce(beside)].any()
    if probe(source).sounds:
        late_s = {"late.mkv": -0.7, "cut.ts": -4.0, "bpictures.avi": -0.08}.get(name, 0.0)
        again = (0, CLOCK_S) if name == "joined.ts" else (0,)
        due = [at + later + late_s for later in again for at in BEEPS_S if at + late_s >= 0]
        assert beeps(path) == pytest.approx(due, abs=0.06)


@pytest.mark.parametrize("name", KINDS)
def test_a_reel_has_every_picture_of_its_stretches(name, odd_media, spots_of, tmp_path):
    at_ms = {"cut.ts": (1000, 3000), "joined.ts": (5500, 9500)}.get(name, (1500, 5500))
    timeline = match_of(odd_media(name), spots_of, at_ms)
    cuts = highlights(timeline, tmp_path / "r.mp4", window=Window(0.5, 0.5))
    assert [cut.end_ms - cut.start_ms for cut in cuts] == [1000, 1000]
    times, said, captioned = shown(tmp_path / "r.mp4", name)
    assert len(times) == (59 if name == "phone.mp4" else 50)
    due = times + np.where(times < 0.999, cuts[0].start_ms, cuts[1].start_ms - 1000) / 1000
    np.testing.assert_allclose(due, said, atol=FRAME_S)
    assert captioned.sum() > 0.8 * len(times)
    assert probe(tmp_path / "r.mp4").duration_s == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("name", KINDS)
def test_a_thumbnail_is_the_frame_of_its_spot(name, odd_media, spots_of):
    timeline = match_of(odd_media(name), spots_of, (500, 2000))
    for moment, data in thumbnails(timeline):
        said = clock_ms(np.asarray(Image.open(io.BytesIO(data)).convert("L"), float))
        shift_ms = 4000 if name == "cut.ts" else 0
        assert said == pytest.approx(moment.position_ms + shift_ms, abs=1000 * FRAME_S)
    assert len(thumbnails(timeline)) == 2


@pytest.mark.parametrize(
    ("name", "bright"), [("base.mp4", (0, 0)), ("mirrored.mp4", (0, 1)), ("turned.mp4", (1, 0))]
)
def test_pictures_are_the_right_way_up(name, bright, odd_media, spots_of, tmp_path):
    timeline = match_of(odd_media(name), spots_of, (2000,))
    (path,) = overlay(timeline, tmp_path / "o.mp4")
    highlights(timeline, tmp_path / "r.mp4", window=Window(0.5, 0.5))
    images = [Image.open(io.BytesIO(thumbnails(timeline)[0][1]))]
    for film in (path, tmp_path / "r.mp4"):
        with av.open(str(film)) as container:
            images.append(next(container.decode(video=0)).to_image())
    for image in images:
        luma = np.asarray(image.convert("L"), float)
        rows, columns = len(luma) // 10, luma.shape[1] // 10
        corners = [[luma[y, x] for x in (columns, -columns)] for y in (rows, -rows)]
        assert np.unravel_index(np.argmax(corners), (2, 2)) == bright


def test_sound_that_changes_its_kind_is_heard_to_the_end(odd_media, spots_of, tmp_path):
    parts = []
    for i, kind in enumerate([("44100", "1"), ("22050", "2")]):
        part = tmp_path / f"{i}.ts"
        sound = ["-c:v", "copy", "-c:a", "aac", "-ar", kind[0], "-ac", kind[1]]
        run_ffmpeg({odd_media("base.mp4"): []}, {part: sound})
        parts.append(part.read_bytes())
    source = tmp_path / "1.ts"
    source.write_bytes(b"".join(parts))
    timeline = match_of(source, spots_of, (2000, 10_000, 13_000))
    (path,) = overlay(timeline, tmp_path / "o.mp4")
    due = [at + again for again in (0, CLOCK_S) for at in BEEPS_S]
    assert beeps(path) == pytest.approx(due, abs=0.15)
    highlights(timeline, tmp_path / "r.mp4", window=Window(1, 1))
    assert beeps(tmp_path / "r.mp4") == pytest.approx([1, 3, 5], abs=0.15)


def test_a_half_within_a_file_is_on_the_clock_of_the_file(odd_media, spots_of, tmp_path):
    """Also where the clock of the file does not begin at zero."""
    source = odd_media("late.mkv")
    spots = spots_of((1, 1000, "Goal", 0.9), (2, 1000, "Foul", 0.9))
    clips = {1: Clip(source, 0.0, 4.0), 2: Clip(source, 4.0)}
    timeline = build_timeline("A", spots, clips)
    (path,) = overlay(timeline, tmp_path / "o.mp4", stay_s=0.5)
    times, _, captioned = shown(path, "late.mkv")
    assert times[captioned].min() == pytest.approx(1.0, abs=0.12)
    assert times[captioned].max() == pytest.approx(5.5, abs=0.12)
    highlights(timeline, tmp_path / "r.mp4", window=Window(0.5, 0.5))
    _, said, _ = shown(tmp_path / "r.mp4", "late.mkv")
    assert said[[0, 25]] == pytest.approx([0.5, 4.5], abs=FRAME_S)
