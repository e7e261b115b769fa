"""One clock for picture and sound, in files that are odd as people's are."""

from __future__ import annotations

from array import array
from pathlib import Path

import av
import numpy as np
import pytest

from action_spotting.audio.waveform import ROW_SAMPLES, Waveform
from action_spotting.dataset.media import Clip, origin_s
from action_spotting.dataset.packets import _carry_on, _track, length_s, list_packets
from action_spotting.visual.frames import FrameOptions, with_frames

from ..odd_media import BEEPS_S, CLOCK_S, ODD_MEDIA, RECORDINGS_S, VARIANTS, clock_ms

NAMES = sorted(set(ODD_MEDIA | VARIANTS) - {"turned.mp4"})
HOLES_S = {"hole.mp4": (3.0, 4.52), "hole.ts": (3.0, 5.0)}
ENDS_S = {**dict.fromkeys(RECORDINGS_S, 2 * CLOCK_S), "end.mp4": 6.0}
ZEROS_S = {"cut.ts": 4.0, "head.mp4": 1.4}
"""What the clock in the first picture says."""

LATE_S = {"late.mkv": 0.7, "late.mp4": 0.3, "late.ts": 2.0}
"""How much later the picture begins than the sound."""


def length_of(name: str) -> float:
    return ENDS_S.get(name, CLOCK_S) - ZEROS_S.get(name, 0.0)


def seen_s(path: Path, sampling: str, grabber: str) -> np.ndarray:
    """What the clock in the picture of each row says."""
    across, down = (-1 if path.stem == s else 1 for s in ("mirrored", "flipped"))

    def read(frames) -> np.ndarray:
        upright = (frame[::down, ::across].mean(axis=2) for frame in frames)
        return np.array([clock_ms(luma) for luma in upright], float) / 1000

    return with_frames(Clip(path), FrameOptions(sampling=sampling, grabber=grabber), read)


@pytest.mark.parametrize("sampling", ["soccernet", "timestamp"])
@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_the_picture_shows_its_time(odd_media, name, sampling):
    grabbers = ["pyav"]
    if sampling == "timestamp" and "_first" not in name:
        grabbers.append("opencv")
    for grabber in grabbers:
        seconds = seen_s(odd_media(name), sampling, grabber)
        frame_s = 1 / (30 if name == "phone.mp4" else 25)
        rows = np.arange(len(seconds))
        wanted = rows / 2 if sampling == "timestamp" else (rows + 1) / 2 - frame_s
        assert abs(len(seconds) - 2 * length_of(name)) <= 1
        first, last = HOLES_S.get(name, (np.inf, np.inf))
        there = (wanted < first) | (wanted >= last)
        wanted = (ZEROS_S.get(name, 0.0) + wanted) % CLOCK_S
        np.testing.assert_allclose(seconds[there], wanted[there], atol=frame_s + 0.002)
        assert (seconds[~there] <= first).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "raw.h264"])
def test_beeps_stand_in_their_rows_of_the_sound(odd_media, name):
    sound = Waveform(Clip(odd_media(name)))
    rows = np.concatenate(list(sound.blocks()))[: sound.row_count]
    assert abs(sound.row_count - 2 * length_of(name)) < 1
    starts = np.arange(0, ENDS_S.get(name, CLOCK_S), CLOCK_S)[:, None]
    at_s = (starts + BEEPS_S).ravel() - ZEROS_S.get(name, 0.0) - LATE_S.get(name, 0.0)
    at_s = at_s[(at_s >= 0) & (at_s < length_of(name))]
    loud = np.flatnonzero(np.abs(rows.ravel()) > 0.2) / (2 * ROW_SAMPLES)
    begins_s = loud[np.diff(loud, prepend=-1) > 0.5]
    # AVI says nothing of the encoder's delay
    np.testing.assert_allclose(begins_s, at_s, atol=0.03 if name.endswith("avi") else 0.005)
    strongest = [np.abs(rows).max(axis=1)[int(2 * s) : int(2 * s) + 2] for s in at_s]
    assert all(there > 0.2 for there, _ in strongest)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_as_long_as_its_pictures(odd_media, name):
    assert length_s(odd_media(name)) == pytest.approx(length_of(name), abs=0.05)


def test_a_film_without_stamps_or_sound_is_silence(odd_media):
    sound = Waveform(Clip(odd_media("raw.h264")))
    assert not np.concatenate(list(sound.blocks())).any()
    assert sound.row_count == 2 * CLOCK_S
    assert sound.warning == "no sound track: all rows are silence"


def test_zero_is_the_first_picture_that_decodes(odd_media):
    picture = list_packets(odd_media("cut.ts")).picture
    assert origin_s(odd_media("cut.ts")) > picture.times_s.min() + 0.1


@pytest.mark.parametrize("wrong_s", [60.0, 0.0, 5000.0])
def test_false_stamps_in_between_move_nothing(odd_media, wrong_s):
    """Three packets that claim to be of another time; Matroska counts milliseconds."""
    true = 40 * np.arange(200, dtype=np.int64)
    stamps = true.copy()
    stamps[150:153] = 1000 * wrong_s + 40 * np.arange(3)
    ones = np.ones_like(true)
    rows = np.stack([np.arange(200), stamps, stamps, 40 * ones, ones, ones], axis=1)
    with av.open(str(odd_media("late.mkv"))) as container:
        track = _track({0: array("q", rows.ravel())}, container.streams.video[0], False)
    assert _carry_on(track, None, True) == 0.0
    np.testing.assert_allclose(track.times_s, true / 1000, atol=1e-6)
