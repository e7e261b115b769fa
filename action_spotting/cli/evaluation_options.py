"""The options that the doors of the evaluation share; imports nothing heavy."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from action_spotting.cli import command

if TYPE_CHECKING:
    from action_spotting.evaluation.game_set import GameSet


def add_sides(group: argparse._ArgumentGroup, verb: str) -> None:
    """Add labels and predictions, and which of their games are taken; `verb` is what is done."""
    group.add_argument(
        "--SoccerNet_path", required=True, help="labels: a SoccerNet folder or a zip of one"
    )
    group.add_argument(
        "--Predictions_path", required=True, help="results files: a folder or a zip, laid out alike"
    )
    group.add_argument(
        "--Prediction_file", help="name of each game's results file (found out when left out)"
    )
    group.add_argument(
        "--split",
        help="train, valid, test, v1, all or an own one (default: test, or all without splits)",
    )
    command.add_label_version(group)
    group.add_argument(
        "--partial", action="store_true", help=f"{verb} the games present on both sides"
    )


def note_left_out(games: GameSet) -> None:
    """Log the games that are there but cannot be used."""
    from action_spotting.io.items import note

    note("games", {game: games.left_out[game] for game in games.broken})
