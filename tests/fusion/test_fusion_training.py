"""Training, prediction and ablation on small matches, through the library and the doors."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from SoccerNet.Evaluation import ActionSpotting as official

from action_spotting.dataset.event_files import read_predictions
from action_spotting.dataset.layout import feature_path, labels_path, predictions_path
from action_spotting.dataset.rates import Rate
from action_spotting.dataset.records import record_path
from action_spotting.errors import InputError, UsageError
from action_spotting.evaluation.evaluate import score_folder
from action_spotting.evaluation.scoring import average_map
from action_spotting.fusion.settings import make_settings
from action_spotting.io.locks import claim

NAMES = ("Picture", "Sound")
TEST = "league/season/test 0"
DOORS = Path(__file__).parents[2] / "Models"

pytestmark = pytest.mark.slow


def settings(**given):
    tiny = {
        "modalities": NAMES,
        "epochs": 3,
        "epoch_chunks": 32,
        "batch_size": 8,
        "chunk_rows": 40,
        "width": 16,
        "branch_width": 8,
        "dilations": (2,),
        "branch_dilations": (1,),
    }
    return make_settings("small", **{**tiny, **given})


def fit(root: Path, model_dir: Path, **given):
    from action_spotting.fusion.training import train

    names = ("resume", "overwrite", "after_epoch", "rates")
    options = {k: given.pop(k) for k in names if k in given}
    chosen = settings(**given)
    return train(
        root,
        [f"league/season/train {i}" for i in range(3)],
        ["league/season/valid 0"],
        model_dir,
        chosen,
        score=partial(average_map, metric="tight"),
        **options,
    )


def door(name: str):
    spec = importlib.util.spec_from_file_location(name, DOORS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope="module")
def data(tmp_path_factory, matches_at) -> Path:
    return matches_at(tmp_path_factory.mktemp("fusion") / "data")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    fit(data, folder, epochs=12, epoch_chunks=96, learning_rate=5e-3)
    return folder


def model_bytes(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("model.json", "weights.npz", "log.csv")]


def test_a_killed_training_goes_on_to_the_identical_model(data, tmp_path):
    class KilledError(Exception):
        pass

    def kill(epoch: int) -> None:
        if epoch == 2:
            raise KilledError

    fit(data, tmp_path / "whole")
    with pytest.raises(KilledError):
        fit(data, tmp_path / "killed", after_epoch=kill)
    fit(data, tmp_path / "killed", resume=True)
    assert model_bytes(tmp_path / "killed") == model_bytes(tmp_path / "whole")


def test_a_rate_that_is_the_head_s_changes_no_byte(data, tmp_path):
    tiny = {"epochs": 1, "fusion": "embedding", "epoch_chunks": 8}
    fit(data, tmp_path / "untold", **tiny)
    rates = {"Picture": Rate(2.0, 0.5), "Sound": Rate(2.0, 0.25)}
    fit(data, tmp_path / "told", **tiny, rates=rates)
    assert model_bytes(tmp_path / "told") == model_bytes(tmp_path / "untold")
    assert "rates" not in json.loads((tmp_path / "told" / "model.json").read_text())


def test_a_feature_of_half_the_rate_trains_beside_the_others_and_is_placed_alike(data, tmp_path):
    from action_spotting.fusion.prediction import Ensemble, load_models, predict_game

    root = tmp_path / "data"
    shutil.copytree(data, root)
    for path in root.rglob("?_Picture.npy"):
        rows = np.load(path)
        np.save(path.with_name(f"{path.name[0]}_Slow.npy"), (rows[::2] + rows[1::2]) / 2)
    tiny = {"epochs": 1, "epoch_chunks": 8, "modalities": ("Slow", "Sound")}
    rates = {"Slow": Rate(1.0, 0.5)}
    fit(root, tmp_path / "m", **tiny, rates=rates)
    models = load_models([tmp_path / "m"])
    assert models.rates == rates
    spots, _ = predict_game(root, TEST, models)
    same = load_models([tmp_path / "m"], rates=rates)
    assert predict_game(root, TEST, same)[0].position_ms.tolist() == spots.position_ms.tolist()
    wrong = load_models([tmp_path / "m"], rates={"Slow": Rate(2.0, 0.5)})
    with pytest.raises(InputError, match=r"1_Slow\.npy has 45 rows, but .*1_Sound\.npy has 90"):
        predict_game(root, TEST, wrong)
    with pytest.raises(UsageError, match="--rate: unknown modality 'Slo'; did you mean 'Slow'"):
        load_models([tmp_path / "m"], rates={"Slo": Rate(2.0, 0.5)})
    with pytest.raises(UsageError, match=r"rates\.Slow\.offset_s is 1\.0, not 0\.5"):
        fit(root, tmp_path / "m", **tiny, rates={"Slow": Rate(1.0, 1.0)})
    other = load_models([tmp_path / "m"]).models[0]
    other.rates = {}
    with pytest.raises(UsageError, match="place the rows of Slow at different times"):
        Ensemble([*models.models, other])


def test_another_seed_gives_another_model_and_other_settings_are_refused(data, tmp_path):
    tiny = {"epochs": 1, "fusion": "embedding", "epoch_chunks": 8}
    fit(data, tmp_path, **tiny)
    with pytest.raises(UsageError, match="seed was 0, now 1"):
        fit(data, tmp_path, **tiny, seed=1)
    before = model_bytes(tmp_path)
    fit(data, tmp_path, **tiny, seed=1, overwrite=True)
    assert model_bytes(tmp_path) != before


def test_a_training_does_not_go_on_with_other_features(data, tmp_path):
    root, model = tmp_path / "data", tmp_path / "model"
    shutil.copytree(data, root)
    fit(root, model, epochs=2, epoch_chunks=8)
    for path in root.rglob("*_Sound.json"):
        record = json.loads(path.read_text())
        record["settings"]["weights"]["sha256"] = "other"
        path.write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"features\.Sound\.weights\.sha256 is 'other', not 'abc'"):
        fit(root, model, epochs=2, epoch_chunks=8, resume=True)
    for path in root.rglob("*_Picture.npy"):
        np.save(path, np.load(path)[:, :10])
    with pytest.raises(UsageError, match=r"width\.Picture is 10, not 12"):
        fit(root, model, epochs=2, epoch_chunks=8)


def test_two_processes_do_not_train_in_one_folder(data, tmp_path):
    with claim(tmp_path / "m" / "model.json"), pytest.raises(UsageError, match="in work elsewhere"):
        fit(data, tmp_path / "m")
    assert fit(data, tmp_path / "m", epochs=1).best_epoch == 1


def test_resume_needs_a_checkpoint(data, tmp_path):
    with pytest.raises(UsageError, match=r"no checkpoint\.npz to go on from"):
        fit(data, tmp_path, resume=True)


@pytest.mark.parametrize(
    "given", [{"fusion": "embedding"}, {"fusion": "score"}, {"head": "netvlad"}]
)
def test_every_head_and_fusion_trains_and_predicts(data, tmp_path, given):
    from action_spotting.fusion.prediction import load_models, predict

    numbers = {"chunk_rows": 30, "epoch_chunks": 16, "dropout": 0.1}
    result = fit(data, tmp_path / "model", epochs=1, **given, **numbers)
    assert result.log[0]["loss"] > 0
    models = load_models([tmp_path / "model"])
    assert predict(data, [TEST], models, tmp_path / "out").done == [TEST]


def test_hidden_features_stay_hidden_through_a_chunk():
    import tensorflow as tf

    from action_spotting.fusion.model import make_network

    given = settings(modalities=("Sound",), dropout=0.0, feature_dropout=0.5)
    encoder = make_network(given, {"Sound": 8}).encoders[0]
    ones = tf.ones((3, 16, 1))
    x = tf.random.stateless_normal((3, 1, 8), (0, 1)) + tf.zeros((3, 16, 8))

    def embed(seed):
        return encoder(x, ones, ones, seed=seed)[0].numpy()[:, 4]  # clear of the chunk's ends

    plain, first = embed(None), embed(tf.constant([3, 4]))
    again = encoder(x, ones, ones, seed=tf.constant([3, 4]))[0].numpy()
    np.testing.assert_array_equal(again[:, 4], again[:, 11])
    np.testing.assert_array_equal(first, again[:, 4])
    assert np.abs(first - plain).max(axis=1).min() > 0.01
    assert np.abs(first - embed(tf.constant([5, 6]))).max() > 0.01


def test_the_branches_that_are_there_stand_in_for_those_that_are_not():
    import tensorflow as tf

    from action_spotting.fusion.model import make_network

    network = make_network(settings(fusion="score"), {"Picture": 3, "Sound": 2})
    network._summand.assign(tf.random.normal(network._summand.shape))
    features = {"Picture": tf.random.normal((1, 5, 3)), "Sound": tf.random.normal((1, 5, 2))}
    present = {"Picture": tf.zeros((1, 5)), "Sound": tf.ones((1, 5))}
    found = network(features, present, tf.ones((1, 5)))
    evidence = found["branches"][1] - network._bias
    wanted = tf.reduce_sum(network.summand_weights, axis=0) * evidence + network._bias
    assert found["logits"].numpy() == pytest.approx(wanted.numpy(), abs=1e-4)


def test_what_is_loaded_says_what_was_saved(data, trained):
    from action_spotting.fusion.model import load_model
    from action_spotting.fusion.prediction import Ensemble

    features = {name: np.load(feature_path(data / TEST, 1, name)) for name in NAMES}
    one, two = load_model(trained), load_model(trained)
    assert (one.score_rows(features).logits == two.score_rows(features).logits).all()
    assert one.provenance["Sound"]["weights"]["sha256"] == "abc"
    ensemble = Ensemble([one, two])
    assert ensemble.score_rows(features).logits == pytest.approx(one.score_rows(features).logits)
    alone = ensemble.spot_half({"Sound": features["Sound"]}, half=2, probability=True)
    assert set(alone.half) == {2}
    assert alone.confidence.max() <= 1
    with pytest.raises(UsageError, match="none of the model's modalities"):
        one.score_rows({"Video": features["Sound"]})
    with pytest.raises(InputError, match=r"Sound has shape \(90, 12\), expected \(rows, 6\)"):
        one.score_rows({"Sound": features["Picture"]})


def test_a_modality_to_leave_out_must_be_the_models(data, trained, tmp_path):
    from action_spotting.fusion.prediction import load_models, predict

    models = load_models([trained])
    with pytest.raises(UsageError, match="did you mean 'Sound'"):
        predict(data, [TEST], models, tmp_path, without=["Sounds"])
    summary = predict(data, [TEST], models, tmp_path, without=NAMES)
    assert "no feature file of Picture, Sound" in summary.failures[TEST]


def test_it_finds_events_and_does_not_without_their_features(data, trained, tmp_path):
    from action_spotting.fusion.prediction import load_models, predict

    def tight(root: Path) -> float:
        predict(root, [TEST], load_models([trained]), tmp_path / "out")
        from action_spotting.dataset.event_files import read_labels

        spots = read_predictions(predictions_path(tmp_path / "out", TEST))
        truth = read_labels(labels_path(data, TEST))
        return average_map([truth], [spots], metric="tight").average_map * 17 / 3

    assert tight(data) > 0.6
    shuffled = tmp_path / "shuffled"
    shutil.copytree(data / TEST, shuffled / TEST)
    for half in (1, 2):
        order = np.random.default_rng(half).permutation(90)
        for name in NAMES:
            path = feature_path(shuffled / TEST, half, name)
            np.save(path, np.load(path)[order])
    assert tight(shuffled) < 0.3


def test_a_half_without_a_modality_or_with_nan_is_spotted(data, trained, tmp_path):
    from action_spotting.fusion.prediction import load_models, predict

    shutil.copytree(data / TEST, tmp_path / TEST)
    feature_path(tmp_path / TEST, 1, "Sound").unlink()
    path = feature_path(tmp_path / TEST, 2, "Picture")
    values = np.load(path)
    values[7:9] = np.nan
    np.save(path, values)
    summary = predict(tmp_path, [TEST], load_models([trained]), tmp_path / "out")
    assert summary.exit_code == 0
    assert "half 1 is without Sound" in summary.warnings[TEST]
    assert "2_Picture.npy: 2 rows hold NaN" in summary.warnings[TEST]


def test_features_made_otherwise_are_refused_with_the_settings_name(data, trained, tmp_path):
    from action_spotting.fusion.prediction import load_models, predict

    shutil.copytree(data / TEST, tmp_path / TEST)
    path = record_path(feature_path(tmp_path / TEST, 1, "Sound"))
    record = json.loads(path.read_text())
    record["settings"]["weights"]["sha256"] = "other"
    path.write_text(json.dumps(record))
    summary = predict(tmp_path, [TEST], load_models([trained]), tmp_path / "out")
    assert summary.exit_code == 3
    assert "Sound: weights.sha256 is 'other', not 'abc'" in summary.failures[TEST]


def test_a_model_of_another_version_or_damaged_is_refused(trained, tmp_path):
    from action_spotting.fusion.model import load_model

    with pytest.raises(UsageError, match=r"no model\.json"):
        load_model(tmp_path)
    shutil.copytree(trained, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "version": 99}))
    with pytest.raises(UsageError, match="version 99, this toolkit reads 1"):
        load_model(path.parent)
    path.write_text(json.dumps(content))
    weights = path.with_name("weights.npz")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"weights\.npz: not a whole \.npz file"):
        load_model(path.parent)


def test_no_event_in_the_training_games_is_an_error(data, tmp_path):
    with pytest.raises(InputError, match="no event of the 1 classes in 3 training games"):
        fit(data, tmp_path, classes=("Penalty",))


def test_the_doors_train_predict_zip_and_ablate(data, tmp_path, capsys):
    model, out = str(tmp_path / "model"), tmp_path / "out"
    arguments = ["--soccernet_dirpath", str(data), "--model_dir", model]
    numbers = ["--epochs", "1", "--epoch_chunks", "16", "--dilations", "1", "--width", "16"]
    train = [*arguments, "--modalities", *NAMES, "--preset", "small", *numbers]
    assert door("TrainSpotting")([*train, "--tensorboard", str(tmp_path / "events")]) == 0
    assert list((tmp_path / "events").iterdir())
    assert "trained 1 epochs" in capsys.readouterr().out
    predict = [*arguments, model, "--split", "test", "--out", str(out)]
    assert (
        door("PredictSpotting")([*predict, "--zip", str(tmp_path / "a.zip"), "--save_scores"]) == 0
    )
    first = predictions_path(out, TEST).read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == [f"{TEST}/results_spotting.json"]
        assert json.loads(archive.read(archive.namelist()[0])) == json.loads(first)
    with mock.patch.object(official, "getListGames", return_value=[TEST]):
        theirs = official.evaluate(str(data), str(tmp_path / "a.zip"), metric="loose")
    ours = score_folder(data, out).results["loose"]
    assert theirs["a_mAP"] == pytest.approx(ours.average_map, abs=1e-9)
    assert theirs["a_mAP"] > 0
    with np.load(out / TEST / "1_scores.npz") as scores:
        assert scores["logits"].shape == (90, 17)
    assert door("PredictSpotting")(predict) == 0
    assert predictions_path(out, TEST).read_bytes() == first
    assert door("PredictSpotting")([*predict, "--ablate"]) == 0
    assert "only Picture" in capsys.readouterr().out
    table = json.loads((out / "ablation.json").read_text())
    assert set(table["average"]["tight"]) == {"all", "only Picture", "only Sound"}
    assert (out / "ablation.png").stat().st_size > 5000


@pytest.mark.parametrize("name", ["TrainSpotting", "PredictSpotting"])
def test_help_answers_without_tensorflow(name):
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        f"try: runpy.run_path({str(DOORS / (name + '.py'))!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--model_dir" in done.stdout
