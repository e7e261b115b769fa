"""TensorFlow checkpoints read without TensorFlow: variables by name, no graph, no code.

Both formats keep their names in a LevelDB table. Version 2 (``x.index`` and
``x.data-00000-of-00001``) describes there where each tensor lies in the data files; version 1, one
file, holds the tensors in the table itself. The messages in it are TensorFlow's
``BundleEntryProto`` and ``SavedTensorSlices``. Every number is checked against the file's size.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_spotting.errors import InputError, UsageError
from action_spotting.io.files import check_plain

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_TEXT, _CHECKSUM_BYTES = 7, 4
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}
_FLOAT_VALUES = {1: (5, "<f4"), 2: (6, "<f8")}  # field of a TensorProto with a list of values
_MOST_DIMS = 8
_Value = int | memoryview


class _Damaged(ValueError):
    """The bytes are no such table or message."""


@dataclass(frozen=True)
class _Tensor:
    dtype: str
    shape: tuple[int, ...]
    data: memoryview


class Checkpoint:
    """The variables of a checkpoint.

    Parameters
    ----------
    path
        The one file of version 1, or the common beginning of the files of version 2.

    Attributes
    ----------
    layer_names
        In what Keras has saved, the name that the layer and its variable had
        (``conv/kernel``) of each key (``layer_with_weights-0/kernel/…``); else empty.

    Raises
    ------
    UsageError
        No such checkpoint.
    InputError
        Not a checkpoint, cut short, compressed, or of numbers that do not fit its files.

    Examples
    --------
    >>> Checkpoint(Path("vggish_model.ckpt")).shapes["vggish/conv1/biases"]  # doctest: +SKIP
    (64,)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = checkpoint_files(path)
        if not self.files:
            raise UsageError(f"weights {str(path)!r}: no such file or checkpoint")
        try:
            self._tensors = dict(_bundle(path) if path not in self.files else _single_file(path))
            graph = self._tensors.pop(_GRAPH, None)
            self.layer_names = _layer_names(graph.data) if graph else {}
        except (_Damaged, struct.error, IndexError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not a TensorFlow checkpoint ({error})") from error

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every variable that has numbers."""
        return {name: tensor.shape for name, tensor in self._tensors.items()}

    def read(self, name: str) -> np.ndarray:
        """Give a copy of the variable `name`, in its own type and shape."""
        tensor = self._tensors[name]
        return np.frombuffer(tensor.data, tensor.dtype).reshape(tensor.shape).copy()


def checkpoint_files(path: Path) -> list[Path]:
    """List the files of a checkpoint: itself, or ``<path>.index`` and ``<path>.data-…``."""
    if path.is_file():
        return [path]
    if not path.parent.is_dir():
        return []
    kinds = (f"{path.name}.index", f"{path.name}.data-")
    return sorted(p for p in path.parent.iterdir() if p.name.startswith(kinds))


def _bundle(path: Path) -> Iterator[tuple[str, _Tensor]]:
    """Version 2: the index says in which data file, where and how long a tensor is."""
    index = path.with_name(f"{path.name}.index")
    shards: dict[int, memoryview] = {}
    count = 0
    for key, value in _table(_map(index)):
        if not key:  # the header: the number of data files
            count = _integers(_fields(value)).get(1, 1)
            continue
        fields = _fields(value)
        numbers = _integers(fields)
        is_graph = numbers.get(1, 0) == _TEXT and bytes(key) == _GRAPH.encode()
        dtype = "u1" if is_graph else _DTYPES.get(numbers.get(1, 0))
        if dtype is None or any(number == 7 for number, _ in fields):  # text, or slices
            continue
        shard = numbers.get(3, 0)
        if shard not in shards:
            if not 0 <= shard < count <= 100_000:
                raise _Damaged(f"{index.name} names data file {shard} of {count}")
            shards[shard] = _map(path.with_name(f"{path.name}.data-{shard:05}-of-{count:05}"))
        start, size = numbers.get(4, 0), numbers.get(5, 0)
        data = shards[shard][start : start + size]
        shape = (size,) if is_graph else _shape(fields, 2)
        yield _text(key), _tensor(dtype, shape, data, size)


def _layer_names(text: memoryview) -> dict[str, str]:
    """Read the full names in a ``TrackableObjectGraph``, one text behind its length and checksum.

    Its field 1 are nodes, whose field 2 are variables: 2 the full name, 3 the key.
    """
    length, at = _varint(text, 0)
    graph = text[at + _CHECKSUM_BYTES :]
    if length != len(graph):
        raise _Damaged("its object graph is cut short")
    names = {}
    for node in _messages(_fields(graph), 1):
        for variable in _messages(node, 2):
            texts = {number: value for number, value in variable if number in (2, 3)}
            if len(texts) == 2:
                names[_text(texts[3])] = _text(texts[2])
    return names


def _single_file(path: Path) -> Iterator[tuple[str, _Tensor]]:
    """Version 1: the first entry names types and shapes, each of the others holds values."""
    described: dict[str, tuple[int, tuple[int, ...]]] = {}
    for key, value in _table(_map(path)):
        for number, part in _fields(value):
            if not key and number == 1:
                for tensor in _messages(_fields(_bytes(part)), 1):
                    kind = _integers(tensor).get(3, 0)
                    described[_name(tensor)] = kind, _shape(tensor, 2)
            elif key and number == 2:
                fields = _fields(_bytes(part))
                name = _name(fields)
                kind, shape = described.get(name, (0, ()))
                if kind in _FLOAT_VALUES:
                    field, dtype = _FLOAT_VALUES[kind]
                    tensor = [entry for message in _messages(fields, 3) for entry in message]
                    values = [_bytes(entry) for number, entry in tensor if number == field]
                    data = values[0] if len(values) == 1 else memoryview(b"".join(values))
                    yield name, _tensor(dtype, shape, data, len(data))


def _tensor(dtype: str, shape: tuple[int, ...], data: memoryview, size: int) -> _Tensor:
    want = math.prod(shape) * np.dtype(dtype).itemsize
    if not len(data) == size == want:
        raise _Damaged(f"a tensor of shape {shape} takes {want} bytes, {len(data)} are there")
    return _Tensor(dtype, shape, data)


def _map(path: Path) -> memoryview:
    check_plain(path)
    if not path.stat().st_size:
        raise _Damaged(f"{path.name} is empty")
    return np.memmap(path, np.uint8, mode="r").data


def _table(file: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Give the entries of a LevelDB table, ``(key, value)``."""
    if len(file) < _FOOTER or struct.unpack("<Q", file[-8:])[0] != _MAGIC:
        raise _Damaged("no table of tensors in it")
    footer = file[-_FOOTER:]
    _, at = _handle(footer, 0)
    handle, _ = _handle(footer, at)
    for _, value in _block(file, handle):
        yield from _block(file, _handle(value, 0)[0])


def _block(file: memoryview, handle: tuple[int, int]) -> Iterator[tuple[bytes, memoryview]]:
    start, size = handle
    if start + size + 1 > len(file):
        raise _Damaged("it is cut short")
    if file[start + size] != 0:
        raise _Damaged("it is compressed; save it anew without compression")
    block = file[start : start + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    end = size - 4 * (restarts + 1)
    if end < 0:
        raise _Damaged("a block of it is cut short")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        rest, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + rest + length > end:
            raise _Damaged("an entry of it is cut short")
        key = key[:shared] + bytes(block[at : at + rest])
        yield key, block[at + rest : at + rest + length]
        at += rest + length


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    start, at = _varint(data, at)
    size, at = _varint(data, at)
    return (start, size), at


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise _Damaged("a number of more than 64 bits")


def _fields(message: memoryview) -> list[tuple[int, _Value]]:
    """Give the fields of a protocol-buffer message, ``(number, value)``."""
    fields: list[tuple[int, _Value]] = []
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            fields.append((tag >> 3, value))
            continue
        sizes = {1: 8, 5: 4}
        size, at = _varint(message, at) if kind == 2 else (sizes.get(kind, -1), at)
        if not 0 <= size <= len(message) - at:
            raise _Damaged("a message of it is cut short")
        fields.append((tag >> 3, message[at : at + size]))
        at += size
    return fields


def _messages(fields: list[tuple[int, _Value]], number: int) -> list[list[tuple[int, _Value]]]:
    return [_fields(_bytes(value)) for found, value in fields if found == number]


def _name(fields: list[tuple[int, _Value]]) -> str:
    return next((_text(value) for number, value in fields if number == 1), "")


def _integers(fields: list[tuple[int, _Value]]) -> dict[int, int]:
    return {number: value for number, value in fields if isinstance(value, int)}


def _shape(fields: list[tuple[int, _Value]], field: int) -> tuple[int, ...]:
    """Read a ``TensorShapeProto``: field 2 is a dimension, whose field 1 is its size."""
    sides: list[int] = []
    for shape in _messages(fields, field):
        sides += [_integers(side).get(1, 0) for side in _messages(shape, 2)]
    if len(sides) > _MOST_DIMS or any(side > 2**40 for side in sides):
        raise _Damaged(f"a tensor of {len(sides)} dimensions, the largest {max(sides)}")
    return tuple(sides)


def _bytes(value: _Value) -> memoryview:
    if isinstance(value, int):
        raise _Damaged("a number where a message is expected")
    return value


def _text(value: _Value | bytes) -> str:
    return bytes(value if isinstance(value, bytes) else _bytes(value)).decode()
