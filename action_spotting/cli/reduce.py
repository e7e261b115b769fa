"""Reduce features with PCA: 1_ResNET_TF2_PCA512.npy, 512 numbers a row.

When the two pickles of a PCA are there they are used, the released ones too; nothing that they
carry is executed. Otherwise a PCA is fitted on the games of --fit_split in one pass. The original
fits on v1, which holds the test games; train keeps them out, and is what a fair score needs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_spotting.cli import command, output
from action_spotting.errors import UsageError
from action_spotting.io.files import existing_folder

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
    data.add_argument("--split", default="all", help="games to reduce")
    data.add_argument("--features", default="ResNET_TF2.npy", help="features to reduce")
    data.add_argument(
        "--features_PCA", help="name of the reduced features (default: <features>_PCA<dims>.npy)"
    )
    command.add_rate(data)
    data.add_argument(
        "--overwrite",
        action="store_true",
        help="redo the reduced files; a PCA is never overwritten",
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    root = existing_folder(args.soccernet_dirpath, "--soccernet_dirpath")

    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.rate_text import parse_rates
    from action_spotting.reduction.dataset import fit_or_load, pairs_of
    from action_spotting.reduction.on_cluster import reduce_on_cluster
    from action_spotting.reduction.projection import reduce_files

    features = args.features.removesuffix(".npy")
    rates = parse_rates(args.rate)
    if {*rates} - {features}:
        raise UsageError(f"--rate {', '.join(rates)}: the features that are reduced are {features}")
    log_run(root, "reduce", argv)
    files = _pickles(args, features)
    pca, fitting = fit_or_load(
        root,
        features,
        *files,
        dims=args.dim_reduction,
        split=args.fit_split,
        transform_only=args.transform_only,
        fail_fast=args.fail_fast,
        scheduler=args.scheduler,
    )
    if fitting:
        print(fitting)
    reduced = (args.features_PCA or f"{features}_PCA{pca.dims}").removesuffix(".npy")
    kept = 100 * pca.variance_ratio.sum()
    how = "fitted" if fitting else "loaded"
    print(f"{how} {files[0]}: {pca.width} -> {pca.dims}, {kept:.2f} % of the variance kept")
    output.add(pca=files[0], fitted=bool(fitting), variance_kept=kept / 100)
    pairs = pairs_of(root, features, reduced, args.split)
    options = {
        "overwrite": args.overwrite,
        "fail_fast": args.fail_fast,
        "rate": rates.get(features),
    }
    if args.scheduler:
        summary = reduce_on_cluster(args.scheduler, *files, pairs, **options)
    else:
        summary = reduce_files(pca, pairs, workers=args.num_workers, **options)
    print(summary)
    return max(summary.exit_code, fitting.exit_code if fitting else 0)
