"""JSON files by name, in a folder, in a zip that is never unpacked, or one file alone."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from action_spotting.dataset.layout import PREDICTION_FILES
from action_spotting.errors import InputError, UsageError
from action_spotting.io.files import MAX_JSON_BYTES, expanded, is_name, read_bytes
from action_spotting.io.zips import DAMAGED, open_bounded, read_member

RESULTS_NAME = "results_spotting.json"
"""The name of each game's results in a zip, which SoccerNet's server and scorer expect."""

_NO_RESULTS = re.compile(r"Labels.*\.json|[12]_.*\.json|splits\.json")


class Tree:
    """The JSON files below a folder, by their names ``league/season/game/file.json``.

    A name is found whether its accents are composed or not.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = self._root = path

    @property
    def names(self) -> frozenset[str]:
        """The names of all files, accents composed; hidden ones do not count."""
        return frozenset(filter(_counts, self._places))

    def has(self, name: str) -> bool:
        """Tell whether there is a file of this name.

        Parameters
        ----------
        name
            Such as ``league/season/game/Labels-v2.json``.

        Returns
        -------
        bool
            True where there is one.
        """
        return self._place(name) is not None

    def read(self, name: str) -> bytes:
        """Read a file.

        Parameters
        ----------
        name
            One of `names`.

        Returns
        -------
        bytes
            Its content.

        Raises
        ------
        InputError
            Missing, not readable or too large.
        """
        return read_bytes(self._root / (self._place(name) or name), MAX_JSON_BYTES)

    def where(self, name: str) -> str:
        """Give the full name of a file, for messages.

        Parameters
        ----------
        name
            One of `names`, or the name of a file that is missing.

        Returns
        -------
        str
            The path; for a member of a zip ``<zip>:<name>``.
        """
        return str(self._root / name)

    @cached_property
    def _places(self) -> dict[str, str]:
        """Where the file of each name lies; an unreadable folder may have results: it is named."""
        found: dict[str, str] = {}
        seen = set()

        def note(error: OSError) -> None:
            inner = Path(error.filename).relative_to(self._root)
            for file in PREDICTION_FILES.values():
                found[composed((inner / file).as_posix())] = (inner / file).as_posix()

        for folder, subfolders, files in os.walk(self._root, onerror=note, followlinks=True):
            place = os.path.realpath(folder)
            if place in seen:
                subfolders.clear()
                continue
            seen.add(place)
            inner = Path(folder).relative_to(self._root)
            for file in files:
                name = (inner / file).as_posix()
                found[composed(name)] = name
        return found

    def _place(self, name: str) -> str | None:
        try:
            if (self._root / name).is_file():
                return name
        except PermissionError:
            return name  # whoever reads it is told
        return None if name.isascii() else self._places.get(composed(name))


class _File(Tree):
    """One file, whatever it is called."""

    def __init__(self, path: Path) -> None:
        self.path, self._root = path, path.parent

    @cached_property
    def _places(self) -> dict[str, str]:
        return {self.path.name: self.path.name}


class _Zip(Tree):
    """The members of a zip, read one by one and never written to disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if not path.is_file():
            raise UsageError(f"{path}: a pipe or a device; a folder or a zip is expected")
        self._zip = zipfile.ZipFile(open_bounded(path))
        members = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        names = Counter(map(_member_name, members))
        climbing = [info.filename for info in members if _climbs(info.filename)]
        if climbing:
            raise InputError(
                f"{path}: member {climbing[0][:200]!r} leaves the archive or is no file's name; "
                "make the zip anew"
            )
        if len(names) < len(members):
            (twice, _), *_ = names.most_common(1)
            raise InputError(f"{path}: member {twice!r} is in the zip twice; make the zip anew")
        self._members = dict(zip(names, members, strict=True))

    @cached_property
    def _places(self) -> dict[str, str]:
        return {name: name for name in self._members}

    def _place(self, name: str) -> str | None:
        return self._places.get(composed(name))

    def read(self, name: str) -> bytes:
        """As `Tree.read`; no more than the size that was checked is ever unpacked."""
        info = self._members.get(composed(name))
        if info is None:
            raise InputError(f"{self.where(name)}: no such member")
        return read_member(self._zip, info, MAX_JSON_BYTES, self.where(name))

    def where(self, name: str) -> str:
        return f"{self.path}:{name}"


def open_tree(path: str | Path, what: str) -> Tree:
    """Open a folder, a zip or a JSON file.

    Parameters
    ----------
    path
        Of the folder, the zip (read without unpacking) or the one file.
    what
        What it is for, for messages: ``results folder``.

    Returns
    -------
    Tree
        Its JSON files.

    Raises
    ------
    UsageError
        Missing, or none of these.
    InputError
        A zip with member names that leave it, or with two members of one name.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "game").mkdir()
    >>> (root / "game" / "Predictions-v2.json").write_text("{}")
    2
    >>> tree = open_tree(root, "results folder")
    >>> sorted(tree.names), tree.read("game/Predictions-v2.json")
    (['game/Predictions-v2.json'], b'{}')
    """
    path = expanded(path)
    if path.is_dir():
        return Tree(path)
    if not path.exists():
        raise UsageError(f"{what} {str(path)!r} does not exist; a folder or a zip is expected")
    if path.suffix == ".json":
        return _File(path)
    try:
        return _Zip(path)
    except DAMAGED as error:
        raise UsageError(f"{what} {str(path)!r} is neither a folder nor a zip ({error})") from error


def results_names(names: Iterable[str], version: int = 2) -> list[str]:
    """Tell which of a game's files may be its results: the one of a usual name, else all others.

    Parameters
    ----------
    names
        The names of the files in the game's folder.
    version
        Of the classes, 1 or 2.

    Returns
    -------
    list of str
        Sorted; label files, feature records and ``splits.json`` are left out.

    Examples
    --------
    >>> results_names(["Labels-v2.json", "mine.json"]), results_names(["b.json", "a.json"])
    (['mine.json'], ['a.json', 'b.json'])
    """
    found = set(names)
    usual = [name for name in (PREDICTION_FILES[version], RESULTS_NAME) if name in found]
    return usual[:1] or sorted(name for name in found if not _NO_RESULTS.fullmatch(name))


def composed(name: str) -> str:
    """Give a name with its accents composed (Unicode NFC), as most systems write it.

    Parameters
    ----------
    name
        Of a file.

    Returns
    -------
    str
        In NFC.

    Examples
    --------
    >>> composed("Ma\u0301laga") == "M\u00e1laga"
    True
    """
    return unicodedata.normalize("NFC", name)


def _member_name(member: zipfile.ZipInfo) -> str:
    """The name that is meant: with ``/``, and UTF-8 that is not flagged so read as UTF-8."""
    name = member.filename.replace("\\", "/")
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return composed(name)


def _counts(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = path.name.startswith(".") or path.parts[:1] == ("__MACOSX",)
    return path.suffix == ".json" and not hidden


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    inside = ".." not in parts and parts[0] != "" and not parts[0].endswith(":")
    return not (inside and is_name(name))
