"""Every export is read back by another program's parser: equal times, equal labels."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import openpyxl
import opentimelineio as otio
import pysubs2
import pytest
import webvtt
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kloppy import sportscode

from action_spotting.dataset.events import Events
from action_spotting.dataset.media import Clip
from action_spotting.errors import UsageError
from action_spotting.export.formats.csv_table import HEADER
from action_spotting.export.registry import FORMATS, check_formats, write_exports
from action_spotting.export.selection import Window
from action_spotting.export.timeline import Timeline, build_timeline
from action_spotting.io.ffmpeg import ffmpeg_exe

WINDOW = Window(3, 2)
NASTY = "league/2015 \"x\"/A & B <1> - \\ '2'\n= ; # C é日本|"


def _title(text: str) -> str:
    """The name in a line such as ``Goal (1 - 00:01, 0.90)``."""
    return re.sub(r" \(\d - [\d:]+, [\d.]+\)$", "", text)


def read_csv(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        table = list(csv.DictReader(handle))
    assert {row["game"] for row in table} <= {timeline.game}
    return [(int(row["match_ms"]), row["name"]) for row in table]


def read_csv_semicolon(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        table = list(csv.DictReader(handle, delimiter=";"))
    return [(int(row["match_ms"]), row["name"].removeprefix("'")) for row in table]


def read_xlsx(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    header, *table = openpyxl.load_workbook(path)["spots"].iter_rows(values_only=True)
    assert header == HEADER
    return [(row[4], row[6]) for row in table]


def read_json(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["game"] == timeline.game
    start = {half["half"]: half["match_start_ms"] for half in content["halves"]}
    return [(start[s["half"]] + s["position_ms"], s["name"]) for s in content["spots"]]


def read_osl(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["version"] == "2.0"
    assert len({sample["id"] for sample in content["data"]}) == len(content["data"])
    names = {m.label: m.name for m in timeline.moments}
    found, start = [], 0
    for sample, ms in zip(content["data"], _file_lengths(timeline), strict=True):
        for event in sample["events"]:
            assert event["label"] in content["labels"][event["head"]]["labels"]
            found.append((start + event["position_ms"], names[event["label"]]))
        start += ms
    return found


def _file_lengths(timeline: Timeline) -> list[int]:
    files = {half.name or str(half.number): half.media_ms for half in timeline.halves}
    return list(files.values())


def read_vtt(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    return [
        (round(1000 * cue.start_in_seconds), _title(cue.text))
        if isinstance(cue.start_in_seconds, float)
        else (pysubs2.time.timestamp_to_ms(re.findall(r"\d+", cue.start)), _title(cue.text))
        for cue in webvtt.read(path)
    ]


def read_srt(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    return [(line.start, _title(line.text)) for line in pysubs2.load(str(path), format_="srt")]


def read_chapters(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    with av.open(f"file:{path}") as container:
        chapters = container.chapters()
    assert all(chapter["end"] > chapter["start"] for chapter in chapters)
    titles = [(c["start"], t) for c in chapters for t in c["metadata"]["title"].split(" · ")]
    return [(start, _title(title)) for start, title in titles if not title.startswith("Half ")]


def read_sportscode(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    codes = sportscode.load(str(path)).records
    for code, moment in zip(codes, timeline.moments, strict=True):
        start, end = WINDOW.around(timeline, moment)
        assert (code.timestamp.total_seconds(), code.end_timestamp.total_seconds()) == (
            pytest.approx(start / 1000),
            pytest.approx(end / 1000),
        )
        assert code.labels["Half"] == moment.half
    return [(round(1000 * float(code.labels["Spot"])), code.code) for code in codes]


def read_edl(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    fps = timeline.halves[0].fps if timeline.halves else 25.0
    if not timeline.moments:  # the adapter reads no list without events
        assert path.read_text(encoding="utf-8").splitlines()[1] == "FCM: NON-DROP FRAME"
        return []
    read = otio.adapters.read_from_file(str(path), "cmx_3600", rate=round(fps))
    record, found = 0, []
    for clip, moment in zip(read.find_clips(), timeline.moments, strict=True):
        half = timeline.half(moment.half)
        (marker,) = clip.markers
        on_record = marker.marked_range.start_time.value - 3600 * round(fps) - record
        at_ms = 1000 * (clip.source_range.start_time.value + on_record) / fps
        found.append((at_ms - half.file_ms - half.lead_ms + half.offset_ms, marker.name))
        start, end = WINDOW.around(timeline, moment)
        assert clip.source_range.start_time.value == pytest.approx(
            (start + half.file_ms + half.lead_ms - half.offset_ms) * fps / 1000, abs=1
        )
        assert clip.source_range.duration.value == pytest.approx((end - start) * fps / 1000, abs=1)
        assert clip.range_in_parent().start_time.value == record
        record += clip.source_range.duration.value
    return found


def read_otio(path: Path, timeline: Timeline) -> list[tuple[int, str]]:
    read = otio.adapters.read_from_file(str(path))
    assert read.name == timeline.game
    found, start_ms = [], 0
    for clip, length in zip(read.find_clips(), _file_lengths(timeline), strict=True):
        rate = clip.source_range.duration.rate
        assert clip.source_range.duration.value == pytest.approx(length * rate / 1000, abs=1)
        for marker in clip.markers:
            at_ms = 1000 * marker.marked_range.start_time.to_seconds()
            found.append((start_ms + at_ms, marker.name))
        start_ms += length
    return found


READERS = {
    "csv": read_csv,
    "csv_semicolon": read_csv_semicolon,
    "xlsx": read_xlsx,
    "json": read_json,
    "osl": read_osl,
    "vtt": read_vtt,
    "srt": read_srt,
    "chapters": read_chapters,
    "sportscode": read_sportscode,
    "edl": read_edl,
    "otio": read_otio,
}
FRAME_FORMATS = ("edl", "otio")
"""These name frames: a spot lies up to one frame after the time they give."""


@pytest.fixture(scope="module")
def timelines(six_seconds, four_silent_seconds, spots_of) -> dict[str, Timeline]:
    rows = [
        (1, 1500, "Goal", 0.9),
        (1, 1500, "Kick-off", 0.85),
        (1, 4017, "Yellow->red card", 0.8),
        (2, 0, "Throw-in", 0.7),
        (2, 1999, "Shots off target", 0.6),
        (2, 90_000, "Corner", 0.5),
    ]
    spots = spots_of(*rows)
    two = {1: Clip(six_seconds), 2: Clip(four_silent_seconds)}
    one = {1: Clip(six_seconds, 0.0, 3.0), 2: Clip(six_seconds, 3.5)}
    return {
        "two files": build_timeline("league/season/A 1 - 0 B", spots, two),
        "one file": build_timeline(NASTY, spots, one),
        "no media": build_timeline(NASTY, spots, {}),
        "first half alone": build_timeline("x", spots_of(rows[0]), {1: two[1]}),
        "no spots": build_timeline("x", spots_of(), two),
        "nothing": build_timeline("x", spots_of(), {}),
    }


KINDS = ("two files", "one file", "no media", "first half alone", "no spots", "nothing")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FORMATS)
def test_another_parser_reads_equal_times_and_labels(name, kind, timelines, tmp_path):
    timeline = timelines[kind]
    first, *others = write_exports(timeline, [name], tmp_path, window=WINDOW)
    found = READERS[name](first, timeline)
    assert sorted(label for _, label in found) == sorted(m.name for m in timeline.moments)
    late = 1000 / 24 if name in FRAME_FORMATS else 0
    for (at_ms, _), moment in zip(sorted(found), timeline.moments, strict=True):
        assert moment.match_ms - late - 0.01 <= at_ms <= moment.match_ms + 0.01
    assert len(others) == (
        2 if FORMATS[name].per_media and kind in ("two files", "no media", "no spots") else 0
    )


def test_files_for_each_half_run_on_its_own_clock(timelines, tmp_path):
    paths = write_exports(timelines["two files"], ["srt"], tmp_path)
    assert [path.name for path in paths] == ["spots.srt", "spots_half1.srt", "spots_half2.srt"]
    assert [at for at, _ in read_srt(paths[2], timelines["two files"])][:2] == [0, 1999]


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_spots_give_the_same_bytes(name, timelines, tmp_path):
    for kind, timeline in timelines.items():
        one = [p.read_bytes() for p in write_exports(timeline, [name], tmp_path / "a" / kind)]
        two = [p.read_bytes() for p in write_exports(timeline, [name], tmp_path / "b" / kind)]
        assert one == two
        assert str(tmp_path).encode() not in b"".join(one)


@pytest.mark.parametrize(
    "name", ["vtt", "srt", "sportscode", "csv", "csv_semicolon", "xlsx", "edl", "chapters"]
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None
)
@given(label=st.text(min_size=1))
@example(label="\r")
@example(label='\n-->\r\n,"')
def test_a_name_cannot_break_a_file(name, label, timelines, tmp_path):
    timeline = timelines["first half alone"]
    moment = replace(timeline.moments[0], label=label, name="".join(label.split()) or "x")
    moment = replace(moment, name=re.sub(r"[^\w<>&\"'=;#\\-]|_", "x", moment.name) + "-->")
    hostile = replace(timeline, moments=(moment,), game=NASTY)
    path = write_exports(hostile, [name], tmp_path, window=WINDOW)[0]
    assert [at for at, _ in READERS[name](path, hostile)] == [pytest.approx(1500, abs=40)]


@pytest.mark.parametrize("text", ["\ufffe", "\uffff\uffff", "\x00\x08", "\ud800", "\x85\u2028"])
def test_sportscode_is_well_formed_whatever_a_class_is_called(text, timelines, tmp_path):
    timeline = timelines["first half alone"]
    spots = Events([1], [1500], [0], [0.9], classes=(f"Go{text}al",))
    made = build_timeline("x", spots, {1: timeline.halves[0].clip})
    path = write_exports(made, ["sportscode"], tmp_path, window=WINDOW)[0]
    assert [code.code for code in sportscode.load(str(path)).records] == ["Go al"]


def test_sportscode_has_no_escaped_characters(timelines, tmp_path):
    text = write_exports(timelines["one file"], ["sportscode"], tmp_path)[0].read_text()
    assert "Second yellow card" in text
    assert "&" not in text
    assert "->" not in text


def test_chapters_go_into_a_video(timelines, six_seconds, tmp_path):
    timeline = timelines["first half alone"]
    chapters = write_exports(timeline, ["chapters"], tmp_path)[0]
    for suffix in (".mp4", ".mkv"):
        video = tmp_path / f"with{suffix}"
        command = [
            ffmpeg_exe(),
            "-v",
            "error",
            "-i",
            f"file:{six_seconds}",
            "-i",
            f"file:{chapters}",
        ]
        command += ["-map_metadata", "1", "-map_chapters", "1", "-codec", "copy", f"file:{video}"]
        subprocess.run(command, check=True)
        with av.open(str(video)) as container:
            found = [
                (round(1000 * c["start"] * c["time_base"]), c["metadata"]["title"])
                for c in container.chapters()
            ]
        assert found == [(0, "Half 1"), (1500, "Goal (1 - 00:01, 0.90)")]


def test_an_edl_holds_999_events(timelines):
    timeline = timelines["two files"]
    moments = timeline.moments[:1] * 1000
    with pytest.raises(UsageError, match="holds 999; a higher threshold"):
        FORMATS["edl"].export(replace(timeline, moments=moments), None)
    text = FORMATS["edl"].export(replace(timeline, moments=moments[:999]), None)
    assert "999  FILE1" in text


def test_the_csv_has_one_line_a_spot(timelines):
    text = FORMATS["csv"].export(timelines["no media"], None)
    assert len(list(csv.reader(io.StringIO(text)))) == 7


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1", "\n=1", "http://x"]
)
def test_no_cell_of_a_spreadsheet_is_a_formula(name, timelines, tmp_path):
    hostile = replace(timelines["first half alone"], game=name)
    table, sheet = write_exports(hostile, ["csv_semicolon", "xlsx"], tmp_path)
    with table.open(encoding="utf-8-sig", newline="") as handle:
        _, row = csv.reader(handle, delimiter=";")
    assert row[0] == (name if name.startswith("http") else "'" + name)
    cell = openpyxl.load_workbook(sheet)["spots"]["A2"]
    assert (cell.data_type, cell.value, cell.hyperlink) == ("s", name.strip(), None)


def test_tables_hold_confidence_and_probability_side_by_side(spots_of, tmp_path):
    spots = spots_of((1, 0, "Goal", 0.9), (1, 5, "Foul", 0.25))
    known = build_timeline("m", spots, {}, probability=np.array([0.725, 0.5]))
    paths = write_exports(known, ["csv", "csv_semicolon", "json", "xlsx", "srt"], tmp_path)
    plain, local, own, sheet, subtitles = paths[:5]
    assert plain.read_text().splitlines()[1].endswith("Goal,Goal,0.900000,0.725000")
    assert local.read_text(encoding="utf-8-sig").splitlines()[1].endswith("0,900000;0,725000")
    first = json.loads(own.read_text())["spots"][0]
    assert (first["confidence"], first["probability"]) == (0.9, 0.725)
    cells = openpyxl.load_workbook(sheet)["spots"][2]
    assert [cell.value for cell in cells[7:]] == [0.9, 0.725]
    assert cells[8].number_format == "0 %"
    assert "Goal (1 - 00:00, 72 %)" in subtitles.read_text()
    unknown = write_exports(build_timeline("m", spots, {}), ["csv", "json"], tmp_path)
    assert unknown[0].read_text().splitlines()[1].endswith("0.900000,")
    assert json.loads(unknown[1].read_text())["spots"][0]["probability"] is None


def test_unknown_formats_are_answered_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'otio'"):
        check_formats(["csv", "otoi"])


def test_a_folder_that_cannot_be_written_is_named(timelines, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write"):
        write_exports(timelines["nothing"], ["csv"], tmp_path / "file" / "sub")
