"""The packets of a media file: how many there are and the presentation time of each.

They are listed without decoding them, a whole half in a fraction of a second. Times are on one
running clock: where the clock of a file begins anew, as in joined recordings, it is carried on as
ffmpeg does, for video and audio alike.
"""

from __future__ import annotations

import contextlib
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.media import (
    LONGEST_S,
    counts_decoding,
    damage,
    may_jump,
    open_media,
    origin_s,
)
from action_spotting.dataset.streams import picture_stream
from action_spotting.errors import InputError

BACK_S = 1.0
"""A clock that goes back by more than this has begun anew: where it may jump, anywhere; in other
files, only at the file's first time, for what is in them twice goes back as well."""

AHEAD_S = {True: 10.0, False: 3600.0}
"""So has one that goes ahead by more than this: where it may jump (True) and where it may not."""

LATE_S = 0.1
"""A file that begins by no more than this after 0 begins at 0."""

_NEAR = 500
"""Video and audio jump within this many packets of each other, or one of them has a gap."""

_MOST_BREAKS = 1000
"""A clock that jumps more often than this is left as it is."""

_NONE = np.iinfo(np.int64).min


@dataclass
class Track:
    """The packets of one stream, in the order of the file.

    Attributes
    ----------
    numbers
        Which of the file's packets they are, int64 ``(n,)``, ascending.
    stamps
        Their time stamps in the stream's units, int64 ``(n,)``.
    stamped
        Whether every packet has one; else `raw_s` follows from how long each lasts.
    raw_s, lasts_s
        Presentation time by the file's clock, and duration; float64 ``(n,)``.
    order_s
        Decoding time, float64 ``(n,)``: ascending, except where the clock begins anew.
    keys, intact
        Whether decoding may begin at a packet; whether it is whole and meant to be shown; bool
        ``(n,)``.
    shift_s
        What the running clock adds to the file's, float64 ``(n,)``; 0 where it does not jump.
    """

    numbers: np.ndarray
    stamps: np.ndarray
    stamped: bool
    raw_s: np.ndarray
    lasts_s: np.ndarray
    order_s: np.ndarray
    keys: np.ndarray
    intact: np.ndarray
    shift_s: np.ndarray

    @property
    def times_s(self) -> np.ndarray:
        """When each packet is shown or heard, on the running clock."""
        return self.raw_s + self.shift_s

    def end_s(self, zero_s: float) -> float:
        """Give when the last packet ends; times after `LONGEST_S` are taken for damage.

        No packet counts as longer than the median: some containers let the last one fill a gap.

        Parameters
        ----------
        zero_s
            Where to count from, in seconds on the running clock.

        Returns
        -------
        float
            Seconds after `zero_s`, 0 or more.
        """
        ends_s = self.times_s + np.minimum(self.lasts_s, np.median(self.lasts_s)) - zero_s
        return float(ends_s[ends_s <= LONGEST_S].max(initial=0.0))

    def times_of(self, stamps: Sequence[int | None]) -> np.ndarray:
        """Give the times of decoded frames from their stamps.

        Parameters
        ----------
        stamps
            One a frame, in the order in which the decoder gives them; None for a frame without one.

        Returns
        -------
        numpy.ndarray
            Seconds on the running clock, float64 ``(frames,)``, ascending but for frames that the
            decoder gives out of order. A frame whose stamp no packet has comes one median packet
            duration after the frame before; one that comes again more than `BACK_S` later is shown
            together with the frame before.
        """
        if len(stamps) == len(self.stamps) and not any(stamp is not None for stamp in stamps):
            return np.sort(self.times_s)
        places: dict[int | None, deque[float]] = {}
        for stamp, time_s in sorted(zip(self.stamps.tolist(), self.times_s.tolist(), strict=True)):
            places.setdefault(stamp, deque()).append(time_s)
        step_s = float(np.median(self.lasts_s))
        times_s: list[float] = []
        last_s = -np.inf
        for stamp in stamps:
            later = places.get(stamp, deque())
            while later and later[0] <= last_s - BACK_S:
                later.popleft()
            follows_s = (last_s if stamp in places else last_s + step_s) if times_s else 0.0
            times_s.append(later.popleft() if later else follows_s)
            last_s = max(last_s, times_s[-1])
        return np.array(times_s)


@dataclass(frozen=True)
class Packets:
    """What a media file holds.

    Attributes
    ----------
    picture, sound
        The packets of its video and of the chosen audio track; None where there is none.
    codec
        Of the video; empty without one.
    rate
        The video's frames a second as the container states them, which may be wrong.
    by_decoding
        Whether the stamps of the video number frames in decoding order, not in presentation order.
    begins_s, promised_s
        Start and duration as the container states them; 0 where it states none.
    broken_off
        Why the file cannot be read to its end, or None.
    """

    picture: Track | None
    sound: Track | None
    codec: str
    rate: float
    by_decoding: bool
    begins_s: float
    promised_s: float
    broken_off: str | None


def length_s(path: Path) -> float:
    """Give the length of a file's video, counted from `dataset.media.origin_s`.

    It is measured on the packets, as the length in the header may be missing or wrong.

    Parameters
    ----------
    path
        A media file; one without video is as long as its audio.

    Returns
    -------
    float
        In seconds, 0 where there is neither.

    Raises
    ------
    InputError
        Not a media file.

    Examples
    --------
    >>> import tempfile, scipy.io.wavfile
    >>> path = Path(tempfile.mkdtemp()) / "1.wav"
    >>> scipy.io.wavfile.write(path, 8000, np.zeros(8000, np.int16))
    >>> length_s(path)
    1.0
    """
    packets = list_packets(path)
    track = packets.picture or packets.sound
    return track.end_s(first_s(path, packets)) if track else 0.0


def first_s(path: Path, packets: Packets) -> float:
    """Give `dataset.media.origin_s` or, where nothing decodes, the time of the first packet.

    Parameters
    ----------
    path
        A media file.
    packets
        Its packets, of `list_packets`.

    Returns
    -------
    float
        In seconds on the file's clock; 0 where there are no packets.
    """
    with contextlib.suppress(InputError):
        return origin_s(path)
    track = packets.picture or packets.sound
    return float(track.times_s.min()) if track else 0.0


def list_packets(path: Path, *, track: int = 1) -> Packets:
    """List the packets of a file's video and of one of its audio tracks.

    Parameters
    ----------
    path
        A media file.
    track
        Which audio track, counted from 1.

    Returns
    -------
    Packets
        Without decoding; times are on the running clock.

    Raises
    ------
    InputError
        Not a media file.

    Examples
    --------
    >>> import tempfile, scipy.io.wavfile
    >>> path = Path(tempfile.mkdtemp()) / "1.wav"
    >>> scipy.io.wavfile.write(path, 8000, np.zeros(8000, np.int16))
    >>> sound = list_packets(path).sound
    >>> float(sound.times_s[0]), float(sound.lasts_s.sum())
    (0.0, 1.0)
    """
    with open_media(path) as container:
        film = picture_stream(container)
        heard = next(iter(container.streams.audio[max(0, track - 1) : track]), None)
        rows, broken_off = _demux(container, [s for s in (film, heard) if s is not None])
        by_decoding = counts_decoding(container)
        picture = _track(rows, film, by_decoding)
        sound = _track(rows, heard, by_decoding=False)
        carried_s = _carry_on(picture, sound, may_jump(container))
        begins_s = (container.start_time or 0) / 1_000_000
        return Packets(
            picture=picture,
            sound=sound,
            codec=film.codec_context.name if film is not None else "",
            rate=_rate(film, by_decoding) if film is not None else 0.0,
            by_decoding=by_decoding,
            begins_s=begins_s,
            promised_s=_promised_s(container, begins_s, carried_s),
            broken_off=broken_off,
        )


def _demux(container: Any, streams: list[Any]) -> tuple[dict[int, array[int]], str | None]:
    """List number, stamps, duration, key and intact of every packet, stream by stream."""
    rows = {stream.index: array("q") for stream in streams}
    try:
        for number, packet in enumerate(container.demux(streams)):
            if packet.size:
                pts = _NONE if packet.pts is None else packet.pts
                dts = _NONE if packet.dts is None else packet.dts
                intact = not (packet.is_corrupt or packet.is_discard)
                rows[packet.stream_index].extend(
                    (number, pts, dts, packet.duration or 0, packet.is_keyframe, intact)
                )
    except damage() as error:
        return rows, str(error)
    return rows, None


def _rate(film: Any, by_decoding: bool) -> float:
    stated = film.guessed_rate if by_decoding else film.average_rate
    return float(stated or (1 / film.time_base if film.time_base else 25))


def _promised_s(container: Any, begins_s: float, carried_s: float) -> float:
    if not container.duration or container.duration < 0:
        return 0.0
    # Matroska states where its clock ends; the others, how long they are.
    from_zero = container.format.name.startswith("matroska") and begins_s > LATE_S
    return max(0.0, container.duration / 1_000_000 - begins_s * from_zero + carried_s)


def _track(rows: dict[int, array[int]], stream: Any, by_decoding: bool) -> Track | None:
    if stream is None or not rows[stream.index]:
        return None
    numbers, pts, dts, lasts, keys, intact = np.array(rows[stream.index]).reshape(-1, 6).T
    first, second = (dts, pts) if by_decoding else (pts, dts)
    stamps = np.where(first == _NONE, second, first)
    stamped = bool((stamps != _NONE).all())
    unit_s = float(stream.time_base or 0)
    usual_s = 1 / _rate(stream, by_decoding) if stream.type == "video" else 0.0
    lasts_s = np.where((lasts > 0) & (not by_decoding), lasts * unit_s, usual_s)
    counted_s = np.cumsum(lasts_s) - lasts_s
    return Track(
        numbers=numbers,
        stamps=stamps,
        stamped=stamped,
        raw_s=stamps * unit_s if stamped else counted_s,
        lasts_s=lasts_s,
        order_s=np.where(dts == _NONE, stamps, dts) * unit_s if stamped else counted_s,
        keys=keys.astype(bool),
        intact=intact.astype(bool),
        shift_s=np.zeros(len(stamps)),
    )


class _Breaks:
    """Where the clock of a track is off by more than `BACK_S`: at which of its packets, and how."""

    def __init__(self, track: Track) -> None:
        off_s = np.diff(track.order_s) - np.minimum(track.lasts_s[:-1], BACK_S)
        places = np.flatnonzero(np.abs(off_s) > BACK_S)
        places = places if len(places) <= _MOST_BREAKS else places[:0]
        self.places = places + 1
        self.numbers = track.numbers[self.places]
        self.steps_s = off_s[places]
        self.first = np.abs(track.order_s[self.places] - track.order_s[0]) < BACK_S
        self._track = track

    def __iter__(self) -> Iterator[tuple[int, float, bool]]:
        """Give number, step, and whether the clock then shows the first time of the file."""
        numbers, steps_s, first = (a.tolist() for a in (self.numbers, self.steps_s, self.first))
        return zip(numbers, steps_s, first, strict=True)

    def partner(self, number: int, step_s: float) -> int | None:
        """Find the break that belongs to one of another track: near, and the same way."""
        low, high = np.searchsorted(self.numbers, (number - _NEAR, number + _NEAR + 1))
        near = np.arange(low, high)[(self.steps_s[low:high] < 0) == (step_s < 0)]
        return int(near[np.abs(self.numbers[near] - number).argmin()]) if len(near) else None

    def go_on(self, number: int, step_s: float) -> bool:
        """Whether the track is heard there and does not break: then the other has a hole."""
        numbers = self._track.numbers
        low, high = np.searchsorted(numbers, (number - _NEAR, number + _NEAR + 1))
        return low < high and self.partner(number, step_s) is None

    def shift(self, shifts_s: list[float]) -> None:
        """Shift what lies before, between and behind the breaks."""
        lengths = np.diff([0, *self.places, len(self._track.stamps)])
        self._track.shift_s = np.repeat(shifts_s, lengths)


def _carry_on(picture: Track | None, sound: Track | None, jumps: bool) -> float:
    """Shift both where the clock begins anew, so that it goes on; give the last shift."""
    main = picture or sound
    if main is None:
        return 0.0
    leading, other = _Breaks(main), _Breaks(sound) if picture and sound else None
    shifts_s, before_s = [0.0], np.nan
    for number, step_s, first in leading:
        if abs(before_s + step_s) < BACK_S:  # what lies between had false stamps
            shifts_s[-1] = shifts_s[-2] - before_s
            shifts_s.append(shifts_s[-2])
        else:
            hole = other is not None and other.go_on(number, step_s)
            anew = (jumps or first) if step_s < 0 else step_s > AHEAD_S[jumps] and not hole
            shifts_s.append(shifts_s[-1] - step_s * anew)
        before_s = step_s
    leading.shift(shifts_s)
    if other is not None:
        followed_s = [0.0]
        for number, step_s, _ in other:
            partner = leading.partner(number, step_s)
            followed_s.append(followed_s[-1] if partner is None else shifts_s[partner + 1])
        other.shift(followed_s)
    return shifts_s[-1]
