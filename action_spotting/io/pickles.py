"""Pickles of strangers: numbers, arrays and fields of scikit-learn's are read, nothing is executed.

A pickle is a program. Each name in it stands for a reader of ours, never for what it names: a class
with ``__setstate__`` or a bound method, of which a pickle can set no attributes.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError
from action_spotting.io.files import read_bytes

MAX_PICKLE_BYTES = 256 * 2**20
MAX_STEPS = 10_000
"""Of a pickle; a PCA has some hundred."""

PCA_CLASSES = ("sklearn.decomposition._pca.PCA", "sklearn.decomposition.pca.PCA")

_NUMBERS = re.compile(r"[<>=|]?[fiub]\d{1,2}")
_CUT_SHORT = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError),
    *(AttributeError, OverflowError, RecursionError, MemoryError),
)


class Fields:
    """Stands for a scikit-learn object: keeps its fields, has none of its code."""

    def __init__(self, *_: Any) -> None:
        self.values: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("the state of an object is not a dict")
        self.values = {name: _plain(value) for name, value in state.items()}


def read_pickle(
    path: Path, classes: Sequence[str] = PCA_CLASSES, what: str = "a PCA or an average"
) -> Any:
    """Read a pickle of a scikit-learn object (as `Fields`) or of an array (``numpy.ndarray``).

    `classes` are the full names that the object's class has had, `what` names it in the error.

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
    return parse_pickle(data, str(path), what, dict.fromkeys(classes, Fields))


def parse_pickle(
    data: bytes,
    where: str,
    what: str,
    readers: Mapping[str, Any],
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Read the bytes of a pickle.

    Parameters
    ----------
    data
        The pickle.
    where, what
        Its origin, and what it is expected to be, for the error.
    readers
        What stands for each further name that it may have: a class without ``__reduce__``, or a
        bound method.
    persistent
        Gives what a persistent identifier stands for; None: there are none.

    Raises
    ------
    InputError
        Cut short, or with a name in it that is not known.
    """
    try:
        if any(count >= MAX_STEPS for count, _ in enumerate(pickletools.genops(data))):
            raise pickle.UnpicklingError(f"it has more than {MAX_STEPS} steps")
        reader = _NumbersOnly(io.BytesIO(data), readers, persistent)
        return _plain(reader.load())
    except _CUT_SHORT as error:
        reason = str(error)[:200]
        raise InputError(f"{where}: not a pickle of {what} ({reason})") from error


class _Type:
    """Stands for ``numpy.dtype``: a plain number's."""

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or not _NUMBERS.fullmatch(name):
            given = name[:9] if isinstance(name, str) else type(name).__name__
            raise pickle.UnpicklingError(f"{given!r} is no type of plain numbers")
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
        self.values = _numbers(dtype, data).reshape(shape, order="F" if fortran else "C")


def _plain(value: Any) -> Any:
    return value.values if isinstance(value, _Array) else value


def _numbers(dtype: Any, data: Any) -> np.ndarray:
    return np.frombuffer(data, (dtype if isinstance(dtype, _Type) else _Type(dtype)).dtype)


class _Tuple(tuple[Any, ...]):
    """A tuple that is no key: the hash of one that holds others twice, and so on, never ends."""

    __hash__ = None  # type: ignore[assignment]


def _tuple_of(size: int | None) -> Callable[[Any], None]:
    def load(reader: Any) -> None:
        items = reader.pop_mark() if size is None else reader.stack[len(reader.stack) - size :]
        if size is not None:
            del reader.stack[-size:]
        reader.append(_Tuple(items))

    return load


class _NumbersOnly(pickle._Unpickler):
    """Builds numbers, arrays and `Fields`; anything else that a pickle names is refused.

    It is the class in Python: that in C makes room for as many values as the highest place named.
    """

    dispatch = pickle._Unpickler.dispatch | {
        pickle.TUPLE[0]: _tuple_of(None),
        pickle.TUPLE1[0]: _tuple_of(1),
        pickle.TUPLE2[0]: _tuple_of(2),
        pickle.TUPLE3[0]: _tuple_of(3),
    }

    def __init__(
        self,
        source: io.BytesIO,
        readers: Mapping[str, Any],
        persistent: Callable[[Any], Any] | None,
    ) -> None:
        super().__init__(source, encoding="latin1")
        self._left = len(source.getbuffer())
        self._persistent = persistent
        self._readers = {
            "numpy.ndarray": _Array,
            "numpy.dtype": _Type,
            "numpy.core.multiarray._reconstruct": self._empty,
            "numpy.core.multiarray.scalar": self._scalar,
            "numpy.core.numeric._frombuffer": self._from_buffer,
            "_codecs.encode": self._latin1,
            "builtins.bytearray": self._same,
            "builtins.object": Fields,
            "copyreg._reconstructor": Fields,
            **readers,
        }

    def find_class(self, module: str, name: str) -> Any:
        known = f"{module}.{name}".replace("numpy._core.", "numpy.core.")
        known = known.replace("__builtin__.", "builtins.").replace("copy_reg.", "copyreg.")
        if known not in self._readers:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which numbers do not need and which is not executed"
            )
        return self._readers[known]

    def persistent_load(self, name: Any) -> Any:
        if self._persistent is None:
            raise pickle.UnpicklingError("it names something outside the file")
        return self._persistent(name)

    def _empty(self, *_: Any) -> _Array:
        return _Array()

    def _scalar(self, dtype: Any, data: Any) -> Any:
        return _numbers(dtype, data)[0]

    def _from_buffer(self, data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
        return _Array(shape, dtype, data, order == "F")

    def _latin1(self, text: Any, codec: Any) -> bytes:
        """Turn text into bytes, altogether no more than the file has."""
        self._left -= len(text)
        if codec not in ("latin1", "latin-1") or self._left < 0:
            raise pickle.UnpicklingError("a codec other than latin1, or more numbers than bytes")
        return text.encode("latin1")

    def _same(self, data: Any) -> Any:
        if not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError("the bytes of an array are none")
        return data
