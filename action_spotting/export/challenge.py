"""The zip that SoccerNet's challenge server takes: ``<game>/results_spotting.json``."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from action_spotting.dataset.event_files import PREDICTIONS, parse_events, refuse_errors
from action_spotting.dataset.tree import RESULTS_NAME
from action_spotting.errors import InputError
from action_spotting.io.files import parse_json, whole_file

_OLDEST = (1980, 1, 1, 0, 0, 0)
_LISTED = 10


def write_challenge_zip(
    path: Path,
    results: Iterable[tuple[str, bytes]],
    *,
    version: int = 2,
    wanted: Sequence[str] = (),
) -> int:
    """Write results files into a zip, each checked first; the same results give the same bytes.

    Entries keep their values to the last digit; only white space is left out.

    Parameters
    ----------
    path
        The zip.
    results
        Game (``UrlLocal``) and content of its results file, one at a time.
    version
        Of the classes.
    wanted
        Games that must all be there, such as those of the split ``challenge``.

    Returns
    -------
    int
        The number of games.

    Raises
    ------
    InputError
        Something is wrong with a file, or a wanted game is missing; nothing is written then.
    """
    problems: list[str] = []
    games: set[str] = set()
    with whole_file(path) as part:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for game, content in results:
                games.add(game)
                try:
                    found = parse_events(content, game, PREDICTIONS, version=version)[1]
                    refuse_errors(found, f"{game}: ")
                except InputError as error:
                    problems.append(str(error))
                if not problems:
                    archive.writestr(*_member(game, content))
        problems += [f"{game}: no results" for game in wanted if game not in games]
        if problems:
            more = len(problems) - _LISTED
            lines = problems[:_LISTED] + ([f"and {more} more"] if more > 0 else [])
            raise InputError(f"{path} is not written:\n  " + "\n  ".join(lines))
    return len(games)


def _member(game: str, content: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(f"{game}/{RESULTS_NAME}", _OLDEST)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    entries = parse_json(content, game)
    return info, json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
