"""Three ways to decode a video, one interface: PyAV, OpenCV, scikit-video.

Each gives BGR pictures, uint8 ``(height, width, 3)``. PyAV gives the bits of the original's
OpenCV, and is faster: it leaves out pictures that nobody asked for and that no other picture refers
to, and decodes several parts of the video at once. The installed OpenCV gives the same bits but for
media that name BT.709 (HD) colours: releases before 4.12 read all media as BT.601, and so were the
released features made; later ones honour the name, which moves values by 3 of 255 on average.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, dropwhile, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from action_spotting.dataset.media import damage, first_frame, open_media
from action_spotting.dataset.packets import list_packets
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.ffmpeg import MEDIA_OPTIONS, ffmpeg_exe
from action_spotting.io.threads import prefetch
from action_spotting.visual.choices import GRABBERS
from action_spotting.visual.packet_index import Scan, scan_of, video_stream

DECODERS = 4
"""Decoders that work on one video at once; they wait for each other's turns in between."""

AHEAD_BYTES = 8 * 2**20
"""Pictures that one of them decodes ahead."""

THREADS = 2
"""Threads of a decoder that works alone."""


class Miscounted(Exception):
    """Decoding gave other frames than the packets promised; see `Reader.recount`."""


class Reader(Protocol):
    """Decodes one video.

    Parameters
    ----------
    path
        The video.

    Attributes
    ----------
    damaged
        Frames that the decoder called damaged when `images` last ran; 0 where it does not report
        damage.
    """

    damaged: int

    def __init__(self, path: Path) -> None: ...

    def images(self, wanted: Sequence[int], scan: Scan) -> Iterator[np.ndarray]:
        """Decode the wanted frames.

        Parameters
        ----------
        wanted
            Ascending indices of frames, counted from 0.
        scan
            The video's frames.

        Yields
        ------
        uint8 array ``(height, width, 3)``
            BGR frames, upright.

        Raises
        ------
        Miscounted
            Decoding shows that `scan` is wrong.
        InputError
            The decoder cannot open the file.
        """
        ...

    def recount(self, scan: Scan) -> Scan:
        """Decode everything to learn when each frame is shown.

        Parameters
        ----------
        scan
            What the packets say.

        Returns
        -------
        Scan
            What decoding shows.

        Raises
        ------
        InputError
            No frame could be decoded.
        """
        ...


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
        """Decode the wanted frames.

        Parameters
        ----------
        wanted, scan
            As for `Reader.images`.

        Returns
        -------
        Iterator
            BGR uint8 frames ``(height, width, 3)``.

        Raises
        ------
        Miscounted
            Decoding shows that `scan` is wrong.
        """
        self.damaged = 0
        if scan.pts is None or scan.keys is None:
            return self._by_index(wanted, len(scan.times_s))
        return self._by_stamp(_parts(scan.pts[list(wanted)], scan.keys))

    def recount(self, scan: Scan) -> Scan:
        """Decode everything to learn when each frame is shown.

        Parameters
        ----------
        scan
            Not used.

        Returns
        -------
        Scan
            What decoding shows.

        Raises
        ------
        InputError
            No frame could be decoded.
        """
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
                    yield _upright(frame, reformatter)
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
                        yield _upright(frame, reformatter)
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


@dataclass(frozen=True)
class _Film:
    """Which of a file's video streams is read, its pictures' size, and how they are turned."""

    number: int
    width: int
    height: int
    matrix: np.ndarray | None


def _film(path: Path) -> _Film:
    with open_media(path) as container:
        stream = video_stream(container, path)
        number = [other.index for other in container.streams.video].index(stream.index)
        frame = first_frame(container, stream)
        return _Film(number, frame.width, frame.height, _display_matrix(frame))


class _Counting:
    """Decodes every frame in order, and gives those that are wanted."""

    damaged = 0

    def __init__(self, path: Path) -> None:
        self._path = path

    def images(self, wanted: Sequence[int], scan: Scan) -> Iterator[np.ndarray]:
        """Decode the wanted frames.

        Parameters
        ----------
        wanted, scan
            As for `Reader.images`.

        Yields
        ------
        uint8 array ``(height, width, 3)``
            BGR frames.

        Raises
        ------
        Miscounted
            The number of frames is not that of `scan`.
        """
        todo = set(wanted)
        count = 0
        for count, picture in enumerate(self._pictures(), start=1):
            if count - 1 in todo:
                yield self._bgr(picture)
        if count != len(scan.times_s):
            raise Miscounted

    def recount(self, scan: Scan) -> Scan:
        """Decode everything to count the frames; PyAV gives their times.

        Parameters
        ----------
        scan
            What the packets say.

        Returns
        -------
        Scan
            What decoding shows.

        Raises
        ------
        InputError
            No frame could be decoded.
        """
        count, shown = sum(1 for _ in self._pictures()), PyAVReader(self._path).recount(scan)
        if count == len(shown.times_s):
            return shown
        if not count:
            raise InputError(f"{self._path}: no picture could be decoded; try --grabber pyav")
        return replace(shown, times_s=np.arange(count) / scan.rate)

    def _pictures(self) -> Iterator[Any]:
        raise NotImplementedError

    def _bgr(self, picture: Any) -> np.ndarray:
        raise NotImplementedError


class OpenCVReader(_Counting):
    """Decodes with OpenCV, the original's decoder; only wanted pictures are converted to BGR."""

    def _pictures(self) -> Iterator[Any]:
        import cv2

        # OpenCV takes ffmpeg's options from here, at every opening.
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(
            f"{name};{value}" for name, value in MEDIA_OPTIONS.items()
        )
        film = _film(self._path)
        if film.number:
            raise InputError(
                f"{self._path}: its film is video stream {film.number + 1}, and OpenCV reads the "
                "first; try --grabber pyav"
            )
        threads = [cv2.CAP_PROP_N_THREADS, THREADS]
        name = str(self._path.resolve())
        if name.encode(errors="replace").decode() != name:
            # OpenCV ends the whole process at such a name.
            raise InputError(f"{self._path}: not a name in UTF-8; try --grabber pyav")
        video = cv2.VideoCapture(name, cv2.CAP_FFMPEG, threads)
        try:
            if not video.isOpened():
                raise InputError(f"{self._path}: OpenCV cannot open it; try --grabber pyav")
            video.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # it knows no mirrors
            while video.grab():
                yield video, film.matrix
        finally:
            video.release()

    def _bgr(self, picture: Any) -> np.ndarray:
        video, matrix = picture
        return _turned(video.retrieve()[1], matrix)


class SkvideoReader(_Counting):
    """Decodes with scikit-video, which pipes every picture out of the ffmpeg program."""

    def _pictures(self) -> Iterator[Any]:
        film = _film(self._path)
        with _numpy_names():
            pipe = _skvideo_pipe(self._path, film)
        with pipe._proc as process:
            try:
                for picture in pipe.nextFrame():
                    yield _turned(picture, film.matrix)
            finally:
                process.kill()

    def _bgr(self, picture: Any) -> np.ndarray:
        return picture


_NUMPY_NAMES = {"float": float, "int": int, "bool": bool}
_numpy_lock = threading.Lock()


@contextlib.contextmanager
def _numpy_names() -> Iterator[None]:
    """Lend NumPy the names that it has dropped and that scikit-video 1.1.11 still uses."""
    with _numpy_lock:
        missing = {name: kind for name, kind in _NUMPY_NAMES.items() if not hasattr(np, name)}
        try:
            for name, kind in missing.items():
                setattr(np, name, kind)
            yield
        finally:
            for name in missing:
                delattr(np, name)


def _skvideo_pipe(path: Path, film: _Film) -> Any:
    """Start scikit-video's reader on imageio-ffmpeg's program, which comes without an ffprobe."""
    from skvideo.io import abstract, ffmpeg

    program = Path(ffmpeg_exe())
    abstract._HAS_FFMPEG = ffmpeg._HAS_FFMPEG = 1
    ffmpeg._FFMPEG_PATH, ffmpeg._FFMPEG_APPLICATION = str(program.parent), program.name

    class Pipe(ffmpeg.FFmpegReader):
        def _probe(self) -> dict[str, dict[str, str]]:
            size = {self.INFO_WIDTH: str(film.width), self.INFO_HEIGHT: str(film.height)}
            return {"video": {**size, self.INFO_NB_FRAMES: "0"}}  # 0: to the end

        def _getSupportedDecoders(self) -> Any:
            return NotImplemented  # any suffix will do

    before = {f"-{name}": value for name, value in MEDIA_OPTIONS.items()}
    before["-noautorotate"] = "-nostdin"  # two options that take no value
    after = {
        "-map": f"0:v:{film.number}",
        "-fps_mode": "passthrough",
        "-vf": "scale=in_color_matrix=bt601",
        "-pix_fmt": "bgr24",
    }
    return Pipe(str(path.resolve()), inputdict=before, outputdict=after)


READERS: dict[str, type[Reader]] = dict(
    zip(GRABBERS, (PyAVReader, OpenCVReader, SkvideoReader), strict=True)
)


def reader_class(grabber: str) -> type[Reader]:
    """Give the reader class of a decoder.

    Parameters
    ----------
    grabber
        ``pyav``, ``opencv`` or ``skvideo``.

    Returns
    -------
    type

    Raises
    ------
    UsageError
        An unknown grabber.

    Examples
    --------
    >>> reader_class("pyav").__name__
    'PyAVReader'
    """
    if grabber not in READERS:
        raise UsageError(unknown("grabber", grabber, READERS))
    return READERS[grabber]


def open_reader(path: Path, grabber: str) -> Reader:
    """Make the reader of a file, after checking that it is media and not a pointer to other files.

    Parameters
    ----------
    path
        The video.
    grabber
        ``pyav``, ``opencv`` or ``skvideo``.

    Returns
    -------
    Reader

    Raises
    ------
    InputError
        Not a media file.
    UsageError
        An unknown grabber.
    """
    open_media(path).close()
    return reader_class(grabber)(path)


def _upright(frame: Any, reformatter: Any) -> np.ndarray:
    """Convert to BGR as BT.601, and turn as the file says."""
    image = reformatter.reformat(frame, format="bgr24", src_colorspace="ITU601").to_ndarray()
    return _turned(image, _display_matrix(frame))


def _display_matrix(frame: Any) -> np.ndarray | None:
    """Give how the file says that a picture is to be turned and mirrored, 3 × 3, or None."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return None if matrix is None else np.frombuffer(bytes(matrix)[:36], np.int32).reshape(3, 3)


def _turned(image: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Turn by quarters and mirror, as a display matrix says."""
    if matrix is None:
        return image
    (right, down), (right_of_down, down_of_down) = matrix[:2, :2]
    if abs(down) > abs(right):
        image, right, down_of_down = image.swapaxes(0, 1), right_of_down, down
    return np.ascontiguousarray(image[:: -1 if down_of_down < 0 else 1, :: -1 if right < 0 else 1])
