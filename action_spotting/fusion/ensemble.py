"""Several heads as one: their outputs averaged, whether they were made alike or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from action_spotting.dataset.events import Events
from action_spotting.dataset.rates import Rate
from action_spotting.errors import UsageError, unknown
from action_spotting.fusion.combination import Combination
from action_spotting.fusion.model import RowScores, SpottingModel, pick_peaks, smooth_rows
from action_spotting.fusion.peak_picking import NO_PEAKS, Peaks, pick
from action_spotting.fusion.postprocessing import Postprocessing, to_spots
from action_spotting.fusion.published.model import PublishedModel

Head = SpottingModel | PublishedModel
Outputs = Sequence[tuple[Head, RowScores]]

ALIKE = ("classes", "fps", "label_version")
"""Settings that the heads of an ensemble must share."""


class Ensemble:
    """Heads whose outputs are averaged, each smoothed and displaced with its own settings.

    One head is an ensemble of one. Heads that were not made alike, published ones among them, are
    averaged by the logits of their calibrated confidences, see
    `action_spotting.fusion.combination`.

    Parameters
    ----------
    models
        The heads, one or more.
    combination
        Weights, calibration and postprocessing chosen on validation games; None: equal weights,
        each head's own calibration.
    rates
        Where the rows of features stand that are not placed as in the training.

    Attributes
    ----------
    classes, fps, label_version
        As in their settings.
    modalities
        All modalities that any of them takes.
    rates
        Where the rows of features stand, of those that are resampled.
    postprocessing
        The combination's; else the mean of theirs.

    Raises
    ------
    UsageError
        The heads differ in classes, rows a second, label version, where the rows of a feature stand
        or, if all were trained here, the kind of suppression; the combination is of other heads;
        or `rates` names a feature that none of them takes.
    """

    def __init__(
        self,
        models: Sequence[Head],
        combination: Combination | None = None,
        rates: Mapping[str, Rate] | None = None,
    ) -> None:
        self.models = list(models)
        first = self.models[0].settings
        trained_here = not any(isinstance(model, PublishedModel) for model in self.models)
        for model in self.models[1:]:
            for name in (*ALIKE, *(("soft_nms",) if trained_here else ())):
                one, other = getattr(first, name), getattr(model.settings, name)
                if one != other:
                    both = "" if name == "classes" else f" ({one} and {other})"
                    raise UsageError(f"the models differ in {name}{both}; an ensemble needs one")
        self.classes = first.classes
        self.fps, self.label_version = first.fps, first.label_version
        names = [name for model in self.models for name in model.settings.modalities]
        self.modalities = tuple(dict.fromkeys(names))
        self.rates = _common_rates(self.models, rates or {})
        if combination:
            combination.check(self.models)
        self.combination = combination or Combination.equal(self.models)
        self.mixed = combination is not None or not (trained_here or _one_rule(self.models))
        self.postprocessing = self.combination.postprocessing or _average(
            [model.postprocessing for model in self.models], self.mixed
        )

    def run(self, features: Mapping[str, np.ndarray]) -> list[tuple[Head, RowScores]]:
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
        outputs = [(model, model.score_rows(features)) for model in usable or self.models]
        rows = min(len(scores.logits) for _, scores in outputs)
        return [(model, RowScores(*(x[:rows] for x in scores))) for model, scores in outputs]

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

    def peaks(self, outputs: Outputs) -> Peaks:
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
        if self.mixed and (len(outputs) > 1 or self.combination.postprocessing):
            return self._mixed_peaks(outputs)
        moved = []
        for model, scores in outputs:
            if isinstance(model, PublishedModel):
                return model.peaks(mean_scores(outputs))
            moved.append((model, moved_rows(model, scores)))
        settings, windows_s = moved[0][0].settings, self.postprocessing.nms_windows_s
        return pick_peaks(mean_scores(moved), settings, windows_s, displacement_scale=1.0)

    def _mixed_peaks(self, outputs: Outputs) -> Peaks:
        """Average calibrated logits by weight and suppress softly."""
        return mixed_peaks(
            calibrated_mean(outputs, self.combination, self.models),
            self.fps,
            self.postprocessing.nms_windows_s,
        )

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


def moved_rows(model: SpottingModel, scores: RowScores) -> RowScores:
    """Smooth a head's outputs and scale its displacement, as its own settings say.

    Parameters
    ----------
    model
        A head that was trained here.
    scores
        Its outputs.

    Returns
    -------
    RowScores
        ``(rows, classes)``.
    """
    logits, displacement_s = smooth_rows(scores, model.settings)
    return RowScores(logits, model.postprocessing.displacement_scale * displacement_s)


def mean_scores(outputs: Outputs) -> RowScores:
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
    moving = [x for model, x in outputs if moves(model)] or [outputs[0][1]]
    return RowScores(
        np.mean([x.logits for _, x in outputs], axis=0),
        np.mean([x.displacement_s for x in moving], axis=0),
    )


def moves(model: Any) -> bool:
    """Tell whether a head has a displacement.

    Parameters
    ----------
    model
        A head.

    Returns
    -------
    bool
    """
    settings = model.settings
    return bool(settings.moves if isinstance(model, PublishedModel) else settings.displacement_s)


def calibrated_mean(
    outputs: Outputs, combination: Combination, models: Sequence[Head]
) -> RowScores:
    """Average heads that were not made alike, by weight.

    Parameters
    ----------
    outputs
        Heads with their outputs; some of `models` may be missing.
    combination
        Weight and calibration of each of `models`.
    models
        All heads, in the order of the weights.

    Returns
    -------
    RowScores
        Logits of the calibrated confidences, and displacements from the middle of each row.
    """
    index = [models.index(model) for model, _ in outputs]
    weights = np.array([combination.weights[i] for i in index])
    weights = weights / weights.sum() if weights.sum() else np.full(len(index), 1 / len(index))
    logits, moved = [], []
    for i, (model, scores) in zip(index, outputs, strict=True):
        own, displacement_s = scores
        if isinstance(model, PublishedModel):  # from i/fps to the middle of the row
            displacement_s = displacement_s - 0.5 / model.settings.fps
        else:
            own, displacement_s = moved_rows(model, scores)
        temperature, offset = combination.curves[i]
        logits.append(own / temperature + offset)
        moved.append(displacement_s)
    moving = np.array([w * moves(model) for w, (model, _) in zip(weights, outputs, strict=True)])
    pull = moving / moving.sum() if moving.sum() else weights
    return RowScores(np.tensordot(weights, logits, 1), np.tensordot(pull, moved, 1))


def mixed_peaks(mean: RowScores, fps: float, windows_s: np.ndarray) -> Peaks:
    """Pick the spots of averaged heads: displaced, then suppressed softly.

    Parameters
    ----------
    mean
        As of `calibrated_mean`.
    fps
        Rows a second.
    windows_s
        Reach of the suppression to either side, ``(classes,)``.

    Returns
    -------
    Peaks
        Times in seconds, classes and confidences.
    """
    return pick(expit(mean.logits), mean.displacement_s, fps=fps, windows_s=windows_s)


def _common_rates(models: Sequence[Head], given: Mapping[str, Rate]) -> dict[str, Rate]:
    """Give the rates of the heads' features, those that are `given` before their own."""
    own = {
        name: {model.rates.get(name) for model in models if name in model.settings.modalities}
        for name in dict.fromkeys(n for model in models for n in model.settings.modalities)
    }
    if strange := [unknown("modality", name, own) for name in given if name not in own]:
        raise UsageError(f"--rate: {'; '.join(strange)}")
    for name, rates in own.items():
        if len(rates) > 1 and name not in given:
            raise UsageError(f"the models place the rows of {name} at different times")
    placed = {name: given.get(name) or next(iter(rates)) for name, rates in own.items()}
    return {name: rate for name, rate in placed.items() if rate}


def _one_rule(models: Sequence[Head]) -> bool:
    rules = {model.rule if isinstance(model, PublishedModel) else None for model in models}
    return len(rules) == 1 and None not in rules


def _average(chosen: Sequence[Postprocessing], mixed: bool) -> Postprocessing:
    tops = [c.top for c in chosen if c.top is not None]
    mean = Postprocessing(
        np.mean([c.nms_windows_s for c in chosen], axis=0),
        float(np.mean([c.displacement_scale for c in chosen])),
        float(np.mean(tops)) if tops else None,
        np.mean([c.threshold for c in chosen], axis=0),
        float(np.mean([c.temperature for c in chosen])),
        float(np.mean([c.offset for c in chosen])),
    )
    if not mixed:
        return mean
    # calibrated already; the narrowest head tells how near two spots of a class may be
    windows_s = np.min([c.nms_windows_s for c in chosen], axis=0)
    threshold = np.full_like(mean.threshold, 0.5)
    return Postprocessing(windows_s, 1.0, None, threshold)
