"""The files of the sample matches: bytes, streams, resumption; the stand-in detector."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime
import pytest

from action_spotting.dataset.event_files import read_labels
from action_spotting.dataset.layout import labels_path
from action_spotting.dataset.media import probe
from action_spotting.dataset.splits import list_games, list_halves
from action_spotting.errors import UsageError
from action_spotting.sample import make_sample, write_detector
from action_spotting.sample.game import plan_games
from action_spotting.sample.make import write_half
from action_spotting.sample.picture import PITCH_SHOTS, Box, Painter
from action_spotting.sample.script import FPS, HalfScript
from action_spotting.sample.sound import RATE, soundtrack

TINY = (10.0, 12.0)


@pytest.fixture(scope="module")
def half() -> HalfScript:
    """A short half."""
    return plan_games(0, 3, TINY)[0].halves[0]


@pytest.fixture(scope="module")
def video(half, tmp_path_factory) -> Path:
    """Its video."""
    path = tmp_path_factory.mktemp("video") / "1_224p.mkv"
    write_half(half, path)
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A set of three tiny matches."""
    folder = tmp_path_factory.mktemp("set")
    make_sample(folder, matches=3, half_s=TINY)
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_media_are_soccernet_s_low_quality(video, half):
    found = probe(video)
    assert (found.width, found.height, found.fps, found.sounds) == (398, 224, 25, 1)
    assert found.duration_s == pytest.approx(half.frames / FPS, abs=0.1)
    with av.open(str(video)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.name == "aac"
        assert container.streams.audio[0].codec_context.sample_rate == RATE
        assert sum(1 for _ in container.decode(video=0)) == half.frames


def test_the_same_seed_gives_the_same_bytes(video, half, tmp_path):
    write_half(half, tmp_path / "again.mkv")
    assert digest(tmp_path / "again.mkv") == digest(video)


def test_another_seed_gives_another_picture_and_sound(half):
    other = plan_games(1, 3, TINY)[0].halves[0]
    one, two = (next(Painter(script).frames()) for script in (half, other))
    assert (one != two).any()
    assert (soundtrack(half)[:, :RATE] != soundtrack(other)[:, :RATE]).any()


def test_the_sound_is_as_long_as_the_picture_and_not_clipped(half):
    sound = soundtrack(half)
    assert sound.shape == (2, half.frames * RATE // FPS)
    assert 0.01 < sound.std() < 0.5
    assert np.abs(sound).max() < 1


def test_a_whistle_is_heard_when_the_script_says(half):
    cue = next(s for m in plan_games(0, 3) for s in m.halves[0].sounds if s.kind == "whistle")
    script = next(m.halves[0] for m in plan_games(0, 3) if cue in m.halves[0].sounds)
    sound = soundtrack(script).mean(axis=0)
    start = cue.frame * RATE // FPS

    def whistle_share(first: int) -> float:
        power = np.abs(np.fft.rfft(sound[first : first + RATE // 10])) ** 2
        return float(power[330:430].sum() / power.sum())

    assert whistle_share(start + RATE // 50) > 0.5
    assert whistle_share(start - RATE // 8) < 0.2


@pytest.mark.slow
def test_a_sample_set_is_a_dataset(root):
    assert [len(list_games(root, split)) for split in ("train", "valid", "test")] == [1, 1, 1]
    for each in list_halves(root):
        length_ms = 1000 * probe(each.clip().path).duration_s
        told = read_labels(labels_path(root, each.game))
        assert (told.position_ms[told.half == each.number] < length_ms).all()
    told = json.loads((root / list_games(root)[0] / "cues.json").read_text())
    assert {"sounds", "shots", "frames"} == set(told["1"])


@pytest.mark.slow
def test_an_interrupted_set_goes_on_to_the_same_files(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    before = {path: (digest(path), path.stat().st_mtime_ns) for path in files}
    videos = [path for path in files if path.suffix == ".mkv"]
    videos[0].unlink()
    videos[1].write_bytes(videos[1].read_bytes()[:1000])
    (root / "splits.json").unlink()
    make_sample(root, matches=3, half_s=TINY)
    assert sorted(path for path in root.rglob("*") if path.is_file()) == files
    assert {path: digest(path) for path in files} == {p: d for p, (d, _) in before.items()}
    assert all(path.stat().st_mtime_ns == before[path][1] for path in videos[2:])


def test_what_cannot_be_made_is_said(tmp_path):
    with pytest.raises(UsageError, match="2 sample matches: 3 are needed"):
        make_sample(tmp_path, matches=2)
    with pytest.raises(UsageError, match="from 10 s"):
        make_sample(tmp_path, half_s=(3, 4))


@pytest.mark.slow
def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        make_sample(tmp_path / "file", matches=3, half_s=TINY)


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> onnxruntime.InferenceSession:
    """The stand-in detector."""
    path = write_detector(tmp_path_factory.mktemp("network") / "standin.onnx")
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def detect(network, picture: np.ndarray) -> np.ndarray:
    """Rows of the network's answer for a frame, in its pixels: x, y, w, h, objectness, classes."""
    scale = 640 / picture.shape[1]
    small = cv2.resize(picture, (640, round(picture.shape[0] * scale)))
    top = (640 - small.shape[0]) // 2
    square = np.full((640, 640, 3), 114, np.uint8)
    square[top : top + small.shape[0]] = small
    entry = square[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    (rows,) = network.run(None, {"images": np.ascontiguousarray(entry)})[0]
    rows = rows[rows[:, 4] > 0.5].copy()
    rows[:, 1] -= top
    rows[:, :4] /= scale
    return rows


def overlap(row: np.ndarray, box: Box) -> float:
    x, y, w, h = row[:4]
    wide = min(x + w / 2, box.right) - max(x - w / 2, box.left)
    high = min(y + h / 2, box.bottom) - max(y - h / 2, box.top)
    both = max(0.0, wide) * max(0.0, high)
    return both / (w * h + (box.right - box.left) * (box.bottom - box.top) - both)


def wide_pictures():
    for match in plan_games(3, 3)[:2]:
        painter = Painter(match.halves[0])
        for shot, end in painter.script.shot_spans():
            if shot.kind == "wide":
                for frame in range(shot.start, end, 75):
                    yield painter.pitch_view(shot, frame)


def test_the_detector_finds_the_people_of_wide_views(network):
    found = missed = wrong = balls = pictures = 0
    for picture, people, ball in wide_pictures():
        rows = detect(network, picture)
        persons, spots = rows[rows[:, 5] > 0.5], rows[rows[:, 5 + 32] > 0.5]
        whole = [b for b in people if b.left > 0 and b.right < 398 and b.top > 0 and b.bottom < 224]
        hits = [any(overlap(row, box) > 0.4 for row in persons) for box in whole]
        found, missed = found + sum(hits), missed + len(hits) - sum(hits)
        wrong += sum(all(overlap(row, box) <= 0.4 for box in people) for row in persons)
        middle = (ball.left + ball.right) / 2, (ball.top + ball.bottom) / 2
        balls += any(np.hypot(*(row[:2] - middle)) < 5 for row in spots)
        pictures += 1
    assert found / (found + missed) > 0.75
    assert found / (found + wrong) > 0.7
    assert balls / pictures > 0.3


def test_the_detector_has_yolov5_s_shapes_and_says_what_it_is(network, tmp_path):
    batch = np.zeros((2, 3, 640, 640), np.float32)
    assert network.get_inputs()[0].name == "images"
    (answer,) = network.run(["output0"], {"images": batch})
    assert answer.shape == (2, 25200, 85)
    assert "not YOLOv5" in network.get_modelmeta().custom_metadata_map["description"]
    assert digest(write_detector(tmp_path / "a.onnx")) == digest(
        write_detector(tmp_path / "b.onnx")
    )


def test_the_detector_sees_nothing_in_bare_grass(network):
    assert len(detect(network, np.full((224, 398, 3), (52, 128, 62), np.uint8))) == 0


def test_every_kind_of_shot_can_be_drawn():
    seen: dict[str, np.ndarray] = {}
    for match in plan_games(0, 8):
        painter = Painter(match.halves[0])
        for index, (shot, _) in enumerate(painter.script.shot_spans()):
            if shot.kind not in seen:
                seen[shot.kind] = painter.shot(shot, index)(shot.start)
    assert len(seen) >= 15
    assert set(PITCH_SHOTS) <= set(seen)
    assert all(picture.shape == (224, 398, 3) for picture in seen.values())
