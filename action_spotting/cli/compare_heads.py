"""Score heads side by side on the games of a data set, published ones beside own ones."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_spotting.backend import load_backend, use_device
from action_spotting.cli import command, output

EXAMPLE = (
    "%(prog)s --soccernet_dirpath SoccerNet --split test\n"
    "      --models spivak-resnet netvladpp-pca512 my_model --out heads"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    what = parser.add_argument_group("what")
    what.add_argument(
        "--soccernet_dirpath", required=True, help="the dataset folder, with features and labels"
    )
    command.add_features_dirpath(what)
    what.add_argument("--split", default="test", help="games that no head was trained on")
    what.add_argument(
        "--models",
        nargs="+",
        required=True,
        metavar="HEAD",
        help="published heads by name (SpotVideo --model list prints them), or model folders; one "
        "that cannot be had, or whose features are not there, is skipped and named",
    )
    what.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for comparison.json, comparison.png and each head's predictions",
    )
    how = parser.add_argument_group("intervals of the differences from the first head")
    how.add_argument(
        "--bootstrap", type=command.number(int, 1, 100_000), default=1000, metavar="N", help="draws"
    )
    how.add_argument("--seed", type=command.SEED, default=0, help="of the draws")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    root = command.data_set(args)
    load_backend()
    use_device(None)
    from action_spotting.cli.run_log import log_run
    from action_spotting.pipeline.compare import compare_heads

    log_run(args.out, "compare-heads", argv)
    compared = compare_heads(
        root, args.split, args.models, args.out, resamples=args.bootstrap, seed=args.seed
    )
    output.add(folder=args.out, heads=list(compared.evaluations), skipped=compared.skipped)
    print(compared)
    return compared.exit_code
