"""What the extraction commands share: what is read, how it is run, and the way to the driver."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_spotting.cli import command, output
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.errors import UsageError
from action_spotting.io.files import existing_folder
from action_spotting.visual import choices

if TYPE_CHECKING:
    from action_spotting.extraction.job import Job
    from action_spotting.io.items import Summary


def add_source(
    parser: argparse.ArgumentParser, folder: str, video: str, *, audio: bool = False
) -> None:
    """Add what is read and where features go.

    Parameters
    ----------
    parser
        Of the command.
    folder
        The option that names a folder.
    video
        The media taken by default.
    audio
        Files of sound will do, and folders of any media.
    """
    parser.set_defaults(folder=folder, audio=audio)
    kinds = "SoccerNet's or one of own matches" + (", or any of .mkv .mp4 .wav .mp3" * audio)
    data = parser.add_argument_group("a folder")
    data.add_argument(folder, dest="root", type=Path, metavar="DIR", help=kinds)
    data.add_argument("--split", default="all", help="train, valid, test, challenge, v1 or all")
    data.add_argument(
        "--game_ID",
        type=command.number(int, 0, 1e6),
        metavar="I",
        help="only game I of the split, from 0",
    )
    data.add_argument(
        "--video",
        choices=tuple(VIDEO_STEMS),
        default=video,
        help="1_224p.mkv, 1_720p.mkv, or 1_HQ.mkv with the start and duration of video.ini",
    )
    data.add_argument(
        *("--out", "--out_dir_path"),
        type=Path,
        metavar="DIR",
        help="where the features go, laid out as the folder (left out: beside the media)",
    )
    one = parser.add_argument_group("or one file")
    one.add_argument(
        "--path_video", type=Path, metavar="FILE", help="a video" + " or sound" * audio
    )
    one.add_argument(
        "--path_features",
        type=Path,
        metavar="PLACE",
        help="a .npy (for one feature) or a folder (left out: beside the file)",
    )
    one.add_argument("--start", type=command.SECONDS, metavar="S", help="begin at this second")
    one.add_argument("--duration", type=command.SECONDS, metavar="S", help="take this many seconds")


def add_frames(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add which frames are taken; gives the group, for more."""
    frames = parser.add_argument_group("frames")
    frames.add_argument(
        *("--FPS", "--fps"),
        type=command.number(float, 0.001, 1000),
        default=2.0,
        help="rows a second; other than 2, the features' name has it: ResNET_5fps_TF2",
    )
    frames.add_argument(
        "--sampling",
        choices=choices.SAMPLINGS,
        default="soccernet",
        help="soccernet: the original's frames; timestamp: row i is the frame shown at i/FPS",
    )
    frames.add_argument(
        "--grabber",
        choices=choices.GRABBERS,
        default="pyav",
        help="decoder; pyav is the fastest, and has the original's colours for HD media too",
    )
    return frames


def add_running(
    parser: argparse.ArgumentParser, workers: int | None = None
) -> argparse._ArgumentGroup:
    """Add how the work is done; gives the group, for more. None: `workers` by the cores."""
    running = parser.add_argument_group("running")
    running.add_argument("--overwrite", action="store_true", help="redo what is already there")
    text = "halves in work at once" + " (default: by the cores)" * (workers is None)
    running.add_argument("--num_workers", type=command.WORKERS, default=workers, help=text)
    command.add_fail_fast(running)
    command.add_many_machines(parser)
    return running


def find_jobs(
    args: argparse.Namespace, features: Sequence[str], *paths: str
) -> tuple[Path, list[Job]]:
    """Give the folder that the run is about, and its jobs.

    For a cluster all paths, and those options that are named in `paths`, are made absolute.
    """
    from action_spotting.dataset.media import Clip
    from action_spotting.dataset.splits import list_halves, read_splits
    from action_spotting.extraction.job import job_of_clip, jobs_of_files, jobs_of_halves

    if args.scheduler:
        command.make_absolute(args, "root", "out", "path_video", "path_features", *paths)
    if args.path_video and args.root:
        raise UsageError(f"give either {args.folder} or --path_video, not both")
    if args.path_video:
        clip = Clip(args.path_video, args.start, args.duration)
        job = job_of_clip(clip, features, args.path_features)
        return next(iter(job.targets)).parent, [job]
    if not args.root:
        raise UsageError(f"nothing to work on: give {args.folder}, or --path_video for one file")
    root = existing_folder(args.root, args.folder)
    folder = args.out or root
    if args.audio and not any(
        (root / game).is_dir() for games in read_splits(root).values() for game in games
    ):
        if args.split != "all" or args.game_ID is not None:
            raise UsageError(f"{root}: no matches in it, so --split and --game_ID mean nothing")
        return folder, jobs_of_files(root, features, args.out)
    halves = list_halves(root, args.split, args.game_ID)
    return folder, jobs_of_halves(
        halves, features, args.video, out=args.out, sound_files=args.audio
    )


def extract(
    args: argparse.Namespace, makers: Mapping[str, Callable[[], Any]], jobs: Sequence[Job]
) -> list[Summary]:
    """Do the jobs here or on the cluster."""
    from action_spotting.extraction.driver import extract_all

    if output.is_verbose() and not args.scheduler:
        made = {name: make() for name, make in makers.items()}
        for name, extractor in made.items():
            print(f"{name}: {dict(extractor.settings)}, {getattr(extractor, 'device', '')}")
        makers = {name: lambda name=name: made[name] for name in made}  # type: ignore[misc, unused-ignore]
    return extract_all(
        makers,
        jobs,
        overwrite=args.overwrite,
        fail_fast=args.fail_fast,
        workers=args.num_workers,
        shard=args.shard,
        scheduler=args.scheduler,
    )


def close(summaries: Sequence[Summary]) -> int:
    """Print what was done; gives the exit code."""
    print("\n".join(str(summary) for summary in summaries))
    return max(summary.exit_code for summary in summaries)
