"""What spotting a video would cost, from a trial with a part of it."""

import json

import pytest

from action_spotting.cli import spot
from action_spotting.dataset.splits import list_halves
from action_spotting.errors import InputError
from action_spotting.pipeline import estimate as room
from action_spotting.pipeline.video_plan import VideoPlan

pytestmark = pytest.mark.slow


def test_each_step_s_cost_grows_with_the_video(tiny_matches, light_model, tmp_path, monkeypatch):
    videos = tuple(half.clip().path for half in list_halves(tiny_matches, "test"))
    with pytest.raises(InputError, match=r"shorter than the 24 s of a trial"):
        room.estimate(VideoPlan(videos, (light_model,), tmp_path / "out"))
    monkeypatch.setattr(room, "SHORT_S", 1.0)
    monkeypatch.setattr(room, "LONG_S", 8.0)
    found = room.estimate(VideoPlan(videos, (light_model,), tmp_path / "out"))
    assert [step.name for step in found.steps] == ["YOLOv5", "FFT", "reduced features, head"]
    assert 24 < found.video_s < 28
    rows = 2 * found.video_s
    assert found.steps[0].disk_bytes == pytest.approx(4 * 64 * rows + 256, abs=4 * 64)
    assert all(step.work_s >= 0 and step.begin_s >= 0 for step in found.steps)
    assert found.total_s > 0
    assert found.memory_bytes > 50e6
    assert json.loads(json.dumps(found.to_json()))["steps"][1]["name"] == "FFT"
    assert "side by side" in str(found)
    assert not list(tmp_path.iterdir())


def test_only_the_estimate_needs_no_folder(capsys):
    with pytest.raises(SystemExit):
        spot.main(["match.mp4"])
    assert "required: --out" in capsys.readouterr().err
