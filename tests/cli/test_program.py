"""The installed program and the scripts: one contract over all commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from action_spotting import __version__
from action_spotting.cli.program import COMMANDS

CLONE = Path(__file__).parents[2]
SCRIPTS = {
    "download": "Features/DownloadSoccerNet.py",
    "extract-resnet": "Features/ExtractResNET_TF2.py",
    "extract-yolov5": "Features/ExtractYOLOv5.py",
    "extract-onnx": "Features/ExtractONNX.py",
    "convert-released": "Features/ConvertReleased.py",
    "extract-audio": "audio-features-extraction/extract_features.py",
    "reduce": "Features/ReduceFeaturesPCA.py",
    "train": "Models/TrainSpotting.py",
    "import-head": "Models/ImportHead.py",
    "predict": "Models/PredictSpotting.py",
    "spot": "Models/SpotVideo.py",
    "run": "Models/RunPipeline.py",
    "evaluate": "Evaluation/EvaluateSpotting.py",
    "compare-heads": "Evaluation/CompareHeads.py",
    "report": "Evaluation/ReportSpotting.py",
    "export": "Evaluation/ExportSpotting.py",
}
HEAVY = "tensorflow keras torch jax cv2 av librosa scipy sklearn matplotlib onnxruntime SoccerNet"
IMPORTS = f"""
import sys
sys.argv = ["action-spotting", *sys.argv[1:]]
from action_spotting.cli.program import main
try:
    main()
except SystemExit as end:
    loaded = [name for name in {HEAVY!r}.split() if name in sys.modules]
    sys.exit(f"loaded: {{loaded}}" if loaded else end.code)
"""


def run(*words: str, cwd: Path = CLONE) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(CLONE), "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=cwd, env=environment
    )


def options(help_text: str) -> list[str]:
    return re.findall(r"^  (?:-h, )?(--\w+)", help_text, re.MULTILINE)


def test_every_command_has_its_script():
    assert list(SCRIPTS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_the_script_s_and_loads_nothing_heavy(name, tmp_path):
    command = run("-c", IMPORTS, name, "--help", cwd=tmp_path)
    script = run(str(CLONE / SCRIPTS[name]), "--help", cwd=tmp_path)
    assert (command.returncode, command.stderr) == (0, "")
    assert (script.returncode, script.stderr) == (0, "")
    assert options(command.stdout) == options(script.stdout)
    assert f"usage: action-spotting {name} " in command.stdout
    assert f"example:\n  action-spotting {name} " in command.stdout
    assert f"example:\n  {Path(SCRIPTS[name]).name} " in script.stdout


def test_the_program_lists_its_commands_and_its_version(tmp_path):
    listing = run("-m", "action_spotting", "--help", cwd=tmp_path).stdout
    assert all(f"    {name}" in listing for name in COMMANDS)
    assert run("-m", "action_spotting", "--version").stdout == f"action-spotting {__version__}\n"


def test_wrong_usage_ends_with_2(tmp_path):
    unknown = run("-m", "action_spotting", "extract_resnet", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "extract-resnet" in unknown.stderr
    assert run("-m", "action_spotting", cwd=tmp_path).returncode == 2
    assert run("-m", "action_spotting", "train", "--nonsense", cwd=tmp_path).returncode == 2


def complete(line: str, tmp_path: Path) -> list[str]:
    """What the shell would offer at the end of `line`; argcomplete answers on descriptor 8."""
    words = f"_ARGCOMPLETE=1 _ARGCOMPLETE_IFS=' ' COMP_LINE='{line}' COMP_POINT={len(line)}"
    program = f"{sys.executable} -m action_spotting"
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    answer = tmp_path / "answer"
    command = f"{words} {program} 8>{answer} 9>/dev/null"
    subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path, env=environment)
    return answer.read_text().split()


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell asks")
def test_the_shell_completes_commands_and_options(tmp_path):
    assert complete("action-spotting ex", tmp_path) == [
        "extract-resnet",
        "extract-yolov5",
        "extract-onnx",
        "extract-audio",
        "export",
    ]
    assert "--soccernet_dirpath" in complete("action-spotting train --soc", tmp_path)


def test_only_commands_know_argparse_or_print():
    package = CLONE / "action_spotting"
    rooms = [p for p in package.rglob("*.py") if p.parent.name != "cli"]
    sources = {path.relative_to(package).as_posix(): path.read_text() for path in rooms}
    assert [name for name, text in sources.items() if "argparse" in text] == []
    assert [n for n, text in sources.items() if re.search(r"^\s*print\(", text, re.M)] == []
    upward = [n for n, text in sources.items() if "action_spotting.cli" in text]
    assert upward == ["__main__.py"]


@pytest.mark.slow
def test_the_wheel_works_outside_the_clone(tmp_path):
    """Built, unpacked and run elsewhere: scripts of the clone are not needed, templates travel."""
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", str(CLONE), str(source)], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("action_spotting-*.whl")
    place = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(place), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(place)}
    program = place / "bin" / "action-spotting"
    code = "import action_spotting as a, jinja2; print(a.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert Path(where.stdout.strip()).is_relative_to(place)
    labels, results = make_scored_game(tmp_path)
    report = tmp_path / "report.html"
    command = [sys.executable, str(program), "report", "--SoccerNet_path", str(labels)]
    command += ["--Predictions_path", str(results), "--split", "all", "--output", str(report)]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert "<html" in report.read_text()


def make_scored_game(folder: Path) -> tuple[Path, Path]:
    game = "cup/final"
    labels, results = folder / "labels", folder / "results"
    for root in (labels, results):
        (root / game).mkdir(parents=True)
    (labels / "splits.json").write_text('{"test": ["cup/final"]}')
    entry = '"gameTime": "1 - 00:10", "label": "Goal", "position": "10000"'
    (labels / game / "Labels-v2.json").write_text(
        f'{{"annotations": [{{{entry}, "team": "home", "visibility": "visible"}}]}}'
    )
    (results / game / "Predictions-v2.json").write_text(
        f'{{"predictions": [{{{entry}, "half": "1", "confidence": "0.9"}}]}}'
    )
    return labels, results
