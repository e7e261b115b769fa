"""A published head as a model folder, and its outputs for a half.

The folder holds ``model.json`` (kind, settings, origin) and ``weights.npz`` (arrays only), as that
of a head trained here; loading runs no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from scipy.special import expit

from action_spotting.dataset.rates import rate_of
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.arrays import read_arrays, write_arrays
from action_spotting.fusion.model import MODEL_FILE, VERSION, WEIGHTS_FILE, RowScores
from action_spotting.fusion.peak_picking import Peaks
from action_spotting.fusion.postprocessing import Postprocessing
from action_spotting.fusion.published.dense_anchors import (
    CONFIDENCE,
    DISPLACEMENT,
    MOST_MOVED_ROWS,
    DenseAnchors,
    check_width,
)
from action_spotting.fusion.published.picking import move, pick_dense, pick_one_sided
from action_spotting.fusion.published.settings import (
    DENSE_ANCHORS,
    NETVLAD,
    PublishedSettings,
    read_settings,
)
from action_spotting.fusion.published.windows import PROJECTION, Windows
from action_spotting.io.files import read_json, typed, write_json

THRESHOLD = 0.5
"""Confidence from which spots are shown: no validation games have chosen a better one."""

LEAST_SCALE = 1e-30


class _ModelFile(msgspec.Struct):
    version: int
    kind: str
    settings: dict[str, Any]


class PublishedModel:
    """A published head.

    Parameters
    ----------
    settings
        Its form and rules.
    arrays
        Its variables, as in ``weights.npz``.
    where
        Their origin, for errors.

    Attributes
    ----------
    provenance
        Settings that its features were made with: SoccerNet's own, which have no record.
    rates
        Of its feature, where its rows are resampled to the head's.
    postprocessing
        Its suppression window; confidences stay as they are.
    width
        Numbers of a feature row.

    Raises
    ------
    InputError
        Variables are missing, of another shape, or not finite.
    """

    def __init__(
        self, settings: PublishedSettings, arrays: Mapping[str, np.ndarray], where: str
    ) -> None:
        for name, array in arrays.items():
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise InputError(f"{where}: {name} is not of finite float32 numbers")
        self.settings, self.arrays = settings, dict(arrays)
        self.provenance: dict[str, Any] = {settings.modality: None}
        rate = rate_of(settings.modality, None, settings.fps)
        self.rates = {} if rate.fits(settings.fps) else {settings.modality: rate}
        classes = len(settings.classes)
        windows_s, thresholds = np.full(classes, settings.nms_window_s), np.full(classes, THRESHOLD)
        self.postprocessing = Postprocessing(windows_s, 1.0, None, thresholds)
        make = _dense if settings.head == DENSE_ANCHORS else _windows
        self._networks, self._scale = make(settings, arrays, where)
        self.width = len(self._scale)

    @property
    def rule(self) -> tuple[Any, ...]:
        """What heads must share for their mean to be picked by one rule."""
        s = self.settings
        return s.head, s.fps, s.nms_window_s, s.soft_nms, s.floor, s.lost_rows, s.moves

    def score_rows(self, features: Mapping[str, np.ndarray]) -> RowScores:
        """Run the head over a half.

        Parameters
        ----------
        features
            Raw rows ``(rows, dims)`` by modality; a row with NaN counts as one of zeros.

        Returns
        -------
        RowScores
            Logits, and displacements from the time of a row (*i*/fps), float32
            ``(rows, classes)``.

        Raises
        ------
        UsageError
            `features` has not the modality.
        InputError
            It has another width than in training, no rows, or the outputs are NaN or infinite.

        Examples
        --------
        >>> head = load_published(Path("spivak-resnet"))  # doctest: +SKIP
        >>> head.score_rows({"ResNET_TF2": rows}).logits.shape  # doctest: +SKIP
        (5400, 17)
        """
        name = self.settings.modality
        if name not in features:
            given = ", ".join(features) or "nothing"
            raise UsageError(f"the head takes {name}, which is not given; there is {given}")
        rows = features[name]
        if rows.ndim != 2 or rows.shape[1] != self.width or not len(rows):
            raise InputError(
                f"{name} has shape {rows.shape}, expected (rows, {self.width}): the head was "
                f"trained on rows of {self.width} numbers"
            )
        rows = np.asarray(rows, dtype=np.float32)
        usable = np.isfinite(rows).all(axis=1, keepdims=True)
        rows = np.where(usable, rows, np.float32(0)) / self._scale
        outputs = {part: network.run(rows) for part, network in self._networks.items()}
        logits = outputs[CONFIDENCE]
        reach_s = MOST_MOVED_ROWS / self.settings.fps
        moved = outputs.get(DISPLACEMENT)
        displacement_s = np.zeros_like(logits) if moved is None else reach_s * np.tanh(moved)
        if not all(np.isfinite(output).all() for output in (logits, displacement_s)):
            raise InputError(
                "the head gives NaN or infinity: are the features those that it was trained on?"
            )
        return RowScores(logits, displacement_s)

    def peaks(self, scores: RowScores) -> Peaks:
        """Pick the spots of a half as the head's authors do.

        Parameters
        ----------
        scores
            As of `score_rows`.

        Returns
        -------
        Peaks
            Times in seconds, whole rows; classes and confidences.
        """
        s = self.settings
        confidence = expit(scores.logits[: max(len(scores.logits) - s.lost_rows, 0)])
        if s.head == NETVLAD:
            return pick_one_sided(confidence, fps=s.fps, window_s=s.nms_window_s, floor=s.floor)
        score = move(confidence, scores.displacement_s * s.fps) if s.moves else confidence
        return pick_dense(score, fps=s.fps, window_s=s.nms_window_s, soft=s.soft_nms, floor=s.floor)


def _part(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {k.partition("/")[2]: v for k, v in arrays.items() if k.startswith(f"{name}/")}


def _dense(
    settings: PublishedSettings, arrays: Mapping[str, np.ndarray], where: str
) -> tuple[dict[str, Any], np.ndarray]:
    """Make the two networks and what rows are divided by."""
    scale = arrays.get("scale")
    if scale is None or scale.ndim != 1 or not len(scale) or not (scale > LEAST_SCALE).all():
        raise InputError(f"{where}: scale is not a row of positive numbers")
    networks = {}
    for part in (CONFIDENCE, DISPLACEMENT) if settings.moves else (CONFIDENCE,):
        mine = _part(arrays, part)
        check_width(len(scale), sum(array.size for array in mine.values()), f"{where}: {part}")
        networks[part] = DenseAnchors(len(scale), len(settings.classes), part)
        networks[part].assign(mine, f"{where}: {part}")
    return networks, scale


def _windows(
    settings: PublishedSettings, arrays: Mapping[str, np.ndarray], where: str
) -> tuple[dict[str, Any], np.ndarray]:
    """Make the network of windows; rows are taken as they are."""
    projection, assign = arrays.get("project/kernel"), arrays.get("pool0/assign")
    for array in (projection, assign):
        if array is not None and array.ndim != 2:
            raise InputError(f"{where}: a kernel of shape {array.shape}, expected two dimensions")
    width = PROJECTION if projection is None else projection.shape[0]
    clusters = 0 if assign is None else assign.shape[1]
    needed = PROJECTION * settings.parts * clusters * len(settings.classes)
    if sum(array.size for array in arrays.values()) < needed:
        raise InputError(f"{where}: not the variables of this network: too few for its clusters")
    network = Windows(settings, width, clusters)
    network.assign(arrays, where)
    return {CONFIDENCE: network}, np.ones(width, np.float32)


def save_published(folder: Path, model: PublishedModel) -> None:
    """Write a model folder; the same model gives the same bytes.

    Parameters
    ----------
    folder
        Model folder; ``model.json`` and ``weights.npz`` are written to it.
    model
        The head.

    Examples
    --------
    >>> head = load_published(Path("spivak-resnet"))  # doctest: +SKIP
    >>> save_published(Path("copy"), head)  # doctest: +SKIP
    """
    write_arrays(folder / WEIGHTS_FILE, model.arrays)
    content = {
        "version": VERSION,
        "kind": model.settings.head,
        "settings": model.settings.as_dict(),
    }
    write_json(folder / MODEL_FILE, content)


def kind_of(folder: Path) -> str | None:
    """Tell the kind of published head in a model folder.

    Parameters
    ----------
    folder
        Any folder.

    Returns
    -------
    str or None
        None: no model there, or one that was trained here.

    Raises
    ------
    InputError
        Its ``model.json`` is damaged.
    """
    path = folder / MODEL_FILE
    content = read_json(path) if path.is_file() else None
    kind = content.get("kind") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else None


def load_published(folder: Path) -> PublishedModel:
    """Load the model folder of a published head.

    Parameters
    ----------
    folder
        Model folder, as `save_published` writes it.

    Returns
    -------
    PublishedModel
        With its variables.

    Raises
    ------
    UsageError
        Of another version of this toolkit.
    InputError
        A file in it is missing, damaged or does not fit the others.

    Examples
    --------
    >>> load_published(Path("spivak-resnet")).settings.origin.protocol  # doctest: +SKIP
    'trained on train, validated on valid; test unseen'
    """
    path = folder / MODEL_FILE
    stored = typed(read_json(path), _ModelFile, str(path))
    if stored.version != VERSION:
        raise UsageError(
            f"{path}: version {stored.version}, this toolkit reads {VERSION}; import it anew"
        )
    settings = read_settings(stored.settings, f"{path}: settings")
    if settings.head != stored.kind:
        raise InputError(f"{path}: kind {stored.kind!r}, but settings of {settings.head!r}")
    return PublishedModel(settings, read_arrays(folder / WEIGHTS_FILE), str(folder / WEIGHTS_FILE))
