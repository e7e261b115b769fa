"""Sound tracks: decoded packet by packet, mono, placed on the time line of the picture.

What the original script got from ``ffmpeg -i 1_HQ.mkv 1_HQ.wav``, without the ``.wav``: 16-bit
samples, the mean of the channels. In addition every frame is placed by its time stamp, so that
sound that begins late, has holes or lost packets stays in step with the picture.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.media import LONGEST_S, damage, open_media
from action_spotting.dataset.packets import first_s, list_packets
from action_spotting.dataset.streams import picture_stream
from action_spotting.errors import InputError, UsageError

RATES_HZ = (1_000, 768_000)
"""Sample rates that are taken for sound."""

JITTER_S = 0.05
"""Time stamps may be off by this much (a container may round them) before samples are moved."""

BACK_S = 1.0
"""A time stamp that goes back by more than this is a restarted clock; the sound goes on."""


@dataclass
class Findings:
    """What came to light while a file was read.

    Attributes
    ----------
    lost
        Packets of sound that could not be decoded.
    missing_s
        Seconds that are missing between one piece of sound and the next.
    broken_off
        Why the file could not be read to its end, or None.
    turned_back_s
        By how many seconds the clock of the sound went back, where it did by more than `BACK_S`.
    """

    lost: int = 0
    missing_s: float = 0.0
    broken_off: str | None = None
    turned_back_s: float = 0.0


@dataclass
class SoundTrack:
    """One sound track of an open media file; made by `open_sound`.

    Attributes
    ----------
    rate
        Samples a second; 0 where the file has no sound track.
    tracks
        How many sound tracks the file has.
    picture_s
        When the last picture ends, in seconds since the first; None where there is none.
    promised_s
        How long the file should last from there by what its container states; 0 if by nothing.
    found
        Filled while `pieces` runs.
    """

    path: Path
    rate: int
    tracks: int
    picture_s: float | None
    promised_s: float
    _container: Any
    _sound: Any
    _zero_s: np.ndarray
    """Where time 0 stands on the file's clock, for each packet of sound."""

    found: Findings = field(default_factory=Findings)

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """Decode the track.

        Yields
        ------
        position : int
            Where the piece begins, in samples since the first picture (or, where there is no
            picture, since the first sound); may be negative.
        samples : ndarray of float32, shape (n,), in [-1, 1]
            About a second of the mean of all channels.
        """
        gather = _Gather(self.rate, self.found)
        exact, before_s = True, 0.0
        for zero_s, packet in self._packets():
            exact, before_s = exact or zero_s != before_s, zero_s
            try:
                frames = packet.decode()
            except damage():
                self.found.lost += 1
                exact = True
                continue
            for frame in frames:
                yield from gather.push(frame, self._position(frame, zero_s), exact)
                exact = False
        yield from gather.drain()

    def _packets(self) -> Iterator[tuple[float, Any]]:
        with contextlib.suppress(*damage()):  # the list of packets has told of it
            for count, packet in enumerate(self._container.demux(self._sound)):
                yield float(self._zero_s[min(count, len(self._zero_s) - 1)]), packet

    def _position(self, frame: Any, zero_s: float) -> int | None:
        if frame.time is None:
            return None
        position_s = frame.time - zero_s
        if position_s > min(max(self.promised_s, self.picture_s or 0) or LONGEST_S, LONGEST_S) + 60:
            return None
        return round(position_s * self.rate)


class _Gather:
    """Joins decoded frames into pieces of a second, 16 bit, mono."""

    def __init__(self, rate: int, found: Findings) -> None:
        import av

        self._found = found
        self._rate = rate
        self._fifo = av.AudioFifo()
        self._converter: Any = None
        self._kind: Any = None
        self._cursor: int | None = None
        """Where the next sample belongs."""

    def push(
        self, frame: Any, position: int | None, exact: bool
    ) -> Iterator[tuple[int, np.ndarray]]:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        waiting = self._waiting()
        begins = self._place(position, waiting, exact)
        expected = self._expected(waiting)
        if expected is not None and begins > expected:
            self._found.missing_s += (begins - expected) / self._rate
        if waiting and (kind != self._kind or begins != expected):
            yield from self.drain()
        if kind != self._kind:
            self._start(kind)
        if not self._fifo.samples:
            self._cursor = begins
        frame.pts = None
        self._fifo.write(frame)
        if self._fifo.samples >= self._rate:
            yield from self.drain()

    def drain(self) -> Iterator[tuple[int, np.ndarray]]:
        """Give what is gathered."""
        if not self._fifo.samples:
            return
        for frame in self._converter.resample(self._fifo.read()):
            packed = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
            samples = packed.mean(axis=1, dtype=np.float32) / np.float32(32768)
            begins = self._cursor or 0
            self._cursor = begins + len(samples)
            yield begins, samples

    def _start(self, kind: tuple[str, str, int]) -> None:
        import av

        self._kind = kind
        self._fifo = av.AudioFifo()
        # PyAV loses count of the planes of more than seven channels: all in one plane
        self._converter = av.AudioResampler(format="s16", rate=self._rate)

    def _waiting(self) -> int:
        return round(self._fifo.samples * self._rate / self._kind[2]) if self._kind else 0

    def _expected(self, waiting: int) -> int | None:
        return None if self._cursor is None else self._cursor + waiting

    def _place(self, position: int | None, waiting: int, exact: bool) -> int:
        """Decide where a frame belongs: after the one before, unless its time says otherwise."""
        expected = self._expected(waiting)
        if expected is None:
            return position or 0
        if position is None:
            return expected
        back_s = (expected - position) / self._rate
        if back_s > BACK_S:
            self._found.turned_back_s = max(self._found.turned_back_s, back_s)
            return expected
        off = abs(position - expected)
        return position if off > JITTER_S * self._rate or (exact and off) else expected


@contextlib.contextmanager
def open_sound(path: Path, *, track: int = 1) -> Iterator[SoundTrack]:
    """Open a sound track of a media file.

    Parameters
    ----------
    path
        A video or a sound file.
    track
        Which of its sound tracks, counted from 1.

    Raises
    ------
    UsageError
        The file has sound, but not that many tracks.
    InputError
        Not a media file, nothing to hear or see in it, a codec that is not known, or a sample
        rate that is none of sound.

    Examples
    --------
    >>> import tempfile, scipy.io.wavfile
    >>> path = Path(tempfile.mkdtemp()) / "1.wav"
    >>> scipy.io.wavfile.write(path, 8000, np.full((12000, 2), [0, 16384], np.int16))
    >>> with open_sound(path) as sound:
    ...     [(position, len(samples), samples[0].item()) for position, samples in sound.pieces()]
    [(0, 8192, 0.25), (8192, 3808, 0.25)]
    """
    with open_media(path) as container:
        sound = _choose(path, container.streams.audio, track)
        if sound is None and picture_stream(container) is None:
            raise InputError(f"{path}: neither sound nor picture in it")
        rate = _rate(path, sound) if sound is not None else 0
        packets = list_packets(path, track=track)
        zero_s = first_s(path, packets)
        yield SoundTrack(
            path=path,
            rate=rate,
            tracks=len(container.streams.audio),
            picture_s=packets.picture.end_s(zero_s) if packets.picture else None,
            promised_s=max(0.0, packets.promised_s - max(0.0, zero_s - packets.begins_s)),
            _container=container,
            _sound=sound,
            _zero_s=zero_s - (packets.sound.shift_s if packets.sound else np.zeros(1)),
            found=Findings(broken_off=packets.broken_off),
        )


def _choose(path: Path, streams: Any, track: int) -> Any:
    if track < 1:
        raise UsageError(f"sound track {track} does not exist; tracks are counted from 1")
    if not streams:
        return None
    if track > len(streams):
        raise UsageError(f"{path}: has {len(streams)} sound track(s), there is no track {track}")
    return streams[track - 1]


def _rate(path: Path, sound: Any) -> int:
    if sound.codec_context is None:
        raise InputError(f"{path}: its sound is of a kind that ffmpeg cannot decode")
    rate = sound.codec_context.sample_rate or 0
    low, high = RATES_HZ
    if not low <= rate <= high:
        raise InputError(
            f"{path}: its sound has {rate} samples a second, expected {low} to {high}; "
            "the file is damaged or holds no sound: convert it with ffmpeg -ar 16000"
        )
    return rate
