"""Claims: who is making which file, so that no two processes make the same one.

A claim is a small file beside its target, ``1_FFT.npy.claim``, which tells host, process and
time. Its holder keeps a lock on it (``flock``) and touches it every `BEAT_S` seconds until the
target is made. That a holder is dead is told

- on the same machine by the lock, which the kernel gives back however a process ends; neither a
  process number that is in use again nor a clock matters;
- from another machine by the missing beat: the last one is more than `STALE_S` away from the time
  that the same file system gives to a file made now, *and* none comes within `SILENT_S` of our
  own monotonic clock. A clock that jumps makes a living claim look old, but does not stop its
  beat; the first look alone spares the wait where a claim is plainly alive.

A dead holder's claim is taken over in place and under the lock: the new holder's name is written
over the old one's. To move the old claim away by renaming is not safe, because by then another
process may have put its own fresh claim there. Where machines do not see each other's locks, the
last of two takers to write its name has the claim, as both find when they read it a little later.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.io.files import parse_json

BEAT_S = 10.0
SILENT_S = 25.0
STALE_S = 300.0
SETTLE_S = 2.0
"""How long a taker from another machine waits before it reads whether it has the claim."""
EMPTY_S = 2.0
"""How long a claim may stay without a name: its maker died before it could write it."""

_LENGTH = 1024  # a claim is written by one call of one length, so that no half of one is read
_POLL_S = 0.05
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL, errno.EBADF}


class InWork(SpottingError):
    """Another process is making the file."""


@dataclass(frozen=True)
class Holder:
    """Who holds a claim.

    Attributes
    ----------
    host, pid
        Where and who.
    since
        When it began, UTC; for people only.
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
        The folder cannot be written to.

    Examples
    --------
    >>> target = Path(tempfile.mkdtemp()) / "1_FFT.npy"
    >>> with claim(target):
    ...     print([path.name for path in target.parent.iterdir()])
    ['1_FFT.npy.claim']
    >>> list(target.parent.iterdir())
    []
    """
    path = claim_path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        held = _Held(path, _take(path, _myself(run)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"cannot write {path}: {reason}; free space there or choose another folder"
        ) from error
    try:
        yield
    finally:
        held.release()


def holder_of(target: Path) -> Holder | None:
    """Tell who holds, or held when it died, the claim of `target`; None: nobody that is named."""
    try:
        with claim_path(target).open("rb") as handle:
            return _parse(handle.read(_LENGTH))
    except OSError:
        return None


def release_all() -> None:
    """Give back every claim of this process, which is about to end with work in hand."""
    for held in list(_Held.all):
        with contextlib.suppress(OSError):
            held.path.unlink()


class _Held:
    """A claim in hand: keeps its beat until it is released."""

    all: set[_Held] = set()  # noqa: RUF012 - shared by all, for `release_all`

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle
        self._name = os.pread(handle, _LENGTH, 0)
        self._stop = threading.Event()
        self._beat = threading.Thread(target=self._keep_beat, name="claim", daemon=True)
        self._beat.start()
        self.all.add(self)

    def release(self) -> None:
        """Take the claim away, unless another has taken it over."""
        self._stop.set()
        self._beat.join()
        with contextlib.suppress(FileNotFoundError):
            if _is_at(self._handle, self.path) and os.pread(self._handle, _LENGTH, 0) == self._name:
                self.path.unlink()
        os.close(self._handle)
        self.all.discard(self)

    def _keep_beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            with contextlib.suppress(OSError):  # a beat that is lost is followed by others
                os.utime(self._handle)


def _take(path: Path, me: Holder) -> int:
    """Get hold of a claim; gives its open and locked file."""
    nameless_since: float | None = None
    while True:
        handle, new = _open(path)
        if handle is None:
            continue
        try:
            locked = _lock(handle, wait=new)
            if not _is_at(handle, path):  # its holder has just released it
                os.close(handle)
                continue
            name = os.pread(handle, _LENGTH, 0)
            if new and not name:
                _write(handle, path, me)
                return handle
            nameless_since = (nameless_since or time.monotonic()) if not name else None
            if locked is not False and _is_dead(name, nameless_since, path, me, locked):
                _write(handle, path, me)
                _settle(path, me, _parse(name))
                return handle
            if name or locked is False:
                raise InWork(_sentence(_parse(name)))
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        time.sleep(_POLL_S)


def _is_dead(
    name: bytes, nameless_since: float | None, path: Path, me: Holder, locked: bool | None
) -> bool:
    """Tell whether the holder `name` of a claim that nobody has locked lives no longer."""
    if nameless_since is not None:
        return time.monotonic() - nameless_since > EMPTY_S
    holder = _parse(name)
    if holder and locked and holder.kernel == me.kernel:
        return True
    suspicious = holder and holder.run and holder.run == me.run
    return bool(suspicious or _looks_old(path)) and _is_silent(path)


def _looks_old(path: Path) -> bool:
    """Whether the last beat is far from now, both as the file system's own clock has them."""
    with tempfile.TemporaryFile(dir=path.parent) as probe:
        now = os.fstat(probe.fileno()).st_mtime
    return abs(now - _last_beat(path)[0]) > STALE_S


def _is_silent(path: Path) -> bool:
    before = _last_beat(path)
    time.sleep(SILENT_S)
    return _last_beat(path) == before


def _last_beat(path: Path) -> tuple[float, bytes]:
    """Time of the last touch, and the name; a network file system looks anew when one opens."""
    try:
        with path.open("rb") as handle:
            return os.fstat(handle.fileno()).st_mtime, handle.read(_LENGTH)
    except FileNotFoundError:
        return time.time(), b""


def _settle(path: Path, me: Holder, before: Holder | None) -> None:
    """See who has a claim that was taken over, where locks may not reach the other takers."""
    if before and before.kernel == me.kernel:
        return
    time.sleep(SETTLE_S)
    holder = _parse(_last_beat(path)[1])
    if holder != me:
        raise InWork(_sentence(holder))


def _open(path: Path) -> tuple[int | None, bool]:
    """Open the claim, made new or as it is; None when it went away in between."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        try:
            return os.open(path, os.O_RDWR), False
        except FileNotFoundError:
            return None, False


def _lock(handle: int, *, wait: bool) -> bool | None:
    """Lock; False: another process has it, None: this file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _write(handle: int, path: Path, me: Holder) -> None:
    try:
        os.pwrite(handle, json.dumps(asdict(me)).encode().ljust(_LENGTH), 0)
        os.utime(handle)
    except OSError:  # no space left: a claim without a name would only hold others up
        path.unlink(missing_ok=True)
        raise


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _parse(name: bytes) -> Holder | None:
    try:
        return Holder(**parse_json(name, "claim"))
    except (InputError, TypeError):
        return None


def _sentence(holder: Holder | None) -> str:
    return f"in work elsewhere ({holder or 'a process that has just begun'})"


def _myself(run: str) -> Holder:
    since = datetime.now(UTC).isoformat(sep=" ", timespec="microseconds")
    host = socket.gethostname()
    kernel = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else host
    return Holder(host, os.getpid(), since, kernel, run)
