"""ResNet-152: the original's numbers from a seeded network, weights that are not its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_spotting.backend import Device
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip
from action_spotting.dataset.records import compare_settings, read_record
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import Job
from action_spotting.io.pretrained import WeightsUnavailable
from action_spotting.visual import resnet_network
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.resnet import ResNetExtractor
from action_spotting.visual.resnet_network import Settings, build_model
from action_spotting.visual.transforms import square

SMALL = Settings(weights="random", batch_size=4, engine="tensorflow")


@pytest.fixture(scope="session")
def extractor() -> ResNetExtractor:
    """The whole network with seeded weights."""
    return ResNetExtractor(SMALL)


@pytest.fixture(scope="session")
def pictures(videos) -> np.ndarray:
    """Six different frames."""
    return with_frames(
        Clip(videos["plain"]), FrameOptions(), lambda frames: np.array([square(f) for f in frames])
    )[:6]


def cosine(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.slow
def test_numbers_are_the_originals(extractor, pictures):
    """As the original: BGR pictures to preprocess_input, ResNet152 up to avg_pool, predict."""
    import keras

    ours = build_model(None)
    model = keras.applications.ResNet152(weights=None, include_top=True)
    model = keras.Model(model.input, model.get_layer("avg_pool").output)
    model.set_weights(ours.get_weights())
    for order, given in (("soccernet", pictures), ("rgb", pictures[..., ::-1])):
        want = model.predict(
            keras.applications.resnet.preprocess_input(given.astype(np.float32)), verbose=0
        )
        if order == "soccernet":
            have = extractor.features(pictures)
        else:
            have = ResNetExtractor(replace(SMALL, channel_order=order)).features(pictures)
        np.testing.assert_allclose(have, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


@pytest.mark.slow
def test_a_frame_has_the_same_features_wherever_it_stands(extractor, pictures):
    together = extractor.features(pictures)
    np.testing.assert_array_equal(extractor.features(pictures[::-1])[::-1], together)
    np.testing.assert_array_equal(extractor.features(pictures[4:5]), together[4:5])


@pytest.mark.slow
def test_seeded_features_tell_frames_apart(extractor, pictures):
    have = extractor.features(pictures)
    assert np.isfinite(have).all()
    assert np.ptp(have, axis=0).max() > 0.05 * have.max()
    assert np.linalg.matrix_rank(have - have.mean(axis=0)) == len(have) - 1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_other_precisions_point_the_same_way(extractor, pictures, precision):
    have = ResNetExtractor(replace(SMALL, precision=precision)).features(pictures)
    assert have.dtype == np.float32
    assert cosine(have, extractor.features(pictures)).min() > 0.999


@pytest.mark.slow
def test_engines_are_one_make_in_float32(extractor, pictures):
    pytest.importorskip("openvino")
    want = extractor.features(pictures)
    assert extractor.settings["engine"] == "tensorflow"
    auto = ResNetExtractor(Settings(weights="random", batch_size=4))
    assert auto.settings["engine"] == "openvino"
    assert compare_settings(auto.settings, extractor.settings) == []
    have = auto.features(pictures)
    np.testing.assert_allclose(have, want, rtol=0, atol=1e-4 * np.abs(want).max())
    assert cosine(have, want).min() > 0.999999
    half = ResNetExtractor(Settings(weights="random", batch_size=4, precision="bfloat16"))
    assert cosine(half.features(pictures), want).min() > 0.999
    other = {**half.settings, "engine": "tensorflow"}
    assert compare_settings(half.settings, other) == ["engine is 'openvino', not 'tensorflow'"]


@pytest.mark.slow
def test_halves_at_once_give_the_same_bytes(extractor, videos, tmp_path):
    clips = [Clip(videos[name]) for name in ("plain", "mp4")]
    for workers in (1, 2):
        targets = [tmp_path / str(workers) / f"{i}_ResNET_TF2.npy" for i in (1, 2)]
        jobs = [Job(lambda c=c: c, {t: "R"}) for t, c in zip(targets, clips, strict=True)]
        (summary,) = extract_all({"R": lambda: extractor}, jobs, workers=workers)
        assert len(summary.done) == 2
    for i in (1, 2):
        one, two = (tmp_path / str(n) / f"{i}_ResNET_TF2.npy" for n in (1, 2))
        assert one.read_bytes() == two.read_bytes()
    assert read_record(two)["settings"] == {
        "fps": 2.0,
        "sampling": "soccernet",
        "grabber": "pyav",
        "transform": "crop",
        "weights": {"random": "seed 0"},
        "channel_order": "soccernet",
        "precision": "float32",
        "engine": "tensorflow",
    }


@pytest.mark.slow
def test_the_door_makes_a_dataset(visual_door, videos, tmp_path, capsys):
    game = tmp_path / "data" / "l" / "s" / "g"
    game.mkdir(parents=True)
    for half in (1, 2):
        (game / f"{half}_HQ.mkv").write_bytes(videos["plain"].read_bytes() if half == 1 else b"?")
    (game / "video.ini").write_text(
        "[1_HQ.mkv]\nstart_time_second = 1.0\nduration_second = 2.0\n"
        "[2_HQ.mkv]\nstart_time_second = 0.5\nduration_second = 2.0\n"
    )
    main = visual_door("ExtractResNET_TF2").main
    root = ["--soccernet_dirpath", str(tmp_path / "data"), "--video", "HQ", "--GPU", "-1"]
    network = ["--weights", "random", "--batch_size", "4"]
    assert main([*root, *network, "--verbose"]) == 3
    told = capsys.readouterr().out
    assert "1 made, 0 already there, 1 failed" in told
    assert "2_HQ.mkv: not a media file" in told
    assert open_feature(game / "1_ResNET_TF2.npy").shape == (5, 2048)
    assert main([*root, *network, "--transform", "resize"]) == 3
    assert "transform is 'crop', not 'resize'" in capsys.readouterr().out
    single = ["--path_video", str(videos["plain"]), "--path_features", str(tmp_path / "x.npy")]
    assert main([*single, "--start", "1", "--duration", "2", *network, "--GPU", "-1"]) == 0
    have, want = open_feature(tmp_path / "x.npy"), open_feature(game / "1_ResNET_TF2.npy")
    np.testing.assert_array_equal(have, want)


@pytest.mark.slow
def test_weights_of_resnet_152_load_and_others_are_named(tmp_path):
    import keras

    path = tmp_path / "whole.h5"
    model = keras.applications.ResNet152(weights=None, include_top=True)
    model.save(path)
    loaded = build_model(path)
    name = "conv5_block3_3_conv"
    for have, want in zip(
        loaded.get_layer(name).weights, model.get_layer(name).weights, strict=True
    ):
        np.testing.assert_array_equal(have, want)
    other = tmp_path / "other.h5"
    keras.applications.ResNet50(weights=None, include_top=False).save(other)
    text = tmp_path / "text.h5"
    text.write_text("not weights")
    for wrong, match in ((other, "it has no layer"), (text, "not an HDF5 file")):
        with pytest.raises(InputError, match=f"not the weights of ResNet-152 .*{match}") as caught:
            build_model(wrong)
        assert str(wrong) in str(caught.value)


def test_weights_that_are_not_there_are_named(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no such file; expected imagenet, random, or a .h5"):
        resnet_network.load_network(Settings(weights=str(tmp_path / "none.h5")))
    monkeypatch.setenv("ACTION_SPOTTING_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setattr(resnet_network, "KERAS_CACHE", tmp_path / "keras")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(WeightsUnavailable, match="put it at .*cache.*or name a file"):
        resnet_network.load_network(Settings())
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / resnet_network.IMAGENET.name).write_text("damaged")
    with pytest.raises(UsageError, match="md5 is .*expected ee4c566c"):
        resnet_network.load_network(Settings(folder=folder))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"channel_order": "brg"}, "did you mean 'rgb'"),
        ({"precision": "float8"}, "did you mean 'float16'|did you mean 'float32'"),
        ({"engine": "tensorflo"}, "did you mean 'tensorflow'"),
        ({"batch_size": 0}, "1 or more"),
    ],
)
def test_wrong_settings_are_answered(options, match):
    with pytest.raises(UsageError, match=match):
        Settings(**options)


def test_a_wrong_transform_is_answered():
    with pytest.raises(UsageError, match="unknown transform 'cropp'; did you mean 'crop'"):
        ResNetExtractor(SMALL, transform="cropp")


def test_openvino_tells_nobody_that_it_is_used():
    code = (
        "from action_spotting.visual.resnet_openvino import import_openvino; import_openvino()\n"
        "from openvino.tools import ovc; print(type(ovc.telemetry).__module__)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.strip() == "openvino.tools.ovc.telemetry_stub"


def test_openvino_may_be_missing(monkeypatch):
    monkeypatch.setattr(resnet_network.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="OpenVINO is not installed; pip install openvino"):
        resnet_network._engine("openvino", Device())
    assert resnet_network._engine("auto", Device()) == "tensorflow"


def test_another_back_end_is_no_engine():
    with pytest.raises(UsageError, match="Keras runs on tensorflow here; set KERAS_BACKEND=jax"):
        resnet_network._engine("jax", Device())
    assert resnet_network._engine("auto", Device(gpu=0)) == "tensorflow"


def test_a_batch_that_a_gpu_has_no_memory_for_is_halved(caplog):
    import tensorflow as tf

    room = 20

    def run(batch):
        if len(batch) > room:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return batch

    assert resnet_network._fitting(run, np.asarray, 128, Device(gpu=0)) == 16
    assert "GPU 0 has no memory for batches of 128: they are of 16" in caplog.text
    room = 0
    with pytest.raises(UsageError, match="GPU 0 has not the memory for ResNet-152"):
        resnet_network._fitting(run, np.asarray, 2, Device(gpu=0))


def test_numbers_beyond_float16_are_told():
    def network(precision):
        record = {"precision": precision}
        return resnet_network.Network(lambda _: np.array([np.inf]), np.asarray, "", 1, record)

    with pytest.raises(InputError, match="float16 overflows .* take --precision bfloat16"):
        network("float16")(np.zeros(1))
    assert np.isinf(network("float32")(np.zeros(1)))


@pytest.mark.parametrize(
    "door", ["ExtractResNET_TF2", "ExtractYOLOv5", "ReduceFeaturesPCA", "DownloadSoccerNet"]
)
def test_help_answers_without_the_heavy_imports(door):
    """Run from the clone, without installation; TensorFlow alone takes seconds to import."""
    root = Path(__file__).parents[2]
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        f"try: runpy.run_path('Features/{door}.py', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'tensorflow', 'scipy', 'cv2', 'av', 'SoccerNet', 'onnxruntime', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "example:" in done.stdout


def test_usage_mistakes_end_with_2(visual_door):
    main = visual_door("ExtractResNET_TF2").main
    with pytest.raises(UsageError, match="give --soccernet_dirpath, or --path_video"):
        main([])
    with pytest.raises(UsageError, match="give either --soccernet_dirpath or --path_video"):
        main(["--path_video", "x.mkv", "--soccernet_dirpath", "x"])
    with pytest.raises(SystemExit, match="2"):
        main(["--soccernet_dirpath", "x", "--shard", "3/2"])
