"""The 48 numbers, on sounds whose numbers are known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from action_spotting.audio.fft import COLUMN, NAMES, Crowd, Fft, fft_features, power_spectrum

from .frozen import MATCH_ROWS, match_sound

README = Path(__file__).parents[2] / "audio-features-extraction" / "README.md"
T = np.arange(8000) / 16000
SHAPE = {"peak_mean", "peak_max", "peak_frequency"}
WHISTLE = {"whistle_share", "bright_share", "tonal_fraction", "tonal_run"} | SHAPE
CROWD = ("crowd_over_30s", "crowd_over_5s", "crowd_slope", "crowd_peak_10s")


def numbers(sound: np.ndarray) -> dict[str, float]:
    """The mean row of a sound, by name."""
    return dict(zip(NAMES, fft_features(sound.reshape(-1, 8000)).mean(axis=0), strict=True))


def noise(rows: int, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, (rows, 8000))


def test_there_are_48_names_and_the_readme_explains_each():
    assert len(NAMES) == len(set(NAMES)) == 48
    text = README.read_text(encoding="utf-8")
    missing = [name for name in NAMES[16:] if f"| {COLUMN[name]} | `{name}` |" not in text]
    assert not missing


def test_power_adds_up_to_the_mean_square():
    tone = np.sin(2 * np.pi * 1000 * T)[None]
    np.testing.assert_allclose(power_spectrum(tone).sum(axis=2), 0.5, rtol=1e-4)


@pytest.mark.parametrize("hz", [2700, 3000, 3600, 4100])
def test_a_tone_lights_the_whistle_numbers_and_nothing_else(hz):
    row = numbers(0.1 * np.sin(2 * np.pi * hz * T))
    assert row["whistle_share"] > -0.1
    assert row["bright_share"] > (-0.1 if hz < 4000 else -60)
    assert row["peak_mean"] > 40
    assert row["peak_frequency"] == pytest.approx(hz / 8000, abs=0.001)
    assert row["tonal_fraction"] == row["tonal_run"] == 1
    assert row["centroid_mean"] == pytest.approx(hz / 8000, abs=0.005)
    assert row["rms_mean"] == pytest.approx(np.log10(0.1 / np.sqrt(2)), abs=1e-3)
    assert row["zero_crossings_mean"] == pytest.approx(hz / 8000, abs=0.005)
    for name in ("rms_std", "rms_slope", "flux_max", "onset_rate", "modulation", *CROWD):
        assert row[name] == pytest.approx(0, abs=1e-3), name
    for name in ("second_harmonic", "pitch", "voiced", "silent"):
        assert row[name] == pytest.approx(0, abs=1e-6), name


@pytest.mark.parametrize("hz", [300, 900, 1500, 6000])
def test_a_tone_elsewhere_leaves_the_whistle_band_dark(hz):
    assert numbers(0.1 * np.sin(2 * np.pi * hz * T))["whistle_share"] < -50


def test_white_noise_is_flat():
    row = numbers(noise(20))
    assert row["flatness"] == pytest.approx(0, abs=0.02)
    assert row["entropy"] == pytest.approx(1, abs=0.01)
    assert row["centroid_mean"] == pytest.approx(0.5, abs=0.01)
    assert row["rolloff"] == pytest.approx(0.85, abs=0.01)
    assert row["bandwidth"] == pytest.approx(1 / np.sqrt(12), abs=0.01)
    assert row["zero_crossings_mean"] == pytest.approx(0.5, abs=0.01)
    assert row["rms_mean"] == pytest.approx(-1, abs=0.01)
    assert row["bright_share"] == pytest.approx(10 * np.log10(2 / 8), abs=0.2)
    assert row["whistle_share"] == pytest.approx(10 * np.log10(1.6 / 8), abs=0.2)
    for name in ("tonal_fraction", "voiced", "silent"):
        assert row[name] == pytest.approx(0, abs=0.01), name
    assert row["onset_rate"] < 1


@pytest.mark.parametrize("db", [-6, 3, 12])
def test_a_step_in_level_gives_its_decibels(db):
    low = noise(100)
    high = noise(40, 0.1 * 10 ** (db / 20), seed=1)
    rows = fft_features(np.concatenate([low, high]))
    after = rows[100:103]
    np.testing.assert_allclose(after[:, COLUMN["crowd_over_30s"]], db, atol=0.5)
    np.testing.assert_allclose(after[:, COLUMN["crowd_over_5s"]], db, atol=0.5)
    np.testing.assert_allclose(np.diff(rows[[50, 120], COLUMN["rms_mean"]]) * 20, db, atol=0.2)
    np.testing.assert_allclose(rows[110:, COLUMN["crowd_over_5s"]], 0, atol=0.5)


def test_a_steady_rise_is_a_slope():
    crowd = Crowd().follow(np.arange(40) * 1.5 - 60)
    np.testing.assert_allclose(crowd["crowd_slope"][10:], 3.0)
    np.testing.assert_allclose(crowd["crowd_peak_10s"][20:], 1.5 * 19 / 2)
    envelope = 10 ** (T * 2 / 20) * np.sin(2 * np.pi * 500 * T)
    assert numbers(0.1 * envelope)["rms_slope"] * 20 == pytest.approx(2, abs=0.1)


def test_silence_sets_the_flag_and_only_floors():
    row = numbers(np.zeros((3, 8000)))
    floors = {"rms_mean": -5, "rms_max": -5, "bright_share": -60, "whistle_share": -60}
    for name, value in row.items():
        expected = -10 if name.startswith("band_") else floors.get(name, 0)
        expected = 1 if name in ("silent", "entropy") else expected
        assert value == pytest.approx(expected, abs=1e-6), name


@pytest.mark.parametrize(("db", "flag"), [(-62, 1), (-58, 0)])
def test_the_flag_turns_at_minus_60_db(db, flag):
    assert numbers(noise(4, 10 ** (db / 20)))["silent"] == flag


def voice(hz: float, t: np.ndarray) -> np.ndarray:
    return sum(np.sin(2 * np.pi * hz * k * t + k) / k for k in range(1, 15))


def test_a_voice_has_its_pitch_and_its_syllables():
    t = np.arange(32000) / 16000
    rng = np.random.default_rng(0)
    tone = voice(200, t) * (1 + 0.9 * np.sin(2 * np.pi * 4 * t))
    row = numbers(0.1 * tone + rng.normal(0, 1e-3, t.shape))
    assert row["voiced"] > 0.9
    assert row["pitch"] * 500 == pytest.approx(200, rel=0.01)
    assert row["modulation"] > 0.8
    assert row["whistle_share"] < -10


@pytest.mark.parametrize("hz", [131.0, 237.3, 410.0])
def test_a_whistle_does_not_move_the_pitch(hz):
    row = numbers(0.1 * voice(hz, T) + 0.3 * np.sin(2 * np.pi * 2900 * T))
    assert row["pitch"] * 500 == pytest.approx(hz, rel=0.01)
    assert row["tonal_fraction"] == 1


def test_a_match_has_the_numbers_that_it_had():
    """Rows made before librosa computed the standard descriptors; what has changed is left out."""
    changed = {"zero_crossings_mean": 1e-3, "zero_crossings_std": 1e-3, "pitch": 0.01}
    rows = fft_features(match_sound())
    for name, column, frozen in zip(NAMES, rows.T, MATCH_ROWS, strict=True):
        tolerance = changed.get(name, 1e-4)
        np.testing.assert_allclose(column, frozen, atol=tolerance, rtol=1e-5, err_msg=name)


def test_a_click_is_an_onset_and_clicks_are_counted():
    sound = noise(1, 1e-3)
    sound[0, [1600, 4000, 6400]] += 0.8
    assert numbers(sound)["onset_rate"] == 6
    assert numbers(sound)["flux_max"] > 1


def test_an_octave_is_the_second_harmonic():
    sound = 0.1 * (np.sin(2 * np.pi * 3000 * T) + 0.5 * np.sin(2 * np.pi * 6000 * T))
    assert numbers(sound)["second_harmonic"] == pytest.approx(0.2, abs=0.01)


@settings(deadline=None)
@given(st.integers(0, 2**16), st.floats(1e-6, 1.0), st.integers(1, 6))
def test_every_number_is_finite_and_rows_stand_alone(seed, level, rows):
    sound = noise(rows, level, seed).clip(-1, 1)
    result = fft_features(sound)
    assert result.shape == (rows, 48)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    alone = fft_features(sound[-1:])
    kept = [i for i, name in enumerate(NAMES) if name not in CROWD]
    np.testing.assert_allclose(result[-1:, kept], alone[:, kept], rtol=1e-4, atol=1e-4)


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_the_crowd_numbers_do_not_depend_on_the_blocks(sizes):
    levels = np.random.default_rng(0).normal(-40, 6, sum(sizes))
    whole = Crowd().follow(levels)
    crowd = Crowd()
    parts = [crowd.follow(part) for part in np.split(levels, np.cumsum(sizes)[:-1])]
    for name in CROWD:
        np.testing.assert_allclose(np.concatenate([part[name] for part in parts]), whole[name])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 69), max_size=5))
def test_rows_do_not_depend_on_the_blocks(cuts):
    sound = noise(70)
    whole = np.concatenate(list(Fft().rows([sound])))
    parts = list(Fft().rows(iter(np.split(sound, sorted(set(cuts))))))
    assert len(parts) == len(set(cuts)) + 1
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("place", [0, 399, 4000, 7999])
def test_a_sound_of_one_sample_is_finite(place):
    sound = np.zeros((1, 8000))
    sound[0, place] = 1
    assert np.isfinite(fft_features(sound)).all()


def test_names_cost_no_import_of_librosa():
    code = (
        "import sys, action_spotting.audio.extractors, action_spotting.audio.fft as fft; "
        "assert len(fft.NAMES) == 48; sys.exit('librosa' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
