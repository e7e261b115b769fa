"""What holds for every command: its output, its exit codes, the places where it is run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from action_spotting import __version__
from action_spotting.cli.program import COMMANDS

CLONE = Path(__file__).parents[2]
NO_LOCALE = {"LC_ALL": "C", "LANG": "", "PYTHONIOENCODING": "ascii"}


def run(*words: str, cwd: Path, columns: int = 80, **more: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(CLONE), "COLUMNS": str(columns), **more}
    command = [sys.executable, "-m", "action_spotting", *words]
    return subprocess.run(command, capture_output=True, cwd=cwd, env=environment)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a game that can be scored, one whose results are damaged, and two sounds."""
    folder = tmp_path_factory.mktemp("contract")
    games = ["cup/final", "cup/d\u00e9mi"]
    entry = '"gameTime": "1 - 00:10", "label": "Goal", "position": "10000"'
    labels = f'{{"annotations": [{{{entry}, "team": "home", "visibility": "visible"}}]}}'
    results = f'{{"predictions": [{{{entry}, "half": "1", "confidence": "0.9"}}]}}'
    for game in games:
        for root, name, text in (
            ("labels", "Labels-v2.json", labels),
            ("results", "Predictions-v2.json", results if game == games[0] else "{"),
        ):
            (folder / root / game).mkdir(parents=True)
            (folder / root / game / name).write_text(text)
    (folder / "labels" / "splits.json").write_text(json.dumps({"test": games}))
    (folder / "sounds").mkdir()
    (folder / "sounds" / "broken.wav").write_bytes(b"RIFF")
    (folder / "empty").mkdir()
    return folder


SIDES = ("--SoccerNet_path", "labels", "--Predictions_path", "results", "--partial")
FAILING = ("--root_path", "sounds", "--features", "FFT")
DONE = {
    "evaluate": (3, (*SIDES, "--split", "test")),
    "report": (3, SIDES),
    "export": (3, ("--Predictions_path", "results", "--export", "csv", "--out", "exports")),
    "extract-audio": (3, FAILING),
    "download": (3, ("--soccernet_dirpath", "empty", "--check", "--split", "challenge")),
    "run": (0, ("--soccernet_dirpath", "labels", "--status")),
}
"""What commands can do in a moment: the exit code and the options."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_command_line(name, place):
    done = run(name, "--nonsense", "--json", cwd=place, columns=40, **NO_LOCALE)
    assert done.returncode == 2
    summary = json.loads(done.stdout)
    assert (summary["command"], summary["exit_code"]) == (name, 2)
    assert summary["error"]
    assert b"usage: action-spotting" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_narrow_terminal_has_the_shared_options(name, place):
    done = run(name, "--help", cwd=place, columns=40, **NO_LOCALE)
    assert (done.returncode, done.stderr) == (0, b"")
    for option in (b"--version", b"--config FILE", b"--quiet", b"--verbose", b"--json"):
        assert b"\n  " + option in done.stdout
    version = run(name, "--version", cwd=place)
    assert (version.returncode, version.stdout.decode()) == (0, f"action-spotting {__version__}\n")


@pytest.mark.parametrize("name", DONE)
def test_json_is_one_object_with_what_failed(name, place):
    code, words = DONE[name]
    done = run(name, *words, "--json", cwd=place, **NO_LOCALE)
    assert done.returncode == code, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["command"], summary["exit_code"], summary["error"]) == (name, code, None)
    assert any(stage["failures"] for stage in summary["stages"]) == (code == 3)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", DONE)
def test_quiet_prints_nothing_but_errors(name, place):
    code, words = DONE[name]
    done = run(name, *words, "--quiet", cwd=place)
    assert (done.returncode, done.stdout) == (code, b"")
    lines = done.stderr.decode().splitlines()
    assert bool(lines) == (code == 3)
    assert all(" failed " in line or "not shown one by one" in line for line in lines)


@pytest.mark.parametrize("name", DONE)
def test_a_pipe_that_is_closed(name, place):
    _, words = DONE[name]
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    command = [sys.executable, "-m", "action_spotting", name, *words, "--json"]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, cwd=place, env=environment
    )
    os.close(writing)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr
