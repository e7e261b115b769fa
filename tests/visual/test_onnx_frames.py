"""Features of ONNX image networks: equal to the network called by hand; what is refused."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from action_spotting.dataset.feature_types import AUDIO, PICTURE, own_name
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip
from action_spotting.dataset.records import read_record, sha256
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.onnx_encoder import EncoderSettings
from action_spotting.extraction.registry import Pretrained, make_extractor
from action_spotting.visual.frames import FrameOptions, with_frames
from action_spotting.visual.onnx_frames import OnnxFrames, PictureSettings, fit_square
from action_spotting.visual.transforms import square

PLAIN = PictureSettings(16, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def save(path, nodes, shape, constants=(), output=None):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, name) for name, value in constants],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


@pytest.fixture
def convolution(tmp_path):
    """A convolution whose rectified map ``h`` is averaged: ``y`` of five numbers."""
    kernel = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], strides=[4, 4]),
        helper.make_node("Relu", ["c"], ["h"]),
        helper.make_node("ReduceMean", ["h"], ["y"], axes=[2, 3], keepdims=0),
    ]
    return save(tmp_path / "n.onnx", nodes, ["n", 3, "h", "w"], [("k", kernel)])


def mean_colour(path, shape=("n", 3, "h", "w"), axes=(2, 3)):
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=list(axes), keepdims=0)
    return save(path, [node], list(shape))


def rows_of(extractor, frames):
    return np.concatenate(list(extractor.rows(iter(frames), None)))


@pytest.mark.parametrize("transform", ["crop", "resize", "letterbox"])
def test_rows_equal_the_network_called_by_hand(convolution, videos, transform):
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    pictures = PictureSettings(64, transform=transform)
    extractor = OnnxFrames(EncoderSettings(convolution, batch_size=3), pictures, FrameOptions(2.0))
    frames = with_frames(Clip(videos["plain"]), FrameOptions(2.0), list)
    session = onnxruntime.InferenceSession(str(convolution), providers=["CPUExecutionProvider"])
    by_hand = []
    for frame in frames:
        rgb = fit_square(frame, 64, transform)[:, :, ::-1].astype(np.float32) / 255
        picture = ((rgb - mean) / std).transpose(2, 0, 1)[None]
        by_hand.append(session.run(None, {"x": picture})[0][0])
    have = rows_of(extractor, frames)
    assert have.shape == (len(frames), 5) == (len(frames), extractor.width)
    np.testing.assert_allclose(have, by_hand, atol=1e-6)


def test_a_crop_is_resnet_s_and_a_letterbox_keeps_all():
    frame = np.random.default_rng(1).integers(0, 255, (224, 398, 3), dtype=np.uint8)
    np.testing.assert_array_equal(fit_square(frame, 224, "crop"), square(frame))
    boxed = fit_square(frame, 199, "letterbox")
    assert (boxed[0] == 114).all()
    assert (boxed[99] != 114).any()
    assert fit_square(frame[:, :10], 224, "crop").shape == (224, 224, 3)


def test_channel_orders_and_layouts_by_colour(tmp_path):
    blue = np.zeros((16, 16, 3), np.uint8)
    blue[..., 0] = 255
    first = mean_colour(tmp_path / "first.onnx", (2, 3, 16, 16))
    last = mean_colour(tmp_path / "last.onnx", ("n", "h", "w", 3), (1, 2))
    for path in (first, last):
        for order, row in (("rgb", [0, 0, 1]), ("bgr", [1, 0, 0])):
            settings = PictureSettings(16, PLAIN.mean, PLAIN.std, channel_order=order)
            extractor = OnnxFrames(EncoderSettings(path), settings)
            np.testing.assert_allclose(rows_of(extractor, [blue] * 3), [row] * 3)


def test_an_array_inside_the_network_may_be_taken(convolution):
    frames = [np.full((64, 64, 3), 90, np.uint8)] * 2
    averaged = OnnxFrames(EncoderSettings(convolution), PictureSettings(64))
    inner = OnnxFrames(EncoderSettings(convolution, output="h"), PictureSettings(64))
    np.testing.assert_allclose(rows_of(inner, frames), rows_of(averaged, frames), atol=1e-6)
    every = OnnxFrames(EncoderSettings(convolution, output="h", pool="none"), PictureSettings(64))
    assert every.width == 5 * 16 * 16
    with pytest.raises(UsageError, match="unknown output 'hh'. Known: y"):
        OnnxFrames(EncoderSettings(convolution, output="hh"), PictureSettings(64))
    with pytest.raises(UsageError, match="no list of tokens"):
        OnnxFrames(EncoderSettings(convolution, output="h", pool="cls"), PictureSettings(64))


def test_sizes(tmp_path, convolution):
    with pytest.raises(UsageError, match="any size: name the one .* such as --size 224"):
        OnnxFrames(EncoderSettings(convolution))
    fixed = mean_colour(tmp_path / "fixed.onnx", ("n", 3, 32, 32))
    assert OnnxFrames(EncoderSettings(fixed)).settings["side"] == 32
    with pytest.raises(UsageError, match="--size 64: .* was exported for 32; leave --size out"):
        OnnxFrames(EncoderSettings(fixed), PictureSettings(64))
    for shape in (("n", 1, 32, 32), ("n", 3, 32, 64), ("n", 3)):
        path = mean_colour(tmp_path / "odd.onnx", shape, axes=(1,))
        with pytest.raises(InputError, match="pictures .* are expected"):
            OnnxFrames(EncoderSettings(path))
    with pytest.raises(InputError, match="GB, of 2 allowed"):
        OnnxFrames(EncoderSettings(convolution, batch_size=4096), PictureSettings(4096))


def test_nan_out_of_a_network_stops_the_half_alone(tmp_path, visual_door, videos, capsys):
    """Dark pictures are answered, bright ones with the logarithm of what is below 0."""
    less = helper.make_node("Sub", ["one", "x"], ["z"])
    nodes = [
        less,
        helper.make_node("Log", ["z"], ["l"]),
        helper.make_node("ReduceMean", ["l"], ["y"], axes=[2, 3], keepdims=0),
    ]
    one = ("one", np.float32(0.9))
    path = save(tmp_path / "n.onnx", nodes, ["n", 3, 16, 16], [one])
    main = visual_door("ExtractONNX").main
    place = tmp_path / "out"
    words = ["--path_video", str(videos["plain"]), "--path_features", str(place)]
    words += ["--onnx", str(path), "--name", "Log", "--mean", "0", "--std", "1"]
    assert main(words) == 3
    assert "output is not finite" in capsys.readouterr().out
    assert not list(place.glob("*.npy"))


def test_the_door_and_the_record(tmp_path, visual_door, videos, convolution, capsys):
    main = visual_door("ExtractONNX").main
    words = ["--path_video", str(videos["plain"]), "--path_features", str(tmp_path)]
    words += ["--onnx", str(convolution), "--name", "Own", "--size", "32", "--fps", "5"]
    assert main(words) == 0
    (path,) = tmp_path.glob("*_Own.npy")
    assert open_feature(path, 5).shape[0] > 15
    settings = read_record(path)["settings"]
    assert settings["weights"] == {"sha256": sha256(convolution)}
    assert (settings["fps"], settings["offset_s"]) == (5.0, 0.2)
    assert main(words) == 0
    assert "1 already there" in capsys.readouterr().out
    assert main([*words, "--transform", "resize"]) == 3
    assert "transform is 'crop', not 'resize'" in capsys.readouterr().out
    again = make_extractor("Own", Pretrained(onnx=(convolution,)), settings)
    assert json.loads(json.dumps(again.settings)) == settings
    other = mean_colour(tmp_path / "other.onnx")
    for files in ((), (other,)):
        with pytest.raises(UsageError, match="name its file with --onnx"):
            make_extractor("Own", Pretrained(onnx=files), settings)
    with pytest.raises(InputError, match="lacks side"):
        make_extractor(
            "Own",
            Pretrained(onnx=(convolution,)),
            {k: settings[k] for k in settings if k != "side"},
        )


@pytest.mark.parametrize(
    "words",
    [
        ["--mean", "0.5", "0.5"],
        ["--std", "0"],
        ["--mean", "nan"],
        ["--name", "a/b"],
        ["--name", "ResNET_TF2"],
        ["--name", "Own_PCA64"],
        ["--onnx", "nowhere.onnx"],
        ["--medium", "audio", "--fps", "5"],
    ],
)
def test_wrong_words_are_usage_errors(tmp_path, visual_door, videos, convolution, words):
    main = visual_door("ExtractONNX").main
    given = ["--path_video", str(videos["plain"]), "--path_features", str(tmp_path / "out")]
    given += ["--onnx", str(convolution), "--name", "Own", "--size", "32", *words]
    with pytest.raises((UsageError, SystemExit)) as wrong:
        main(given)
    assert getattr(wrong.value, "code", 2) == 2
    assert not list(tmp_path.rglob("*.npy"))


def test_names_of_one_s_own():
    assert own_name("PANNs_audio", AUDIO) == "PANNs_audio"
    for name, medium in (("PANNs_audio", PICTURE), ("", PICTURE), ("YOLOv5", PICTURE)):
        with pytest.raises(UsageError, match="--name"):
            own_name(name, medium)
