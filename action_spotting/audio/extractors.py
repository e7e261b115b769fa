"""The features of sound, as the extraction driver runs them."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from action_spotting.audio.waveform import RATE_HZ, ROWS_PER_S
from action_spotting.dataset.feature_types import AUDIO
from action_spotting.dataset.layout import side_path
from action_spotting.errors import UsageError, unknown
from action_spotting.io.files import whole_file

if TYPE_CHECKING:
    from action_spotting.audio.onnx_sound import SoundSettings
    from action_spotting.extraction.onnx_encoder import EncoderSettings

VGGISH_NAMES = {"soccer": "VGGish", "standard": "VGGish_standard"}
"""The feature that a variant of VGGish makes."""


@dataclass(frozen=True)
class AudioOptions:
    """How sound is decoded.

    Attributes
    ----------
    track
        Number of the sound track, counted from 1.
    resampler
        ``soxr`` or ``resampy``; see `action_spotting.audio.waveform.resample`.
    """

    track: int = 1
    resampler: str = "soxr"

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that features must have in common to be used together."""
        resampler = {"soxr": "soxr HQ", "resampy": "resampy kaiser_best"}[self.resampler]
        return {
            "sample_rate": RATE_HZ,
            "resampler": resampler,
            "track": self.track,
            "fps": ROWS_PER_S,
        }


class Variant(Protocol):
    """What turns half-seconds of sound into rows."""

    dims: int

    @property
    def origin(self) -> Mapping[str, Any]: ...

    def rows(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]: ...


class AudioExtractor:
    """Makes a feature of sound; see `action_spotting.extraction.driver.Extractor`.

    Parameters
    ----------
    variant
        Turns half-seconds of sound into rows.
    decoding
        How sound is decoded.
    keep_wav
        Keep the 16 kHz mono sound beside the features, as ``.wav``.
    """

    medium = AUDIO

    def __init__(
        self, variant: Variant, decoding: AudioOptions | None = None, *, keep_wav: bool = False
    ) -> None:
        self.width = variant.dims
        self.decoding = decoding or AudioOptions()
        self.settings: Mapping[str, Any] = {**variant.origin, **self.decoding.settings}
        self._variant = variant
        self._keep_wav = keep_wav

    def rows(self, stream: Iterator[np.ndarray], target: Path) -> Iterator[np.ndarray]:
        """Turn blocks of half-seconds ``(n, 8000)`` into blocks of rows.

        Parameters
        ----------
        stream
            Blocks of half-seconds, samples in [-1, 1], ``(n, 8000)``.
        target
            The feature file; with `keep_wav` the sound goes to ``.wav`` beside it.

        Returns
        -------
        Iterator
            Blocks of rows, float32 ``(n, width)``.
        """
        if self._keep_wav:
            stream = _keeping(stream, side_path(target, ".wav"))
        return self._variant.rows(stream)


def vggish_extractor(
    *,
    weights: str = "audioset",
    variant: str = "soccer",
    pca: Path | None = None,
    batch_size: int = 64,
    decoding: AudioOptions | None = None,
    keep_wav: bool = False,
) -> AudioExtractor:
    """Make the extractor of ``1_VGGish.npy`` or ``1_VGGish_standard.npy``.

    Parameters
    ----------
    weights
        ``audioset``, ``random`` or a file; see `action_spotting.audio.vggish_weights.load`.
    variant
        ``soccer``: 512 numbers, as the SoccerNet audio features; ``standard``: Google's 128.
    pca
        File of Google's post-processing, for ``standard``; None: found or downloaded.
    batch_size
        Half-seconds that go through the network at once.
    decoding, keep_wav
        As for `AudioExtractor`.

    Returns
    -------
    AudioExtractor

    Raises
    ------
    UsageError
        No such variant or file of weights.
    InputError
        A file of weights or of the PCA is damaged or of another kind.
    WeightsUnavailable
        Published weights are neither here nor can be downloaded.

    Examples
    --------
    >>> vggish_extractor(weights="random").width  # doctest: +SKIP
    512
    """
    if variant not in VGGISH_NAMES:
        raise UsageError(unknown("variant of VGGish", variant, VGGISH_NAMES))
    from action_spotting.audio.vggish import Soccer, Standard

    made: Soccer | Standard
    if variant == "soccer":
        made = Soccer(weights, batch_size=batch_size)
    else:
        made = Standard(weights, pca=pca, batch_size=batch_size)
    return AudioExtractor(made, decoding, keep_wav=keep_wav)


def fft_extractor(
    *, decoding: AudioOptions | None = None, keep_wav: bool = False
) -> AudioExtractor:
    """Make the extractor of ``1_FFT.npy``: the 48 numbers of `action_spotting.audio.fft.NAMES`.

    Parameters
    ----------
    decoding, keep_wav
        As for `AudioExtractor`.

    Returns
    -------
    AudioExtractor

    Examples
    --------
    >>> fft_extractor().width
    48
    """
    from action_spotting.audio.fft import Fft

    return AudioExtractor(Fft(), decoding, keep_wav=keep_wav)


def onnx_extractor(
    encoder: EncoderSettings, sound: SoundSettings, *, decoding: AudioOptions | None = None
) -> AudioExtractor:
    """Make the extractor of any frozen ONNX audio network: ``1_<name>_audio.npy``.

    Parameters
    ----------
    encoder
        The network, and which of its numbers make a row.
    sound
        How sound becomes its input.
    decoding
        As for `AudioExtractor`.

    Returns
    -------
    AudioExtractor

    Raises
    ------
    UsageError, InputError
        As `action_spotting.audio.onnx_sound.OnnxSound`.
    """
    from action_spotting.audio.onnx_sound import OnnxSound

    return AudioExtractor(OnnxSound(encoder, sound), decoding)


def _keeping(stream: Iterable[np.ndarray], path: Path) -> Iterator[np.ndarray]:
    """Pass blocks of sound on and write them as the ``.wav`` `path`."""
    with whole_file(path) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        for block in stream:
            limited = np.clip(np.rint(block * 32768), -32768, 32767)
            file.writeframes(limited.astype("<i2").tobytes())
            yield block
