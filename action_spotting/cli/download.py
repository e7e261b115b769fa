"""Download SoccerNet's labels, features and videos, and check what is complete.

Labels and features are free. Videos need SoccerNet's non-disclosure agreement, which gives a
password for the EXRCS drive or access for an account at Hugging Face (huggingface-cli login). The
password is read from $SOCCERNET_PASSWORD or asked for, never taken from the command line. A run
that was interrupted goes on where it ended."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Sequence

from action_spotting.cli import command
from action_spotting.dataset.layout import VIDEO_STEMS
from action_spotting.io.files import expanded

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
        choices=("HuggingFace", "EXRCSDrive"),
        default="HuggingFace",
        help="EXRCSDrive: the old server, with the password of the agreement",
    )
    what = parser.add_argument_group("what")
    what.add_argument(
        "--what",
        nargs="+",
        choices=("labels", "features", "videos"),
        default=["labels"],
        help="kinds of files",
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
        help="such as ResNET_TF2, ResNET_TF2_PCA512, baidu_soccer_embeddings",
    )
    what.add_argument("--label_version", type=int, choices=(1, 2), default=2, help="of the labels")
    what.add_argument("--check", action="store_true", help="only say what is complete")
    command.add_fail_fast(what)
    return parser


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
            what, video=args.video, features=args.features, version=args.label_version
        )
    ]
    if args.check:
        summary = check(root, files, args.split, fail_fast=args.fail_fast)
    else:
        password = None
        if "videos" in args.what and args.source == "EXRCSDrive":
            password = os.environ.get(PASSWORD) or getpass.getpass(
                "password of the SoccerNet agreement: "
            )
        log_run(root, "download", argv)
        summary = download(
            root,
            files,
            args.split,
            source=args.source,
            password=password,
            fail_fast=args.fail_fast,
        )
    print(summary)
    return summary.exit_code
