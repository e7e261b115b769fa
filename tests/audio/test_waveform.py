"""Sound comes out of media files where it belongs, whatever the container did to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import resampy
import scipy.io.wavfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.audio.waveform import Waveform, regroup, resample, timeline
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError, UsageError

from .conftest import clicks, ffmpeg


def read(path: Path, **options) -> tuple[np.ndarray, Waveform]:
    clip = Clip(path, options.pop("start_s", None), options.pop("duration_s", None))
    sound = Waveform(clip, **options)
    rows = np.concatenate(list(sound.blocks()))
    return rows[: sound.row_count].ravel(), sound


def click_times(samples: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples) > 0.3) / 16000
    return loud[np.diff(loud, prepend=-1) > 0.5]


@pytest.mark.parametrize("container", ["a.mkv", "a.mp4", "a.ts"])
@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
def test_clicks_are_at_their_time(film, container, codec):
    samples, sound = read(film(container, codec=codec))
    assert sound.row_count == 12
    assert sound.warning is None
    np.testing.assert_allclose(click_times(samples), np.arange(6) + 0.25, atol=0.003)


@pytest.mark.parametrize("container", ["a.mkv", "a.mp4"])
def test_sound_that_begins_late_is_placed_right_and_its_end_is_told(film, container):
    samples, sound = read(film(container, sound_s=2, late_s=1.5))
    np.testing.assert_allclose(click_times(samples), [1.75, 2.75], atol=0.003)
    assert sound.row_count == 12
    assert sound.warning == "the sound ends at 0:03, the half at 0:06"


def test_an_edit_list_moves_sound_and_picture_alike(film, tmp_path):
    ffmpeg("-ss", "2.4", "-i", film("a.mp4"), "-c", "copy", tmp_path / "cut.mp4")
    samples, sound = read(tmp_path / "cut.mp4")
    assert sound.row_count == 7
    np.testing.assert_allclose(click_times(samples), [0.85, 1.85, 2.85], atol=0.003)


@pytest.mark.slow
def test_sound_longer_than_the_picture_is_cut_with_a_warning(film):
    samples, sound = read(film("a.mp4", picture_s=2, sound_s=62))
    assert len(samples) == 4 * 8000
    assert sound.warning == "the sound goes on to 1:02, the picture to 0:02"


def test_a_part_of_a_file(film):
    samples, sound = read(film("a.mkv"), start_s=1.2, duration_s=3.1)
    assert sound.row_count == 6
    assert sound.warning is None
    np.testing.assert_allclose(click_times(samples), [0.05, 1.05, 2.05], atol=0.003)


def test_no_sound_track_is_silence_with_a_warning(silent_video):
    samples, sound = read(silent_video)
    assert sound.row_count == 4
    assert not samples.any()
    assert sound.warning == "no sound track: all rows are silence"


def test_the_second_track_is_read_when_chosen(film, tmp_path, wav):
    quiet = wav(np.zeros(44100 * 6, np.int16), name="quiet.wav")
    two = tmp_path / "two.mkv"
    ffmpeg("-i", film("a.mkv"), "-i", quiet, "-map", "0", "-map", "1:a", "-c", "copy", two)
    assert read(two)[0].any()
    samples, sound = read(two, track=2)
    assert not samples.any()
    said = "sound track 2 is silent throughout; of 2, choose another with --track"
    assert sound.warning == said
    with pytest.raises(UsageError, match=r"two\.mkv: has 2 sound track\(s\), there is no track 3"):
        read(two, track=3)


def test_mono_is_the_mean_of_what_ffmpeg_writes_as_wav(film, tmp_path):
    path = film("a.mkv", "-ac", "2")
    ffmpeg("-i", path, tmp_path / "out.wav")
    rate, samples = scipy.io.wavfile.read(tmp_path / "out.wav")
    whole = soxr.resample(samples.mean(axis=1) / 32768, rate, 16000)[: 12 * 8000]
    np.testing.assert_allclose(read(path)[0], whole, atol=2e-6)


@pytest.mark.parametrize("codec", ["libmp3lame", "aac"])
def test_a_damaged_stretch_becomes_silence_and_shifts_nothing(film, codec):
    path = film("a.mkv", codec=codec, picture_s=20, sound_s=20)
    data = bytearray(path.read_bytes())
    middle = slice(len(data) // 2, len(data) // 2 + len(data) // 20)
    data[middle] = np.random.default_rng(0).bytes(middle.stop - middle.start)
    path.write_bytes(data)
    samples, sound = read(path)
    assert sound.row_count == 40
    times = click_times(samples)
    late = times[times > 15]
    np.testing.assert_allclose(late, np.arange(15, 20) + 0.25, atol=0.01)
    assert "missing: silence" in str(sound.warning)


def test_a_file_that_breaks_off_says_so(film):
    path = film("a.mkv", picture_s=20, sound_s=20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, sound = read(path)
    assert 10 < sound.row_count < 35
    assert "the file should last 0:20, it ends at" in str(sound.warning)


@pytest.mark.parametrize("then", [("-ac", "2"), ("-ac", "1")])
def test_a_recording_whose_clock_and_channels_change_midway(film, tmp_path, then):
    first, second = film("a.ts", "-ac", "2"), film("b.ts", *then)
    (tmp_path / "all.ts").write_bytes(first.read_bytes() + second.read_bytes())
    samples, sound = read(tmp_path / "all.ts")
    assert sound.row_count == 24
    np.testing.assert_allclose(click_times(samples), np.arange(12) + 0.25, atol=0.003)


def test_a_start_beyond_the_end(film):
    with pytest.raises(InputError, match="not half a second of sound or picture in it beyond 60 s"):
        read(film("a.mkv"), start_s=60.0)


def test_sound_files_count_their_own_rows(wav):
    samples, sound = read(wav(clicks(3.9)))
    assert sound.row_count == 7
    assert len(samples) == 7 * 8000


@pytest.mark.parametrize(
    ("content", "rate", "message"),
    [
        (np.zeros(0, np.int16), 44100, "not half a second of sound or picture"),
        (np.zeros(14, np.int16), 7, "7 samples a second, expected 1000 to 768000"),
    ],
)
def test_sound_that_is_none(wav, content, rate, message):
    with pytest.raises(InputError, match=message):
        read(wav(content, rate))


def test_not_media_and_nothing_to_hear(tmp_path, wav):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.mp4").write_text("no video at all " * 50)
    with pytest.raises(InputError, match="the file is empty"):
        read(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="not a media file"):
        read(tmp_path / "b.mp4")
    with pytest.raises(UsageError, match="unknown resampler 'sox'; did you mean 'soxr'"):
        read(wav(clicks(1)), resampler="sox")
    with pytest.raises(UsageError, match="tracks are counted from 1"):
        read(wav(clicks(1)), track=0)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000, 96000])
def test_the_stream_equals_one_resampling_of_the_whole(rate):
    sound = np.random.default_rng(0).normal(0, 0.1, rate * 3).astype(np.float32)
    blocks = np.array_split(sound, 7)
    streamed = np.concatenate(list(resample(blocks, rate, "soxr")))
    np.testing.assert_allclose(streamed, soxr.resample(sound, rate, 16000), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [11025, 44100])
def test_resampy_takes_each_half_second_alone_as_the_original(rate):
    sound = np.random.default_rng(0).normal(0, 0.1, rate * 2).astype(np.float32)
    rows = np.concatenate(list(resample(np.array_split(sound, 3), rate, "resampy")))
    assert len(rows) == 4 * 8000
    middle = sound[rate : rate + rate // 2]
    alone = resampy.resample(middle, rate, 16000)
    np.testing.assert_allclose(rows[16000 : 16000 + len(alone)], alone[:8000], atol=1e-6)


def test_five_channels_and_a_bass_are_averaged(wav):
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 3000, (16000, 6)).astype(np.int16)
    samples, _ = read(wav(sound, 16000))
    np.testing.assert_allclose(samples, sound.mean(axis=1) / 32768, atol=1e-7)


pieces = st.lists(st.tuples(st.integers(-5, 40), st.integers(1, 12)), max_size=6)


@settings(deadline=None)
@given(pieces, st.integers(0, 5), st.none() | st.integers(6, 30))
def test_a_line_has_each_sample_at_its_place(placed, start, end):
    given_pieces = [(at, np.arange(at, at + n)) for at, n in sorted(placed)]
    line = [*timeline(given_pieces, start, end)]
    samples = np.concatenate([*line, np.zeros(0, int)])
    if end is not None:
        assert len(samples) <= end - start
    places = np.arange(start, start + len(samples))
    assert ((samples == places) | (samples == 0)).all()
    covered = {place for at, n in placed for place in range(at, at + n)}
    assert all(samples[i] == place for i, place in enumerate(places) if place in covered)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 7))
def test_regrouping_loses_nothing(lengths, size):
    whole = np.arange(sum(lengths))
    blocks = list(regroup(np.split(whole, np.cumsum(lengths))[: len(lengths)], size))
    assert [len(block) for block in blocks[:-1]] == [size] * len(blocks[:-1])
    assert np.concatenate([*blocks, whole[:0]]).tolist() == whole.tolist()
