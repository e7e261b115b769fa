"""The provenance record beside a feature file: what it was made with, and from what.

Beside ``1_X.npy`` lies ``1_X.json``::

    {"feature": "X", "settings": {…}, "versions": {…},
     "source": {"file", "bytes", "start_s", "duration_s"}}

``settings`` is what two files must share to be used together, ``source`` the media that the file
belongs to. The released SoccerNet features have no record; they are taken as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from action_spotting.dataset.layout import Half, feature_name, side_path
from action_spotting.dataset.media import Clip
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.errors import InputError
from action_spotting.io.files import open_plain, read_json


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


def make_record(
    path: Path, settings: Mapping[str, Any], source: Mapping[str, Any] | Clip | None = None
) -> dict[str, Any]:
    """Compose a provenance record; it holds no date, so that the same run gives the same bytes.

    Parameters
    ----------
    path
        The feature file.
    settings
        What two files must share to be used together.
    source
        The media it is made from, or what another record says of them.

    Returns
    -------
    dict
        With ``feature``, ``settings``, ``versions`` and, where it is given, ``source``.
    """
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
    >>> record_path(path).write_text('{"feature": "FFT", "settings": {"window_s": 0.025}}')
    51
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
    >>> list(package_versions("numpy"))
    ['numpy']
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
