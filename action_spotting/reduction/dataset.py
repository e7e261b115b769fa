"""PCA over a dataset folder: which files are fitted and reduced, where the pickles go."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from action_spotting.dataset.layout import Half, feature_path, parse_feature
from action_spotting.dataset.splits import list_halves, read_splits, split_games
from action_spotting.errors import UsageError
from action_spotting.io.items import Summary
from action_spotting.reduction.files import (
    FittedOn,
    load_pca,
    plot_variance,
    read_fitted_on,
    save_pca,
)
from action_spotting.reduction.fitting import fit
from action_spotting.reduction.on_cluster import fit_on_cluster
from action_spotting.reduction.pca import PCA


def fit_or_load(
    root: Path,
    features: str,
    pca_file: Path,
    scaler_file: Path,
    *,
    dims: int = 512,
    split: str = "v1",
    transform_only: bool = False,
    keep: bool = False,
    fail_fast: bool = False,
    scheduler: str | None = None,
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
    keep
        Keep a PCA that was fitted on a part of the split, though the rest is there by now.
    fail_fast
        Raise at the first file that cannot be used.
    scheduler
        The address of a Dask cluster that sums up the files; None: this process.

    Returns
    -------
    pca, summary
        `summary` of the fit, None when it was loaded.

    Raises
    ------
    UsageError
        A loaded PCA has another number of components than `dims`.
    """
    there = pca_file.exists() and scaler_file.exists()
    if transform_only or (there and (keep or not rest_has_come(root, pca_file, split))):
        pca = load_pca(pca_file, scaler_file)
        if pca.dims != dims:
            raise UsageError(
                f"{pca_file}: has {pca.dims} components, --dim_reduction says {dims}; name another "
                "--pca_file, or delete it to have one fitted"
            )
        return pca, None
    files = [half.feature(features) for half in list_halves(root, split)]
    fitted = partial(fit_on_cluster, scheduler) if scheduler else fit
    pca, summary = fitted(files, dims, fail_fast=fail_fast)
    plot_variance(pca, pca_file.with_suffix(".png"))
    part = fitted_on(root, features, split, summary)
    save_pca(pca, pca_file, scaler_file, part)  # last: where it is, all is done
    return pca, summary


def fitted_on(root: Path, features: str, split: str, summary: Summary) -> FittedOn:
    """Tell which files of a split, those of games without a folder included, a PCA is fitted on."""
    used = {Path(path).absolute() for path in summary.done}
    games = split_games(read_splits(root), split, root)
    halves = [Half(root, game, number) for game in games for number in (1, 2)]
    without = [half for half in halves if half.feature(features).absolute() not in used]
    names = tuple(feature_path(Path(h.game), h.number, features).as_posix() for h in without)
    return FittedOn(split, len(used), names)


def rest_has_come(root: Path, pca_file: Path, split: str) -> bool:
    """Tell whether a PCA was fitted on a part of `split` of which all is there by now."""
    part = read_fitted_on(pca_file)
    if part is None or not part.without or part.split != split:
        return False
    names = [(Path(name).parent.as_posix(), parse_feature(Path(name))) for name in part.without]
    halves = [Half(root, game, found[0]).feature(found[1]) for game, found in names if found]
    return all(path.exists() for path in halves)


def pairs_of(root: Path, features: str, reduced: str, split: str) -> dict[Path, Path]:
    """Give ``{target: source}`` for every half of a split."""
    if reduced == features:
        raise UsageError(f"--features_PCA {reduced}: the name of the features that are reduced")
    halves = list_halves(root, split)
    return {half.target(reduced): half.feature(features) for half in halves}
