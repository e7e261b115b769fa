"""The ffmpeg program: a command built and run by ffmpy, its progress told, its errors as ours.

Files are named to it as ``file:`` addresses, and what a media file points to is not followed, so
that neither a name nor a content is ever taken for an option, a protocol or another file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from action_spotting.errors import InputError, UsageError

if TYPE_CHECKING:
    from ffmpy import FFmpeg

CONTAINERS = (
    "matroska,webm,mov,mp4,mpegts,mpeg,avi,flv,asf,ogg,wav,w64,mp3,aac,flac,aiff,au,caf,ac3,eac3,"
    "dts,wv,ape,tta,amr,mxf,gxf,nut,ivf,rm,wtv,dv,h264,hevc,vvc,vc1,av1,obu,m4v,mpegvideo,mjpeg,"
    "yuv4mpegpipe,gif"
)
"""ffmpeg's readers of files that hold what they show. The others are not tried: playlists, lists
of pictures, network sessions, which name other files or addresses that would be read."""

MEDIA_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}

_QUIET = (
    *("-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-y"),
    *("-max_error_rate", "1"),  # what cannot be decoded is left out
)
_BESIDE = "fontconfig"
"""libass says that it knows no fonts of the system, which it is not meant to."""

_PROGRESS = ("-progress", "pipe:1")
_AS_DATA = [text for name, value in MEDIA_OPTIONS.items() for text in (f"-{name}", value)]
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
_STDERR_BYTES = 16 * 2**10

_running: set[FFmpeg] = set()


def run_ffmpeg(
    inputs: Mapping[Path, Sequence[str]],
    outputs: Mapping[Path, Sequence[str]],
    *,
    tell: Callable[[float], object] | None = None,
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run ffmpeg once; it is ended when this call is left by an exception.

    Parameters
    ----------
    inputs, outputs
        Files with the options that stand before each of them, one word an item. Existing outputs
        are overwritten, so give the temporary name of ``files.whole_file``.
    tell
        Is called, in a thread of its own, about twice a second with the seconds of output so far.
    folder
        Where ffmpeg runs: options may name files in it without a path.
    env
        Environment variables beside those of this process.

    Raises
    ------
    InputError
        ffmpeg gives up; with the reason that it states.
    OSError
        An output cannot be written; `files.whole_file` words it.
    UsageError
        There is no ffmpeg.

    Examples
    --------
    >>> import tempfile, scipy.io.wavfile, numpy as np
    >>> room = Path(tempfile.mkdtemp())
    >>> scipy.io.wavfile.write(room / "a.wav", 8000, np.zeros(8000, np.int16))
    >>> run_ffmpeg({room / "a.wav": []}, {room / "half.wav": ["-t", "0.5"]})
    >>> scipy.io.wavfile.read(room / "half.wav")[1].shape
    (4000,)
    """
    from ffmpy import FFmpeg, FFRuntimeError

    ffmpeg = FFmpeg(
        ffmpeg_exe(),
        (*_QUIET, *_PROGRESS) if tell else _QUIET,
        {_address(path): [*_AS_DATA, *options] for path, options in inputs.items()},
        {_address(path): options for path, options in outputs.items()},
    )
    with tempfile.TemporaryFile() as stderr, _progress(tell) as stdout:
        try:
            _running.add(ffmpeg)
            ffmpeg.run(
                stdout=stdout,
                stderr=stderr,
                env=None if env is None else {**os.environ, **env},
                cwd=folder,
                restore_signals=False,  # a file-size limit is then an error that ffmpeg words
            )
        except FFRuntimeError as error:
            raise _worded(_last_lines(stderr), error.exit_code, inputs, outputs) from None
        finally:
            _kill(ffmpeg)
            if ffmpeg.process is not None:
                ffmpeg.process.wait()
            _running.discard(ffmpeg)


def ffmpeg_exe() -> str:
    """Give the ffmpeg program: that of imageio-ffmpeg, else the system's."""
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
    if not found:
        raise UsageError("no ffmpeg: `pip install imageio-ffmpeg`, or install ffmpeg")
    return found


def end_all() -> None:
    """End all that runs, in a process that is about to end without waiting for its threads."""
    for ffmpeg in list(_running):
        _kill(ffmpeg)


def _kill(ffmpeg: FFmpeg) -> None:
    if ffmpeg.process is not None and ffmpeg.process.poll() is None:
        ffmpeg.process.kill()


def _address(path: Path) -> str:
    return f"file:{path.absolute()}"


@contextlib.contextmanager
def _progress(tell: Callable[[float], object] | None) -> Iterator[int]:
    """Give the file descriptor to which ffmpeg writes how far it is."""
    if tell is None:
        yield subprocess.DEVNULL
        return
    reading, writing = os.pipe()

    def follow() -> None:
        with open(reading, "rb") as lines:  # noqa: PTH123 (a descriptor)
            for line in lines:
                if done := re.fullmatch(rb"out_time_us=(\d+)\s*", line):
                    tell(int(done[1]) / 1e6)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield writing
    finally:
        os.close(writing)
        follower.join()


def _last_lines(stderr: IO[bytes]) -> list[str]:
    """What ffmpeg said at the end, without the part of it that speaks."""
    stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _STDERR_BYTES))
    lines = stderr.read().decode("utf-8", "replace").splitlines()
    return [re.sub(r"^(\[[^]]*\] )+", "", line).strip() for line in lines]


def _worded(
    said: Sequence[str], code: int, inputs: Mapping[Path, object], outputs: Mapping[Path, object]
) -> Exception:
    for number in _OF_THE_DISK:
        if any(os.strerror(number) in line for line in said):
            return OSError(number, os.strerror(number), str(next(iter(outputs))))
    lines = [line for line in said if line and _BESIDE not in line] or [f"ended with code {code}"]
    reason = "; ".join(dict.fromkeys((lines[0], lines[-1])))
    return InputError(f"{', '.join(map(str, inputs))}: ffmpeg: {reason}")
