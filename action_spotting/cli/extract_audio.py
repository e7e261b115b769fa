"""Turn the sound of matches into features: VGGish (512 numbers) and FFT (48), two rows a second."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from action_spotting.backend import load_backend
from action_spotting.cli import command
from action_spotting.cli import extraction_options as options
from action_spotting.errors import UsageError


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(
        __doc__ or "",
        "%(prog)s --root_path SoccerNet --split test --features FFT --plot",
    )
    options.add_source(parser, "--root_path", "LQ", audio=True)
    _add_features(parser)
    sound = parser.add_argument_group("sound")
    sound.add_argument("--track", type=command.COUNT, default=1, help="which sound track, from 1")
    sound.add_argument(
        "--resampler",
        choices=("soxr", "resampy"),
        default="soxr",
        help="soxr: the half as one stream; resampy: half-second by half-second as the original "
        "(slower)",
    )
    sound.add_argument(
        "--keep_wav", action="store_true", help="leave the 16 kHz mono sound beside the features"
    )
    run = options.add_running(parser, workers=1)
    run.add_argument("--plot", action="store_true", help="draw each half's FFT features (.png)")
    run.add_argument(
        "--batch_size", type=command.BATCH, default=64, help="half-seconds a network call"
    )
    return parser


def _add_features(parser: argparse.ArgumentParser) -> None:
    """Add which features are made, and with which weights."""
    feature = parser.add_argument_group("features")
    feature.add_argument(
        "--features",
        nargs="+",
        choices=("VGGish", "VGGish_standard", "FFT"),
        default=["VGGish", "FFT"],
        help="which ones",
    )
    feature.add_argument(
        "--weights",
        default="audioset",
        metavar="WHICH",
        help="of VGGish: audioset (found or downloaded), a TensorFlow checkpoint or Keras .h5, "
        "or random (seed 0, to try things out)",
    )
    feature.add_argument(
        "--vggish",
        choices=("soccer", "standard"),
        default="soccer",
        help="what VGGish means. soccer: 512 numbers of conv4_2 from each half-second; standard: "
        "VGGish_standard, Google's 128 from 0.96 s, with PCA",
    )
    feature.add_argument(
        "--pca_params", type=Path, metavar="FILE", help="vggish_pca_params.npz, for standard"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    if args.plot and "FFT" not in args.features:
        raise UsageError("--plot draws the FFT features; add FFT to --features")
    if args.features != ["FFT"] and not args.scheduler:
        load_backend()
    from action_spotting.audio.extractors import (
        VGGISH_NAMES,
        AudioOptions,
        fft_extractor,
        vggish_extractor,
    )
    from action_spotting.audio.plot import draw_halves
    from action_spotting.cli.run_log import log_run
    from action_spotting.extraction.job import shard_of

    chosen = [VGGISH_NAMES[args.vggish] if n == "VGGish" else n for n in args.features]
    features = list(dict.fromkeys(chosen))
    folder, jobs = options.find_jobs(args, features, "weights", "pca_params")
    log_run(folder, "extract-audio", argv)
    decoding = AudioOptions(args.track, args.resampler)
    vggish = partial(
        vggish_extractor,
        weights=args.weights,
        pca=args.pca_params,
        batch_size=args.batch_size,
        decoding=decoding,
    )
    makers = {name: partial(vggish, variant=variant) for variant, name in VGGISH_NAMES.items()}
    makers["FFT"] = partial(fft_extractor, decoding=decoding)
    wanted = {name: makers[name] for name in features}
    if args.keep_wav:  # once is enough
        wanted[features[0]] = partial(wanted[features[0]], keep_wav=True)
    summaries = options.extract(args, wanted, jobs)
    if args.plot:
        mine = shard_of(jobs, args.shard)
        halves = {t: job.clip for job in mine for t, name in job.targets.items() if name == "FFT"}
        summaries.append(draw_halves(halves, fail_fast=args.fail_fast))
    return options.close(summaries)
