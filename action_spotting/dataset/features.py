"""Feature files: a C-order float32 array ``(rows, dims)`` a half and modality, with its record.

Row *i* describes the time *i*/2 s to (*i* + 1)/2 s of the half. Beside ``1_X.npy`` lies
``1_X.json``, the provenance record::

    {"feature": "X", "settings": {…}, "versions": {…},
     "source": {"file", "bytes", "start_s", "duration_s"}}

``settings`` is what two files must share to be used together, ``source`` the media that the file
belongs to. The released SoccerNet features have no record; they are taken as they are.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.dataset.layout import VIDEO_STEMS, Half, feature_name, side_path
from action_spotting.dataset.media import LONGEST_S, Clip
from action_spotting.errors import InputError
from action_spotting.io.files import check_plain, open_plain, read_json, whole_file, write_json
from action_spotting.io.zips import BAD_ARRAY

ENDS_S = 1.0
"""How far apart the ends of two features of a half may be, and a label behind a feature's end."""

ROW_TOLERANCE = 2
"""Rows by which the modalities of a half may differ; the longer are cut."""


MAX_ROWS = round(25 * LONGEST_S)
"""Of a feature file: a day of 25 rows a second. A file may state many that take no room on disk."""


class State(enum.Enum):
    """What lies at a feature file's place."""

    MISSING = "missing"
    BROKEN = "broken"
    STALE = "stale"
    DONE = "done"


class FeatureWriter:
    """Appends rows to a feature file that is being made; see `write_feature`.

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
        """Append a block ``(n, dims)``; it is stored as float32."""
        if block.ndim != 2 or block.shape[1] != self._dims:
            raise ValueError(f"block of shape {block.shape}, expected (n, {self._dims})")
        if not np.isfinite(block).all():
            row = self.rows + int(np.argmin(np.isfinite(block).all(axis=1)))
            raise InputError(f"row {row} of the features is not finite")
        self._handle.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
        self.rows += len(block)

    def cut(self, rows: int) -> None:
        """Take away what was written beyond the first `rows` rows."""
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
        """Close the file as it is."""
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
    """Open a feature file as a read-only memory map ``(rows, dims)``, never unpickling.

    Raises
    ------
    InputError
        Missing, truncated, not a ``.npy`` file, of another type or width than expected.
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

    ``STALE`` is a valid file whose record names other settings, or other media than `source`
    (see `source_of`); a file without a record is taken as it is.
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


def source_of(clip: Clip) -> dict[str, Any]:
    """Describe the media of a half as records do: file, bytes, start_s, duration_s."""
    with open_plain(clip.path) as media:
        size = os.fstat(media.fileno()).st_size
    return {
        "file": clip.path.name,
        "bytes": size,
        "start_s": clip.start_s,
        "duration_s": clip.duration_s,
    }


def media_there(half: Half, video: str = "LQ") -> list[dict[str, Any]]:
    """Describe all media of a half that lie there, of any quality; those of `video` come first."""
    there = []
    for quality in dict.fromkeys((video, *VIDEO_STEMS)):
        with contextlib.suppress(InputError):
            there.append(source_of(half.clip(quality, sound_files=True)))
    return there


def check_media(path: Path, half: Half) -> None:
    """Raise `InputError` where a feature file was made from other media than lie there now."""
    record = read_record(path) or {}
    if record.get("source") and (differences := compare_sources(record, media_there(half))):
        raise InputError(
            f"{path}: made from other media than lie there now: {'; '.join(differences)}; make it "
            "anew"
        )


def compare_sources(record: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name what differs between the media of a record and each of those that are there.

    Where there are no media, or the record names none, nothing differs.

    >>> compare_sources({"source": {"file": "1.mkv", "bytes": 5}}, [{"file": "1.mkv", "bytes": 7}])
    ['bytes is 5, not 7']
    """
    source = record.get("source")
    if not isinstance(source, Mapping) or source in there or not there:
        return []
    name = str(source.get("file"))
    if name.endswith(".npz"):  # the boxes of an earlier detection
        return []
    return compare_settings(source, next((s for s in there if s["file"] == name), there[0]))


def align(arrays: Mapping[Path, np.ndarray], fps: float = 2.0) -> dict[Path, np.ndarray]:
    """Cut the modalities of a half, of `fps` rows a second, to their common number of rows.

    Raises
    ------
    InputError
        When they differ by more than `ENDS_S` seconds; it names the shortest and longest.
    """
    rows = {path: len(array) for path, array in arrays.items()}
    short, long = min(rows, key=rows.__getitem__), max(rows, key=rows.__getitem__)
    if rows[long] - rows[short] > ENDS_S * fps:
        raise InputError(
            f"{short} has {rows[short]} rows, but {long} has {rows[long]}: more than {ENDS_S:g} s "
            f"apart at {fps:g} rows a second, so they are not of the same half; extract one of "
            "them anew"
        )
    return {path: array[: rows[short]] for path, array in arrays.items()}


def record_path(path: Path) -> Path:
    """Give the path of a feature file's provenance record."""
    return side_path(path, ".json")


def make_record(
    path: Path, settings: Mapping[str, Any], source: Mapping[str, Any] | Clip | None = None
) -> dict[str, Any]:
    """Compose a provenance record; it holds no date, so that the same run gives the same bytes."""
    record: dict[str, Any] = {
        "feature": feature_name(path),
        "settings": dict(settings),
        "versions": package_versions("action_spotting", "numpy"),
    }
    if source is not None:
        record["source"] = source_of(source) if isinstance(source, Clip) else dict(source)
    return record


def read_record(path: Path) -> dict[str, Any] | None:
    """Read the provenance record of the feature file `path`; None where there is none."""
    place = record_path(path)
    if not place.exists():
        return None
    record = read_json(place, max_bytes=2**20)
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise InputError(f"{place}: not a provenance record; make the feature anew")
    return record


def compare_settings(have: Any, want: Any, name: str = "") -> list[str]:
    """Name every setting that differs, as ``weights.sha256 is 'a', not 'b'``.

    >>> compare_settings({"fps": 2, "pca": {"dims": 512}}, {"fps": 2, "pca": {"dims": 256}})
    ['pca.dims is 512, not 256']
    """
    if isinstance(have, Mapping) and isinstance(want, Mapping):
        differences = []
        for key in sorted(set(have) | set(want)):
            inner = f"{name}.{key}" if name else str(key)
            differences += compare_settings(have.get(key), want.get(key), inner)
        return differences
    have, want = (list(v) if isinstance(v, tuple) else v for v in (have, want))
    return [] if have == want else [f"{name} is {have!r}, not {want!r}"]


def package_versions(*names: str) -> dict[str, str]:
    """Give the installed versions of packages, for a record."""
    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def sha256(path: Path) -> str:
    """Hash a file's content, in hexadecimal."""
    with open_plain(path) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
