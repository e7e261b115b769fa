"""YOLOv5 features: the 64 numbers in closed form, and the extraction from end to end."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip
from action_spotting.dataset.records import read_record
from action_spotting.errors import InputError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import Job, job_of_clip
from action_spotting.visual.boxes import BALL, PERSON, Boxes, read_boxes, write_boxes
from action_spotting.visual.detector import DetectorSettings
from action_spotting.visual.yolov5 import YOLOv5Extractor, torso_colours, vectors_from_boxes
from action_spotting.visual.yolov5_vector import DIMENSIONS, vectors


def boxes_of(*rows, fps=2.0, colours=None):
    """Boxes from rows of (kind, x, y, width, height, confidence)."""
    flat = [(i, *box) for i, row in enumerate(rows) for box in row]
    table = np.array(flat, dtype=np.float64).reshape(-1, 7)
    return Boxes(
        rows=len(rows),
        fps=fps,
        row=table[:, 0].astype(np.int32),
        box=table[:, 2:6].astype(np.float32),
        confidence=table[:, 6].astype(np.float32),
        kind=table[:, 1].astype(np.int8),
        colour=np.zeros((len(table), 3), np.float32) if colours is None else np.array(colours),
    )


def named(boxes, row=0):
    return dict(zip(DIMENSIONS, vectors(boxes)[row].tolist(), strict=True))


def expect(have, **want):
    for name, value in want.items():
        assert have[name] == pytest.approx(value, abs=1e-5), name


def person(x, y, height=0.2, width=0.1, sure=0.8):
    return PERSON, x, y - height / 2, width, height, sure  # y is where the person stands


def ball(x, y, size=0.02, sure=0.5):
    return BALL, x, y, size, size, sure


def test_there_are_64_names():
    assert len(DIMENSIONS) == len(set(DIMENSIONS)) == 64


def test_nobody_there():
    have = named(boxes_of([]))
    expect(have, empty=1, ball_seen=0, ball_unseen_for=1, persons=0)
    assert sum(map(abs, have.values())) == 2


def test_four_in_a_square():
    crowd = [person(x, y) for x in (0.2, 0.8) for y in (0.3, 0.9)]
    expect(
        named(boxes_of(crowd)),
        persons=4 / 25,
        persons_sure=4 / 25,
        confidence_sum=3.2 / 25,
        confidence_mean=0.8,
        height_mean=0.2,
        height_std=0,
        height_p10=0.2,
        area_sum=0.08,
        area_largest=0.02,
        area_second=0.02,
        aspect_mean=0.5,
        foot_x_mean=0.5,
        foot_y_mean=0.6,
        foot_x_std=0.3,
        foot_y_std=0.3,
        foot_x_p10=0.2,
        foot_x_p90=0.8,
        foot_y_p90=0.9,
        neighbour_distance=0.6,
        pair_distance=(0.6 + 0.6 + 0.6 * 2**0.5) / 3,
        hull_area=0.36,
        density_max=0.1,
        grid_row0_column0=0.1,
        grid_row2_column3=0.1,
        grid_row1_column1=0,
        share_left=0.5,
        share_right=0.5,
        foot_x_skew=0,
        empty=0,
        unmatched=0,
    )


@pytest.mark.parametrize(
    ("height", "name"),
    [
        (0.05, "heights_below_0.1"),
        (0.15, "heights_below_0.2"),
        (0.3, "heights_below_0.4"),
        (0.6, "heights_above_0.4"),
    ],
)
def test_heights_tell_the_scale_of_the_shot(height, name):
    have = named(boxes_of([person(0.5, 0.9, height)]))
    expect(have, **{name: 1})


def test_persons_on_a_line_have_no_area():
    expect(named(boxes_of([person(x, 0.5) for x in (0.1, 0.2, 0.3, 0.4)])), hull_area=0)


def test_the_ball_and_who_is_near():
    crowd = [person(0.5, 0.5), person(0.55, 0.5), person(0.9, 0.9), ball(0.5, 0.53)]
    expect(
        named(boxes_of([*crowd, ball(0.1, 0.1, sure=0.2)])),  # the surest is the ball
        ball_seen=1,
        ball_confidence=0.5,
        ball_x=0.5,
        ball_y=0.53,
        ball_size=0.02,
        ball_unseen_for=0,
        ball_to_person=0.03,
        persons_at_ball=2 / 5,
        ball_velocity_valid=0,
    )


def test_the_balls_velocity_and_absence():
    boxes = boxes_of([ball(0.1, 0.5)], [ball(0.4, 0.9)], [], [ball(0.4, 0.9)])
    velocity = {"ball_velocity_x": 0.6, "ball_velocity_y": 0.8, "ball_speed": 1.0}
    expect(named(boxes, 1), **velocity, ball_velocity_valid=1)
    expect(named(boxes, 2), ball_velocity_valid=0, ball_unseen_for=np.tanh(0.5 / 5))
    expect(named(boxes, 3), ball_velocity_valid=0, ball_speed=0, ball_unseen_for=0)


def test_the_camera_is_taken_off_the_players():
    before = [person(0.2, 0.3), person(0.5, 0.5), person(0.8, 0.7)]
    after = [person(0.25, 0.32), person(0.55, 0.52), person(0.85, 0.77)]
    expect(
        named(boxes_of(before, after), 1),
        camera_x=0.05,
        camera_y=0.02,
        motion_median=0,
        motion_std=np.std([0, 0, 0.05]),
        unmatched=0,
        persons_change=0,
        height_change=0,
    )


def test_a_cut_matches_nobody():
    before = [person(0.1, 0.3), person(0.2, 0.3)]
    after = [person(0.8, 0.9, 0.5)]
    have = named(boxes_of(before, after), 1)
    expect(have, unmatched=1, camera_x=0, persons_change=-1 / 25, height_change=0.3)
    expect(named(boxes_of(before, []), 1), unmatched=1)
    expect(named(boxes_of([], []), 1), unmatched=0)


def test_teams_go_by_the_colours_of_the_whole_half():
    red, blue = (0.1, 0.1, 0.9), (0.9, 0.1, 0.1)
    rows = [[person(0.2, 0.3), person(0.5, 0.5)], [person(0.2, 0.3)], [person(0.1 * i, 0.5)
            for i in range(1, 5)]]  # fmt: skip
    boxes = boxes_of(*rows, colours=[red, blue, red, red, red, red, blue])
    balance = vectors(boxes)[:, DIMENSIONS.index("team_balance")]
    assert balance == pytest.approx([1, 0, 0.5])
    same = boxes_of(*rows, colours=[red] * 7)
    assert not vectors(same)[:, DIMENSIONS.index("team_balance")].any()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_numbers_are_finite_and_the_order_of_boxes_does_not_matter(data):
    count = data.draw(st.integers(0, 12))
    unit = st.floats(0, 1, width=32)
    rows = [
        [
            (data.draw(st.sampled_from([PERSON, BALL])), *(data.draw(unit) for _ in range(5)))
            for _ in range(data.draw(st.integers(0, count)))
        ]
        for _ in range(3)
    ]
    boxes = boxes_of(*rows)
    have = vectors(boxes)
    assert have.shape == (3, 64)
    assert np.isfinite(have).all()
    turned = vectors(boxes_of(*(row[::-1] for row in rows)))
    # Ties (a ball as sure as another, persons in one place) are settled by order.
    stable = [i for i, name in enumerate(DIMENSIONS) if i < 44 or name == "persons_change"]
    np.testing.assert_allclose(have[:, stable], turned[:, stable], atol=1e-4)


def test_torso_colours_are_the_jerseys():
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[15:50, 25:75] = (0, 0, 255)
    corners = np.array([[0, 0, 100, 100], [98, 98, 140, 140]], np.float32)
    np.testing.assert_allclose(torso_colours(picture, corners)[0], [0, 0, 1])


@pytest.fixture
def extractor(new_detector, tmp_path) -> YOLOv5Extractor:
    """An extractor whose network sees two persons and a ball in bright pictures."""
    people = [(200, 300, 20, 60, 1.0, 0, 1.0), (400, 300, 20, 60, 1.0, 0, 1.0)]
    seen = [*people, (300, 320, 6, 6, 1.0, 32, 1.0)]
    path = new_detector(tmp_path / "detector.onnx", boxes=seen)
    return YOLOv5Extractor(DetectorSettings(path, batch_size=3, note="two persons and a ball"))


def extract(video, target, extractor):
    """Make one feature file; gives the summary."""
    job = job_of_clip(Clip(video), ["YOLOv5"], target)
    (summary,) = extract_all({"YOLOv5": lambda: extractor}, [job], fail_fast=True)
    return summary


def test_extraction_writes_boxes_and_features(extractor, videos, tmp_path):
    target = tmp_path / "game" / "1_YOLOv5.npy"
    assert not extract(videos["plain"], target, extractor).warnings
    have = open_feature(target, 64)
    boxes, kept = read_boxes(target.with_name("1_YOLOv5_boxes.npz"))
    assert len(have) == boxes.rows == 8
    assert kept == read_record(target)["settings"] == extractor.settings
    assert kept["weights"]["note"] == "two persons and a ball"
    assert len(boxes) == 8 * 3
    scale = 398 / 640  # of the letterbox
    np.testing.assert_allclose(
        boxes.box[0][:2], [200 / 640, (300 - 139.9) * scale / 224], atol=2e-3
    )
    np.testing.assert_array_equal(vectors(boxes), have)


def test_the_same_run_gives_the_same_bytes(extractor, videos, tmp_path):
    def run(name):
        target = tmp_path / name / "1_YOLOv5.npy"
        extract(videos["plain"], target, extractor)
        return {path.name: path.read_bytes() for path in target.parent.iterdir()}

    first = run("a")
    time.sleep(1.1)  # a date inside would show
    assert run("b") == first


def test_several_halves_at_once_are_the_same(extractor, videos, tmp_path):
    clips = [Clip(videos[name]) for name in ("plain", "ntsc", "mp4", "lost frames")]
    for workers in (1, 4):
        folder = tmp_path / str(workers)
        jobs = [Job(lambda c=c: c, {folder / f"{i}_X.npy": "X"}) for i, c in enumerate(clips)]
        (summary,) = extract_all({"X": lambda: extractor}, jobs, workers=workers)
        assert len(summary.done) == 4
    for i in range(4):
        one, four = (tmp_path / str(n) / f"{i}_X.npy" for n in (1, 4))
        assert one.read_bytes() == four.read_bytes()


def test_boxes_give_the_features_again(extractor, videos, tmp_path):
    target = tmp_path / "1_YOLOv5.npy"
    extract(videos["plain"], target, extractor)
    have = target.read_bytes()
    assert len(vectors_from_boxes([target]).skipped) == 1
    target.unlink()
    missing = tmp_path / "2_YOLOv5.npy"
    summary = vectors_from_boxes([target, missing])
    assert summary.done == [str(target)]
    assert "run the detection (without --boxes) first" in summary.failures[str(missing)]
    assert target.read_bytes() == have


def test_damaged_boxes_are_named(tmp_path):
    path = tmp_path / "1_YOLOv5_boxes.npz"
    boxes = boxes_of([person(0.5, 0.5)], [ball(0.5, 0.5)])
    write_boxes(path, boxes, {"fps": 2})
    assert read_boxes(path)[1] == {"fps": 2}
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="not a whole file of boxes"):
        read_boxes(path)
    write_boxes(path, Boxes(1, 2.0, boxes.row, boxes.box, boxes.confidence, boxes.kind,
                            boxes.colour), {})  # fmt: skip
    with pytest.raises(InputError, match="outside the 1 rows"):
        read_boxes(path)


def test_a_bad_half_stops_only_itself(new_detector, visual_door, videos, tmp_path, capsys):
    game = tmp_path / "data" / "l" / "s" / "g"
    game.mkdir(parents=True)
    (game / "1_224p.mkv").write_bytes(videos["plain"].read_bytes())
    (game / "2_224p.mkv").write_bytes(b"")
    weights = new_detector(tmp_path / "n.onnx")
    main = visual_door("ExtractYOLOv5").main
    command = ["--soccernet_dirpath", str(tmp_path / "data"), "--video", "LQ"]
    assert main([*command, "--weights", str(weights), "--verbose"]) == 3
    told = capsys.readouterr().out
    assert "1 made, 0 already there, 1 failed" in told
    assert "2_224p.mkv: the file is empty" in told
    assert open_feature(game / "1_YOLOv5.npy").shape == (8, 64)
    assert main([*command, "--boxes", "--overwrite"]) == 3
    with pytest.raises(SystemExit) as wrong:
        main(command)
    assert wrong.value.code == 2


def test_what_is_too_large_to_be_a_ball_is_none():
    """A crest is surer than the ball; with two persons nobody can tell."""
    person, crest, ball = (0.05, 0.2), (0.06, 0.11), (0.01, 0.02)
    for persons, seen in ((3, ball), (2, crest)):
        sizes = [person] * persons + [crest, ball]
        found = Boxes(
            rows=1,
            fps=2.0,
            row=np.zeros(len(sizes), np.int32),
            box=np.array([(0.1 + 0.1 * i, 0.5, *size) for i, size in enumerate(sizes)]),
            confidence=np.array([0.9] * persons + [0.4, 0.2]),
            kind=np.array([PERSON] * persons + [BALL] * 2),
            colour=np.zeros((len(sizes), 3)),
        )
        size = vectors(found)[0, DIMENSIONS.index("ball_size")]
        np.testing.assert_allclose(size, np.sqrt(seen[0] * seen[1]), rtol=1e-6)
