"""A tiny set of sample matches, and one undisturbed run of the whole chain over it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from action_spotting.sample import make_sample, write_detector

CLONE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tiny_matches(tmp_path_factory) -> Path:
    """Three sample matches of two halves of 12 to 14 s."""
    root = tmp_path_factory.mktemp("tiny") / "matches"
    make_sample(root, matches=3, half_s=(12, 14))
    return root


@pytest.fixture(scope="session")
def detector(tmp_path_factory) -> Path:
    """The stand-in detector."""
    return write_detector(tmp_path_factory.mktemp("detector") / "standin.onnx")


@pytest.fixture(scope="session")
def undisturbed(tiny_matches, run_chain, tmp_path_factory) -> Path:
    """The folder of a run that nothing disturbed."""
    home = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(tiny_matches, home / "matches")
    done = run_chain(home)
    assert done.returncode == 0, done.stderr
    (home / "output.txt").write_text(done.stdout)
    return home


@pytest.fixture(scope="session")
def run_door():
    """Run a door of ``Models/`` in a process of its own."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, str(CLONE / "Models" / name), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def chain_command(detector):
    """Give the command that runs the chain over a folder's ``matches``."""
    return lambda home: [
        *(sys.executable, str(CLONE / "Models" / "RunPipeline.py")),
        *("--soccernet_dirpath", str(home / "matches"), "--epochs", "2"),
        *("--modalities", "ResNET_TF2_PCA16", "YOLOv5", "VGGish", "FFT"),
        *("--resnet_weights", "random", "--vggish_weights", "random"),
        *("--yolov5_weights", str(detector)),
    ]


@pytest.fixture(scope="session")
def run_chain(chain_command):
    """Run the chain over a folder's ``matches``."""
    return lambda home: subprocess.run(
        chain_command(home), capture_output=True, text=True, check=False
    )
