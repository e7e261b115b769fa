"""Arrays of weights in files that hold nothing but numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError
from action_spotting.io.files import whole_file
from action_spotting.io.zips import read_npz

MAX_WEIGHTS_BYTES = 2**31


def assign(variables: Sequence[Any], values: Sequence[np.ndarray], where: str) -> None:
    """Set variables from arrays of the same shapes.

    Parameters
    ----------
    variables, values
        As many variables as arrays.
    where
        Origin of the arrays, for the error message.

    Raises
    ------
    InputError
        Number or shapes differ.
    """
    if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        raise InputError(f"{where}: arrays do not fit the settings in model.json")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as ``.npz``, whole or not at all; the file holds no date.

    Parameters
    ----------
    path
        The file to write.
    arrays
        Arrays by name.
    """
    with whole_file(path) as part:
        np.savez(part, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an ``.npz`` of plain arrays, never unpickling.

    Parameters
    ----------
    path
        The file to read.

    Returns
    -------
    dict
        Arrays by name.

    Raises
    ------
    InputError
        Missing, damaged, too large, or not plain arrays.
    """
    try:
        return read_npz(path, MAX_WEIGHTS_BYTES)
    except InputError as error:
        raise InputError(f"{error}; train anew") from error
