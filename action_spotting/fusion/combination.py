"""How much each of several heads that were not made alike counts, and what its confidence means.

A head trained here, a dense-anchor head and a pooling head mean different things by 0.8. Each
head's logits are therefore calibrated, ``logit / temperature + offset``, so that the confidence is
the probability that a spot is right; then they are averaged by weight, displaced, and suppressed
softly. Without labels the weights are equal and only heads with a calibration of their own have
one; `action_spotting.fusion.combining` chooses all of it on validation games.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from keras import ops

from action_spotting.errors import UsageError
from action_spotting.fusion.postprocessing import Postprocessing, read_postprocessing
from action_spotting.io.files import read_json, typed, write_json

VERSION = 1


@dataclass(frozen=True)
class Combination:
    """Weights, calibration and postprocessing of several heads.

    Attributes
    ----------
    weights
        Of each head, not negative.
    curves
        Temperature and offset of each head's logits.
    heads
        A mark of each head's variables, so that no other head is taken for it.
    postprocessing
        Chosen on validation games; None: the mean of the heads'.
    """

    weights: tuple[float, ...]
    curves: tuple[tuple[float, float], ...]
    heads: tuple[str, ...]
    postprocessing: Postprocessing | None = None

    @staticmethod
    def equal(models: Sequence[Any]) -> Combination:
        """Give equal weights and the heads' own calibration.

        Parameters
        ----------
        models
            The heads.

        Returns
        -------
        Combination
        """
        own = [model.postprocessing for model in models]
        return Combination(
            (1 / len(own),) * len(own),
            tuple((chosen.temperature, chosen.offset) for chosen in own),
            tuple(map(mark, models)),
        )

    def check(self, models: Sequence[Any]) -> None:
        """Raise `UsageError` if this was chosen for other heads, or in another order.

        Parameters
        ----------
        models
            The heads.
        """
        if tuple(map(mark, models)) != self.heads:
            raise UsageError(
                f"the combination is of {len(self.heads)} other heads, or of these in another "
                "order; name the heads as when it was chosen"
            )


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    weights: list[float]
    curves: list[tuple[float, float]]
    heads: list[str]
    calibration: dict[str, Any]


def mark(model: Any) -> str:
    """Give a short hash of a head's one-dimensional variables.

    Parameters
    ----------
    model
        A head.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    arrays = getattr(model, "arrays", None)
    if arrays is None and not hasattr(model, "network"):
        return type(model).__name__
    values = (
        [array for _, array in sorted(arrays.items())]
        if arrays is not None
        else [ops.convert_to_numpy(v) for v in model.network.variables]
    )
    digest = hashlib.sha256()
    for array in values:
        if array.ndim == 1:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def write_combination(path: Path, combination: Combination) -> None:
    """Write a combination that was chosen on validation games as JSON.

    Parameters
    ----------
    path
        The file.
    combination
        With its postprocessing.
    """
    chosen = combination.postprocessing
    assert chosen is not None
    content = _Stored(
        VERSION,
        list(combination.weights),
        list(combination.curves),
        list(combination.heads),
        chosen.as_dict(),
    )
    write_json(path, msgspec.to_builtins(content))


def read_combination(path: Path, classes: int) -> Combination:
    """Read a combination.

    Parameters
    ----------
    path
        The file.
    classes
        Number of classes of the heads.

    Returns
    -------
    Combination

    Raises
    ------
    UsageError
        Of another version, or weights or temperatures out of range.
    InputError
        Missing or damaged.
    """
    stored = typed(read_json(path), _Stored, str(path))
    numbers = [*stored.weights, *(number for curve in stored.curves for number in curve)]
    counts = {len(stored.weights), len(stored.curves), len(stored.heads)}
    sound = np.isfinite(numbers).all() and min(stored.weights, default=-1) >= 0
    if stored.version != VERSION or len(counts) > 1 or not sound or not sum(stored.weights):
        raise UsageError(f"{path}: not a combination of heads that this toolkit reads")
    if not all(temperature > 0 for temperature, _ in stored.curves):
        raise UsageError(f"{path}: a temperature is not more than 0")
    return Combination(
        tuple(stored.weights),
        tuple(stored.curves),
        tuple(stored.heads),
        read_postprocessing(stored.calibration, classes, str(path)),
    )
