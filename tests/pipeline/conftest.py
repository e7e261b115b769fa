"""A tiny set of sample matches, and one undisturbed run of the whole chain over it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from filelock import FileLock
from onnx import TensorProto, helper

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
    """The folder of a run that nothing disturbed, of which all processes of the tests share one."""
    shared = tmp_path_factory.getbasetemp()
    home = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "undisturbed"
    with FileLock(f"{home}.lock"):
        if not (home / "output.txt").exists():
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
        *("--soccernet_dirpath", str(home / "matches"), "--preset", "small"),
        *("--epochs", "2"),
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


@pytest.fixture(scope="session")
def light_model(detector, tmp_path_factory) -> Path:
    """A head on YOLOv5 and FFT whose weights are those it begins with; it keeps the detector."""
    from action_spotting.audio.extractors import fft_extractor
    from action_spotting.fusion.model import SpottingModel, save_model
    from action_spotting.fusion.normalisation import Normalisation
    from action_spotting.fusion.settings import make_settings
    from action_spotting.visual.detector import DetectorSettings
    from action_spotting.visual.yolov5 import YOLOv5Extractor

    extractors = {"YOLOv5": YOLOv5Extractor(DetectorSettings(detector)), "FFT": fft_extractor()}
    dims = {name: extractor.width for name, extractor in extractors.items()}
    model = SpottingModel(
        make_settings("small", modalities=tuple(extractors), seed=0),
        Normalisation(
            {name: np.zeros(width, np.float32) for name, width in dims.items()},
            {name: np.ones(width, np.float32) for name, width in dims.items()},
        ),
        {name: dict(extractor.settings) for name, extractor in extractors.items()},
    )
    folder = tmp_path_factory.mktemp("light") / "model"
    save_model(folder, model, [])
    (folder / "assets").mkdir()
    shutil.copy(detector, folder / "assets" / "yolov5_standin.onnx")
    return folder


@pytest.fixture(scope="session")
def write_network():
    """Write an ONNX network that reduces pictures of 32 x 32 to a number a channel."""

    def write(path: Path, kind: str) -> Path:
        node = helper.make_node(kind, ["x"], ["y"], axes=[2, 3], keepdims=0)
        graph = helper.make_graph(
            [node],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
        return path

    return write
