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

PICTURE, AUDIO = "picture", "audio"

MODALITIES = ("ResNET_TF2_PCA512", "VGGish", "FFT", "YOLOv5")
"""The features that a head is trained on unless others are named."""

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
    known, reduced = FEATURE_TYPES.get(base_of(name)), pca_of(name)
    return replace(known, width=reduced[1]) if known and reduced else known


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
        Of any feature; an unknown one counts as made from the video.

    Returns
    -------
    bool
        True for audio.

    Examples
    --------
    >>> is_audio("VGGish_standard"), is_audio("VGGish_PCA64"), is_audio("YOLOv5")
    (True, True, False)
    """
    known = feature_type(name)
    return known is not None and known.medium == AUDIO
