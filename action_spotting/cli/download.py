"""Download SoccerNet's labels, features and videos, and check what is complete.

All of it is on Hugging Face. Labels and features are free; videos need SoccerNet's non-disclosure
agreement, which gives access for an account there (hf auth login). For the old server the
password is read from $SOCCERNET_PASSWORD or asked for, never taken from the command line.
Checksums are verified, revisions go into downloads.json, and a run that was interrupted goes on
where it ended."""

from __future__ import annotations

import argparse
import getpass
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_spotting.cli import command, output
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.errors import SOME_FAILED, UsageError
from action_spotting.io.files import expanded

if TYPE_CHECKING:
    from action_spotting.io.items import Summary

EXAMPLE = (
    "%(prog)s --soccernet_dirpath data --what labels features\n"
    "  %(prog)s --soccernet_dirpath data --what videos --video LQ"
)
PASSWORD = "SOCCERNET_PASSWORD"


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    where = parser.add_argument_group("where")
    where.add_argument("--soccernet_dirpath", required=True, help="the dataset folder, made anew")
    where.add_argument(
        "--source",
        choices=("HuggingFace", "OSL", "EXRCSDrive"),
        default="HuggingFace",
        help="OSL: OpenSportsLab's copy of ResNET_TF2_PCA512 and baidu_soccer_embeddings there; "
        "EXRCSDrive: SoccerNet's old server (it has refused connections since August 2026), with "
        "the password of the agreement",
    )
    _add_what(parser)
    return parser


def _add_what(parser: argparse.ArgumentParser) -> None:
    """Add which files are fetched."""
    what = parser.add_argument_group("what")
    what.add_argument(
        "--what",
        nargs="+",
        choices=("labels", "features", "videos", "ball"),
        default=["labels"],
        help="kinds of files; ball: the ball-action set, one zip a split",
    )
    what.add_argument(
        "--split",
        nargs="+",
        choices=("train", "valid", "test", "challenge"),
        default=["train", "valid", "test"],
        help="games",
    )
    what.add_argument(
        "--video", choices=tuple(VIDEO_STEMS), default="LQ", help="HQ comes with video.ini"
    )
    what.add_argument(
        "--features",
        nargs="+",
        default=["ResNET_TF2_PCA512"],
        metavar="NAME",
        help="of ResNET_TF2, ResNET_TF2_PCA512, baidu_soccer_embeddings, "
        "player_boundingbox_maskrcnn, field_calib_ccbv",
    )
    what.add_argument("--label_version", type=int, choices=(1, 2), default=2, help="of the labels")
    what.add_argument(
        "--labels",
        nargs="+",
        choices=("v1", "v2", "v3", "cameras", "caption"),
        default=[],
        help="kinds of labels (default: that of --label_version)",
    )
    what.add_argument(
        "--ball_year", type=int, choices=(2023, 2024, 2025), default=2025, help="of the ball set"
    )
    what.add_argument("--check", action="store_true", help="only say what is complete")
    what.add_argument(
        "--dry_run", action="store_true", help="only say what would be fetched, and its size"
    )
    command.add_fail_fast(what)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)

    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.download import check, download, file_names

    root = expanded(args.soccernet_dirpath)
    files = [
        name
        for what in args.what
        for name in file_names(
            what,
            video=args.video,
            features=args.features,
            version=args.label_version,
            labels=args.labels,
            year=args.ball_year,
        )
    ]
    if args.dry_run:
        return dry_run(root, files, args.split, args.source)
    if args.check:
        summary = check(root, files, args.split, fail_fast=args.fail_fast)
    else:
        password = None
        if "videos" in args.what and args.source == "EXRCSDrive":
            password = os.environ.get(PASSWORD) or _ask()
        log_run(root, "download", argv)
        summary = download(
            root,
            files,
            args.split,
            source=args.source,
            password=password,
            fail_fast=args.fail_fast,
        )
    rows = completeness(root, files, args.split, summary)
    output.add(complete=rows)
    print(_table(rows), summary, sep="\n\n")
    return summary.exit_code


def completeness(
    root: Path, files: Sequence[str], splits: Sequence[str], summary: Summary
) -> list[dict[str, str | int]]:
    """Count the complete files by split and kind."""
    from action_spotting.dataset.download import game_files

    whole = {*summary.done, *summary.skipped}
    counts: dict[tuple[str, str], Counter[bool]] = {}
    for name, (split, path) in game_files(root, files, splits).items():
        counts.setdefault((split, path.name), Counter())[name in whole] += 1
    return [
        {"split": split, "file": name, "complete": found[True], "lacking": found[False]}
        for (split, name), found in counts.items()
    ]


def _table(rows: Sequence[dict[str, str | int]]) -> str:
    from action_spotting.io.tables import table

    lines = [[f"{row['split']}: {row['file']}", row["complete"], row["lacking"]] for row in rows]
    return table(["split: file", "complete", "lacking"], lines)


def dry_run(
    root: Path, files: Sequence[str], splits: Sequence[str], source: str, **where: str
) -> int:
    """Print each file that would be fetched with its megabytes, then the sums; fetch nothing."""
    from action_spotting.dataset.download import plan

    planned = plan(root, files, splits, source=source, **where)
    fetched = {name: item.remote.size for name, item in planned.items() if item.remote}
    for name, size in fetched.items():
        print(f"{size / 1e6:10.1f} MB  {name}")
    reasons = Counter(item.reason for item in planned.values() if item.reason)
    there = sum(item.there for item in planned.values())
    output.add(files=fetched, bytes=sum(fetched.values()), there=there, reasons=dict(reasons))
    print(f"{len(fetched)} files, {sum(fetched.values()) / 1e9:.2f} GB; {there} already there")
    for reason, count in reasons.items():
        print(f"{count} files cannot be had: {reason}")
    return SOME_FAILED if reasons else 0


def _ask() -> str:
    try:
        return getpass.getpass("password of the SoccerNet agreement: ")
    except EOFError as error:
        raise UsageError(f"nobody is here to ask for the password: set ${PASSWORD}") from error
