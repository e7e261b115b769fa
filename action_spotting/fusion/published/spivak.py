"""The dense-anchor models of yahoo/spivak as they are published, read without their code.

A head is up to three things: two SavedModel folders, of which only the variables are read, and the
pickle of a scikit-learn ``MaxAbsScaler``, of which only ``scale_`` is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.published.dense_anchors import (
    CONFIDENCE,
    DISPLACEMENT,
    DenseAnchors,
    check_shapes,
    check_width,
)
from action_spotting.io.pickles import Fields, read_pickle
from action_spotting.io.tf_checkpoint import Checkpoint

VARIABLES = Path("variables/variables")
INDEX = Path("variables/variables.index")

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_BY_LAYER = "layer_with_weights-"
_SCALERS = ("sklearn.preprocessing._data.MaxAbsScaler", "sklearn.preprocessing.data.MaxAbsScaler")

PROTOCOLS = {
    "spotting_test": "trained on train, validated on valid; test unseen",
    "spotting_challenge_validated": "trained on train and test, validated on valid: scores on "
    "test games are not honest",
    "spotting_challenge": "trained on train, valid and test: scores on these games are not honest",
}
UNKNOWN_PROTOCOL = "unknown games: scores on SoccerNet's games may not be honest"


def protocol_of(path: Path) -> str:
    """Tell the games that a model was trained on from the name of its folder.

    Examples
    --------
    >>> protocol_of(Path("spotting_test_resnet_normalized_delta_zoo/best_model"))
    'trained on train, validated on valid; test unseen'
    """
    for name in reversed(path.parts):
        for begin in sorted(PROTOCOLS, key=len, reverse=True):
            if name.startswith(f"{begin}_"):
                return PROTOCOLS[begin]
    return UNKNOWN_PROTOCOL


def read_networks(
    folders: Sequence[Path], classes: int
) -> dict[str, tuple[Path, dict[str, np.ndarray]]]:
    """Read the variables of one or two SavedModel folders.

    Parameters
    ----------
    folders
        Each with ``variables/variables.index``.
    classes
        Number of classes.

    Returns
    -------
    dict
        By output (``confidence``, ``delta``): the folder, and the arrays by ``<layer>/kernel``.

    Raises
    ------
    UsageError
        Two folders with the same output, or none with the confidence.
    InputError
        Variables of another network.
    """
    found: dict[str, tuple[Path, dict[str, np.ndarray]]] = {}
    for folder in folders:
        output, arrays = read_network(folder, classes)
        if output in found:
            raise UsageError(
                f"{found[output][0]} and {folder} both hold the {output} network; name one of them"
            )
        found[output] = folder, arrays
    if CONFIDENCE not in found:
        named = ", ".join(map(str, folders)) or "no SavedModel folder"
        raise UsageError(f"{named}: the confidence network is missing; name its folder as well")
    return found


def read_network(folder: Path, classes: int) -> tuple[str, dict[str, np.ndarray]]:
    """Read the variables of a SavedModel folder; its graph is not looked at.

    Parameters
    ----------
    folder
        With ``variables/variables.index``.
    classes
        Number of classes.

    Returns
    -------
    str, dict
        `CONFIDENCE` or `DISPLACEMENT`, and float32 arrays by ``<layer>/kernel`` or ``…/bias``.

    Raises
    ------
    InputError
        Variables of another network: some are missing, or of another shape.
    """
    checkpoint = Checkpoint(folder / VARIABLES)
    shapes, where = checkpoint.shapes, str(folder / VARIABLES)
    keys = [
        key for key in shapes if _BY_LAYER in key and key.endswith(_VALUE) and ".OPT" not in key
    ]
    names = {checkpoint.layer_names.get(key, ""): key for key in keys}
    output = _output(names, folder)
    width = _width(names, shapes, where)
    check_width(width, sum(math.prod(shapes[key]) for key in keys), where)
    wanted = DenseAnchors(width, classes, output).shapes()
    if not names.keys() >= wanted.keys():
        names = _by_number(keys, wanted)
    values = {name: checkpoint.read(key) for name, key in names.items() if name in wanted}
    check_shapes(values, wanted, where)
    return output, {name: values[name].astype(np.float32) for name in wanted}


def _output(names: Mapping[str, str], folder: Path) -> str:
    """Tell the network by its last layer's name, else by the folder's."""
    for output in (CONFIDENCE, DISPLACEMENT):
        if f"{output}_convolution/kernel" in names:
            return output
    for name in reversed(folder.parts):
        for output in (CONFIDENCE, DISPLACEMENT):
            if f"_{output}_" in name or name == output:
                return output
    raise InputError(
        f"{folder}: neither the confidence nor the displacement network of spivak: no layer is "
        "named confidence_convolution or delta_convolution, nor is the folder"
    )


def _width(names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], where: str) -> int:
    """Tell the width of a row from the first layer's kernel, (1, width, 1, units)."""
    first = ("optional_projection/kernel", "input_reduction_1/kernel")
    keys = [names[name] for name in first if name in names]
    keys += [key for key in shapes if key == f"{_BY_LAYER}0/kernel{_VALUE}"]
    if not keys or len(shapes[keys[0]]) != 4:
        raise InputError(f"{where}: not the variables of this network: no first layer of rows")
    return shapes[keys[0]][1]


def _by_number(keys: Sequence[str], wanted: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Match keys to names by the number of the layer, where the checkpoint names no layers."""
    there, layers = {*keys}, list(dict.fromkeys(name.rpartition("/")[0] for name in wanted))
    named = {
        f"{layer}/{part}": f"{_BY_LAYER}{i}/{part}{_VALUE}"
        for i, layer in enumerate(layers)
        for part in ("kernel", "bias")
    }
    return {name: key for name, key in named.items() if key in there}


def read_scale(path: Path) -> np.ndarray:
    """Read what each number of a row is divided by from the pickle of a ``MaxAbsScaler``.

    Parameters
    ----------
    path
        Such as ``resnet_normalizer.pkl``.

    Returns
    -------
    float32 array ``(width,)``

    Raises
    ------
    UsageError
        No such file.
    InputError
        No such pickle, one with code in it, or numbers that are not positive.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file; spivak's resnet_normalizer.pkl is expected")
    fields = read_pickle(path, _SCALERS, "a MaxAbsScaler of scikit-learn")
    scale = fields.values.get("scale_") if isinstance(fields, Fields) else None
    row = isinstance(scale, np.ndarray) and scale.ndim == 1 and scale.dtype.kind == "f"
    if scale is None or not row or not (len(scale) and (np.isfinite(scale) & (scale > 0)).all()):
        raise InputError(f"{path}: scale_ is not a row of positive numbers")
    return scale.astype(np.float32)
