"""Extract the features of any frozen ONNX network: 1_NAME.npy, a row for each frame.

Frames are chosen as for ResNet-152. A picture is scaled to [0, 1], less --mean, over --std. With
--medium audio the network hears each half-second and what is around it, as a waveform or, with
--log_mel, as a spectrogram, and the file is 1_NAME_audio.npy. The record beside the features keeps
the hash of the file and all settings; Models/SpotVideo.py --onnx FILE makes them the same way."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from action_spotting.cli import command
from action_spotting.cli import extraction_options as options
from action_spotting.errors import UsageError
from action_spotting.visual import choices

EXAMPLE = (
    "%(prog)s --soccernet_dirpath data --onnx dinov3.onnx --name DINOv3 --size 224 --pool cls\n"
    "  %(prog)s --path_video match.mkv --onnx siglip.onnx --name SigLIP --mean 0.5 --std 0.5\n"
    "  %(prog)s --soccernet_dirpath data --medium audio --onnx panns.onnx --name PANNs --rate 32000"
)
NUMBER = command.number(float, -1e6, 1e6)


def build_parser() -> argparse.ArgumentParser:
    """Describe the command."""
    parser = command.parser(__doc__ or "", EXAMPLE)
    network = parser.add_argument_group("network")
    network.add_argument("--onnx", type=Path, required=True, help="the network, in one file")
    network.add_argument("--name", required=True, help="of the feature, such as DINOv3")
    network.add_argument(
        "--medium", choices=("picture", "audio"), default="picture", help="what it is made from"
    )
    network.add_argument("--output", default="", help="the output to take (default: the first)")
    network.add_argument(
        "--pool",
        choices=("mean", "cls", "none"),
        default="mean",
        help="one row of many vectors: the mean of tokens or of a map, the first token, or all "
        "numbers; an output of one vector is taken as it is",
    )
    network.add_argument("--batch_size", type=command.BATCH, default=16, help="inputs a call")
    command.add_gpu(network)
    network.add_argument(
        "--mean", type=NUMBER, nargs="+", help="3 numbers or 1 (default: ImageNet's; audio: 0)"
    )
    network.add_argument("--std", type=NUMBER, nargs="+", help="(default: ImageNet's; audio: 1)")
    _add_pictures(parser)
    _add_sound(parser)
    options.add_source(parser, "--soccernet_dirpath", "LQ", audio=True)
    options.add_running(parser)
    return parser


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    frames = options.add_frames(parser)
    frames.add_argument(
        "--size",
        type=command.number(int, 8, 4096),
        help="side of the pictures that the network takes (default: the one it fixes)",
    )
    frames.add_argument(
        "--transform",
        choices=choices.ONNX_TRANSFORMS,
        default="crop",
        help="to a square: the middle, all of it squeezed, or all of it with grey bars",
    )
    frames.add_argument(
        "--channel_order", choices=choices.RGB_ORDERS, default="rgb", help="of the network's input"
    )


def _add_sound(parser: argparse.ArgumentParser) -> None:
    sound = parser.add_argument_group("sound (--medium audio)")
    sound.add_argument(
        "--rate",
        type=command.number(int, 1000, 192_000),
        default=16_000,
        help="samples a second; what is decoded goes up to 8 kHz",
    )
    sound.add_argument(
        "--window",
        type=command.number(float, 0.01, 60),
        metavar="S",
        help="seconds a row hears, its half-second in the middle (default: those that the network "
        "fixes, or 1)",
    )
    sound.add_argument(
        "--log_mel",
        type=command.number(int, 0, 1024),
        default=0,
        metavar="BANDS",
        help="give a log-mel spectrogram in dB (librosa's) instead of the waveform",
    )
    sound.add_argument(
        "--fft", type=command.number(int, 16, 65_536), default=1024, help="samples of its windows"
    )
    sound.add_argument(
        "--hop", type=command.number(int, 1, 65_536), default=320, help="samples between them"
    )
    sound.add_argument(
        "--range",
        type=command.number(float, 0, 96_000),
        nargs=2,
        metavar="HZ",
        help="of its bands (default: 50 to half the rate)",
    )
    sound.add_argument("--track", type=command.COUNT, default=1, help="which sound track, from 1")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = build_parser().parse_args(argv)
    args.audio = args.medium == "audio"

    from action_spotting.cli.run_log import log_run
    from action_spotting.dataset.feature_types import own_name
    from action_spotting.extraction.onnx_encoder import EncoderSettings

    name = own_name(args.name, args.medium)
    folder, jobs = options.find_jobs(args, [name], "onnx")
    encoder = EncoderSettings(args.onnx, args.output, args.pool, args.batch_size, args.GPU)
    make = (_sound if args.audio else _frames)(args, encoder)
    log_run(folder, "extract-onnx", argv)
    return options.close(options.extract(args, {name: make}, jobs))


def _frames(args: argparse.Namespace, encoder: Any) -> Callable[[], Any]:
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.onnx_frames import OnnxFrames, PictureSettings

    mean, std = (
        tuple(given * 3 if len(given) == 1 else given)
        for given in (args.mean or choices.IMAGENET_MEAN, args.std or choices.IMAGENET_STD)
    )
    pictures = PictureSettings(args.size, mean, std, args.transform, args.channel_order)
    return partial(
        OnnxFrames, encoder, pictures, FrameOptions(args.FPS, args.sampling, args.grabber)
    )


def _sound(args: argparse.Namespace, encoder: Any) -> Callable[[], Any]:
    from action_spotting.audio.extractors import AudioOptions, onnx_extractor
    from action_spotting.audio.onnx_sound import SoundSettings

    mean, std = args.mean or [0.0], args.std or [1.0]
    if len(mean) != 1 or len(std) != 1 or args.FPS != 2.0:
        raise UsageError("--medium audio: one --mean, one --std, and two rows a second")
    low, high = args.range or (50.0, None)
    sound = SoundSettings(
        args.rate, args.window, args.log_mel, args.fft, args.hop, low, high, mean[0], std[0]
    )
    return partial(onnx_extractor, encoder, sound, decoding=AudioOptions(args.track))
