"""The pooling heads of SoccerNet and OpenSportsLab as they are published: PyTorch variables.

Which head it is shows in the names of its variables. Windows and suppression do not: those of
SoccerNet's repository are known, of OpenSportsLab's they stand in the ``config.yaml`` beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from action_spotting.dataset.classes import ACTIONS_V1, actions
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.published.settings import NETVLAD
from action_spotting.fusion.published.windows import PROJECTION
from action_spotting.io.files import read_bytes
from action_spotting.io.torch_zip import read_variables

MAX_CONFIG_BYTES = 2**20
FEATURES = {2048: "ResNET_TF2", 512: "ResNET_TF2_PCA512"}
"""The features of SoccerNet's that a head takes, by the numbers in a row."""

_OSL = re.compile(r"^(backbone\.|neck\.|head\.)")
_POOL = re.compile(r"^pool(?:ing)?_layer(_before|_after)?\.")


class Rules(NamedTuple):
    """What the variables do not tell; None: not known.

    Attributes
    ----------
    window_s
        Length of a window in seconds.
    nms_window_s
        Suppression window in seconds as the authors count it: half of it to either side.
    floor
        Confidence under which nothing is given.
    """

    window_s: float | None = None
    nms_window_s: float | None = None
    floor: float | None = None

    def or_else(self, other: Rules) -> Rules:
        """Fill in what is not known."""
        pairs = zip(self, other, strict=True)
        return Rules(*(mine if mine is not None else theirs for mine, theirs in pairs))


PLUS_PLUS = Rules(15.0, 30.0, 0.0)
OPENSPORTSLAB = Rules(None, 30.0, 0.0)
POOLED_NETVLAD, POOLED_MAX = Rules(20.0, 20.0, 0.5), Rules(20.0, 20.0, 0.0)


def read_config(path: Path) -> Rules:
    """Read the rules from OpenSportsLab's ``config.yaml``, wherever in it they stand.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Rules
        Those that it names.

    Raises
    ------
    InputError
        No YAML, or the same name twice with other values.
    """
    try:
        content = yaml.safe_load(read_bytes(path, MAX_CONFIG_BYTES))
        named = [*_numbers(content)]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not usable YAML ({reason})") from error
    found: dict[str, float] = {}
    for name, value in named:
        if found.setdefault(name, value) != value:
            raise InputError(f"{path}: {name} is {found[name]:g} and {value:g}; name one by option")
    return Rules(*(found.get(n) for n in ("window_size", "nms_window", "nms_threshold")))


def _numbers(content: Any, depth: int = 0) -> Iterator[tuple[str, float]]:
    """Give every number of nested YAML with its lower-case name."""
    if depth > 16:
        raise ValueError("nested more than 16 deep")
    if isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield str(name).lower(), float(value)
            yield from _numbers(value, depth + 1)


def read_pooling(
    path: Path, given: Rules, feature: str | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a pooling head.

    Parameters
    ----------
    path
        The file that PyTorch has written.
    given
        What is known beside it; it comes before what is usual for the head.
    feature
        The feature that it takes; None: SoccerNet's of its width.

    Returns
    -------
    dict, dict
        Form and rules, as fields of `PublishedSettings`; and the arrays as in ``weights.npz``.

    Raises
    ------
    UsageError
        The length of a window is not known, or no feature of that width.
    InputError
        Variables of another network.
    """
    state = read_variables(path)
    usual = OPENSPORTSLAB if any(map(_OSL.match, state)) else PLUS_PLUS
    state = {_OSL.sub("", name): array for name, array in state.items()}
    state = {name.removeprefix("head."): array for name, array in state.items()}
    fc = "fc" if "fc.weight" in state else ""
    weight, bias = (state.pop(f"{fc}.{part}".lstrip("."), None) for part in ("weight", "bias"))
    if weight is None or bias is None or weight.ndim != 2 or weight.shape[0] - 1 not in (3, 17):
        raise _foreign(path, "no layer of 4 or 18 classes at its end")
    arrays, width = _projection(state, path)
    pools: dict[str, dict[str, np.ndarray]] = {}
    for name in [name for name in state if _POOL.match(name)]:
        part = _POOL.match(name)
        pools.setdefault((part and part[1]) or "", {})[_POOL.sub("", name)] = state.pop(name)
    if state:
        raise _foreign(path, f"{next(iter(state))} is none of its variables")
    usual, pooled, by_dimension = _pools(pools, usual, path)
    rules = given.or_else(usual)
    arrays |= pooled | {
        "classify/kernel": _kernel(weight[1:], pooled, by_dimension, path),
        "classify/bias": bias[1:],
    }
    if rules.window_s is None:
        raise UsageError(
            f"{path}: the variables do not tell how long a window is; give the config.yaml that "
            "lies beside them, or --window (20 is usual)"
        )
    version = 1 if len(weight) - 1 == len(ACTIONS_V1) else 2
    form = {
        "head": NETVLAD,
        "modality": feature or feature_of(width, path),
        "classes": actions(version),
        "label_version": version,
        "chunk_rows": round(2 * rules.window_s),
        "parts": max(len(pools), 1),
        "pooling": "netvlad" if pools else "max",
        "nms_window_s": (rules.nms_window_s or 0.0) / 2,
        "floor": rules.floor,
        "lost_rows": 1 if by_dimension else 2,
    }
    numbers = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    return form, numbers


def feature_of(width: int, where: Path) -> str:
    """Name SoccerNet's feature of a width; `UsageError` where there is none."""
    if width not in FEATURES:
        raise UsageError(f"{where}: it takes rows of {width} numbers; name them with --feature")
    return FEATURES[width]


def _projection(state: dict[str, np.ndarray], path: Path) -> tuple[dict[str, np.ndarray], int]:
    """Take the projection of rows, if there is one, and the width of a row."""
    weight, bias = (state.pop(f"feature_extractor.{part}", None) for part in ("weight", "bias"))
    if weight is None or bias is None:
        return {}, PROJECTION
    if weight.ndim != 2 or weight.shape[0] != PROJECTION or bias.shape != (PROJECTION,):
        raise _foreign(path, f"feature_extractor.weight has shape {weight.shape}")
    return {"project/kernel": weight.T, "project/bias": bias}, weight.shape[1]


def _pools(
    pools: Mapping[str, Mapping[str, np.ndarray]], usual: Rules, path: Path
) -> tuple[Rules, dict[str, np.ndarray], bool]:
    """Read the pools: the usual rules, their arrays, and whether the classifier is d-major."""
    if not pools:
        return POOLED_MAX, {}, False
    arrays: dict[str, np.ndarray] = {}
    by_dimension = "conv.weight" not in next(iter(pools.values()))
    if set(pools) not in ({""}, {"_before", "_after"}):
        raise _foreign(path, "one pool, or one before and one after, is expected")
    for i, part in enumerate(sorted(pools, reverse=True)):
        pool = dict(pools[part])
        if by_dimension:
            assign, centres = pool.pop("clusters", None), pool.pop("clusters2", None)
            if assign is not None and centres is None:  # NetRVLAD
                centres = np.zeros((1, *assign.shape), np.float32)
            centres = None if centres is None or centres.ndim != 3 else centres[0].T
        else:
            conv, centres = pool.pop("conv.weight"), pool.pop("centroids", None)
            assign = conv[:, :, 0, 0].T if conv.ndim == 4 and conv.shape[2:] == (1, 1) else None
        fits = assign is not None and assign.ndim == 2 and assign.shape[0] == PROJECTION
        if pool or assign is None or centres is None or not fits or centres.T.shape != assign.shape:
            raise _foreign(path, "a pool without its clusters, or of other shapes")
        arrays |= {f"pool{i}/assign": assign, f"pool{i}/centres": centres}
    return usual if by_dimension else POOLED_NETVLAD, arrays, by_dimension


def _kernel(
    weight: np.ndarray, pooled: Mapping[str, np.ndarray], by_dimension: bool, path: Path
) -> np.ndarray:
    """Give the classifier's kernel ``(inputs, classes)`` for pools that are flat k-major."""
    shapes = [array.shape for name, array in pooled.items() if name.endswith("/assign")]
    inputs = sum(dims * clusters for dims, clusters in shapes) or PROJECTION
    if weight.shape[1] != inputs or len(set(shapes)) > 1:
        raise _foreign(path, f"the last layer takes {weight.shape[1]} numbers, not {inputs}")
    if by_dimension:
        dims, clusters = shapes[0]
        weight = weight.reshape(len(weight), len(shapes), dims, clusters).swapaxes(2, 3)
    return weight.reshape(len(weight), inputs).T


def _foreign(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: not the variables of NetVLAD++, NetVLAD, NetRVLAD or MaxPool: {reason}"
    )
