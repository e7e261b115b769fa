"""In which folders a data set's features lie: beside its media, or elsewhere, laid out alike.

A data set on a read-only disk, or one that several people share, gets its features in a folder of
one's own. Which folders belong to a data set holds for the process, as a search path does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_places: dict[Path, tuple[Path, ...]] = {}
_made_in: dict[Path, Path] = {}


def look_in(root: Path, folders: Sequence[Path], *, made_in: Path | None = None) -> None:
    """From now on find features of a data set in other folders too.

    Parameters
    ----------
    root
        The data set's folder, as it is given to everything that reads it.
    folders
        Folders that are laid out as it: the first that has a file counts, the data set's own last.
    made_in
        Where new features go, and are looked for first; None: beside the media.

    Examples
    --------
    >>> look_in(Path("data"), [Path("ours")], made_in=Path("new"))
    >>> [place.name for place in places(Path("data"))], place(Path("data")).name
    (['new', 'ours', 'data'], 'new')
    >>> look_in(Path("data"), [])
    >>> places(Path("data")) == (Path("data"),) and place(Path("data")) == Path("data")
    True
    """
    _places[root] = tuple(dict.fromkeys([*([made_in] if made_in else []), *folders, root]))
    _made_in[root] = made_in or root


def places(root: Path) -> tuple[Path, ...]:
    """Give the folders in which features of a data set are looked for, in this order.

    Parameters
    ----------
    root
        The data set's folder.

    Returns
    -------
    tuple of pathlib.Path
        At least `root`.
    """
    return _places.get(root, (root,))


def place(root: Path) -> Path:
    """Give the folder in which features of a data set are made.

    Parameters
    ----------
    root
        The data set's folder.

    Returns
    -------
    pathlib.Path
        `root` unless `look_in` said otherwise.
    """
    return _made_in.get(root, root)
