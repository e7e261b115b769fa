"""Published heads through the commands: predict, ensemble, ablation, comparison, a video."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from action_spotting.cli import compare_heads, import_head, predict
from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.event_files import read_labels, read_predictions
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.layout import feature_path
from action_spotting.errors import InputError, UsageError

from .conftest import SHOWN
from .published_files import write_torch

FEATURE = "ResNET_TF2_PCA512"
GAMES = ["league/season/test 0", "league/season/valid 0"]


@pytest.fixture(scope="module")
def dataset(matches_at, tmp_path_factory) -> Path:
    """Small matches with rows of 512 numbers, of which one a class is high at its events."""
    root = matches_at(tmp_path_factory.mktemp("published") / "data", counts=(1, 1, 1))
    for game in GAMES:
        labels = read_labels(root / game / "Labels-v2.json")
        for half in (1, 2):
            rows = np.zeros((90, 512), np.float32)
            here = labels.half == half
            rows[(labels.position_ms[here] / 500).astype(int), labels.label[here]] = 9.0
            with write_feature(feature_path(root / game, half, FEATURE), 512, {"fps": 2.0}) as out:
                out.append(rows)
    return root


@pytest.fixture(scope="module")
def head(tmp_path_factory) -> Path:
    """A MaxPool head over windows of one second that sees those numbers; a model folder."""
    folder = tmp_path_factory.mktemp("heads")
    weight = np.zeros((18, 512), np.float32)
    weight[np.arange(1, 18), np.arange(17)] = 1.0
    state = {"fc.weight": weight, "fc.bias": np.full(18, -5, np.float32)}
    path = write_torch(folder / "model.pth.tar", state)
    options = ["--window", "0.5", "--nms_window", "3", "--floor", "0.5"]
    assert import_head.main([str(path), "--out", str(folder / "maxpool"), *options]) == 0
    return folder / "maxpool"


def arguments(root: Path, head: Path, out: Path, *more: str) -> list[str]:
    given = ["--soccernet_dirpath", root, "--split", "test", "--model", head, "--out", out, *more]
    return [str(word) for word in given]


def test_predictions_licence_and_scores(dataset, head, tmp_path, capsys):
    line = arguments(dataset, head, tmp_path, "--save_scores", "--zip", tmp_path / "all.zip")
    assert predict.main(line) == 0
    assert (tmp_path / "all.zip").is_file()
    assert "is a published head, not stated in the files" in capsys.readouterr().out
    found = read_predictions(tmp_path / GAMES[0] / "Predictions-v2.json")
    labels = read_labels(dataset / GAMES[0] / "Labels-v2.json")
    assert len(found)
    for i in range(len(found)):
        near = (labels.half == found.half[i]) & (labels.label == found.label[i])
        assert np.abs(labels.position_ms[near] - found.position_ms[i]).min() < 1000
        assert found.position_ms[i] % 500 == 0
    assert "licence:" in (tmp_path / "HEADS.txt").read_text()
    scores = np.load(tmp_path / GAMES[0] / "1_scores.npz")
    assert scores["logits"].shape == (90, 17)


@pytest.mark.slow
def test_beside_a_head_of_ones_own_with_weights_from_validation(dataset, head, tmp_path, capsys):
    from action_spotting.fusion.model import SpottingModel, save_model
    from action_spotting.fusion.normalisation import Normalisation
    from action_spotting.fusion.settings import make_settings

    settings = make_settings("small", modalities=("Sound",), width=4, branch_width=2, dilations=[1])
    ones = {"Sound": np.ones(6, np.float32)}
    save_model(tmp_path / "own", SpottingModel(settings, Normalisation(ones, ones), {}), [])
    out = tmp_path / "out"
    line = arguments(dataset, head, out, "--choose_on", "valid", "--model_dir", tmp_path / "own")
    assert predict.main(line) == 0
    assert "kept in" in capsys.readouterr().out
    kept = out / "combination.json"
    assert sum(json.loads(kept.read_text())["weights"]) == pytest.approx(1)
    first = (out / GAMES[0] / "Predictions-v2.json").read_bytes()
    again = arguments(dataset, head, tmp_path / "again", "--combination", kept)
    assert predict.main([*again, "--model_dir", str(tmp_path / "own")]) == 0
    assert (tmp_path / "again" / GAMES[0] / "Predictions-v2.json").read_bytes() == first
    assert predict.main([*arguments(dataset, head, tmp_path / "ablation"), "--ablate"]) == 0
    assert "tight AP" in capsys.readouterr().out
    three = np.zeros((4, 512), np.float32)
    path = write_torch(tmp_path / "v1.pth.tar", {"fc.weight": three, "fc.bias": three[:, 0]})
    assert import_head.main([str(path), "--out", str(tmp_path / "v1")]) == 0
    with pytest.raises(UsageError, match="differ in classes"):
        predict.main(arguments(dataset, head, out, "--model_dir", tmp_path / "v1"))


def test_a_head_of_2048_numbers_on_features_of_512(dataset, tmp_path):
    state = {
        "feature_extractor.weight": np.zeros((512, 2048), np.float32),
        "feature_extractor.bias": np.zeros(512, np.float32),
        "pool_layer.clusters": np.zeros((512, 2), np.float32),
        "pool_layer.clusters2": np.zeros((1, 512, 2), np.float32),
        "fc.weight": np.zeros((18, 1024), np.float32),
        "fc.bias": np.zeros(18, np.float32),
    }
    path = write_torch(tmp_path / "model.pth.tar", state)
    with pytest.raises(UsageError, match=f"rows of 2048 numbers, but {FEATURE} has 512"):
        import_head.main([str(path), "--out", str(tmp_path / "a"), "--feature", FEATURE])
    assert import_head.main([str(path), "--out", str(tmp_path / "b"), "--feature", "Picture"]) == 0
    assert predict.main(arguments(dataset, tmp_path / "b", tmp_path / "out")) == 3


def test_heads_side_by_side(dataset, head, tmp_path, capsys, monkeypatch):
    other = tmp_path / "late"
    weight = np.zeros((18, 512), np.float32)
    weight[np.arange(1, 18), np.arange(17)] = 1.0
    state = {"fc.weight": weight, "fc.bias": np.full(18, -5, np.float32)}
    path = write_torch(tmp_path / "model.pth.tar", state)
    import_head.main([str(path), "--out", str(other), "--window", "10"])
    wide = {"fc.weight": np.zeros((18, 512), np.float32), "fc.bias": np.zeros(18, np.float32)}
    write_torch(path, wide)
    import_head.main([str(path), "--out", str(tmp_path / "nowhere"), "--feature", "VGGish"])
    monkeypatch.setenv("ACTION_SPOTTING_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    capsys.readouterr()
    named = [str(head), str(other), str(tmp_path / "nowhere"), "spivak-resnet"]
    line = ["--soccernet_dirpath", str(dataset), "--split", "test", "--models", *named]
    line += ["--out", str(tmp_path / "out"), "--bootstrap", "20"]
    assert compare_heads.main(line) == 3
    text = capsys.readouterr().out
    assert "skipped nowhere: none of 1 games has VGGish" in text
    assert "skipped spivak-resnet: spivak-resnet is not here" in text
    assert "more than maxpool" in text
    content = json.loads((tmp_path / "out/comparison.json").read_text())
    assert list(content["heads"]) == ["late", "maxpool"]
    scores = {name: scored["tight"]["a_mAP"] for name, scored in content["heads"].items()}
    assert scores["maxpool"] == pytest.approx(len(SHOWN) / len(ACTIONS_V2), abs=0.03)
    assert scores["late"] < scores["maxpool"]
    assert content["differences"]["late"]["tight"]["a_mAP"] < 0
    assert (tmp_path / "out/comparison.png").stat().st_size > 1000
    made = tmp_path / "out/maxpool" / GAMES[0] / "Predictions-v2.json"
    before = made.stat().st_mtime_ns
    assert compare_heads.main(line) == 3
    assert made.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_video_with_a_head_of_three_classes(tone_video, tmp_path):
    from action_spotting.extraction.registry import Pretrained
    from action_spotting.pipeline.video import spot_video
    from action_spotting.pipeline.video_plan import VideoPlan

    state = {"fc.weight": np.ones((4, 512), np.float32), "fc.bias": np.zeros(4, np.float32)}
    path = write_torch(tmp_path / "model.pth.tar", state)
    import_head.main([str(path), "--out", str(tmp_path / "head"), "--feature", "VGGish"])
    out = tmp_path / "out"
    plan = VideoPlan(
        (tone_video,), (tmp_path / "head",), out, pretrained=Pretrained(vggish="random")
    )
    outcome = spot_video(plan)
    assert outcome.spots.classes == ("card", "subs", "soccer")
    assert set(outcome.files) >= {"predictions", "report", "heads"}
    assert (out / "Predictions-v1.json").is_file()
    assert any("VGGish was made with random weights" in notice for notice in outcome.notices)
    assert any("is a published head" in notice for notice in outcome.notices)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "other"}, "kind 'other', but settings of 'netvlad'"),
        ({"version": 7}, "version 7, this toolkit reads 1; import it anew"),
        ({"settings": {}}, "missing required field"),
        ({"settings": {"chunk_rows": 10**6}}, "expected `int` <= 4096|Expected `int` <= 4096"),
        ({"settings": {"classes": ["Gaol"]}}, r"\['Gaol'\] are no classes of version 2"),
        ({"settings": {"modality": "../x"}}, "are not all names"),
        ({"settings": {"parts": 2}}, "not the variables of this network"),
    ],
)
def test_model_folders_that_were_changed(change, match, head, tmp_path):
    from action_spotting.fusion.prediction import load_models

    content = json.loads((head / "model.json").read_text())
    if change.get("settings"):
        change = {"settings": content["settings"] | change["settings"]}
    (tmp_path / "model.json").write_text(json.dumps(content | change))
    (tmp_path / "weights.npz").write_bytes((head / "weights.npz").read_bytes())
    with pytest.raises((InputError, UsageError), match=match):
        load_models([tmp_path])
