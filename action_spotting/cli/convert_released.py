"""Make features of SoccerNet's player boxes and pitch calibrations; no video is needed.

1_player_boundingbox_maskrcnn.json becomes 1_MaskRCNN.npy, the 64 numbers that ExtractYOLOv5 makes
too (without a ball), and 1_field_calib_ccbv.json becomes 1_CCBV.npy, 20 numbers of where the camera
looks and how it moves. About 20 of the released files are of other matches: duration and picture
size, compared with the half's media or features, tell."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from action_spotting.cli import command
from action_spotting.cli import extraction_options as options
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.io.files import existing_folder

EXAMPLE = "%(prog)s --soccernet_dirpath data --features MaskRCNN CCBV"


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    data = parser.add_argument_group("games")
    data.add_argument(
        "--soccernet_dirpath", required=True, metavar="DIR", help="the dataset folder"
    )
    data.add_argument("--split", default="all", help="train, valid, test, challenge, v1 or all")
    data.add_argument(
        "--game_ID",
        type=command.number(int, 0, 1e6),
        metavar="I",
        help="only game I of the split, from 0",
    )
    data.add_argument(
        "--video", choices=tuple(VIDEO_STEMS), default="LQ", help="media to compare with"
    )
    data.add_argument(
        "--features",
        nargs="+",
        choices=("MaskRCNN", "CCBV"),
        default=["MaskRCNN", "CCBV"],
        help="which ones",
    )
    data.add_argument("--overwrite", action="store_true", help="redo what is already there")
    command.add_fail_fast(data)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)

    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.splits import list_halves
    from action_spotting.visual.released import convert

    root = existing_folder(args.soccernet_dirpath, "--soccernet_dirpath")
    halves = list_halves(root, args.split, args.game_ID)
    log_run(root, "convert-released", argv)
    how = {"video": args.video, "overwrite": args.overwrite, "fail_fast": args.fail_fast}
    return options.close([convert(halves, name, **how) for name in dict.fromkeys(args.features)])
