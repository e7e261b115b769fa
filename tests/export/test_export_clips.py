"""One clip a spot: what it shows, what it is called, and when it is made anew."""

from __future__ import annotations

from dataclasses import replace

import av
import pytest

from action_spotting.dataset.events import Events
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError, UsageError
from action_spotting.export.clips import clips
from action_spotting.export.selection import Window
from action_spotting.export.thumbnails import thumbnails
from action_spotting.export.timeline import build_timeline
from tests.export.conftest import grey_at

SHORT = Window(0.5, 0.5)


@pytest.fixture(scope="module")
def timeline(six_seconds, four_silent_seconds, spots_of):
    rows = [(1, 2500, "Goal", 0.9), (1, 2700, "Goal", 0.8), (2, 1500, "Yellow->red card", 0.7)]
    both = {1: Clip(six_seconds), 2: Clip(four_silent_seconds)}
    return build_timeline("m", spots_of(*rows), both)


@pytest.mark.slow
def test_each_spot_has_a_clip_of_its_stretch(timeline, tmp_path):
    made = clips(timeline, tmp_path, window=SHORT)
    assert made.done == ["1_00-02_Goal.mp4", "1_00-02_Goal_2.mp4", "2_00-01_Second_yellow_card.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(made.done)
    with av.open(str(tmp_path / made.done[0])) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        frames = [frame.to_ndarray(format="yuv420p")[:180] for frame in container.decode(video=0)]
    assert len(frames) == pytest.approx(25, abs=1)
    for frame, second in ((frames[2], 2), (frames[-2], 2.999)):
        assert frame[:40, 200:].mean() == pytest.approx(grey_at(second), abs=4)
    assert frames[12][120:, :160].max() > 200  # the caption


@pytest.mark.slow
def test_a_second_run_makes_what_is_lacking_or_of_another_stretch(timeline, tmp_path):
    first = clips(timeline, tmp_path, window=SHORT)
    (tmp_path / first.done[0]).unlink()
    (tmp_path / first.done[1]).write_bytes(b"cut short")
    again = clips(timeline, tmp_path, window=SHORT)
    assert (again.done, again.skipped) == (first.done[:2], first.done[2:])
    surer = replace(timeline, moments=(replace(timeline.moments[2], probability=0.4),))
    assert clips(surer, tmp_path, window=SHORT).done == first.done[2:]
    assert clips(surer, tmp_path, window=Window(0.5, 1)).done == first.done[2:]


@pytest.mark.parametrize("label", ["../../etc", "a/b\0", "…", "x" * 300, "\ud800"])
def test_a_class_of_any_name_names_a_file(label, timeline, tmp_path):
    spots = Events([1], [500], [0], [0.9], classes=(label,))
    made = clips(build_timeline("m", spots, {1: timeline.halves[0].clip}), tmp_path, window=SHORT)
    (path,) = tmp_path.iterdir()
    assert made.done == [path.name]


def test_what_cannot_be_made_is_said(timeline, spots_of, tmp_path):
    with pytest.raises(InputError, match="no spot with media"):
        clips(build_timeline("m", spots_of((1, 0, "Goal", 0.9)), {}), tmp_path)
    video = tmp_path / "1_00-00_Goal.mp4"
    video.write_bytes(timeline.halves[1].clip.path.read_bytes())
    own = build_timeline("m", spots_of((1, 0, "Goal", 0.9)), {1: Clip(video)})
    with pytest.raises(UsageError, match="would replace the video"):
        clips(own, tmp_path)


def test_thumbnails_are_of_all_classes(six_seconds, spots_of):
    """Not the twelve most confident ones, which may all be throw-ins."""
    rows = [(1, 100 * i, "Throw-in", 0.99) for i in range(30)]
    rows += [(1, 4000, "Goal", 0.3), (1, 5000, "Foul", 0.5)]
    timeline = build_timeline("m", spots_of(*rows), {1: Clip(six_seconds)})
    shown = [moment.label for moment, _ in thumbnails(timeline, 4, width=32)]
    assert shown == ["Throw-in", "Throw-in", "Goal", "Foul"]
    assert [m.label for m, _ in thumbnails(timeline, 1, width=32)] == ["Goal"]
