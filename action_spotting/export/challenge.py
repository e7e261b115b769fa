"""The zip that SoccerNet's challenge server takes: ``<game>/results_spotting.json``."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from SoccerNet.utils import getListGames

from action_spotting.dataset.event_files import parse_events
from action_spotting.dataset.event_findings import PREDICTIONS, refuse_errors
from action_spotting.dataset.splits import SOCCERNET_SPLITS
from action_spotting.dataset.tree import RESULTS_NAME
from action_spotting.errors import InputError
from action_spotting.io.files import parse_json, whole_file

STRANGERS = (
    "{} of the games are none of SoccerNet's (first: {}); its server and scorer look for its own "
    "<league>/<season>/<game>"
)
_OLDEST = (1980, 1, 1, 0, 0, 0)
_LISTED = 10


def write_challenge_zip(
    path: Path,
    results: Iterable[tuple[str, bytes]],
    *,
    version: int = 2,
    wanted: Sequence[str] = (),
) -> list[str]:
    """Write results files into a zip, each checked first; the same results give the same bytes.

    Entries keep their values to the last digit. White space is removed, and so are folders around
    SoccerNet's own ``<league>/<season>/<game>``, where neither server nor scorer would look.

    Parameters
    ----------
    path
        The zip.
    results
        Game (``UrlLocal``) and content of its results file, one at a time.
    version
        Of the classes: 1 or 2.
    wanted
        Games that must all be there, such as those of the split ``challenge``.

    Returns
    -------
    list of str
        The games that are not in SoccerNet's lists, sorted.

    Raises
    ------
    InputError
        Something is wrong with a file, or a wanted game is missing; nothing is written then.
    UsageError
        `path` cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> content = b'{"UrlLocal": "A - B", "predictions": []}'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_challenge_zip(Path(folder, "results_spotting.zip"), [("A - B", content)])
    ['A - B']
    """
    problems: list[str] = []
    games: set[str] = set()
    known = {game for split in SOCCERNET_SPLITS for game in getListGames(split)}.union(wanted)
    with whole_file(path) as part:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for place, content in results:
                game = _without_folders(place, known)
                if game in games:
                    problems.append(f"{game}: is there twice")
                games.add(game)
                try:
                    game.encode()
                    found = parse_events(content, game, PREDICTIONS, version=version)[1]
                    refuse_errors(found, f"{game}: ")
                except InputError as error:
                    problems.append(str(error))
                except UnicodeEncodeError:
                    problems.append(f"{game!r}: no UTF-8 name")
                if not problems:
                    archive.writestr(*_member(game, content))
        problems += [f"{game}: no results" for game in wanted if game not in games]
        if problems:
            more = len(problems) - _LISTED
            lines = problems[:_LISTED] + ([f"and {more} more"] if more > 0 else [])
            raise InputError(f"{path} is not written:\n  " + "\n  ".join(lines))
    return sorted(games - known)


def _without_folders(game: str, known: Collection[str]) -> str:
    """Take away folders around a game that is known."""
    parts = game.split("/")
    tails = ("/".join(parts[depth:]) for depth in range(len(parts)))
    return next((tail for tail in tails if tail in known), game)


def _member(game: str, content: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(f"{game}/{RESULTS_NAME}", _OLDEST)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    entries = parse_json(content, game)
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False)
    return info, text.encode("utf-8", errors="backslashreplace")
