"""A feature of an ONNX network, made again as the record of another says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_spotting.dataset.feature_types import AUDIO
from action_spotting.dataset.records import sha256
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.onnx_encoder import EncoderSettings

if TYPE_CHECKING:
    from action_spotting.extraction.driver import Extractor


def is_onnx(like: Mapping[str, Any]) -> bool:
    """Tell whether settings are those of a feature that ExtractONNX made.

    Parameters
    ----------
    like
        The settings in a feature's record.

    Returns
    -------
    bool
    """
    return like.get("network") == "onnx"


def onnx_feature(
    name: str, files: Sequence[Path], like: Mapping[str, Any], *, gpu: int | None = -1
) -> Extractor:
    """Make the extractor of an ONNX feature, as it was made for a model's training.

    Parameters
    ----------
    name
        Of the feature.
    files
        ONNX networks; the one whose hash is that of `like` is taken.
    like
        The settings in the feature's record.
    gpu
        Index of the GPU; -1: the CPU.

    Returns
    -------
    Extractor

    Raises
    ------
    UsageError
        None of the files is the network.
    InputError
        The settings are not those of such a feature, or the network is refused.
    """
    _check_record(name, like)
    wanted = like["weights"]["sha256"]
    path = next((path for path in files if sha256(path) == wanted), None)
    if path is None:
        given = f"; {', '.join(map(str, files))} is another" if files else ""
        raise UsageError(
            f"{name} is made by an ONNX network: name its file with --onnx (SHA-256 {wanted})"
            f"{given}"
        )
    encoder = EncoderSettings(path, output=like["output"], pool=like["pool"], gpu=gpu)
    return (_sound if like["medium"] == AUDIO else _frames)(encoder, like)


def _check_record(name: str, like: Mapping[str, Any]) -> None:
    """Refuse a record in which something is missing."""
    frames = ("fps", "sampling", "grabber", "side", "mean", "std", "transform", "channel_order")
    sound = ("rate", "window_s", "mean", "std", "track", "resampler")
    wanted = ("medium", "output", "pool", *(sound if like.get("medium") == AUDIO else frames))
    lacking = [key for key in wanted if key not in like]
    weights = like.get("weights")
    if lacking or not isinstance(weights, Mapping) or "sha256" not in weights:
        raise InputError(
            f"{name}: the model's record of it lacks {', '.join(lacking) or 'the hash'}; make the "
            "feature anew with ExtractONNX, and train again"
        )


def _frames(encoder: EncoderSettings, like: Mapping[str, Any]) -> Extractor:
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.onnx_frames import OnnxFrames, PictureSettings

    mean, std = tuple(like["mean"]), tuple(like["std"])
    pictures = PictureSettings(like["side"], mean, std, like["transform"], like["channel_order"])
    decoding = FrameOptions(like["fps"], like["sampling"], like["grabber"])
    return OnnxFrames(encoder, pictures, decoding)


def _sound(encoder: EncoderSettings, like: Mapping[str, Any]) -> Extractor:
    from action_spotting.audio.extractors import AudioOptions, onnx_extractor
    from action_spotting.audio.onnx_sound import SoundSettings

    names = ("rate", "window_s", "mean", "std", "bands", "fft_size", "hop", "low_hz", "high_hz")
    sound = SoundSettings(**{name: like[name] for name in names if name in like})
    decoding = AudioOptions(like["track"], str(like["resampler"]).split()[0])
    return onnx_extractor(encoder, sound, decoding=decoding)
