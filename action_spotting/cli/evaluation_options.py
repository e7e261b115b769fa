"""The options that the doors of the evaluation share; imports nothing heavy."""

from __future__ import annotations

import argparse


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
    group.add_argument("--version", type=int, choices=(1, 2), default=2, help="label version")
    group.add_argument(
        "--partial", action="store_true", help=f"{verb} the games present on both sides"
    )
