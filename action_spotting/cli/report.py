"""Make one HTML file that shows what was spotted and why it scores as it does."""

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
        "%(prog)s --SoccerNet_path=SoccerNet "
        "--Predictions_path=results.zip --split=test --output=report.html",
        own_version=True,
    )
    what = parser.add_argument_group("what to show")
    add_sides(what, "show")
    what.add_argument(
        "--video",
        choices=("LQ", "720p"),
        help="link the videos below --SoccerNet_path: a click on the timeline jumps there",
    )
    out = parser.add_argument_group("output")
    out.add_argument(
        "--output", type=Path, default=Path("report.html"), help="the report, one file"
    )
    out.add_argument("--title", help="its heading (default: teams and score of a single game)")
    out.add_argument(
        "--note", action="append", default=[], help="a sentence to show on top; may be repeated"
    )
    out.add_argument(
        "--figures", type=Path, metavar="FOLDER", help="write the curves here too, as PNG and SVG"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, score, write."""
    options = build_parser().parse_args(argv)

    from action_spotting.evaluation import evaluate, report, tables

    evaluation = evaluate.score_folder(
        options.SoccerNet_path,
        options.Predictions_path,
        split=options.split,
        version=options.version,
        prediction_file=options.Prediction_file,
        partial=options.partial,
    )
    note_left_out(evaluation.games)
    games = report.games_of(
        evaluation,
        report=options.output,
        root=Path(options.SoccerNet_path),
        video=options.video,
    )
    report.write_report(
        options.output,
        games,
        evaluation,
        title=options.title,
        notes=[*options.note, *tables.left_out_text(evaluation.games)],
    )
    output.add(report=options.output)
    print(*tables.left_out_text(evaluation.games), options.output, sep="\n")
    if options.figures:
        from action_spotting.evaluation.figures import save_figures

        print(*save_figures(evaluation.results, options.figures), sep="\n")
    return evaluation.exit_code
