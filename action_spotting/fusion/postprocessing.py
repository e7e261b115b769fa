"""What comes after the network and is chosen on the validation games.

NMS windows, the scale of the displacement, the spread of the confidences, thresholds, and a curve
that turns confidences into probabilities.

The official AP is not rank-only: it looks at 200 thresholds on [0, 1], so that the same ranking
squeezed into a corner loses points. Confidences are therefore spread evenly in their logits; that
is monotone, so that no ranking changes, and the same for all classes. What a confidence means to
people is kept apart: a logistic curve gives the probability that a spot is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from scipy.special import expit, logit

from action_spotting.dataset.events import Events
from action_spotting.errors import InputError
from action_spotting.fusion.peak_picking import FLOOR, Peaks
from action_spotting.io.files import typed

DEFAULT_NMS_WINDOW_S = 8.0

DEFAULT_DISPLACEMENT_SCALE = 0.25


BOTTOM = float(logit(FLOOR))
"""The logit whose confidence becomes 0 when confidences are spread."""

_EDGE = 1e-6


@dataclass(frozen=True)
class Postprocessing:
    """What was chosen on the validation games.

    Attributes
    ----------
    nms_windows_s
        Suppression windows, ``(classes,)``.
    displacement_scale
        Part of the displacement by which a row is moved, 0 to 1. The confidence of a narrow
        target peaks at the event by itself; rows moved all the way crowd into false doubles.
    top
        The logit whose confidence becomes 1 when confidences are spread; None: they stay.
    threshold
        Of the spread confidence, with the best F1, ``(classes,)``.
    temperature, offset
        ``probability = expit(logit(confidence) / temperature + offset)``, before the spread.
    """

    nms_windows_s: np.ndarray
    displacement_scale: float
    top: float | None
    threshold: np.ndarray
    temperature: float = 1.0
    offset: float = 0.0

    def spread(self, peaks: Peaks) -> np.ndarray:
        """Spread confidences for the 200-threshold AP.

        Parameters
        ----------
        peaks
            Spots of a half.

        Returns
        -------
        float array ``(n,)``
            In [0, 1]; without `top`, the confidences as they are.
        """
        if self.top is None:
            return peaks.confidence
        return np.clip((logit_of(peaks.confidence) - BOTTOM) / (self.top - BOTTOM), 0, 1)

    @property
    def calibrated(self) -> bool:
        """Whether `probability` was fitted on validation games; else it is the bare confidence."""
        return (self.temperature, self.offset) != (1.0, 0.0)

    def probability(self, peaks: Peaks) -> np.ndarray:
        """Compute the probability that each spot is within 2.5 s of an event.

        Parameters
        ----------
        peaks
            Spots of a half.

        Returns
        -------
        float array ``(n,)``
            In [0, 1].
        """
        return expit(logit_of(peaks.confidence) / self.temperature + self.offset)

    def as_dict(self) -> dict[str, Any]:
        """Give JSON-able values, under their names in ``model.json``.

        Returns
        -------
        dict
            JSON-able values by name.
        """
        arrays = self.nms_windows_s.tolist(), self.threshold.tolist()
        scalars = self.displacement_scale, self.top, self.temperature, self.offset
        return msgspec.to_builtins(
            _Stored(arrays[0], scalars[0], scalars[1], arrays[1], *scalars[2:])
        )


class _Stored(msgspec.Struct):
    """What ``model.json`` holds of it, under older names."""

    windows_s: list[float]
    share: float
    top: float | None
    threshold: list[float]
    temperature: float
    offset: float


def default_postprocessing(classes: int, nms_window_s: float = 0.0) -> Postprocessing:
    """Give the postprocessing of a head without validation: one window, confidences as they are.

    Parameters
    ----------
    classes
        Number of classes.
    nms_window_s
        Suppression window in seconds; 0: the default of 8 s.

    Returns
    -------
    Postprocessing

    Examples
    --------
    >>> default_postprocessing(2).nms_windows_s.tolist()
    [8.0, 8.0]
    """
    windows_s = np.full(classes, nms_window_s or DEFAULT_NMS_WINDOW_S)
    return Postprocessing(windows_s, DEFAULT_DISPLACEMENT_SCALE, None, np.full(classes, 0.5))


def read_postprocessing(content: Any, classes: int, where: str) -> Postprocessing:
    """Read the postprocessing from the JSON of a model folder.

    Parameters
    ----------
    content
        The decoded JSON.
    classes
        Number of classes.
    where
        Name of the file, for the error message.

    Returns
    -------
    Postprocessing

    Raises
    ------
    InputError
        A value is missing, of another type or out of range.
    """
    stored = typed(content, _Stored, f"{where}: calibration")
    arrays = {"windows_s": stored.windows_s, "threshold": stored.threshold}
    for name, values in arrays.items():
        if len(values) != classes or not np.isfinite(values).all():
            raise InputError(f"{where}: calibration {name} is not {classes} finite numbers")
    numbers = (stored.share, stored.temperature, stored.offset)
    if not np.isfinite(numbers).all() or stored.temperature <= 0:
        raise InputError(f"{where}: calibration is not usable ({stored})")
    if not (stored.top is None or BOTTOM < stored.top < np.inf):
        top = f"{where}: calibration top is {stored.top}"
        raise InputError(f"{top}, expected more than {BOTTOM:.2f}")
    windows_s, threshold = np.array(stored.windows_s), np.array(stored.threshold)
    return Postprocessing(windows_s, stored.share, stored.top, threshold, *numbers[1:])


def to_spots(
    halves: Sequence[Peaks],
    confidence: Callable[[Peaks], np.ndarray],
    classes: tuple[str, ...],
) -> Events:
    """Join the peaks of a game's halves into spots with integer milliseconds.

    Parameters
    ----------
    halves
        Peaks of the first and the second half.
    confidence
        Gives the confidences ``(n,)`` of peaks, such as `Postprocessing.spread`.
    classes
        Names of the classes.

    Returns
    -------
    Events
        Times in ms since each half's start.

    Examples
    --------
    >>> peaks = Peaks(np.array([1.5]), np.array([0]), np.array([0.9]))
    >>> to_spots([peaks], lambda p: p.confidence, ("Goal",)).position_ms.tolist()
    [1500]
    """
    return Events(
        np.repeat(np.arange(1, len(halves) + 1), [len(p) for p in halves]),
        np.concatenate([np.round(p.time_s * 1000) for p in halves]).astype(np.int64),
        np.concatenate([p.label for p in halves]),
        np.concatenate([confidence(p) for p in halves]),
        classes=classes,
    )


def logit_of(confidence: np.ndarray) -> np.ndarray:
    """Compute the logits of confidences, finite also for 0 and 1.

    Parameters
    ----------
    confidence
        In [0, 1].

    Returns
    -------
    numpy.ndarray
        The same shape, within ±14.
    """
    return logit(np.clip(confidence, _EDGE, 1 - _EDGE))
