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

from action_spotting.dataset.layout import Half, feature_name, side_path
from action_spotting.dataset.media import LONGEST_S, Clip
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.errors import InputError
from action_spotting.io.files import check_plain, open_plain, read_json, whole_file, write_json
from action_spotting.io.zips import BAD_ARRAY

ENDS_S = 1.0
"""Most seconds between the ends of two features of a half, and from a feature's end to a label."""

ROW_TOLERANCE = 2
"""Rows by which the features of a half may differ; the longer are cut."""


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
        write_json(record_path(path), _make_record(path, settings, source))


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


def source_of(clip: Clip) -> dict[str, Any]:
    """Describe the media of a half as records do.

    Parameters
    ----------
    clip
        The media.

    Returns
    -------
    dict
        ``file`` (name), ``bytes``, ``start_s``, ``duration_s``.

    Raises
    ------
    InputError
        The file cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "1.mkv"
    >>> path.write_bytes(b"video")
    5
    >>> source_of(Clip(path))
    {'file': '1.mkv', 'bytes': 5, 'start_s': None, 'duration_s': None}
    """
    with open_plain(clip.path) as media:
        size = os.fstat(media.fileno()).st_size
    return {
        "file": clip.path.name,
        "bytes": size,
        "start_s": clip.start_s,
        "duration_s": clip.duration_s,
    }


def media_there(half: Half, video: str = "LQ") -> list[dict[str, Any]]:
    """Describe all media of a half that are on disk, of any quality.

    Parameters
    ----------
    half
        The half.
    video
        The quality to list first: ``LQ``, ``720p`` or ``HQ``.

    Returns
    -------
    list of dict
        As `source_of`; empty where there are no media.
    """
    there = []
    for quality in dict.fromkeys((video, *VIDEO_STEMS)):
        with contextlib.suppress(InputError):
            there.append(source_of(half.clip(quality, sound_files=True)))
    return there


def check_media(path: Path, half: Half) -> None:
    """Check that a feature file was made from media that are on disk now.

    Parameters
    ----------
    path
        The feature file; one without a record passes, and so does a half without media.
    half
        The half it belongs to.

    Raises
    ------
    InputError
        Made from other media, with what differs; or the record cannot be read.
    """
    record = read_record(path) or {}
    if record.get("source") and (differences := compare_sources(record, media_there(half))):
        raise InputError(
            f"{path}: made from other media than lie there now: {'; '.join(differences)}; make it "
            "anew"
        )


def compare_sources(record: Mapping[str, Any], there: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name what differs between the media of a record and each of those on disk.

    Parameters
    ----------
    record
        A provenance record.
    there
        The media, as `source_of` describes them.

    Returns
    -------
    list of str
        One difference each; empty where one of the media is that of the record, where there are no
        media, or where the record names none, or boxes or calibrations instead.

    Examples
    --------
    >>> compare_sources({"source": {"file": "1.mkv", "bytes": 5}}, [{"file": "1.mkv", "bytes": 7}])
    ['bytes is 5, not 7']
    """
    source = record.get("source")
    if not isinstance(source, Mapping) or source in there or not there:
        return []
    name = str(source.get("file"))
    made_of_boxes = name.endswith((".npz", ".json"))  # of a detection, or as released
    if made_of_boxes and all(other["file"] != name for other in there):
        return []
    return compare_settings(source, next((s for s in there if s["file"] == name), there[0]))


def align(arrays: Mapping[Path, np.ndarray], fps: float = 2.0) -> dict[Path, np.ndarray]:
    """Cut the features of a half to their common number of rows.

    Parameters
    ----------
    arrays
        Features ``(rows, dims)`` by their path, at least one; the path is for messages only.
    fps
        Rows a second, the same for all.

    Returns
    -------
    dict
        The same keys; views ``(shortest, dims)``.

    Raises
    ------
    InputError
        They differ by more than `ENDS_S` seconds; names the shortest and the longest.

    Examples
    --------
    >>> fft, vggish = np.zeros((5401, 48)), np.zeros((5400, 512))
    >>> arrays = align({Path("1_FFT.npy"): fft, Path("1_VGGish.npy"): vggish})
    >>> [array.shape for array in arrays.values()]
    [(5400, 48), (5400, 512)]
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
    """Give the path of a feature file's provenance record.

    Parameters
    ----------
    path
        The feature file.

    Returns
    -------
    pathlib.Path
        The record beside it.

    Examples
    --------
    >>> record_path(Path("1_FFT.npy")).name
    '1_FFT.json'
    """
    return side_path(path, ".json")


def _make_record(
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
    """Read the provenance record of a feature file.

    Parameters
    ----------
    path
        The feature file, not the record.

    Returns
    -------
    dict or None
        With ``feature``, ``settings``, ``versions`` and, where known, ``source``; None where there
        is no record.

    Raises
    ------
    InputError
        The record is not JSON, or has no settings.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "1_FFT.npy"
    >>> with write_feature(path, 3, {"window_s": 0.025}) as writer:
    ...     writer.append(np.ones((2, 3)))
    >>> record = read_record(path)
    >>> record["feature"], record["settings"]
    ('FFT', {'window_s': 0.025})
    """
    place = record_path(path)
    if not place.exists():
        return None
    record = read_json(place, max_bytes=2**20)
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise InputError(f"{place}: not a provenance record; make the feature anew")
    return record


def compare_settings(have: Any, want: Any, name: str = "") -> list[str]:
    """Name every setting that differs, as ``weights.sha256 is 'a', not 'b'``.

    In float32 all engines of a network count as one: they differ by less than 1e-4 of a feature.

    Parameters
    ----------
    have, want
        The settings found and those expected; mappings may nest.
    name
        Prefix of the names, for a part of the settings.

    Returns
    -------
    list of str
        One difference each, sorted by name; empty where they are equal.

    Examples
    --------
    >>> compare_settings({"fps": 2, "pca": {"dims": 512}}, {"fps": 2, "pca": {"dims": 256}})
    ['pca.dims is 512, not 256']
    >>> one = {"precision": "float32", "engine": "openvino"}
    >>> compare_settings(one, {**one, "engine": "tensorflow"})
    []
    """
    if isinstance(have, Mapping) and isinstance(want, Mapping):
        differences = []
        same_make = have.get("precision") == want.get("precision") == "float32"
        for key in sorted((set(have) | set(want)) - ({"engine"} if same_make else set())):
            inner = f"{name}.{key}" if name else str(key)
            differences += compare_settings(have.get(key), want.get(key), inner)
        return differences
    have, want = (list(v) if isinstance(v, tuple) else v for v in (have, want))
    return [] if have == want else [f"{name} is {have!r}, not {want!r}"]


def package_versions(*names: str) -> dict[str, str]:
    """Give the installed versions of packages, for a record.

    Parameters
    ----------
    *names
        Names of the packages; those that are not installed are left out.

    Returns
    -------
    dict
        ``{name: version}``.

    Examples
    --------
    >>> package_versions("numpy") == {"numpy": np.__version__}
    True
    """
    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def sha256(path: Path) -> str:
    """Hash the content of a file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    InputError
        The file cannot be opened.
    """
    with open_plain(path) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
