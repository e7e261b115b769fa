"""What the name of a game says: teams, score, date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_SOCCERNET = re.compile(
    r"(\d{4}-\d\d-\d\d) - \d\d-\d\d (.+?) (\d{1,2}) - (\d{1,2}) (.+)", re.DOTALL
)


@dataclass(frozen=True)
class Heading:
    """How people name a game.

    Attributes
    ----------
    title
        Teams and score, else the game's own name.
    about
        Date, season and league, where the name holds them; else empty.
    """

    title: str
    about: str = ""

    def __str__(self) -> str:
        return f"{self.title} · {self.about}" if self.about else self.title


def heading(game: str) -> Heading:
    """Read teams, score and date from the name of a game.

    Parameters
    ----------
    game
        SoccerNet's ``UrlLocal``, the last part of one, or any name.

    Returns
    -------
    Heading
        Any other name as it is.

    Examples
    --------
    >>> print(heading("england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"))
    Chelsea 1 – 1 Burnley · 2015-02-21 · england_epl 2014-2015
    >>> print(heading("cup/final"))
    cup/final
    """
    *folders, last = PurePosixPath(game.strip()).parts or (game,)
    found = _SOCCERNET.fullmatch(last)
    if not found:
        return Heading(game)
    date, home, goals, against, away = found.groups()
    about = [date, *([" ".join(folders[-2:])] if folders else [])]
    return Heading(f"{home} {goals} – {against} {away}", " · ".join(about))
