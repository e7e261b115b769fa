"""Features of ONNX audio networks: what a row hears, and what is refused."""

from __future__ import annotations

import librosa
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from action_spotting.audio.onnx_sound import OnnxSound, SoundSettings, log_mel_db
from action_spotting.audio.waveform import around
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.records import read_record
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.onnx_encoder import EncoderSettings
from action_spotting.extraction.registry import Pretrained, make_extractor


def network(path, shape, axes):
    """Write a network that gives the greatest number over `axes`."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMax", ["x"], ["y"], axes=axes, keepdims=0)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


@pytest.fixture
def loudest(tmp_path):
    """A network of waveforms ``(n, 1, samples)`` that gives the greatest sample."""
    return network(tmp_path / "max.onnx", ["n", 1, "samples"], [2])


@pytest.mark.parametrize(("window_s", "rows"), [(0.25, [4]), (0.5, [4]), (2.5, [2, 3, 4, 5, 6])])
def test_a_click_is_heard_by_the_rows_around_it(loudest, window_s, rows):
    sound = np.zeros((10, 8000), np.float32)
    sound[4, 4000] = 1.0
    extractor = OnnxSound(EncoderSettings(loudest, batch_size=4), SoundSettings(window_s=window_s))
    for blocks in ([sound], np.split(sound, 5)):
        have = np.concatenate(list(extractor.rows(iter(blocks))))
        assert have.shape == (10, 1)
        assert np.flatnonzero(have[:, 0] == 1.0).tolist() == rows


def test_windows_of_any_length_equal_a_slow_loop():
    sound = np.arange(7 * 8000, dtype=np.float32).reshape(7, 8000) + 1
    line = np.pad(sound.ravel(), 50_000)
    for samples in (400, 8000, 15_600, 80_002):
        windows = np.concatenate(list(around(iter(np.split(sound, [2, 3])), samples)))
        for i, window in enumerate(windows):
            start = 50_000 + i * 8000 + 4000 - samples // 2
            np.testing.assert_array_equal(window, line[start : start + samples])


def test_another_rate_and_scale(loudest):
    seconds = np.arange(16_000 * 2) / 16_000
    tone = np.sin(2 * np.pi * 440 * seconds).astype(np.float32).reshape(4, 8000)
    settings = SoundSettings(rate=32_000, window_s=0.5, mean=1.0, std=0.5)
    extractor = OnnxSound(EncoderSettings(loudest), settings)
    (rows,) = extractor.rows(iter([tone]))
    np.testing.assert_allclose(rows, 0.0, atol=0.02)  # (1 - mean) / std
    assert extractor.origin["window_s"] == 0.5


@pytest.mark.parametrize("shape", [["n", 1, 40, 26], ["n", 1, 26, 40], ["n", 26, 40]])
def test_a_log_mel_spectrogram_is_librosa_s_in_the_network_s_axes(tmp_path, shape):
    last = shape[-1] == 40
    time = len(shape) - (2 if last else 1)
    path = network(tmp_path / "mel.onnx", shape, [time, *([1] if len(shape) == 4 else [])])
    settings = SoundSettings(window_s=0.5, bands=40, fft_size=1024, hop=320, low_hz=50.0)
    extractor = OnnxSound(EncoderSettings(path), settings)
    sound = np.random.default_rng(0).normal(0, 0.1, (3, 8000)).astype(np.float32)
    (rows,) = extractor.rows(iter([sound]))
    mel = librosa.feature.melspectrogram(
        y=sound, sr=16_000, n_fft=1024, hop_length=320, n_mels=40, fmin=50
    )
    want = librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None).max(axis=2)
    np.testing.assert_allclose(rows, want, atol=1e-3)
    assert log_mel_db(sound, settings).shape == (3, 40, 26)


def test_the_network_s_own_length_and_what_does_not_fit(tmp_path):
    path = network(tmp_path / "fixed.onnx", ["n", 15_600], [1])
    assert OnnxSound(EncoderSettings(path)).origin["window_s"] == 0.975
    with pytest.raises(UsageError, match="takes 15600 samples, 0.975 s at --rate 16000"):
        OnnxSound(EncoderSettings(path), SoundSettings(window_s=2.0))
    with pytest.raises(InputError, match="its input is .* the sound"):
        OnnxSound(EncoderSettings(path), SoundSettings(window_s=0.5, bands=40))
    long = network(tmp_path / "long.onnx", ["n", 2_000_000], [1])
    with pytest.raises(InputError, match="too much"):
        OnnxSound(EncoderSettings(long))
    for wrong in ({"std": 0.0}, {"low_hz": 9000.0}, {"high_hz": 9000.0}, {"window_s": 0.0}):
        with pytest.raises(UsageError, match="expected|above 0"):
            SoundSettings(**wrong)


def test_the_door_writes_an_audio_feature(tmp_path, visual_door, tone_video, loudest):
    main = visual_door("ExtractONNX").main
    words = ["--path_video", str(tone_video), "--path_features", str(tmp_path)]
    words += ["--onnx", str(loudest), "--name", "Max", "--medium", "audio"]
    assert main(words) == 0
    (path,) = tmp_path.glob("*_Max_audio.npy")
    assert open_feature(path, 1).shape == (4, 1)
    settings = read_record(path)["settings"]
    assert (settings["medium"], settings["fps"]) == ("audio", 2)
    again = make_extractor("Max_audio", Pretrained(onnx=(loudest,)), settings)
    assert again.settings == settings
