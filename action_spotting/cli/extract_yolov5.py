"""Extract player and ball features with YOLOv5: 1_YOLOv5.npy, 64 numbers a row.

The raw boxes lie beside them as 1_YOLOv5_boxes.npz. Take media of 720 lines or more: in 224 lines
the ball is about 3 pixels and often missed; a missing ball is a flag, not an error."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from action_spotting.cli import command
from action_spotting.cli import extraction_options as options

EXAMPLE = (
    "%(prog)s --soccernet_dirpath data --video 720p "
    "--weights yolov5m.onnx\n"
    "  %(prog)s --soccernet_dirpath data --boxes --overwrite"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    options.add_source(parser, "--soccernet_dirpath", "720p")
    detection = parser.add_argument_group("detection")
    detection.add_argument("--weights", help="an ONNX export of YOLOv5 (n to x, 640 or 1280)")
    detection.add_argument(
        "--boxes",
        action="store_true",
        help="take the boxes of an earlier pass instead of detecting",
    )
    detection.add_argument(
        "--conf", type=command.SHARE, default=0.25, help="least confidence of a person"
    )
    detection.add_argument("--ball_conf", type=command.SHARE, default=0.10, help="and of the ball")
    detection.add_argument(
        "--iou", type=command.SHARE, default=0.45, help="overlap that drops a box"
    )
    detection.add_argument(
        "--imgsz",
        type=command.number(int, 32, 8192),
        help="input side (default: the export's, or 640)",
    )
    detection.add_argument(
        "--batch_size",
        type=command.BATCH,
        help="frames a call (default: 8 of 640 x 640, fewer of larger: the memory stays the same)",
    )
    command.add_gpu(detection)
    options.add_frames(parser)
    options.add_running(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if bool(args.weights) == args.boxes:
        parser.error("give either --weights, an ONNX export of YOLOv5, or --boxes")
    if args.boxes and args.scheduler:
        parser.error("--boxes is done here in no time; leave out --scheduler")

    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.feature_types import name_at
    from action_spotting.extraction.job import shard_of
    from action_spotting.visual.detector import DetectorSettings
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.yolov5 import YOLOv5Extractor, vectors_from_boxes

    name = name_at("YOLOv5", args.FPS)
    folder, jobs = options.find_jobs(args, [name], "weights")
    log_run(folder, "extract-yolov5", argv)
    if args.boxes:
        targets = [target for job in shard_of(jobs, args.shard) for target in job.targets]
        how = {"overwrite": args.overwrite, "fail_fast": args.fail_fast}
        return options.close([vectors_from_boxes(targets, **how)])
    make = partial(
        YOLOv5Extractor,
        DetectorSettings(
            weights=Path(args.weights),
            conf=args.conf,
            ball_conf=args.ball_conf,
            iou=args.iou,
            imgsz=args.imgsz,
            batch_size=args.batch_size,
            gpu=args.GPU,
        ),
        FrameOptions(args.FPS, args.sampling, args.grabber),
    )
    return options.close(options.extract(args, {name: make}, jobs))
