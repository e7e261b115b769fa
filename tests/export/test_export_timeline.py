import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from action_spotting.dataset.classes import ACTIONS_V1, ACTIONS_V2
from action_spotting.dataset.events import Events
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError, UsageError
from action_spotting.export.selection import Window, read_threshold, select, split_files
from action_spotting.export.timeline import build_timeline
from action_spotting.export.wording import clock, one_line, plain_name


def test_two_files_lie_end_to_end(six_seconds, four_silent_seconds, spots_of, tmp_path):
    spots = spots_of((2, 500, "Goal", 0.9), (1, 5000, "Foul", 0.8))
    clips = {1: Clip(six_seconds), 2: Clip(four_silent_seconds)}
    timeline = build_timeline("A - B", spots, clips)
    first, second = timeline.halves
    assert (first.offset_ms, second.offset_ms) == (0, first.media_ms)
    assert first.media_ms == pytest.approx(6000, abs=50)
    assert [(m.label, m.match_ms) for m in timeline.moments] == [
        ("Foul", 5000),
        ("Goal", first.media_ms + 500),
    ]
    assert [m.index for m in timeline.moments] == [1, 0]
    assert (first.name, second.fps) == ("1_224p.mkv", 30)
    assert [part.moments[0].match_ms for part in split_files(timeline)] == [5000, 500]


def test_the_second_half_of_one_file_begins_where_it_truly_does(six_seconds, spots_of):
    spots = spots_of((1, 1000, "Goal", 0.9), (2, 1000, "Goal", 0.8))
    clips = {1: Clip(six_seconds, start_s=0.5), 2: Clip(six_seconds, start_s=3.5)}
    timeline = build_timeline("A - B", spots, clips)
    assert [half.offset_ms for half in timeline.halves] == [500, 3500]
    assert timeline.halves[0].duration_ms == 3000
    assert [m.match_ms for m in timeline.moments] == [1500, 4500]
    assert [m.match_ms for m in split_files(timeline)[0].moments] == [1500, 4500]
    assert len(split_files(timeline)) == 1


def test_a_half_without_media_counts_45_minutes_or_up_to_its_last_spot(spots_of):
    for last, start in ((1000, 2_700_000), (2_900_000, 2_900_000)):
        spots = spots_of((1, last, "Goal", 0.9), (2, 0, "Kick-off", 0.8))
        timeline = build_timeline("A - B", spots, {})
        assert timeline.moments[-1].match_ms == start
        assert timeline.without_media == (1, 2)


def test_a_spot_beyond_the_end_is_put_there(six_seconds, spots_of):
    spots = spots_of((1, 99_000, "Goal", 0.9))
    timeline = build_timeline("A - B", spots, {1: Clip(six_seconds)})
    assert timeline.moments[0].position_ms == timeline.halves[0].duration_ms
    start, end = Window(2, 2).around(timeline, timeline.moments[0])
    assert end == timeline.end_ms
    assert start == end - 2000


def test_media_are_named_relative_to_the_folder_of_the_exports(six_seconds, spots_of, tmp_path):
    clips = {1: Clip(six_seconds)}
    timeline = build_timeline("A", spots_of(), clips, folder=tmp_path / "out")
    assert not timeline.halves[0].name.startswith("/")
    assert (tmp_path / "out" / timeline.halves[0].name).resolve() == six_seconds.resolve()


def test_unreadable_media_is_named(tmp_path, spots_of):
    (tmp_path / "1.mkv").write_text("no video")
    with pytest.raises(InputError, match="not a media file"):
        build_timeline("A", spots_of(), {1: Clip(tmp_path / "1.mkv")})


def test_version_1_has_names_for_people(spots_of):
    spots = spots_of((1, 0, "subs", 0.9), classes=ACTIONS_V1)
    assert build_timeline("A", spots, {}).moments[0].name == "Substitution"


rows = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        st.integers(0, 3_000_000),
        st.integers(0, 16),
        st.floats(0, 1),
    ),
    max_size=30,
)


def _match(table):
    columns = [np.array([row[i] for row in table], float) for i in range(4)]
    half, position, label = (column.astype(int) for column in columns[:3])
    return build_timeline("A", Events(half, position, label, columns[3]), {})


@given(rows, st.floats(0, 1), st.integers(0, 40))
def test_selecting_keeps_the_strongest_in_order(table, threshold, top):
    timeline = _match(table)
    chosen = select(timeline, threshold=threshold, top=top)
    assert select(chosen, threshold=threshold, top=top) == chosen
    above = sorted((row[3] for row in table if row[3] >= threshold), reverse=True)
    assert sorted((m.confidence for m in chosen.moments), reverse=True) == above[:top]
    times = [m.match_ms for m in chosen.moments]
    assert times == sorted(times)


@given(rows, st.floats(0, 60), st.floats(0.1, 60))
def test_a_window_holds_its_spot_and_stays_in_its_half(table, before, after):
    timeline = _match(table)
    for moment in timeline.moments:
        half = timeline.half(moment.half)
        start, end = Window(before, after).around(timeline, moment)
        assert half.offset_ms <= start <= moment.match_ms <= end
        assert end <= half.offset_ms + half.duration_ms


def test_thresholds_by_class(spots_of):
    spots = spots_of((1, 0, "Goal", 0.3), (1, 1, "Foul", 0.3), (1, 2, "Foul", 0.5))
    timeline = build_timeline("A", spots, {})
    kept = select(timeline, threshold={"Goal": 0.2})
    assert [(m.label, m.confidence) for m in kept.moments] == [("Goal", 0.3), ("Foul", 0.5)]


def test_reading_thresholds(tmp_path):
    assert read_threshold("0.25", ACTIONS_V2) == 0.25
    path = tmp_path / "thresholds.json"
    path.write_text(json.dumps({"Goal": 0.3, "Foul": 1}))
    assert read_threshold(str(path), ACTIONS_V2) == {"Goal": 0.3, "Foul": 1.0}
    for content, message in [
        ({"Gaol": 0.3}, "did you mean 'Goal'"),
        ({"Goal": 1.5}, "no number from 0 to 1"),
        ({"Goal": True}, "no number from 0 to 1"),
        ([0.5], "one number a class"),
    ]:
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match=message):
            read_threshold(str(path), ACTIONS_V2)
    for text in ("1.5", "nan", "half", "-0.1"):
        with pytest.raises(UsageError, match="threshold"):
            read_threshold(text, ACTIONS_V2)


@pytest.mark.parametrize("sides", [(-1, 5), (0, 0), (float("nan"), 1), (1, float("inf"))])
def test_a_window_that_is_none_is_refused(sides):
    with pytest.raises(UsageError, match="window"):
        Window(*sides)


@given(st.text())
def test_names_become_one_plain_line(text):
    assert not set(plain_name(text)) & set("<>&\"'\n\r\u2028")
    assert one_line(one_line(text)) == one_line(text)
    one_line(text).encode("utf-8")


@given(st.integers(0, 10**8))
def test_clock_reads_back(ms):
    hours, minutes, seconds = clock(ms).split(":")
    assert round(1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds))) == ms
