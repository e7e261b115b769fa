"""Pickles of strangers: numbers, arrays and the fields of a PCA are read, nothing is executed.

A pickle is a program. Before it runs, its steps are counted and compared with those that numbers
need; while it runs, each name in it stands for a reader of ours, never for what it names.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError
from action_spotting.io.files import read_bytes

MAX_PICKLE_BYTES = 256 * 2**20
MAX_STEPS = 10_000
"""Of a pickle; a PCA has some hundred."""

_STEPS = re.compile(
    "PROTO|FRAME|STOP|MARK|POP|GLOBAL|STACK_GLOBAL|REDUCE|BUILD|NEWOBJ|NONE|NEWTRUE|NEWFALSE|"
    "INT|BININT[12]?|LONG[14]?|(BIN)?FLOAT|UNICODE|STRING|(SHORT_)?BIN(STRING|UNICODE|BYTES)|"
    "BINUNICODE8|BINBYTES8|BYTEARRAY8|(EMPTY_)?(TUPLE|LIST|DICT)|TUPLE[123]|APPENDS?|SETITEMS?|"
    "GET|BINGET|LONG_BINGET|PUT|BINPUT|LONG_BINPUT|MEMOIZE"
)
_TYPE = re.compile(r"[<>=|]?[fiub]\d{1,2}")
_PCA_MODULES = ("sklearn.decomposition._pca", "sklearn.decomposition.pca")
_CUT_SHORT = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
)


class Fields:
    """Stands for a scikit-learn object: keeps its fields, has none of its code."""

    def __init__(self, *_: Any) -> None:
        self.values: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("the state of an object is not a dict")
        self.values = {name: _plain(value) for name, value in state.items()}


def read_pickle(path: Path) -> Any:
    """Read a pickle of a PCA (as `Fields`) or of an array (as ``numpy.ndarray``).

    Raises
    ------
    InputError
        Missing, too large, cut short, or with anything in it that numbers do not need.
    """
    if not path.exists():
        raise InputError(
            f"{path}: no such file; without --transform_only it is fitted and saved there"
        )
    data = read_bytes(path, MAX_PICKLE_BYTES)
    try:
        _check_steps(data)
        return _plain(_NumbersOnly(io.BytesIO(data), encoding="latin1").load())
    except _CUT_SHORT as error:
        reason = str(error)[:200]
        raise InputError(f"{path}: not a pickle of a PCA or an average ({reason})") from error


def _check_steps(data: bytes) -> None:
    """Refuse steps that numbers do not need, and a store of values larger than their number."""
    for count, (step, given, _) in enumerate(pickletools.genops(data)):
        if not _STEPS.fullmatch(step.name):
            raise pickle.UnpicklingError(f"its step {step.name} is not needed for numbers")
        place = int(given or 0) if "PUT" in step.name else 0
        if max(count, place) > MAX_STEPS:
            raise pickle.UnpicklingError(f"it has more than {MAX_STEPS} steps")


class _Type:
    """Stands for ``numpy.dtype``: a plain number's."""

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or not _TYPE.fullmatch(name):
            raise pickle.UnpicklingError(f"{name!r} is no type of plain numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for ``numpy.ndarray``."""

    def __init__(
        self, shape: Any = (0,), dtype: Any = "i1", data: Any = b"", fortran: bool = False
    ) -> None:
        self.__setstate__((1, shape, dtype, fortran, data))

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        values = np.frombuffer(data, _dtype(dtype))
        self.values = values.reshape(shape, order="F" if fortran else "C")


def _plain(value: Any) -> Any:
    return value.values if isinstance(value, _Array) else value


def _dtype(given: Any) -> np.dtype:
    return given.dtype if isinstance(given, _Type) else _Type(given).dtype


class _NumbersOnly(pickle.Unpickler):
    """Builds numbers, arrays and `Fields`; anything else that a pickle names is refused.

    What it gets for a name is a class with ``__setstate__`` or a bound method: a pickle cannot set
    attributes of either.
    """

    def __init__(self, source: io.BytesIO, *, encoding: str) -> None:
        super().__init__(source, encoding=encoding)
        self._left = len(source.getbuffer())
        self._names: dict[tuple[str, str], Callable[..., Any]] = {
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Type,
            ("_codecs", "encode"): self._latin1,
            ("copyreg", "_reconstructor"): Fields,
            ("copy_reg", "_reconstructor"): Fields,
            ("builtins", "object"): Fields,
            ("__builtin__", "object"): Fields,
            ("builtins", "bytearray"): self._same,
        }
        for core in ("numpy.core", "numpy._core"):
            self._names[core + ".multiarray", "_reconstruct"] = self._empty
            self._names[core + ".multiarray", "scalar"] = self._scalar
            self._names[core + ".numeric", "_frombuffer"] = self._from_buffer
        self._names |= {(module, "PCA"): Fields for module in _PCA_MODULES}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which numbers do not need and which is not executed"
            )
        return self._names[module, name]

    def _latin1(self, text: Any, codec: Any) -> bytes:
        """Turn text into bytes, altogether no more than the file has."""
        if codec not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError(f"codec {codec!r}")
        self._left -= len(text)
        if self._left < 0:
            raise pickle.UnpicklingError("its numbers are more than its bytes")
        return text.encode("latin1")

    def _same(self, data: Any) -> Any:
        if not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError("the bytes of an array are none")
        return data

    def _empty(self, *_: Any) -> _Array:
        return _Array()

    def _from_buffer(self, data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
        return _Array(shape, dtype, data, order == "F")

    def _scalar(self, dtype: Any, data: Any) -> Any:
        return np.frombuffer(data, _dtype(dtype))[0]
