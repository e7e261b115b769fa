"""What the doors of the visual features share: their choices, options, and the way from a video
to a job. Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_spotting.cli import command
from action_spotting.io.files import existing_folder

if TYPE_CHECKING:
    from action_spotting.extraction.driver import Job
    from action_spotting.io.items import Summary

TRANSFORMS = ("crop", "resize", "resize256crop224")
SAMPLINGS = ("soccernet", "timestamp")
GRABBERS = ("pyav", "opencv", "skvideo")
CHANNEL_ORDERS = ("soccernet", "rgb")
PRECISIONS = ("float32", "bfloat16", "float16")
ENGINES = ("tensorflow", "openvino")
VIDEOS = ("LQ", "720p", "HQ")


def add_source(parser: argparse.ArgumentParser, video: str) -> None:
    """Add what is read and where features go; `video` is the media taken by default."""
    data = parser.add_argument_group("a dataset")
    data.add_argument("--soccernet_dirpath", help="the dataset folder")
    data.add_argument("--split", default="all", help="train, valid, test, challenge, v1 or all")
    data.add_argument("--game_ID", type=int, help="only the game at this index of the split")
    data.add_argument("--video", choices=VIDEOS, default=video, help="HQ: by video.ini")
    data.add_argument("--overwrite", action="store_true", help="redo what is there")
    single = parser.add_argument_group("or one file")
    single.add_argument("--path_video", help="the video")
    single.add_argument("--path_features", help="the feature file to write (.npy)")
    single.add_argument("--start", type=float, help="where to begin, in seconds")
    single.add_argument("--duration", type=float, help="how long to go on, in seconds")


def add_frames(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add which frames are taken; gives the group, for more."""
    frames = parser.add_argument_group("frames")
    frames.add_argument("--FPS", type=float, default=2.0, help="rows a second")
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
    return frames


def add_running(parser: argparse.ArgumentParser) -> None:
    """Add how the work is done."""
    running = parser.add_argument_group("running")
    running.add_argument("--num_workers", type=int, help="halves at once (default: by the cores)")
    running.add_argument("--verbose", action="store_true", help="print the settings")
    command.add_fail_fast(running)
    command.add_many_machines(parser)


def check_source(parser: argparse.ArgumentParser, args: argparse.Namespace, *paths: str) -> None:
    """End with a sentence unless the options name one source.

    For a cluster its paths, and those that are named in `paths`, are made absolute.
    """
    if bool(args.soccernet_dirpath) == bool(args.path_video):
        parser.error("give either --soccernet_dirpath or --path_video")
    if args.path_video and not args.path_features:
        parser.error("--path_video needs --path_features, the file to write")
    if args.scheduler:
        command.make_absolute(args, "soccernet_dirpath", "path_video", "path_features", *paths)


def find_jobs(args: argparse.Namespace, name: str) -> tuple[Path, list[Job]]:
    """Give the folder that the run is about, and a job for every half of feature `name`."""
    from action_spotting.dataset.media import Clip
    from action_spotting.dataset.splits import list_halves
    from action_spotting.extraction.driver import Job

    if args.path_video:
        clip = partial(Clip, Path(args.path_video), args.start, args.duration)
        target = Path(args.path_features)
        return target.parent, [Job(target, clip)]
    root = existing_folder(args.soccernet_dirpath, "--soccernet_dirpath")
    halves = list_halves(root, args.split, args.game_ID)
    return root, [Job(half.feature(name), partial(half.clip, args.video)) for half in halves]


def extract(
    args: argparse.Namespace, name: str, make: partial[Any], jobs: Sequence[Job]
) -> Summary:
    """Do the jobs with the extractor that `make` makes, here or on the cluster."""
    from action_spotting.extraction.cluster import extract_on_cluster
    from action_spotting.extraction.driver import extract_all
    from action_spotting.extraction.prefetch import default_workers

    how = {"overwrite": args.overwrite, "fail_fast": args.fail_fast, "shard": args.shard}
    if args.scheduler:
        return extract_on_cluster(args.scheduler, name, make, jobs, **how)
    extractor = make()
    if args.verbose:
        print(f"{name}: {dict(extractor.settings)}, {extractor.device}")
    return extract_all(extractor, jobs, workers=args.num_workers or default_workers(), **how)
