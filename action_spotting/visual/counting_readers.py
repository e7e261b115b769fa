"""Decoding every frame in order, with OpenCV or scikit-video."""

from __future__ import annotations

import contextlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError
from action_spotting.io.ffmpeg import MEDIA_OPTIONS, ffmpeg_exe
from action_spotting.visual.orientation import Film, find_film, turned
from action_spotting.visual.packet_index import Scan
from action_spotting.visual.pyav_reader import THREADS, Miscounted, PyAVReader


class _Counting(ABC):
    """Decodes every frame in order, and gives those that are wanted."""

    damaged = 0

    def __init__(self, path: Path) -> None:
        self._path = path

    def images(self, wanted: Sequence[int], scan: Scan) -> Iterator[np.ndarray]:
        """Decode the wanted frames; see `action_spotting.visual.readers.Reader`."""
        todo = set(wanted)
        count = 0
        for count, bgr in enumerate(self._pictures(), start=1):
            if count - 1 in todo:
                yield bgr()
        if count != len(scan.times_s):
            raise Miscounted

    def recount(self, scan: Scan) -> Scan:
        """Decode everything to count the frames; PyAV gives their times."""
        count, shown = sum(1 for _ in self._pictures()), PyAVReader(self._path).recount(scan)
        if count == len(shown.times_s):
            return shown
        if not count:
            raise InputError(f"{self._path}: no picture could be decoded; try --grabber pyav")
        return replace(shown, times_s=np.arange(count) / scan.rate)

    @abstractmethod
    def _pictures(self) -> Iterator[Callable[[], np.ndarray]]:
        """Decode frame after frame; each comes as what converts it to BGR."""


class OpenCVReader(_Counting):
    """Decodes with OpenCV, the original's decoder; only wanted pictures are converted to BGR."""

    def _pictures(self) -> Iterator[Callable[[], np.ndarray]]:
        import cv2

        # OpenCV takes ffmpeg's options from here, at every opening.
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "|".join(
            f"{name};{value}" for name, value in MEDIA_OPTIONS.items()
        )
        film = find_film(self._path)
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
                yield lambda: turned(video.retrieve()[1], film.matrix)
        finally:
            video.release()


class SkvideoReader(_Counting):
    """Decodes with scikit-video, which pipes every picture out of the ffmpeg program."""

    def _pictures(self) -> Iterator[Callable[[], np.ndarray]]:
        film = find_film(self._path)
        with _numpy_names():
            pipe = _skvideo_pipe(self._path, film)
        with pipe._proc as process:
            try:
                for picture in pipe.nextFrame():
                    yield partial(turned, picture, film.matrix)
            finally:
                process.kill()


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


def _skvideo_pipe(path: Path, film: Film) -> Any:
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
