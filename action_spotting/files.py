"""Files that appear whole or not at all, and JSON that is read with care."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from action_spotting.errors import InputError, UsageError

MAX_JSON_BYTES = 256 * 2**20


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
    try:
        yield part
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> UsageError:
    reason = error.strerror or str(error)
    return UsageError(f"cannot write {path}: {reason}; free space there or choose another folder")


def part_path(path: Path) -> Path:
    """The temporary name under which `path` is made."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys, whole or not at all."""
    with whole_file(path) as part:
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        When the file is missing, larger than `max_bytes`, not UTF-8, cut short, not JSON or
        nested too deep; the message names the file and the place.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path}: {size} bytes of JSON, more than the {max_bytes} allowed")
        return parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def parse_json(data: bytes, where: str) -> Any:
    """Parse JSON bytes; `where` names their origin in the error.

    >>> parse_json(b'{"a": 1', "labels.json")
    Traceback (most recent call last):
    ...
    action_spotting.errors.InputError: labels.json: not valid JSON (...); is the file complete?
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise InputError(f"{where}: not valid JSON ({place}); is the file complete?") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{where}: not usable JSON ({error})") from error
