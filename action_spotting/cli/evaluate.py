"""Score action spotting as SoccerNet does, and say what is odd in the files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_spotting.cli import command, output
from action_spotting.cli.evaluation_options import add_sides, note_left_out


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(
        __doc__ or "",
        "%(prog)s --SoccerNet_path=SoccerNet --Predictions_path=results.zip --split=test",
        own_version=True,
    )
    what = parser.add_argument_group("what to score")
    add_sides(what, "score")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--metric",
        nargs="+",
        default=["loose", "tight"],
        help="one or several of loose, tight, at1 … at5",
    )
    how.add_argument(
        "--mode",
        choices=("official", "exact"),
        default="official",
        help="official: SoccerNet's own numbers; exact: every threshold, nothing interpolated, "
        "times in milliseconds, nothing dropped",
    )
    how.add_argument(
        "--bootstrap",
        type=command.number(int, 0, 100_000),
        default=0,
        metavar="N",
        help="95 %% intervals from N draws of games",
    )
    how.add_argument(
        "--compare", metavar="OTHER", help="other predictions: what they score more, per class"
    )
    how.add_argument("--seed", type=command.SEED, default=0, help="of the draws")
    checks = parser.add_argument_group("checks and output")
    checks.add_argument(
        "--check_only",
        action="store_true",
        help="check the files, against the videos too where they are, and score nothing",
    )
    checks.add_argument("--strict", action="store_true", help="warnings are errors")
    checks.add_argument("--output", type=Path, metavar="FILE.json", help="write all numbers here")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, score, print."""
    options = build_parser().parse_args(argv)

    from action_spotting.evaluation import evaluate, tables
    from action_spotting.evaluation.game_set import load_set
    from action_spotting.io.files import write_json

    asked = {
        "split": options.split,
        "version": options.version,
        "prediction_file": options.Prediction_file,
        "partial": options.partial,
    }
    drawn = {"metrics": options.metric, "seed": options.seed}
    if options.check_only:
        games = evaluate.check_folder(options.SoccerNet_path, options.Predictions_path, **asked)
        note_left_out(games)
        output.add(findings=[str(finding) for finding in games.findings])
        print(tables.findings_text(games))
        return games.exit_code(strict=options.strict)
    evaluation = evaluate.score_folder(
        options.SoccerNet_path,
        options.Predictions_path,
        mode=options.mode,
        strict=options.strict,
        resamples=options.bootstrap,
        **asked,
        **drawn,
    )
    note_left_out(evaluation.games)
    print(tables.report_text(evaluation))
    content = evaluation.to_json()
    if options.compare:
        other = load_set(options.SoccerNet_path, options.compare, **asked)
        compared, comparisons = evaluate.compare_sets(
            evaluation.games, other, resamples=options.bootstrap or 1000, **drawn
        )
        print(tables.comparisons_text(compared, comparisons, evaluation.games.classes))
        content["comparison"] = evaluate.comparison_json(compared, comparisons)
    output.add(scores=content)
    if options.output:
        write_json(options.output, content)
    return evaluation.exit_code
