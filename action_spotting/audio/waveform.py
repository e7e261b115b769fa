"""The sound of a half as rows of half a second: 16 kHz, mono, in step with the picture.

Row *i* holds the sound from *i*/2 s to (*i* + 1)/2 s of the half. Where there is no sound, there
is digital silence. Everything is a stream: memory does not grow with the length of the half.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from action_spotting.audio.decode import SoundTrack, open_sound
from action_spotting.dataset.media import Clip
from action_spotting.dataset.rates import ROW_TOLERANCE
from action_spotting.errors import InputError, UsageError, unknown

RATE_HZ = 16_000
"""Samples a second of all that is computed from sound."""

ROWS_PER_S = 2
ROW_SAMPLES = RATE_HZ // ROWS_PER_S
BLOCK_ROWS = 64

RESAMPLERS = ("soxr", "resampy")
"""soxr resamples the half as one stream; resampy, half-second by half-second as the original."""


class Waveform:
    """Reads the sound of one half, once.

    Parameters
    ----------
    clip
        The media and the part of it that is the half.
    track
        Number of the sound track, counted from 1.
    resampler
        ``soxr`` or ``resampy``; see `resample`.

    Attributes
    ----------
    row_count
        How many of the rows that `blocks` gave belong to the half, known when it is through: as
        many whole half-seconds as its video lasts, or, without video, its sound.
    warning
        Problems of the sound for the user, or None; known when `blocks` is through.

    Raises
    ------
    UsageError
        An unknown resampler.

    Examples
    --------
    >>> import tempfile, pathlib, scipy.io.wavfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "1.wav"
    >>> scipy.io.wavfile.write(path, 8000, np.zeros(8000, np.int16))
    >>> sound = Waveform(Clip(path))
    >>> [block.shape for block in sound.blocks()]
    [(2, 8000)]
    """

    def __init__(self, clip: Clip, *, track: int = 1, resampler: str = "soxr") -> None:
        if resampler not in RESAMPLERS:
            raise UsageError(unknown("resampler", resampler, RESAMPLERS))
        self.row_count = 0
        self.warning: str | None = None
        self._clip = clip
        self._track = track
        self._resampler = resampler
        self._heard = 0
        self._silent = True

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[np.ndarray]:
        """Give the rows in blocks.

        Parameters
        ----------
        size
            Rows a block.

        Yields
        ------
        ndarray of float32, shape (n, 8000), in [-1, 1]
            ``n == size`` but in the last block. Rows from `row_count` on are beyond the half.

        Raises
        ------
        UsageError
            The file has sound, but no track of that number.
        InputError
            Not a media file, neither sound nor video in it, or an unusable sample rate.
        """
        with open_sound(self._clip.path, track=self._track) as sound:
            given = 0
            for block in regroup(self._samples(sound), size * ROW_SAMPLES):
                whole = np.pad(block, (0, -len(block) % ROW_SAMPLES))
                given += len(whole) // ROW_SAMPLES
                yield whole.reshape(-1, ROW_SAMPLES)
            self.row_count = self._count(sound)
            for begin in range(given, self.row_count, size):
                yield np.zeros((min(size, self.row_count - begin), ROW_SAMPLES), np.float32)
            self.warning = self._remarks(sound) or None

    def _samples(self, sound: SoundTrack) -> Iterator[np.ndarray]:
        """Give the half's sound at 16 kHz, from its first picture to the end of the sound."""
        if not sound.rate:
            return
        start = round((self._clip.start_s or 0.0) * sound.rate)
        seconds = self._clip.duration_s
        end = None if seconds is None else start + math.ceil(seconds * sound.rate)
        line = timeline(sound.pieces(), start, end)
        for samples in resample(line, sound.rate, self._resampler):
            self._heard += len(samples)
            self._silent &= not samples.any()
            yield samples

    def _count(self, sound: SoundTrack) -> int:
        """Count the rows of the clip: by its picture where there is one."""
        rows = self._heard // ROW_SAMPLES
        if sound.picture_s is not None:
            # Containers round time stamps, by a millisecond in .mkv: what lacks less is a whole row
            left_s = sound.picture_s + 0.01 - (self._clip.start_s or 0.0)
            rows = max(0, math.floor(left_s * ROWS_PER_S))
        if self._clip.duration_s is not None:
            rows = min(rows, math.floor(self._clip.duration_s * ROWS_PER_S + 1e-6))
        if not rows and not self._heard:
            beyond = f" beyond {self._clip.start_s:g} s" if self._clip.start_s else ""
            raise InputError(
                f"{self._clip.path}: not half a second of sound or picture in it{beyond}"
            )
        return rows

    def _remarks(self, sound: SoundTrack) -> str:
        found, rows = sound.found, self.row_count
        heard = self._heard // ROW_SAMPLES
        remarks = []
        if not sound.rate:
            remarks.append("no sound track: all rows are silence")
        elif self._silent:
            more = f"; of {sound.tracks}, choose another with --track" * (sound.tracks > 1)
            remarks.append(f"sound track {self._track} is silent throughout{more}")
        elif heard < rows - ROW_TOLERANCE:
            remarks.append(f"the sound ends at {clock(heard)}, the half at {clock(rows)}")
        elif heard > rows + ROW_TOLERANCE:
            remarks.append(f"the sound goes on to {clock(heard)}, the picture to {clock(rows)}")
        if found.lost or found.missing_s > 1 / ROWS_PER_S:
            remarks.append(
                f"{found.lost} damaged packets of sound, {found.missing_s:.1f} s missing: silence"
            )
        if found.turned_back_s:
            remarks.append(
                f"the clock of the sound goes back by {found.turned_back_s:.1f} s: from there it "
                "may lie beside the picture"
            )
        if found.broken_off:
            remarks.append(f"cannot be read beyond {clock(max(heard, rows))}: {found.broken_off}")
        elif sound.picture_s is not None and self._clip.duration_s is None:
            promised = math.floor((sound.promised_s - (self._clip.start_s or 0.0)) * ROWS_PER_S)
            if promised > max(heard, rows) + ROW_TOLERANCE:
                remarks.append(f"the file should last {clock(promised)}, it ends at {clock(rows)}")
        return "; ".join(remarks)


def clock(rows: int) -> str:
    """Format a number of rows as minutes and seconds.

    Parameters
    ----------
    rows
        Half-seconds.

    Returns
    -------
    str

    Examples
    --------
    >>> clock(2 * 125)
    '2:05'
    """
    return f"{rows // ROWS_PER_S // 60}:{rows // ROWS_PER_S % 60:02d}"


def timeline(
    pieces: Iterable[tuple[int, np.ndarray]], start: int = 0, end: int | None = None
) -> Iterator[np.ndarray]:
    """Join pieces of sound, each with its position, into consecutive samples.

    Gaps are filled with silence; where pieces overlap, the first is kept.

    Parameters
    ----------
    pieces
        Position of the first sample, and samples ``(n,)``; in order.
    start, end
        Positions of the part to keep; `end` None: to the end of the last piece.

    Yields
    ------
    ndarray, shape (m,)
        Samples that follow one another.

    Examples
    --------
    >>> pieces = [(-1, np.ones(3)), (4, np.full(2, 5.0))]
    >>> np.concatenate(list(timeline(pieces)))
    array([1., 1., 0., 0., 5., 5.])
    """
    cursor = start
    for position, samples in pieces:
        stop = position if end is None else min(position, end)
        while cursor < stop:
            hole = min(stop - cursor, 2**20)
            yield np.zeros(hole, samples.dtype)
            cursor += hole
        rest = samples[max(0, cursor - position) :]
        rest = rest if end is None else rest[: end - cursor]
        if len(rest):
            yield rest
            cursor += len(rest)
        if cursor == end:
            return


def resample(blocks: Iterable[np.ndarray], rate: int, method: str) -> Iterator[np.ndarray]:
    """Resample consecutive samples from `rate` to 16 kHz.

    Parameters
    ----------
    blocks
        Float32 arrays ``(n,)`` that follow one another.
    rate
        Their sample rate in Hz.
    method
        ``soxr``: as one stream (quality HQ). ``resampy``: each half-second by itself, silence
        before and after it, as in the original script (``kaiser_best``).

    Yields
    ------
    ndarray of float32, shape (m,)
        As many seconds in all as came in, to within a sample.

    Examples
    --------
    >>> sum(len(block) for block in resample([np.zeros(8000, np.float32)], 8000, "soxr"))
    16000
    """
    if rate == RATE_HZ:
        yield from blocks
    elif method == "soxr":
        yield from _resample_stream(blocks, rate)
    else:
        yield from _resample_segments(blocks, rate)


def _resample_stream(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    import soxr

    stream = soxr.ResampleStream(rate, RATE_HZ, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _resample_segments(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    import resampy

    # Two segments a second: with an odd rate one of them is a sample longer.
    for second in regroup(blocks, rate):
        for segment in (second[: rate // 2], second[rate // 2 :]):
            if len(segment) * RATE_HZ < rate:
                continue
            samples = resampy.resample(segment, rate, RATE_HZ).astype(np.float32)
            missing = ROW_SAMPLES - len(samples) if len(segment) >= rate // 2 else 0
            yield np.pad(samples, (0, max(0, missing)))[:ROW_SAMPLES]


def regroup(arrays: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Regroup consecutive arrays into blocks of `size` elements; the last may be shorter.

    Parameters
    ----------
    arrays
        Arrays that follow one another.
    size
        Elements a block.

    Yields
    ------
    ndarray
        Of length `size` but for the last.

    Examples
    --------
    >>> [block.tolist() for block in regroup([np.arange(3), np.arange(4)], 5)]
    [[0, 1, 2, 0, 1], [2, 3]]
    """
    waiting: list[np.ndarray] = []
    count = 0
    for array in arrays:
        waiting.append(array)
        count += len(array)
        if count < size:
            continue
        line = np.concatenate(waiting)
        whole = count - count % size
        yield from np.split(line[:whole], whole // size)
        waiting, count = [line[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)


def around(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """Give each half-second as `samples` around its middle, with silence at both ends.

    Parameters
    ----------
    blocks
        Arrays ``(n, 8000)`` that follow one another.
    samples
        Even; less or more than a half-second.

    Yields
    ------
    ndarray, shape (n, samples)
        As many rows a block as came in.

    Examples
    --------
    >>> block = np.repeat([[1.0], [2.0]], 8000, axis=1)
    >>> [window[[0, 4799, -1]].tolist() for window in next(around([block], 15600))]
    [[0.0, 1.0, 2.0], [1.0, 2.0, 0.0]]
    """
    side = (samples - ROW_SAMPLES) // 2
    silence = np.zeros(max(0, side), np.float32)
    line, waiting = silence, deque[int]()
    for block in itertools.chain(blocks, [None]):
        line = np.concatenate([line, silence if block is None else block.ravel()])
        waiting.extend([len(block)] if block is not None else [])
        while waiting and len(line) >= waiting[0] * ROW_SAMPLES + 2 * len(silence):
            count = waiting.popleft() * ROW_SAMPLES
            part = line[max(0, -side) : count + len(silence) + side]
            yield sliding_window_view(part, samples)[::ROW_SAMPLES]
            line = line[count:]
