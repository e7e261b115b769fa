"""Predictions of games: one model or an ensemble, over features on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.event_files import write_predictions
from action_spotting.dataset.events import Events
from action_spotting.dataset.features import align, open_feature
from action_spotting.dataset.layout import Half, predictions_path
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.fusion.calibration import Calibration, to_spots
from action_spotting.fusion.games import check_provenance, half_provenance
from action_spotting.fusion.model import Dense, SpottingModel, load_model, pick_peaks, write_arrays
from action_spotting.fusion.peak_picking import NO_PEAKS, Peaks
from action_spotting.io.items import Summary, run_items


class Ensemble:
    """Heads that agree on classes and rows a second; their logits are averaged.

    One head is an ensemble of one.

    Attributes
    ----------
    models
        The heads.
    classes
        Names of the classes.
    modalities
        All modalities that any of them takes.
    calibration
        Their common calibration.
    """

    def __init__(self, models: Sequence[SpottingModel]) -> None:
        self.models = list(models)
        first = self.models[0].settings
        for model in self.models[1:]:
            for name in ("classes", "fps", "label_version"):
                if getattr(model.settings, name) != getattr(first, name):
                    raise UsageError(f"the models differ in {name}; an ensemble needs one")
        self.classes = first.classes
        self.label_version = first.label_version
        self.modalities = tuple(
            dict.fromkeys(m for x in self.models for m in x.settings.modalities)
        )
        self.calibration = average_calibration([m.calibration for m in self.models])

    def dense(self, features: Mapping[str, np.ndarray]) -> Dense:
        """Run all heads over a half; those whose modalities are all missing are left out."""
        usable = [m for m in self.models if set(m.settings.modalities) & set(features)]
        outputs = [m.dense(features) for m in usable or self.models]
        return Dense(
            np.mean([o.logits for o in outputs], axis=0),
            np.mean([o.displacement_s for o in outputs], axis=0),
        )

    def peaks(self, dense: Dense) -> Peaks:
        """Pick the spots of a half from its dense outputs."""
        return pick_peaks(
            dense, self.models[0].settings, self.calibration.windows_s, self.calibration.share
        )

    def spot_half(
        self, features: Mapping[str, np.ndarray], *, half: int = 1, probability: bool = False
    ) -> Events:
        """Spot the events of one half, as `SpottingModel.spot_half`."""
        peaks = self.peaks(self.dense(features))
        mapping = self.calibration.probability if probability else self.calibration.score
        return to_spots([NO_PEAKS] * (half - 1) + [peaks], mapping, self.classes)

    @property
    def thresholds(self) -> np.ndarray:
        """Confidence of each class with the best F1 on the validation games, ``(classes,)``."""
        return self.calibration.threshold


def load_models(folders: Sequence[Path]) -> Ensemble:
    """Load one model folder or several."""
    return Ensemble([load_model(folder) for folder in folders])


def average_calibration(calibrations: Sequence[Calibration]) -> Calibration:
    """Average what the heads of an ensemble chose."""

    def mean(name: str) -> Any:
        return np.mean([getattr(c, name) for c in calibrations], axis=0)

    tops = [c.top for c in calibrations if c.top is not None]
    return Calibration(
        mean("windows_s"),
        float(mean("share")),
        float(np.mean(tops)) if tops else None,
        mean("threshold"),
        float(mean("temperature")),
        float(mean("offset")),
    )


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
    root, games
        Where the features are.
    models
        What predicts.
    out
        The results folder.
    scores
        Write dense scores too: ``<half>_scores.npz`` with ``logits`` and ``displacement_s``.
    without
        Modalities to act as if they were missing.
    fail_fast
        Raise at the first game that fails instead of listing it.

    Returns
    -------
    Summary
        Games done, and those that could not be done with the reason.
    """
    problems = [
        unknown("modality", n, models.modalities) for n in set(without) - {*models.modalities}
    ]
    if problems:
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
    """Spot both halves of a game; gives the spots and warnings.

    Raises
    ------
    InputError
        Neither half has a feature file, or one is damaged.
    UsageError
        The features were made with other settings than those of the training.
    """
    halves = {n: load_features(Half(root, game, n), models, without) for n in (1, 2)}
    if not any(features for features, _ in halves.values()):
        raise InputError(f"{root / game}: no feature file of {', '.join(models.modalities)}")
    peaks, warnings = [], []
    for number, (features, found) in halves.items():
        warnings += found
        if not features:
            peaks.append(NO_PEAKS)
            continue
        dense = models.dense(features)
        peaks.append(models.peaks(dense))
        if scores_to:
            path = scores_to / game / f"{number}_scores.npz"
            write_arrays(path, {"logits": dense.logits, "displacement_s": dense.displacement_s})
    return to_spots(peaks, models.calibration.score, models.classes), warnings


def load_features(
    half: Half, models: Ensemble, without: Sequence[str] = ()
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Open the features of a half that `models` take; gives them and warnings."""
    paths = {name: half.feature(name) for name in models.modalities if name not in without}
    present = {name: path for name, path in paths.items() if path.exists()}
    if not present:
        return {}, [f"half {half.number} has no feature file"]
    for model in models.models:
        check_provenance(half_provenance(present), model.provenance, str(half.folder))
    arrays = align({path: open_feature(path) for path in present.values()})
    features = {name: arrays[path] for name, path in present.items()}
    missing = [name for name in paths if name not in present]
    warnings = [f"half {half.number} is without {', '.join(missing)}"] if missing else []
    for name, rows in features.items():
        bad = int((~np.isfinite(rows).all(axis=1)).sum())
        if bad:
            warnings.append(f"{present[name].name}: {bad} rows hold NaN; treated as missing")
    return features, warnings
