"""The actions, in SoccerNet's order, which is the order of the columns everywhere."""

from __future__ import annotations

from pathlib import Path

from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import read_bytes, read_json

MAX_CLASSES_BYTES = 2**16

ACTIONS_V2 = (
    "Penalty",
    "Kick-off",
    "Goal",
    "Substitution",
    "Offside",
    "Shots on target",
    "Shots off target",
    "Clearance",
    "Ball out of play",
    "Throw-in",
    "Foul",
    "Indirect free-kick",
    "Direct free-kick",
    "Corner",
    "Yellow card",
    "Red card",
    "Yellow->red card",
)
"""The 17 actions of SoccerNet-v2."""

ACTIONS_V1 = ("card", "subs", "soccer")
"""The three of SoccerNet-v1: card, substitution, goal; a label belongs to the first it contains."""


def actions(version: int) -> tuple[str, ...]:
    """Give the classes of a label version.

    Parameters
    ----------
    version
        1 or 2.

    Returns
    -------
    tuple of str
        `ACTIONS_V1` or `ACTIONS_V2`.

    Raises
    ------
    UsageError
        Another version.

    Examples
    --------
    >>> actions(1)
    ('card', 'subs', 'soccer')
    """
    if version not in (1, 2):
        raise UsageError(f"label version {version!r} does not exist; the versions are 1 and 2")
    return ACTIONS_V1 if version == 1 else ACTIONS_V2


def read_classes(path: Path, version: int = 2) -> tuple[str, ...]:
    """Read an own choice of classes.

    Parameters
    ----------
    path
        A JSON list (``.json``), or a text file with one name a line; UTF-8.
    version
        Of the labels: every name must be one of ``actions(version)``.

    Returns
    -------
    tuple of str
        The names, in the file's order.

    Raises
    ------
    InputError
        Not such a file, a name twice, or a name that is no class: the message gives the nearest.
    UsageError
        Unknown version.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "classes.txt"
    >>> path.write_text("Goal\\nCorner\\n")
    12
    >>> read_classes(path)
    ('Goal', 'Corner')
    """
    if path.suffix == ".json":
        names = read_json(path, MAX_CLASSES_BYTES)
    else:
        try:
            text = read_bytes(path, MAX_CLASSES_BYTES).decode("utf-8-sig")
            names = [line.strip() for line in text.splitlines()]
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: cannot be read as a list of classes: {error}") from error
        names = [name for name in names if name]
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise InputError(f"{path}: expected a list of class names, one a line or as JSON")
    known = actions(version)
    problems = [unknown("class", name, known) for name in names if name not in known]
    problems += [f"class {name!r} is named twice" for name in set(names) if names.count(name) > 1]
    if problems:
        raise InputError(f"{path}: " + "; ".join(problems))
    return tuple(names)
