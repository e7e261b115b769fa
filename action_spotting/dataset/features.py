"""Feature files: a C-order float32 array ``(rows, dims)`` a half and modality, with its record.

Where in time a row stands is in `action_spotting.dataset.rates`, what a record says in
`action_spotting.dataset.records`.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.media import LONGEST_S, Clip
from action_spotting.dataset.records import (
    compare_settings,
    compare_sources,
    make_record,
    read_record,
    record_path,
)
from action_spotting.errors import InputError
from action_spotting.io.files import check_plain, whole_file, write_json
from action_spotting.io.zips import BAD_ARRAY

MAX_ROWS = round(25 * LONGEST_S)
"""Of a feature file: a day of 25 rows a second. A file may state many that take no room on disk."""


class State(enum.Enum):
    """What lies at the path of a feature file.

    ``BROKEN`` cannot be read; ``STALE`` was made with other settings or from other media.
    """

    MISSING = "missing"
    BROKEN = "broken"
    STALE = "stale"
    DONE = "done"


class FeatureWriter:
    """Appends rows to a feature file that is being made; see `write_feature`.

    Parameters
    ----------
    path
        The file to write.
    dims
        Numbers in a row.

    Attributes
    ----------
    rows
        Rows written so far.
    """

    def __init__(self, path: Path, dims: int) -> None:
        self.rows = 0
        self._dims = dims
        self._handle = path.open("wb")
        self._write_header()

    def append(self, block: np.ndarray) -> None:
        """Append rows.

        Parameters
        ----------
        block
            Rows ``(n, dims)`` of finite numbers, of any float or int type; stored as float32.

        Raises
        ------
        InputError
            A number is not finite.
        ValueError
            Another shape.
        """
        if block.ndim != 2 or block.shape[1] != self._dims:
            raise ValueError(f"block of shape {block.shape}, expected (n, {self._dims})")
        if not np.isfinite(block).all():
            row = self.rows + int(np.argmin(np.isfinite(block).all(axis=1)))
            raise InputError(f"row {row} of the features is not finite")
        self._handle.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
        self.rows += len(block)

    def cut(self, rows: int) -> None:
        """Remove all rows after the first `rows`.

        Parameters
        ----------
        rows
            Rows to keep; nothing is removed where there are fewer.
        """
        surplus = self.rows - rows
        if surplus > 0:
            self._handle.truncate(self._handle.tell() - surplus * self._dims * 4)
            self._handle.seek(0, 2)
            self.rows = rows

    def close(self) -> None:
        """Write the final number of rows into the header."""
        self._handle.seek(0)
        self._write_header()
        self._handle.close()

    def abandon(self) -> None:
        """Close the file as it is, without the final number of rows."""
        self._handle.close()

    def _write_header(self) -> None:
        # NumPy pads the header so that the first axis can grow without moving the data.
        np.lib.format.write_array_header_1_0(
            self._handle,
            {"descr": "<f4", "fortran_order": False, "shape": (self.rows, self._dims)},
        )


@contextlib.contextmanager
def write_feature(
    path: Path,
    dims: int,
    settings: Mapping[str, Any],
    source: Mapping[str, Any] | Clip | None = None,
) -> Iterator[FeatureWriter]:
    """Make a feature file row block by row block, whole or not at all, with its record.

    The record is put in place first and an old file taken away before that, so that a file is
    never seen with another's record.

    Parameters
    ----------
    path
        Where the file goes.
    dims
        Numbers in a row.
    settings
        What goes into the record as ``settings``.
    source
        The media it is made from, or what another record says of them.

    Yields
    ------
    FeatureWriter
        Takes the rows.

    Raises
    ------
    InputError
        No row was written, or a row is not finite.
    UsageError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "1_FFT.npy"
    >>> with write_feature(path, 3, {"window_s": 0.025}) as writer:
    ...     writer.append(np.ones((2, 3)))
    >>> open_feature(path).shape
    (2, 3)
    """
    with whole_file(path) as part:
        writer = FeatureWriter(part, dims)
        try:
            yield writer
            if writer.rows == 0:
                where = source.path if isinstance(source, Clip) else path
                raise InputError(f"{where}: gives no row; is it too short?")
        except BaseException:
            writer.abandon()
            raise
        writer.close()
        path.unlink(missing_ok=True)
        write_json(record_path(path), make_record(path, settings, source))


def open_feature(path: Path, dims: int | None = None) -> np.ndarray:
    """Open a feature file as a read-only memory map, never unpickling.

    Parameters
    ----------
    path
        A ``.npy`` file.
    dims
        Numbers in a row that are expected; None: any.

    Returns
    -------
    numpy.ndarray
        Floats ``(rows, dims)``, as stored.

    Raises
    ------
    InputError
        Missing, truncated, not a ``.npy`` file, of another type or width than expected.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "1_FFT.npy"
    >>> np.save(path, np.zeros((5400, 48), np.float32))
    >>> open_feature(path, 48).shape
    (5400, 48)
    """
    try:
        array = np.lib.format.open_memmap(check_plain(path), mode="r")
    except (OSError, *BAD_ARRAY) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not a whole .npy file ({reason}); make it anew") from error
    if array.ndim != 2 or array.dtype.kind != "f":
        raise InputError(f"{path}: expected a 2-D float array (rows, dims)")
    if 0 in array.shape:
        raise InputError(f"{path}: has no {'column' if len(array) else 'row'}")
    if len(array) > MAX_ROWS:
        raise InputError(f"{path}: has {len(array)} rows, more than the {MAX_ROWS} of a day")
    if dims is not None and array.shape[1] != dims:
        raise InputError(f"{path}: has {array.shape[1]} numbers a row, expected {dims}")
    return array


def feature_state(
    path: Path,
    dims: int | None = None,
    settings: Mapping[str, Any] | None = None,
    source: Mapping[str, Any] | None = None,
) -> tuple[State, str]:
    """Tell what lies at `path`, and why.

    Parameters
    ----------
    path
        A feature file.
    dims
        Numbers in a row that are expected; None: any.
    settings
        What its record should say; None: any.
    source
        The media it should be made from, as `source_of` describes them; None: any.

    Returns
    -------
    state
        ``STALE`` is a valid file whose record names other settings or media; a file without a
        record is taken as it is.
    reason
        The path and what is wrong, in words.

    Examples
    --------
    >>> feature_state(Path("nowhere/1_FFT.npy"))
    (<State.MISSING: 'missing'>, 'nowhere/1_FFT.npy: missing')
    """
    if not path.exists():
        return State.MISSING, f"{path}: missing"
    try:
        open_feature(path, dims)
        record = read_record(path)
    except InputError as error:
        return State.BROKEN, str(error)
    if record is not None:
        if settings and (differences := compare_settings(record["settings"], settings)):
            return State.STALE, f"{path}: made with other settings: {'; '.join(differences)}"
        if source and (differences := compare_sources(record, [source])):
            return State.STALE, f"{path}: made from other media: {'; '.join(differences)}"
    return State.DONE, f"{path}: done"
