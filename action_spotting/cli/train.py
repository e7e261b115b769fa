"""Train the late-fusion spotting head on extracted features."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from action_spotting.backend import load_backend
from action_spotting.cli import command, output
from action_spotting.errors import UsageError
from action_spotting.fusion.settings import (
    FUSIONS,
    HEADS,
    PRECISIONS,
    PRESET_HELP,
    PRESETS,
    HeadSettings,
    numbers,
)

EXAMPLE = (
    "%(prog)s --soccernet_dirpath data --model_dir models/fusion\n"
    "      --modalities ResNET_TF2_PCA512 VGGish FFT YOLOv5 --preset full"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command; every number of the settings is an option."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    where = parser.add_argument_group("where")
    where.add_argument("--soccernet_dirpath", required=True, help="the dataset folder")
    command.add_features_dirpath(where)
    where.add_argument("--model_dir", required=True, help="the model folder to make")
    where.add_argument("--train_split", nargs="+", default=["train"], help="games to train on")
    where.add_argument(
        "--valid_split",
        nargs="+",
        default=["valid"],
        help="games that choose epoch and calibration",
    )
    where.add_argument("--tensorboard", help="folder for TensorBoard's events")
    _add_what(parser)
    again = parser.add_argument_group("a training that was begun goes on by itself").add_argument
    again("--resume", action="store_true", help="only go on; fail when there is no checkpoint")
    again("--overwrite", action="store_true", help="begin anew whatever is in --model_dir")
    command.add_fail_fast(where)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for number in numbers():
        title = f"{number.metadata['group']} (numbers; what is not given comes from the preset)"
        group = groups.setdefault(title, parser.add_argument_group(title))
        names = [f"--{name}" for name in (number.name, number.metadata["stored"]) if name]
        group.add_argument(*names, default=None, **_option(number))
    return parser


def _add_what(parser: argparse.ArgumentParser) -> None:
    """Add what is learnt, and from what."""
    what = parser.add_argument_group("what")
    what.add_argument(
        "--modalities",
        nargs="+",
        metavar="NAME",
        help="feature names, as in 1_<name>.npy (default: those that the folder has)",
    )
    command.add_rate(what)
    what.add_argument("--fusion", choices=FUSIONS, default="hybrid", help="where modalities meet")
    what.add_argument(
        "--head", choices=HEADS, default="dense", help="dense: ours; netvlad: the pooling baseline"
    )
    what.add_argument(
        "--label_version", type=int, choices=(1, 2), default=2, help="Labels.json or Labels-v2.json"
    )
    what.add_argument("--classes", help="file with an own choice of classes, one a line or JSON")
    what.add_argument("--preset", choices=list(PRESETS), default="full", help=PRESET_HELP)
    what.add_argument(
        "--seed", type=command.SEED, default=0, help="the same seed gives the same model"
    )
    what.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="auto: bfloat16 where the hardware has it",
    )


def _option(number: dataclasses.Field[Any]) -> dict[str, Any]:
    """Give what ``add_argument`` needs for a number beside its names."""
    default, text = number.default, number.metadata["help"]
    if isinstance(default, bool):
        text += f" (full: {'on' if default else 'off'})"
        return {"action": argparse.BooleanOptionalAction, "help": text}
    if isinstance(default, tuple):
        text += f" (full: {' '.join(map(str, default))})"
        return {"type": int, "nargs": "+", "metavar": "N", "help": text}
    return {"type": type(default), "metavar": "N", "help": f"{text} (full: {default})"}


def _modalities_of(root: Path, games: Sequence[str]) -> tuple[str, ...]:
    """Choose the modalities that games have, and say so."""
    from action_spotting.dataset.layout import Half
    from action_spotting.dataset.modalities import default_modalities, features_there, told

    there, unknown = features_there(Half(root, game, number) for game in games for number in (1, 2))
    names = default_modalities(there)
    if not names:
        raise UsageError(
            f"{root}: no feature that is known in any of {len(games)} games; name one's "
            "--modalities and --rate, or extract features first"
        )
    print(told(names, unknown))
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    root = command.data_set(args)

    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.classes import actions, read_classes
    from action_spotting.dataset.rate_text import parse_rates, told_rates
    from action_spotting.dataset.splits import list_games
    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.settings import make_settings
    from action_spotting.fusion.split_data import check_modalities, find_rates

    version = args.label_version
    classes = read_classes(Path(args.classes), version) if args.classes else actions(version)
    names = [
        f.name for f in dataclasses.fields(HeadSettings) if f.name not in ("modalities", "classes")
    ]
    given = {name: getattr(args, name) for name in names}
    train_games, valid_games = (list_games(root, s) for s in (args.train_split, args.valid_split))
    modalities = args.modalities or _modalities_of(root, [*train_games, *valid_games])
    settings = make_settings(args.preset, modalities=tuple(modalities), classes=classes, **given)
    check_modalities(root, [*train_games, *valid_games], settings.modalities)
    rates = parse_rates(args.rate)
    if resampled := find_rates(root, train_games, settings.modalities, settings.fps, rates):
        print(told_rates(resampled, settings.fps))
    load_backend()  # what needs no network is checked
    from action_spotting.fusion.training import train

    log_run(Path(args.model_dir), "train", argv)
    result = train(
        root,
        train_games,
        valid_games,
        Path(args.model_dir),
        settings,
        score=partial(average_map, metric="tight"),
        rates=rates,
        resume=args.resume,
        overwrite=args.overwrite,
        fail_fast=args.fail_fast,
        tensorboard=Path(args.tensorboard) if args.tensorboard else None,
    )
    output.add(model=args.model_dir, best_epoch=result.best_epoch, epochs=result.log)
    print(result)
    return result.exit_code
