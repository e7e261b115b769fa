"""Files that appear whole or not at all, and JSON that is read with care."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from action_spotting.errors import InputError, SpottingError, UsageError

MAX_JSON_BYTES = 64 * 2**20
MAX_JSON_DEPTH = 32

_being_made: set[Path] = set()


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    The temporary name is a fixed one, ``.<name>.part<suffix>``, so that a run that was killed
    leaves at most one, which the next run overwrites. It keeps the suffix, because encoders
    choose their container by it. Nothing is left when the block raises.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "a.txt") as part:
    ...     _ = part.write_text("done")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    part = part_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    _being_made.add(part)
    try:
        yield part
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # what went wrong before says more
            part.unlink()
        _being_made.discard(part)


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
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SpottingError:
    reason = error.strerror or str(error)
    name = str(error.filename or path).removeprefix("file:")  # as ffmpeg is given names
    if Path(name) not in (path, part_path(path), *path.parents):
        return InputError(f"{path} cannot be made: {name}: {reason}")
    return UsageError(f"cannot write {path}: {reason}; free space there or choose another folder")


def part_path(path: Path) -> Path:
    """The temporary name under which `path` is made."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def clear_parts(path: Path) -> None:
    """Take away what a killed run left of `path` and of its side files of other suffixes."""
    for part in path.parent.glob(f".{glob.escape(path.stem)}.part.*"):
        part.unlink(missing_ok=True)


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


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a plain file of at most `max_bytes`.

    Raises
    ------
    InputError
        Missing, larger, or no plain file (a pipe or a device may never end).
    """
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise InputError(f"{path}: not a plain file")
        if info.st_size > max_bytes:
            raise InputError(f"{path}: {info.st_size} bytes, more than the {max_bytes} allowed")
        with path.open("rb") as handle:
            return handle.read(info.st_size)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from error


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        When the file is missing, larger than `max_bytes`, not UTF-8, cut short, not JSON or
        nested too deep; the message names the file and the place.
    """
    return parse_json(read_bytes(path, max_bytes), str(path))


def parse_json(data: bytes, where: str) -> Any:
    """Parse JSON bytes; `where` names their origin in the error.

    >>> parse_json(b'{"a": 1', "labels.json")
    Traceback (most recent call last):
    ...
    action_spotting.errors.InputError: labels.json: not valid JSON (...); is the file complete?
    """
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


def existing_folder(path: str | Path, what: str) -> Path:
    """Check that `path` is a folder; `what` names it in the error."""
    folder = Path(path).expanduser()
    if not folder.exists():
        raise UsageError(f"{what} {str(path)!r} does not exist")
    if not folder.is_dir():
        raise UsageError(f"{what} {str(path)!r} is a file; a folder is expected")
    return folder
