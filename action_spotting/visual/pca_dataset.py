"""PCA over a dataset folder: which files are fitted and reduced, where the pickles go."""

from __future__ import annotations

from pathlib import Path

from action_spotting.dataset.splits import list_halves
from action_spotting.errors import UsageError
from action_spotting.extraction import Summary
from action_spotting.visual.pca import PCA, fit, reduce_files
from action_spotting.visual.pca_files import load_pca, plot_variance, save_pca


def fit_or_load(
    root: Path,
    features: str,
    pca_file: Path,
    scaler_file: Path,
    *,
    dims: int = 512,
    split: str = "v1",
    transform_only: bool = False,
) -> tuple[PCA, Summary | None]:
    """Load a PCA where both pickles are there, else fit and save one.

    Parameters
    ----------
    root
        The dataset folder.
    features
        The features' name, as in ``1_<name>.npy``.
    pca_file, scaler_file
        The two pickles.
    dims
        Components of a new PCA.
    split
        Games of a new PCA.
    transform_only
        Never fit.

    Returns
    -------
    pca, summary
        `summary` of the fit, None when it was loaded.

    Raises
    ------
    UsageError
        A loaded PCA has another number of components than `dims`.
    """
    if transform_only or (pca_file.exists() and scaler_file.exists()):
        pca = load_pca(pca_file, scaler_file)
        if pca.dims != dims:
            raise UsageError(
                f"{pca_file}: has {pca.dims} components, --dim_reduction says {dims}; name another "
                "--pca_file, or delete it to have one fitted"
            )
        return pca, None
    halves = list_halves(root, split)
    pca, summary = fit([half.feature(features) for half in halves], dims)
    save_pca(pca, pca_file, scaler_file)
    plot_variance(pca, pca_file.with_suffix(".png"))
    return pca, summary


def reduce_dataset(
    pca: PCA,
    root: Path,
    features: str,
    reduced: str,
    *,
    split: str = "all",
    overwrite: bool = False,
    workers: int = 1,
) -> Summary:
    """Reduce the features of every half of a split; see `pca.reduce_files`."""
    if reduced == features:
        raise UsageError(f"--features_PCA {reduced}: the name of the features that are reduced")
    halves = list_halves(root, split)
    pairs = {half.feature(reduced): half.feature(features) for half in halves}
    return reduce_files(pca, pairs, overwrite=overwrite, workers=workers)
