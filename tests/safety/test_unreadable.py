"""A game's folder that may not be read costs that game, and is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from action_spotting.cli.program import COMMANDS
from action_spotting.dataset.event_files import write_predictions
from action_spotting.dataset.events import Events
from action_spotting.io.files import write_json

CAPS = "-dac_override,-dac_read_search"
SPOTS = Events([1], [61_000], [2], confidence=[0.5])
LABELS = {"annotations": [{"gameTime": "1 - 01:00", "label": "Goal", "position": "60000"}]}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three games with labels and results, of which the last may not be read."""
    for game in ("a", "b", "shut"):
        write_json(tmp_path / game / "Labels-v2.json", LABELS)
        write_predictions(tmp_path / game / "Predictions-v2.json", game, SPOTS)
    (tmp_path / "shut").chmod(0)
    yield tmp_path
    (tmp_path / "shut").chmod(0o755)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody to whom the modes of folders apply."""
    root = os.geteuid() == 0
    if root and not shutil.which("setpriv"):
        pytest.skip("root may read everything, and setpriv is not here to change that")
    within = ["setpriv", f"--bounding-set={CAPS}", f"--inh-caps={CAPS}"] if root else []
    line = [*within, sys.executable, "-m", "action_spotting", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "--SoccerNet_path", ".", "--Predictions_path", ".", "--partial"),
        ("report", "--SoccerNet_path", ".", "--Predictions_path", ".", "--partial"),
        ("export", "--Predictions_path", ".", "--export", "csv"),
        ("extract-audio", "--root_path", ".", "--features", "FFT"),
        ("run", "--soccernet_dirpath", ".", "--status"),
    ],
    ids=lambda words: words[0],
)
def test_one_game_is_named_and_the_others_are_done(folder, words):
    assert words[0] in COMMANDS
    out = {"report": ["--output", folder / "r.html"], "export": ["--out", folder / "out"]}
    line = [folder if word == "." else word for word in words]
    done = run(*line, *out.get(words[0], []))
    assert done.returncode == 3, done.stderr
    said = done.stdout + done.stderr
    assert "shut" in said
    assert "Permission denied" in said
    assert "Traceback" not in said
    if words[0] == "export":
        assert {path.parent.name for path in (folder / "out").glob("*/*.csv")} == {"a", "b"}
