"""What the demo computes with: weights that can be had, and the precision of the hardware."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from action_spotting.io.pretrained import WeightsUnavailable
from action_spotting.pipeline import demo
from action_spotting.pipeline.plan import Plan


@pytest.mark.parametrize("hardware", [True, False])
def test_bfloat16_is_taken_where_it_is_hardware_and_said(hardware, tmp_path, monkeypatch):
    def unavailable(*_):
        raise WeightsUnavailable("no network here")

    monkeypatch.setattr(demo, "find", unavailable)
    monkeypatch.setattr(demo, "has_bfloat16", lambda gpu: hardware)
    root = tmp_path / "matches"
    root.mkdir()
    plan = Plan(root, tmp_path / "model", Path("predictions"), Path("report.html"), sample=True)
    made = demo.demo_plan(plan)
    assert made.pretrained.precision == ("bfloat16" if hardware else "float32")
    assert any("bfloat16" in note for note in made.notes) == hardware
    monkeypatch.setattr(demo, "has_bfloat16", lambda gpu: not hardware)
    assert demo.demo_plan(plan).pretrained == made.pretrained  # a second run goes on as the first
    kept = json.loads((root / demo.CHOICE_FILE).read_text())
    assert kept["resnet"] == "random"
