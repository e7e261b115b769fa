"""Reduce features with PCA: 1_ResNET_TF2_PCA512.npy, 512 numbers a row.

When the two pickles of a PCA are there they are used, the released ones too; nothing that they
carry is executed. Otherwise a PCA is fitted on the games of --fit_split in one pass. The original
fits on v1, which holds the test games; train keeps them out, and is what a fair score needs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from action_spotting.cli import command, output
from action_spotting.errors import UsageError

if TYPE_CHECKING:
    from action_spotting.dataset.rates import Rate
    from action_spotting.io.items import Summary
    from action_spotting.reduction.pca import PCA

EXAMPLE = (
    "%(prog)s --soccernet_dirpath data --fit_split train\n"
    "  %(prog)s --soccernet_dirpath data --transform_only "
    "--pca_file pca_512_TF2.pkl --scaler_file average_512_TF2.pkl"
)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    data = parser.add_argument_group("data")
    data.add_argument("--soccernet_dirpath", required=True, help="the dataset folder")
    command.add_features_dirpath(data)
    command.add_out_dir_path(data)
    data.add_argument("--split", default="all", help="games to reduce")
    data.add_argument("--features", default="ResNET_TF2.npy", help="features to reduce")
    data.add_argument(
        "--features_PCA", help="name of the reduced features (default: <features>_PCA<dims>.npy)"
    )
    command.add_rate(data)
    data.add_argument(
        "--overwrite",
        action="store_true",
        help="redo the reduced files; a PCA is not overwritten",
    )
    pca = parser.add_argument_group("PCA")
    pca.add_argument(
        "--pca_file",
        help="pickle of the PCA (default: pca_512_TF2.pkl; pca_<dims>_<name>.pkl of others)",
    )
    pca.add_argument(
        "--scaler_file", help="pickle of the average (default: average_… as the PCA's)"
    )
    pca.add_argument(
        "--dim_reduction", type=command.COUNT, default=512, help="numbers a row afterwards"
    )
    pca.add_argument("--fit_split", default="v1", help="games to fit on; train recommended")
    pca.add_argument(
        "--keep_pca",
        action="store_true",
        help="keep a PCA fitted on a part of the split when the rest has come (default: it is "
        "fitted anew then, and what it reduced is made anew)",
    )
    pca.add_argument("--transform_only", action="store_true", help="never fit")
    running = parser.add_argument_group("running")
    running.add_argument(
        "--num_workers", type=command.WORKERS, default=1, help="files reduced at once"
    )
    command.add_fail_fast(running)
    command.add_scheduler(running)
    return parser


def _pickles(args: argparse.Namespace, features: str) -> tuple[Path, Path]:
    """Name the two pickles: SoccerNet's names for its features, the features' own for others."""
    kind = "512_TF2" if features == "ResNET_TF2" else f"{args.dim_reduction}_{features}"
    pca_file, scaler_file = args.pca_file, args.scaler_file
    return Path(pca_file or f"pca_{kind}.pkl"), Path(scaler_file or f"average_{kind}.pkl")


def _rate(args: argparse.Namespace, features: str) -> Rate | None:
    """Give the rate of the features that the user says, if any."""
    from action_spotting.dataset.rate_text import parse_rates

    rates = parse_rates(args.rate)
    if {*rates} - {features}:
        raise UsageError(f"--rate {', '.join(rates)}: the features that are reduced are {features}")
    return rates.get(features)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    root = command.data_set(args)

    from action_spotting.cli.run_log import log_run
    from action_spotting.reduction.dataset import fit_or_load, pairs_of, rest_has_come
    from action_spotting.reduction.on_cluster import reduce_on_cluster
    from action_spotting.reduction.projection import reduce_files

    features = args.features.removesuffix(".npy")
    rate = _rate(args, features)
    log_run(args.out_dir_path or root, "reduce", argv)
    files = args.pca_file, args.scaler_file = _pickles(args, features)
    again = not (args.keep_pca or args.transform_only) and rest_has_come(
        root, args.pca_file, args.fit_split
    )
    if again:
        print(f"{args.pca_file}: the rest of the split has come, so it is fitted anew (--keep_pca)")
    pca, fitting = fit_or_load(
        root,
        features,
        *files,
        dims=args.dim_reduction,
        split=args.fit_split,
        transform_only=args.transform_only,
        keep=args.keep_pca,
        fail_fast=args.fail_fast,
        scheduler=args.scheduler,
    )
    _tell(args, pca, fitting)
    reduced = (args.features_PCA or f"{features}_PCA{pca.dims}").removesuffix(".npy")
    pairs = pairs_of(root, features, reduced, args.split)
    options = {"overwrite": args.overwrite or again, "fail_fast": args.fail_fast, "rate": rate}
    if args.scheduler:
        summary = reduce_on_cluster(args.scheduler, *files, pairs, **options)
    else:
        summary = reduce_files(pca, pairs, workers=args.num_workers, **options)
    print(summary)
    return max(summary.exit_code, fitting.exit_code if fitting else 0)


def _tell(args: argparse.Namespace, pca: PCA, fitting: Summary | None) -> None:
    """Say what PCA it is, and on how much of its split it was fitted."""
    from action_spotting.reduction.files import read_fitted_on

    kept = float(pca.variance_ratio.sum())
    if fitting:
        print(fitting)
    how = "fitted" if fitting else "loaded"
    widths = f"{pca.width} -> {pca.dims}"
    print(f"{how} {args.pca_file}: {widths}, {100 * kept:.2f} % of the variance kept")
    part = read_fitted_on(args.pca_file)
    if part and part.without:
        print(f"note: {args.pca_file} is {part}; when the rest is there it is fitted anew")
    output.add(pca=args.pca_file, fitted=bool(fitting), fitted_on=part, variance_kept=kept)
