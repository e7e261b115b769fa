"""What the features are: medium, width, rows a second, and where in time a row stands.

Those that are made here (`action_spotting.extraction.registry`) and those that SoccerNet released.
``<name>_PCA<n>`` is a feature reduced to *n* numbers by PCA.

Rows a second of the released features are those that SoccerNet's package lists in its README
(ResNET at 2, 5 and 25, C3D and I3D at 2), of Baidu's those of spivak's documentation, which doubles
them. Widths: 2,048 of ResNet-152, 4,096 of C3D (fc7), 1,024 of I3D (last pooling; Giancola
et al., CVPRW 2018), 8,576 of Baidu's five networks side by side (Zhou et al., arXiv 2106.14447).
Where in its second a row of Baidu's stands is stated nowhere; the middle is taken, as spivak's
doubling does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from action_spotting.errors import UsageError

PICTURE, AUDIO = "picture", "audio"

AUDIO_SUFFIX = "_audio"
"""Ends the name of a feature of one's own that is made from the audio."""

MODALITIES = ("ResNET_TF2_PCA512", "VGGish", "FFT", "YOLOv5")
"""The features that a head is trained on unless others are named."""

USUAL_FPS = 2.0
"""Rows a second of a feature whose name has no rate."""

_OWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_RATE = re.compile(r"_(?P<fps>\d{1,4}(\.\d{1,6})?)fps(?=_|$)")
_PCA = re.compile(r"(?P<source>.+)_PCA(?P<dims>[1-9]\d*)")


@dataclass(frozen=True)
class FeatureType:
    """A kind of feature.

    Attributes
    ----------
    medium
        `PICTURE` or `AUDIO`.
    width
        Numbers in a row.
    fps
        Rows a second.
    offset_s
        Row *i* stands at ``offset_s + i / fps`` seconds of the half.
    """

    medium: str
    width: int
    fps: float = 2.0
    offset_s: float = 0.5


FEATURE_TYPES = {
    "ResNET_TF2": FeatureType(PICTURE, 2048),
    "YOLOv5": FeatureType(PICTURE, 64),
    "MaskRCNN": FeatureType(PICTURE, 64),
    "CCBV": FeatureType(PICTURE, 20),
    "VGGish": FeatureType(AUDIO, 512, offset_s=0.25),
    "VGGish_standard": FeatureType(AUDIO, 128, offset_s=0.25),
    "FFT": FeatureType(AUDIO, 48, offset_s=0.25),
    "ResNET_5fps_TF2": FeatureType(PICTURE, 2048, fps=5.0, offset_s=0.2),
    "ResNET_25fps_TF2": FeatureType(PICTURE, 2048, fps=25.0, offset_s=0.04),
    "baidu_soccer_embeddings": FeatureType(PICTURE, 8576, fps=1.0),
    "ResNET": FeatureType(PICTURE, 2048),
    "C3D": FeatureType(PICTURE, 4096),
    "I3D": FeatureType(PICTURE, 1024),
}
"""By name, as in ``1_<name>.npy``; from ``ResNET_5fps_TF2`` on released by SoccerNet only."""


def feature_type(name: str) -> FeatureType | None:
    """Tell what is known of a feature.

    Parameters
    ----------
    name
        A name in `FEATURE_TYPES`, or ``<name>_PCA<n>``.

    Returns
    -------
    FeatureType or None
        None for an unknown feature.

    Examples
    --------
    >>> feature_type("VGGish_PCA64")
    FeatureType(medium='audio', width=64, fps=2.0, offset_s=0.25)
    """
    base, reduced = base_of(name), pca_of(name)
    plain, fps = split_rate(base)
    known, like = FEATURE_TYPES.get(base), FEATURE_TYPES.get(plain)
    if known is None and like and fps and like.medium == PICTURE:
        known = replace(like, fps=fps, offset_s=1 / fps)
    return replace(known, width=reduced[1]) if known and reduced else known


def name_at(name: str, fps: float) -> str:
    """Give the name of a feature of frames at a rate, as SoccerNet names its own.

    Parameters
    ----------
    name
        The feature's name at two rows a second.
    fps
        Rows a second.

    Returns
    -------
    str
        Features of several rates of a half lie beside each other.

    Examples
    --------
    >>> name_at("ResNET_TF2", 5), name_at("YOLOv5", 12.5), name_at("ResNET_TF2", 2)
    ('ResNET_5fps_TF2', 'YOLOv5_12.5fps', 'ResNET_TF2')
    """
    if fps == USUAL_FPS:
        return name
    first, _, rest = name.partition("_")
    return f"{first}_{fps:g}fps" + (f"_{rest}" if rest else "")


def split_rate(name: str) -> tuple[str, float | None]:
    """Take the rate out of a feature's name.

    Parameters
    ----------
    name
        Of a feature that is not reduced.

    Returns
    -------
    tuple of str and float
        The name at two rows a second, and the rate; None where the name has none.

    Examples
    --------
    >>> split_rate("ResNET_5fps_TF2"), split_rate("FFT")
    (('ResNET_TF2', 5.0), ('FFT', None))
    """
    found = _RATE.search(name)
    if not found:
        return name, None
    return name[: found.start()] + name[found.end() :], float(found["fps"])


def pca_of(name: str) -> tuple[str, int] | None:
    """Split the name of a reduced feature into its source and its width.

    Parameters
    ----------
    name
        Of any feature.

    Returns
    -------
    tuple of str and int, or None
        None for a feature that is not reduced.

    Examples
    --------
    >>> pca_of("ResNET_TF2_PCA512"), pca_of("FFT")
    (('ResNET_TF2', 512), None)
    """
    found = _PCA.fullmatch(name)
    return (found["source"], int(found["dims"])) if found else None


def base_of(name: str) -> str:
    """Give the feature that is extracted from media: a reduced one's source, or itself.

    Parameters
    ----------
    name
        Of any feature.

    Returns
    -------
    str
        The name without ``_PCA<n>``.

    Examples
    --------
    >>> base_of("ResNET_TF2_PCA512"), base_of("FFT")
    ('ResNET_TF2', 'FFT')
    """
    reduced = pca_of(name)
    return reduced[0] if reduced else name


def is_audio(name: str) -> bool:
    """Tell whether a feature is made from the audio.

    Parameters
    ----------
    name
        Of any feature; one that is not in `FEATURE_TYPES` is made from the audio where its name
        ends in ``_audio``, else from the video.

    Returns
    -------
    bool
        True for audio.

    Examples
    --------
    >>> [is_audio(name) for name in ("VGGish_PCA64", "YOLOv5", "DINOv3", "PANNs_audio_PCA64")]
    [True, False, False, True]
    """
    known, base = feature_type(name), base_of(name)
    return known.medium == AUDIO if known else base.endswith(AUDIO_SUFFIX)


def own_name(name: str, medium: str) -> str:
    """Give the name of a feature that somebody makes with a network of their own.

    Parameters
    ----------
    name
        As it was chosen: letters, digits, ``_``, ``-`` and ``.``.
    medium
        `PICTURE` or `AUDIO`, whose features' names end in ``_audio``.

    Returns
    -------
    str
        The name in ``1_<name>.npy``.

    Raises
    ------
    UsageError
        No name of a file, that of another feature, or one that says it is reduced by PCA.

    Examples
    --------
    >>> own_name("DINOv3", PICTURE), own_name("PANNs", AUDIO)
    ('DINOv3', 'PANNs_audio')
    """
    whole = name + AUDIO_SUFFIX * (medium == AUDIO and not name.endswith(AUDIO_SUFFIX))
    if not _OWN.fullmatch(name) or pca_of(name):
        raise UsageError(
            f"--name {name[:80]!r}: expected letters, digits, _ - and . that do not end in "
            "_PCA and a number, such as DINOv3"
        )
    if feature_type(whole) or (medium == PICTURE and is_audio(whole)):
        raise UsageError(f"--name {name}: that is the name of another kind of feature")
    return whole
