"""The doors as a person uses them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from action_spotting.errors import InputError, UsageError

DOORS = Path(__file__).resolve().parents[2] / "Evaluation"
LABEL = {"gameTime": "1 - 01:00", "label": "Goal", "position": "60000", "visibility": "visible"}
SPOT = {"label": "Goal", "position": "60000", "half": "1", "confidence": "0.5"}
GAME = ([LABEL], [SPOT, SPOT | {"label": "Foul", "position": 90_000}])


def door_main(name):
    spec = importlib.util.spec_from_file_location(f"{name}_door", DOORS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope="module")
def evaluate():
    return door_main("EvaluateSpotting")


@pytest.fixture(scope="module")
def report():
    return door_main("ReportSpotting")


@pytest.fixture
def arguments(write_set, tmp_path):
    labels, predictions, _ = write_set(tmp_path, [GAME, GAME])
    return [f"--SoccerNet_path={labels}", f"--Predictions_path={predictions}", "--split=all"]


def test_the_table(evaluate, arguments, capsys):
    assert evaluate(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 games of split 'all', results_spotting.json"
    goal = next(line.split() for line in lines if line.startswith("Goal"))
    assert goal == ["Goal", "2", "0", "2", "100.00", "100.00", "0.497", "100.00", "100.00"]
    assert [line.split()[0] for line in lines[3:20]][:3] == ["Penalty", "Kick-off", "Goal"]
    assert next(line.split() for line in lines if line.startswith("all ")) == [
        "all",
        "5.88",
        "5.88",
    ]


def test_the_json_holds_the_official_fields(evaluate, arguments, tmp_path, capsys):
    target = tmp_path / "out.json"
    asked = ["--bootstrap=20", "--metric", "tight", "at2", f"--output={target}"]
    assert evaluate(arguments + asked) == 0
    content = json.loads(target.read_text())
    assert set(content["tight"]) >= {
        f"{kind}{view}"
        for kind in ("a_mAP", "a_mAP_per_class")
        for view in ("", "_visible", "_unshown")
    }
    assert content["at2"]["a_mAP_per_class"][2] == 1
    assert content["tight"]["intervals"]["a_mAP"] == [pytest.approx(1 / 17)] * 2
    assert content["settings"]["prediction_file"] == "results_spotting.json"
    assert str(tmp_path) not in target.read_text()
    before = target.read_bytes()
    evaluate(arguments + asked)
    assert target.read_bytes() == before


def test_comparing(evaluate, arguments, write_set, tmp_path, capsys):
    _, worse, _ = write_set(tmp_path / "worse", [([LABEL], []), ([LABEL], [SPOT])])
    assert evaluate([*arguments, f"--compare={worse}", "--bootstrap=20"]) == 0
    out = capsys.readouterr().out
    assert "the other predictions minus these, 2 games" in out
    assert "games where they differ most" in out
    assert "-100.00" in out


def test_exact_mode(evaluate, arguments, capsys):
    assert evaluate([*arguments, "--mode=exact", "--metric", "tight"]) == 0
    assert "100.00" in capsys.readouterr().out
    with pytest.raises(UsageError, match="intervals are made in the official mode"):
        evaluate([*arguments, "--mode=exact", "--bootstrap=10"])


@pytest.mark.parametrize("odd", ["--bootstrap=-5", "--seed=-1", "--bootstrap=1000000000"])
def test_absurd_draws_get_a_sentence(evaluate, arguments, odd, capsys):
    with pytest.raises(SystemExit, match="2"):
        evaluate([*arguments, odd])
    assert "is not a whole number from 0" in capsys.readouterr().err


def test_check_only(evaluate, write_set, tmp_path, capsys):
    bad = [SPOT | {"label": "Gaol"}, SPOT | {"confidence": "high"}]
    labels, predictions, _ = write_set(tmp_path, [GAME, ([LABEL], bad)])
    sides = [f"--SoccerNet_path={labels}", f"--Predictions_path={predictions}", "--split=all"]
    assert evaluate([*sides, "--check_only"]) == 1
    out = capsys.readouterr().out
    assert "did you mean 'Goal'" in out
    assert "entry 1: confidence 'high' is no number" in out
    assert "1 of 2 games can be scored: 1 errors, 1 warnings" in out
    with pytest.raises(InputError, match="not scored:"):
        evaluate(sides)
    assert evaluate([*sides, "--partial"]) == 3


def test_strict_checks(evaluate, write_set, tmp_path, capsys):
    labels, predictions, _ = write_set(tmp_path, [([LABEL], [SPOT | {"confidence": 2}])])
    sides = [f"--SoccerNet_path={labels}", f"--Predictions_path={predictions}", "--split=all"]
    assert evaluate([*sides, "--check_only"]) == 0
    assert evaluate([*sides, "--check_only", "--strict"]) == 1


def test_the_report(report, arguments, tmp_path, capsys):
    video = tmp_path / "labels" / "league/2020-2021/game 1" / "2_224p.mkv"
    video.write_bytes(b"media")
    target = tmp_path / "reports" / "r.html"
    assert report([*arguments, f"--output={target}", "--video=LQ", "--note=first"]) == 0
    text = target.read_text()
    assert '"../labels/league/2020-2021/game%201/2_224p.mkv"' in text
    assert "first" in text


@pytest.mark.slow
def test_the_figures(report, arguments, tmp_path, capsys):
    target, folder = tmp_path / "r.html", tmp_path / "figures"
    assert report([*arguments, f"--output={target}", f"--figures={folder}"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(target)
    assert len(list(folder.iterdir())) == 6


@pytest.mark.parametrize("name", ["EvaluateSpotting", "ReportSpotting"])
def test_help_loads_nothing_heavy(name):
    command = [sys.executable, "-X", "importtime", DOORS / f"{name}.py", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--SoccerNet_path" in done.stdout
    assert "numpy" not in done.stderr


def test_errors_end_with_one_sentence(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            DOORS / "EvaluateSpotting.py",
            "--SoccerNet_path",
            tmp_path / "x",
            "--Predictions_path",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: labels ")
    assert "Traceback" not in done.stderr


def test_a_game_whose_name_is_no_utf8_is_scored_and_written(tmp_path):
    import json
    import os

    from action_spotting.cli import evaluate
    from action_spotting.dataset.event_files import write_predictions
    from action_spotting.dataset.events import Events
    from action_spotting.io.files import write_json

    game = tmp_path / os.fsdecode(b"g\xfe")
    label = {"gameTime": "1 - 01:00", "label": "Goal", "position": "60000"}
    write_json(game / "Labels-v2.json", {"annotations": [label]})
    spots = Events([1], [60_500], [2], confidence=[0.9])
    write_predictions(game / "Predictions-v2.json", "g", spots)
    sides = [f"--SoccerNet_path={tmp_path}", f"--Predictions_path={tmp_path}"]
    assert evaluate.main([*sides, f"--output={tmp_path / 'score.json'}"]) == 0
    text = (tmp_path / "score.json").read_text()
    assert "NaN" not in text
    assert "g\udcfe" in json.loads(text)["games"]
