"""A run over twenty games, five of which are bad in different ways."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from action_spotting.audio.extractors import fft_extractor
from action_spotting.dataset.layout import Half
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import jobs_of_halves

pytestmark = pytest.mark.slow

DOOR = Path(__file__).parents[2] / "Models" / "RunPipeline.py"
GAMES = [f"cup/2025/{i:02} A - B" for i in range(20)]
BROKEN, NO_LABELS, REPLACED, LINKED, PIPED = (GAMES[i] for i in (7, 11, 18, 8, 9))


@pytest.fixture
def root(tmp_path, new_video) -> Path:
    """Twenty games of two halves of four seconds, all of them in the test split."""
    root = tmp_path / "data"
    video = new_video(tmp_path / "half.mkv", sound_s=4.0)
    for game in GAMES:
        (root / game).mkdir(parents=True)
        for number in (1, 2):
            (root / game / f"{number}_224p.mkv").hardlink_to(video)
        labels = [
            {"gameTime": f"{n} - 00:02", "label": "Goal", "position": "2000", "team": "home"}
            for n in (1, 2)
        ]
        content = {"UrlLocal": game, "annotations": labels}
        (root / game / "Labels-v2.json").write_text(json.dumps(content))
    splits = {"train": GAMES[:4], "valid": GAMES[4:6], "test": GAMES}
    (root / "splits.json").write_text(json.dumps(splits))
    return root


def spoil(root: Path) -> None:
    """Break the media of a game and the labels of another, replace the media of a third.

    Where a fourth's features are claimed lies a link, where a fifth's are to lie a pipe.
    """
    for number in (1, 2):
        target = Half(root, LINKED, number).feature("FFT")
        target.with_name(f"{target.name}.claim").symlink_to(root.parent / "notes")
        os.mkfifo(Half(root, PIPED, number).feature("FFT"))
    for number in (1, 2):
        path = root / BROKEN / f"{number}_224p.mkv"
        path.unlink()
        path.write_bytes(b"no media")
        half = Half(root, REPLACED, number)
        extract_all({"FFT": fft_extractor}, jobs_of_halves([half], ["FFT"]))
        record = half.feature("FFT").with_suffix(".json")
        content = json.loads(record.read_text())
        content["source"]["bytes"] += 1
        record.write_text(json.dumps(content))
    (root / NO_LABELS / "Labels-v2.json").write_text("{")


def run(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DOOR), "--soccernet_dirpath", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_fifteen_are_scored_and_five_are_named(root):
    spoil(root)
    options = ("--modalities", "FFT", "--preset", "small", "--epochs", "1")
    done = run(root, *options)
    assert done.returncode == 3, done.stderr
    scored = next(line for line in done.stdout.splitlines() if "score: " in line)
    assert "score: 15 made, 0 already there, 5 failed" in scored
    failed = [line for line in done.stdout.splitlines() if "FAILED" in line]
    for game, reason in [
        (BROKEN, "not a media file"),
        (NO_LABELS, "not valid JSON"),
        (REPLACED, "made from other media: bytes is"),
        (LINKED, "claim: a link lies there"),
        (PIPED, "not a plain file"),
    ]:
        assert any(game in line and reason in line for line in failed), (game, failed)
    assert (root.parent / "report.html").exists()
    log = (root / "runs.jsonl").read_text().splitlines()
    assert len(log) == 1
    assert not (root.parent / "notes").exists()
    assert all(path.is_symlink() for path in root.rglob("*.claim"))


def test_what_is_refused_is_not_logged_and_nothing_is_made(root):
    done = run(root, "--modalities", "FFT", "--preset", "smal")
    assert done.returncode == 2
    assert "did you mean 'small'" in done.stderr
    assert not (root / "runs.jsonl").exists()
    assert not list(root.rglob("*.npy"))
