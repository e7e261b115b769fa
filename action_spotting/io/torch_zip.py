"""PyTorch's saved variables read without PyTorch: tensors by name, no code.

Since version 1.6 PyTorch saves a zip: ``data.pkl`` describes the tensors, and each file in
``data/`` holds the numbers of one storage. Of the pickle only names that describe tensors are
known (`action_spotting.io.pickles`); any other is refused by name. Of an archive only the
variables are read, not what an optimizer keeps beside them.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError
from action_spotting.io.pickles import parse_pickle
from action_spotting.io.zips import DAMAGED, open_bounded, read_member

MAX_BYTES = 2 * 2**30
MAX_PICKLE_BYTES = 16 * 2**20
STATES = ("state_dict", "model_state_dict")
PREFIXES = ("module.", "model.")
"""What wrappers of training put before every name."""

_DTYPES = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4"}
_MOST_DIMS = 8


class _Dict(dict[Any, Any]):
    """Stands for dicts with attributes; those are dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Closed:
    """What a pickle can set no attributes of."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("the state of a tensor is set")


@dataclass(frozen=True)
class _Kind(_Closed):
    """Stands for ``torch.FloatStorage`` and the like."""

    dtype: str


@dataclass(frozen=True)
class _Storage(_Closed):
    key: str
    dtype: str
    numbers: int


@dataclass(frozen=True)
class _Tensor(_Closed):
    """A tensor that is described, not read."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


class _Tensors:
    """Makes descriptions of tensors, for the names that a pickle has for it."""

    def storage(self, name: Any) -> _Storage:
        """Read ``("storage", type, key, device, numbers)``."""
        if not isinstance(name, tuple) or len(name) != 5 or not isinstance(name[1], _Kind):
            raise pickle.UnpicklingError("a storage that is none of plain numbers")
        _, kind, key, _, numbers = name
        if not isinstance(key, str) or not isinstance(numbers, int) or numbers < 0:
            raise pickle.UnpicklingError("a storage without a name or a size")
        return _Storage(key, kind.dtype, numbers)

    def rebuild(self, storage: Any, start: Any, shape: Any, steps: Any, *_: Any) -> _Tensor:
        """Describe a tensor that lies within its storage."""
        numbers = (start, *shape, *steps)
        if not isinstance(storage, _Storage) or not all(isinstance(n, int) for n in numbers):
            raise pickle.UnpicklingError("a tensor without numbers")
        if len(shape) != len(steps) or len(shape) > _MOST_DIMS or min(numbers) < 0:
            raise pickle.UnpicklingError(f"a tensor of shape {tuple(shape)}, steps {tuple(steps)}")
        size = math.prod(shape)
        last = start + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
        if size > storage.numbers or (size and last >= storage.numbers):
            raise pickle.UnpicklingError(f"a tensor of shape {tuple(shape)} in {storage.numbers}")
        return _Tensor(storage, start, tuple(shape), tuple(steps))

    def parameter(self, tensor: Any, *_: Any) -> Any:
        """Give the tensor of a parameter."""
        return tensor

    def readers(self) -> dict[str, Any]:
        """Give what stands for each name."""
        attributes = ("lightning.fabric", "lightning_fabric", "pytorch_lightning")
        return {
            "collections.OrderedDict": _Dict,
            "torch._utils._rebuild_tensor_v2": self.rebuild,
            "torch._utils._rebuild_parameter": self.parameter,
            **{f"torch.{name}Storage": _Kind(dtype) for name, dtype in _DTYPES.items()},
            **{f"{name}.utilities.data.AttributeDict": _Dict for name in attributes},
        }


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """Read the variables of a file that ``torch.save`` has written.

    Parameters
    ----------
    path
        A zip: ``.pth.tar``, ``.pth``, ``.pt``, ``.bin``, ``.ckpt`` (Lightning).

    Returns
    -------
    dict
        Arrays by name, without ``module.`` or ``model.`` before all names.

    Raises
    ------
    InputError
        No such zip, damaged, too large, with anything in its pickle that tensors do not need, or
        without variables.

    Examples
    --------
    >>> read_variables(Path("model.pth.tar"))["fc.bias"].shape  # doctest: +SKIP
    (18,)
    """
    with open_bounded(path) as handle:
        try:
            with zipfile.ZipFile(handle) as archive:
                return _read(archive, path)
        except DAMAGED as error:
            raise InputError(
                f"{path}: not a zip of PyTorch's ({error}); save it anew with PyTorch 1.6 or later"
            ) from error


def _read(archive: zipfile.ZipFile, path: Path) -> dict[str, np.ndarray]:
    members = {member.filename: member for member in archive.infolist()}
    described = [name for name in members if name.endswith("data.pkl") and name.count("/") <= 1]
    if len(described) != 1:
        raise InputError(f"{path}: no data.pkl in it; not a file that torch.save has written")
    folder = described[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order and read_member(archive, order, 16, f"{path}: byteorder") != b"little":
        raise InputError(f"{path}: its numbers are not little-endian")
    data = read_member(archive, members[described[0]], MAX_PICKLE_BYTES, described[0])
    known = _Tensors()
    where = f"{path}: data.pkl"
    content = parse_pickle(data, where, "tensors", known.readers(), known.storage)
    tensors = _state(content, path)
    if sum(tensor.storage.numbers for tensor in tensors.values()) > MAX_BYTES // 4:
        raise InputError(f"{path}: its variables are larger than {MAX_BYTES} bytes")

    def numbers(storage: _Storage) -> np.ndarray:
        name = f"{folder}data/{storage.key}"
        if name not in members:
            raise InputError(f"{path}: {name} is missing")
        size = storage.numbers * np.dtype(storage.dtype).itemsize
        data = read_member(archive, members[name], size, f"{path}: {name}")
        if len(data) != size:
            raise InputError(f"{path}: {name} has {len(data)} bytes, expected {size}")
        return np.frombuffer(data, storage.dtype)

    return {name: _values(t, numbers(t.storage)) for name, t in tensors.items()}


def _values(tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    steps = tuple(step * numbers.itemsize for step in tensor.steps)
    view = np.lib.stride_tricks.as_strided(numbers[tensor.start :], tensor.shape, steps)
    return view.copy()


def _state(content: Any, path: Path) -> dict[str, _Tensor]:
    """Find the tensors by name, at the top or below a usual name."""
    if isinstance(content, dict):
        content = next((content[name] for name in STATES if name in content), content)
    if isinstance(content, dict):
        found = {n: t for n, t in content.items() if isinstance(n, str) and isinstance(t, _Tensor)}
        for prefix in PREFIXES:
            if found and all(name.startswith(prefix) for name in found):
                found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
        if found:
            return found
    raise InputError(f"{path}: no variables in it, neither at the top nor in {' or '.join(STATES)}")
