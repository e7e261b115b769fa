"""Forty-eight numbers for each half-second of sound: level, colour, whistle, crowd, voice.

One spectrogram serves all of them: 25 ms Hann windows every 10 ms, 1024 points; 48 windows lie
wholly inside a half-second, and each half-second stands for itself (a window cut short would look
like a click). Powers are scaled so that the bins of a window add up to its mean square: a
full-scale sine has -3.0 dB. Only the four crowd numbers look back. Every number is finite for
every sound.

The standard descriptors (RMS, zero crossings, centroid, bandwidth, roll-off, flatness, onset
strength, pitch) are librosa's. The others follow what is known of referees' whistles, of crowd
noise, which rises before and after goals and shots, and of commentators, whose syllables come at
2 to 8 Hz.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import get_window, resample_poly

RATE_HZ = 16_000
ROW_SAMPLES = 8_000
WINDOW, HOP, FFT_SIZE = 400, 160, 1024
WINDOWS = 48
BIN_HZ = RATE_HZ / FFT_SIZE
NYQUIST_HZ = RATE_HZ / 2

BANDS = 16
BAND_EDGES_HZ = np.geomspace(60, 7600, BANDS + 1)
BRIGHT_HZ, WHISTLE_HZ, CROWD_HZ = (2000, 4000), (2600, 4200), (300, 2000)
PEAK_HZ, VOICE_HZ, PITCH_HZ = (2000, 4500), (60, 1000), (100, 500)

FLOOR = 1e-10
"""Power below which there is nothing: -100 dB."""

SILENT_DB = -60.0
TONAL_DB, TONAL_HZ = 18.0, 250.0
ONSET = 0.5
VOICED, VOICE_WINDOWS = 0.6, 5
PITCH_STEP, PITCH_FRAME = 4, 256
"""Pitch is looked for at a fourth of the rate (no whistle there), every fourth window, in 64 ms."""

_AFTER_THE_BANDS = """
rms_mean rms_max rms_std rms_slope zero_crossings_mean zero_crossings_std
centroid_mean centroid_std bandwidth rolloff flatness entropy
flux_mean flux_max flux_std onset_rate bright_share whistle_share
peak_mean peak_max peak_frequency tonal_fraction tonal_run second_harmonic
crowd_over_30s crowd_over_5s crowd_slope crowd_peak_10s modulation pitch voiced silent
"""
NAMES = (*(f"band_{i:02d}" for i in range(BANDS)), *_AFTER_THE_BANDS.split())
"""Names of the 48 numbers; ``audio-features-extraction/README.md`` says how they are computed."""

COLUMN = {name: i for i, name in enumerate(NAMES)}


class Fft:
    """Turns half-seconds of sound into rows of the 48 numbers."""

    dims = len(NAMES)
    origin: Mapping[str, Any] = {"definition": 2}

    def rows(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Turn the blocks ``(n, 8000)`` of one half into blocks of rows ``(n, 48)``.

        Parameters
        ----------
        blocks
            Blocks of half-seconds in order, samples in [-1, 1], ``(n, 8000)``.

        Yields
        ------
        float32 array ``(n, 48)``
            One row a half-second.

        Examples
        --------
        >>> [rows.shape for rows in Fft().rows([np.zeros((3, 8000)), np.zeros((1, 8000))])]
        [(3, 48), (1, 48)]
        """
        crowd = Crowd()
        for block in blocks:
            yield fft_features(block, crowd)


def fft_features(sound: np.ndarray, crowd: Crowd | None = None) -> np.ndarray:
    """Compute the 48 numbers of consecutive half-seconds.

    Parameters
    ----------
    sound
        Samples at 16 kHz in [-1, 1], ``(n, 8000)``.
    crowd
        State after the rows before; None: these are the first of the half.

    Returns
    -------
    ndarray of float32, shape (n, 48)
        Columns as `NAMES` says. For digital silence: bands -10, ``rms_mean`` and ``rms_max`` -5,
        shares -60, ``entropy`` and ``silent`` 1, all others 0.

    Examples
    --------
    >>> tone = 0.5 * np.sin(2 * np.pi * 3600 * np.arange(8000) / 16000)
    >>> row = fft_features(tone[None])[0]
    >>> {name: round(float(row[COLUMN[name]]), 2) for name in ("rms_mean", "peak_frequency")}
    {'rms_mean': -0.45, 'peak_frequency': 0.45}
    """
    power = power_spectrum(sound)
    mean = power.mean(axis=1, dtype=np.float64)
    sums = power @ _filters()
    bands = _log(sums[..., :BANDS])
    total, bright, whistle, crowd_band = np.moveaxis(sums[..., BANDS:], -1, 0)
    columns = {f"band_{i:02d}": column for i, column in enumerate(bands.mean(axis=1).T)}
    columns |= _level(sound) | _colour(power, mean) | _flux(bands) | _whistle(power, mean)
    columns |= {"bright_share": _share(bright, total), "whistle_share": _share(whistle, total)}
    columns |= _voice(sound, power, total)
    columns |= (crowd or Crowd()).follow(10 * _log(crowd_band.mean(axis=1)))
    return np.stack([columns[name] for name in NAMES], axis=1).astype(np.float32)


def power_spectrum(sound: np.ndarray) -> np.ndarray:
    """Compute the power in every bin of every window.

    Parameters
    ----------
    sound
        Samples in [-1, 1], ``(n, 8000)``.

    Returns
    -------
    float32 array ``(n, 48, 513)``
        The bins of a window add up to its mean square.

    Examples
    --------
    >>> power = power_spectrum(np.sin(np.arange(8000))[None])
    >>> power.shape, round(float(power[0, 0].sum()), 2)
    ((1, 48, 513), 0.5)
    """
    import librosa

    # The two windows of each 50 that hang over into the next half-second are left out.
    side = (FFT_SIZE - WINDOW) // 2
    line = np.pad(sound.astype(np.float32, copy=False).ravel(), (side, side + 2 * HOP))
    spectrum = librosa.stft(
        line, n_fft=FFT_SIZE, hop_length=HOP, win_length=WINDOW, window=_window(), center=False
    )
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    power[[0, -1]] /= 2
    return power.T.reshape(len(sound), ROW_SAMPLES // HOP, -1)[:, :WINDOWS]


class Crowd:
    """Compares the level of the crowd's band with that of the rows before.

    The time before the half is taken to be as loud as its first half-second.
    """

    BACK = 60
    """Rows it remembers: 30 s with the current one."""

    def __init__(self) -> None:
        self._past: np.ndarray | None = None

    def follow(self, level_db: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the four crowd numbers of the rows that come next.

        Parameters
        ----------
        level_db
            Level of each row in dB, ``(n,)``.

        Returns
        -------
        dict
            Arrays ``(n,)`` by name.

        Examples
        --------
        >>> step = np.repeat([-40.0, -28.0], 30)
        >>> Crowd().follow(step)["crowd_over_30s"][[0, 29, 30]].tolist()
        [0.0, 0.0, 12.0]
        """
        past = np.full(self.BACK - 1, level_db[0]) if self._past is None else self._past
        line = np.concatenate([past, level_db])
        self._past = line[-(self.BACK - 1) :]
        back = sliding_window_view(line, self.BACK)
        seconds = np.arange(10) / 2
        return {
            "crowd_over_30s": level_db - np.median(back, axis=1),
            "crowd_over_5s": level_db - np.median(back[:, -10:], axis=1),
            "crowd_slope": _slope(back[:, -10:], seconds),
            "crowd_peak_10s": back[:, -20:].max(axis=1) - back[:, -20:].mean(axis=1),
        }


def _level(sound: np.ndarray) -> dict[str, np.ndarray]:
    from librosa.feature import rms, zero_crossing_rate

    framing: dict[str, Any] = {"frame_length": WINDOW, "hop_length": HOP, "center": False}
    envelope = rms(y=sound, **framing)[:, 0]
    level = _log(np.square(envelope)) / 2
    crossings = zero_crossing_rate(sound, **framing)[:, 0]
    return {
        "rms_mean": level.mean(axis=1),
        "rms_max": level.max(axis=1),
        "rms_std": level.std(axis=1),
        "rms_slope": _slope(level, np.arange(WINDOWS) * HOP / RATE_HZ),
        "zero_crossings_mean": crossings.mean(axis=1),
        "zero_crossings_std": crossings.std(axis=1),
        "modulation": _modulation(envelope),
        "silent": 10 * _log(np.square(sound).mean(axis=1)) < SILENT_DB,
    }


def _modulation(envelope: np.ndarray) -> np.ndarray:
    """Share of the envelope's changes that come at 2 to 8 Hz; 0 for a steady sound."""
    swing = np.square(np.abs(scipy.fft.rfft(envelope, axis=1))) / WINDOWS**2
    steady = 1e-4 * swing[:, 0] + FLOOR
    hz = np.arange(swing.shape[1]) * RATE_HZ / HOP / WINDOWS
    slow = swing[:, (hz >= 2) & (hz <= 8)].sum(axis=1)
    return slow / (swing[:, 1:].sum(axis=1) + steady)


def _colour(power: np.ndarray, mean: np.ndarray) -> dict[str, np.ndarray]:
    """Describe the windows' spectra, and the mean spectrum ``(n, 513)``."""
    from librosa import feature

    frequency = np.linspace(0, 1, power.shape[2], dtype=np.float32)
    spectra = power.swapaxes(1, 2)
    centroid = feature.spectral_centroid(S=spectra, freq=frequency)
    bandwidth = feature.spectral_bandwidth(S=spectra, freq=frequency, centroid=centroid)
    lifted = mean[..., None] + FLOOR / 1000
    share = lifted / lifted.sum(axis=1, keepdims=True)
    flatness = feature.spectral_flatness(S=lifted, amin=FLOOR / 1000, power=1)
    return {
        "centroid_mean": centroid[:, 0].mean(axis=1),
        "centroid_std": centroid[:, 0].std(axis=1),
        "bandwidth": bandwidth[:, 0].mean(axis=1),
        "rolloff": feature.spectral_rolloff(S=mean[..., None], freq=frequency)[:, 0, 0],
        "flatness": np.log10(flatness[:, 0, 0]),
        "entropy": -(share * np.log(share)).sum(axis=(1, 2)) / np.log(power.shape[2]),
    }


def _flux(bands: np.ndarray) -> dict[str, np.ndarray]:
    """Rise of the log band energies ``(n, 48, 16)`` from window to window, and its peaks."""
    import librosa

    rise = librosa.onset.onset_strength(S=bands.swapaxes(1, 2), center=False)
    onset = (rise > ONSET) & librosa.util.localmax(rise, axis=1)
    flux = rise[:, 1:]
    return {
        "flux_mean": flux.mean(axis=1),
        "flux_max": flux.max(axis=1),
        "flux_std": flux.std(axis=1),
        "onset_rate": onset.sum(axis=1) * 2.0,
    }


def _share(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    """A band against the whole, over the half-second, in dB, -60 at least."""
    whole = total.mean(axis=1, dtype=np.float64) + FLOOR
    return 10 * np.log10(np.clip(part.mean(axis=1, dtype=np.float64) / whole, 1e-6, 1))


def _whistle(power: np.ndarray, mean: np.ndarray) -> dict[str, np.ndarray]:
    """Look for a tone in 2 to 4.5 kHz: a peak that stands out of the band, and stays."""
    bins = _bins(PEAK_HZ)
    level = power[..., bins]
    prominence = 10 * np.log10((level.max(axis=2) + FLOOR) / (np.median(level, axis=2) + FLOOR))
    hz = (level.argmax(axis=2) + bins.start) * BIN_HZ
    loud = np.where(prominence > TONAL_DB, prominence, 0)
    centre = (hz * loud).sum(axis=1) / np.maximum(loud.sum(axis=1), 1)
    tonal = (loud > 0) & (np.abs(hz - centre[:, None]) <= TONAL_HZ)
    peak = mean[:, bins].argmax(axis=1) + bins.start
    return {
        "peak_mean": prominence.mean(axis=1),
        "peak_max": prominence.max(axis=1),
        "peak_frequency": np.where(level.any(axis=(1, 2)), peak * BIN_HZ / NYQUIST_HZ, 0),
        "tonal_fraction": tonal.mean(axis=1),
        "tonal_run": _longest_run(tonal) / WINDOWS,
        "second_harmonic": _second_harmonic(mean, peak),
    }


def _second_harmonic(mean: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Power at twice the peak's frequency against both together; 0 where it is above 8 kHz."""
    near = np.arange(-2, 3)
    double = 2 * peak[:, None] + near
    heard = double < mean.shape[1]
    first = np.take_along_axis(mean, peak[:, None] + near, axis=1).sum(axis=1)
    second = np.take_along_axis(mean, np.where(heard, double, 0), axis=1)
    second = np.where(heard.all(axis=1), second.sum(axis=1), 0)
    return second / (first + second + FLOOR)


def _voice(sound: np.ndarray, power: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
    """Find where there is a voice, and its pitch there: the mean of YIN's.

    A voice repeats itself: what tells is the autocorrelation of what lies below 1 kHz, over 65 ms,
    windowing divided out, and a longer period must be clearly better than a shorter one
    (P. Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).
    """
    import librosa

    low = power[..., _bins(VOICE_HZ)]
    joined = sliding_window_view(low, VOICE_WINDOWS, axis=1).sum(axis=-1)
    strength = joined.sum(axis=2)
    cosines, lags = _periods()
    likeness = joined @ cosines / (strength[..., None] + np.float32(FLOOR))
    best = (likeness - 0.02 * np.log2(lags / lags[0])).argmax(axis=2)
    whole = sliding_window_view(total, VOICE_WINDOWS, axis=1).sum(axis=-1)
    clear = np.take_along_axis(likeness, best[..., None], axis=2)[..., 0] > VOICED
    voiced = clear & (strength > 1e-3 * whole) & (strength > 100 * FLOOR)
    low_hz, high_hz = PITCH_HZ
    slow = resample_poly(sound, 1, PITCH_STEP, axis=1)
    framing: dict[str, Any] = {"frame_length": PITCH_FRAME, "hop_length": HOP, "center": False}
    pitch = librosa.yin(slow, fmin=low_hz, fmax=high_hz, sr=RATE_HZ // PITCH_STEP, **framing)
    heard = voiced.reshape(*pitch.shape, PITCH_STEP).any(axis=2)
    mean = np.where(heard, pitch, 0).sum(axis=1) / np.maximum(heard.sum(axis=1), 1)
    return {"pitch": mean / high_hz, "voiced": voiced.mean(axis=1)}


def _log(power: np.ndarray) -> np.ndarray:
    return np.log10(power + np.asarray(FLOOR, power.dtype))


def _slope(values: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Least-squares slope of each row of values."""
    centred = seconds - seconds.mean()
    return (values - values[:, :1]) @ centred / (centred @ centred)


def _longest_run(flags: np.ndarray) -> np.ndarray:
    """Length of the longest run of True in each row.

    >>> _longest_run(np.array([[True, False, True, True], [False] * 4])).tolist()
    [2, 0]
    """
    place = np.arange(1, flags.shape[1] + 1)
    last_false = np.maximum.accumulate(np.where(flags, 0, place), axis=1)
    return (place - last_false).max(axis=1)


def _bins(band_hz: tuple[float, float]) -> slice:
    """Bins whose centre lies in a band, edges included."""
    return slice(int(np.ceil(band_hz[0] / BIN_HZ)), int(band_hz[1] // BIN_HZ) + 1)


@cache
def _window() -> np.ndarray:
    window = get_window("hann", WINDOW)
    return (window * np.sqrt(2 / (FFT_SIZE * np.square(window).sum()))).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    """What a spectrum is multiplied with: the 16 bands; then all, bright, whistle, crowd."""
    hz = np.arange(FFT_SIZE // 2 + 1) * BIN_HZ
    wide = ((0, NYQUIST_HZ), BRIGHT_HZ, WHISTLE_HZ, CROWD_HZ)
    edges = (*itertools.pairwise(BAND_EDGES_HZ), *wide)
    return np.stack([(hz >= low) & (hz <= high) for low, high in edges], axis=1).astype(np.float32)


@cache
def _periods() -> tuple[np.ndarray, np.ndarray]:
    """What powers below 1 kHz are multiplied with to give likenesses at lags, and the lags."""
    lags = np.arange(RATE_HZ // PITCH_HZ[1], RATE_HZ // PITCH_HZ[0] + 1)
    bins = np.arange(FFT_SIZE // 2 + 1)[_bins(VOICE_HZ)]
    window = get_window("hann", WINDOW)
    own = np.correlate(window, window, "full")[WINDOW - 1 :]
    cosines = np.cos(2 * np.pi * bins[:, None] * lags / FFT_SIZE) * own[0] / own[lags]
    return cosines.astype(np.float32), lags
