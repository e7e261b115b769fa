"""A trained head: the folder it lives in, and what it says about a half.

The folder holds ``model.json`` (settings, normalisation's names, provenance, calibration),
``weights.npz`` (arrays only) and ``log.csv``. Nothing in it is code, and loading runs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import expit

from action_spotting.dataset.events import Events
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion import calibration as calibrations
from action_spotting.fusion import settings as settings_room
from action_spotting.fusion.calibration import Calibration
from action_spotting.fusion.chunks import normalise
from action_spotting.fusion.netvlad import NetVLADNetwork
from action_spotting.fusion.network import SpottingNetwork
from action_spotting.fusion.normalisation import Normalisation
from action_spotting.fusion.peak_picking import Peaks, pick, smooth
from action_spotting.fusion.settings import Settings
from action_spotting.io.files import read_json, whole_file, write_json
from action_spotting.io.zips import read_npz

VERSION = 1
MODEL_FILE = "model.json"
WEIGHTS_FILE = "weights.npz"
MAX_WEIGHTS_BYTES = 2**31
NETWORKS: dict[str, type[SpottingNetwork] | type[NetVLADNetwork]] = {
    "dense": SpottingNetwork,
    "netvlad": NetVLADNetwork,
}


@dataclass(frozen=True)
class Dense:
    """What the head says about every row of a half.

    Attributes
    ----------
    logits
        Float32 ``(rows, classes)``.
    displacement_s
        Seconds to where the event is meant to be, float32, same shape.
    """

    logits: np.ndarray
    displacement_s: np.ndarray


class SpottingModel:
    """A trained head, ready to spot.

    Attributes
    ----------
    settings
        What it was trained with.
    classes
        The names of its columns.
    dims
        Numbers a row of each modality.
    provenance
        Settings its features were made with, by modality (None: unknown).
    calibration
        Windows, score map, thresholds, temperature.
    """

    def __init__(
        self,
        settings: Settings,
        normalisation: Normalisation,
        provenance: Mapping[str, Any],
        calibration: Calibration | None = None,
    ) -> None:
        self.settings = settings
        self.classes = settings.classes
        self.normalisation = normalisation
        self.provenance = dict(provenance)
        self.calibration = calibration or calibrations.plain(len(settings.classes))
        self.dims = {name: len(std) for name, std in normalisation.std.items()}
        self.network = make_network(settings, self.dims)
        self._run = tf.function(self.network.run_half, reduce_retracing=True)

    def dense(self, features: Mapping[str, np.ndarray]) -> Dense:
        """Run the head over a half.

        Parameters
        ----------
        features
            Raw rows ``(rows, dims)`` of any of the model's modalities, the others being taken
            as missing; rows with NaN too. Of unequal lengths (a row or two), the shortest counts.

        Raises
        ------
        UsageError
            None of the model's modalities is there.
        InputError
            A modality has another width than the model was trained on.
        """
        known = {name: features[name] for name in self.settings.modalities if name in features}
        if not known:
            raise UsageError(
                f"none of the model's modalities ({', '.join(self.settings.modalities)}) is given; "
                f"there is {', '.join(features) or 'nothing'}"
            )
        rows = min(len(array) for array in known.values())
        inputs, present = {}, {}
        for name in self.settings.modalities:
            block = np.zeros((rows, self.dims[name]), dtype=np.float32)
            usable = np.zeros(rows, dtype=bool)
            if name in known:
                block, usable = self._prepare(name, known[name][:rows])
            inputs[name] = tf.constant(block)
            present[name] = tf.constant(usable.astype(np.float32))
        logits, displacement_s = self._run(inputs, present)
        return Dense(logits.numpy(), displacement_s.numpy())

    def peaks(self, dense: Dense) -> Peaks:
        """Pick the spots of a half from its dense outputs."""
        return pick_peaks(dense, self.settings, self.calibration.windows_s, self.calibration.share)

    def spot_half(
        self, features: Mapping[str, np.ndarray], *, half: int = 1, probability: bool = False
    ) -> Events:
        """Spot the events of one half.

        Parameters
        ----------
        features
            As `dense`.
        half
            The half's number, for the result.
        probability
            Give probabilities that a spot is right (for people) instead of the confidences
            spread for the 200-threshold AP (for scoring). The thresholds are of the latter.
        """
        return self.spots(self.peaks(self.dense(features)), half=half, probability=probability)

    def spots(self, peaks: Peaks, *, half: int = 1, probability: bool = False) -> Events:
        """Turn the peaks of a half into spots, as `spot_half`."""
        mapping = self.calibration.probability if probability else self.calibration.score
        return Events(
            np.full(len(peaks), half),
            np.round(peaks.time_s * 1000).astype(np.int64),
            peaks.label,
            mapping(peaks),
            classes=self.classes,
        )

    @property
    def thresholds(self) -> np.ndarray:
        """Confidence of each class with the best F1 on the validation games, ``(classes,)``."""
        return self.calibration.threshold

    def _prepare(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if rows.ndim != 2 or rows.shape[1] != self.dims[name]:
            raise InputError(
                f"{name} has shape {rows.shape}, expected (rows, {self.dims[name]}) as in training"
            )
        rows = np.asarray(rows, dtype=np.float32)
        mean = self.normalisation.mean[name]
        usable = np.isfinite(rows).all(axis=1)
        if self.settings.centre and usable.any():
            mean = rows[usable].mean(axis=0, dtype=np.float64).astype(np.float32)
        return normalise(rows, mean, self.normalisation.std[name])


def make_network(settings: Settings, dims: Mapping[str, int]) -> SpottingNetwork | NetVLADNetwork:
    """Make an untrained network with its variables."""
    network = NETWORKS[settings.head](settings)
    rows = 4
    network(
        {name: tf.zeros((2, rows, dims[name])) for name in settings.modalities},
        {name: tf.ones((2, rows)) for name in settings.modalities},
        tf.ones((2, rows)),
    )
    return network


def pick_peaks(dense: Dense, settings: Settings, windows_s: np.ndarray, share: float) -> Peaks:
    """Pick the spots of a half from its smoothed outputs, moved by `share` of the displacement."""
    logits, displacement_s = (
        smooth(x.astype(np.float64), settings.smooth_s * settings.fps)
        for x in (dense.logits, dense.displacement_s)
    )
    return pick(
        expit(logits),
        share * displacement_s,
        fps=settings.fps,
        windows_s=windows_s,
        soft=settings.soft_nms,
    )


def save_model(folder: Path, model: SpottingModel, log: Sequence[Mapping[str, Any]]) -> None:
    """Write a model folder; the same model gives the same bytes."""
    arrays = {f"weight_{i:04d}": v.numpy() for i, v in enumerate(model.network.variables)}
    for name in model.dims:
        arrays[f"mean_{name}"] = model.normalisation.mean[name]
        arrays[f"std_{name}"] = model.normalisation.std[name]
    write_arrays(folder / WEIGHTS_FILE, arrays)
    write_json(
        folder / MODEL_FILE,
        {
            "version": VERSION,
            "settings": model.settings.as_dict(),
            "dims": model.dims,
            "provenance": model.provenance,
            "calibration": model.calibration.as_dict(),
            "log": list(log),
        },
    )


def load_model(folder: Path) -> SpottingModel:
    """Load a model folder.

    Raises
    ------
    UsageError
        No model there, or one of another version of this toolkit.
    InputError
        A file in it is damaged or does not fit the others.
    """
    parts = read_parts(folder)
    model = SpottingModel(parts.settings, parts.normalisation, parts.provenance, parts.calibration)
    assign(model.network.variables, parts.weights, str(folder / WEIGHTS_FILE))
    return model


@dataclass(frozen=True)
class Parts:
    """What a model folder holds."""

    settings: Settings
    normalisation: Normalisation
    provenance: Mapping[str, Any]
    calibration: Calibration
    weights: Sequence[np.ndarray]


def read_parts(folder: Path) -> Parts:
    """Read and check a model folder without building its network; errors as `load_model`."""
    path = folder / MODEL_FILE
    if not path.exists():
        raise UsageError(f"{folder}: no {MODEL_FILE}; name a folder that TrainSpotting.py made")
    content = read_json(path)
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        raise UsageError(f"{path}: version {version!r}, this toolkit reads {VERSION}; train anew")
    try:
        settings = settings_room.from_dict(content["settings"], str(path))
        provenance = dict(content["provenance"])
        calibration = calibrations.from_dict(
            content["calibration"], len(settings.classes), str(path)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a whole model file ({error!r})") from error
    arrays = read_arrays(folder / WEIGHTS_FILE)
    try:
        normalisation = Normalisation(
            {name: arrays[f"mean_{name}"] for name in settings.modalities},
            {name: arrays[f"std_{name}"] for name in settings.modalities},
        )
    except KeyError as error:
        raise InputError(f"{folder / WEIGHTS_FILE}: no array {error}") from error
    weights = [arrays[name] for name in sorted(arrays) if name.startswith("weight_")]
    _check_sizes(settings, normalisation, weights, str(folder / WEIGHTS_FILE))
    return Parts(settings, normalisation, provenance, calibration, weights)


def _check_sizes(
    settings: Settings, normalisation: Normalisation, weights: Sequence[np.ndarray], where: str
) -> None:
    """Refuse arrays that cannot be this network's, before it takes memory by its settings."""
    both = [*normalisation.mean.values(), *normalisation.std.values()]
    if not all(array.ndim == 1 and array.size and array.dtype.kind == "f" for array in both):
        raise InputError(f"{where}: mean and std are not rows of numbers; train anew")
    dims = {name: len(std) for name, std in normalisation.std.items()}
    if any(len(mean) != dims[name] for name, mean in normalisation.mean.items()):
        raise InputError(f"{where}: mean and std are of different lengths; train anew")
    least = NETWORKS[settings.head].least_numbers(settings, dims)
    if sum(array.size for array in weights) < least:
        raise InputError(f"{where}: holds less than the network of {MODEL_FILE} needs; train anew")
    if not all(array.dtype.kind == "f" for array in weights):
        raise InputError(f"{where}: holds weights that are no numbers; train anew")


def assign(variables: Sequence[Any], values: Sequence[np.ndarray], where: str) -> None:
    """Set variables from arrays of the same shapes; `where` names their origin in the error."""
    have, want = [v.shape for v in values], [tuple(v.shape) for v in variables]
    if have != want:
        raise InputError(f"{where}: arrays do not fit the settings in {MODEL_FILE}")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as ``.npz``, whole or not at all; it holds no date."""
    with whole_file(path) as part:
        np.savez(part, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an ``.npz`` of plain arrays, never unpickling."""
    try:
        return read_npz(path, MAX_WEIGHTS_BYTES)
    except InputError as error:
        raise InputError(f"{error}; train anew") from error
