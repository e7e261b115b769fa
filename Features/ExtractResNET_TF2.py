"""Extract ResNet-152 features of SoccerNet videos: 1_ResNET_TF2.npy, 2048 numbers a row.

The frames are those of the SoccerNet loader, bit for bit. By default their channels are in the
order of the released features: the original handed BGR pictures to a function that takes RGB, and
everything trained on the released features rests on that (--channel_order rgb for the order with
which the network was trained)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_spotting import door
from action_spotting.visual.options import (
    CHANNEL_ORDERS,
    ENGINES,
    GRABBERS,
    PRECISIONS,
    SAMPLINGS,
    TRANSFORMS,
    VIDEOS,
)

EXAMPLE = (
    "python Features/ExtractResNET_TF2.py --soccernet_dirpath data --video LQ --transform crop\n"
    "  python Features/ExtractResNET_TF2.py --path_video match.mkv --path_features match.npy "
    "--start 60 --duration 2700"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = door.parser(__doc__ or "", EXAMPLE)
    data = parser.add_argument_group("a dataset")
    data.add_argument("--soccernet_dirpath", help="the dataset folder")
    data.add_argument("--split", default="all", help="train, valid, test, challenge, v1 or all")
    data.add_argument("--game_ID", type=int, help="only the game at this index of the split")
    data.add_argument("--video", choices=VIDEOS, default="LQ", help="HQ: by video.ini")
    data.add_argument("--overwrite", action="store_true", help="redo what is there")
    single = parser.add_argument_group("or one file")
    single.add_argument("--path_video", help="the video")
    single.add_argument("--path_features", help="the feature file to write (.npy)")
    single.add_argument("--start", type=float, help="where to begin, in seconds")
    single.add_argument("--duration", type=float, help="how long to go on, in seconds")
    frames = parser.add_argument_group("frames")
    frames.add_argument("--FPS", type=float, default=2.0, help="rows a second")
    frames.add_argument("--transform", choices=TRANSFORMS, default="crop", help="to 224 x 224")
    frames.add_argument(
        "--sampling",
        choices=SAMPLINGS,
        default="soccernet",
        help="soccernet: the original's frames; timestamp: row i is the frame shown at i/FPS",
    )
    frames.add_argument(
        "--grabber",
        choices=GRABBERS,
        default="pyav",
        help="decoder; pyav is the fastest, and has the original's colours for HD media too",
    )
    network = parser.add_argument_group("network")
    network.add_argument("--features", choices=("ResNET",), default="ResNET", help="the network")
    network.add_argument("--back_end", choices=("TF2",), default="TF2", help="ends the file's name")
    network.add_argument(
        "--weights",
        default="imagenet",
        help="imagenet (found or downloaded), a .h5 file, or random: seeded, for trials only",
    )
    network.add_argument("--weights_dir", help="folder where the imagenet file is looked for first")
    network.add_argument(
        "--channel_order", choices=CHANNEL_ORDERS, default="soccernet", help="see above"
    )
    network.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="bfloat16: faster on processors that have it; float16: on GPUs",
    )
    network.add_argument(
        "--engine",
        choices=ENGINES,
        default="tensorflow",
        help="openvino: faster on CPUs; needs pip install 'action_spotting[openvino]'",
    )
    network.add_argument("--batch_size", type=int, default=32, help="frames a call")
    network.add_argument("--GPU", type=int, default=0, help="index of the GPU; -1: the CPU")
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
        door.make_absolute(
            args, "soccernet_dirpath", "path_video", "path_features", "weights", "weights_dir"
        )

    if not args.scheduler:
        door.load_tensorflow()
    from action_spotting.cluster import extract_on_cluster
    from action_spotting.dataset.media import Clip
    from action_spotting.dataset.splits import list_halves
    from action_spotting.extraction import Job, extract_all
    from action_spotting.runs import log_run
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.prefetch import default_workers
    from action_spotting.visual.resnet import ResNetExtractor
    from action_spotting.visual.resnet_network import Settings

    name = f"{args.features}_{args.back_end}"
    if args.path_video:
        clip = partial(Clip, Path(args.path_video), args.start, args.duration)
        jobs = [Job(Path(args.path_features), clip)]
        log_run(Path(args.path_features).parent, __file__, argv)
    else:
        root = door.existing_folder(args.soccernet_dirpath, "--soccernet_dirpath")
        halves = list_halves(root, args.split, args.game_ID)
        jobs = [Job(half.feature(name), partial(half.clip, args.video)) for half in halves]
        log_run(root, __file__, argv)
    make = partial(
        ResNetExtractor,
        Settings(
            weights=args.weights,
            folder=Path(args.weights_dir) if args.weights_dir else None,
            channel_order=args.channel_order,
            precision=args.precision,
            engine=args.engine,
            batch_size=args.batch_size,
            gpu=args.GPU,
        ),
        FrameOptions(args.FPS, args.sampling, args.grabber),
        transform=args.transform,
        name=name,
    )
    how = {"overwrite": args.overwrite, "fail_fast": args.fail_fast, "shard": args.shard}
    if args.scheduler:
        summary = extract_on_cluster(args.scheduler, name, make, jobs, **how)
    else:
        extractor = make()
        if args.verbose:
            print(f"{name}: {dict(extractor.settings)}, {extractor.device}")
        workers = args.num_workers or default_workers()
        summary = extract_all(extractor, jobs, workers=workers, **how)
    print(summary)
    return summary.exit_code


if __name__ == "__main__":
    door.run(main)
