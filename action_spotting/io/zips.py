"""Zips and ``.npz`` from strangers: read member by member, never unpacked, sizes bounded."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError

import numpy as np

from action_spotting.errors import InputError
from action_spotting.io.files import open_plain

MAX_DIRECTORY_BYTES = 32 * 2**20
"""Of a zip's list of members, some hundred thousand; it is read in one piece."""

BLOCK_BYTES = 2**20

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError),
    RuntimeError,  # encrypted, or (NotImplementedError) a kind of compression that is not known
)
"""What `zipfile` raises for a zip that cannot be read."""

BAD_ARRAY = (
    *(ValueError, TypeError, KeyError, EOFError, SyntaxError, OverflowError, RecursionError),
    *(MemoryError, TokenError),  # of a header nested deep, or that looks like one of Python 2
)
"""What NumPy raises for the header of an ``.npy`` that cannot be read."""


class _Bounded(io.BufferedReader):
    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members is of {size} bytes")
        return super().read(size)


def open_bounded(path: Path) -> io.BufferedReader:
    """Open a plain file for `zipfile.ZipFile`, which reads a list of members of any size.

    Raises
    ------
    InputError
        See `action_spotting.io.files.open_plain`.
    """
    return _Bounded(open_plain(path).detach())


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
            # In blocks: asked for everything, zipfile unpacks it before it looks at the size.
            return b"".join(iter(lambda: source.read(BLOCK_BYTES), b""))
    except DAMAGED as error:
        raise InputError(f"{where}: the zip is damaged ({error})") from error


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
    arrays = {}
    with open_bounded(path) as handle:
        try:
            with zipfile.ZipFile(handle) as archive:
                members = archive.infolist()
                if sum(member.file_size for member in members) > max_bytes:
                    raise InputError(f"its arrays are larger than {max_bytes} bytes")
                for member in members:
                    name = member.filename
                    data = read_member(archive, member, member.file_size, name)
                    arrays[name.removesuffix(".npy")] = parse_npy(data, name)
        except (InputError, *DAMAGED) as error:
            raise InputError(f"{path}: not a whole .npz file: {error}") from error
    return arrays


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
    source, form = io.BytesIO(data), np.lib.format
    headers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    try:
        shape, fortran, dtype = headers[form.read_magic(source)](source)
        if dtype.hasobject or dtype.names is not None:
            raise ValueError("it holds objects, not numbers")
        values = np.frombuffer(data, dtype, offset=source.tell())
        values = values.reshape(shape, order="F" if fortran else "C")
    except BAD_ARRAY as error:
        raise InputError(f"{where}: not a whole array ({' '.join(str(error).split())})") from error
    return values.copy()
