"""What pictures a video holds and when: its packets listed without decoding them.

A whole half is listed in a fraction of a second, so that the frames to keep are known before the
first one is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_spotting.dataset.media import open_media, picture_stream
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
        The container's duration, in hundredths of a second as ffmpeg prints it.
    times_s
        When each picture is shown, from the file's start; float64 ``(n,)``, ascending.
    pts
        Their time stamps in the stream's units, int64 ``(n,)``; None where the list of packets
        does not prove that each of them gives one picture, so that all must be decoded.
    keys
        Those of `pts` at which decoding can begin: key pictures that part what comes before them
        in the file from what comes after in time, too. The first picture is one.
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
    with open_media(path) as container:
        stream = video_stream(container, path)
        packets = _demux(container, stream)
        offset_s = (container.start_time or 0) / 1_000_000
        unit_s = float(stream.time_base or 0)
        codec = stream.codec_context.name if stream.codec_context else ""
        rate = float(stream.average_rate or (1 / unit_s if unit_s else 25))
        container_s = banner_seconds(container.duration or 0)
    if not packets:
        raise InputError(f"{path}: its video stream holds no picture; is the file cut short?")
    pts = np.array([p.stamp for p in packets if p.stamp is not None], dtype=np.int64)
    clean = codec in SKIPPABLE_CODECS and len(pts) == len(packets) and _is_clean(packets, pts)
    if len(pts) == len(packets):
        times = np.sort(pts) * unit_s - offset_s
    else:
        times = np.arange(len(packets)) / rate
    duration = container_s or float(times[-1] + 1 / rate)
    _check_whole(path, float(times[-1]) + 1 / rate, duration)
    if not clean:
        return Scan(rate, duration, times, None)
    return Scan(rate, duration, times, np.sort(pts), _starts(packets, pts))


def video_stream(container, path: Path):
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


@dataclass(frozen=True)
class _Packet:
    stamp: int | None
    sound: bool
    key: bool


def _demux(container, stream) -> list[_Packet]:
    import av

    packets: list[_Packet] = []
    try:
        for packet in container.demux(stream):
            if packet.size:
                stamp = packet.pts if packet.pts is not None else packet.dts
                sound = not (packet.is_corrupt or packet.is_discard)
                packets.append(_Packet(stamp, sound, packet.is_keyframe))
    except av.FFmpegError:
        # what was listed stays; the decoder has the last word
        packets.append(_Packet(None, sound=False, key=False))
    return packets


def _is_clean(packets: list[_Packet], pts: np.ndarray) -> bool:
    in_order = int(pts.min()) == int(pts[0])  # no picture before the first key frame
    sound = packets[0].key and all(packet.sound for packet in packets)
    return in_order and sound and len(np.unique(pts)) == len(pts)


def _starts(packets: list[_Packet], pts: np.ndarray) -> np.ndarray:
    before = np.concatenate([[pts[0] - 1], np.maximum.accumulate(pts)[:-1]])
    after = np.concatenate([np.minimum.accumulate(pts[::-1])[::-1][1:], [pts.max() + 1]])
    return pts[np.array([packet.key for packet in packets]) & (before < pts) & (pts < after)]


def _check_whole(path: Path, end_s: float, duration_s: float) -> None:
    missing = duration_s - end_s
    if missing > max(_CUT_S, _CUT_SHARE * duration_s):
        raise InputError(
            f"{path}: the pictures end at {end_s:.0f} s, but the file states {duration_s:.0f} s; "
            "it is cut short: fetch or convert it anew"
        )
