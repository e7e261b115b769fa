"""Spot the actions of one match of your own: from its video to predictions and a report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from action_spotting.cli import command, output
from action_spotting.cli.model_options import add_model, heads_of
from action_spotting.errors import UsageError
from action_spotting.export.registry import FORMATS

if TYPE_CHECKING:
    from action_spotting.pipeline.video_plan import VideoPlan

EXAMPLE = "%(prog)s first.mp4 second.mp4 --model spivak-resnet --out my_match"


def seconds(text: str) -> float:
    """Parse ``1:02:30``, ``62:30`` or ``3750`` (an argparse type).

    >>> seconds("1:02:30")
    3750.0
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(part < 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 1:02:30 or 3750")
    return sum(part * 60**power for power, part in enumerate(reversed(parts)))


def threshold(text: str) -> str:
    """Check ``auto`` or a number from 0 to 1 (an argparse type).

    >>> threshold("auto"), threshold("0.5")
    ('auto', '0.5')
    """
    if text != "auto":
        command.SHARE(text)
    return text


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(
        "Spot the actions of one match: frames and sound become features, the features become\n"
        "Predictions-v2.json and report.html in --out. Features already there are used again.",
        EXAMPLE,
    )
    what = parser.add_argument_group("what")
    what.add_argument(
        "videos",
        nargs="+",
        type=Path,
        metavar="VIDEO",
        help="the match, or its first and its second half; any format that ffmpeg reads",
    )
    what.add_argument(
        "--second_half_start",
        type=seconds,
        metavar="TIME",
        help="where the second half begins in one video of a whole match, such as 1:02:30",
    )
    what.add_argument("--out", type=Path, metavar="DIR", help="the match's folder")
    what.add_argument(
        "--estimate",
        action="store_true",
        help="make nothing; try a short part of the video and say what the whole would cost here: "
        "time, memory, disk, each step",
    )
    what.add_argument("--title", help="how the match is called (default: as its files are)")
    what.add_argument("--overwrite", action="store_true", help="make the features anew")
    model = parser.add_argument_group("model")
    add_model(model, default=True)
    model.add_argument(
        "--threshold",
        type=threshold,
        default="auto",
        help="confidence from which the table and the report show a spot: auto (each class's "
        "best-F1 threshold on the validation games) or a number; the predictions keep all",
    )
    _add_show(parser)
    _add_weights(parser)
    return parser


def _add_show(parser: argparse.ArgumentParser) -> None:
    """Add what is made of the spots."""
    show = parser.add_argument_group("what to make of the spots above the threshold")
    show.add_argument(
        "--export",
        nargs="+",
        default=[],
        choices=[*FORMATS],
        metavar="FORMAT",
        help=f"files for other tools: {', '.join(FORMATS)} (see Evaluation/EXPORTS.md)",
    )
    show.add_argument(
        "--highlights", type=Path, metavar="FILE.mp4", help="a reel of the strongest spots"
    )
    show.add_argument(
        "--overlay", type=Path, metavar="FILE.mp4", help="the video with its spots on the picture"
    )
    show.add_argument("--clips", type=Path, metavar="DIR", help="one short video a spot")


def _add_weights(parser: argparse.ArgumentParser) -> None:
    """Add the files that the features are made with."""
    weights = parser.add_argument_group("pretrained weights (those of the model's training)")
    command.add_network_weights(weights)
    weights.add_argument(
        "--yolov5_weights",
        type=Path,
        metavar="FILE",
        help="an ONNX export of YOLOv5 (default: the one in the model folder, if any)",
    )
    weights.add_argument(
        "--pca_file",
        type=Path,
        metavar="FILE",
        help="the PCA of the model's features, such as pca_512_TF2.pkl (default: the one in the "
        "model folder, if any)",
    )
    weights.add_argument(
        "--scaler_file",
        type=Path,
        metavar="FILE",
        help="the average that goes with it, such as average_512_TF2.pkl",
    )
    weights.add_argument(
        "--onnx",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="the networks of features that ExtractONNX made for the model's training",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the door; returns the exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if not (args.out or args.estimate):
        parser.error("the following arguments are required: --out")
    from action_spotting.cli.run_log import log_run
    from action_spotting.io.items import note
    from action_spotting.pipeline.show import closing_text
    from action_spotting.pipeline.video import clips_of, spot_video

    plan = _plan(args)
    clips_of(plan)  # what is no video is told before a head is fetched
    heads = heads_of(args, video=True)
    plan = replace(plan, model_dirs=heads.folders, notes=tuple(heads.notes))
    if args.estimate:
        from action_spotting.pipeline.estimate import estimate

        found = estimate(plan)
        output.add(estimate=found.to_json())
        print(found)
        return 0
    outcome = spot_video(plan, partial(log_run, args.out, "spot", argv))
    note("show", outcome.failures)
    output.add(files=outcome.files, spots=len(outcome.spots), shown=len(outcome.rows))
    output.add(notes=outcome.notices)
    print(closing_text(outcome))
    return outcome.exit_code


def _plan(args: argparse.Namespace) -> VideoPlan:
    """Plan what is asked for, without the heads."""
    from action_spotting.extraction.registry import Pretrained
    from action_spotting.pipeline.video_plan import VideoPlan

    pca = (args.pca_file, args.scaler_file)
    if any(pca) and not all(pca):
        raise UsageError("--pca_file and --scaler_file belong together; give both or neither")
    return VideoPlan(
        videos=tuple(args.videos),
        model_dirs=(),
        combination=args.combination,
        out=args.out or Path(),
        second_half_start_s=args.second_half_start,
        pretrained=Pretrained(
            args.resnet_weights,
            args.vggish_weights,
            args.yolov5_weights,
            pca=pca if all(pca) else None,
            onnx=tuple(args.onnx),
        ),
        threshold=args.threshold,
        overwrite=args.overwrite,
        exports=tuple(args.export),
        highlights=args.highlights,
        overlay=args.overlay,
        clips=args.clips,
        title=args.title,
    )
