"""Turn the sound of matches into features: VGGish (512 numbers) and FFT (48), two rows a second."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from action_spotting.backend import load_tensorflow
from action_spotting.cli import command


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(
        __doc__ or "",
        "%(prog)s --root_path SoccerNet --split test --features FFT --plot",
    )
    what = parser.add_argument_group("a folder")
    what.add_argument(
        "--root_path",
        type=Path,
        help="SoccerNet folder, folder of own matches, or any folder of .mkv .mp4 .wav .mp3",
    )
    what.add_argument(
        "--out_dir_path",
        type=Path,
        help="where the features go, laid out as the folder (left out: beside the media)",
    )
    what.add_argument(
        "--video",
        choices=("LQ", "720p", "HQ"),
        default="LQ",
        help="1_224p.mkv, 1_720p.mkv, or 1_HQ.mkv with the start and duration of video.ini",
    )
    what.add_argument(
        "--split", default="all", help="train, valid, test, challenge, v1, all or an own one"
    )
    what.add_argument("--game_ID", type=int, metavar="I", help="only game I of the split, from 0")
    one = parser.add_argument_group("or one file")
    one.add_argument("--path_video", type=Path, metavar="FILE", help="a video or a sound file")
    one.add_argument(
        "--path_features",
        type=Path,
        metavar="PLACE",
        help="a .npy (for one feature) or a folder (left out: beside the file)",
    )
    one.add_argument("--start", type=_seconds, metavar="S", help="begin at this second")
    one.add_argument("--duration", type=_seconds, metavar="S", help="take this many seconds")
    feature = parser.add_argument_group("features")
    feature.add_argument(
        "--features",
        nargs="+",
        choices=("VGGish", "FFT"),
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
        help="soccer: 512 numbers of conv4_2 from each half-second; standard: Google's 128 "
        "from 0.96 s, with PCA, written as 1_VGGish_standard.npy",
    )
    feature.add_argument(
        "--pca_params", type=Path, metavar="FILE", help="vggish_pca_params.npz, for standard"
    )
    sound = parser.add_argument_group("sound")
    sound.add_argument("--track", type=int, default=1, help="which sound track, from 1")
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
    run = parser.add_argument_group("the run")
    run.add_argument("--plot", action="store_true", help="draw each half's FFT features (.png)")
    run.add_argument("--overwrite", action="store_true", help="redo what is already there")
    run.add_argument("--batch_size", type=_positive, default=64, help="half-seconds a network call")
    run.add_argument("--num_workers", type=_positive, default=1, help="halves in work at once")
    command.add_fail_fast(run)
    command.add_many_machines(parser)
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0")
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, extract, print what was done."""
    options = build_parser().parse_args(argv)
    if options.scheduler:
        paths = ("root_path", "out_dir_path", "path_video", "path_features", "weights")
        command.make_absolute(options, *paths, "pca_params")

    if "VGGish" in options.features and not options.scheduler:
        load_tensorflow()
    from action_spotting.audio.extractors import SoundOptions
    from action_spotting.audio.stage import SoundPlan, results_folder, run
    from action_spotting.cli.run_log import log_run

    plan = SoundPlan(
        features=options.features,
        root=options.root_path,
        out=options.out_dir_path,
        video=options.video,
        split=options.split,
        game_id=options.game_ID,
        media=options.path_video,
        target=options.path_features,
        start_s=options.start,
        duration_s=options.duration,
        weights=options.weights,
        vggish=options.vggish,
        pca=options.pca_params,
        batch_size=options.batch_size,
        sound=SoundOptions(options.track, options.resampler, options.keep_wav),
        plot=options.plot,
        overwrite=options.overwrite,
        fail_fast=options.fail_fast,
        workers=options.num_workers,
        shard=options.shard,
        scheduler=options.scheduler,
    )
    log_run(results_folder(plan), "extract-audio", argv)
    summaries = run(plan)
    print("\n".join(str(summary) for summary in summaries))
    return max(summary.exit_code for summary in summaries)
