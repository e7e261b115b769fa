"""Times in exports are those at which other programs show the spot's picture."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pysubs2
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from action_spotting.dataset.media import Clip, open_media
from action_spotting.dataset.streams import picture_stream
from action_spotting.errors import UsageError
from action_spotting.export.formats.edl import frame_of, timecode
from action_spotting.export.registry import write_exports
from action_spotting.export.selection import Window
from action_spotting.export.timeline import Timeline, build_timeline
from action_spotting.io.ffmpeg import ffmpeg_exe, run_ffmpeg

from ..odd_media import clock_ms

AT_MS = (600, 2040)
NTSC = 30000 / 1001
FORMATS = ("vtt", "srt", "chapters", "edl", "otio")
KINDS = (
    *("base.mp4", "piped.mkv", "cut.ts", "late.mkv", "from3600.mkv", "timecode.mov"),
    *("bpictures.avi", "still_first.mp4", "preview_first.mkv", "hole.mp4", "phone.mp4"),
    "broadcast.mxf",
)


def timeline_of(path: Path, spots_of, *rows: tuple[int, int]) -> Timeline:
    rows = rows or tuple((1, ms) for ms in AT_MS)
    spots = spots_of(*((half, ms, "Goal", 0.9) for half, ms in rows))
    return build_timeline("A", spots, {1: Clip(path)})


def read_times(paths: list[Path]) -> dict[str, list[float]]:
    """Seconds since the start of the file, by format, as other parsers read them."""
    by_name = {path.name: path for path in paths}
    found = {
        "vtt": [seconds(cue.start) for cue in webvtt.read(by_name["spots.vtt"])],
        "srt": [line.start / 1000 for line in pysubs2.load(str(by_name["spots.srt"]))],
    }
    listing = by_name["spots.ffmeta"].read_text().split("[CHAPTER]")[1:]
    chapters = [int(part.split("START=")[1].split()[0]) / 1000 for part in listing]
    found["chapters"] = chapters[1:]  # the first one is the half's own
    text = by_name["spots.edl"].read_text()
    read = otio.adapters.read_from_string(text, "cmx_3600", rate=rate_of(text))
    begins, record = None, 3600 * rate_of(text)
    found["edl"] = []
    for clip in read.find_clips():
        begins = 0 if begins is None else begins
        source, marker = clip.source_range.start_time, clip.markers[0].marked_range.start_time
        at = source + marker - otio.opentime.RationalTime(record, source.rate)
        found["edl"].append(at.to_seconds())
        record += clip.source_range.duration.value
    (clip,) = otio.adapters.read_from_file(str(by_name["spots.otio"])).find_clips()
    begins = clip.media_reference.available_range.start_time
    found["otio"] = [(m.marked_range.start_time - begins).to_seconds() for m in clip.markers]
    return found


def seconds(clock: str) -> float:
    return pysubs2.time.timestamp_to_ms(re.findall(r"\d+", clock)) / 1000


def rate_of(edl: str) -> int:
    """The rate that a list is opened with; all files here have 25 frames, but for the phone's."""
    return 30 if "phone" in edl else 25


def shown_at(path: Path, time_s: float) -> int:
    """The time that the picture says which shows at a time since the file's own start."""
    with open_media(path) as container:
        begins_s, said = container.start_time / av.time_base, None
        for frame in container.decode(picture_stream(container)):
            if frame.time - begins_s > time_s + 1e-3:
                break
            said = clock_ms(frame.to_ndarray(format="gray").astype(int))
    assert said is not None
    return said


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_what_is_shown_at_an_exported_time_is_the_spots_picture(
    name, odd_media, spots_of, tmp_path
):
    path = odd_media(name)
    timeline = timeline_of(path, spots_of)
    times = read_times(write_exports(timeline, FORMATS, tmp_path, window=Window(0.5, 0.5)))
    begins_s = {"timecode.mov": 36_000}.get(name, 0)
    times["edl"] = [time_s - begins_s for time_s in times["edl"]]
    ahead_ms = 4000 if name == "cut.ts" else 0
    for kind, found in times.items():
        np.testing.assert_allclose(found, times["vtt"], atol=0.041, err_msg=kind)
        for at_ms, time_s in zip(AT_MS, found, strict=True):
            # of an AVI ffmpeg guesses presentation times, two frames late
            off_ms = 85 if name == "bpictures.avi" else 45
            assert shown_at(path, time_s) == pytest.approx(at_ms + ahead_ms, abs=off_ms), kind


@pytest.mark.parametrize(("name", "late_ms"), [("late.mkv", 700), ("from3600.mkv", 0)])
def test_a_file_that_runs_before_its_first_picture(name, late_ms, odd_media, spots_of, tmp_path):
    timeline = timeline_of(odd_media(name), spots_of)
    (half,) = timeline.halves
    assert half.lead_ms == pytest.approx(late_ms, abs=25)
    assert half.media_ms - half.lead_ms == pytest.approx(8000, abs=45)
    assert [m.match_ms - half.lead_ms for m in timeline.moments] == list(AT_MS)
    paths = write_exports(timeline, ["csv", "json"], tmp_path)
    assert f",600,{600 + half.lead_ms}," in paths[0].read_text()
    assert json.loads(paths[1].read_text())["halves"][0]["media_start_ms"] == half.lead_ms


def with_timecode(source: Path, path: Path, code: str, rate: str = "30000/1001") -> Path:
    picture = ["-map", "0:v", "-r", rate, "-c:v", "libx264", "-preset", "ultrafast"]
    if path.suffix == ".mxf":
        picture = ["-map", "0:v", "-r", rate, "-c:v", "mpeg2video"]
    run_ffmpeg({source: []}, {path: [*picture, "-timecode", code]})
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "suffix", "rate", "header", "source", "marker"),
    [
        ("10:00:00:00", ".mov", "25", "NON-DROP FRAME", "10:00:01:16", "01:00:00:10"),
        ("10:00:00:00", ".mxf", "25", "NON-DROP FRAME", "10:00:01:16", "01:00:00:10"),
        ("01:00:00;00", ".mov", "30000/1001", "DROP FRAME", "01:00:01;19", "01:00:00;12"),
        # over the minute at whose beginning two frame numbers are left out, at 59.94 four
        ("09:59:58;20", ".mov", "30000/1001", "DROP FRAME", "10:00:00;09", "01:00:00;12"),
        ("09:58:58;20", ".mov", "30000/1001", "DROP FRAME", "09:59:00;11", "01:00:00;12"),
        ("00:00:58;40", ".mov", "60000/1001", "DROP FRAME", "00:01:00;22", "01:00:00;24"),
        ("01:00:00:00", ".mov", "30000/1001", "NON-DROP FRAME", "01:00:01:19", "01:00:00:12"),
    ],
)
def test_a_start_time_code_reaches_edl_and_otio(
    code, suffix, rate, header, source, marker, odd_media, spots_of, tmp_path
):
    path = with_timecode(odd_media("base.mp4"), tmp_path / f"1{suffix}", code, rate)
    timeline = timeline_of(path, spots_of, (1, 2040))
    edl, otio_file = write_exports(timeline, ["edl", "otio"], tmp_path, window=Window(0.4, 0.4))
    lines = edl.read_text().splitlines()
    assert lines[1] == f"FCM: {header}"
    assert lines[3].split()[4] == source
    assert lines[3].split()[6] == "01:00:00" + (";" if header[:4] == "DROP" else ":") + "00"
    assert lines[5] == f"* LOC: {marker} RED     Goal"
    (clip,) = otio.adapters.read_from_file(str(otio_file)).find_clips()
    begins = clip.media_reference.available_range.start_time
    drop = ";" in code
    assert begins.to_timecode(begins.rate, drop) == code
    assert clip.source_range.start_time == begins
    at = (clip.markers[0].marked_range.start_time - begins).to_seconds()
    assert at == pytest.approx(2.04, abs=1 / 23)


@pytest.mark.parametrize("name", ["bpictures.avi", "phone.mp4"])
def test_an_edl_has_a_rate_that_editors_have(name, odd_media, spots_of, tmp_path):
    """The mean rate of these files is 600 and 29.5; in 8 s that is half a second."""
    timeline = timeline_of(odd_media(name), spots_of, (1, 7000))
    rate = {"bpictures.avi": 25, "phone.mp4": 30}[name]
    assert timeline.halves[0].fps == rate
    text = write_exports(timeline, ["edl"], tmp_path, window=Window(1, 1))[0].read_text()
    assert " 00:00:06:00 00:00:08:00 " in text or " 00:00:06:00 00:00:07:" in text
    assert "* LOC: 01:00:01:00 " in text


@pytest.mark.parametrize("rate", [NTSC, 60000 / 1001, 25.0, 24000 / 1001])
@given(frame=st.integers(0, 5_000_000))
def test_time_codes_as_opentimelineio_words_them(rate, frame):
    drop = rate in (NTSC, 60000 / 1001)
    for dropped in {False, drop}:
        force = dropped
        code = timecode(frame, rate, dropped)
        wanted = otio.opentime.RationalTime(frame, rate).to_timecode(rate, force)
        if frame < 24 * 3600 * 23:
            assert code == wanted
            assert frame_of(code, rate, dropped) == frame


def test_slides_have_no_edl_but_all_else(spots_of, tmp_path):
    slides = tmp_path / "1.mp4"
    lavfi = ["-f", "lavfi", "-i", "testsrc=s=64x64:r=1/4:d=12"]
    command = [ffmpeg_exe(), "-v", "error", *lavfi, "-pix_fmt", "yuv420p", str(slides)]
    subprocess.run(command, check=True)
    timeline = timeline_of(slides, spots_of)
    with pytest.raises(UsageError, match=r"spots\.edl: A: 0.25 frames a second"):
        write_exports(timeline, ["edl", "csv", "otio"], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["spots.csv", "spots.otio"]
