"""The log of runs: each line repeats its run."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from action_spotting.cli.run_log import LOG_FILE, log_run
from action_spotting.errors import UsageError

DOOR = Path(__file__).parents[2] / "audio-features-extraction" / "extract_features.py"


def test_lines_of_runs_at_once_do_not_mix(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: log_run(tmp_path, "door.py", [str(i) * 300]), range(100)))
    lines = (tmp_path / LOG_FILE).read_text().splitlines()
    assert len({json.loads(line)["repeat"] for line in lines}) == 100


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write"):
        log_run(tmp_path / "file", "door.py", [])


@pytest.mark.slow
def test_the_line_of_a_run_repeats_it_to_the_same_bytes(tone_video, tmp_path):
    game = tmp_path / "my data" / "it's a game"
    game.mkdir(parents=True)
    (game / "1.mkv").write_bytes(tone_video.read_bytes())
    (game / "2.mkv").write_bytes(tone_video.read_bytes())
    command = [sys.executable, str(DOOR), "--root_path", "my data", "--features", "FFT"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    before = {path.name: path.read_bytes() for path in game.glob("*_FFT.*")}
    for name in before:
        (game / name).unlink()
    line = json.loads((tmp_path / "my data" / LOG_FILE).read_text())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", "-c", line["repeat"]], check=True, env={**os.environ, "PATH": path})
    assert len(before) == 4
    assert {path.name: path.read_bytes() for path in game.glob("*_FFT.*")} == before
    assert "tensorflow" in line["versions"]
