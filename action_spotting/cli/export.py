"""Write predictions as files that other tools open: tables, subtitles, chapters, time lines."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_spotting.cli import command, output
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.export.registry import FORMATS, SOCCERNET
from action_spotting.io.files import existing_folder


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(
        __doc__ or "",
        "%(prog)s --Predictions_path=results --export csv vtt "
        "--out=exports --SoccerNet_path=SoccerNet",
        own_version=True,
    )
    _add_what(parser)
    how = parser.add_argument_group("as what")
    how.add_argument(
        "--export",
        nargs="+",
        required=True,
        choices=[*FORMATS, SOCCERNET],
        metavar="FORMAT",
        help="one or several of: "
        + "; ".join(f"{name} ({chosen.opens_in})" for name, chosen in FORMATS.items())
        + f"; {SOCCERNET} (one zip for the challenge server); see Evaluation/EXPORTS.md",
    )
    how.add_argument(
        "--out", type=Path, required=True, help="folder to write to: <game>/spots.csv …"
    )
    for side in ("before", "after"):
        how.add_argument(
            f"--window_{side}_s", type=command.SECONDS, default=5, help="sportscode, edl: seconds"
        )
    _add_media(parser)
    command.add_fail_fast(how)
    zipped = parser.add_argument_group("soccernet: the zip for the challenge server")
    zipped.add_argument("--split", help="its games must all be there: challenge, test, …")
    return parser


def _add_what(parser: argparse.ArgumentParser) -> None:
    """Add the results, and which of their spots."""
    what = parser.add_argument_group("what to export")
    what.add_argument(
        "--Predictions_path",
        type=Path,
        required=True,
        help="a folder or a zip of results files, <league>/<season>/<game>/…, or one such file",
    )
    what.add_argument(
        "--Prediction_file", help="name of each game's results file (found out when left out)"
    )
    command.add_label_version(what)
    what.add_argument(
        "--threshold",
        default="0.5",
        metavar="NUMBER|FILE.json",
        help='least confidence to show: one number, or {"Goal": 0.3, …}; soccernet keeps all',
    )
    what.add_argument(
        "--top", type=command.COUNT, metavar="N", help="at most the N most confident of a game"
    )


def _add_media(parser: argparse.ArgumentParser) -> None:
    """Add where the games' media lie."""
    media = parser.add_argument_group("media: where the second half begins, frame rates, names")
    media.add_argument("--SoccerNet_path", type=Path, help="folder with the games' media")
    media.add_argument("--video", choices=tuple(VIDEO_STEMS), default="LQ", help="which media")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, export, print."""
    options = build_parser().parse_args(argv)

    from action_spotting.dataset.classes import actions
    from action_spotting.dataset.tree import open_tree
    from action_spotting.export.batch import Exporter, export_results
    from action_spotting.export.selection import Window, read_threshold

    media = options.SoccerNet_path
    summary = export_results(
        open_tree(options.Predictions_path, "predictions"),
        Exporter(
            formats=options.export,
            out=options.out,
            media=existing_folder(media, "SoccerNet folder") if media else None,
            video=options.video,
            version=options.version,
            threshold=read_threshold(options.threshold, actions(options.version)),
            top=options.top,
            window=Window(options.window_before_s, options.window_after_s),
        ),
        results_name=options.Prediction_file,
        split=options.split,
        fail_fast=options.fail_fast,
    )
    print(summary)
    output.add(folder=options.out)
    if summary.done:
        print(f"written to {options.out}")
    return summary.exit_code
