"""A set of JSON files by name, in a folder or in a zip that is never unpacked."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from action_spotting.errors import InputError, UsageError
from action_spotting.files import MAX_JSON_BYTES


class Tree(Protocol):
    """JSON files by their names, ``league/season/game/file.json``."""

    path: Path

    @property
    def names(self) -> frozenset[str]:
        """The names of all JSON files in it."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        ...

    def read(self, name: str) -> bytes:
        """Give a file's content; `InputError` when it cannot be read or is too large."""
        ...

    def where(self, name: str) -> str:
        """Name a file in a message."""
        ...


def open_tree(path: str | Path, what: str) -> Tree:
    """Open a folder or a zip file; `what` names it in errors.

    Raises
    ------
    UsageError
        Nothing there, or neither folder nor zip.
    InputError
        A zip with member names that leave it, or with two members of one name.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise UsageError(f"{what} {str(path)!r} does not exist; a folder or a zip is expected")
    try:
        return Zip(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UsageError(f"{what} {str(path)!r} is neither a folder nor a zip ({error})") from error
    except OSError as error:
        raise UsageError(f"{what} {str(path)!r} cannot be read: {error.strerror}") from error


class Folder:
    """The JSON files below a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def names(self) -> frozenset[str]:
        """See `Tree`."""
        found, seen = set(), set()
        for folder, subfolders, files in os.walk(self.path, followlinks=True):
            place = os.path.realpath(folder)
            if place in seen:
                subfolders.clear()
                continue
            seen.add(place)
            inner = Path(folder).relative_to(self.path)
            found |= {(inner / file).as_posix() for file in files if _counts(file)}
        return frozenset(found)

    def has(self, name: str) -> bool:
        """See `Tree`."""
        return (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """See `Tree`."""
        path = self.path / name
        try:
            _check_size(path.stat().st_size, str(path))
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error

    def where(self, name: str) -> str:
        """See `Tree`."""
        return str(self.path / name)


class Zip:
    """The JSON members of a zip, read one by one and never written to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path)
        members = [info for info in self._zip.infolist() if not info.is_dir()]
        self._members = {info.filename: info for info in members}
        climbing = [info.filename for info in members if _climbs(info.filename)]
        if climbing:
            raise InputError(
                f"{path}: member {climbing[0]!r} leaves the archive; make the zip anew"
            )
        if len(self._members) < len(members):
            (twice, _), *_ = Counter(info.filename for info in members).most_common(1)
            raise InputError(f"{path}: member {twice!r} is in the zip twice; make the zip anew")

    @cached_property
    def names(self) -> frozenset[str]:
        """See `Tree`."""
        return frozenset(name for name in self._members if _counts(name))

    def has(self, name: str) -> bool:
        """See `Tree`."""
        return name in self._members

    def read(self, name: str) -> bytes:
        """See `Tree`; no more than the size that was checked is ever unpacked."""
        info = self._members.get(name)
        if info is None:
            raise InputError(f"{self.where(name)}: no such member")
        _check_size(info.file_size, self.where(name))
        try:
            return self._zip.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise InputError(f"{self.where(name)}: the zip is damaged ({error})") from error
        except (RuntimeError, NotImplementedError) as error:
            raise InputError(f"{self.where(name)}: cannot be unpacked ({error})") from error

    def where(self, name: str) -> str:
        """See `Tree`."""
        return f"{self.path}:{name}"


def _counts(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = path.name.startswith(".") or path.parts[0] == "__MACOSX"
    return path.suffix == ".json" and not hidden


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or parts[0].endswith(":")


def _check_size(size: int, where: str) -> None:
    if size > MAX_JSON_BYTES:
        raise InputError(f"{where}: {size} bytes of JSON, more than the {MAX_JSON_BYTES} allowed")
