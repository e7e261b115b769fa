"""What the names of features tell."""

from __future__ import annotations

import re

SOUND = ("VGGish", "FFT")

_PCA = re.compile(r"(?P<source>.+)_PCA(?P<dims>[1-9]\d*)")


def pca_of(modality: str) -> tuple[str, int] | None:
    """Split the name of a reduced feature into its source and its size; None for the others.

    >>> pca_of("ResNET_TF2_PCA512"), pca_of("FFT")
    (('ResNET_TF2', 512), None)
    """
    found = _PCA.fullmatch(modality)
    return (found["source"], int(found["dims"])) if found else None


def base_of(modality: str) -> str:
    """Give the feature that is extracted from media: a reduced one's source, or itself."""
    reduced = pca_of(modality)
    return reduced[0] if reduced else modality


def is_sound(modality: str) -> bool:
    """Whether a feature is made from the sound track.

    >>> is_sound("VGGish_PCA64"), is_sound("YOLOv5")
    (True, False)
    """
    return base_of(modality) in SOUND
