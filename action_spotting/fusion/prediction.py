"""Predictions of games: one model or an ensemble, over features on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from action_spotting.dataset.event_files import write_predictions
from action_spotting.dataset.events import Events
from action_spotting.dataset.layout import Half, predictions_path
from action_spotting.dataset.records import check_media
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.fusion.arrays import write_arrays
from action_spotting.fusion.combination import read_combination
from action_spotting.fusion.ensemble import Ensemble, mean_scores
from action_spotting.fusion.half_data import Rates, open_features
from action_spotting.fusion.model import load_model
from action_spotting.fusion.peak_picking import NO_PEAKS
from action_spotting.fusion.postprocessing import to_spots
from action_spotting.fusion.published.model import kind_of, load_published
from action_spotting.fusion.split_data import check_provenance, provenance_of
from action_spotting.io.items import Summary, run_items


def load_models(
    folders: Sequence[Path], combination: Path | None = None, rates: Rates | None = None
) -> Ensemble:
    """Load one model folder or several, trained here or imported.

    Parameters
    ----------
    folders
        Model folders that a training or ``ImportHead`` has written.
    combination
        A file with the weights and calibration of these heads, as ``PredictSpotting --choose_on``
        writes it; None: equal weights.
    rates
        Where the rows of features stand that are not placed as in the training.

    Returns
    -------
    Ensemble
        One head is an ensemble of one.

    Raises
    ------
    UsageError
        A folder holds no model, or one of another version; or the heads differ in classes, fps,
        label version, suppression or the rates of their features.
    InputError
        A file in a folder is damaged or does not fit the others.

    Examples
    --------
    >>> models = load_models([Path("models/fusion")])  # doctest: +SKIP
    >>> models.spot_half({"FFT": rows}).position_ms  # doctest: +SKIP
    """
    heads = [load_published(f) if kind_of(f) else load_model(f) for f in folders]
    classes = len(heads[0].settings.classes)
    return Ensemble(heads, read_combination(combination, classes) if combination else None, rates)


def predict(
    root: Path,
    games: Sequence[str],
    models: Ensemble,
    out: Path,
    *,
    scores: bool = False,
    without: Sequence[str] = (),
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
    fail_fast
        Raise at the first game that fails instead of listing it.

    Returns
    -------
    Summary
        Games done, and the failures with their reasons.

    Raises
    ------
    UsageError
        `without` names a modality that none of the models takes.

    Examples
    --------
    >>> games = list_games(root, "test")  # doctest: +SKIP
    >>> print(predict(root, games, load_models([model_dir]), Path("out")))  # doctest: +SKIP
    """
    if strange := sorted(set(without) - {*models.modalities}):
        problems = [unknown("modality", name, models.modalities) for name in strange]
        raise UsageError("; ".join(problems))

    def work(game: str) -> tuple[str, str | None]:
        spots, warnings = predict_game(
            root, game, models, scores_to=out if scores else None, without=without
        )
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
    halves = {n: open_half(Half(root, game, n), models, without) for n in (1, 2)}
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


def open_half(
    half: Half, models: Ensemble, without: Sequence[str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Open the features of a half.

    Parameters
    ----------
    half
        The half.
    models
        The head or heads.
    without
        Modalities to treat as missing.

    Returns
    -------
    dict, list
        Rows by modality, and warnings.

    Raises
    ------
    InputError
        A file is damaged, or of another video.
    UsageError
        The features were made with other settings than those of the training.
    """
    paths = {name: half.feature(name) for name in models.modalities if name not in without}
    present = {name: path for name, path in paths.items() if path.exists()}
    if not present:
        return {}, [f"half {half.number} has no feature file"]
    for path in present.values():
        check_media(path, half)
    provenance = {name: provenance_of(path) for name, path in present.items()}
    for model in models.models:
        check_provenance(provenance, model.provenance, str(half.folder))
    features = open_features(present, models.fps, models.rates)
    missing = [name for name in paths if name not in present]
    warnings = [f"half {half.number} is without {', '.join(missing)}"] if missing else []
    for name, rows in features.items():
        if bad := int((~np.isfinite(rows).all(axis=1)).sum()):
            warnings.append(f"{present[name].name}: {bad} rows hold NaN; treated as missing")
    return features, warnings
