"""The data that the report's script draws from, and its pictures."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from action_spotting.dataset.events import HALVES, Events, game_time
from action_spotting.errors import InputError
from action_spotting.evaluation.diagnosis import Diagnosis
from action_spotting.evaluation.report_game import Game

GROUPS = {
    "goals and shots": ("Goal", "Penalty", "Shots on target", "Shots off target", "soccer"),
    "restarts": ("Kick-off", "Throw-in", "Corner", "Direct free-kick", "Indirect free-kick"),
    "fouls and cards": (
        "Foul",
        "Offside",
        "Yellow card",
        "Red card",
        "Yellow->red card",
        "card",
    ),
    "ball away": ("Clearance", "Ball out of play"),
    "substitutions": ("Substitution", "subs"),
    "other": (),
}
"""Classes that share a colour and a row of the timeline; ``other`` has all that stand nowhere."""

_SPOTS_IN_PAGE = 150_000
_SPOTS_IN_HALF = 10_000
_IMAGE_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class PageData:
    """The data of all games.

    Attributes
    ----------
    per_half
        The most spots of a half that are in the page.
    hidden
        How many spots are not.
    games
        What the script draws.
    """

    def __init__(self, games: Sequence[Game], diagnosis: Diagnosis | None) -> None:
        share = _SPOTS_IN_PAGE // max(1, 2 * len(games))
        self.per_half = max(50, min(_SPOTS_IN_HALF, share))
        self.hidden = 0
        self._diagnosis = diagnosis
        self.games = [self._game(game, i, len(games)) for i, game in enumerate(games)]

    def _game(self, game: Game, index: int, count: int) -> dict[str, Any]:
        spots, values, hit = game.spots, game.values, np.ones(len(game.spots), bool)
        labels, found = game.spots.take(slice(0)), np.empty(0, bool)
        if d := self._diagnosis:
            mine, ours = (
                slice(*np.searchsorted(side, [index, index + 1]))
                for side in (d.axis.spot_game, d.axis.label_game)
            )
            spots, hit = d.axis.spots.take(mine), d.spot_hit[mine]
            labels, found = d.axis.labels.take(ours), d.label_found[ours]
            values = spots.confidence
        halves = []
        for half in HALVES[: max(2, spots.half.max(initial=0))]:
            rows = np.flatnonzero(labels.half == half)
            columns = (labels.position_ms, labels.label, labels.visible, found)
            halves.append(
                {
                    "labels": np.stack([c[rows].astype(int) for c in columns], axis=1).tolist(),
                    "spots": self._spot_rows(game, spots, values, hit, half),
                    "video": link(game.videos[half]) if half in game.videos else None,
                    "start": game.starts_s.get(half, 0.0),
                    "length": round(1000 * game.lengths_s.get(half, 0.0)),
                }
            )
        return {
            "game": game.name,
            "title": game.heading.title if count > 1 else "",  # of a single game it is the page's
            "about": game.heading.about if count > 1 else "",
            "option": str(game.heading),
            "measure": game.measure,
            "scored": self._diagnosis is not None,
            "halves": halves,
        }

    def _spot_rows(
        self, game: Game, spots: Events, values: np.ndarray, hit: np.ndarray, half: int
    ) -> list[list[Any]]:
        """The most confident spots of a half as ``[ms, class, value, hit]``, by time.

        Where the value is a probability, the confidence follows as a fifth.
        """
        rows = np.flatnonzero(spots.half == half)
        loud = rows[np.argsort(-spots.confidence[rows], kind="stable")][: self.per_half]
        self.hidden += len(rows) - len(loud)
        loud = loud[np.argsort(spots.position_ms[loud], kind="stable")]
        columns = [
            spots.position_ms[loud],
            spots.label[loud],
            values[loud].round(3),
            hit[loud].astype(int),
        ]
        if game.probability is not None:
            columns.append(spots.confidence[loud].round(3))
        return [list(row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def class_data(classes: Sequence[str]) -> list[list[Any]]:
    """Give name and colour group of each class."""
    names = list(GROUPS.values())
    other = len(names) - 1
    return [
        [name, next((i for i, group in enumerate(names) if name in group), other)]
        for name in classes
    ]


def pictures_of(games: Sequence[Game]) -> list[dict[str, Any]]:
    """Give the thumbnails of all games, each with the spot that it belongs to."""
    return [
        {
            "game": number,
            "half": int(game.spots.half[i]),
            "ms": int(game.spots.position_ms[i]),
            "label": game.spots.classes[game.spots.label[i]],
            "time": game_time(int(game.spots.half[i]), int(game.spots.position_ms[i])),
            "value": _worded(game, i),
            "picture": _picture(content),
        }
        for number, game in enumerate(games)
        for i, content in game.pictures
    ]


def _worded(game: Game, i: int) -> str:
    value = float(game.values[i])
    return f"{value:.2f}" if game.probability is None else f"{100 * value:.0f} %"


def link(path: str) -> str:
    """Give the address of a file that is named relative to the page."""
    return quote(os.fsencode(path))


def data_uri(kind: str, content: bytes) -> str:
    """Give a picture as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _picture(content: bytes) -> str:
    kind = next((kind for magic, kind in _IMAGE_TYPES.items() if content.startswith(magic)), None)
    if kind is None:
        raise InputError("a thumbnail is neither PNG nor JPEG")
    return data_uri(kind, content)
