"""Extract ResNet-152 features of SoccerNet videos: 1_ResNET_TF2.npy, 2048 numbers a row.

The frames are those of the SoccerNet loader, bit for bit. By default their channels are in the
order of the released features: the original handed BGR pictures to a function that takes RGB, and
everything trained on the released features rests on that (--channel_order rgb for the order with
which the network was trained)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from action_spotting.backend import load_backend
from action_spotting.cli import command
from action_spotting.cli import extraction_options as options
from action_spotting.visual import choices

EXAMPLE = (
    "%(prog)s --soccernet_dirpath data --video LQ --transform crop\n"
    "  %(prog)s --path_video match.mkv --path_features match.npy "
    "--start 60 --duration 2700"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    options.add_source(parser, "--soccernet_dirpath", "LQ")
    frames = options.add_frames(parser)
    frames.add_argument(
        "--transform", choices=choices.TRANSFORMS, default="crop", help="to 224 x 224"
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
        "--channel_order", choices=choices.CHANNEL_ORDERS, default="soccernet", help="see above"
    )
    network.add_argument(
        "--precision",
        choices=choices.PRECISIONS,
        default="float32",
        help="bfloat16: faster where the hardware has it, which auto finds out; float16: on GPUs",
    )
    network.add_argument(
        "--engine",
        choices=choices.ENGINES,
        default="auto",
        help="auto: openvino on a CPU where it is installed, else what $KERAS_BACKEND chooses",
    )
    network.add_argument(
        "--batch_size", type=_batch, metavar="N", help="frames a call, or auto: 16; 256 on a GPU"
    )
    command.add_gpu(network)
    options.add_running(parser)
    return parser


def _batch(text: str) -> int | None:
    return None if text == "auto" else command.BATCH(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    if not args.scheduler:
        load_backend()
    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.feature_types import name_at
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.resnet import ResNetExtractor
    from action_spotting.visual.resnet_network import Settings

    name = name_at(f"{args.features}_{args.back_end}", args.FPS)
    folder, jobs = options.find_jobs(args, [name], "weights", "weights_dir")
    log_run(folder, "extract-resnet", argv)
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
    )
    return options.close(options.extract(args, {name: make}, jobs))
