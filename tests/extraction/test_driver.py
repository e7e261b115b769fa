import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from action_spotting.cli import command
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError
from action_spotting.extraction.driver import Job, extract_all
from action_spotting.io.locks import claim, claim_path, holder_of


class Counter:
    """A real extractor of little: one row a byte of the file's name, in three columns."""

    name, dims = "Count", 3

    def __init__(self, **settings):
        self.settings = settings
        self.calls = []

    def extract(self, clip, target):
        self.calls.append(target.name)
        if "bad" in clip.path.name:
            raise InputError(f"{clip.path}: is bad")
        with write_feature(target, self.dims, self.settings) as writer:
            writer.append(np.ones((len(clip.path.name), 3)))
        return "is odd" if "odd" in clip.path.name else None


def jobs(folder, names):
    return [
        Job(folder / f"{i}_Count.npy", lambda name=name: Clip(folder / name))
        for i, name in enumerate(names)
    ]


def test_a_bad_item_stops_only_itself_and_is_listed(tmp_path):
    summary = extract_all(Counter(), jobs(tmp_path, ["a", "bad", "odd", "c"]), workers=2)
    assert (len(summary.done), len(summary.failures), summary.exit_code) == (3, 1, 3)
    text = str(summary)
    assert "3 made, 0 already there, 1 failed" in text
    assert "is odd" in text
    assert "bad: is bad" in text


def test_fail_fast_stops_at_the_first(tmp_path):
    extractor = Counter()
    with pytest.raises(InputError, match="is bad"):
        extract_all(extractor, jobs(tmp_path, ["bad", "b", "c"]), fail_fast=True)
    assert extractor.calls == ["0_Count.npy"]


def test_a_second_run_does_only_what_is_missing_or_broken(tmp_path):
    todo = jobs(tmp_path, ["aa", "bb", "cc"])
    extract_all(Counter(), todo)
    todo[0].target.unlink()
    todo[1].target.write_bytes(todo[1].target.read_bytes()[:-1])
    again = Counter()
    summary = extract_all(again, todo)
    assert sorted(again.calls) == ["0_Count.npy", "1_Count.npy"]
    assert summary.skipped == [str(todo[2].target)]
    assert len(extract_all(Counter(), todo, overwrite=True).done) == 3


def test_a_file_made_with_other_settings_is_neither_kept_nor_replaced_in_silence(tmp_path):
    todo = jobs(tmp_path, ["aa"])
    extract_all(Counter(fps=2), todo)
    summary = extract_all(Counter(fps=5), todo)
    assert "fps is 2, not 5; --overwrite makes it anew" in next(iter(summary.failures.values()))
    assert extract_all(Counter(fps=5), todo, overwrite=True).exit_code == 0


def test_shards_share_the_work_without_overlap(tmp_path):
    todo = jobs(tmp_path, ["a" * n for n in range(1, 8)])
    parts = [extract_all(Counter(), todo, shard=(i, 3)).done for i in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted(str(j.target) for j in todo)
    assert len(open_feature(todo[6].target)) == 7


def test_a_defect_of_ours_is_not_hidden_as_a_failed_item(tmp_path):
    class Broken(Counter):
        def extract(self, clip, target):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        extract_all(Broken(), jobs(tmp_path, ["a"]))


def test_a_half_in_work_elsewhere_is_neither_made_nor_failed(tmp_path):
    todo = jobs(tmp_path, ["a", "b", "c"])
    with claim(todo[1].target):
        summary = extract_all(Counter(), todo, workers=2)
    assert (len(summary.done), summary.failures, summary.exit_code) == (2, {}, 0)
    assert list(summary.elsewhere) == [str(todo[1].target)]
    assert "2 made, 0 already there, 1 in work elsewhere, 0 failed" in str(summary)
    assert f"process {os.getpid()}" in str(summary)
    again = extract_all(Counter(), todo)
    assert (len(again.done), len(again.skipped)) == (1, 2)
    with claim(todo[1].target):
        assert len(extract_all(Counter(), todo).skipped) == 3, "what is there needs no claim"


def test_neither_success_nor_failure_leaves_a_claim(tmp_path):
    extract_all(Counter(), jobs(tmp_path, ["a", "bad", "c"]), workers=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0_Count.json",
        "0_Count.npy",
        "2_Count.json",
        "2_Count.npy",
    ]


@pytest.mark.parametrize("made_before", [False, True])
def test_what_a_killed_run_left_is_cleared_away(tmp_path, made_before):
    todo = jobs(tmp_path, ["a"])
    target = todo[0].target
    if made_before:
        extract_all(Counter(), todo)
    with claim(target):
        kernel = holder_of(target).kernel
    dead = {"host": "h", "pid": 1, "since": "", "kernel": kernel}
    claim_path(target).write_text(json.dumps(dead))
    for name in (".0_Count.part.npy", ".0_Count.part.json", ".0_Count_boxes.part.npz"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".0_Count_PCA.part.npy").write_bytes(b"in work, and another's")
    summary = extract_all(Counter(), todo)
    assert len(summary.skipped if made_before else summary.done) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".0_Count_PCA.part.npy",
        "0_Count.json",
        "0_Count.npy",
    ]


def test_processes_that_do_the_same_at_once_share_the_work(tmp_path):
    todo = jobs(tmp_path, ["a" * n for n in range(1, 40)])
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(extract_all, Counter(), todo, workers=2) for _ in range(4)]
    summaries = [future.result() for future in running]
    made = [name for summary in summaries for name in summary.done]
    assert sorted(made) == sorted(str(job.target) for job in todo)
    for summary in summaries:
        assert len(summary.done) + len(summary.skipped) + len(summary.elsewhere) == len(todo)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none_is_refused(text):
    import argparse

    with pytest.raises(argparse.ArgumentTypeError, match="I/N"):
        command.shard(text)
