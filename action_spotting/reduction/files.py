"""The two pickles of a PCA: read without executing what they carry, written for old readers.

``pca_512_TF2.pkl`` holds a scikit-learn ``PCA`` object, ``average_512_TF2.pkl`` an array. Beside
what we fit lies ``pca_512_TF2.json``: rows, variance kept, and the provenance of the features.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.records import package_versions
from action_spotting.errors import InputError
from action_spotting.io.files import read_json, remove, typed, whole_file, write_json
from action_spotting.io.pickles import Fields, read_pickle
from action_spotting.reduction.pca import PCA


@dataclass(frozen=True)
class FittedOn:
    """Which files of a split a PCA was fitted on.

    Attributes
    ----------
    split
        Names of the split's games.
    files
        How many files it was fitted on.
    without
        Those of the split that were not there or not usable, below the data set's folder.
    """

    split: str
    files: int
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say on how much of the split it was fitted."""
        return f"fitted on {self.files} of {self.files + len(self.without)} files of {self.split}"


def save_pca(
    pca: PCA, pca_file: Path, scaler_file: Path, fitted_on: FittedOn | None = None
) -> None:
    """Save the two pickles, which the original script reads, and the record.

    The arrays are written so that they load with any NumPy; the PCA is written last, so that it
    never lies beside another one's average.
    """
    remove(pca_file)
    _write_pickle(scaler_file, pca.average.astype(np.float32))
    write_json(
        pca_record_path(pca_file),
        {
            "dims": pca.dims,
            "rows": pca.rows,
            "sha256": pca.sha256,
            "settings": pca.settings,
            **({"fitted_on": asdict(fitted_on)} if fitted_on else {}),
            "variance_kept": float(pca.variance_ratio.sum()),
            "versions": package_versions("action_spotting", "numpy", "scikit-learn"),
        },
    )
    _write_pickle(pca_file, _as_sklearn(pca))


def load_pca(pca_file: Path, scaler_file: Path) -> PCA:
    """Load a PCA: ours, or the released one made by any scikit-learn.

    Nothing in the pickles is executed: only arrays, plain values and the fields of a
    scikit-learn PCA are taken from them.

    Raises
    ------
    InputError
        Missing, cut short, something else than a PCA and an array, or of different widths.
    """
    fields = read_pickle(pca_file)
    if not isinstance(fields, Fields):
        raise InputError(f"{pca_file}: holds a {type(fields).__name__}, expected a PCA")
    values = fields.values
    average = _numbers(read_pickle(scaler_file), 1, scaler_file, "the average")
    components = _numbers(values.get("components_"), 2, pca_file, "components_")
    mean = _numbers(values.get("mean_"), 1, pca_file, "mean_")
    variance = _numbers(values.get("explained_variance_"), 1, pca_file, "explained_variance_")
    ratio = values.get("explained_variance_ratio_")
    if ratio is None:  # scikit-learn always wrote it; a share of what was kept is the next best
        ratio = variance / variance.sum()
    ratio = _numbers(ratio, 1, pca_file, "explained_variance_ratio_")
    if values.get("whiten"):
        raise InputError(f"{pca_file}: a whitening PCA; the features of SoccerNet are not whitened")
    if not components.shape[1] == len(mean) == len(average):
        raise InputError(
            f"{pca_file} is for {components.shape[1]} numbers a row, {scaler_file} for "
            f"{len(average)}: they do not belong together"
        )
    record = _record(pca_file)
    rows = values.get("n_samples_")
    return PCA(
        average,
        components,
        mean,
        variance,
        ratio,
        rows if isinstance(rows, int) else 0,
        record.get("settings"),
    )


def read_fitted_on(pca_file: Path) -> FittedOn | None:
    """Read from the record of a PCA what it was fitted on; None: it does not say.

    Raises
    ------
    InputError
        The record is damaged.
    """
    found = _record(pca_file).get("fitted_on")
    return typed(found, FittedOn, str(pca_record_path(pca_file))) if found else None


def pca_record_path(pca_file: Path) -> Path:
    """Give the path of the record beside a PCA."""
    return pca_file.with_suffix(".json")


def plot_variance(pca: PCA, path: Path) -> None:
    """Draw the share of variance kept against the number of components, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    kept = 100 * np.cumsum(pca.variance_ratio)
    axes.plot(np.arange(1, len(kept) + 1), kept, linewidth=2)
    axes.annotate(
        f"{kept[-1]:.1f} %", (len(kept), kept[-1]), (0, -14), textcoords="offset points", ha="right"
    )
    axes.set(xlabel="components", ylabel="variance kept (%)", ylim=(0, 102), xlim=(0, None))
    axes.set_title(f"{pca.width} → {pca.dims} numbers, fitted on {pca.rows:,} rows", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    with whole_file(path) as part:
        figure.savefig(part, dpi=120, metadata={"Software": None})


class _PlainArrays(pickle.Pickler):
    """Pickles an array as ``numpy.ndarray(shape, dtype, bytes)``, a name that never moved."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is np.ndarray:
            return np.ndarray, (value.shape, value.dtype.str, value.tobytes())
        if isinstance(value, np.generic):
            return type(value.item()), (value.item(),)
        return NotImplemented


def _write_pickle(path: Path, value: Any) -> None:
    buffer = io.BytesIO()
    _PlainArrays(buffer, protocol=4).dump(value)
    with whole_file(path) as part:
        part.write_bytes(buffer.getvalue())


def _numbers(value: Any, ndim: int, path: Path, name: str) -> np.ndarray:
    usable = isinstance(value, np.ndarray) and value.ndim == ndim and value.dtype.kind == "f"
    if not usable or value.size == 0 or not np.isfinite(value).all():
        raise InputError(f"{path}: {name} is not a {ndim}-D array of finite numbers")
    return value.astype(np.float64)


def _record(pca_file: Path) -> dict[str, Any]:
    path = pca_record_path(pca_file)
    if not path.exists():
        return {}
    record = read_json(path, max_bytes=2**20)
    if not isinstance(record, dict):
        raise InputError(f"{path}: not the record of a PCA; delete it, or fit the PCA anew")
    return record


def _as_sklearn(pca: PCA) -> Any:
    from sklearn import decomposition

    model = decomposition.PCA(n_components=pca.dims, svd_solver="full")
    model.components_ = pca.components
    model.mean_ = pca.mean
    model.explained_variance_ = pca.variance
    model.explained_variance_ratio_ = pca.variance_ratio
    model.singular_values_ = np.sqrt(pca.variance * max(pca.rows - 1, 1))
    model.n_components_ = pca.dims
    model.n_samples_ = pca.rows
    model.n_features_ = model.n_features_in_ = pca.width
    model.noise_variance_ = _noise_variance(pca)
    return model


def _noise_variance(pca: PCA) -> float:
    """Mean variance of the components left out, as scikit-learn states it."""
    kept = float(pca.variance_ratio.sum())
    left_out = min(pca.rows, pca.width) - pca.dims
    if left_out <= 0 or kept <= 0:
        return 0.0
    return float(pca.variance.sum()) * max(0.0, 1 - kept) / kept / left_out
