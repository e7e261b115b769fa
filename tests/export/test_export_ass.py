"""Captions as a subtitle track: read back by another parser, and drawn as people see them."""

from __future__ import annotations

import av
import numpy as np
import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.export.ass import SLOTS, Caption, ass_track, in_slots
from action_spotting.export.footage import CAPTIONED, TRACK, run_in, work_folder

GREY = 126

captions = st.lists(
    st.tuples(st.integers(0, 20_000), st.integers(1, 6_000)), min_size=1, max_size=25
).map(lambda spans: [Caption(start, start + stay, "Goal", "") for start, stay in sorted(spans)])


def draw(shown: list[Caption], size: tuple[int, int], at_s: float = 1.0) -> np.ndarray:
    """The luma of a grey picture of a size with captions at a time."""
    grey = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
    grey[: size[1]] = GREY
    with work_folder() as folder:
        source, target = folder / "grey.nut", folder / "drawn.nut"
        with av.open(str(source), "w") as out:
            video = out.add_stream("rawvideo", rate=1)
            video.width, video.height, video.pix_fmt = *size, "yuv420p"
            out.mux(video.encode(av.VideoFrame.from_ndarray(grey, "yuv420p")))
            out.mux(video.encode(None))
        (folder / TRACK).write_text(ass_track(shown, size), encoding="utf-8")
        at = ["-itsoffset", str(at_s)]
        filters = f"{CAPTIONED},setpts=0"
        run_in(folder, {source: at}, {target: ["-vf", filters, "-c:v", "rawvideo"]})
        with av.open(str(target)) as container:
            (frame,) = container.decode(video=0)
        return frame.to_ndarray(format="yuv420p")[: size[1]].astype(int)


def where(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of what is drawn."""
    return np.nonzero(np.abs(luma - GREY) > 4)


@given(captions)
def test_captions_never_share_a_place(ordered):
    placed = in_slots(ordered)
    assert [(c.start_ms, c.title) for _, c in placed] == [(c.start_ms, c.title) for c in ordered]
    for i, (slot, caption) in enumerate(placed):
        assert 0 <= slot < SLOTS
        for other_slot, other in placed[i + 1 :]:
            assert other_slot != slot or other.start_ms >= caption.end_ms


@given(captions)
def test_only_the_oldest_of_too_many_ends_early(ordered):
    for (_, placed), caption in zip(in_slots(ordered), ordered, strict=True):
        if placed.end_ms != caption.end_ms:
            at_ms = placed.end_ms
            showing = [c for c in ordered if c.start_ms <= at_ms < c.end_ms]
            assert len(showing) > SLOTS
        assert placed.end_ms <= caption.end_ms


@settings(deadline=None)  # the first call loads the font
@given(captions)
def test_another_parser_reads_the_same_times_and_texts(ordered):
    track = pysubs2.SSAFile.from_string(ass_track(ordered, (1280, 720)))
    assert (track.info["PlayResX"], track.info["PlayResY"]) == ("1280", "720")
    for event, (slot, caption) in zip(track, in_slots(ordered), strict=True):
        assert event.layer == slot
        assert abs(event.start - caption.start_ms) <= 5
        assert abs(event.end - caption.end_ms) <= 5
        assert event.plaintext.strip() == "▌Goal"


@pytest.mark.parametrize(
    "name",
    [
        r"{\pos(0,0)}Goal",
        r"Goal{\an8}",
        r"{\p1}m 0 0 l 640 0 640 360 0 360{\p0}",
        r"Goal\N\N\N\NGoal",
        "Goal\n\nDialogue: 0,0:00:00.00,0:00:09.00,Caption,{\\pos(9,9)}up here",
        r"{\fs200}Goal",
        "Goal}{\\move(0,0,9,9)}",
        r"Goal\{\pos(0,0)}",
    ],
)
def test_a_class_name_is_text_and_nothing_else(name):
    shown = [Caption(0, 4000, name, "H1 00:00  90%")]
    (event,) = pysubs2.SSAFile.from_string(ass_track(shown, (640, 360)))
    assert "\n" not in event.plaintext
    rows, _ = where(draw(shown, (640, 360)))
    assert rows.min() > 300


def test_captions_are_drawn_at_the_lower_left_while_they_show():
    shown = [Caption(1000, 3000, "Goal", "H1 00:00  90%")]
    luma = draw(shown, (320, 180), 2.0)
    rows, columns = where(luma)
    assert rows.min() >= 120
    assert rows.max() < 180
    assert columns.max() < 200
    assert luma.max() > 200
    assert luma.min() < 60
    for at_s in (0.98, 3.0):
        assert not len(where(draw(shown, (320, 180), at_s))[0])
    faint, full = (np.abs(draw(shown, (320, 180), t) - GREY).max() for t in (2.94, 2.0))
    assert 0 < faint < full / 2


@pytest.mark.parametrize("size", [(180, 320), (720, 1280), (224, 398), (1280, 720), (64, 240)])
@pytest.mark.parametrize("name", ["Substitution", "Shots off target " * 4, "W" * 60, "é日本"])
def test_captions_lie_within_the_picture(size, name):
    """In pictures that stand upright, too."""
    shown = [Caption(0, 4000, name, "H1 45:00  100%")]
    _, columns = where(draw(shown, size))
    assert len(columns)
    assert columns.max() < size[0] - 1


@pytest.mark.parametrize("size", [(16, 16), (2, 2), (64, 240), (1920, 1080)])
def test_any_picture_size_can_be_drawn_on(size):
    draw([Caption(0, 4000, "Shots off target " * 5, "é日本") for _ in range(6)], size)


def test_four_captions_stand_one_above_another():
    lows = []
    for i in range(SLOTS):
        luma = draw([Caption(0, 4000, "Goal", "")] * (i + 1), (1280, 720))
        rows, _ = where(luma)
        lows.append(rows.min())
    assert (np.diff(lows) < -40).all()


def test_the_folder_of_the_work_is_gone_afterwards():
    with work_folder() as folder:
        assert (folder / "fonts").is_dir()
    assert not folder.exists()
