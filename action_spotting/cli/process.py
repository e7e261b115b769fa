"""The process of a command: its standard streams, and how a signal ends it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from action_spotting.io import ffmpeg, files, locks

INTERRUPTED = 130
PATIENCE_S = 1.0
"""How long the main thread may take to hear of a signal and to leave what it is in."""

_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|(?<=.)\r")
_LINES_UP = re.compile(r"(\x1b\[A)+")  # how tqdm goes back to the first of several bars
_interrupted = threading.Event()
_ending = threading.Lock()
at_end: Callable[[int], object] = lambda code: None  # noqa: E731
"""Says what is to be said when the process is ended from outside."""


def prepare() -> None:
    """Make the standard streams safe to write to, and let Ctrl-C and SIGTERM end the process.

    A stream that is closed goes nowhere. Names of files, games and hosts are texts of strangers:
    what would command the terminal is shown as an escape.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            stream.write = partial(_write_plainly, stream.write)  # type: ignore[method-assign]
    _obey_signals()


def _write_plainly(write: Any, text: str) -> int:
    return write(text if _LINES_UP.fullmatch(text) else plain(text))


def plain(text: str) -> str:
    """Show control characters but for line ends and tabs as escapes.

    >>> plain("Goal \\x1b[31m")
    'Goal \\\\x1b[31m'
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _obey_signals() -> None:
    """Raise `KeyboardInterrupt` in the main thread; end the process when that does not.

    It may be in a library, or wait for threads that are. What Python tells of a signal it tells at
    once to a socket too, which a thread listens to.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # in the background of a script
        signal.signal(signal.SIGINT, _interrupt)
    for name in ("SIGTERM", "SIGHUP"):  # the end that a batch system or a closed terminal asks for
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    threading.Thread(target=_end_after, args=(reading, writing), daemon=True).start()


def _interrupt(*_: Any) -> NoReturn:
    _interrupted.set()
    raise KeyboardInterrupt


def _end_after(reading: socket.socket, _writing: socket.socket) -> None:
    hangup = getattr(signal, "SIGHUP", signal.SIGTERM)
    while reading.recv(1)[0] not in (signal.SIGINT, signal.SIGTERM, hangup):
        pass
    time.sleep(PATIENCE_S)
    end()


def interrupted() -> bool:
    """Tell whether a signal has asked for the end, whatever became of the exception."""
    return _interrupted.is_set()


def end() -> NoReturn:
    """End at once, without waiting for threads; nothing half made is left."""
    with _ending:  # never given back: one thread is enough
        ffmpeg.end_all()
        files.discard_parts()
        locks.release_all()
        with contextlib.suppress(OSError, ValueError):
            at_end(INTERRUPTED)
            print(
                "interrupted; what is finished is kept, the same command goes on", file=sys.stderr
            )
        os._exit(INTERRUPTED)
