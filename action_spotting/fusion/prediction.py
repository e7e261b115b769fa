"""Predictions of games: one model or an ensemble, over features on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from action_spotting.dataset.event_files import write_predictions
from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import Half, predictions_path
from action_spotting.dataset.rates import Rate
from action_spotting.dataset.records import check_media
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.fusion.arrays import write_arrays
from action_spotting.fusion.half_data import Rates, open_features
from action_spotting.fusion.model import (
    RowScores,
    SpottingModel,
    load_model,
    pick_peaks,
    smooth_rows,
)
from action_spotting.fusion.peak_picking import NO_PEAKS, Peaks
from action_spotting.fusion.postprocessing import Postprocessing, to_spots
from action_spotting.fusion.split_data import check_provenance, provenance_of
from action_spotting.io.items import Summary, run_items

ALIKE = ("classes", "fps", "label_version", "soft_nms")
"""Settings that the heads of an ensemble must share."""


class Ensemble:
    """Heads whose outputs are averaged, each smoothed and displaced with its own settings.

    One head is an ensemble of one.

    Parameters
    ----------
    models
        The heads, one or more.

    Attributes
    ----------
    classes, fps, label_version
        As in their settings.
    modalities
        All modalities that any of them takes.
    rates
        Where the rows of features stand, of those that are resampled.
    postprocessing
        The mean of theirs.

    Raises
    ------
    UsageError
        The heads differ in classes, rows a second, label version, the kind of suppression, or where
        the rows of a feature stand.
    """

    def __init__(self, models: Sequence[SpottingModel]) -> None:
        self.models = list(models)
        first = self.models[0].settings
        for model in self.models[1:]:
            for name in ALIKE:
                one, other = getattr(first, name), getattr(model.settings, name)
                if one != other:
                    both = "" if name == "classes" else f" ({one} and {other})"
                    raise UsageError(f"the models differ in {name}{both}; an ensemble needs one")
        self.classes = first.classes
        self.fps, self.label_version = first.fps, first.label_version
        names = [name for model in self.models for name in model.settings.modalities]
        self.modalities = tuple(dict.fromkeys(names))
        self.rates = _common_rates(self.models)
        self.postprocessing = _average([model.postprocessing for model in self.models])

    def run(self, features: Mapping[str, np.ndarray]) -> list[tuple[SpottingModel, RowScores]]:
        """Run the heads over a half, leaving out those whose modalities are all missing.

        Parameters
        ----------
        features
            Raw rows ``(rows, dims)`` by modality.

        Returns
        -------
        list
            Each head with its outputs.

        Raises
        ------
        UsageError, InputError
            As `SpottingModel.score_rows`.
        """
        usable = [m for m in self.models if set(m.settings.modalities) & set(features)]
        return [(model, model.score_rows(features)) for model in usable or self.models]

    def score_rows(self, features: Mapping[str, np.ndarray]) -> RowScores:
        """Average the outputs of the heads for every row of a half.

        Parameters
        ----------
        features
            Raw rows ``(rows, dims)`` by modality.

        Returns
        -------
        RowScores
            As `SpottingModel.score_rows`.

        Raises
        ------
        UsageError, InputError
            As `SpottingModel.score_rows`.

        Examples
        --------
        >>> load_models([Path("models/fusion")]).score_rows({"FFT": rows})  # doctest: +SKIP
        """
        return mean_scores(self.run(features))

    def peaks(self, outputs: Sequence[tuple[SpottingModel, RowScores]]) -> Peaks:
        """Pick the spots of a half from its outputs.

        Parameters
        ----------
        outputs
            Result of `run`.

        Returns
        -------
        Peaks
            Times in seconds, classes and confidences.
        """
        moved = []
        for model, scores in outputs:
            logits, displacement_s = smooth_rows(scores, model.settings)
            by_s = model.postprocessing.displacement_scale * displacement_s
            moved.append((model, RowScores(logits, by_s)))
        settings, windows_s = self.models[0].settings, self.postprocessing.nms_windows_s
        return pick_peaks(mean_scores(moved), settings, windows_s, displacement_scale=1.0)

    def spot_half(
        self, features: Mapping[str, np.ndarray], *, half: int = 1, probability: bool = False
    ) -> Events:
        """Spot the events of one half.

        Parameters
        ----------
        features
            Raw rows ``(rows, dims)`` by modality; modalities may be missing.
        half
            Number of the half, 1 or 2; the result carries it.
        probability
            Give the probability that a spot is right (for people) instead of the confidences spread
            for the 200-threshold AP (for scoring). `thresholds` refer to the latter.

        Returns
        -------
        Events
            Times in ms since the half's start, confidences in [0, 1].

        Raises
        ------
        UsageError, InputError
            As `SpottingModel.score_rows`.

        Examples
        --------
        >>> models = load_models([Path("models/fusion")])  # doctest: +SKIP
        >>> spots = models.spot_half({"FFT": np.load("1_FFT.npy")}, half=1)  # doctest: +SKIP
        >>> spots.position_ms, spots.confidence  # doctest: +SKIP
        """
        peaks, chosen = self.peaks(self.run(features)), self.postprocessing
        mapping = chosen.probability if probability else chosen.spread
        return to_spots([NO_PEAKS] * (half - 1) + [peaks], mapping, self.classes)

    @property
    def thresholds(self) -> np.ndarray:
        """Confidence of each class with the best F1 on the validation games, ``(classes,)``."""
        return self.postprocessing.threshold


def mean_scores(outputs: Sequence[tuple[SpottingModel, RowScores]]) -> RowScores:
    """Average heads: the logits of all, the displacements of those that learn any.

    Parameters
    ----------
    outputs
        Heads with their outputs, as of `Ensemble.run`.

    Returns
    -------
    RowScores
        ``(rows, classes)``.
    """
    moving = [x for model, x in outputs if model.settings.displacement_s] or [outputs[0][1]]
    return RowScores(
        np.mean([x.logits for _, x in outputs], axis=0),
        np.mean([x.displacement_s for x in moving], axis=0),
    )


def load_models(folders: Sequence[Path]) -> Ensemble:
    """Load one model folder or several.

    Parameters
    ----------
    folders
        Model folders that a training has written.

    Returns
    -------
    Ensemble
        One head is an ensemble of one.

    Raises
    ------
    UsageError
        A folder holds no model, or one of another version; or the heads differ in classes, fps,
        label version or suppression.
    InputError
        A file in a folder is damaged or does not fit the others.

    Examples
    --------
    >>> models = load_models([Path("models/fusion")])  # doctest: +SKIP
    >>> models.spot_half({"FFT": rows}).position_ms  # doctest: +SKIP
    """
    return Ensemble([load_model(folder) for folder in folders])


def _common_rates(models: Sequence[SpottingModel]) -> dict[str, Rate]:
    found: dict[str, Rate | None] = {}
    for model in models:
        for name in model.settings.modalities:
            rate = model.rates.get(name)
            if found.setdefault(name, rate) != rate:
                raise UsageError(f"the models place the rows of {name} at different times")
    return {name: rate for name, rate in found.items() if rate}


def _average(chosen: Sequence[Postprocessing]) -> Postprocessing:
    tops = [c.top for c in chosen if c.top is not None]
    return Postprocessing(
        np.mean([c.nms_windows_s for c in chosen], axis=0),
        float(np.mean([c.displacement_scale for c in chosen])),
        float(np.mean(tops)) if tops else None,
        np.mean([c.threshold for c in chosen], axis=0),
        float(np.mean([c.temperature for c in chosen])),
        float(np.mean([c.offset for c in chosen])),
    )


def predict(
    root: Path,
    games: Sequence[str],
    models: Ensemble,
    out: Path,
    *,
    scores: bool = False,
    without: Sequence[str] = (),
    rates: Rates | None = None,
    fail_fast: bool = False,
) -> Summary:
    """Write ``Predictions-v2.json`` of every game below `out`.

    Parameters
    ----------
    root
        The dataset folder, with the features.
    games
        Games below it.
    models
        The head or heads.
    out
        The results folder.
    scores
        Write the outputs of every row too: ``<half>_scores.npz`` with ``logits`` and
        ``displacement_s``.
    without
        Modalities to treat as missing.
    rates
        Where the rows of features stand that are not placed as in the training.
    fail_fast
        Raise at the first game that fails instead of listing it.

    Returns
    -------
    Summary
        Games done, and the failures with their reasons.

    Raises
    ------
    UsageError
        `without` or `rates` name a modality that none of the models takes.

    Examples
    --------
    >>> games = list_games(root, "test")  # doctest: +SKIP
    >>> print(predict(root, games, load_models([model_dir]), Path("out")))  # doctest: +SKIP
    """
    if strange := sorted({*without, *(rates or {})} - {*models.modalities}):
        problems = [unknown("modality", name, models.modalities) for name in strange]
        raise UsageError("; ".join(problems))

    def work(game: str) -> tuple[str, str | None]:
        spots, warnings = predict_game(root, game, models, out if scores else None, without, rates)
        path = predictions_path(out, game, models.label_version)
        write_predictions(path, game, spots)
        return "done", "; ".join(warnings) or None

    items = {game: game for game in games}
    return run_items("predict", items, work, unit="game", fail_fast=fail_fast)


def predict_game(
    root: Path,
    game: str,
    models: Ensemble,
    scores_to: Path | None = None,
    without: Sequence[str] = (),
    rates: Rates | None = None,
) -> tuple[Events, list[str]]:
    """Spot both halves of a game.

    Parameters
    ----------
    root
        The dataset folder, with the features.
    game
        The game below it.
    models
        The head or heads.
    scores_to
        Results folder for the outputs of every row; None: they are not written.
    without
        Modalities to treat as missing.
    rates
        Where the rows of features stand that are not placed as in the training.

    Returns
    -------
    Events, list
        The spots, with spread confidences in [0, 1], and warnings.

    Raises
    ------
    InputError
        Neither half has a feature file, or one is damaged.
    UsageError
        The features were made with other settings than those of the training.

    Examples
    --------
    >>> spots, warnings = predict_game(root, game, models)  # doctest: +SKIP
    """
    placed = {**models.rates, **(rates or {})}
    halves = {n: _open_half(Half(root, game, n), models, without, placed) for n in (1, 2)}
    if not any(features for features, _ in halves.values()):
        raise InputError(f"{root / game}: no feature file of {', '.join(models.modalities)}")
    peaks = []
    for number, (features, _) in halves.items():
        if not features:
            peaks.append(NO_PEAKS)
            continue
        outputs = models.run(features)
        peaks.append(models.peaks(outputs))
        if scores_to:
            path = scores_to / game / f"{number}_scores.npz"
            write_arrays(path, mean_scores(outputs)._asdict())
    warnings = [warning for _, found in halves.values() for warning in found]
    return to_spots(peaks, models.postprocessing.spread, models.classes), warnings


def _open_half(
    half: Half, models: Ensemble, without: Sequence[str], rates: Rates
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Open the features of a half that `models` take; gives them and warnings."""
    paths = {name: half.feature(name) for name in models.modalities if name not in without}
    present = {name: path for name, path in paths.items() if path.exists()}
    if not present:
        return {}, [f"half {half.number} has no feature file"]
    for path in present.values():
        check_media(path, half)
    provenance = {name: provenance_of(path) for name, path in present.items()}
    for model in models.models:
        check_provenance(provenance, model.provenance, str(half.folder))
    features = open_features(present, models.fps, rates)
    missing = [name for name in paths if name not in present]
    warnings = [f"half {half.number} is without {', '.join(missing)}"] if missing else []
    for name, rows in features.items():
        if bad := int((~np.isfinite(rows).all(axis=1)).sum()):
            warnings.append(f"{present[name].name}: {bad} rows hold NaN; treated as missing")
    return features, warnings
