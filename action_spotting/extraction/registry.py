"""From the names of features to what makes them; the only place that knows every extractor.

What each feature is, those that only SoccerNet made included, is in
`action_spotting.dataset.feature_types`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from action_spotting.backend import load_backend
from action_spotting.dataset.feature_types import FEATURE_TYPES, is_audio, split_rate
from action_spotting.dataset.records import compare_settings
from action_spotting.errors import UsageError, unknown
from action_spotting.extraction.driver import Extractor
from action_spotting.extraction.onnx_feature import is_onnx, onnx_feature
from action_spotting.io.pretrained import WeightsUnavailable

if TYPE_CHECKING:
    from action_spotting.audio.extractors import AudioOptions

RANDOM = "random"
GPU: int | None = None
"""The GPU that is used: the first, where there is one."""


@dataclass(frozen=True)
class Pretrained:
    """Which weights the feature networks get.

    Attributes
    ----------
    resnet, vggish
        ``imagenet`` / ``audioset``, ``random``, or the path of a file.
    yolov5
        An ONNX export, or None.
    yolov5_note
        What it is, for the provenance, where it is not plain YOLOv5.
    pca
        The files of the PCA and of its average; None: those kept with the model.
    onnx
        Networks of features that ExtractONNX made.
    precision
        In which ResNet-152 computes: ``float32``, ``bfloat16``, ``float16``.
    """

    resnet: str = "imagenet"
    vggish: str = "audioset"
    yolov5: Path | None = None
    yolov5_note: str = ""
    pca: tuple[Path, Path] | None = None
    onnx: tuple[Path, ...] = ()
    precision: str = "float32"


def make_extractor(
    name: str, pretrained: Pretrained, like: Mapping[str, Any] | None = None
) -> Extractor:
    """Make the extractor of a feature.

    Parameters
    ----------
    name
        One that is made here: ``ResNET_TF2``, ``YOLOv5`` (both also at a rate, such as
        ``ResNET_5fps_TF2``), ``VGGish``, ``VGGish_standard``, ``FFT``, or, with `like`, one that
        ExtractONNX made.
    pretrained
        The weights to use.
    like
        The settings that a model's features were made with: they are made the same way again.

    Returns
    -------
    Extractor
        For `action_spotting.extraction.driver.extract_all`.

    Raises
    ------
    UsageError
        No such feature, one that is not made here, no file for YOLOv5, or weights other than those
        of `like`.
    WeightsUnavailable
        The published weights are neither here nor to be downloaded.

    Examples
    --------
    >>> make_extractor("FFT", Pretrained()).width
    48
    """
    if like and is_onnx(like):
        return onnx_feature(name, pretrained.onnx, like, gpu=GPU)
    plain, fps = split_rate(name)
    if not is_made_here(name):
        if name in FEATURE_TYPES:
            raise UsageError(f"{name} is not made here; fetch SoccerNet's with DownloadSoccerNet")
        raise UsageError(unknown("feature", name, FEATURE_TYPES))
    option = _MAKERS[plain][1]
    extractor = _made(plain, pretrained, like or ({"fps": fps} if fps else {}))
    differences = compare_settings(extractor.settings, like) if like else []
    if differences:
        raise UsageError(
            f"{name} cannot be made as for the model's training: {'; '.join(differences)}; name "
            f"the weights of that time with --{option}"
        )
    return extractor


def is_made_here(name: str) -> bool:
    """Tell whether a feature can be made here without the record of another.

    Parameters
    ----------
    name
        Of any feature that is not reduced.

    Returns
    -------
    bool
        Features of the picture are made at any rate.

    Examples
    --------
    >>> [is_made_here(name) for name in ("FFT", "ResNET_5fps_TF2", "FFT_5fps", "I3D")]
    [True, True, False, False]
    """
    plain, fps = split_rate(name)
    return plain in _MAKERS and not (fps and is_audio(plain))


def _made(name: str, pretrained: Pretrained, like: Mapping[str, Any]) -> Extractor:
    """Make an extractor; what is wrong names the chain's own option of its weights."""
    make, option = _MAKERS[name]
    try:
        return make(pretrained, like)
    except (UsageError, WeightsUnavailable) as error:
        words = re.sub(r"(?<!export\.py )--weights\b", f"--{option}", str(error))
        raise type(error)(words) from error


def _resnet(pretrained: Pretrained, like: Mapping[str, Any]) -> Extractor:
    load_backend()
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.resnet import ResNetExtractor
    from action_spotting.visual.resnet_network import Settings

    engine = () if like.get("precision") == "float32" else ("engine",)  # all do, in float32
    return ResNetExtractor(
        Settings(
            weights=_weights(pretrained.resnet, like),
            gpu=GPU,
            **{"precision": pretrained.precision}
            | _some(like, "channel_order", "precision", *engine),
        ),
        FrameOptions(**_some(like, "fps", "sampling", "grabber")),
        **_some(like, "transform"),
    )


def _yolov5(pretrained: Pretrained, like: Mapping[str, Any]) -> Extractor:
    from action_spotting.visual.detector import DetectorSettings
    from action_spotting.visual.frames import FrameOptions
    from action_spotting.visual.yolov5 import YOLOv5Extractor

    if pretrained.yolov5 is None:
        raise UsageError(
            "YOLOv5 needs an ONNX export: make one with YOLOv5's own `python export.py --weights "
            "yolov5m.pt --include onnx` and name it with --yolov5_weights"
        )
    return YOLOv5Extractor(
        DetectorSettings(
            pretrained.yolov5,
            gpu=GPU,
            note=(like.get("weights") or {}).get("note", pretrained.yolov5_note),
            **_some(like, "conf", "ball_conf", "iou", "imgsz"),
        ),
        FrameOptions(**_some(like, "fps", "sampling", "grabber")),
    )


def _vggish(variant: str, pretrained: Pretrained, like: Mapping[str, Any]) -> Extractor:
    load_backend()
    from action_spotting.audio.extractors import vggish_extractor

    weights = _weights(pretrained.vggish, like)
    return vggish_extractor(weights=weights, variant=variant, decoding=_audio(like))


def _fft(pretrained: Pretrained, like: Mapping[str, Any]) -> Extractor:
    from action_spotting.audio.extractors import fft_extractor

    return fft_extractor(decoding=_audio(like))


def _audio(like: Mapping[str, Any]) -> AudioOptions:
    from action_spotting.audio.extractors import AudioOptions

    chosen = _some(like, "track")
    if "resampler" in like:
        chosen["resampler"] = str(like["resampler"]).split()[0]
    return AudioOptions(**chosen)


def _weights(chosen: str, like: Mapping[str, Any]) -> str:
    """The weights to use: random ones again where a model's features came from such."""
    return RANDOM if RANDOM in (like.get("weights") or ()) else chosen


def _some(like: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: like[name] for name in names if name in like}


_MAKERS: dict[str, tuple[Callable[[Pretrained, Mapping[str, Any]], Extractor], str]] = {
    "ResNET_TF2": (_resnet, "resnet_weights"),
    "YOLOv5": (_yolov5, "yolov5_weights"),
    "VGGish": (partial(_vggish, "soccer"), "vggish_weights"),
    "VGGish_standard": (partial(_vggish, "standard"), "vggish_weights"),
    "FFT": (_fft, "weights"),
}
"""What makes a feature, and the option that names its weights."""

MADE_HERE = tuple(_MAKERS)
"""The features that are made here."""
