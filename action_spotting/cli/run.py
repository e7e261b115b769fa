"""Run the whole chain: features, head, spots, score and report of a folder of matches."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_spotting.cli import command, output
from action_spotting.io.files import existing_folder

if TYPE_CHECKING:
    from action_spotting.pipeline.plan import Plan

EXAMPLE = "%(prog)s --soccernet_dirpath data --yolov5_weights yolov5m.onnx"


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(
        "Run every stage in order: ResNET -> PCA, YOLOv5, VGGish, FFT, training, prediction,\n"
        "score, report. What is already there is skipped, so an interrupted run goes on.",
        EXAMPLE,
    )
    where = parser.add_argument_group("where")
    source = where.add_mutually_exclusive_group(required=True)
    source.add_argument("--soccernet_dirpath", metavar="DIR", help="the dataset folder")
    source.add_argument(
        "--sample",
        metavar="DIR",
        help="make the sample matches in DIR/matches and run the chain on them; the only mode "
        "that goes on with random weights where pretrained ones cannot be had",
    )
    command.add_features_dirpath(where)
    command.add_out_dir_path(where)
    where.add_argument(
        "--model_dir",
        type=Path,
        metavar="DIR",
        help="the head (default: model beside the features' folder)",
    )
    where.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the results folder (default: predictions beside the features' folder)",
    )
    where.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="the HTML report (default: report.html beside the features' folder)",
    )
    _add_what(parser)
    _add_training(parser)
    command.add_fail_fast(parser.add_argument_group("faults"))
    _add_status(parser)
    return parser


def _add_status(parser: argparse.ArgumentParser) -> None:
    """Add what only looks."""
    status = parser.add_argument_group("what is done")
    status.add_argument(
        "--status",
        action="store_true",
        help="run nothing; say by split and stage what is done, in work, missing, stale (made "
        "with other settings) and broken",
    )
    status.add_argument(
        "--status_json", type=Path, metavar="FILE", help="the same, written as JSON too"
    )


def _add_what(parser: argparse.ArgumentParser) -> None:
    """Add media, modalities and splits."""
    what = parser.add_argument_group("what")
    what.add_argument("--video", choices=["LQ", "720p", "HQ"], default="LQ", help="media to read")
    what.add_argument(
        "--modalities",
        nargs="+",
        metavar="NAME",
        help="features to make and to train on; ResNET_TF2_PCA<n> for another PCA size, "
        "ResNET_5fps_TF2 for another rate (default: "
        "those that the folder has, or of ResNET_TF2_PCA512 YOLOv5 VGGish FFT can make)",
    )
    command.add_rate(what)
    what.add_argument("--train_split", default="train", help="split the head learns from")
    what.add_argument("--valid_split", default="valid", help="split that chooses the epoch")
    what.add_argument("--test_split", default="test", help="split that is spotted and scored")


def _add_training(parser: argparse.ArgumentParser) -> None:
    """Add pretrained weights and how the head is trained."""
    weights = parser.add_argument_group("pretrained weights")
    command.add_network_weights(weights)
    weights.add_argument(
        "--yolov5_weights", type=Path, metavar="FILE", help="an ONNX export of YOLOv5"
    )
    weights.add_argument(
        "--onnx",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="the networks of features that ExtractONNX made for some of the halves, to make them "
        "for the others",
    )
    training = parser.add_argument_group("training")
    training.add_argument(
        "--preset",
        help="small (a few games, a CPU) or full (SoccerNet) (default: small for --sample, else "
        "full)",
    )
    training.add_argument("--epochs", type=command.COUNT, help="epochs (default: the preset's)")
    training.add_argument(
        "--seed", type=command.SEED, default=0, help="of sample, weights and training"
    )


def _plan(args: argparse.Namespace) -> Plan:
    """Give the plan that the options describe."""
    from action_spotting.dataset.rate_text import parse_rates
    from action_spotting.extraction.registry import Pretrained
    from action_spotting.pipeline.plan import Plan

    if args.sample:
        home = Path(args.sample)
        root = home / "matches"
    else:
        root = command.data_set(args)
        home = (args.out_dir_path or root).resolve().parent
    return Plan(
        root=root,
        model_dir=args.model_dir or home / "model",
        predictions=args.out or home / "predictions",
        report=args.report or home / "report.html",
        modalities=tuple(args.modalities) if args.modalities else None,
        rates=parse_rates(args.rate),
        video=args.video,
        train_split=args.train_split,
        valid_split=args.valid_split,
        test_split=args.test_split,
        pretrained=Pretrained(
            args.resnet_weights, args.vggish_weights, args.yolov5_weights, onnx=tuple(args.onnx)
        ),
        preset=args.preset,
        epochs=args.epochs,
        seed=args.seed,
        fail_fast=args.fail_fast,
        sample=args.sample is not None,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the door; returns the exit code."""
    args = build_parser().parse_args(argv)
    plan = _plan(args)
    if args.status or args.status_json:
        return status(plan, args.status_json)

    from action_spotting.cli.run_log import log_run
    from action_spotting.pipeline.stages import closing_text, run_pipeline

    def begin() -> None:
        for folder in (args.out_dir_path or plan.root, plan.model_dir):
            log_run(folder, "run", argv)

    outcome = run_pipeline(plan, lambda line: print(line, flush=True), begin)
    output.add(report=plan.report, notes=outcome.plan.notes)
    if outcome.evaluation:
        output.add(scores=outcome.evaluation.to_json())
    print(closing_text(outcome))
    return outcome.exit_code


def status(plan: Plan, file: Path | None) -> int:
    """Say what is done; returns the exit code."""
    from action_spotting.io.files import write_json
    from action_spotting.pipeline.plan import PICTURE_FIRST
    from action_spotting.pipeline.status import survey

    root = existing_folder(plan.root, "the dataset folder")
    features = plan.modalities or PICTURE_FIRST
    manifest = survey(root, features, video=plan.video, results=plan.predictions)
    output.add(status=manifest.to_json())
    print(manifest)
    if file:
        write_json(file, manifest.to_json())
    return manifest.exit_code
