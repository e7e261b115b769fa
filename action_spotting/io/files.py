"""Files that appear whole or not at all, plain files opened with care, and JSON."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from action_spotting.errors import InputError, UsageError

MAX_JSON_BYTES = 64 * 2**20
MAX_PARSED_BYTES = 512 * 2**20
"""What the parsed values of a JSON file may take of memory, by an estimate from its characters."""
_TAKES_BYTES = {b"{": 300, b"[": 64, b",": 64}
MAX_JSON_DEPTH = 32

_SAFELY = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL, errno.EBADF}
_DISK_REFUSES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_DAY_S = 86_400

T = TypeVar("T")

_being_made: set[Path] = set()


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    The temporary file has a name of its own, ``.<name>.part-<random><suffix>``, so that any number
    of processes may write the same path; it keeps the suffix, because encoders choose their
    container by it. Nothing is left when the block raises. What a killed process left is taken
    away first (see `clear_parts`).

    Parameters
    ----------
    path
        The file to be made. Its folder is made if need be.

    Raises
    ------
    UsageError
        The file cannot be written: a full disk, no permission, or a link, a folder, a pipe or a
        device at `path`, which is never replaced. Other errors of the block pass unchanged.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "a.txt") as part:
    ...     _ = part.write_text("done")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    check_target(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_parts(path)
        part, handle = _new_part(path)
    except OSError as error:
        raise unwritable(path, error) from error
    _being_made.add(part)
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # what went wrong before says more
            part.unlink()
        if isinstance(error, OSError) and _is_about(part, error):
            raise unwritable(path, error) from error
        raise
    finally:
        _being_made.discard(part)
        if handle is not None:
            os.close(handle)


def _new_part(path: Path) -> tuple[Path, int | None]:
    """Make the temporary file of `path`, locked while it is open: so others see it is alive.

    Not on Windows, where a locked file cannot be written by name, nor an open one renamed.
    """
    while True:
        part = path.with_name(f".{path.stem[:40]}.part-{secrets.token_hex(4)}{path.suffix}")
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY, 0o666)
        if os.name == "nt":
            os.close(handle)
            return part, None
        lock(handle, wait=True)
        if os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)  # taken for left over in the moment before it was locked


def _is_about(part: Path, error: OSError) -> bool:
    name = str(error.filename or "").removeprefix("file:")  # as ffmpeg is given names
    return error.errno in _DISK_REFUSES or name == str(part)


def clear_parts(path: Path) -> None:
    """Take away temporary files of `path`, of any suffix, that no living process is writing.

    Alive is what is locked; where there are no locks, what is younger than a day.
    """
    for part in path.parent.glob(f".{glob.escape(path.stem[:40])}.part*"):
        with contextlib.suppress(OSError):
            handle = os.open(part, os.O_RDWR | _SAFELY)
            try:
                info, locked = os.fstat(handle), None if os.name == "nt" else lock(handle)
                old = locked is None and abs(time.time() - info.st_mtime) > _DAY_S
                if stat.S_ISREG(info.st_mode) and (locked or old):
                    part.unlink()
            finally:
                os.close(handle)


def discard_parts() -> None:
    """Take away what is being made, in a process that is about to end without waiting for it."""
    for part in list(_being_made):
        with contextlib.suppress(OSError):
            part.unlink()


def remove(path: Path) -> None:
    """Take a file away, if it is there; `UsageError` where that is not allowed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> UsageError:
    """Word why `path` cannot be written."""
    reason = error.strerror or str(error)
    return UsageError(f"cannot write {path}: {reason}; free space there or choose another folder")


def check_target(path: Path) -> None:
    """Raise `UsageError` where something else than a plain file lies at `path`."""
    with contextlib.suppress(OSError, ValueError):  # it is told when it is opened
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else ""
            raise UsageError(
                f"cannot write {path}: {kind or 'a pipe or a device'} lies there, which is neither "
                "followed nor replaced; take it away or name another file"
            )


def open_own(path: Path, flags: int) -> int:
    """Open a file that we write in place (a log, a claim); never another by a link."""
    check_target(path)
    handle = os.open(path, flags | _SAFELY, 0o666)
    if os.fstat(handle).st_nlink > 1:
        os.close(handle)
        raise UsageError(f"cannot write {path}: it is another file as well (hard link)")
    return handle


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a log, whose folder is made if need be; `UsageError` where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write of one line, at the end wherever that is: others may be writing too.
        handle = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
    except OSError as error:
        raise unwritable(path, error) from error


def lock(handle: int, *, wait: bool = False) -> bool | None:
    """Take the operating system's lock of an open file, which ends with it.

    Returns
    -------
    bool or None
        False: another has it; None: this file system has no locks.
    """
    from filelock import lock_descriptor

    try:
        return lock_descriptor(handle, blocking=wait)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys, whole or not at all."""
    with whole_file(path) as part:
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
        # a file name may hold bytes that are no UTF-8; as backslash escapes they are still JSON
        part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def is_name(text: str) -> bool:
    """Tell whether a text from a file may name a file or folder, as far as systems take it.

    >>> is_name("league/season/game"), is_name("x" * 300), is_name("")
    (True, False, False)
    """
    parts = text.split("/")
    fits = all(len(part.encode("utf-8", "surrogatepass")) <= 255 for part in parts)
    return 0 < len(text) <= 1000 and "\0" not in text and fits


def open_plain(path: Path) -> BufferedReader:
    """Open a plain file for reading.

    Raises
    ------
    InputError
        Missing, not allowed, or no plain file: a pipe or a device may never end.

    Examples
    --------
    >>> open_plain(Path("/dev/zero"))
    Traceback (most recent call last):
    ...
    action_spotting.errors.InputError: /dev/zero: not a plain file
    """
    try:
        handle = os.open(path, os.O_RDONLY | _SAFELY & ~getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError as error:
        raise InputError(f"{path}: cannot be read: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from error
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise InputError(f"{path}: not a plain file")


def check_plain(path: Path) -> Path:
    """Give back `path` when it is a plain file that can be read, for libraries that open names.

    Raises
    ------
    InputError
        See `open_plain`.
    """
    open_plain(path).close()
    return path


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a plain file of at most `max_bytes`.

    Raises
    ------
    InputError
        Larger, or see `open_plain`.
    """
    with open_plain(path) as handle:
        size = os.fstat(handle.fileno()).st_size
        if size > max_bytes:
            raise InputError(f"{path}: {size} bytes, more than the {max_bytes} allowed")
        return handle.read(size)


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        When the file is missing, larger than `max_bytes`, not UTF-8, cut short, not JSON or
        nested too deep; the message names the file and the place.
    """
    return parse_json(read_bytes(path, max_bytes), str(path))


def typed(content: Any, kind: type[T], where: str) -> T:
    """Check JSON content against a type of the library msgspec; `where` names its origin.

    >>> typed({"epochs": {"best": "3"}}, dict[str, dict[str, int]], "model.json")
    Traceback (most recent call last):
    ...
    action_spotting.errors.InputError: model.json: Expected `int`, got `str` - at `$[...][...]`
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}") from error


def parse_json(data: bytes, where: str) -> Any:
    """Parse JSON bytes; `where` names their origin in the error.

    >>> parse_json(b'{"a": 1', "labels.json")
    Traceback (most recent call last):
    ...
    action_spotting.errors.InputError: labels.json: not valid JSON (...); is the file complete?
    """
    if sum(data.count(char) * taken for char, taken in _TAKES_BYTES.items()) > MAX_PARSED_BYTES:
        raise InputError(
            f"{where}: so many values that they would take more than {MAX_PARSED_BYTES >> 20} MiB"
        )
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise InputError(f"{where}: not valid JSON ({place}); is the file complete?") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{where}: not usable JSON ({error})") from error
    _check_depth(content, where)
    return content


def _check_depth(content: Any, where: str) -> None:
    level = [content] if isinstance(content, (dict, list)) else []
    for _ in range(MAX_JSON_DEPTH):
        lists = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for inner in lists for item in inner if isinstance(item, (dict, list))]
        if not level:
            return
    raise InputError(f"{where}: not usable JSON (nested more than {MAX_JSON_DEPTH} deep)")


def expanded(path: str | Path) -> Path:
    """Give a path whose ``~`` or ``~user`` stands for a home folder; `UsageError` without one."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path}: no home folder is known for it; give the whole path") from error


def existing_folder(path: str | Path, what: str) -> Path:
    """Check that `path` is a folder; `what` names it in the error."""
    folder = expanded(path)
    if not folder.exists():
        raise UsageError(f"{what} {str(path)!r} does not exist")
    if not folder.is_dir():
        raise UsageError(f"{what} {str(path)!r} is a file; a folder is expected")
    return folder
