"""SoccerNet's files: what there is, what of it is complete, and how the rest is fetched.

Labels and features are public. Videos need the non-disclosure agreement: its signatories get
access for their account at Hugging Face (or a password for the old server, the EXRCS drive).
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_spotting.dataset.feature_types import base_of
from action_spotting.dataset.features import open_feature
from action_spotting.dataset.hub import (
    LABELS,
    RELEASED,
    STAGING,
    DownloadFailed,
    Hub,
    Place,
    Remote,
    clear_staging,
    elsewhere,
    note_revisions,
    place_of,
    staged,
)
from action_spotting.dataset.layout import LABEL_FILES, released_path
from action_spotting.dataset.media import probe
from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.dataset.splits import SOCCERNET_SPLITS
from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import read_json
from action_spotting.io.items import Outcome, Summary, run_items

SOURCES = ("HuggingFace", "OSL", "EXRCSDrive")
WHATS = ("labels", "features", "videos", "ball")
FEATURES = tuple(RELEASED)
OLD_FEATURES = ("ResNET_5fps_TF2", "ResNET_25fps_TF2", "ResNET", "C3D", "I3D")
"""Released features that did not move to Hugging Face."""

BALL_YEARS = (2023, 2024, 2025)
TRANSFERS = 8
"""Files fetched at once."""

_TASKS = {
    LABELS["caption"]: "caption",
    LABELS["cameras"]: "camera-changes",
    LABELS["v3"]: "frames",
}
"""The task whose list of games has a file; else action spotting's."""


def file_names(
    what: str,
    *,
    video: str = "LQ",
    features: Sequence[str] = ("ResNET_TF2_PCA512",),
    version: int = 2,
    labels: Sequence[str] = (),
    year: int = 2025,
) -> list[str]:
    """Name a game's files, or the one of a split of the ball-action set.

    >>> file_names("videos", video="HQ")
    ['1_HQ.mkv', '2_HQ.mkv', 'video.ini']
    >>> file_names("features", features=["ResNET_TF2_PCA512", "field_calib_ccbv"])[1:3]
    ['2_ResNET_TF2_PCA512.npy', '1_field_calib_ccbv.json']
    >>> file_names("labels", labels=["v2", "cameras"]), file_names("ball")
    (['Labels-v2.json', 'Labels-cameras.json'], ['spotting-ball-2025/{split}.zip'])
    """
    if what == "labels":
        return [LABELS[kind] for kind in labels] or [LABEL_FILES[version]]
    if what == "features":
        for name in features:
            if name not in RELEASED and base_of(name) not in OLD_FEATURES:
                raise UsageError(unknown("released feature", name, [*FEATURES, *OLD_FEATURES]))
        return [released_path(Path(), half, name).name for name in features for half in (1, 2)]
    if what == "videos":
        stem = VIDEO_STEMS[video][0]
        names = [f"{stem.format(n=half)}.mkv" for half in (1, 2)]
        return [*names, "video.ini"] if video == "HQ" else names
    if what == "ball":
        return [f"spotting-ball-{year}/{{split}}.zip"]
    raise UsageError(unknown("kind of file", what, WHATS))


def problem(path: Path) -> str | None:
    """Say what is wrong with a file of a game; None when it is complete.

    JSON must parse, a feature file must have all its rows, a video must open and have a picture, a
    zip must have its list of contents.
    """
    if not path.exists():
        return "missing"
    try:
        if path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".npy":
            open_feature(path)
        elif path.suffix == ".zip" and not zipfile.is_zipfile(path):
            return "not a whole zip file"
        elif path.suffix == ".mkv" and not probe(path).has_picture:
            return "has no picture"
        elif path.stat().st_size == 0:
            return "empty"
    except InputError as error:
        return str(error)
    return None


def check(
    root: Path, files: Sequence[str], splits: Sequence[str], *, fail_fast: bool = False
) -> Summary:
    """Check that every game of the splits has every file, complete."""

    def work(path: Path) -> tuple[str, str | None]:
        found = problem(path)
        if found:
            raise InputError(found)
        return "skipped", None

    items = {name: path for name, (_, path) in game_files(root, files, splits).items()}
    return run_items("check", items, work, unit="file", fail_fast=fail_fast)


@dataclass(frozen=True)
class Planned:
    """A file that was asked for.

    Attributes
    ----------
    path
        Where it goes.
    split
        Its game's split.
    there
        It is there and complete.
    place
        Where it lies on Hugging Face; None: nowhere that is known.
    remote
        What the server says of it; None where it is there, or cannot be had.
    reason
        Why it cannot be had; empty where it can.
    """

    path: Path
    split: str
    there: bool
    place: Place | None = None
    remote: Remote | None = None
    reason: str = ""


def plan(
    root: Path,
    files: Sequence[str],
    splits: Sequence[str],
    *,
    source: str = "HuggingFace",
    endpoint: str | None = None,
) -> dict[str, Planned]:
    """Find out what is there, what can be fetched, and why the rest cannot.

    Parameters
    ----------
    root, files, splits
        As for `download`.
    source
        ``HuggingFace`` or ``OSL``.
    endpoint
        The server's address; None: Hugging Face's.

    Returns
    -------
    dict
        By name, ``game/file``.

    Raises
    ------
    UsageError
        Unknown source or split.
    """
    hub = Hub(root, endpoint)
    listings: dict[tuple[str, str], dict[str, Remote] | str] = {}

    def look(name: str, split: str, path: Path) -> Planned:
        if problem(path) is None:
            return Planned(path, split, there=True)
        game, _, file = name.rpartition("/")
        ball = name.startswith("spotting-ball-")
        place = place_of(name if ball else file, "" if ball else game, split, source)
        if place is None:
            return Planned(path, split, there=False, reason=elsewhere(file, source))
        key = place.repository, place.branch
        if key not in listings:
            try:
                listings[key] = hub.listing(*key)
            except DownloadFailed as error:
                listings[key] = str(error)
        listed = listings[key]
        if isinstance(listed, str):
            return Planned(path, split, there=False, place=place, reason=listed)
        remote = listed.get(place.path)
        lacks = f"{place.repository} (branch {place.branch}) has no such file"
        return Planned(path, split, False, place, remote, "" if remote else lacks)

    _check_source(source)
    items = game_files(root, files, splits)
    return {name: look(name, split, path) for name, (split, path) in items.items()}


def download(
    root: Path,
    files: Sequence[str],
    splits: Sequence[str],
    *,
    source: str = "HuggingFace",
    password: str | None = None,
    fail_fast: bool = False,
    endpoint: str | None = None,
) -> Summary:
    """Fetch what is missing or incomplete; a second run goes on where the first ended.

    Of files from Hugging Face the checksum is verified, and the revision recorded in
    ``downloads.json``.

    Parameters
    ----------
    root
        The dataset folder.
    files
        Names of the files of a game; see `file_names`.
    splits
        Some of train, valid, test, challenge.
    source
        ``HuggingFace``; ``OSL``, OpenSportsLab's copy there; or ``EXRCSDrive`` with a password.
    password
        Of the non-disclosure agreement, for videos from the EXRCS drive.
    fail_fast
        Raise at the first file that cannot be had instead of listing it.
    endpoint
        Hugging Face's address; None: the usual one.

    Returns
    -------
    Summary
        By file; one that is not complete afterwards is a failure.

    Raises
    ------
    UsageError
        Unknown source or split.
    """
    _check_source(source)
    if source == "EXRCSDrive":
        return _from_drive(root, files, splits, password, fail_fast=fail_fast)
    planned = plan(root, files, splits, source=source, endpoint=endpoint)
    return _fetch_all(root, planned, Hub(root, endpoint), fail_fast=fail_fast)


def _fetch_all(root: Path, planned: dict[str, Planned], hub: Hub, *, fail_fast: bool) -> Summary:
    """Fetch what is to be had, several at once, and note where it is from."""
    fetched: list[tuple[str, Remote]] = []

    def work(name: str) -> Outcome:
        item = planned[name]
        if item.there:
            return "skipped", None
        if item.remote is None:
            raise DownloadFailed(item.reason)
        hub.fetch(item.remote, item.path)
        fetched.append((name, item.remote))
        if found := problem(item.path):
            raise DownloadFailed(f"{found}, as it lies on the server")
        return "done", None

    names = {name: name for name in planned}
    try:
        summary = run_items(
            "download", names, work, unit="file", fail_fast=fail_fast, workers=TRANSFERS
        )
    finally:
        if fetched:
            note_revisions(root, fetched)
    clear_staging(root)
    return summary


def _check_source(source: str) -> None:
    if source not in SOURCES:
        raise UsageError(unknown("source", source, SOURCES))


def _from_drive(
    root: Path,
    files: Sequence[str],
    splits: Sequence[str],
    password: str | None,
    *,
    fail_fast: bool,
) -> Summary:
    """Fetch from SoccerNet's old server, file by file."""
    items = game_files(root, files, splits)

    def work(name: str) -> Outcome:
        split, path = items[name]
        if problem(path) is None:
            return "skipped", None
        _fetch_file(root, path, split, password)
        return "done", None

    names = {name: name for name in items}
    return run_items("download", names, work, unit="file", fail_fast=fail_fast)


def game_files(
    root: Path, files: Sequence[str], splits: Sequence[str]
) -> dict[str, tuple[str, Path]]:
    """List the files of SoccerNet's games: ``{"game/file": (split, path)}``.

    A kind of labels that not all games have is listed for those that have it.
    """
    from SoccerNet.utils import getListGames

    found: dict[str, tuple[str, Path]] = {}
    for split in splits:
        if split not in SOCCERNET_SPLITS:
            raise UsageError(unknown("split", split, SOCCERNET_SPLITS))
        games = {task: getListGames(split, task) for task in {*_TASKS.values(), "spotting"}}
        for name in files:
            if "{split}" in name:
                whole = name.format(split=split)
                found[whole] = split, root / whole
                continue
            for game in games[_TASKS.get(name, "spotting")]:
                found[f"{game}/{name}"] = split, root / game / name
    return found


def _fetch_file(root: Path, path: Path, split: str, password: str | None) -> None:
    """Fetch one file into the staging folder, and move it when it is whole.

    The package takes a file that is there for complete, also after an interruption.
    """
    from SoccerNet.Downloader import SoccerNetDownloader

    part = staged(root, path.relative_to(root))
    part.unlink(missing_ok=True)
    client = SoccerNetDownloader(LocalDirectory=str(root / STAGING))
    client.password = password
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            client.downloadGame(
                game=path.parent.relative_to(root).as_posix(),
                files=[path.name],
                spl=split,
                verbose=False,
                source="EXRCSDrive",
            )
    except _network_errors() as error:
        raise DownloadFailed(_brief(error)) from error
    found = problem(part)
    if found:
        raise DownloadFailed(f"{found} after the download: is the password right?")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.replace(path)


def _network_errors() -> tuple[type[BaseException], ...]:
    """What the package lets through when it cannot fetch a file."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    errors: tuple[type[BaseException], ...] = (OSError, HfHubHTTPError, LocalEntryNotFoundError)
    for name in ("httpx", "httpx2"):  # what Hugging Face's client speaks HTTP with
        with contextlib.suppress(ImportError):
            errors += (importlib.import_module(name).HTTPError,)
    return errors


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]
