"""Forty-eight numbers for each half-second of sound: level, colour, whistle, crowd, voice.

The spectrum is that of 25 ms Hann windows every 10 ms, 1024 points; 48 windows lie wholly inside a
half-second, and each half-second stands for itself (a window cut short would look like a click).
Powers are scaled so that the bins of a window add up to its mean square: a full-scale sine has
-3.0 dB. Only the four crowd numbers look back. Every number is finite for every sound.

The choice of numbers follows what is known of referees' whistles, of crowd noise, which rises
before and after goals and shots, and of commentators, whose syllables come at 2 to 8 Hz.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import get_window

RATE_HZ = 16_000
ROW_SAMPLES = 8_000
WINDOW, HOP, FFT_SIZE = 400, 160, 1024
WINDOWS = 48
BIN_HZ = RATE_HZ / FFT_SIZE
NYQUIST_HZ = RATE_HZ / 2

BAND_EDGES_HZ = np.geomspace(60, 7600, 17)
BRIGHT_HZ = (2000, 4000)
WHISTLE_HZ = (2600, 4200)
PEAK_HZ = (2000, 4500)
CROWD_HZ = (300, 2000)
VOICE_HZ = (60, 1000)
PITCH_HZ = (100, 500)

FLOOR = 1e-10
"""Power below which there is nothing: -100 dB."""

SILENT_DB = -60.0
TONAL_DB = 18.0
TONAL_HZ = 250.0
ONSET = 0.5
VOICED = 0.6

NAMES = (
    *(f"band_{i:02d}" for i in range(16)),
    "rms_mean",
    "rms_max",
    "rms_std",
    "rms_slope",
    "zero_crossings_mean",
    "zero_crossings_std",
    "centroid_mean",
    "centroid_std",
    "bandwidth",
    "rolloff",
    "flatness",
    "entropy",
    "flux_mean",
    "flux_max",
    "flux_std",
    "onset_rate",
    "bright_share",
    "whistle_share",
    "peak_mean",
    "peak_max",
    "peak_frequency",
    "tonal_fraction",
    "tonal_run",
    "second_harmonic",
    "crowd_over_30s",
    "crowd_over_5s",
    "crowd_slope",
    "crowd_peak_10s",
    "modulation",
    "pitch",
    "voiced",
    "silent",
)
"""What each of the 48 numbers is called; the README of the door says how it is computed."""

COLUMN = {name: i for i, name in enumerate(NAMES)}


class Fft:
    """Turns half-seconds of sound into rows of the 48 numbers."""

    dims = len(NAMES)
    origin: Mapping[str, Any] = {"definition": 1}

    def rows(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Turn the blocks ``(n, 8000)`` of one half into blocks of rows ``(n, 48)``.

        >>> [rows.shape for rows in Fft().rows([np.zeros((3, 8000)), np.zeros((1, 8000))])]
        [(3, 48), (1, 48)]
        """
        crowd = Crowd()
        for block in blocks:
            yield fft_features(block, crowd)


def fft_features(sound: np.ndarray, crowd: Crowd | None = None) -> np.ndarray:
    """Compute the 48 numbers of half-seconds that follow one another.

    Parameters
    ----------
    sound
        Samples at 16 kHz in [-1, 1], shape ``(n, 8000)``.
    crowd
        What is known of the rows before; None: these are the first of the half.

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
    sums = np.maximum(power @ _sums().astype(power.dtype), 0)
    bands, total = sums[..., :16], sums[..., 16] + np.float32(FLOOR)
    mean = power.mean(axis=1)
    columns = {f"band_{i:02d}": column for i, column in enumerate(_log(bands).mean(axis=1).T)}
    columns |= _level(sound) | _colour(sums, total) | _shape(mean) | _flux(_log(bands))
    columns |= _whistle(power, mean) | _shares(sums) | _voice(power, total)
    columns |= (crowd or Crowd()).follow(10 * _log(sums[..., 19].mean(axis=1)))
    return np.stack([columns[name] for name in NAMES], axis=1).astype(np.float32)


def power_spectrum(sound: np.ndarray) -> np.ndarray:
    """Compute the power ``(n, 48, 513)`` in every bin of every window of ``(n, 8000)`` samples.

    >>> power = power_spectrum(np.sin(np.arange(8000))[None])
    >>> power.shape, round(float(power[0, 0].sum()), 2)
    ((1, 48, 513), 0.5)
    """
    windows = sliding_window_view(sound.astype(np.float32, copy=False), WINDOW, axis=1)[:, ::HOP]
    spectrum = scipy.fft.rfft(windows * _window(), FFT_SIZE)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    power[..., [0, -1]] /= 2
    return power


class Crowd:
    """Sets the level of the crowd's band against what went before.

    The time before the half is taken to be as loud as its first half-second.
    """

    BACK = 60
    """Rows it remembers: 30 s with the current one."""

    def __init__(self) -> None:
        self._past: np.ndarray | None = None

    def follow(self, level_db: np.ndarray) -> dict[str, np.ndarray]:
        """Compute the four crowd numbers of rows with these levels ``(n,)`` in dB.

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
    rms = _log(_in_windows(np.square(sound))) / 2
    signs = np.signbit(sound)
    crossings = _in_windows(np.diff(signs, axis=1, prepend=signs[:, :1]).astype(np.float32))
    seconds = np.arange(WINDOWS) * HOP / RATE_HZ
    level_db = 10 * _log(np.square(sound).mean(axis=1))
    envelope = np.sqrt(_in_windows(np.square(sound)))
    return {
        "rms_mean": rms.mean(axis=1),
        "rms_max": rms.max(axis=1),
        "rms_std": rms.std(axis=1),
        "rms_slope": _slope(rms, seconds),
        "zero_crossings_mean": crossings.mean(axis=1),
        "zero_crossings_std": crossings.std(axis=1),
        "modulation": _modulation(envelope),
        "silent": level_db < SILENT_DB,
    }


def _modulation(envelope: np.ndarray) -> np.ndarray:
    """Share of the envelope's changes that come at 2 to 8 Hz; 0 for a steady sound."""
    swing = np.square(np.abs(scipy.fft.rfft(envelope, axis=1))) / WINDOWS**2
    steady = 1e-4 * swing[:, 0] + FLOOR
    hz = np.arange(swing.shape[1]) * RATE_HZ / HOP / WINDOWS
    slow = swing[:, (hz >= 2) & (hz <= 8)].sum(axis=1)
    return slow / (swing[:, 1:].sum(axis=1) + steady)


def _colour(sums: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
    centroid = sums[..., 20] / total
    spread = np.sqrt(np.maximum(sums[..., 21] / total - np.square(centroid), 0))
    return {
        "centroid_mean": centroid.mean(axis=1),
        "centroid_std": centroid.std(axis=1),
        "bandwidth": spread.mean(axis=1),
    }


def _shape(mean: np.ndarray) -> dict[str, np.ndarray]:
    """Describe the mean spectrum ``(n, 513)``: roll-off, flatness, entropy."""
    running = np.cumsum(mean, axis=1, dtype=np.float64)
    below = (running < 0.85 * running[:, -1:]).sum(axis=1)
    lifted = mean.astype(np.float64) + FLOOR / 1000
    share = lifted / lifted.sum(axis=1, keepdims=True)
    return {
        "rolloff": below * BIN_HZ / NYQUIST_HZ,
        "flatness": np.log10(lifted).mean(axis=1) - np.log10(lifted.mean(axis=1)),
        "entropy": -(share * np.log(share)).sum(axis=1) / np.log(mean.shape[1]),
    }


def _flux(bands: np.ndarray) -> dict[str, np.ndarray]:
    """Rise of the log band energies ``(n, 48, 16)`` from window to window, and its peaks."""
    flux = np.maximum(np.diff(bands, axis=1), 0).mean(axis=2)
    around = np.pad(flux, ((0, 0), (1, 1)))
    onset = (flux > ONSET) & (flux >= around[:, :-2]) & (flux > around[:, 2:])
    return {
        "flux_mean": flux.mean(axis=1),
        "flux_max": flux.max(axis=1),
        "flux_std": flux.std(axis=1),
        "onset_rate": onset.sum(axis=1) * 2.0,
    }


def _shares(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Bands against the whole, over the half-second, in dB, -60 at least."""
    row = sums.mean(axis=1, dtype=np.float64)
    share = row[:, 17:19] / (row[:, 16:17] + FLOOR)
    bright, whistle = (10 * np.log10(np.clip(share, 1e-6, 1))).T
    return {"bright_share": bright, "whistle_share": whistle}


def _whistle(power: np.ndarray, mean: np.ndarray) -> dict[str, np.ndarray]:
    """Look for a tone in 2 to 4.5 kHz: a peak that stands out of the band, and stays."""
    bins = _bins(PEAK_HZ)
    level = power[..., bins]
    prominence = 10 * np.log10((level.max(axis=2) + FLOOR) / (np.median(level, axis=2) + FLOOR))
    hz = (level.argmax(axis=2) + bins.start) * BIN_HZ
    loud = np.where(prominence > TONAL_DB, prominence, 0)
    centre = (hz * loud).sum(axis=1) / np.maximum(loud.sum(axis=1), 1)
    tonal = (loud > 0) & (np.abs(hz - centre[:, None]) <= TONAL_HZ)
    peak = level.mean(axis=1).argmax(axis=1) + bins.start
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


def _voice(power: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
    """Find the pitch from the autocorrelation of what lies below 1 kHz, over 65 ms.

    Windowing is divided out, and a longer period must be clearly better than a shorter one
    (P. Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).
    """
    low = power[..., _bins(VOICE_HZ)]
    joined = sliding_window_view(low, 5, axis=1).sum(axis=-1)
    strength = joined.sum(axis=2)
    cosines, lags = _periods()
    likeness = joined @ cosines / (strength[..., None] + np.float32(FLOOR))
    best = (likeness - 0.02 * np.log2(lags / lags[0])).argmax(axis=2)
    whole = sliding_window_view(total, 5, axis=1).sum(axis=-1)
    clear = np.take_along_axis(likeness, best[..., None], axis=2)[..., 0] > VOICED
    voiced = clear & (strength > 1e-3 * whole) & (strength > 100 * FLOOR)
    pitch = np.where(voiced, RATE_HZ / lags[best], 0).sum(axis=1)
    count = voiced.sum(axis=1)
    return {"pitch": pitch / np.maximum(count, 1) / 500, "voiced": voiced.mean(axis=1)}


def _in_windows(samples: np.ndarray) -> np.ndarray:
    """Mean ``(n, 48)`` of something given for each sample ``(n, 8000)`` over each window."""
    step = WINDOW // 5
    parts = samples.reshape(len(samples), -1, step).sum(axis=2, dtype=np.float64)
    return sliding_window_view(parts, 5, axis=1)[:, :: HOP // step].sum(axis=2) / WINDOW


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
def _sums() -> np.ndarray:
    """What a spectrum is multiplied with.

    16 bands, all, bright, whistle, crowd, and the first two moments of the frequency ÷ 8 kHz.
    """
    hz = np.arange(FFT_SIZE // 2 + 1) * BIN_HZ
    bands = [(hz >= low) & (hz < high) for low, high in itertools.pairwise(BAND_EDGES_HZ)]
    parts = [(hz >= low) & (hz <= high) for low, high in (BRIGHT_HZ, WHISTLE_HZ, CROWD_HZ)]
    moments = [hz / NYQUIST_HZ, np.square(hz / NYQUIST_HZ)]
    return np.stack([*bands, np.ones_like(hz), *parts, *moments], axis=1)


@cache
def _periods() -> tuple[np.ndarray, np.ndarray]:
    """What powers below 1 kHz are multiplied with to give likenesses at lags, and the lags."""
    lags = np.arange(RATE_HZ // PITCH_HZ[1], RATE_HZ // PITCH_HZ[0] + 1)
    bins = np.arange(FFT_SIZE // 2 + 1)[_bins(VOICE_HZ)]
    window = get_window("hann", WINDOW)
    own = np.correlate(window, window, "full")[WINDOW - 1 :]
    cosines = np.cos(2 * np.pi * bins[:, None] * lags / FFT_SIZE) * own[0] / own[lags]
    return cosines.astype(np.float32), lags
