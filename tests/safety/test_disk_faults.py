"""Full disks, read-only folders, files that vanish, clocks that go back: a word, no halves."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from action_spotting.audio.extractors import fft_extractor
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.media import Clip
from action_spotting.errors import SpottingError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import job_of_clip
from action_spotting.visual.frames import FrameOptions, with_frames

CLONE = Path(__file__).resolve().parents[2]

DISKS = {
    "full": ("size=64k", "(disk / 'filler').write_bytes(bytes(64 * 1024))"),
    "without inodes": ("nr_inodes=2", "(disk / 'filler').touch()"),
    "read-only": (
        "size=64k",
        "(disk / 'filler').touch(); "
        "subprocess.run(['mount', '-o', 'remount,ro', 'none', str(disk)], check=True)",
    ),
}
"""A small disk's options, and what is done to it at first."""

REASON = {
    "full": "No space left on device",
    "without inodes": "No space left on device",
    "read-only": "Read-only file system",
}

WRITERS = {
    "feature": """
from action_spotting.dataset.features import write_feature
with write_feature(disk / "1_FFT.npy", 48, {}) as writer:
    for _ in range(100):
        writer.append(np.ones((100, 48)))""",
    "json": """
from action_spotting.io.files import write_json
write_json(disk / "a.json", ["x" * 100] * 10_000)""",
    "PCA": """
from action_spotting.reduction.pca import PCA
from action_spotting.reduction.files import save_pca
n = np.ones
save_pca(PCA(n(512), n((64, 512)), n(512), n(64), n(64), 9), disk / "p.pkl", disk / "a.pkl")""",
    "arrays": """
from action_spotting.visual.boxes import Boxes, write_boxes
r, n = np.random.default_rng(0).random, 9999
write_boxes(disk / "b.npz", Boxes(9, 2.0, r(n), r((n, 4)), r(n), r(n), r((n, 3))), {})""",
    "predictions": """
from action_spotting.dataset.event_files import write_predictions
from action_spotting.dataset.events import Events
o = np.ones(9999, int)
write_predictions(disk / "Predictions-v2.json", "game", Events(o, o, o, o))""",
    "movie": """
from action_spotting.dataset.events import Events
from action_spotting.dataset.media import Clip
from action_spotting.export.timeline import build_timeline
from action_spotting.export.reel import highlights
one = np.array([1])
spots = Events(one, 500 * one, 0 * one, 0.9 * one)
highlights(build_timeline("game", spots, {1: Clip(Path(media))}), disk / "reel.mp4")""",
}
"""All that writes files of results."""


def on_small_disk(kind: str, code: str, folder: Path, *arguments: object) -> list[str]:
    """Run code where `disk` is a small disk of its own; give what it prints."""
    options, spoil = DISKS[kind]
    head = f"""
import json, subprocess, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {str(CLONE)!r})
from action_spotting.errors import SpottingError
disk, media = Path({str(folder)!r}), sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", {options!r}, "none", str(disk)], check=True)
{spoil}
"""
    command = ["unshare", "-rm", sys.executable, "-c", head + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def disk(tmp_path) -> Path:
    """Where a small disk is put; skips where no user may mount one."""
    try:
        test = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(tmp_path)]
        allowed = subprocess.run(test, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("no user namespace may mount a file system here")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kind", DISKS)
def test_a_disk_that_takes_nothing(kind, disk, tone_video):
    """Every writer says so in a sentence, and leaves the disk as it was."""
    code = f"""
for name, work in {WRITERS!r}.items():
    try:
        exec(work)
        print(json.dumps([name, "was written", []]))
    except SpottingError as error:
        left = sorted(path.name for path in disk.rglob("*"))
        print(json.dumps([name, str(error), left]))
"""
    found = {
        name: rest for name, *rest in map(json.loads, on_small_disk(kind, code, disk, tone_video))
    }
    assert found.keys() == WRITERS.keys()
    for name, (message, left) in found.items():
        assert REASON[kind] in message, name
        assert "cannot write" in message, name
        assert left == ["filler"], name


@pytest.mark.slow
@pytest.mark.parametrize("kind", DISKS)
def test_a_door_on_a_disk_that_takes_nothing(kind, disk, tone_video):
    code = """
door = Path(sys.path[0]) / "audio-features-extraction" / "extract_features.py"
options = ["--path_video", media, "--path_features", disk / "1_FFT.npy", "--features", "FFT"]
line = [sys.executable, door, *options]
done = subprocess.run(list(map(str, line)), capture_output=True, text=True)
left = sorted(path.name for path in disk.rglob("*"))
print(json.dumps([done.returncode, done.stdout + done.stderr, left]))
"""
    (line,) = on_small_disk(kind, code, disk, tone_video)
    returncode, said, left = json.loads(line)
    assert returncode in (1, 2, 3)
    assert REASON[kind] in said
    assert "Traceback" not in said
    assert set(left) - {"runs.jsonl"} == {"filler"}  # the log of runs, to which lines are added


@pytest.mark.parametrize("size", [0, 1000])
def test_a_file_may_not_grow(size, tmp_path):
    """A quota, as a limit of the process: the write fails in the middle."""
    code = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {str(CLONE)!r})
from action_spotting.cli import command
from action_spotting.dataset.features import write_feature
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
def main(argv):
    with write_feature(Path({str(tmp_path / "1_FFT.npy")!r}), 48, {{}}) as writer:
        writer.append(np.ones((100, 48)))
command.run(main)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write")
    assert "File too large" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_system_s_own_errors_are_one_sentence():
    code = f"""
import sys
sys.path.insert(0, {str(CLONE)!r})
from action_spotting.cli import command
def main(argv):
    open("/nowhere/at/all")
command.run(main)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: /nowhere/at/all: No such file or directory")
    assert "Traceback" not in done.stderr


def test_media_that_vanish_while_they_are_read(tone_video, tmp_path):
    path, target = tmp_path / "1.mkv", tmp_path / "out" / "1_X.npy"
    path.write_bytes(tone_video.read_bytes())

    def work(frames) -> None:
        with write_feature(target, 1, {}, Clip(path)) as writer:
            for frame in frames:
                path.unlink(missing_ok=True)
                writer.append(np.full((1, 1), frame.mean()))

    with pytest.raises(SpottingError, match=r"1\.mkv: cannot be read: no such file"):
        with_frames(Clip(path), FrameOptions(), work)
    assert not list(target.parent.iterdir())


def extract_fft(jobs, **more):
    (summary,) = extract_all({"FFT": fft_extractor}, jobs, **more)
    return summary


def test_media_that_vanish_before_their_turn(tone_video, tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.mkv").write_bytes(tone_video.read_bytes())
    jobs = [job_of_clip(Clip(tmp_path / f"{number}.mkv"), ["FFT"]) for number in (1, 2)]
    (tmp_path / "2.mkv").unlink()
    summary = extract_fft(jobs)
    assert [Path(name).name for name in summary.done] == ["1_FFT.npy"]
    assert "no such file" in summary.failures[str(tmp_path / "2_FFT.npy")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.mkv", "1_FFT.json", "1_FFT.npy"]


def test_features_that_vanish_while_they_are_read(tmp_path):
    path = tmp_path / "1_X.npy"
    with write_feature(path, 4, {}) as writer:
        writer.append(np.ones((1000, 4)))
    rows = open_feature(path)
    path.unlink()
    assert rows.sum() == 4000


def test_a_clock_that_goes_back(tone_video, tmp_path, monkeypatch):
    """Neither bytes nor what is taken for done depend on the time of day."""
    path = tmp_path / "1.mkv"
    path.write_bytes(tone_video.read_bytes())
    jobs, target = [job_of_clip(Clip(path), ["FFT"])], tmp_path / "1_FFT.npy"
    assert extract_fft(jobs).done
    first = target.read_bytes()
    now = itertools.count(time.time(), -3600)
    monkeypatch.setattr(time, "time", lambda: next(now))
    os.utime(target, (2**32, 2**32))
    os.utime(path, (2**32 + 5, 2**32 + 5))
    assert extract_fft(jobs).skipped
    again = extract_fft(jobs, overwrite=True)
    assert again.done
    assert again.seconds >= 0
    assert target.read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.mkv", "1_FFT.json", "1_FFT.npy"]
