"""Predict what happened when, with one trained head or an ensemble of several."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from action_spotting.cli import command, output
from action_spotting.cli.model_options import add_model, heads_of

EXAMPLE = (
    "%(prog)s --soccernet_dirpath data --split test\n"
    "      --model_dir models/fusion --out predictions --zip predictions.zip"
)


COMBINATION_FILE = "combination.json"


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    where = parser.add_argument_group("where")
    where.add_argument("--soccernet_dirpath", required=True, help="the dataset folder")
    command.add_features_dirpath(where)
    where.add_argument("--split", nargs="+", default=["test"], help="games to predict")
    where.add_argument("--out", required=True, help="folder for the predictions")
    heads = parser.add_argument_group("model")
    add_model(heads)
    heads.add_argument(
        "--choose_on",
        nargs="+",
        metavar="SPLIT",
        help="choose weights and calibration of several heads on these games, which have labels "
        f"and which none was trained on; they are kept in --out as {COMBINATION_FILE}",
    )
    what = parser.add_argument_group("what")
    what.add_argument(
        "--zip", metavar="FILE", help="zip the predictions for SoccerNet's challenge server"
    )
    what.add_argument("--save_scores", action="store_true", help="write dense scores (.npz) too")
    what.add_argument(
        "--without", nargs="+", default=[], metavar="MODALITY", help="act as if it were missing"
    )
    command.add_rate(what)
    what.add_argument(
        "--ablate",
        action="store_true",
        help="score each modality alone and left out (needs labels): table, ablation.json, .png",
    )
    command.add_fail_fast(what)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    root = command.data_set(args)

    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.rate_text import parse_rates
    from action_spotting.dataset.splits import list_games

    games, out = list_games(root, args.split), Path(args.out)
    found = heads_of(args)  # from here on there are networks
    from action_spotting.fusion.prediction import load_models, predict
    from action_spotting.fusion.published.notes import notes_of, write_notice

    models = load_models(found.folders, args.combination, parse_rates(args.rate))
    log_run(out, "predict", argv)
    output.add(folder=out)
    for note in found.notes + notes_of(models.models, {}):
        print(f"note: {note}")
    write_notice(out, models.models)
    if args.choose_on:
        models = _choose(root, list_games(root, args.choose_on), models, out)
    if args.ablate:
        from action_spotting.evaluation.scoring import average_map
        from action_spotting.fusion.ablation import ablate

        print(ablate(root, games, models, out, score=average_map))
        return 0
    summary = predict(
        root,
        games,
        models,
        out,
        scores=args.save_scores,
        without=args.without,
        fail_fast=args.fail_fast,
    )
    print(summary)
    if args.zip and summary.done:
        _zip(Path(args.zip), out, [game for game in games if game in summary.done], models)
    return summary.exit_code


def _choose(root: Path, games: Sequence[str], models: Any, out: Path) -> Any:
    """Choose weights and calibration on games, keep them, and tell them."""
    from functools import partial

    from action_spotting.evaluation.scoring import average_map
    from action_spotting.fusion.combination import write_combination
    from action_spotting.fusion.combining import choose_combination

    score = partial(average_map, metric="tight")
    combined, summary = choose_combination(root, games, models, score=score)
    write_combination(out / COMBINATION_FILE, combined.combination)
    weights = ", ".join(f"{weight:.2f}" for weight in combined.combination.weights)
    print(f"{summary}\nweights: {weights}; kept in {out / COMBINATION_FILE}")
    return combined


def _zip(path: Path, out: Path, done: Sequence[str], models: Any) -> None:
    """Zip the predictions of games, and name games that SoccerNet does not know."""
    from action_spotting.dataset.layout import predictions_path
    from action_spotting.export.challenge import STRANGERS, write_challenge_zip

    version = models.label_version
    results = ((game, predictions_path(out, game, version).read_bytes()) for game in done)
    others = write_challenge_zip(path, results, version=version)
    if others:
        print("note: " + STRANGERS.format(len(others), others[0]))
