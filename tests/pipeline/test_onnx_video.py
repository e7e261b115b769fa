"""A video of one's own with a model that was trained on the features of an ONNX network."""

from __future__ import annotations

import pytest

from action_spotting.dataset.features import open_feature
from action_spotting.dataset.media import Clip
from action_spotting.dataset.records import read_record
from action_spotting.errors import UsageError
from action_spotting.extraction.onnx_encoder import EncoderSettings
from action_spotting.extraction.registry import Pretrained
from action_spotting.pipeline.features import FeaturePlan, make_features
from action_spotting.visual.onnx_frames import OnnxFrames, PictureSettings


def test_the_networks_of_a_model_are_told_by_their_hash(tmp_path, tone_video, write_network):
    own, other = (write_network(tmp_path / f"{k}.onnx", k) for k in ("ReduceMean", "ReduceMax"))
    pictures = PictureSettings(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), transform="resize")
    settings = OnnxFrames(EncoderSettings(own), pictures).settings

    def plan(name: str, *files):
        pretrained = Pretrained(onnx=files)
        out = tmp_path / name
        return FeaturePlan(out, {1: Clip(tone_video)}, ["Own"], {"Own": settings}, (), pretrained)

    for files in ((), (other,)):
        with pytest.raises(UsageError, match=r"name its file with --onnx \(SHA-256 "):
            make_features(plan("without", *files), [])
    assert make_features(plan("with", other, own), []) == ["Own"]
    path = tmp_path / "with" / "1_Own.npy"
    assert open_feature(path, 3).shape == (4, 3)
    assert read_record(path)["settings"] == settings
    assert make_features(plan("with"), []) == ["Own"]  # what is there needs no network
