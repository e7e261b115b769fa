"""Several features from one decoding: the bytes of each alone, and one decoding only."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError
from action_spotting.extraction import shared_decoding
from action_spotting.extraction.shared_decoding import extract_frames
from action_spotting.visual import frames as frames_room
from action_spotting.visual.frames import FrameOptions, with_frames


class Mean:
    """The mean of each frame's channels, in batches of `size`."""

    def __init__(self, frames: FrameOptions, size: int = 1, fail_at: int | None = None) -> None:
        self.frames = frames
        self._size, self._fail_at = size, fail_at

    def consume(self, frames, clip: Clip, target: Path) -> None:
        with write_feature(target, 3, {"size": self._size}, clip) as writer:
            for number, frame in enumerate(frames):
                if number == self._fail_at:
                    raise InputError("row 3 is broken")
                writer.append(frame.mean(axis=(0, 1), dtype=np.float64)[None])


@pytest.fixture
def decodings(monkeypatch) -> list[Path]:
    """The files that were decoded, one entry a pass."""
    passes = []

    def counting(clip, *arguments, **more):
        passes.append(clip.path)
        return with_frames(clip, *arguments, **more)

    monkeypatch.setattr(shared_decoding, "with_frames", counting)
    return passes


def test_each_file_has_the_bytes_of_its_extractor_alone(videos, tmp_path, decodings):
    clip, options = Clip(videos["ntsc"]), FrameOptions(fps=5.0)
    extractors = {name: Mean(options, size) for size, name in enumerate("ab", start=1)}
    told: list[float] = []
    together = {tmp_path / f"1_{name}.npy": e for name, e in extractors.items()}
    extract_frames(clip, together, tell=told.append)
    assert decodings == [clip.path]
    assert told == [i / 5 for i in range(1, len(told) + 1)]
    for name, extractor in extractors.items():
        alone = tmp_path / "alone" / f"1_{name}.npy"
        with_frames(clip, options, lambda f, e=extractor, t=alone: e.consume(f, clip, t))
        for suffix in (".npy", ".json"):
            made = (tmp_path / f"1_{name}").with_suffix(suffix)
            assert made.read_bytes() == alone.with_suffix(suffix).read_bytes()


def test_other_frames_are_another_decoding(videos, tmp_path, decodings):
    targets = {
        tmp_path / "1_a.npy": Mean(FrameOptions()),
        tmp_path / "1_b.npy": Mean(FrameOptions(fps=4.0)),
        tmp_path / "1_c.npy": Mean(FrameOptions()),
    }
    extract_frames(Clip(videos["plain"]), targets)
    assert len(decodings) == 2
    assert [len(np.load(path)) for path in targets] == [8, 16, 8]


def test_a_list_of_packets_that_lies_makes_all_begin_anew(videos, tmp_path, monkeypatch):
    from action_spotting.visual import packet_index

    plain = packet_index.scan_packets(videos["plain"])
    wrong = dataclasses.replace(plain, pts=plain.pts + 1)
    monkeypatch.setattr(frames_room, "scan_packets", lambda path: wrong)
    targets = {tmp_path / f"1_{name}.npy": Mean(FrameOptions()) for name in "ab"}
    extract_frames(Clip(videos["plain"]), targets)
    assert [len(np.load(path)) for path in targets] == [8, 8]
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".json", ".npy", ".npy"]


def extract_with_one_that_fails(video: Path, folder: Path, fail_at: int) -> None:
    good, bad = Mean(FrameOptions()), Mean(FrameOptions(), fail_at=fail_at)
    with pytest.raises(InputError, match="row 3 is broken"):
        extract_frames(Clip(video), {folder / "1_a.npy": good, folder / "1_b.npy": bad})


def test_one_that_fails_ends_the_others_and_leaves_nothing(videos, tmp_path):
    extract_with_one_that_fails(videos["plain"], tmp_path, fail_at=0)
    assert not list(tmp_path.iterdir())


def test_one_that_fails_at_the_end_leaves_the_others_whole_or_not_at_all(videos, tmp_path):
    extract_with_one_that_fails(videos["plain"], tmp_path, fail_at=7)
    left = {path.name for path in tmp_path.iterdir()}
    assert left in (set(), {"1_a.json", "1_a.npy"})
    assert not left or len(open_feature(tmp_path / "1_a.npy")) == 8


def test_who_is_told_can_end_it(videos, tmp_path):
    def stop(seconds):
        if seconds > 1:
            raise InterruptedError

    targets = {tmp_path / f"1_{name}.npy": Mean(FrameOptions()) for name in "ab"}
    with pytest.raises(InterruptedError):
        extract_frames(Clip(videos["plain"]), targets, tell=stop)
    assert not list(tmp_path.iterdir())
