"""A Dask cluster of processes on this machine: what it makes is what one process makes."""

import hashlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import scipy.io.wavfile

from action_spotting.audio.extractors import AudioOptions
from action_spotting.dataset.feature_types import AUDIO
from action_spotting.dataset.features import open_feature, write_feature
from action_spotting.dataset.layout import Half
from action_spotting.dataset.media import Clip
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction import cluster
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import Job, job_of_clip, jobs_of_halves
from action_spotting.extraction.registry import Pretrained, make_extractor
from action_spotting.io.locks import holder_of
from action_spotting.reduction.files import load_pca, save_pca
from action_spotting.reduction.fitting import fit
from action_spotting.reduction.on_cluster import FILES_A_TASK, fit_on_cluster, reduce_on_cluster
from action_spotting.reduction.projection import reduce_files

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

AUDIO_DOOR = Path(__file__).parents[2] / "audio-features-extraction" / "extract_features.py"


class Slow:
    """A real extractor of little, which tells in a log what it does."""

    width, medium, decoding = 2, AUDIO, AudioOptions()

    def __init__(self, log: Path, seconds: float = 0.0, fps: int = 2) -> None:
        self.log, self.seconds, self.settings = log, seconds, {"fps": fps}
        tell(log, f"made {os.getpid()}")

    def rows(self, stream, target: Path):
        for block in stream:
            yield np.full((len(block), 2), len(target.name), np.float32)
        time.sleep(self.seconds)
        tell(self.log, f"did {target.name}")


class NotThere(Slow):
    """An extractor whose weights are missing."""

    def __init__(self, log: Path) -> None:
        raise UsageError("no weights at all")


def deadly() -> Clip:
    """Kill the worker that looks for the media."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def tell(log: Path, line: str) -> None:
    with log.open("a") as handle:
        handle.write(line + "\n")


@pytest.fixture(scope="module")
def media(tmp_path_factory, silent_video) -> Path:
    """A second of sound, an empty file, and a video without sound."""
    folder = tmp_path_factory.mktemp("media")
    scipy.io.wavfile.write(folder / "good", 16000, np.ones(16000, np.int16))
    (folder / "bad").touch()
    (folder / "odd").write_bytes(silent_video.read_bytes())
    return folder


def extract(address, make, todo, **more):
    """Extract one feature on the cluster; gives its summary."""
    (summary,) = extract_all({"Slow": make}, todo, scheduler=address, **more)
    return summary


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Three worker processes; this file is on their path.

    Dask sets the number of threads in the environment of whoever starts workers, which programs
    that later tests start would inherit: a PCA of one thread differs in its last digits.
    """
    with pytest.MonkeyPatch.context() as patch, mock.patch.dict(os.environ):
        patch.syspath_prepend(str(Path(__file__).parent))
        with distributed.LocalCluster(
            n_workers=3,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as running:
            yield running


@pytest.fixture
def address(workers):
    return workers.scheduler_address


@pytest.fixture
def slow(workers):
    """This file under the name by which the workers import it."""
    return importlib.import_module("test_cluster")


@pytest.fixture
def jobs(media, slow):
    """Give jobs of media by name that write into a folder."""

    def make(folder: Path, names) -> list[Job]:
        return [
            Job(
                slow.deadly if name == "deadly" else partial(Clip, media / name),
                {folder / f"{i}_Slow.npy": "Slow"},
            )
            for i, name in enumerate(names)
        ]

    return make


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_a_cluster_makes_what_one_process_makes_and_lists_what_failed(address, slow, jobs, folder):
    log = folder.parent / "log"
    names = ["good", "bad", "odd", *["good"] * 7]
    summary = extract(address, partial(slow.Slow, log), jobs(folder, names))
    assert (len(summary.done), len(summary.failures), summary.exit_code) == (9, 1, 3)
    assert "bad: the file is empty" in str(summary)
    assert "no sound track: all rows are silence" in str(summary)
    lines = log.read_text().splitlines()
    made = [line for line in lines if line.startswith("made")]
    assert len(made) == len(set(made)) <= 3, "an extractor is made once a process"
    again = extract(address, partial(slow.Slow, log), jobs(folder, names))
    assert (len(again.done), len(again.skipped)) == (0, 9)
    alone = folder.parent / "alone"
    alone.mkdir()
    extract_all({"Slow": partial(slow.Slow, log)}, jobs(alone, names))
    assert digests(folder) == digests(alone)


def test_a_killed_worker_loses_only_the_half_in_its_hand(address, slow, jobs, folder):
    log = folder.parent / "log"
    todo = jobs(folder, ["good"] * 12)
    victims: set[int] = set()

    def kill_two():
        limit = time.monotonic() + 30
        while len(victims) < 2 and time.monotonic() < limit:
            held = [holder_of(Path(job.name)) for job in todo]
            for pid in {h.pid for h in held if h} - victims:
                os.kill(pid, signal.SIGKILL)
                victims.add(pid)
                break
            time.sleep(0.3)

    killer = threading.Thread(target=kill_two)
    killer.start()
    summary = extract(address, partial(slow.Slow, log, seconds=0.4), todo)
    killer.join()
    assert len(victims) == 2
    assert len(summary.done) + len(summary.skipped) == 12
    assert not summary.failures
    assert not summary.elsewhere
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        name for i in range(12) for name in (f"{i}_Slow.npy", f"{i}_Slow.json")
    )
    done = [line for line in log.read_text().splitlines() if line.startswith("did")]
    assert len(set(done)) == 12
    assert len(done) <= 12 + len(victims)  # one that was killed just before its file was whole


def test_a_half_that_keeps_killing_workers_is_listed_as_failed(address, slow, jobs, folder):
    log = folder.parent / "log"
    todo = jobs(folder, ["good", "deadly", "good"])
    summary = extract(address, partial(slow.Slow, log), todo)
    assert [Path(name).name for name in summary.failures] == ["1_Slow.npy"]
    assert "workers died with it in hand" in str(summary)
    # A worker that dies may take with it the word that it made another half, not the half: it is
    # then found to be there.
    there = sorted(Path(name) for name in (*summary.done, *summary.skipped))
    assert [path.name for path in there] == ["0_Slow.npy", "2_Slow.npy"]
    assert all(path.exists() for path in there)


def test_what_is_wrong_with_the_extractor_is_told_once(address, slow, jobs, folder):
    with pytest.raises(UsageError, match="no weights at all"):
        extract(address, partial(slow.NotThere, folder / "log"), jobs(folder, ["good"] * 2))


def test_fail_fast_stops_the_run(address, slow, jobs, folder):
    todo = jobs(folder, ["bad", *["good"] * 3])
    with pytest.raises(InputError, match="the file is empty"):
        extract(address, partial(slow.Slow, folder.parent / "log"), todo, fail_fast=True)


def test_other_settings_are_other_extractors(address, slow, jobs, folder):
    log = folder.parent / "log"
    todo = jobs(folder, ["good"])
    extract(address, partial(slow.Slow, log), todo)
    summary = extract(address, partial(slow.Slow, log, fps=5), todo)
    assert "fps is 2, not 5" in next(iter(summary.failures.values()))


def test_workers_that_lack_the_package_are_named_before_it_kills_them(address, jobs, folder):
    def elsewhere():
        raise AssertionError

    elsewhere.__module__ = "action_spotting.not_there"
    with pytest.raises(UsageError, match=r"tcp://.+ cannot import action_spotting\.not_there"):
        extract(address, partial(elsewhere), jobs(folder, ["good"]))
    elsewhere.__module__ = "no_such_package.at_all"
    with pytest.raises(UsageError, match=r"the workers cannot import no_such_package\.at_all"):
        extract(address, partial(elsewhere), jobs(folder, ["good"]))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch, jobs, folder):
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with pytest.raises(UsageError, match="no Dask scheduler answers at 'tcp://127.0.0.1:9'"):
        extract("tcp://127.0.0.1:9", partial(Slow, folder), jobs(folder, ["good"]))


def test_a_scheduler_without_workers_is_named(monkeypatch, jobs, folder, caplog):
    monkeypatch.setattr(cluster, "WORKER_S", 2)
    monkeypatch.setattr(cluster, "TOLD_S", 1)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None) as empty,
        pytest.raises(UsageError, match=r"has had no worker for 2 s; start some with `dask worker"),
    ):
        extract(empty.scheduler_address, partial(Slow, folder), jobs(folder, ["good"]))
    assert "has no worker yet; start some" in caplog.text


def test_without_dask_the_extra_is_named(monkeypatch, jobs, folder):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r'pip install "action_spotting\[cluster\]"'):
        extract("tcp://127.0.0.1:9", partial(Slow, folder), jobs(folder, ["good"]))


def test_the_pca_of_a_cluster_is_that_of_one_process(address, folder):
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(24, 24))
    files = []
    for i in range(2 * FILES_A_TASK + 4):
        files.append(folder / f"{i}_X.npy")
        with write_feature(files[-1], 24, {"fps": 2}) as writer:
            writer.append(rng.normal(size=(40 + i, 24)) @ mixing + 1000)
    files[0].write_bytes(b"")
    files[9].unlink()
    here, told_here = fit(files, 8)
    there, told_there = fit_on_cluster(address, files, 8)
    assert told_there.done == told_here.done
    assert told_there.failures == told_here.failures
    for name in ("average", "mean", "components", "variance", "variance_ratio"):
        one, other = getattr(here, name), getattr(there, name)
        scale = np.abs(one).max()
        np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-10 * max(scale, 1))
    assert there.rows == here.rows
    assert fit_on_cluster(address, files, 8)[0].sha256 == there.sha256

    names = folder.parent / "p.pkl", folder.parent / "a.pkl"
    save_pca(here, *names)
    pairs = {path.with_name(path.stem + "_PCA8.npy"): path for path in files[1:9]}
    assert len(reduce_on_cluster(address, *names, pairs).done) == 8
    before = [target.read_bytes() for target in pairs]
    assert len(reduce_files(load_pca(*names), pairs, overwrite=True).done) == 8
    assert [target.read_bytes() for target in pairs] == before


def test_the_door_works_from_another_folder_than_the_workers(address, tone_video, tmp_path):
    """Relative paths are the driver's; what comes out is what the door makes alone."""
    game = tmp_path / "data" / "cup"
    game.mkdir(parents=True)
    for number in (1, 2):
        (game / f"{number}.mkv").write_bytes(tone_video.read_bytes())
    command = [sys.executable, str(AUDIO_DOOR), "--root_path", "data", "--features", "FFT"]
    made = []
    for more in (["--scheduler", address], []):
        done = subprocess.run(
            [*command, "--overwrite", *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "2 made" in done.stdout
        made.append((game / "1_FFT.npy").read_bytes())
    assert made[0] == made[1]
    assert len(open_feature(game / "1_FFT.npy")) == 4
    assert len((tmp_path / "data" / "runs.jsonl").read_text().splitlines()) == 2


def test_what_is_sent_is_plain_data():
    """Python's own pickle, which takes nothing but importable names, is enough."""
    clip = Clip(Path("match.mkv"), None, 3.0)
    jobs = [job_of_clip(clip, ["FFT"]), *jobs_of_halves([Half(Path("data"), "game", 1)], ["FFT"])]
    one, other = pickle.loads(pickle.dumps(jobs))  # noqa: S301 - our own
    assert one.clip() == clip
    assert other.targets == {Path("data/game/1_FFT.npy"): "FFT"}
    for name in ("ResNET_TF2", "YOLOv5", "VGGish", "VGGish_standard", "FFT"):
        pickle.dumps(partial(make_extractor, name, Pretrained("random", "random")))
