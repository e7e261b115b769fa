"""The log-mel patches that VGGish sees, with the constants of its release.

25 ms periodic Hann window, 10 ms hop, 512-point magnitude spectrum, 64 triangular bands between
125 and 7500 Hz that are straight on the HTK mel scale (not in hertz, as librosa's filters are),
natural logarithm with offset 0.01.

Reference: S. Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP
2017, and the AudioSet release in ``tensorflow/models/research/audioset/vggish``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import get_window

RATE_HZ = 16_000
WINDOW, HOP, FFT_SIZE = 400, 160, 512
BANDS = 64
LOW_HZ, HIGH_HZ = 125.0, 7500.0
LOG_OFFSET = 0.01

_BLOCK = 4096
"""Windows transformed at a time: 16 MB of spectrum."""


def log_mel(sound: np.ndarray, frames: int) -> np.ndarray:
    """Compute the log-mel patch of each stretch of sound.

    Parameters
    ----------
    sound
        Samples at 16 kHz in [-1, 1], shape ``(n, samples)`` with room for `frames` windows:
        ``samples >= 400 + 160 * (frames - 1)``.
    frames
        Windows in a patch: 46 in half a second (as the SoccerNet audio features have), 96 in
        Google's 0.96 s.

    Returns
    -------
    ndarray of float32, shape (n, frames, 64)
        Natural logarithm of the mel magnitude plus 0.01; silence is ``log(0.01) = -4.605``.

    Examples
    --------
    >>> log_mel(np.zeros((2, 8000)), 46).shape
    (2, 46, 64)
    >>> round(float(log_mel(np.zeros((1, 8000)), 46).max()), 3)
    -4.605
    """
    windows = sliding_window_view(sound, WINDOW, axis=1)[:, ::HOP][:, :frames]
    if windows.shape[1] < frames:
        raise ValueError(f"{sound.shape[1]} samples hold {windows.shape[1]} windows, not {frames}")
    patches = np.empty((len(sound), frames, BANDS), np.float32)
    step = max(1, _BLOCK // frames)
    for begin in range(0, len(sound), step):
        part = slice(begin, begin + step)
        # Double precision: next to a loud tone, single precision leaks more than the offset.
        spectrum = np.abs(scipy.fft.rfft(windows[part] * hann(), FFT_SIZE))
        patches[part] = np.log(spectrum @ mel_filters() + LOG_OFFSET)
    return patches


@cache
def hann() -> np.ndarray:
    """Give the periodic Hann window of 400 samples."""
    return get_window("hann", WINDOW)


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    """Convert hertz to the mel scale of HTK.

    >>> round(float(hz_to_mel(1000.0)), 2)
    999.99
    """
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)


@cache
def mel_filters() -> np.ndarray:
    """Give the weights ``(257, 64)`` that sum a magnitude spectrum into mel bands.

    A band rises from the centre of the one below to 1 at its own and falls to the centre of the
    one above, straight on the mel scale; the constant component belongs to none.

    >>> weights = mel_filters()
    >>> weights.shape, float(weights[0].max())
    ((257, 64), 0.0)
    """
    edges = np.linspace(hz_to_mel(LOW_HZ), hz_to_mel(HIGH_HZ), BANDS + 2)
    mels = hz_to_mel(np.linspace(0.0, RATE_HZ / 2, FFT_SIZE // 2 + 1))[:, None]
    rising = (mels - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - mels) / np.diff(edges)[1:]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    return weights
