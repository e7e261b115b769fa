"""Several features of a clip: one decoding of the picture, one of the sound, and their failures."""

import dataclasses
import threading
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from action_spotting.audio import waveform
from action_spotting.audio.extractors import AudioOptions, fft_extractor
from action_spotting.dataset.feature_types import PICTURE
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import InputError
from action_spotting.extraction.driver import extract_all, extract_job
from action_spotting.extraction.job import job_of_clip
from action_spotting.visual import frames as frames_room
from action_spotting.visual import packet_index
from action_spotting.visual.frames import FrameOptions


class Mean:
    """The mean of each frame's channels; `fail_at` is the row at which it fails."""

    width, medium = 3, PICTURE

    def __init__(self, size=1, decoding=None, fail_at=None):
        self.decoding = decoding or FrameOptions()
        self.settings = {"size": size}
        self._fail_at = fail_at

    def rows(self, stream, target):
        for number, frame in enumerate(stream):
            if number == self._fail_at:
                raise InputError(f"row {number} is broken")
            yield frame.mean(axis=(0, 1), dtype=np.float64)[None]


@pytest.fixture
def decodings(monkeypatch) -> list[str]:
    """What was decoded, one entry a pass."""
    passes = []
    with_frames, blocks = frames_room.with_frames, waveform.Waveform.blocks

    def counting(clip, *arguments, **more):
        passes.append("picture")
        return with_frames(clip, *arguments, **more)

    def sounding(self, *arguments):
        passes.append("sound")
        return blocks(self, *arguments)

    monkeypatch.setattr(frames_room, "with_frames", counting)
    monkeypatch.setattr(waveform.Waveform, "blocks", sounding)
    return passes


def extract(video: Path, folder: Path, extractors, **more):
    """Extract several features of a clip; gives their summaries by name."""
    makers = {name: lambda e=e: e for name, e in extractors.items()}
    folder.mkdir(exist_ok=True)
    summaries = extract_all(makers, [job_of_clip(Clip(video), list(makers), folder)], **more)
    return {summary.stage: summary for summary in summaries}


def test_each_file_has_the_bytes_of_its_extractor_alone(film, tmp_path, decodings):
    video, options = film, FrameOptions(fps=5.0)
    extractors = {"a": Mean(1, options), "b": Mean(2, options), "FFT": fft_extractor()}
    extract(video, tmp_path / "both", extractors)
    assert sorted(decodings) == ["picture", "sound"]
    for name, extractor in extractors.items():
        extract(video, tmp_path / "alone", {name: extractor})
        for suffix in (".npy", ".json"):
            both, alone = (tmp_path / place / f"film_{name}{suffix}" for place in ("both", "alone"))
            assert both.read_bytes() == alone.read_bytes()
    assert len(open_feature(tmp_path / "both/film_a.npy")) == 20
    assert len(open_feature(tmp_path / "both/film_FFT.npy")) == 8


def test_other_frames_are_another_decoding(videos, tmp_path, decodings):
    extractors = {"a": Mean(), "b": Mean(decoding=FrameOptions(fps=4.0)), "c": Mean()}
    extract(videos["plain"], tmp_path, extractors)
    assert decodings == ["picture", "picture"]
    rows = [len(open_feature(tmp_path / f"plain_{name}.npy")) for name in extractors]
    assert rows == [8, 16, 8]


def test_only_what_is_lacking_is_decoded(film, tmp_path, decodings):
    extractors = {"a": Mean(), "FFT": fft_extractor()}
    extract(film, tmp_path, extractors)
    (tmp_path / "film_FFT.npy").unlink()
    decodings.clear()
    found = extract(film, tmp_path, extractors)
    assert decodings == ["sound"]
    assert (len(found["a"].skipped), len(found["FFT"].done)) == (1, 1)


def test_a_list_of_packets_that_lies_makes_all_begin_anew(videos, tmp_path, monkeypatch):
    plain = packet_index.scan_packets(videos["plain"])
    wrong = dataclasses.replace(plain, pts=plain.pts + 1)
    monkeypatch.setattr(frames_room, "scan_packets", lambda path: wrong)
    extract(videos["plain"], tmp_path, {"a": Mean(), "b": Mean(2)})
    assert [len(np.load(tmp_path / f"plain_{name}.npy")) for name in "ab"] == [8, 8]
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".json", ".npy", ".npy"]


@pytest.mark.parametrize("row", [0, 7])
def test_one_feature_that_fails_costs_only_itself(film, tmp_path, row):
    extractors = {"a": Mean(), "b": Mean(fail_at=row), "FFT": fft_extractor()}
    found = extract(film, tmp_path, extractors)
    assert list(found["b"].failures.values()) == [f"row {row} is broken"]
    assert len(found["a"].done) == len(found["FFT"].done) == 1
    assert len(open_feature(tmp_path / "film_a.npy")) == 8
    assert not list(tmp_path.glob("*film_b*"))


def test_with_fail_fast_it_ends_all(videos, tmp_path):
    extractors = {"a": Mean(), "b": Mean(fail_at=0)}
    with pytest.raises(InputError, match="row 0 is broken"):
        extract(videos["plain"], tmp_path, extractors, fail_fast=True)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_cannot_be_read_does_not_cost_the_sound(tmp_path, wav_file):
    found = extract(wav_file, tmp_path / "out", {"a": Mean(), "FFT": fft_extractor()})
    assert "no video stream" in next(iter(found["a"].failures.values()))
    assert len(found["FFT"].done) == 1


def test_progress_is_told_and_a_run_can_be_ended(videos, tmp_path):
    job = job_of_clip(Clip(videos["plain"]), ["a"], tmp_path)
    read: dict[str, tuple[float, float]] = {}
    extract_job({"a": Mean()}, job, read=read)
    length_s = probe(videos["plain"]).duration_s
    assert read == {job.name: pytest.approx((length_s, length_s), abs=0.5)}
    (tmp_path / "plain_a.npy").unlink()
    (tmp_path / "plain_a.json").unlink()
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        extract_job({"a": Mean()}, job, stop=stop)
    assert not list(tmp_path.iterdir())


def test_other_tracks_are_another_decoding(film, tmp_path, decodings):
    other = fft_extractor(decoding=AudioOptions(resampler="resampy"))
    extract(film, tmp_path, {"FFT": fft_extractor(), "other": other})
    assert decodings == ["sound", "sound"]
