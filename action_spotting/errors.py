"""What a user can put right: one exception root, and the words for unknown names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SOME_FAILED = 3
"""Exit code of a run in which some items failed."""


class SpottingError(Exception):
    """Something a user can put right.

    The message says what was given, what was expected, where (file, row) and what to do next.
    A door prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(SpottingError):
    """The command itself is wrong: an unknown name, a folder that is not there (exit code 2)."""

    exit_code = 2


class InputError(SpottingError):
    """A file's content is wrong; where many are read, only this one is left out."""


def worded(error: Exception) -> str:
    """Word an error of one item; lack of memory is its own error, no damage of what is read.

    >>> worded(MemoryError("Unable to allocate 9 GiB"))
    'not enough memory (Unable to allocate 9 GiB)'
    """
    if isinstance(error, MemoryError):
        return f"not enough memory ({error or 'none is left'})"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def unknown(kind: str, given: str, known: Iterable[str]) -> str:
    """Word the answer to an unknown name, with the nearest known one.

    >>> unknown("split", "tset", ["train", "test"])
    "unknown split 'tset'; did you mean 'test'? Known: train, test"
    """
    names = list(known)
    near = get_close_matches(given.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    guess = next((name for name in names if near and name.lower() == near[0]), None)
    hint = f"; did you mean {guess!r}?" if guess else "."
    return f"unknown {kind} {given!r}{hint} Known: {', '.join(names)}"
