"""Decoding with PyAV: only what is wanted or referred to, several parts of a video at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, dropwhile, islice
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.media import damage, open_media
from action_spotting.dataset.packets import list_packets
from action_spotting.errors import InputError
from action_spotting.io.threads import prefetch
from action_spotting.visual.orientation import upright
from action_spotting.visual.packet_index import Scan, scan_of, video_stream

DECODERS = 4
"""Decoders that work on one video at once; they wait for each other's turns in between."""

AHEAD_BYTES = 8 * 2**20
"""Pictures that one of them decodes ahead."""

THREADS = 2
"""Threads of a decoder that works alone."""


class Miscounted(Exception):
    """Decoding gave other frames than the packets promised; see `Reader.recount`."""


class PyAVReader:
    """Decodes with PyAV, skipping frames that are neither wanted nor referred to.

    A video is divided at closed-GOP keyframes, where decoding can begin. Several decoders work
    ahead: while the frames of one part are used, those of the next are decoded.

    Parameters
    ----------
    path
        The video.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.damaged = 0

    def images(self, wanted: Sequence[int], scan: Scan) -> Iterator[np.ndarray]:
        """Decode the wanted frames; see `action_spotting.visual.readers.Reader`."""
        self.damaged = 0
        if scan.pts is None or scan.keys is None:
            return self._by_index(wanted, len(scan.times_s))
        return self._by_stamp(_parts(scan.pts[list(wanted)], scan.keys))

    def recount(self, scan: Scan) -> Scan:
        """Decode everything to learn when each frame is shown."""
        with self._open(THREADS) as container:
            stamps = [frame.pts for frame in self._decode(container)]
        packets = list_packets(self._path)
        if packets.by_decoding:
            stamps = [None for _ in stamps]
        if not stamps or packets.picture is None:
            raise InputError(f"{self._path}: no picture could be decoded; is the file damaged?")
        return scan_of(self._path, packets, packets.picture.times_of(stamps))

    def _by_index(self, wanted: Sequence[int], total: int) -> Iterator[np.ndarray]:
        from av.video.reformatter import VideoReformatter

        todo = set(wanted)
        count, reformatter = 0, VideoReformatter()
        with self._open(THREADS) as container:
            for count, frame in enumerate(self._decode(container), start=1):
                if count - 1 in todo:
                    yield upright(frame, reformatter)
        if count != total:
            raise Miscounted

    def _by_stamp(self, parts: list[_Part]) -> Iterator[np.ndarray]:
        with open_media(self._path) as container:
            codec = video_stream(container, self._path).codec_context
            depth = AHEAD_BYTES // (3 * codec.width * codec.height + 1) + 1
        with contextlib.ExitStack() as stack:
            decoders = []
            for i in range(min(DECODERS, len(parts))):
                decoder = prefetch(self._decode_parts(parts[i::DECODERS]), depth)
                stack.callback(decoder.close)
                decoders.append(chain([next(decoder)], decoder))  # it runs from here on
            for i, part in enumerate(parts):
                yield from islice(decoders[i % DECODERS], len(part.stamps))

    def _decode_parts(self, parts: Sequence[_Part]) -> Iterator[np.ndarray]:
        from av.video.reformatter import VideoReformatter

        reformatter = VideoReformatter()
        with self._open(1) as container:
            for part in parts:
                todo = set(part.stamps)
                for frame in self._decode(container, part):
                    if frame.pts in todo:
                        todo.remove(frame.pts)
                        yield upright(frame, reformatter)
                    if not todo:
                        break
                if todo:
                    raise Miscounted

    @contextlib.contextmanager
    def _open(self, threads: int) -> Iterator[Any]:
        with open_media(self._path) as container:
            stream = video_stream(container, self._path)
            stream.thread_type = "FRAME"
            stream.codec_context.thread_count = threads
            yield container

    def _decode(self, container: Any, part: _Part | None = None) -> Iterator[Any]:
        wanted = set(part.stamps) if part else None
        stream = video_stream(container, self._path)
        codec = stream.codec_context
        for packet in self._packets(container, stream, part):
            if wanted is not None:
                codec.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
            try:
                for frame in packet.decode():
                    if frame.is_corrupt:
                        self._count_damage()
                    yield frame
            except damage() as error:
                self._count_damage()
                if part is not None:
                    raise Miscounted from error

    def _packets(self, container: Any, stream: Any, part: _Part | None) -> Iterator[Any]:
        if part and part.before is not None:
            # To the key picture before the one that is meant: not all media are sought exactly.
            try:
                container.seek(part.before, stream=stream)
            except damage() as error:
                raise Miscounted from error
        packets = container.demux(stream)
        if part:
            packets = dropwhile(lambda packet: packet.pts != part.key, packets)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except damage():  # the file cannot be read further
                self._count_damage()
                return

    def _count_damage(self) -> None:
        with self._lock:
            self.damaged += 1


@dataclass(frozen=True)
class _Part:
    """Wanted pictures, the key picture at which to begin for them, and the one before it."""

    stamps: list[int]
    key: int
    before: int | None


def _parts(stamps: np.ndarray, keys: np.ndarray) -> list[_Part]:
    numbers, start = np.unique(np.searchsorted(keys, stamps, side="right") - 1, return_index=True)
    return [
        _Part(part.tolist(), int(keys[k]), int(keys[k - 1]) if k else None)
        for k, part in zip(numbers.tolist(), np.split(stamps, start[1:]), strict=True)
    ]
