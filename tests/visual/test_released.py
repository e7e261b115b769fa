"""SoccerNet's player boxes and calibrations: as features, for the right match only."""

from __future__ import annotations

import json

import numpy as np
import pytest

from action_spotting.dataset.features import open_feature
from action_spotting.dataset.layout import Half
from action_spotting.dataset.records import check_media, read_record
from action_spotting.errors import InputError, UsageError
from action_spotting.visual import camera_vector, yolov5_vector
from action_spotting.visual.released import convert
from action_spotting.visual.released_json import read_cameras, read_players

SIZE = (720, 1280)
PLAYERS = "1_player_boundingbox_maskrcnn.json"
CAMERAS = "1_field_calib_ccbv.json"


def camera(x_m: float = 0.0, y_m: float = 0.0, scale: float = 10.0) -> list[float]:
    """A view from right above of `scale` pixels a metre, its middle at ``(x_m, y_m)``."""
    return [scale, 0, 640 - scale * x_m, 0, scale, 360 - scale * y_m, 0, 0, 1]


def broadcast(pan: float, focal: float = 1500.0) -> np.ndarray:
    """A camera 20 m up and 60 m off the touchline, turned by `pan` and 15 degrees down."""
    tilt = np.radians(15)
    down = np.array([0.0, 0.0, -1.0])
    ahead = np.array([np.sin(pan) * np.cos(tilt), np.cos(pan) * np.cos(tilt), -np.sin(tilt)])
    right = np.cross(ahead, -down)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    inner = np.array([[focal, 0, 640], [0, focal, 360], [0, 0, 1]])
    place = np.array([0.0, -94.0, 20.0])
    outer = np.column_stack([rotation[:, 0], rotation[:, 1], -rotation @ place])
    return inner @ outer


@pytest.fixture
def half(tmp_path):
    made = Half(tmp_path, "l/s/g", 1)
    made.folder.mkdir(parents=True)
    return made


def write(half, name, predictions, size=SIZE):
    content = {"size": [len(predictions), *size, 3], "predictions": predictions}
    (half.folder / name).write_text(json.dumps(content))
    return half.folder / name


def players(count: int, frames: int = 8):
    box = [600.0, 300.0, 640.0, 400.0]
    frame = {
        "bboxes": [box] * count,
        "colors": [[255, 0, 0, 9][:3]] * count,
        "onfield": [1] * count,
    }
    return [frame] * frames


def number(rows, name, vector=camera_vector):
    return rows[:, vector.DIMENSIONS.index(name)]


def test_boxes_go_through_the_vector_of_yolov5(half):
    path = write(half, PLAYERS, [*players(2, 3), {}, None])
    boxes, size = read_players(path)
    assert (boxes.rows, len(boxes), size) == (5, 6, SIZE)
    np.testing.assert_allclose(boxes.box[0], [620 / 1280, 350 / 720, 40 / 1280, 100 / 720])
    np.testing.assert_allclose(boxes.colour[0], [0, 0, 1])  # blue, green, red
    summary = convert([half], "MaskRCNN")
    assert list(summary.warnings.values()) == [
        "neither media nor features to compare its duration with"
    ]
    rows = open_feature(half.feature("MaskRCNN"), 64)
    np.testing.assert_array_equal(rows, yolov5_vector.vectors(boxes))
    np.testing.assert_allclose(number(rows, "height_mean", yolov5_vector)[:3], 100 / 720)
    assert number(rows, "empty", yolov5_vector).tolist() == [0, 0, 0, 1, 1]
    assert read_record(half.feature("MaskRCNN"))["source"]["file"] == PLAYERS
    assert convert([half], "MaskRCNN").skipped == [str(half.feature("MaskRCNN"))]


def test_a_view_from_above_has_the_numbers_of_its_rectangle():
    matrices = np.array([camera(10, 5), camera(13, 5), camera(13, 5, scale=20), camera(-40, 5)])
    rows = camera_vector.vectors(matrices.reshape(-1, 3, 3), np.full(4, 0.9), SIZE)
    np.testing.assert_allclose(number(rows, "centre_x")[0], 10 / 52.5, rtol=1e-5)
    np.testing.assert_allclose(number(rows, "centre_y")[0], 5 / 34, rtol=1e-5)
    np.testing.assert_allclose(number(rows, "near_y")[0], (5 + 36) / 34, rtol=1e-5)
    np.testing.assert_allclose(
        number(rows, "span")[:3], [128 / 105, 128 / 105, 64 / 105], rtol=1e-5
    )
    np.testing.assert_allclose(number(rows, "shift_x")[:3], [0, 3 / 52.5, 0], atol=1e-6)
    np.testing.assert_allclose(number(rows, "zoom_change")[2], np.log(0.5), rtol=1e-5)
    assert number(rows, "cut").tolist() == [0, 0, 0, 1]
    assert number(rows, "circle_seen").tolist()[:2] == [1, 1]


def test_a_pan_of_a_broadcast_camera_moves_the_view_and_the_sign_is_free():
    pans = np.radians([0, 5, 10, 15])
    matrices = np.array([broadcast(pan) for pan in pans])
    rows = camera_vector.vectors(matrices, np.full(4, 0.9), SIZE)
    assert number(rows, "seen").all()
    centre = number(rows, "centre_x") * 52.5
    distance = 20 / np.tan(np.radians(15))
    np.testing.assert_allclose(centre, distance * np.sin(pans), atol=1e-3)
    assert (number(rows, "shift_x")[1:] > 0.1).all()
    assert number(rows, "cut").tolist() == [0, 0, 0, 0]
    assert (np.diff(number(rows, "right_box_seen")) >= 0).all()
    again = camera_vector.vectors(-3 * matrices, np.full(4, 0.9), SIZE)
    np.testing.assert_allclose(again, rows, atol=1e-9)


def test_calibrations_that_are_of_no_use_are_flagged_and_finite(half):
    entry = {"homography": camera(), "confidence": 0.9}
    weak, singular = {**entry, "confidence": 0.3}, {**entry, "homography": [0] * 9}
    nested = {**entry, "homography": np.reshape(camera(), (3, 3)).tolist()}
    horizon = {**entry, "homography": np.ravel(broadcast(0) @ np.diag([1, 1, 1])).tolist()}
    path = write(half, CAMERAS, [[entry], [weak], [], None, [singular], [nested], [horizon]])
    cameras = read_cameras(path)
    assert cameras.homography.shape == (7, 3, 3)
    assert convert([half], "CCBV").exit_code == 0
    rows = open_feature(half.feature("CCBV"), 20)
    assert number(rows, "seen").tolist() == [1, 0, 0, 0, 0, 1, 1]
    assert number(rows, "cut").tolist()[:6] == [0, 1, 0, 0, 0, 1]


def test_another_match_is_refused_by_duration_and_shape(half, new_video):
    write(half, PLAYERS, players(3, frames=40))
    np.save(half.feature("ResNET_TF2_PCA512"), np.zeros((60, 512), np.float32))
    (reason,) = convert([half], "MaskRCNN").failures.values()
    assert "20.0 s, but 1_ResNET_TF2_PCA512.npy has 30.0 s: of another match" in reason
    assert not half.feature("MaskRCNN").exists()
    new_video(half.folder / "1_224p.mkv", frames=500)  # 20 s: media count before features
    assert convert([half], "MaskRCNN").failures == {}
    check_media(half.feature("MaskRCNN"), half)
    for size in ((720, 720), (1280, 720)):
        write(half, PLAYERS, players(3, frames=40), size=size)
        (reason,) = convert([half], "MaskRCNN", overwrite=True).failures.values()
        assert "1.78 times as wide as high: of another match" in reason
    write(half, PLAYERS, players(1, frames=40), size=(576, 720))  # 16:9 in pixels that are wide
    assert convert([half], "MaskRCNN", overwrite=True).failures == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"size": [1, 720, 1280, 3]}',
        '{"size": [1, 0, 1280, 3], "predictions": [{"bboxes": []}]}',
        '{"size": [1, 720], "predictions": [{"bboxes": []}]}',
        '{"size": [0, 720, 1280, 3], "predictions": []}',
        '{"size": [1, 720, 1280, 3], "predictions": [{"bboxes": [[1, 2, 3]]}]}',
        '{"size": [1, 720, 1280, 3], "predictions": [{"bboxes": [[9, 2, 3, 4]]}]}',
        '{"size": [1, 720, 1280, 3], "predictions": [{"bboxes": [[1, 2, 3, 1e300]]}]}',
        '{"size": [1, 720, 1280, 3], "predictions": [{"bboxes": [[1, 2, 3, "4"]]}]}',
        '{"size": [1, 720, 1280, 3], "predictions": [{"bboxes": [[1, 2, 3, 4]], "scores": [2]}]}',
        '{"size": [1, 720, 1280, 3], "predictions": [{"bboxes": [[1, 2, 3, 4]], "colors": []}, 7]}',
        '{"size": [1, 720, 1280, 3], "predictions": [{"bboxes": [], "colors": [[1, 2, 3]]}]}',
        '{"size": [1, 720, 1280, 3], "predictions": [' + "[" * 100_000,
    ],
)
def test_files_that_hold_no_boxes_are_refused(half, content):
    (half.folder / PLAYERS).write_text(content)
    (half.folder / CAMERAS).write_text(content.replace("bboxes", "homography"))
    for read, name in ((read_players, PLAYERS), (read_cameras, CAMERAS)):
        with pytest.raises(InputError, match=name):
            read(half.folder / name)


def test_sizes_are_bounded(half, monkeypatch):
    path = write(half, PLAYERS, players(1001, frames=1))
    with pytest.raises(InputError, match="at most 1000"):
        read_players(path)
    monkeypatch.setattr("action_spotting.visual.released_json.MAX_BYTES", 1000)
    with pytest.raises(InputError, match="1_player_boundingbox_maskrcnn.json"):
        read_players(path)


def test_the_door(half, visual_door, capsys):
    write(half, PLAYERS, players(3))
    (half.folder / "Labels-v2.json").write_text("{}")
    main = visual_door("ConvertReleased").main
    assert main(["--soccernet_dirpath", str(half.root), "--features", "MaskRCNN"]) == 3
    told = capsys.readouterr().out
    assert "MaskRCNN: 1 made, 0 already there, 1 failed" in told  # the second half has none
    assert "DownloadSoccerNet --what features" in told
    with pytest.raises(UsageError, match="did you mean 'MaskRCNN'"):
        convert([half], "MaskRCN")
