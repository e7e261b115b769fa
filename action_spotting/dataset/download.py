"""SoccerNet's files through its own package, and what of them is complete.

Labels and features are public. Videos need the non-disclosure agreement: its signatories get a
password (the EXRCS drive) or access for their account (Hugging Face).
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from action_spotting.dataset.features import open_feature
from action_spotting.dataset.layout import LABEL_FILES, VIDEO_STEMS, feature_path
from action_spotting.dataset.media import probe
from action_spotting.dataset.splits import SOCCERNET_SPLITS
from action_spotting.errors import InputError, SpottingError, UsageError, unknown
from action_spotting.io.files import read_json
from action_spotting.io.items import Summary, run_items

SOURCES = ("HuggingFace", "EXRCSDrive")
WHATS = ("labels", "features", "videos")
FEATURES = ("ResNET_TF2", "ResNET_TF2_PCA512", "baidu_soccer_embeddings")

STAGING = ".download"
"""Folder inside the dataset where a file grows until it is whole."""


class DownloadFailed(SpottingError):
    """A file could not be fetched."""


def file_names(
    what: str, *, video: str = "LQ", features: Sequence[str] = FEATURES[1:2], version: int = 2
) -> list[str]:
    """Name a game's files.

    >>> file_names("videos", video="HQ")
    ['1_HQ.mkv', '2_HQ.mkv', 'video.ini']
    >>> file_names("features")
    ['1_ResNET_TF2_PCA512.npy', '2_ResNET_TF2_PCA512.npy']
    """
    if what == "labels":
        return [LABEL_FILES[version]]
    if what == "features":
        return [feature_path(Path(), half, name).name for name in features for half in (1, 2)]
    if what == "videos":
        stem = VIDEO_STEMS[video][0]
        names = [f"{stem.format(n=half)}.mkv" for half in (1, 2)]
        return [*names, "video.ini"] if video == "HQ" else names
    raise UsageError(unknown("kind of file", what, WHATS))


def problem(path: Path) -> str | None:
    """Say what is wrong with a file of a game; None when it is complete.

    JSON must parse, a feature file must have all its rows, a video must open and have a picture.
    """
    if not path.exists():
        return "missing"
    try:
        if path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".npy":
            open_feature(path)
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


def download(
    root: Path,
    files: Sequence[str],
    splits: Sequence[str],
    *,
    source: str = "HuggingFace",
    password: str | None = None,
    fail_fast: bool = False,
) -> Summary:
    """Fetch what is missing or incomplete; a second run goes on where the first ended.

    Parameters
    ----------
    root
        The dataset folder.
    files
        Names of the files of a game; see `file_names`.
    splits
        Some of train, valid, test, challenge.
    source
        ``HuggingFace``, or ``EXRCSDrive`` with a password.
    password
        Of the non-disclosure agreement, for videos from the EXRCS drive.
    fail_fast
        Raise at the first file that cannot be had instead of listing it.

    Returns
    -------
    Summary
        By file; one that is not complete afterwards is a failure.

    Raises
    ------
    UsageError
        Unknown source or split.
    """
    if source not in SOURCES:
        raise UsageError(unknown("source", source, SOURCES))
    items = game_files(root, files, splits)
    complete = {name for name, (_, path) in items.items() if problem(path) is None}
    refused: dict[str, str] = {}
    if source == "HuggingFace":
        for split in dict.fromkeys(split for n, (split, _) in items.items() if n not in complete):
            refused[split] = _fetch_split(root, files, split)

    def work(name: str) -> tuple[str, str | None]:
        if name in complete:
            return "skipped", None
        split, path = items[name]
        if source == "EXRCSDrive":
            _fetch_file(root, path, split, password)
        found = problem(path)
        if found:
            reason = refused.get(split) or "is there access to it, and a network?"
            raise DownloadFailed(f"{found} after the download: {reason}")
        return "done", None

    names = {name: name for name in items}
    return run_items("download", names, work, unit="file", fail_fast=fail_fast)


def game_files(
    root: Path, files: Sequence[str], splits: Sequence[str]
) -> dict[str, tuple[str, Path]]:
    """List the files of SoccerNet's games: ``{"game/file": (split, path)}``."""
    from SoccerNet.utils import getListGames

    for split in splits:
        if split not in SOCCERNET_SPLITS:
            raise UsageError(unknown("split", split, SOCCERNET_SPLITS))
    return {
        f"{game}/{name}": (split, root / game / name)
        for split in splits
        for game in getListGames(split)
        for name in files
    }


def _fetch_split(root: Path, files: Sequence[str], split: str) -> str:
    """Fetch a split's files, which Hugging Face puts in place when they are whole.

    Returns why it ended early; empty when it did not. One call a split, for the server limits
    how many it answers.
    """
    from SoccerNet.Downloader import SoccerNetDownloader

    client = SoccerNetDownloader(LocalDirectory=str(root))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            client.downloadGames(files=list(files), split=[split], source="HuggingFace")
    except _network_errors() as error:
        return _brief(error)
    return ""


def _fetch_file(root: Path, path: Path, split: str, password: str | None) -> None:
    """Fetch one file into the staging folder, and move it when it is whole.

    The package takes a file that is there for complete, also after an interruption.
    """
    from SoccerNet.Downloader import SoccerNetDownloader

    staging = root / STAGING
    part = staging / path.relative_to(root)
    part.unlink(missing_ok=True)
    client = SoccerNetDownloader(LocalDirectory=str(staging))
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
