"""The whole chain as its user runs it, on real (tiny) matches."""

import hashlib
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from action_spotting.dataset.event_files import read_predictions
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import probe
from action_spotting.dataset.splits import list_games, list_halves

pytestmark = pytest.mark.slow

PATIENCE_S = 600


def digests(home: Path) -> dict[str, str]:
    """Hash every file below `home` that a run made."""
    files = [path for path in sorted(home.rglob("*")) if path.is_file()]
    return {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name not in ("output.txt", "runs.jsonl", "run.yaml")  # what is said, and of runs
    }


def kill_when(command: list[str], happened) -> None:
    """Start `command` and kill it, without a word, as soon as ``happened()``."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        limit = time.monotonic() + PATIENCE_S
        while process.poll() is None and not happened():
            assert time.monotonic() < limit
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"


def test_every_stage_does_its_job(undisturbed):
    root = undisturbed / "matches"
    for half in list_halves(root):
        rows = {
            name: open_feature(half.feature(name), dims).shape[0]
            for name, dims in [
                ("ResNET_TF2", 2048),
                ("ResNET_TF2_PCA16", 16),
                ("YOLOv5", 64),
                ("VGGish", 512),
                ("FFT", 48),
            ]
        }
        duration_s = probe(half.clip().path).duration_s
        assert all(abs(count - 2 * duration_s) <= 2 for count in rows.values())
    (game,) = list_games(root, "test")
    assert len(read_predictions(undisturbed / "predictions" / game / "Predictions-v2.json"))
    assert game in (undisturbed / "report.html").read_text(encoding="utf-8")


def test_the_output_ends_with_summary_scores_and_report(undisturbed):
    text = (undisturbed / "output.txt").read_text()
    for stage in ("ResNET_TF2_PCA16", "train", "predict"):
        assert re.search(rf"^{stage} +\d+ +\d+ +0 +[\d.]+ s$", text, re.MULTILINE)
    for feature in ("ResNET_TF2", "YOLOv5", "VGGish", "FFT"):  # made side by side
        assert re.search(rf"^{feature} +6 +0 +0$", text, re.MULTILINE)
    assert re.search(r"^features +[\d.]+ s$", text, re.MULTILINE)
    assert re.search(r"over the classes that occur: loose \d\.\d{3}, tight \d\.\d{3}", text)
    assert "report.html" in text.splitlines()[-1]


def test_a_second_run_makes_nothing_anew(undisturbed, run_chain):
    before = digests(undisturbed)
    done = run_chain(undisturbed)
    assert done.returncode == 0
    assert re.search(r"^YOLOv5 +0 +6 +0", done.stdout, re.MULTILINE)
    assert digests(undisturbed) == before


def test_a_run_that_is_killed_goes_on_to_the_identical_files(
    undisturbed, tiny_matches, chain_command, run_chain, tmp_path
):
    shutil.copytree(tiny_matches, tmp_path / "matches")
    half = list_halves(tmp_path / "matches")[2]
    log = tmp_path / "model" / "log.csv"
    kill_when(chain_command(tmp_path), half.feature("ResNET_TF2").exists)
    kill_when(chain_command(tmp_path), lambda: log.exists() and len(log.read_text().split()) > 1)
    assert run_chain(tmp_path).returncode == 0
    assert digests(tmp_path) == digests(undisturbed)


def test_a_match_with_one_half_is_named_and_the_rest_goes_on(undisturbed, run_chain, tmp_path):
    for name in ("matches", "model"):
        shutil.copytree(undisturbed / name, tmp_path / name)
    half = list_halves(tmp_path / "matches", "test")[1]
    for path in half.folder.glob("2_*"):
        path.unlink()
    done = run_chain(tmp_path)
    assert done.returncode == 3
    assert "has no 2_224p.mkv" in done.stdout
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--soccernet_dirpath", "{empty}"], "no matches; expected"),
        (["--soccernet_dirpath", "{empty}/nowhere"], "does not exist"),
        (["--soccernet_dirpath", "{matches}", "--test_split", "tset"], "did you mean 'test'"),
        (["--soccernet_dirpath", "{matches}", "--modalities", "ResNT_TF2"], "did you mean 'ResNET"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    arguments, message, tiny_matches, run_door, tmp_path
):
    filled = [text.format(empty=tmp_path, matches=tiny_matches) for text in arguments]
    done = run_door("RunPipeline.py", *filled)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
