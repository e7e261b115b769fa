"""YOLOv5's steps: letterbox, suppression, and which networks are accepted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.errors import InputError, UsageError
from action_spotting.visual.boxes import BALL, PERSON
from action_spotting.visual.detector import (
    Detector,
    DetectorSettings,
    letterbox,
    select,
    unletterbox,
)

COCO_BALL = 32
BOXES = [(320, 320, 40, 80, 1.0, 0, 0.9), (100, 300, 6, 6, 1.0, COCO_BALL, 0.5)]


@pytest.mark.parametrize(
    ("size", "inner", "top_left"),
    [
        ((720, 1280), (360, 640), (140, 0)),
        ((224, 398), (360, 640), (140, 0)),
        ((478, 848), (361, 640), (139, 0)),  # an odd rest: the smaller half comes first
        ((640, 640), (640, 640), (0, 0)),
        ((400, 300), (640, 480), (0, 80)),
    ],
)
def test_letterbox_scales_and_pads(size, inner, top_left):
    picture = np.full((*size, 3), 7, np.uint8)
    boxed = letterbox(picture, 640)
    rows, columns = np.nonzero((boxed == 7).all(axis=-1))
    assert boxed.shape == (640, 640, 3)
    assert (rows.min(), columns.min()) == top_left
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == inner
    assert set(np.unique(boxed)) <= {7, 114}


@given(height=st.integers(50, 800), width=st.integers(50, 1300))
@settings(max_examples=60, deadline=None)
def test_corners_come_back_through_the_letterbox(height, width):
    corners = np.array([[0, 0, width, height], [width / 4, height / 5, width / 2, height / 3]])
    scale = min(640 / height, 640 / width)
    pad = np.array([(640 - width * scale) / 2, (640 - height * scale) / 2] * 2)
    back = unletterbox(corners * scale + pad, 640, height, width)
    np.testing.assert_allclose(back, corners, atol=1e-9 * max(width, height))


def greedy(output, ids, limits, iou):
    """Suppress by the definition: the surest box first, class by class."""
    kept = []
    for kind, (index, limit) in enumerate(zip(ids, limits, strict=True)):
        mine = [row for row in output if row[4] > min(limits) and row[5:].argmax() == index]
        mine = [(row[4] * row[5 + index], *row[:4]) for row in mine]
        mine = sorted((row for row in mine if row[0] > limit), reverse=True)
        chosen: list = []
        for sure, x, y, w, h in mine:
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            if all(overlap(box, other) <= iou for _, other in chosen):
                chosen.append((sure, box))
        kept += [(sure, kind, *box) for sure, box in chosen]
    return sorted(kept, reverse=True)


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return both / (areas - both)


@given(seed=st.integers(0, 10**6), count=st.integers(0, 60), iou=st.floats(0.1, 0.9))
@settings(max_examples=60, deadline=None)
def test_suppression_equals_its_definition(seed, count, iou):
    rng = np.random.default_rng(seed)
    output = np.zeros((count, 5 + 40), np.float32)
    output[:, :2] = rng.uniform(100, 200, (count, 2))
    output[:, 2:4] = rng.uniform(10, 60, (count, 2))
    output[:, 4] = rng.uniform(0, 1, count)
    output[np.arange(count), 5 + rng.choice([0, 1, 32], count)] = rng.uniform(0.2, 1, count)
    found = select(output, ((0,), (COCO_BALL,)), (0.25, 0.1), iou)
    want = greedy(output.astype(np.float64), (0, COCO_BALL), (0.25, 0.1), iou)
    assert len(found.corners) == len(want)
    have = np.column_stack([found.confidence, found.kind, found.corners])
    np.testing.assert_allclose(have, np.reshape(want, (-1, 6)), atol=1e-3)


def test_nothing_found_is_no_error():
    found = select(np.zeros((25200, 85), np.float32), ((0,), (32,)), (0.25, 0.1), 0.45)
    assert found.corners.shape == (0, 4)


@pytest.mark.parametrize("options", [{}, {"batch": 1}, {"batch": 3}, {"half": True}])
def test_exports_of_fixed_and_free_batch_find_the_same(new_detector, tmp_path, options):
    path = new_detector(tmp_path / "n.onnx", boxes=BOXES, **options)
    detector = Detector(DetectorSettings(path, batch_size=2))
    assert detector.batch_size == (options.get("batch") or 2)
    pictures = np.full((detector.batch_size, 640, 640, 3), 255, np.uint8)
    for found in detector(pictures):
        np.testing.assert_allclose(found.corners[0], [300, 280, 340, 360], atol=0.5)
        assert found.kind.tolist() == [PERSON, BALL]
        np.testing.assert_allclose(found.confidence, [0.9, 0.5], atol=1e-3)


def test_the_network_sees_the_picture(new_detector, tmp_path):
    path = new_detector(tmp_path / "n.onnx", boxes=BOXES)
    detector = Detector(DetectorSettings(path, batch_size=2))
    pictures = np.zeros((2, 640, 640, 3), np.uint8)
    pictures[1] = 255
    dark, light = detector(pictures)
    assert (len(dark.corners), len(light.corners)) == (0, 2)


def test_large_pictures_come_in_small_batches(new_detector, tmp_path):
    for side, count, batch in ((640, 25200, 8), (1280, 102000, 2), (2560, 408000, 1)):
        path = new_detector(tmp_path / "n.onnx", side=side, count=count)
        assert Detector(DetectorSettings(path)).batch_size == batch


def test_classes_of_football_count_as_persons_and_ball(new_detector, tmp_path):
    boxes = [(100 + 90 * i, 320, 40, 80, 1.0, i, 0.9) for i in range(5)]
    names = "['ball', 'goalkeeper', 'player', 'referee', 'corner flag']"
    path = new_detector(tmp_path / "n.onnx", boxes=boxes, classes=5, names=names)
    pictures = np.full((1, 640, 640, 3), 255, np.uint8)
    (found,) = Detector(DetectorSettings(path, batch_size=1))(pictures)
    assert sorted(found.kind.tolist()) == [PERSON] * 3 + [BALL]


@pytest.mark.parametrize(
    ("side", "count"), [(640, 25200), (1280, 102000), (320, 6300), (640, 25500)]
)
def test_sizes_of_five_and_six_are_taken(new_detector, tmp_path, side, count):
    path = new_detector(tmp_path / "n.onnx", side=side, count=count, batch=1)
    assert Detector(DetectorSettings(path)).side == side


def test_a_free_size_follows_imgsz(new_detector, tmp_path):
    path = new_detector(tmp_path / "n.onnx", side="side", count=6300)
    assert Detector(DetectorSettings(path, imgsz=320)).side == 320
    with pytest.raises(InputError, match=r"its output at 640 px is .*expected \(batch, 25200 or"):
        Detector(DetectorSettings(path))


def test_classes_go_by_their_names(new_detector, tmp_path):
    swapped = "{0: 'sports ball', 1: 'person'}"
    boxes = [(320, 320, 40, 80, 1.0, 1, 0.9)]
    path = new_detector(tmp_path / "n.onnx", boxes=boxes, classes=2, names=swapped)
    detector = Detector(DetectorSettings(path, batch_size=1))
    (found,) = detector(np.full((1, 640, 640, 3), 255, np.uint8))
    assert found.kind.tolist() == [PERSON]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"count": 8400, "classes": 79}, "expected .batch, 25200 or 25500"),
        ({"count": 84, "classes": 8395}, "looks like YOLOv8 or later"),
        ({"classes": 3}, "3 classes and no names"),
        ({"classes": 2, "names": "{0: 'cat', 1: 'dog'}"}, "person and sports ball are needed"),
        ({"classes": 2, "names": "__import__('os')"}, "person and sports ball are needed"),
    ],
)
def test_a_network_that_is_not_yolov5_is_named(new_detector, tmp_path, options, match):
    path = new_detector(tmp_path / "other.onnx", **options)
    with pytest.raises(InputError, match=match) as caught:
        Detector(DetectorSettings(path))
    assert str(path) in str(caught.value)


def test_what_is_no_network_is_named(tmp_path):
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(InputError, match="not an ONNX network"):
        Detector(DetectorSettings(tmp_path / "text.onnx"))
    with pytest.raises(UsageError, match=r"no such file; expected a YOLOv5 export .*export\.py"):
        Detector(DetectorSettings(tmp_path / "none.onnx"))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"conf": 1.5}, "--conf 1.5: must be between 0 and 1"),
        ({"iou": -0.1}, "--iou"),
        ({"imgsz": 650}, "multiple of 32"),
        ({"batch_size": 0}, "1 or more"),
    ],
)
def test_wrong_numbers_are_answered(tmp_path, options, match):
    with pytest.raises(UsageError, match=match):
        DetectorSettings(tmp_path / "n.onnx", **options)


def test_another_size_than_the_exports_is_answered(new_detector, tmp_path):
    path = new_detector(tmp_path / "n.onnx")
    with pytest.raises(UsageError, match="was exported for 640; leave --imgsz out"):
        Detector(DetectorSettings(path, imgsz=1280))
