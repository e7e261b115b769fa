"""A trained head: its model folder, and its outputs for a half.

The folder holds ``model.json`` (settings, provenance of the features, postprocessing),
``weights.npz`` (arrays only) and ``log.csv``. Nothing in it is code, and loading runs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from keras import ops
from scipy.special import expit

from action_spotting.backend import backend_name, compiled
from action_spotting.dataset.rate_text import read_rates, write_rates
from action_spotting.dataset.rates import Rate
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.arrays import assign, read_arrays, write_arrays
from action_spotting.fusion.chunks import normalise
from action_spotting.fusion.netvlad import NetVLADNetwork
from action_spotting.fusion.network import SpottingNetwork
from action_spotting.fusion.normalisation import Normalisation
from action_spotting.fusion.peak_picking import Peaks, pick, smooth
from action_spotting.fusion.postprocessing import (
    Postprocessing,
    default_postprocessing,
    read_postprocessing,
)
from action_spotting.fusion.settings import HeadSettings, read_settings
from action_spotting.io.files import read_json, typed, write_json

VERSION = 1
ROWS_AT_ONCE = {"jax": 512}
"""Rows to a multiple of which a half is filled up: JAX compiles anew for every length."""

MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.npz"
NETWORKS: dict[str, type[SpottingNetwork] | type[NetVLADNetwork]] = {
    "dense": SpottingNetwork,
    "netvlad": NetVLADNetwork,
}


class RowScores(NamedTuple):
    """The head's outputs for every row of a half.

    Attributes
    ----------
    logits
        Of each class, float32 ``(rows, classes)``.
    displacement_s
        Seconds from the row to the event, float32 ``(rows, classes)``.
    """

    logits: np.ndarray
    displacement_s: np.ndarray


class _ModelFile(msgspec.Struct):
    """What ``model.json`` holds."""

    settings: dict[str, Any]
    provenance: dict[str, dict[str, Any] | None]
    calibration: dict[str, Any]
    rates: dict[str, Any] = {}


class SpottingModel:
    """A trained head.

    Parameters
    ----------
    settings
        Settings of its training.
    normalisation
        Mean and std of its features; their lengths are the feature dimensions.
    provenance
        Settings its features were made with, by modality (None: unknown).
    postprocessing
        Windows, displacement scale, spread, thresholds; None: the defaults.
    rates
        Where the rows of its features stood, of those that were resampled to the head's rows.

    Attributes
    ----------
    dims
        Feature dimensions by modality.
    network
        The Keras network, with random weights.
    """

    def __init__(
        self,
        settings: HeadSettings,
        normalisation: Normalisation,
        provenance: Mapping[str, Any],
        postprocessing: Postprocessing | None = None,
        rates: Mapping[str, Rate] | None = None,
    ) -> None:
        self.settings = settings
        self.normalisation = normalisation
        self.provenance = dict(provenance)
        self.rates = dict(rates or {})
        self.postprocessing = postprocessing or default_postprocessing(
            len(settings.classes), settings.nms_window_s
        )
        self.dims = {name: len(std) for name, std in normalisation.std.items()}
        self.network = make_network(settings, self.dims)
        self._run = compiled(self.network.run_half, self.network.variables)

    def score_rows(self, features: Mapping[str, np.ndarray]) -> RowScores:
        """Run the head over a half.

        Parameters
        ----------
        features
            Raw rows ``(rows, dims)`` by modality, ``settings.fps`` a second (see `open_features`);
            a missing modality, or a row with NaN, is masked. Where the numbers of rows differ (by
            a row or two), all are cut to the smallest.

        Returns
        -------
        RowScores
            Logits and displacements, float32 ``(rows, classes)``.

        Raises
        ------
        UsageError
            `features` has none of the model's modalities.
        InputError
            A modality has another width than in training, or the outputs are NaN or infinite.

        Examples
        --------
        >>> scores = load_model(Path("models/fusion")).score_rows({"FFT": rows})  # doctest: +SKIP
        >>> scores.logits.shape  # doctest: +SKIP
        (5400, 17)
        """
        known = {name: features[name] for name in self.settings.modalities if name in features}
        if not known:
            raise UsageError(
                f"none of the model's modalities ({', '.join(self.settings.modalities)}) is given; "
                f"there is {', '.join(features) or 'nothing'}"
            )
        rows = min(len(array) for array in known.values())
        padded = rows + -rows % ROWS_AT_ONCE.get(backend_name(), 1)
        inputs, present = {}, {}
        for name in self.settings.modalities:
            inputs[name] = np.zeros((padded, self.dims[name]), dtype=np.float32)
            present[name] = np.zeros(padded, dtype=np.float32)
            if name in known:
                block, usable = self._prepare(name, known[name][:rows])
                inputs[name][:rows], present[name][:rows] = block, usable
        inside = (np.arange(padded) < rows).astype(np.float32)
        outputs = self._run(inputs, present, inside)
        scores = RowScores(*(ops.convert_to_numpy(output)[:rows] for output in outputs))
        if not all(np.isfinite(output).all() for output in scores):
            raise InputError("the head gives NaN or infinity: its weights are unusable; train anew")
        return scores

    def _prepare(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if rows.ndim != 2 or rows.shape[1] != self.dims[name]:
            raise InputError(
                f"{name} has shape {rows.shape}, expected (rows, {self.dims[name]}) as in training"
            )
        rows = np.asarray(rows, dtype=np.float32)
        mean = self.normalisation.mean[name]
        usable = np.isfinite(rows).all(axis=1)
        if self.settings.subtract_half_mean and usable.any():
            mean = rows[usable].mean(axis=0, dtype=np.float64).astype(np.float32)
        return normalise(rows, mean, self.normalisation.std[name])


def make_network(
    settings: HeadSettings, dims: Mapping[str, int]
) -> SpottingNetwork | NetVLADNetwork:
    """Make an untrained network with its variables.

    Parameters
    ----------
    settings
        Settings of the head.
    dims
        Feature dimensions by modality.

    Returns
    -------
    SpottingNetwork or NetVLADNetwork
        With random weights.

    Examples
    --------
    >>> settings = HeadSettings(modalities=("FFT",))
    >>> make_network(settings, {"FFT": 48}).built
    True
    """
    network = NETWORKS[settings.head](settings)
    network(
        {name: ops.zeros((2, 4, dims[name])) for name in settings.modalities},
        {name: ops.ones((2, 4)) for name in settings.modalities},
        ops.ones((2, 4)),
    )
    return network


def smooth_rows(scores: RowScores, settings: HeadSettings) -> RowScores:
    """Smooth the outputs over time with a Gaussian.

    Parameters
    ----------
    scores
        Outputs of `SpottingModel.score_rows`.
    settings
        Its `smooth_s` is the sigma in seconds; 0: no smoothing.

    Returns
    -------
    RowScores
        float64 ``(rows, classes)``.
    """
    sigma_rows = settings.smooth_s * settings.fps
    return RowScores(*(smooth(x.astype(np.float64), sigma_rows) for x in scores))


def pick_peaks(
    smoothed: RowScores,
    settings: HeadSettings,
    nms_windows_s: np.ndarray,
    displacement_scale: float,
) -> Peaks:
    """Pick the spots of a half from its smoothed outputs.

    Parameters
    ----------
    smoothed
        Outputs of `smooth_rows`.
    settings
        Its `fps` and `soft_nms` are used.
    nms_windows_s
        Suppression window of each class in seconds, ``(classes,)``.
    displacement_scale
        Fraction of the displacement by which a row is moved, 0 to 1.

    Returns
    -------
    Peaks
        Times in seconds, classes and confidences.
    """
    return pick(
        expit(smoothed.logits),
        displacement_scale * smoothed.displacement_s,
        fps=settings.fps,
        windows_s=nms_windows_s,
        soft=settings.soft_nms,
    )


def save_model(folder: Path, model: SpottingModel, log: Sequence[Mapping[str, Any]]) -> None:
    """Write a model folder; the same model gives the same bytes.

    Parameters
    ----------
    folder
        Model folder; ``model.json`` and ``weights.npz`` are written to it.
    model
        The head.
    log
        Training log, one row an epoch; stored in ``model.json``.

    Examples
    --------
    >>> save_model(Path("models/copy"), load_model(Path("models/fusion")), [])  # doctest: +SKIP
    """
    arrays = {f"weight_{i:04d}": v.numpy() for i, v in enumerate(model.network.variables)}
    for name in model.dims:
        arrays[f"mean_{name}"] = model.normalisation.mean[name]
        arrays[f"std_{name}"] = model.normalisation.std[name]
    write_arrays(folder / WEIGHTS_FILE, arrays)
    content = {
        "version": VERSION,
        "settings": model.settings.as_dict(),
        "dims": model.dims,
        "provenance": model.provenance,
        "calibration": model.postprocessing.as_dict(),
        "log": list(log),
        **({"rates": write_rates(model.rates)} if model.rates else {}),
    }
    write_json(folder / MODEL_FILE, content)


def load_model(folder: Path) -> SpottingModel:
    """Load a model folder.

    Parameters
    ----------
    folder
        Model folder that a training has written.

    Returns
    -------
    SpottingModel
        With its trained weights.

    Raises
    ------
    UsageError
        No model there, or one of another version of this toolkit.
    InputError
        A file in it is damaged or does not fit the others.

    Examples
    --------
    >>> load_model(Path("models/fusion")).settings.modalities  # doctest: +SKIP
    ('ResNET_TF2_PCA512', 'VGGish', 'FFT', 'YOLOv5')
    """
    parts, weights = read_parts(folder)
    model = SpottingModel(*parts)
    assign(model.network.variables, weights, str(folder / WEIGHTS_FILE))
    return model


def read_parts(folder: Path) -> tuple[tuple[Any, ...], list[np.ndarray]]:
    """Read and check a model folder without building its network.

    Parameters
    ----------
    folder
        Model folder.

    Returns
    -------
    tuple, list
        Arguments of `SpottingModel`, and the network's weights.

    Raises
    ------
    UsageError, InputError
        As `load_model`.
    """
    path = folder / MODEL_FILE
    if not path.exists():
        raise UsageError(f"{folder}: no {MODEL_FILE}; name a folder that TrainSpotting.py made")
    content = read_json(path)
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        raise UsageError(f"{path}: version {version!r}, this toolkit reads {VERSION}; train anew")
    stored = typed(content, _ModelFile, str(path))
    settings = read_settings(stored.settings, f"{path}: settings")
    chosen = read_postprocessing(stored.calibration, len(settings.classes), str(path))
    rates = read_rates(stored.rates, settings.modalities, str(path))
    where = folder / WEIGHTS_FILE
    arrays = read_arrays(where)
    try:
        normalisation = Normalisation(
            {name: arrays[f"mean_{name}"] for name in settings.modalities},
            {name: arrays[f"std_{name}"] for name in settings.modalities},
        )
    except KeyError as error:
        raise InputError(f"{where}: no array {error}") from error
    weights = [arrays[name] for name in sorted(arrays) if name.startswith("weight_")]
    if problem := _misfit(settings, normalisation, weights):
        raise InputError(f"{where}: {problem}; train anew")
    return (settings, normalisation, stored.provenance, chosen, rates), weights


def _misfit(
    settings: HeadSettings, normalisation: Normalisation, weights: Sequence[np.ndarray]
) -> str:
    """Name arrays that cannot be this network's, before it takes memory by its settings."""
    mean, std = normalisation.mean, normalisation.std
    for name, array in [*mean.items(), *std.items()]:
        if array.ndim != 1 or not array.size or array.dtype != np.float32:
            return f"mean and std of {name} are not rows of float32 numbers"
    dims = {name: len(array) for name, array in std.items()}
    if dims != {name: len(array) for name, array in mean.items()}:
        return "mean and std are of different lengths"
    if not all((array > 0).all() for array in std.values()):
        return "a std is not more than 0"
    least = NETWORKS[settings.head].least_numbers(settings, dims)
    if sum(array.size for array in weights) < least:
        return f"holds less than the network of {MODEL_FILE} needs"
    if not all(array.dtype == np.float32 for array in weights):
        return "its weights are not float32 numbers"
    if not all(np.isfinite(array).all() for array in (*mean.values(), *std.values(), *weights)):
        return "holds NaN or infinity"
    return ""
