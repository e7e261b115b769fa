"""Features of any frozen ONNX audio network: a row for each half-second and what is around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from action_spotting.audio.waveform import RATE_HZ, around
from action_spotting.dataset.feature_types import AUDIO
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.onnx_encoder import EncoderSettings, pooled
from action_spotting.io.onnx_network import MAX_INPUT_BYTES

LONGEST_S = 60.0
FLOOR = 1e-10
"""Power below which there is nothing: -100 dB."""


@dataclass(frozen=True)
class SoundSettings:
    """How sound becomes the input of a network.

    Attributes
    ----------
    rate
        Samples a second that the network takes. What is decoded has 16,000: above 8 kHz there is
        silence.
    window_s
        Seconds of sound a row sees, its half-second in the middle; None: those that the network
        fixes, else 1.
    bands
        Of the log-mel spectrogram that the network takes; 0: it takes the waveform.
    fft_size, hop
        Of the spectrogram, in samples at `rate`.
    low_hz, high_hz
        The range of the bands (Slaney's mel scale, as librosa has them).
    mean, std
        What is put in is less `mean`, over `std`: of samples in [-1, 1] or of dB.

    Raises
    ------
    UsageError
        A number out of range.

    Examples
    --------
    >>> SoundSettings(rate=32_000, bands=64, fft_size=1024, hop=320).mean
    0.0
    """

    rate: int = RATE_HZ
    window_s: float | None = None
    bands: int = 0
    fft_size: int = 1024
    hop: int = 320
    low_hz: float = 50.0
    high_hz: float | None = None
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        top_hz = self.high_hz or self.rate / 2
        if not 0 <= self.low_hz < top_hz <= self.rate / 2:
            raise UsageError(
                f"--range {self.low_hz:g} {top_hz:g}: expected from 0 to at most half the rate, "
                f"{self.rate / 2:g}"
            )
        if not (np.isfinite(self.mean) and 0 < self.std < np.inf):
            raise UsageError("--mean and --std take one finite number each, --std above 0")
        if self.window_s is not None and not 0.01 <= self.window_s <= LONGEST_S:
            raise UsageError(f"--window {self.window_s:g}: expected 0.01 to {LONGEST_S:g} seconds")

    @property
    def record(self) -> dict[str, Any]:
        """What the features depend on, for their provenance."""
        mel = {
            "bands": self.bands,
            "fft_size": self.fft_size,
            "hop": self.hop,
            "low_hz": self.low_hz,
            "high_hz": self.high_hz,
        }
        return {
            "rate": self.rate,
            "mean": self.mean,
            "std": self.std,
            **(mel if self.bands else {}),
        }


class OnnxSound:
    """Turns half-seconds of sound into rows; for `action_spotting.audio.extractors.AudioExtractor`.

    Parameters
    ----------
    encoder
        The network, and which of its numbers make a row.
    sound
        How sound becomes its input.

    Attributes
    ----------
    dims
        Numbers in a row.
    origin
        What the features depend on.

    Raises
    ------
    UsageError
        No such file or output, or a window other than the network's.
    InputError
        The network is refused, does not run, or does not take such sound.

    Examples
    --------
    >>> sound = OnnxSound(EncoderSettings(Path("panns.onnx")), SoundSettings())  # doctest: +SKIP
    """

    def __init__(self, encoder: EncoderSettings, sound: SoundSettings | None = None) -> None:
        self._encoder, self._sound = encoder, sound or SoundSettings()
        self._network = encoder.open()
        self._batch_size = self._network.shape[0] or encoder.batch_size
        self._samples = self._window_samples()
        wanted = 2 * round(self._samples / self._sound.rate * RATE_HZ / 2)
        self._heard = max(2, wanted)  # at 16 kHz; even
        self._check_memory()
        silence = np.zeros((self._batch_size, self._heard), np.float32)
        self.dims = self._rows(silence).shape[1]
        self.origin: dict[str, Any] = {
            "medium": AUDIO,
            **encoder.record(self._network),
            **self._sound.record,
            "window_s": self._samples / self._sound.rate,
        }

    def rows(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Turn blocks of half-seconds ``(n, 8000)`` into blocks of rows ``(n, dims)``.

        Parameters
        ----------
        blocks
            Blocks of half-seconds in order, samples in [-1, 1], ``(n, 8000)``.

        Yields
        ------
        float32 array ``(n, dims)``
            One row a half-second.
        """
        size = self._batch_size
        for windows in around(blocks, self._heard):
            for begin in range(0, len(windows), size):
                part = windows[begin : begin + size]
                whole = np.pad(part, ((0, size - len(part)), (0, 0)))
                yield self._rows(whole)[: len(part)]

    def _window_samples(self) -> int:
        """Samples of a row at the network's rate: the window's, or those that the file fixes."""
        sound, shape = self._sound, self._network.shape
        fixed = shape[-1] if not sound.bands and len(shape) > 1 else None
        asked = sound.window_s and round(sound.window_s * sound.rate)
        if fixed and asked and fixed != asked:
            raise UsageError(
                f"--window {sound.window_s:g}: {self._network.path} takes {fixed} samples, "
                f"{fixed / sound.rate:g} s at --rate {sound.rate}; leave --window out"
            )
        return fixed or asked or sound.rate

    def _check_memory(self) -> None:
        need = 4 * self._batch_size * max(self._samples, self._heard)
        if need > MAX_INPUT_BYTES or self._samples > LONGEST_S * self._sound.rate:
            raise InputError(
                f"{self._network.path}: {self._batch_size} windows of {self._samples} samples a "
                "call are too much; a smaller --batch_size or --window"
            )

    def _rows(self, windows: np.ndarray) -> np.ndarray:
        """Rows of windows ``(batch_size, samples)`` at 16 kHz."""
        given = (
            log_mel_db(self._at_rate(windows), self._sound)
            if self._sound.bands
            else (self._at_rate(windows))
        )
        scaled = ((given - self._sound.mean) / self._sound.std).astype(np.float32)
        output = self._network(self._laid_out(scaled))
        return pooled(self._network.path, output, self._encoder.pool)

    def _at_rate(self, windows: np.ndarray) -> np.ndarray:
        """Resample windows to the network's rate: float32 ``(n, samples)``."""
        import soxr

        if self._sound.rate == RATE_HZ and windows.shape[1] == self._samples:
            return windows
        made = soxr.resample(np.ascontiguousarray(windows.T), RATE_HZ, self._sound.rate).T
        missing = max(0, self._samples - made.shape[1])
        return np.pad(made, ((0, 0), (0, missing)))[:, : self._samples]

    def _laid_out(self, array: np.ndarray) -> np.ndarray:
        """Bring a batch into the axes of the network's input."""
        shape = self._network.shape
        if array.ndim == 3 and shape[-1] == self._sound.bands != shape[-2]:
            array = array.transpose(0, 2, 1)
        extra = len(shape) - array.ndim
        expanded = array.reshape(len(array), *[1] * max(0, extra), *array.shape[1:])
        fits = all(a in (b, None) for a, b in zip(shape, expanded.shape, strict=False))
        if extra not in (0, 1) or not fits:
            raise InputError(
                f"{self._network.path}: its input is {shape}, the sound {expanded.shape}; see "
                "--window, --log_mel and --hop"
            )
        return expanded


def log_mel_db(sound: np.ndarray, settings: SoundSettings) -> np.ndarray:
    """Compute log-mel spectrograms in dB, as librosa does: Hann windows, power, Slaney's bands.

    Parameters
    ----------
    sound
        Samples ``(n, samples)``.
    settings
        Rate, bands, window and hop.

    Returns
    -------
    float32 array ``(n, bands, 1 + samples // hop)``
        Not below -100.

    Examples
    --------
    >>> log_mel_db(np.zeros((2, 16_000), np.float32), SoundSettings(bands=64)).shape
    (2, 64, 51)
    """
    import librosa

    power = librosa.feature.melspectrogram(
        y=np.ascontiguousarray(sound),
        sr=settings.rate,
        n_fft=settings.fft_size,
        hop_length=settings.hop,
        n_mels=settings.bands,
        fmin=settings.low_hz,
        fmax=settings.high_hz,
    )
    decibels: np.ndarray = 10 * np.log10(np.maximum(power, FLOOR))
    return decibels
