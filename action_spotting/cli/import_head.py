"""Make a model folder of a published head: its variables are read, no code of it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_spotting.backend import load_backend
from action_spotting.cli import command, output

EXAMPLE = (
    "%(prog)s NETVLAD_v1/model.pth.tar --out heads/netvlad-v1\n"
    "  %(prog)s models/spotting_test_*/best_model models/resnet_normalizer.pkl --out heads/spivak"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    what = parser.add_argument_group("what")
    what.add_argument(
        "head",
        nargs="+",
        metavar="PATH_OR_NAME",
        help="files or folders of one head: SavedModel folders and the normaliser's .pkl of "
        "yahoo/spivak; the .pth.tar, .pt or .ckpt of SoccerNet or OpenSportsLab; or the name of a "
        "published head, which is fetched",
    )
    what.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder")
    rules = parser.add_argument_group("what the files do not tell")
    rules.add_argument(
        "--feature", metavar="NAME", help="the feature it takes (default: SoccerNet's of its width)"
    )
    rules.add_argument(
        "--window", type=command.SECONDS, metavar="S", help="length of a window of a pooling head"
    )
    rules.add_argument(
        "--nms_window",
        type=command.SECONDS,
        metavar="S",
        help="suppression window, as its authors state it",
    )
    rules.add_argument(
        "--floor", type=command.SHARE, metavar="C", help="confidence under which nothing is given"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    load_backend()
    from action_spotting.fusion.published.fetching import fetch_head, is_folder
    from action_spotting.fusion.published.importing import import_head
    from action_spotting.fusion.published.model import load_published, save_published
    from action_spotting.fusion.published.notes import notice_text, write_notice
    from action_spotting.fusion.published.soccernet import Rules

    first = args.head[0]
    if len(args.head) == 1 and not Path(first).exists() and not is_folder(first):
        model = load_published(fetch_head(first))
    else:
        model = import_head(
            [Path(path) for path in args.head],
            feature=args.feature,
            rules=Rules(args.window, args.nms_window, args.floor),
        )
    save_published(args.out, model)
    write_notice(args.out, [model])
    settings = model.settings
    output.add(folder=args.out, kind=settings.head, modality=settings.modality)
    print(f"{args.out}: {settings.head}, {len(settings.classes)} classes, {settings.modality}")
    print(notice_text([model]))
    return 0
