"""Where rows stand, and how they become rows of a head: closed forms and the slow loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.dataset.feature_types import FEATURE_TYPES
from action_spotting.dataset.rate_text import parse_rates, read_rates, told_rates, write_rates
from action_spotting.dataset.rates import Rate, common_rows, rate_of, resample
from action_spotting.errors import InputError, UsageError

HEAD_FPS = 2.0


def line(rows: np.ndarray, rate: Rate, time_s: float) -> np.ndarray:
    """The rows as a line in time, its ends held."""
    at_s = rate.offset_s + np.arange(len(rows)) / rate.fps
    return np.array([np.interp(time_s, at_s, column) for column in rows.T.astype(float)])


def slow(rows: np.ndarray, rate: Rate, fps: float, start: int, stop: int) -> np.ndarray:
    """The definition, head row by head row; the mean of a line is exact between its corners."""
    made = []
    for i in range(start, stop):
        begin, middle, end = i / fps, (i + 0.5) / fps, (i + 1) / fps
        if rate.fps <= fps:
            made.append(line(rows, rate, middle))
            continue
        at_s = rate.offset_s + np.arange(len(rows)) / rate.fps
        corners = np.array([begin, *at_s[(at_s > begin) & (at_s < end)], end])
        values = np.array([line(rows, rate, t) for t in corners])
        area = ((values[1:] + values[:-1]) / 2 * np.diff(corners)[:, None]).sum(axis=0)
        made.append(area * fps)
    return np.array(made)


@pytest.mark.parametrize(
    "name",
    [
        "baidu_soccer_embeddings",
        "ResNET_TF2",
        "VGGish",
        "ResNET_5fps_TF2",
        "ResNET_25fps_TF2",
        "C3D",
    ],
)
@pytest.mark.parametrize("event_s", [17.0, 40.25, 63.48, 99.9])
def test_an_impulse_comes_out_at_its_time(name, event_s):
    kind = FEATURE_TYPES[name]
    rate = Rate(kind.fps, kind.offset_s)
    rows = np.zeros((round(120 * rate.fps), 2), np.float32)
    nearest = round((event_s - rate.offset_s) * rate.fps)
    rows[nearest] = 1
    stands_s = rate.offset_s + nearest / rate.fps
    made = resample(rows, rate, HEAD_FPS, 0, 240)
    assert made.max() > 0
    found_s = (made[:, 0].argmax() + 0.5) / HEAD_FPS
    assert abs(found_s - stands_s) <= 0.5 / HEAD_FPS + 1e-9
    # All of a fast feature's row comes through; a slow one's is spread over the rows it spans.
    assert made[:, 0].sum() == pytest.approx(HEAD_FPS / rate.fps, rel=1e-5)


def test_a_slow_feature_is_a_line_between_its_rows():
    rows = np.array([[0.0], [4.0], [2.0]], np.float32)
    made = resample(rows, Rate(1.0, 0.5), 2.0, 0, 6)
    assert made.ravel().tolist() == [0.0, 1.0, 3.0, 3.5, 2.5, 2.0]
    late = resample(rows, Rate(1.0, 1.0), 2.0, 0, 6)
    assert late.ravel().tolist() == [0.0, 0.0, 1.0, 3.0, 3.5, 2.5]


def test_a_fast_feature_is_the_mean_over_the_head_s_row():
    rows = np.arange(100, dtype=np.float32)[:, None]
    made = resample(rows, Rate(25.0, 0.02), 2.0, 1, 7)
    middle = (np.arange(1, 7) + 0.5) / 2
    assert made.ravel() == pytest.approx((middle - 0.02) * 25, abs=1e-5)


def test_the_nearest_row_on_request():
    rows = np.array([[1.0], [2.0], [3.0]], np.float32)
    made = resample(rows, Rate(1.0, 0.5, nearest=True), 2.0, 0, 6)
    assert made.ravel().tolist() == [1, 1, 2, 2, 3, 3]


def test_rows_of_the_head_are_read_as_they_are():
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    for rate in (Rate(2.0, 0.5), Rate(2.0, 0.25), Rate(2.0, 0.0)):
        assert (resample(rows, rate, 2.0, 7, 30) == rows[7:30]).all()
    shifted = resample(rows, Rate(2.0, 3.25), 2.0, 7, 30)
    assert shifted == pytest.approx(rows[1:24], abs=1e-6)


def test_a_nan_marks_the_rows_that_it_takes_part_in_and_no_other():
    rows = np.ones((20, 2), np.float32)
    rows[6, 1] = np.nan
    slow_rate = resample(rows, Rate(1.0, 0.5), 2.0, 0, 40)
    assert np.flatnonzero(np.isnan(slow_rate[:, 1])).tolist() == [11, 12, 13, 14]
    assert not np.isnan(slow_rate[:, 0]).any()
    exact = resample(rows, Rate(1.0, 0.25), 2.0, 0, 40)
    assert np.flatnonzero(np.isnan(exact[:, 1])).tolist() == [11, 12, 13]


@settings(max_examples=60)
@given(
    st.sampled_from([0.5, 1.0, 1.7, 2.0, 4.0, 5.0, 12.5, 25.0]),
    st.floats(-2, 3),
    st.sampled_from([1.0, 2.0, 3.3, 5.0]),
    st.integers(0, 30),
    st.integers(1, 25),
    st.integers(1, 90),
)
def test_resampling_equals_the_slow_loop(rate_fps, offset_s, fps, start, count, n):
    rows = np.random.default_rng(n).uniform(-1, 1, (n, 3)).astype(np.float32)
    rate = Rate(rate_fps, offset_s)
    made = resample(rows, rate, fps, start, start + count)
    if rate.fits(fps):
        assert (made == rows[start : start + count]).all()
        return
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, slow(rows, rate, fps, start, start + count), atol=1e-6)


def test_only_the_rows_that_are_needed_are_read():
    rows = np.full((5000, 4), np.nan, np.float32)
    rows[1000:1115] = 1
    assert (resample(rows, Rate(1.0, 0.5), 2.0, 2002, 2226) == 1).all()


def test_a_record_knows_better_than_a_name_and_the_name_than_nobody():
    assert rate_of("baidu_soccer_embeddings_PCA512", None, 2.0) == Rate(1.0, 0.5)
    assert rate_of("ResNET_TF2", {"fps": 5}, 2.0) == Rate(5.0, 0.2)
    assert rate_of("FFT", {"features": {"fps": 4}}, 2.0) == Rate(4.0, 0.125)
    assert rate_of("Own", {"fps": 10, "offset_s": 0.3}, 2.0) == Rate(10.0, 0.3)
    assert rate_of("Own", None, 2.0) == Rate(2.0, 0.25)


@pytest.mark.parametrize("fps", [0, -1, "2", True, float("nan"), 1e9, None])
def test_a_record_with_an_absurd_rate_is_refused(fps):
    with pytest.raises(InputError, match=r"the record of FFT states .* rows a second"):
        rate_of("FFT", {"fps": fps}, 2.0)
    with pytest.raises(InputError, match=r"states the offset"):
        rate_of("FFT", {"fps": 2, "offset_s": "x"}, 2.0)


def test_the_option_is_parsed():
    assert parse_rates(
        ["A=1", "B=5+0.2", "C=.5-1:nearest", "baidu_soccer_embeddings=2", "a=b=3"]
    ) == {
        "A": Rate(1.0, 0.5),
        "B": Rate(5.0, 0.2),
        "C": Rate(0.5, -1.0, nearest=True),
        "baidu_soccer_embeddings": Rate(2.0, 0.25),
        "a=b": Rate(3.0, 0.5 / 3),
    }


@pytest.mark.parametrize(
    "text", ["A=0", "A", "=2", "A=x", "A=2+", "A=1e9", "A=nan", "A=2:far", "A=-2"]
)
def test_a_wrong_option_is_told(text):
    with pytest.raises(UsageError, match=r"--rate .*: expected NAME=FPS\[\+OFFSET\]"):
        parse_rates([text])


def test_a_feature_has_one_rate():
    with pytest.raises(UsageError, match="A is named twice"):
        parse_rates(["A=1", "A=2"])


def test_rates_go_through_json_and_strange_ones_are_refused():
    rates = {"A": Rate(1.0, 0.5), "B": Rate(5.0, 0.2, nearest=True)}
    assert read_rates(write_rates(rates), ["A", "B"], "model.json") == rates
    for content in (
        {"A": {"fps": 0.0, "offset_s": 0.0}},
        {"A": {"fps": 1.0, "offset_s": 1e300}},
        {"A": {"fps": 1.0, "offset_s": float("nan")}},
        {"C": {"fps": 1.0, "offset_s": 0.0}},
        {"A": {"fps": "1", "offset_s": 0.0}},
        {"A": {"fps": 1.0}},
    ):
        with pytest.raises(InputError, match=r"model\.json"):
            read_rates(content, ["A", "B"], "model.json")


def test_what_is_resampled_is_told_in_a_line():
    rates = {"A": Rate(1.0, 0.5), "FFT": Rate(2.0, 0.25)}
    assert told_rates(rates, 2.0) == "resampled to 2 rows a second: A (1 from 0.5 s on)"
    assert told_rates(rates, 1.0) == "resampled to 1 rows a second: FFT (2 from 0.25 s on)"


A, B = Path("1_A.npy"), Path("1_B.npy")


@pytest.mark.parametrize(("fps", "apart"), [(1.0, 1), (2.0, 2), (5.0, 5), (25.0, 25)])
def test_halves_are_compared_in_seconds(fps, apart):
    own = Rate.of_head(fps)
    assert common_rows({A: (101, own), B: (101 + apart, own)}, fps) == 101
    with pytest.raises(InputError, match=rf"1_A\.npy has 101 rows, but 1_B\.npy has {102 + apart}"):
        common_rows({A: (101, own), B: (102 + apart, own)}, fps)


def test_halves_of_unlike_rates_are_compared_in_seconds():
    one, two = Rate(1.0, 0.5), Rate(2.0, 0.25)
    assert common_rows({A: (2700, one), B: (5403, two)}, 2.0) == 5400
    assert common_rows({A: (2700, one), B: (5396, two)}, 2.0) == 5396
    with pytest.raises(InputError, match="more than 2 s apart"):
        common_rows({A: (2700, one), B: (5395, two)}, 2.0)
    with pytest.raises(
        InputError,
        match=r"1_A\.npy has 2700 rows, but 1_B\.npy has 5400: at 2 and 2 a second they end at "
        r"1350\.0 s and 2700\.0 s, more than 1 s apart.* At 1 rows a second the first would end "
        r"with the other: .*--rate NAME=FPS",
    ):
        common_rows({A: (2700, two), B: (5400, two)}, 2.0)
