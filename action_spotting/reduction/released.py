"""The PCA that made SoccerNet's released ``ResNET_TF2_PCA512``, fetched where it is needed."""

from __future__ import annotations

from pathlib import Path

from action_spotting.io.pretrained import PretrainedFile, find

FEATURE = "ResNET_TF2_PCA512"

_FOLDER = (
    "https://raw.githubusercontent.com/SilvioGiancola/SoccerNetv2-DevKit/"
    "a3d35f2910c697ee669f32b5030e201aef9d9b0f/Features"
)
PICKLES = (
    PretrainedFile(
        name="pca_512_TF2.pkl",
        url=f"{_FOLDER}/pca_512_TF2.pkl",
        digest="git:7c3391c946d890c6db391eeccb9fabc7dd887310",
        option="--pca_file",
    ),
    PretrainedFile(
        name="average_512_TF2.pkl",
        url=f"{_FOLDER}/average_512_TF2.pkl",
        digest="sha256:73c4b1c9e492929552e63edc87b8dc7cecc4fe6747d9106a5e4d56bc2760556e",
        option="--scaler_file",
    ),
)
"""The PCA and its average (MIT), in SoccerNet's development kit; the first one's digest is its name
in the repository. It was fitted on all 500 games, those of the test too."""


def released_pca() -> tuple[Path, Path]:
    """Find the two pickles in the cache of pretrained files, else download them.

    Raises
    ------
    WeightsUnavailable
        They are neither here nor to be had from their address.
    """
    pca, average = (find(file) for file in PICKLES)
    return pca, average
