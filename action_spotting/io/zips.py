"""Zips and ``.npz`` from strangers: read member by member, never unpacked, sizes bounded."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np

from action_spotting.errors import InputError

MAX_DIRECTORY_BYTES = 32 * 2**20
"""Of a zip's list of members, some hundred thousand; it is read in one piece."""

BLOCK_BYTES = 2**20

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,  # encrypted, or (NotImplementedError) a kind of compression that is not known
)
"""What `zipfile` raises for a zip that cannot be read."""

BAD_ARRAY = (
    *(ValueError, TypeError, EOFError, SyntaxError, OverflowError, MemoryError, RecursionError),
    TokenError,  # of a header that looks like one of Python 2
)
"""What NumPy raises for an ``.npy`` that cannot be read."""


class BoundedZip(zipfile.ZipFile):
    """A zip opened for reading whose list of members is bounded."""

    _handle: io.BufferedReader | None = None  # `zipfile` closes what could not be opened, too

    def __init__(self, path: Path) -> None:
        self._handle = _BoundedReader(io.FileIO(path))
        super().__init__(self._handle)

    def close(self) -> None:
        """Close the zip and its file."""
        super().close()
        if self._handle is not None:
            self._handle.close()


class _BoundedReader(io.BufferedReader):
    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members is of {size} bytes")
        return super().read(size)


def read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int, where: str
) -> bytes:
    """Unpack one member of at most `max_bytes` into memory, never more than the size it states.

    `where` names it in the error.

    Raises
    ------
    InputError
        Larger, encrypted, damaged, or of a compression without bound on what a block becomes.
    """
    if member.file_size > max_bytes:
        raise InputError(f"{where}: {member.file_size} bytes, more than the {max_bytes} allowed")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{where}: not compressed by deflate; make the zip anew")
    try:
        with archive.open(member) as source:
            return _all_of(source)
    except DAMAGED as error:
        raise InputError(f"{where}: the zip is damaged ({error})") from error


def _all_of(source: IO[bytes]) -> bytes:
    # In blocks: asked for everything, zipfile unpacks all there is before it looks at the size.
    return b"".join(iter(lambda: source.read(BLOCK_BYTES), b""))


def read_npz(path: Path, max_bytes: int) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz``: numbers and text, never pickled objects.

    Parameters
    ----------
    path
        The file.
    max_bytes
        Of all arrays together, unpacked.

    Raises
    ------
    InputError
        Missing, damaged, larger, or with an array of objects in it.
    """
    try:
        with BoundedZip(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > max_bytes:
                raise InputError(f"its arrays are larger than {max_bytes} bytes")
            return {m.filename.removesuffix(".npy"): _array(archive, m) for m in members}
    except InputError as error:
        raise InputError(f"{path}: not a whole .npz file: {error}") from error
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except DAMAGED as error:
        raise InputError(f"{path}: not a whole .npz file ({error})") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    return parse_npy(
        read_member(archive, member, member.file_size, member.filename), member.filename
    )


def parse_npy(data: bytes, where: str) -> np.ndarray:
    """Read the bytes of an ``.npy``; the array that it states is never larger than they are.

    Raises
    ------
    InputError
        No ``.npy``, cut short, or an array of objects.

    Examples
    --------
    >>> parse_npy(b"no array", "1_FFT.npy")
    Traceback (most recent call last):
    ...
    action_spotting.errors.InputError: 1_FFT.npy: not a whole array (...)
    """
    source = io.BytesIO(data)
    try:
        shape, fortran, dtype = _header(source)
        values = np.frombuffer(data, dtype, offset=source.tell())
        return values.reshape(shape, order="F" if fortran else "C").copy()
    except BAD_ARRAY as error:
        raise InputError(f"{where}: not a whole array ({' '.join(str(error).split())})") from error


def _header(source: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(source)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version}")
    read = np.lib.format.read_array_header_1_0
    if version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(source)
    if dtype.hasobject or dtype.names is not None:
        raise ValueError("it holds objects, not numbers")
    return shape, fortran, dtype
