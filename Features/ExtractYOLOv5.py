"""Extract player and ball features with YOLOv5: 1_YOLOv5.npy, 64 numbers a row.

The raw boxes lie beside them as 1_YOLOv5_boxes.npz. Take media of 720 lines or more: in 224 lines
the ball is about 3 pixels and rarely found; a missing ball is a flag, not an error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting import door
from action_spotting.visual.options import GRABBERS, SAMPLINGS, VIDEOS

EXAMPLE = (
    "python Features/ExtractYOLOv5.py --soccernet_dirpath data --video 720p "
    "--weights yolov5m.onnx\n"
    "  python Features/ExtractYOLOv5.py --soccernet_dirpath data --boxes --overwrite"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = door.parser(__doc__ or "", EXAMPLE)
    data = parser.add_argument_group("a dataset")
    data.add_argument("--soccernet_dirpath", help="the dataset folder")
    data.add_argument("--split", default="all", help="train, valid, test, challenge, v1 or all")
    data.add_argument("--game_ID", type=int, help="only the game at this index of the split")
    data.add_argument("--video", choices=VIDEOS, default="720p", help="HQ: by video.ini")
    data.add_argument("--overwrite", action="store_true", help="redo what is there")
    single = parser.add_argument_group("or one file")
    single.add_argument("--path_video", help="the video")
    single.add_argument("--path_features", help="the feature file to write (.npy)")
    single.add_argument("--start", type=float, help="where to begin, in seconds")
    single.add_argument("--duration", type=float, help="how long to go on, in seconds")
    detection = parser.add_argument_group("detection")
    detection.add_argument("--weights", help="an ONNX export of YOLOv5 (n to x, 640 or 1280)")
    detection.add_argument(
        "--boxes",
        action="store_true",
        help="take the boxes of an earlier pass instead of detecting",
    )
    detection.add_argument("--conf", type=float, default=0.25, help="least confidence of a person")
    detection.add_argument("--ball_conf", type=float, default=0.10, help="and of the ball")
    detection.add_argument("--iou", type=float, default=0.45, help="overlap that drops a box")
    detection.add_argument("--imgsz", type=int, help="input side (default: the export's, or 640)")
    detection.add_argument("--batch_size", type=int, default=8, help="frames a call")
    detection.add_argument("--GPU", type=int, default=0, help="index of the GPU; -1: the CPU")
    frames = parser.add_argument_group("frames")
    frames.add_argument("--FPS", type=float, default=2.0, help="rows a second")
    frames.add_argument(
        "--sampling",
        choices=SAMPLINGS,
        default="soccernet",
        help="soccernet: the original's frames; timestamp: row i is the frame shown at i/FPS",
    )
    frames.add_argument(
        "--grabber", choices=GRABBERS, default="pyav", help="decoder; pyav is the fastest"
    )
    running = parser.add_argument_group("running")
    running.add_argument("--num_workers", type=int, help="halves at once (default: by the cores)")
    running.add_argument("--verbose", action="store_true", help="print the settings")
    door.add_fail_fast(running)
    door.add_many_machines(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if bool(args.soccernet_dirpath) == bool(args.path_video):
        parser.error("give either --soccernet_dirpath or --path_video")
    if args.path_video and not args.path_features:
        parser.error("--path_video needs --path_features, the file to write")
    if args.scheduler:
        door.make_absolute(args, "soccernet_dirpath", "path_video", "path_features", "weights")
    if bool(args.weights) == args.boxes:
        parser.error("give either --weights, an ONNX export of YOLOv5, or --boxes")
    if args.boxes and args.scheduler:
        parser.error("--boxes is done here in no time; leave out --scheduler")

    from action_spotting.cluster import extract_on_cluster
    from action_spotting.dataset.media import Clip
    from action_spotting.dataset.splits import list_halves
    from action_spotting.extraction import Job, extract_all
    from action_spotting.runs import log_run
    from action_spotting.visual.detector import DetectorSettings
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.prefetch import default_workers
    from action_spotting.visual.yolov5 import YOLOv5Extractor, vectors_from_boxes

    if args.path_video:
        clip = partial(Clip, Path(args.path_video), args.start, args.duration)
        jobs = [Job(Path(args.path_features), clip)]
        log_run(Path(args.path_features).parent, __file__, argv)
    else:
        root = door.existing_folder(args.soccernet_dirpath, "--soccernet_dirpath")
        halves = list_halves(root, args.split, args.game_ID)
        jobs = [Job(half.feature("YOLOv5"), partial(half.clip, args.video)) for half in halves]
        log_run(root, __file__, argv)
    if args.boxes:
        index, count = args.shard
        targets = [job.target for job in jobs][index - 1 :: count]
        summary = vectors_from_boxes(targets, overwrite=args.overwrite, fail_fast=args.fail_fast)
    else:
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
        how = {"overwrite": args.overwrite, "fail_fast": args.fail_fast, "shard": args.shard}
        if args.scheduler:
            summary = extract_on_cluster(args.scheduler, "YOLOv5", make, jobs, **how)
        else:
            extractor = make()
            if args.verbose:
                print(f"{extractor.name}: {dict(extractor.settings)}, {extractor.device}")
            workers = args.num_workers or default_workers()
            summary = extract_all(extractor, jobs, workers=workers, **how)
    print(summary)
    return summary.exit_code


if __name__ == "__main__":
    door.run(main)
