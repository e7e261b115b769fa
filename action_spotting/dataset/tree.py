"""A set of JSON files by name, in a folder or in a zip that is never unpacked."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from action_spotting.errors import InputError, UsageError
from action_spotting.io.files import MAX_JSON_BYTES, is_name, read_bytes
from action_spotting.io.zips import DAMAGED, open_bounded, read_member


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
    except DAMAGED as error:
        raise UsageError(f"{what} {str(path)!r} is neither a folder nor a zip ({error})") from error


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
        return read_bytes(self.path / name, MAX_JSON_BYTES)

    def where(self, name: str) -> str:
        """See `Tree`."""
        return str(self.path / name)


class Zip:
    """The JSON members of a zip, read one by one and never written to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise UsageError(f"{path}: a pipe or a device; a folder or a zip is expected")
        self._zip = zipfile.ZipFile(open_bounded(path))
        members = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        self._members = {info.filename: info for info in members}
        climbing = [info.filename for info in members if _climbs(info.filename)]
        if climbing:
            raise InputError(
                f"{path}: member {climbing[0][:200]!r} leaves the archive or is no file's name; "
                "make the zip anew"
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
        return read_member(self._zip, info, MAX_JSON_BYTES, self.where(name))

    def where(self, name: str) -> str:
        """See `Tree`."""
        return f"{self.path}:{name}"


def _counts(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = path.name.startswith(".") or path.parts[:1] == ("__MACOSX",)
    return path.suffix == ".json" and not hidden


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    inside = ".." not in parts and parts[0] != "" and not parts[0].endswith(":")
    return not (inside and is_name(name))
