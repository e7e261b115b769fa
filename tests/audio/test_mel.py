"""Log-mel patches equal an independent computation from the published constants."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.io.wavfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.audio.mel import log_mel, mel_filters
from action_spotting.audio.waveform import Waveform
from action_spotting.dataset.media import Clip

SECONDS = 2


def voice(t: np.ndarray) -> np.ndarray:
    """A vowel-like sound: harmonics of a gliding pitch, at four syllables a second."""
    phase = 2 * np.pi * (140 * t + 15 * np.sin(2 * np.pi * 0.7 * t))
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 24))
    return 0.1 * harmonics * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))


SOUNDS = {
    "voice": voice,
    "noise": lambda t: np.random.default_rng(0).normal(0, 0.1, t.shape),
    "sweep": lambda t: 0.7 * np.sin(2 * np.pi * (50 + 1800 * t) * t),
    "silence": np.zeros_like,
}


def by_librosa(half_second: np.ndarray) -> np.ndarray:
    """The patch by librosa's STFT and its HTK scale; the triangles are straight in mel."""
    padded = np.pad(half_second.astype(np.float64), (56, 56))  # librosa centres 400 in 512
    options = {"n_fft": 512, "win_length": 400, "hop_length": 160, "center": False}
    spectrum = np.abs(librosa.stft(padded, window="hann", dtype=np.complex128, **options))
    edges = np.linspace(*librosa.hz_to_mel([125, 7500], htk=True), 66)
    scale = librosa.hz_to_mel(librosa.fft_frequencies(sr=16000, n_fft=512), htk=True)
    filters = [
        np.interp(scale, [low, centre, high], [0, 1, 0])
        for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return np.log(np.array(filters) @ spectrum + 0.01).T[:46]


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("name", SOUNDS)
def test_patches_equal_librosa(tmp_path, name, rate, channels):
    t = np.arange(rate * SECONDS) / rate
    gains = np.linspace(1, 0.5, channels)
    sound = np.clip(SOUNDS[name](t)[:, None] * gains * 32767, -32768, 32767).astype(np.int16)
    path = tmp_path / "sound.wav"
    scipy.io.wavfile.write(path, rate, sound)
    rows = np.concatenate(list(Waveform(Clip(path)).blocks()))
    ours = log_mel(rows, 46)

    whole = soxr.resample(sound.mean(axis=1) / 32768, rate, 16000)
    theirs = np.array([by_librosa(part) for part in whole.reshape(-1, 8000)])
    assert ours.shape == theirs.shape == (2 * SECONDS, 46, 64)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_tone_falls_into_the_band_around_it():
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 16000)
    loudest = log_mel(tone[None], 46)[0].argmax(axis=1)
    edges = librosa.mel_frequencies(66, fmin=125, fmax=7500, htk=True)
    assert set(loudest) == {int(np.abs(edges[1:-1] - 1000).argmin())}


def test_filters_cover_the_band_once():
    weights = mel_filters()
    hz = np.arange(257) * 31.25
    edges = librosa.mel_frequencies(66, fmin=125, fmax=7500, htk=True)
    inside = (hz > edges[1]) & (hz < edges[-2])
    np.testing.assert_allclose(weights.sum(axis=1)[inside], 1)
    assert not weights[(hz <= 125) | (hz >= 7500)].any()


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**16))
def test_a_patch_does_not_depend_on_its_neighbours(rows, seed):
    sound = np.random.default_rng(seed).normal(0, 0.1, (rows, 8000))
    together = log_mel(sound, 46)
    assert (together[-1:] == log_mel(sound[-1:], 46)).all()


def test_too_little_sound_for_a_patch():
    with pytest.raises(ValueError, match="8000 samples hold 48 windows, not 96"):
        log_mel(np.zeros((1, 8000)), 96)
