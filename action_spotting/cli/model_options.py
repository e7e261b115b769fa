"""What commands share that take heads: ``--model``, ``--model_dir``, ``--combination``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from action_spotting.backend import load_backend, use_device
from action_spotting.errors import UsageError

LIST = "list"


class Heads(NamedTuple):
    """The model folders of a run, and what the user should know of how they were chosen."""

    folders: tuple[Path, ...]
    notes: list[str]


class _Model(argparse.Action):
    """``--model``: names; ``list`` prints the catalogue and ends."""

    def __call__(
        self, parser: argparse.ArgumentParser, options: Any, values: Any, option: Any = None
    ) -> None:
        """See the class."""
        if values == [LIST]:
            load_backend()
            from action_spotting.fusion.published.catalogue import catalogue_text

            print(catalogue_text())
            parser.exit()
        setattr(options, self.dest, values)


def add_model(group: argparse._ArgumentGroup, *, default: bool = False) -> None:
    """Add the options that name heads; `default`: one is chosen where none is named."""
    group.add_argument(
        "--model",
        nargs="+",
        action=_Model,
        default=[],
        metavar="NAME",
        help="published heads by name, or model folders; several are averaged; `--model list` "
        "prints the names" + " (default: the best published head that can be had)" * default,
    )
    group.add_argument(
        "--model_dir",
        nargs="+",
        default=[],
        metavar="DIR",
        help="a trained or imported head; several make an ensemble",
    )
    group.add_argument(
        "--combination",
        type=Path,
        metavar="FILE",
        help="weights and calibration of these heads, as PredictSpotting --choose_on wrote them",
    )


def heads_of(args: argparse.Namespace, *, video: bool = False) -> Heads:
    """Find or fetch the heads that the options name; for a video the best that can be had."""
    if not video and not args.model and not args.model_dir:
        raise UsageError(
            "no head: name one with --model or --model_dir (--model list prints names)"
        )
    load_backend()
    from action_spotting.fusion.published.fetching import model_folders

    use_device(None)  # before TensorFlow runs anything, after which it cannot be chosen any more
    own = [Path(folder) for folder in args.model_dir]
    wanted = args.model or not own
    folders, notes = model_folders(args.model) if wanted else ([], [])
    return Heads((*folders, *own), notes)
