"""Damaged media: read to the end or refused by name, and no row moves without a word."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import scipy.io.wavfile

from action_spotting.audio.decode import Findings, _Gather, open_sound
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError
from action_spotting.visual.frames import FrameOptions, remarks, with_frames
from action_spotting.visual.packet_index import Scan
from tests.safety import many_games, mutated_media


@pytest.mark.slow
def test_mutated_media(tmp_path):
    cases = mutated_media.run(tmp_path, count=2 * len(mutated_media.FAULTS), seed=5)
    assert not [f"{case.path.name}: {case.wrong}" for case in cases if case.wrong]
    outcomes = {verdict.outcome for case in cases for verdict in case.verdicts.values()}
    assert outcomes >= {"refused", "read, warned", "read as it was"}


@pytest.mark.slow
def test_the_judge_sees_rows_that_move(tmp_path):
    """Rows that lie two pictures away, and rows that lack, are failures unless told of."""
    right: list[int | None] = [12, 24, 37, 49]
    judge = mutated_media.judge
    assert not judge([13, 25, 36, 49], [], right, set()).wrong
    assert judge([14, 24, 37, 49], [], right, set()).wrong == "rows up to 2 pictures away"
    assert not judge([14, 24, 37, 49], ["told"], right, set()).wrong
    assert judge([12], [], right, set()).wrong == "1 rows, not 4"
    mutated_media.write_numbered(tmp_path / "a.mkv")
    numbers, said = mutated_media.rows_of(tmp_path / "a.mkv", "pyav")
    assert numbers == [(25 * (k + 1)) // 2 - (k % 2) for k in range(24)]
    assert not said


@pytest.mark.slow
def test_a_run_over_many_games_keeps_its_size(tmp_path):
    assert not many_games.verdict(many_games.run(tmp_path, 16))


def test_rows_beside_their_time_are_told_of():
    clip, options = Clip(Path("1.mkv")), FrameOptions()
    times_s = np.arange(250) / 25
    assert not remarks(Scan(25.0, 10.0, times_s, None), clip, options)
    gap = np.delete(times_s, range(100, 103))
    (said,) = remarks(Scan(25.0, 9.88, gap, None), clip, options)
    assert (
        said
        == "pictures are missing or doubled: from row 8 on, rows lie up to 0.14 s beside their time"
    )
    (said,) = remarks(
        Scan(25.0, 10.0, times_s[:230], None), clip, FrameOptions(sampling="timestamp")
    )
    assert said == "the pictures end at 9.2 s, but the file states 10.0 s"


def test_a_picture_of_next_week_takes_no_memory(monkeypatch):
    scan = Scan(25.0, 10.0, np.append(np.arange(249) / 25, 1e9), None)
    with pytest.raises(InputError, match="states a picture at 1000000000 s; it is damaged"):
        remarks(scan, Clip(Path("1.mkv")), FrameOptions(sampling="timestamp"))


def test_an_undamaged_video_has_no_remark(tone_video, silent_video):
    for path in (tone_video, silent_video):
        for grabber in ("pyav", "opencv"):
            said: list[str] = []
            with_frames(Clip(path), FrameOptions(grabber=grabber), list, warn=said.append)
            assert not said


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 16, 24])
def test_sound_of_any_number_of_channels(channels, tmp_path):
    """PyAV reads beyond the planes of more than seven channels; 7.1 sound has eight."""
    path = tmp_path / "1.wav"
    levels = np.linspace(1000, 9000, channels).round()
    scipy.io.wavfile.write(path, 8000, np.tile(levels, (16000, 1)).astype(np.int16))
    with open_sound(path) as sound:
        samples = np.concatenate([samples for _, samples in sound.pieces()])
    assert len(samples) == 16000
    np.testing.assert_allclose(samples, levels.mean() / 32768, atol=1e-6)


def test_a_clock_of_sound_that_goes_back_is_told_of():
    found = Findings()
    gather = _Gather(8000, found)
    pieces = []
    for position in (0, 8000, 16000, 4000, 12000):
        block = np.zeros((1, 8000), np.int16)
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate = 8000
        pieces += [begins for begins, _ in gather.push(frame, position, False)]
    assert pieces == [0, 8000, 16000, 24000, 32000]
    assert found.turned_back_s == pytest.approx(2.5)
