"""Claims: who is making which file, so that no two processes make the same one.

A claim is a small file beside its target, ``1_FFT.npy.claim``, that tells host, process and time.
Its holder keeps an OS lock on it and touches it every `BEAT_S` seconds. A dead holder is found

- on the same machine by the lock, which ends with the process that has it;
- on another machine, which locks may not reach, by a last touch more than `STALE_S` away from now
  and none while it is watched for `SILENT_S`: a clock that jumps does not stop the beat.

Its claim is taken over in place and under the lock. Where machines do not see each other's locks,
the last of two takers to write its name has the claim, as both read `SETTLE_S` later.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from action_spotting.errors import InputError, SpottingError
from action_spotting.io.files import lock, open_own, open_plain, parse_json, unwritable

BEAT_S = 10.0
SILENT_S = 25.0
STALE_S = 300.0
SETTLE_S = 2.0
EMPTY_S = 2.0
"""How long a claim may stay without a name: its maker died before it could write it."""

_POLL_S = 0.05
_LENGTH = 1024  # a claim is written by one call of one length, so that no half of one is read
_BEGIN = int(os.name == "nt")  # Windows keeps others from reading the locked first byte, a blank
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_held: set[Path] = set()


class InWork(SpottingError):
    """Another process is making the file."""


@dataclass(frozen=True)
class Holder:
    """Who holds a claim: for people, and to tell whether a lock reaches it.

    Attributes
    ----------
    host, pid, since
        Where, who, and when it began (UTC).
    kernel
        Names the machine since it was started: within it a lock tells who lives.
    run
        The run on a cluster, which gives a file to one worker at a time; else empty.
    """

    host: str
    pid: int
    since: str
    kernel: str
    run: str = ""

    def __str__(self) -> str:
        """Name the holder."""
        return f"{self.host}, process {self.pid}, since {self.since}"


def claim_path(target: Path) -> Path:
    """Give the path of the claim of `target`.

    >>> claim_path(Path("1_FFT.npy")).name
    '1_FFT.npy.claim'
    """
    return target.with_name(target.name + ".claim")


@contextlib.contextmanager
def claim(target: Path, *, run: str = "") -> Iterator[None]:
    """Have `target` to oneself while the block runs.

    Parameters
    ----------
    target
        The file to be made.
    run
        The run on a cluster that this belongs to. What is left of its own dead workers on other
        machines is taken over without waiting for `STALE_S`.

    Raises
    ------
    InWork
        Another process has it; the message names host, process and time.
    UsageError
        The folder cannot be written to, or no plain file of ours lies at the claim's place.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "1_FFT.npy"
    >>> with claim(target):
    ...     print([path.name for path in target.parent.iterdir()])
    ['1_FFT.npy.claim']
    >>> list(target.parent.iterdir())
    []
    """
    path, host = claim_path(target), socket.gethostname()
    since = datetime.now(UTC).isoformat(sep=" ", timespec="microseconds")
    kernel = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else host
    me = Holder(host, os.getpid(), since, kernel, run)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = _take(path, me)
    except OSError as error:
        raise unwritable(path, error) from error
    _held.add(path)
    stop = threading.Event()
    beat = threading.Thread(target=_keep_beat, args=(handle, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        _give_back(path, handle, me)
        _held.discard(path)


def holder_of(target: Path) -> Holder | None:
    """Tell who holds, or held when it died, the claim of `target`; None: nobody that is named."""
    return _parse(_last_beat(claim_path(target))[1])


def release_all() -> None:
    """Give back every claim of this process, which is about to end with work in hand."""
    for path in list(_held):
        with contextlib.suppress(OSError):
            path.unlink()


def _take(path: Path, me: Holder) -> int:
    """Get hold of a claim; gives its open and locked file."""
    named_by = time.monotonic() + EMPTY_S
    while True:
        handle, new = _open(path)
        try:
            locked = lock(handle, wait=new)
            if _is_at(handle, path):  # else its holder has just released it
                name = _read(handle)
                holder = _parse(name)
                here = bool(locked and holder and holder.kernel == me.kernel)
                if new and not name:
                    return _write(handle, path, me)
                if here or (locked is not False and _is_dead(path, name, me, named_by)):
                    return _write(handle, path, me, settle=not here)
                if name or locked is False:
                    raise InWork(_sentence(holder))
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        time.sleep(_POLL_S)


def _open(path: Path) -> tuple[int, bool]:
    """Open a claim; True: it is new, and nobody else's, on whatever machine."""
    while True:
        with contextlib.suppress(FileExistsError):
            return open_own(path, os.O_RDWR | os.O_CREAT | os.O_EXCL), True
        with contextlib.suppress(FileNotFoundError):  # it went away in between
            return open_own(path, os.O_RDWR), False


def _is_dead(path: Path, name: bytes, me: Holder, named_by: float) -> bool:
    """Tell whether the holder `name` of a claim, which no lock tells of, lives no longer."""
    if not name:
        return time.monotonic() > named_by
    holder, beat = _parse(name), _last_beat(path)
    of_this_run = me.run and holder and holder.run == me.run
    if not of_this_run and abs(time.time() - beat[0]) <= STALE_S:
        return False
    time.sleep(SILENT_S)
    return _last_beat(path) == beat


def _write(handle: int, path: Path, me: Holder, *, settle: bool = False) -> int:
    try:
        _put(handle, 0, b" " + json.dumps(asdict(me)).encode().ljust(_LENGTH))
    except OSError:  # no space left: a claim without a name would only hold others up
        path.unlink(missing_ok=True)
        raise
    if settle:
        time.sleep(SETTLE_S)
        holder = _parse(_last_beat(path)[1])
        if holder != me:
            raise InWork(_sentence(holder))
    return handle


def _keep_beat(handle: int, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        with contextlib.suppress(OSError):  # a beat that is lost is followed by others
            _put(handle, _LENGTH, b" ")


def _put(handle: int, place: int, data: bytes) -> None:
    os.lseek(handle, place, os.SEEK_SET)
    os.write(handle, data)
    os.fsync(handle)  # so that other machines see it


def _give_back(path: Path, handle: int, me: Holder) -> None:
    """Take the claim away, unless another has taken it over; Windows removes no open file."""
    mine = _is_at(handle, path) and _parse(_read(handle)) == me
    if os.name == "nt":
        os.close(handle)
    if mine:
        with contextlib.suppress(OSError):
            path.unlink()
    if os.name != "nt":
        os.close(handle)


def _last_beat(path: Path) -> tuple[float, bytes]:
    """Time of the last touch, and the name; a network file system looks anew when one opens."""
    try:
        with open_plain(path) as file:
            return os.fstat(file.fileno()).st_mtime, _read(file.fileno())
    except (InputError, OSError):
        return time.time(), b""


def _read(handle: int) -> bytes:
    os.lseek(handle, _BEGIN, os.SEEK_SET)
    return os.read(handle, _LENGTH)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _parse(name: bytes) -> Holder | None:
    try:
        return Holder(**parse_json(name, "claim"))
    except (InputError, TypeError):
        return None


def _sentence(holder: Holder | None) -> str:
    return f"in work elsewhere ({holder or 'a process that has just begun'})"
