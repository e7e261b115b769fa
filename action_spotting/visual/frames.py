"""Which frames of a half are looked at, and how they are cut: those of the SoccerNet loader.

The original is ``SoccerNet.DataLoader.FrameCV``. With ``sampling="soccernet"`` the frames are its
frames, bit for bit; it keeps frame *i*, counted from 1, when ``i % (rate / fps) < 1``. Its row *k*
(from 0) so shows about ``(k + 1) / fps - 1 / rate`` seconds. ``sampling="timestamp"`` is the
textbook alternative: row *k* is the frame that is on screen at ``k / fps``.

Time 0 is the first picture that decodes. The original counts frames and so loses the clock where
they do not come evenly, as in recordings of a phone, where many are missing, or where the file is
stated to be much longer than its frames. There a frame is chosen by its time: row *k* is what is on
screen when an even video would have had it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from action_spotting.dataset.media import LONGEST_S, Clip
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.visual.choices import SAMPLINGS
from action_spotting.visual.packet_index import Scan, scan_packets
from action_spotting.visual.pyav_reader import Miscounted
from action_spotting.visual.readers import Reader, open_reader, reader_class

T = TypeVar("T")

_EPSILON_S = 1e-6
_UNEVEN_INTERVAL, _UNEVEN_SHARE = 0.25, 0.05
_BEYOND_S = 1.5
"""Seconds that the sound may outlast the pictures; the original takes them for lost frames."""


@dataclass(frozen=True)
class FrameOptions:
    """How frames are chosen and decoded.

    Attributes
    ----------
    fps
        Frames a second, above 0.
    sampling
        ``soccernet`` or ``timestamp``.
    grabber
        ``pyav``, ``opencv`` or ``skvideo``.

    Raises
    ------
    UsageError
        A value out of range or unknown, or ``skvideo`` with ``timestamp``.

    Examples
    --------
    >>> FrameOptions(fps=1.0).sampling
    'soccernet'
    """

    fps: float = 2.0
    sampling: str = "soccernet"
    grabber: str = "pyav"

    def __post_init__(self) -> None:
        if not 0 < self.fps < np.inf:
            raise UsageError(f"--FPS {self.fps}: must be above 0, such as 2")
        if self.sampling not in SAMPLINGS:
            raise UsageError(unknown("sampling", self.sampling, SAMPLINGS))
        reader_class(self.grabber)
        if self.grabber == "skvideo" and self.sampling == "timestamp":
            raise UsageError("--grabber skvideo knows no time stamps; take --grabber pyav")


def with_frames(
    clip: Clip,
    options: FrameOptions,
    work: Callable[[Iterator[np.ndarray]], T],
    *,
    warn: Callable[[str], object] = lambda _: None,
) -> T:
    """Call `work` with the frames of a clip, which are decoded as it takes them.

    Decoding can show that the list of packets, by which the frames were chosen, is wrong. Then
    `Miscounted` is raised inside `work`, all frames are counted, and `work` is called a second
    time: it must start over, and keep nothing from the first call.

    Parameters
    ----------
    clip
        The video, or the part of it.
    options
        Which frames, and by which decoder.
    work
        Takes an iterator of BGR uint8 frames ``(height, width, 3)``.
    warn
        Called, after `work` has returned, with each warning about damaged, missing or mistimed
        frames.

    Returns
    -------
    T
        The result of `work`.

    Raises
    ------
    InputError
        The video is unusable, or no frame of it lies in the part asked for.

    Examples
    --------
    >>> count = with_frames(clip, FrameOptions(), lambda f: sum(1 for _ in f))  # doctest: +SKIP
    """
    reader = open_reader(clip.path, options.grabber)
    scan = scan_packets(clip.path)
    if scan.pts is None:
        scan = reader.recount(scan)
    try:
        result = work(_frames(reader, clip, options, scan))
    except Miscounted:
        scan = reader.recount(scan)
        result = work(_frames(reader, clip, options, scan))
    if reader.damaged:
        warn(
            f"{reader.damaged} damaged pictures; up to the next whole one, what follows each may "
            "show parts of earlier moments"
        )
    for remark in remarks(scan, clip, options):
        warn(remark)
    return result


def choose(scan: Scan, clip: Clip, options: FrameOptions) -> np.ndarray:
    """Choose the frames of a clip.

    An index is repeated where the video has fewer frames than asked for, with ``timestamp`` and
    where frames come unevenly.

    Parameters
    ----------
    scan
        The video's frames and their times.
    clip
        The part of the video.
    options
        Which frames.

    Returns
    -------
    int64 array ``(rows,)``
        Ascending indices counted from 0, one a row.

    Raises
    ------
    InputError
        No frame lies in the part asked for, or the video claims an impossible duration.
    """
    start_s = clip.start_s or 0.0
    if options.sampling == "timestamp":
        end_s = _end_s(scan)
        if clip.duration_s is not None:
            end_s = min(end_s, start_s + clip.duration_s)
        if end_s - start_s > LONGEST_S:
            raise InputError(f"{clip.path}: states a picture at {end_s:.0f} s; it is damaged")
        chosen = shown_at(scan.times_s, start_s, end_s, options.fps)
    else:
        counted = _keeps_the_clock(scan, options.fps)
        count = len(scan.times_s) if counted else round(float(scan.times_s[-1]) * scan.rate) + 1
        rate = settled_rate(scan.rate, scan.duration_s, count) if counted else scan.rate
        chosen = soccernet_choice(
            count, rate, options.fps, start_s=clip.start_s, duration_s=clip.duration_s
        )
        if not counted:
            chosen = _on_screen(scan.times_s, chosen / rate)
    if len(chosen) == 0:
        raise InputError(
            f"{clip.path}: no frame in the part asked for (start {start_s:g} s, duration "
            f"{clip.duration_s} s); the pictures end at {scan.times_s[-1]:.1f} s"
        )
    return chosen


def remarks(scan: Scan, clip: Clip, options: FrameOptions) -> list[str]:
    """Describe rows that are off their time, and a video shorter than the file states.

    Being off by one frame, and a little for rounded time stamps, is normal.

    Parameters
    ----------
    scan, clip, options
        As for `choose`.

    Returns
    -------
    list
        Warnings; empty if all is well.

    Raises
    ------
    InputError
        As `choose`.
    """
    found = []
    chosen = choose(scan, clip, options)
    start_s, usual_s = clip.start_s or 0.0, _usual_s(scan)
    wanted_s = (np.arange(len(chosen)) + 1) / options.fps - usual_s
    if options.sampling == "timestamp":
        wanted_s = np.arange(len(chosen)) / options.fps
    off_s = np.abs(scan.times_s[chosen] - start_s - wanted_s)
    limit_s = 1.05 * usual_s
    if off_s.max() > limit_s:
        first = int(np.argmax(off_s > limit_s))
        found.append(
            f"pictures are missing or doubled: from row {first} on, rows lie up to "
            f"{off_s.max():.2f} s beside their time"
        )
    end_s = _end_s(scan)
    if clip.duration_s is None and scan.duration_s - end_s > 1 / options.fps:
        found.append(
            f"the pictures end at {end_s:.1f} s, but the file states {scan.duration_s:.1f} s"
        )
    return found


def soccernet_choice(
    count: int,
    rate: float,
    fps: float = 2.0,
    *,
    start_s: float | None = None,
    duration_s: float | None = None,
) -> np.ndarray:
    """Choose frames as ``SoccerNet.DataLoader.FrameCV`` does.

    Parameters
    ----------
    count
        Frames in the video.
    rate
        The video's frames a second.
    fps
        Frames a second to keep.
    start_s, duration_s
        The part to keep, in seconds.

    Returns
    -------
    int64 array
        Indices counted from 0.

    Examples
    --------
    >>> soccernet_choice(40, 25.0).tolist()
    [12, 24, 37]
    """
    step = rate / fps
    if step < 4:
        number = np.arange(1, count + 1, dtype=np.float64)
    else:  # only what lies near a multiple: a stated rate may be any
        near = np.floor(np.arange(count / step + 1) * step)[:, None] + np.arange(-1, 3)
        number = np.unique(near[(near >= 1) & (near <= count)])
    keep = number % step < 1
    if start_s is not None:
        keep &= number >= rate * start_s
    if duration_s is not None:
        keep &= number <= rate * ((start_s or 0.0) + duration_s)
    return number[keep].astype(np.int64) - 1


def settled_rate(rate: float, duration_s: float, count: int) -> float:
    """Compute the frame rate with which the original accepts a video.

    It expects ``int(duration * rate)`` frames. When `count` falls short of that by three or more it
    takes ``(count + 1) / duration`` for the rate and reads again.

    Parameters
    ----------
    rate
        Frames a second that the container states.
    duration_s
        Duration that the container states.
    count
        Frames in the video.

    Returns
    -------
    float
        Frames a second.

    Examples
    --------
    >>> settled_rate(25.0, 120.02, 2998), settled_rate(50.0, 120.0, 3000)
    (25.0, 25.008333333333333)
    """
    short = int(duration_s * rate) - (count + 1) > 1
    return (count + 1) / duration_s if short else rate


def shown_at(times_s: np.ndarray, start_s: float, end_s: float, fps: float) -> np.ndarray:
    """Choose the frame that is on screen at ``start_s + k / fps``, for each *k* before `end_s`.

    Parameters
    ----------
    times_s
        When each frame is shown; ascending ``(n,)``.
    start_s, end_s
        The part of the video, in seconds.
    fps
        Rows a second.

    Returns
    -------
    int64 array ``(rows,)``
        Indices counted from 0.

    Examples
    --------
    >>> shown_at(np.array([0.0, 0.4, 0.8]), 0.0, 1.2, 2.0).tolist()
    [0, 1, 2]
    """
    rows = max(0, int(np.ceil((end_s - start_s - _EPSILON_S) * fps)))
    return _on_screen(times_s, start_s + np.arange(rows) / fps)


def _keeps_the_clock(scan: Scan, fps: float) -> bool:
    """Tell whether counting frames, as the original does, gives their time to within a row.

    Examples
    --------
    >>> _keeps_the_clock(Scan(25.0, 4.0, np.arange(100) / 25, None), 2.0)
    True
    >>> _keeps_the_clock(Scan(25.0, 60.0, np.arange(100) / 25, None), 2.0)
    False
    """
    times_s = scan.times_s
    evenly_s = np.linspace(0, times_s[-1], len(times_s))
    return (
        not comes_unevenly(times_s)
        and float(np.abs(times_s - evenly_s).max()) <= 1 / fps
        and scan.duration_s - _end_s(scan) <= _BEYOND_S
    )


def comes_unevenly(times_s: np.ndarray) -> bool:
    """Tell whether more than a twentieth of the intervals between frames are unusual.

    Single missing frames do not make a video uneven, nor does the rounding of time stamps.

    Parameters
    ----------
    times_s
        When each frame is shown; ascending ``(n,)``.

    Returns
    -------
    bool

    Examples
    --------
    >>> comes_unevenly(np.arange(50) / 25), comes_unevenly(np.cumsum([0.02, 0.04] * 25))
    (False, True)
    """
    intervals = np.diff(times_s)
    if len(intervals) == 0:
        return False
    usual = float(np.median(intervals))
    unusual = np.abs(intervals - usual) > _UNEVEN_INTERVAL * usual
    return float(unusual.mean()) > _UNEVEN_SHARE


def _end_s(scan: Scan) -> float:
    """When the last picture leaves the screen."""
    return float(scan.times_s[-1]) + _usual_s(scan)


def _usual_s(scan: Scan) -> float:
    """How long a picture usually stays, whatever rate is stated."""
    return float(np.median(np.diff(scan.times_s))) if len(scan.times_s) > 1 else 1 / scan.rate


def _on_screen(times_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    return np.maximum(np.searchsorted(times_s, wanted_s + _EPSILON_S, side="right") - 1, 0)


def _frames(reader: Reader, clip: Clip, options: FrameOptions, scan: Scan) -> Iterator[np.ndarray]:
    wanted, repeats = np.unique(choose(scan, clip, options), return_counts=True)
    images = reader.images(wanted.tolist(), scan)
    # The reader tells at its end whether it counted right: zip asks it first, so it gets there.
    for image, times in zip(images, repeats.tolist(), strict=False):
        for _ in range(times):
            yield image
