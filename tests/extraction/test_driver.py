"""The driver over a folder: what is made, kept, redone, refused, claimed and listed."""

import argparse
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile

from action_spotting.audio.extractors import AudioOptions
from action_spotting.cli import command
from action_spotting.dataset.feature_types import AUDIO
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import Job, job_of_clip, jobs_of_files
from action_spotting.io.locks import claim, claim_path, holder_of


class Count:
    """A real extractor of little: three columns of ones."""

    width, medium, decoding = 3, AUDIO, AudioOptions()

    def __init__(self, **settings):
        self.settings = settings
        self.calls = []

    def rows(self, stream, target):
        self.calls.append(target.name)
        for block in stream:
            yield np.ones((len(block), 3))


def write_wav(path: Path, seconds: float) -> None:
    scipy.io.wavfile.write(path, 16000, np.ones(round(16000 * seconds), np.int16))


@pytest.fixture
def jobs(tmp_path, silent_video):
    """Give jobs of media by name: so many seconds of sound, ``bad`` or ``odd``."""

    def make(*kinds, name="Count"):
        folder = tmp_path / "media"
        folder.mkdir(exist_ok=True)
        made = []
        for i, kind in enumerate(kinds):
            path = folder / f"{i}_{kind}.wav"
            if kind == "odd":
                path = folder / f"{i}.mp4"
                path.write_bytes(silent_video.read_bytes())
            elif kind == "bad":
                path.touch()
            else:
                write_wav(path, float(kind))
            made.append(Job(partial(Clip, path), {tmp_path / f"{i}_{name}.npy": name}))
        return made

    return make


def extract(extractor, todo, **more):
    """Extract one feature; gives its summary."""
    (summary,) = extract_all({"Count": lambda: extractor}, todo, **more)
    return summary


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_bad_item_stops_only_itself_and_is_listed(jobs):
    summary = extract(Count(), jobs(1, "bad", "odd", 2), workers=2)
    assert (len(summary.done), len(summary.failures), summary.exit_code) == (3, 1, 3)
    text = str(summary)
    assert "3 made, 0 already there, 1 failed" in text
    assert "2_Count.npy: no sound track: all rows are silence" in text
    assert "1_bad.wav: the file is empty" in text


def test_fail_fast_stops_at_the_first(jobs):
    extractor = Count()
    with pytest.raises(InputError, match="the file is empty"):
        extract(extractor, jobs(1, "bad", 1, 1), fail_fast=True, workers=1)
    assert "2_Count.npy" not in extractor.calls


def test_a_second_run_does_only_what_is_missing_or_broken(jobs, tmp_path):
    todo = jobs(1, 2, 3)
    targets = [tmp_path / f"{i}_Count.npy" for i in range(3)]
    extract(Count(), todo)
    assert [len(open_feature(path)) for path in targets] == [2, 4, 6]
    targets[0].unlink()
    targets[1].write_bytes(targets[1].read_bytes()[:-1])
    again = Count()
    summary = extract(again, todo)
    assert sorted(again.calls) == ["0_Count.npy", "1_Count.npy"]
    assert summary.skipped == [str(targets[2])]
    assert len(extract(Count(), todo, overwrite=True).done) == 3


def test_what_is_there_needs_no_media(jobs, tmp_path):
    todo = jobs(1)
    extract(Count(), todo)
    next((tmp_path / "media").iterdir()).unlink()
    assert len(extract(Count(), todo).skipped) == 1


def test_a_file_made_with_other_settings_is_neither_kept_nor_replaced_in_silence(jobs):
    todo = jobs(1)
    extract(Count(fps=2), todo)
    summary = extract(Count(fps=5), todo)
    assert "fps is 2, not 5; --overwrite makes it anew" in next(iter(summary.failures.values()))
    assert extract(Count(fps=5), todo, overwrite=True).exit_code == 0


def test_features_of_other_media_are_stale(jobs, tmp_path):
    todo = jobs(1)
    extract(Count(), todo)
    write_wav(next((tmp_path / "media").iterdir()), 2)
    summary = extract(Count(), todo)
    (reason,) = summary.failures.values()
    assert "made from other media: bytes is 32044, not 64044; --overwrite makes it anew" in reason
    assert len(extract(Count(), todo, overwrite=True).done) == 1
    assert len(extract(Count(), todo).skipped) == 1


def test_shards_share_the_work_without_overlap(jobs):
    todo = jobs(*range(1, 8))
    parts = [extract(Count(), todo, shard=(i, 3)).done for i in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted(job.name for job in todo)


def test_a_defect_of_ours_is_not_hidden_as_a_failed_item(jobs):
    class Broken(Count):
        def rows(self, stream, target):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        extract(Broken(), jobs(1))


def test_a_half_in_work_elsewhere_is_neither_made_nor_failed(jobs, tmp_path):
    todo = jobs(1, 1, 1)
    with claim(tmp_path / "1_Count.npy"):
        summary = extract(Count(), todo, workers=2)
    assert (len(summary.done), summary.failures, summary.exit_code) == (2, {}, 0)
    assert list(summary.elsewhere) == [todo[1].name]
    assert "2 made, 0 already there, 1 in work elsewhere, 0 failed" in str(summary)
    assert f"process {os.getpid()}" in str(summary)
    again = extract(Count(), todo)
    assert (len(again.done), len(again.skipped)) == (1, 2)
    with claim(tmp_path / "1_Count.npy"):
        assert len(extract(Count(), todo).skipped) == 3, "what is there needs no claim"


def test_neither_success_nor_failure_leaves_a_claim(jobs, tmp_path):
    extract(Count(), jobs(1, "bad", 1), workers=2)
    assert names(tmp_path) == ["0_Count.json", "0_Count.npy", "2_Count.json", "2_Count.npy"]


@pytest.mark.parametrize("made_before", [False, True])
def test_what_a_killed_run_left_is_cleared_away(jobs, tmp_path, made_before):
    todo = jobs(1)
    target = tmp_path / "0_Count.npy"
    if made_before:
        extract(Count(), todo)
    with claim(target):
        kernel = holder_of(target).kernel
    dead = {"host": "h", "pid": 1, "since": "", "kernel": kernel}
    claim_path(target).write_text(json.dumps(dead))
    for name in (".0_Count.part.npy", ".0_Count.part.json", ".0_Count_boxes.part.npz"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".0_Count_PCA.part.npy").write_bytes(b"in work, and another's")
    summary = extract(Count(), todo)
    assert len(summary.skipped if made_before else summary.done) == 1
    assert names(tmp_path) == [".0_Count_PCA.part.npy", "0_Count.json", "0_Count.npy"]


def test_processes_that_do_the_same_at_once_share_the_work(jobs):
    todo = jobs(*[0.5] * 39)
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(extract, Count(), todo, workers=2) for _ in range(4)]
    summaries = [future.result() for future in running]
    made = [name for summary in summaries for name in summary.done]
    assert sorted(made) == sorted(job.name for job in todo)
    for summary in summaries:
        assert len(summary.done) + len(summary.skipped) + len(summary.elsewhere) == len(todo)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="I/N"):
        command.shard(text)


def test_any_folder_of_media_gives_a_job_a_file(tmp_path):
    for name in ("films/a.mp4", "films/deep/b.WAV", "films/.hidden/c.mp4", "films/kept.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "films/kept.npy").touch()
    jobs = jobs_of_files(tmp_path / "films", ["X", "Y"], tmp_path / "out")
    assert [list(job.targets.values()) for job in jobs] == [["X", "Y"]] * 2
    assert [job.name for job in jobs] == [
        str(tmp_path / "out/a_X.npy"),
        str(tmp_path / "out/deep/b_X.npy"),
    ]
    (tmp_path / "films/a.wav").touch()
    with pytest.raises(UsageError, match=r"would both give a_X\.npy; rename one"):
        jobs_of_files(tmp_path / "films", ["X"])


def test_one_clip_goes_where_it_is_told():
    clip = Clip(Path("in/match.mkv"), 1.0, 2.0)
    assert job_of_clip(clip, ["X"]).name == str(Path("in/match_X.npy"))
    assert job_of_clip(clip, ["X"], Path("a.npy")).targets == {Path("a.npy"): "X"}
    assert list(job_of_clip(clip, ["X", "Y"], Path("out")).targets) == [
        Path("out/match_X.npy"),
        Path("out/match_Y.npy"),
    ]
    assert job_of_clip(clip, ["X"]).clip() == clip
    with pytest.raises(UsageError, match="one file, but --features asks for several"):
        job_of_clip(clip, ["X", "Y"], Path("a.npy"))
