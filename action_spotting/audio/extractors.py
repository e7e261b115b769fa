"""From one half's sound to its feature file: what the extraction driver runs."""

from __future__ import annotations

import contextlib
import wave
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from action_spotting.audio.waveform import BLOCK_ROWS, RATE_HZ, ROWS_PER_S, Waveform, ahead
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.layout import side_path
from action_spotting.dataset.media import Clip
from action_spotting.errors import UsageError, unknown
from action_spotting.extraction.fan_out import counted, share
from action_spotting.io.files import whole_file


@dataclass(frozen=True)
class SoundOptions:
    """How sound is read.

    Attributes
    ----------
    track
        Which sound track, counted from 1.
    resampler
        ``soxr`` or ``resampy``; see `action_spotting.audio.waveform.resample`.
    keep_wav
        Leave the 16 kHz mono sound beside the features, as ``.wav``.
    """

    track: int = 1
    resampler: str = "soxr"
    keep_wav: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What features must share to be used together."""
        resampler = {"soxr": "soxr HQ", "resampy": "resampy kaiser_best"}[self.resampler]
        return {
            "sample_rate": RATE_HZ,
            "resampler": resampler,
            "track": self.track,
            "fps": ROWS_PER_S,
        }


class _Variant(Protocol):
    """What turns half-seconds of sound into rows."""

    dims: int

    @property
    def origin(self) -> Mapping[str, Any]: ...

    def rows(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]: ...


class SoundExtractor:
    """What both extractors share: `action_spotting.extraction.driver.Extractor`."""

    name: str

    def __init__(self, variant: _Variant, settings: Mapping[str, Any], sound: SoundOptions):
        self.dims = variant.dims
        self.settings: Mapping[str, Any] = {**settings, **sound.settings}
        self.sound = sound
        self._variant = variant

    def extract(self, clip: Clip, target: Path) -> str | None:
        """Write the features of `clip` to `target`; give what the user should know, or None."""
        return extract_sound(clip, {target: self})

    def consume(
        self, blocks: Iterator[np.ndarray], sound: Waveform, clip: Clip, target: Path
    ) -> None:
        """Write the features of `blocks`, which are those of `sound`."""
        with write_feature(target, self.dims, self.settings, clip) as writer:
            for rows in self._variant.rows(ahead(blocks)):
                writer.append(rows)
            writer.cut(sound.row_count)


def extract_sound(
    clip: Clip,
    targets: Mapping[Path, SoundExtractor],
    *,
    tell: Callable[[float], object] = lambda _: None,
) -> str | None:
    """Write several features of a clip's sound; those that hear it alike share a decoding.

    Each file has the bytes that its extractor gives alone.

    Parameters
    ----------
    clip
        The media, or the part of it.
    targets
        The files to make, each with its extractor.
    tell
        Is told how many seconds have been read; what it raises ends the work.

    Returns
    -------
    str or None
        What the user should know about the sound.
    """
    remarks: dict[str, None] = {}
    for options in dict.fromkeys(extractor.sound for extractor in targets.values()):
        group = {t: extractor for t, extractor in targets.items() if extractor.sound == options}
        first = next(iter(group))
        sound = Waveform(clip, track=options.track, resampler=options.resampler)
        consumers = [
            partial(extractor.consume, sound=sound, clip=clip, target=target)
            for target, extractor in group.items()
        ]
        wav = side_path(first, ".wav") if options.keep_wav else None
        with _keeping(wav, sound) as blocks:
            share(counted(blocks, lambda number: tell(number * BLOCK_ROWS / ROWS_PER_S)), consumers)
        if sound.warning:
            remarks[sound.warning] = None
    return "; ".join(remarks) or None


class VGGishExtractor(SoundExtractor):
    """``1_VGGish.npy`` (or ``1_VGGish_standard.npy``): VGGish of each half-second.

    Parameters
    ----------
    weights
        ``audioset``, ``random`` or a file; see `action_spotting.audio.vggish_weights.load`.
    variant
        ``soccer``: 512 numbers, as the SoccerNet audio features; ``standard``: Google's 128.
    pca
        The file of Google's post-processing, for ``standard``; None: found or downloaded.
    batch_size
        Half-seconds that go through the network at once.
    sound
        How sound is read.
    """

    def __init__(
        self,
        *,
        weights: str = "audioset",
        variant: str = "soccer",
        pca: Path | None = None,
        batch_size: int = 64,
        sound: SoundOptions | None = None,
    ) -> None:
        self.name = vggish_name(variant)
        from action_spotting.audio.vggish import Soccer, Standard

        made: Soccer | Standard
        if variant == "soccer":
            made = Soccer(weights, batch_size=batch_size)
        else:
            made = Standard(weights, pca=pca, batch_size=batch_size)
        settings = {"variant": variant, **made.origin}
        super().__init__(made, settings, sound or SoundOptions())


class FFTExtractor(SoundExtractor):
    """``1_FFT.npy``: the 48 numbers that `action_spotting.audio.fft.NAMES` names."""

    name = "FFT"

    def __init__(self, *, sound: SoundOptions | None = None) -> None:
        from action_spotting.audio.fft import Fft

        super().__init__(Fft(), Fft.origin, sound or SoundOptions())


def vggish_name(variant: str) -> str:
    """Give the feature's name of a variant of VGGish, as in ``1_<name>.npy``.

    >>> vggish_name("soccer")
    'VGGish'
    """
    names = {"soccer": "VGGish", "standard": "VGGish_standard"}
    if variant not in names:
        raise UsageError(unknown("variant of VGGish", variant, names))
    return names[variant]


@contextlib.contextmanager
def _keeping(path: Path | None, sound: Waveform) -> Iterator[Iterator[np.ndarray]]:
    """Give the blocks of `sound`, written to the ``.wav`` `path` as they pass, if there is one."""
    if path is None:
        yield sound.blocks()
        return
    with whole_file(path) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)

        def passing() -> Iterator[np.ndarray]:
            for block in sound.blocks():
                limited = np.clip(np.rint(block * 32768), -32768, 32767)
                file.writeframes(limited.astype("<i2").tobytes())
                yield block

        yield passing()
