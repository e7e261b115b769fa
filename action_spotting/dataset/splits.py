"""Which games belong to a split: SoccerNet's own lists, or a folder of own matches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from SoccerNet.utils import getListGames

from action_spotting.dataset.layout import Half, is_of_game
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import is_name, read_json

SPLITS_FILE = "splits.json"
SOCCERNET_SPLITS = ("train", "valid", "test", "challenge")
GROUPS = {"v1": ("train", "valid", "test"), "all": SOCCERNET_SPLITS}
_OF_THE_SYSTEM = ("lost+found", "System Volume Information")


def list_games(root: Path, split: str | Sequence[str] = "all") -> list[str]:
    """List the games of a split that have a folder in the dataset.

    A ``splits.json`` in `root` (``{"train": ["league/season/game", …], …}``) defines the splits.
    Without one, SoccerNet's own lists are used when any of its games is there; any other folder is
    searched, and all its games form the split ``all``.

    Parameters
    ----------
    root
        The dataset folder.
    split
        One split or several: a name in ``splits.json``, ``train``, ``valid``, ``test``,
        ``challenge``; ``v1`` is train, valid and test, ``all`` is every split.

    Returns
    -------
    list of str
        ``league/season/game``, in the split's order.

    Raises
    ------
    UsageError
        The folder or the split does not exist, or none of its games is there.
    InputError
        The ``splits.json`` cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> for game in ("A - B", "C - D"):
    ...     (root / game).mkdir()
    ...     (root / game / "1.mkv").touch()
    >>> list_games(root)
    ['A - B', 'C - D']
    """
    if not root.is_dir():
        raise UsageError(f"dataset folder {str(root)!r} does not exist or is not a folder")
    known = read_splits(root)
    if not any(known.values()):
        raise UsageError(_nothing(root, split, [], known))
    games = split_games(known, split, root)
    present = [game for game in games if (root / game).is_dir()]
    if not present:
        raise UsageError(_nothing(root, split, games, known))
    return present


def split_games(known: dict[str, list[str]], split: str | Sequence[str], root: Path) -> list[str]:
    """List the games of one split or several, whether they have a folder or not.

    Parameters
    ----------
    known
        ``{split: [games]}``, of `read_splits`.
    split
        One name or several; see `list_games`.
    root
        The dataset folder, for the message.

    Returns
    -------
    list of str
        Each game once, in the splits' order.

    Raises
    ------
    UsageError
        Unknown split; the message says how to define one in the folder `root`.

    Examples
    --------
    >>> split_games({"train": ["a", "b"], "test": ["c"]}, "all", Path("data"))
    ['a', 'b', 'c']
    """
    games: dict[str, None] = {}
    for name in [split] if isinstance(split, str) else split:
        for part in _parts(name, known, root):
            games |= dict.fromkeys(known[part])
    return list(games)


def list_halves(
    root: Path, split: str | Sequence[str] = "all", game_id: int | None = None
) -> list[Half]:
    """List both halves of every game of a split, or of one of its games.

    Parameters
    ----------
    root
        The dataset folder.
    split
        One name or several; see `list_games`.
    game_id
        Index of the one game to take, from 0; None: all of them.

    Returns
    -------
    list of Half
        Game by game, half 1 before half 2.

    Raises
    ------
    UsageError
        As `list_games`; or the split has no game of this index.
    InputError
        The ``splits.json`` cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "A - B").mkdir()
    >>> (root / "A - B" / "1.mkv").touch()
    >>> [(half.game, half.number) for half in list_halves(root)]
    [('A - B', 1), ('A - B', 2)]
    """
    games = list_games(root, split)
    if game_id is not None:
        if not 0 <= game_id < len(games):
            raise UsageError(f"game {game_id} does not exist: split {split} has {len(games)} games")
        games = [games[game_id]]
    return [Half(root, game, number) for game in games for number in (1, 2)]


def read_splits(root: Path) -> dict[str, list[str]]:
    """Read the splits of a dataset folder, games without a folder included.

    Parameters
    ----------
    root
        The dataset folder.

    Returns
    -------
    dict
        ``{split: [games]}``; see `list_games` for where they come from.

    Raises
    ------
    InputError
        The ``splits.json`` cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "splits.json").write_text('{"train": ["A - B"], "test": ["C - D"]}') > 0
    True
    >>> read_splits(root)
    {'train': ['A - B'], 'test': ['C - D']}
    """
    path = root / SPLITS_FILE
    if path.exists():
        return check_splits(read_json(path), str(path))
    soccernet = {name: getListGames(name) for name in SOCCERNET_SPLITS}
    if any((root / game).is_dir() for games in soccernet.values() for game in games):
        return soccernet
    return {"all": _walk_games(root)}


def _walk_games(root: Path) -> list[str]:
    """Find the folders below `root` that hold labels, media or features of a half, sorted.

    A folder that cannot be read is listed too, so that every stage names it.
    """
    games = []

    def note(error: OSError) -> None:
        if Path(error.filename).name not in _OF_THE_SYSTEM:
            games.append(Path(error.filename).relative_to(root).as_posix())

    for folder, subfolders, files in os.walk(root, onerror=note):
        subfolders[:] = sorted(name for name in subfolders if name[0] not in ".$")
        if any(is_of_game(name) for name in files):
            games.append(Path(folder).relative_to(root).as_posix())
    return sorted(games)


def check_splits(content: Any, where: str) -> dict[str, list[str]]:
    """Check the content of a ``splits.json``.

    Parameters
    ----------
    content
        What the JSON holds.
    where
        The file's name, for the message.

    Returns
    -------
    dict
        ``{split: [games]}``; a game that is listed in several spellings counts once.

    Raises
    ------
    InputError
        Not lists of game folders by split, or a game outside the dataset folder.

    Examples
    --------
    >>> check_splits({"test": ["a/b", "./a//b/", "c"]}, "splits.json")
    {'test': ['a/b', 'c']}
    """
    if not isinstance(content, dict) or not content:
        raise InputError(f'{where}: expected {{"train": ["league/season/game", …], …}}')
    for name, games in content.items():
        if not isinstance(games, list) or not all(isinstance(game, str) for game in games):
            raise InputError(f"{where}: split {name!r} is not a list of game folders")
        for game in games:
            if not is_name(game):
                raise InputError(f"{where}: game {game[:200]!r} of split {name!r} is no folder")
            if Path(game).is_absolute() or ".." in Path(game).parts:
                raise InputError(f"{where}: game {game!r} of split {name!r} leaves the folder")
    return {
        name: list(dict.fromkeys(PurePosixPath(game).as_posix() for game in games))
        for name, games in content.items()
    }


def _parts(name: str, known: dict[str, list[str]], root: Path) -> list[str]:
    if name in known:
        return [name]
    parts = list(known) if name == "all" else [p for p in GROUPS.get(name, ()) if p in known]
    if parts:
        return parts
    message = unknown("split", name, [*known, *(g for g in GROUPS if g not in known)])
    if list(known) == ["all"]:
        message += f"; to have splits in a folder of own matches, write {root / SPLITS_FILE}"
    raise UsageError(message)


def _nothing(
    root: Path, split: str | Sequence[str], games: list[str], known: dict[str, list[str]]
) -> str:
    if any(known.values()):
        name = split if isinstance(split, str) else ", ".join(split)
        return f"{root}: none of the {len(games)} games of split {name!r} is there"
    return (
        f"{root}: no matches; expected <league>/<season>/<game>/ with 1_224p.mkv and 2_224p.mkv, "
        "or any folder with 1.mkv and 2.mkv"
    )
