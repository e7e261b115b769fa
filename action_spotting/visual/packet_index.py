"""What pictures a video holds and when: its packets listed without decoding them.

So the frames to keep are known before the first one is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.media import open_media
from action_spotting.dataset.packets import LATE_S, Packets, Track, list_packets
from action_spotting.dataset.streams import picture_stream
from action_spotting.errors import InputError

SKIPPABLE_CODECS = ("h264", "hevc")
"""Codecs of which one packet is one picture, and that mark pictures no other one refers to."""

_CUT_SHARE, _CUT_S = 0.02, 10.0


@dataclass(frozen=True)
class Scan:
    """The pictures of a video, in the order in which they are shown.

    Attributes
    ----------
    rate
        Frames a second as the container states them; it may lie.
    duration_s
        How long the container says that they last, in hundredths of a second as ffmpeg prints it.
    times_s
        When each picture is shown, from the first one that decodes; float64 ``(n,)``, ascending.
    pts
        Their time stamps in the stream's units, int64 ``(n,)``; None where the list of packets
        does not prove that each of them gives one picture, so that all must be decoded.
    keys
        Those of `pts` at which decoding can begin: closed-GOP keyframes. The first picture is one.
    """

    rate: float
    duration_s: float
    times_s: np.ndarray
    pts: np.ndarray | None
    keys: np.ndarray | None = None


def scan_packets(path: Path) -> Scan:
    """List the pictures of a video by its packets.

    Raises
    ------
    InputError
        Not media, no video stream, no picture, or cut short: the pictures end more than 2 % and
        10 s before the duration that the container states.
    """
    packets = list_packets(path)
    track = packets.picture
    if track is None:
        with open_media(path) as container:
            video_stream(container, path)
        raise InputError(f"{path}: its video stream holds no picture; is the file cut short?")
    scan = scan_of(path, packets, np.sort(track.times_s))
    if not _is_clean(packets, track):
        return scan
    return Scan(scan.rate, scan.duration_s, scan.times_s, np.sort(track.stamps), _starts(track))


def scan_of(path: Path, packets: Packets, shown_s: np.ndarray) -> Scan:
    """Describe pictures that are shown at these times of the file's running clock.

    Parameters
    ----------
    path
        The video, for what is said of it.
    packets
        Its packets.
    shown_s
        Ascending, at least one.

    Raises
    ------
    InputError
        The pictures end much earlier than the file is said to.
    """
    times_s = shown_s - shown_s[0]
    late_s = float(shown_s[0]) - packets.begins_s
    promised_s = packets.promised_s - (late_s if late_s > LATE_S else 0.0)
    end_s = float(times_s[-1]) + 1 / packets.rate
    duration_s = banner_seconds(round(promised_s * 1_000_000)) if promised_s > 0 else end_s
    _check_whole(path, end_s, duration_s)
    return Scan(packets.rate, duration_s, times_s, None)


def video_stream(container: Any, path: Path) -> Any:
    """Give the video stream of an open file, or say that there is none."""
    stream = picture_stream(container)
    if stream is None:
        raise InputError(f"{path}: no video stream; a file with pictures is expected")
    return stream


def banner_seconds(duration_us: int) -> float:
    """Round a duration as ffmpeg prints it, which is where the original loader reads it.

    Parameters
    ----------
    duration_us
        Microseconds.

    Examples
    --------
    >>> banner_seconds(120_023_000)
    120.02
    """
    hundredths = (duration_us + 5000) // 10000
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return 3600.0 * hours + 60.0 * minutes + rest / 100


def _is_clean(packets: Packets, track: Track) -> bool:
    """Whether each packet gives one picture, which its time stamp names."""
    stamps = track.stamps
    named = track.stamped and not packets.by_decoding and not track.shift_s.any()
    in_order = int(stamps.min()) == int(stamps[0])  # no picture before the first key frame
    whole = bool(track.keys[0]) and bool(track.intact.all()) and packets.broken_off is None
    unique = len(np.unique(stamps)) == len(stamps)
    return packets.codec in SKIPPABLE_CODECS and named and in_order and whole and unique


def _starts(track: Track) -> np.ndarray:
    pts = track.stamps
    before = np.concatenate([[pts[0] - 1], np.maximum.accumulate(pts)[:-1]])
    after = np.concatenate([np.minimum.accumulate(pts[::-1])[::-1][1:], [pts.max() + 1]])
    return pts[track.keys & (before < pts) & (pts < after)]


def _check_whole(path: Path, end_s: float, duration_s: float) -> None:
    missing = duration_s - end_s
    if missing > max(_CUT_S, _CUT_SHARE * duration_s):
        raise InputError(
            f"{path}: the pictures end at {end_s:.0f} s, but the file states {duration_s:.0f} s; "
            "it is cut short: fetch or convert it anew"
        )
