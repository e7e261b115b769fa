import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from action_spotting.export.captions import (
    FADE_MS,
    SLOTS,
    Caption,
    CaptionTrack,
    assign_slots,
    caption_picture,
    opacity,
)

captions = st.lists(
    st.tuples(st.integers(0, 20_000), st.integers(1, 6_000)), min_size=1, max_size=25
).map(lambda spans: [Caption(start, start + stay, "Goal", "") for start, stay in sorted(spans)])


@given(captions)
def test_captions_that_fit_never_share_a_place(ordered):
    places = assign_slots(ordered)
    for i, one in enumerate(ordered):
        overlapping = [j for j, c in enumerate(ordered) if c.start_ms <= one.start_ms < c.end_ms]
        if len(overlapping) <= SLOTS:
            held = [places[j] for j in overlapping if j <= i]
            assert len(held) == len(set(held)) or len(ordered) > SLOTS
    assert set(places) <= set(range(SLOTS))


@given(captions, st.integers(0, 27_000))
def test_the_track_finds_what_a_slow_look_finds(ordered, at_ms):
    slow = {}
    for caption, place in zip(ordered, assign_slots(ordered), strict=True):
        if opacity(caption, at_ms) > 0:
            slow[place] = caption
    assert {
        place: caption for caption, place in CaptionTrack(ordered, 320, 180).active(at_ms)
    } == slow


@given(st.integers(1, 10_000), st.floats(-100, 12_000))
def test_opacity_is_a_share_and_zero_outside(stay_ms, at_ms):
    strength = opacity(Caption(0, stay_ms, "", ""), at_ms)
    assert 0 <= strength <= 1
    assert (strength > 0) == (0 <= at_ms < stay_ms)


def test_drawing_changes_only_the_lower_left():
    planes = np.full((270, 320), 100, np.uint8)
    track = CaptionTrack([Caption(0, 4000, "Goal", "H1 00:00  90%")], 320, 180)
    before = planes.copy()
    track.draw(planes, 2000)
    luma = planes[:180] != before[:180]
    assert luma[120:, :160].any()
    assert not luma[:120].any()
    assert planes[:180].max() > 200
    assert planes[:180].min() < 60
    faint = before.copy()
    track.draw(faint, 4000 - FADE_MS / 10)
    assert 0 < np.abs(faint.astype(int) - 100).max() < np.abs(planes.astype(int) - 100).max()


@pytest.mark.parametrize("size", [(16, 16), (2, 2), (64, 240), (1920, 1080)])
def test_any_frame_size_can_be_drawn_on(size):
    planes = np.full((size[1] * 3 // 2, size[0]), 100, np.uint8)
    shown = [Caption(0, 4000, "Shots off target " * 5, "é日本") for _ in range(6)]
    CaptionTrack(shown, *size).draw(planes, 2000)


def test_a_picture_has_even_sides_and_two_planes_of_chroma():
    picture = caption_picture("Goal", "", 36)
    rows, columns = picture.chroma_alpha.shape
    assert picture.luma.shape == (2 * rows, 2 * columns)
    assert picture.chroma.shape == (2, rows, columns)
    assert 16 <= picture.luma.min() <= picture.luma.max() <= 235.01
