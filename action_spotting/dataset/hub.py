"""SoccerNet on Hugging Face: what lies where, fetching with checksums, and what answers mean.

All of SoccerNet moved there in September 2026. OpenSportsLab keeps a copy of two of the released
features in one public repository.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from action_spotting.dataset.media_names import VIDEO_STEMS
from action_spotting.dataset.records import sha256
from action_spotting.errors import SpottingError, UsageError
from action_spotting.io.files import open_own, open_plain, read_json, write_json
from action_spotting.io.locks import claim

STAGING = ".download"
"""Folder inside the dataset where a file grows until it is whole."""

RECORD = "downloads.json"
"""File of the dataset folder that says where each file is from, at which revision."""

SITE = "https://huggingface.co/datasets"
RELEASED = {
    "baidu_soccer_embeddings": "baidu-soccer-embeddings",
    "ResNET_TF2": "resnet-tf2",
    "ResNET_TF2_PCA512": "resnet-tf2-pca512",
    "player_boundingbox_maskrcnn": "player-boundingbox-maskrcnn",
    "field_calib_ccbv": "field-calib-ccbv",
}
"""Released features, each on a branch of its own of ``SoccerNet/SN-Features``."""

COPIED = {
    "ResNET_TF2_PCA512": "ResNET_PCA512",
    "baidu_soccer_embeddings": "baidu_soccer_embeddings",
}
"""Those of which OpenSportsLab has a copy, and their folder."""

LABELS = {
    "v1": "Labels.json",
    "v2": "Labels-v2.json",
    "v3": "Labels-v3.json",
    "cameras": "Labels-cameras.json",
    "caption": "Labels-caption.json",
}
"""Kinds of labels of a game, and their file."""

BAR_BYTES = 100e6
"""Files above have a progress bar each."""

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
_VIDEO_BRANCHES = {"LQ": "videos-224p", "720p": "videos-720p", "HQ": "videos-HQ"}


class DownloadFailed(SpottingError):
    """A file could not be fetched."""


@dataclass(frozen=True)
class Place:
    """Where a file lies.

    Attributes
    ----------
    repository, branch
        Of Hugging Face's datasets.
    path
        Of the file in it.
    """

    repository: str
    branch: str
    path: str


@dataclass(frozen=True)
class Remote:
    """A file as the server lists it.

    Attributes
    ----------
    place
        Where it lies.
    revision
        The commit that the branch is at.
    size
        Bytes.
    sha256, blob
        Its checksum: SHA-256 where it is stored as a large file, else git's.
    """

    place: Place
    revision: str
    size: int
    sha256: str | None
    blob: str


def place_of(name: str, game: str, split: str, source: str = "HuggingFace") -> Place | None:
    """Tell where a game's file lies on Hugging Face; None: nowhere that is known.

    Parameters
    ----------
    name
        The file's name; of a ball-action set its path, ``spotting-ball-2025/train.zip``.
    game
        The game's path, ``league/season/game``.
    split
        The game's split.
    source
        ``HuggingFace``: SoccerNet's own repositories; ``OSL``: OpenSportsLab's copy.

    Examples
    --------
    >>> place_of("1_ResNET_TF2.npy", "l/s/g", "train").branch
    'resnet-tf2'
    >>> place_of("1_ResNET_TF2_PCA512.npy", "l/s/A 1 - 0 B", "test", "OSL").path
    'ResNET_PCA512/test/l/s/A_1_-_0_B/1_ResNET_TF2_PCA512.npy'
    """
    feature = name.partition("_")[2].rpartition(".")[0] if name[:2] in ("1_", "2_") else ""
    if source == "OSL":
        if feature not in COPIED:
            return None
        path = f"{COPIED[feature]}/{split}/{game.replace(' ', '_')}/{name}"
        return Place("OpenSportsLab/SoccerNet-ActionSpotting-Features", "main", path)
    if name in LABELS.values():
        return Place("SoccerNet/SN-Labels", "main", f"{game}/{name}")
    if feature in RELEASED:
        return Place("SoccerNet/SN-Features", RELEASED[feature], f"{game}/{name}")
    if name.startswith("spotting-ball-"):
        year, _, inner = name.removeprefix("spotting-ball-").partition("/")
        return Place(f"SoccerNet/SN-BAS-{year}", "main", inner)
    video = next((v for v, stems in VIDEO_STEMS.items() if name in _media(stems[0])), None)
    if video or name == "video.ini":
        repository = "SoccerNet/SoccerNet_raw_HQ" + "_Challenge" * (split == "challenge")
        return Place(repository, _VIDEO_BRANCHES[video or "HQ"], f"{game}/{name}")
    return None


def _media(stem: str) -> list[str]:
    return [f"{stem.format(n=half)}.mkv" for half in (1, 2)]


class Hub:
    """A session with the server.

    Parameters
    ----------
    root
        The dataset folder.
    endpoint
        The server's address; None: Hugging Face's, or ``$HF_ENDPOINT``.
    """

    def __init__(self, root: Path, endpoint: str | None = None) -> None:
        from huggingface_hub import HfApi

        self._root, self._endpoint = root, endpoint
        self._api = HfApi(endpoint=endpoint)

    def listing(self, repository: str, branch: str) -> dict[str, Remote]:
        """List the files of a branch, by path.

        Raises
        ------
        DownloadFailed
            What the server answered instead, and what to do.
        """
        try:
            revision = str(self._api.dataset_info(repository, revision=branch).sha)
            tree = self._api.list_repo_tree(
                repository, recursive=True, revision=revision, repo_type="dataset"
            )
            files: list[Any] = [entry for entry in tree if hasattr(entry, "blob_id")]  # no folder
        except _errors() as error:
            raise DownloadFailed(explain(error, repository, branch)) from error
        return {
            file.path: Remote(
                Place(repository, branch, file.path),
                revision,
                file.size,
                file.lfs.sha256 if file.lfs else None,
                file.blob_id,
            )
            for file in files
        }

    def fetch(self, remote: Remote, target: Path) -> None:
        """Fetch a file: it grows in the staging folder, also over several runs, and is moved to
        `target` when its checksum is right.

        Raises
        ------
        DownloadFailed
            What the server answered instead, or another checksum.
        InWork
            Another process is fetching it.
        """
        place = remote.place
        part = staged(self._root, Path(place.repository, place.branch, place.path))
        with claim(target):
            part.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._grow(part, remote)
            except _errors() as error:
                if getattr(error, "errno", None) in _DISK:
                    raise
                reason = explain(error, place.repository, place.branch)
                raise DownloadFailed(reason) from error
            if not has_checksum(part, remote):
                part.unlink()
                raise DownloadFailed(
                    f"what came has another checksum than {place.repository} states; run it again"
                )
            part.replace(target)

    def _grow(self, part: Path, remote: Remote) -> None:
        """Fetch what a file in the staging folder lacks."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        place, headers = remote.place, build_hf_headers()
        url = hf_hub_url(
            place.repository,
            place.path,
            repo_type="dataset",
            revision=remote.revision,
            endpoint=self._endpoint,
        )
        with os.fdopen(open_own(part, os.O_RDWR | os.O_CREAT), "r+b") as file:
            have = file.seek(0, os.SEEK_END)
            if have > remote.size:
                have = file.seek(0)
                file.truncate()
            http_get(
                url,
                file,
                resume_size=have,
                headers=headers,
                expected_size=remote.size,
                tqdm_class=None if remote.size > BAR_BYTES else _NoBar,
            )


class _NoBar(tqdm):
    """A progress bar that does not show: thousands of small files come in a moment each."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "disable": True})


def has_checksum(path: Path, remote: Remote) -> bool:
    """Tell whether a file is what the server lists: by SHA-256, or git's hash of a small file."""
    if path.stat().st_size != remote.size:
        return False
    if remote.sha256:
        return sha256(path) == remote.sha256
    with open_plain(path) as handle:
        content = handle.read()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == remote.blob


def explain(error: BaseException, repository: str, branch: str) -> str:
    """Say what an answer means, and what to do next.

    Parameters
    ----------
    error
        As Hugging Face's client raises it.
    repository, branch
        What was asked for.
    """
    from huggingface_hub import errors

    address = f"{SITE}/{repository}"
    for cause in _causes(error):
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return "Hugging Face's client is in offline mode; unset HF_HUB_OFFLINE"
        if isinstance(cause, errors.GatedRepoError):
            return (
                f"{repository} is open to those who signed: accept its terms (for videos "
                f"SoccerNet's non-disclosure agreement) at {address}, then run `hf auth login` "
                "with that account"
            )
        if isinstance(cause, errors.RevisionNotFoundError):
            return f"{repository} has no branch {branch} any more; see {address}"
        if status in (401, 403):
            return (
                f"{repository} refuses this account: run `hf auth login` with one that has access "
                f"({address}), or `hf auth logout` if its token is out of date"
            )
        if isinstance(cause, errors.RepositoryNotFoundError):
            return f"there is no {repository} on Hugging Face any more; see {address}"
        if status == 429 or (status and status >= 500):
            wait = cause.response.headers.get("Retry-After")  # type: ignore[attr-defined]
            later = f"in {wait} s" if wait else "in a few minutes"
            return f"the server is busy (HTTP {status}); run the same command again {later}"
        if status:
            return f"the server refuses (HTTP {status}): {_brief(cause)}"
    return (
        f"no network, or none that reaches Hugging Face ({_brief(error)}); once there is one, run "
        "the same command again"
    )


def elsewhere(name: str, source: str) -> str:
    """Say where a file may be that `place_of` knows nowhere."""
    if source == "OSL":
        return f"OpenSportsLab has a copy of {' and '.join(COPIED)} only; leave out --source"
    feature = name.partition("_")[2].rpartition(".")[0]
    if feature.startswith("ResNET") and feature.endswith("fps_TF2"):
        rate = feature.removeprefix("ResNET_").partition("fps")[0]
        make = f", and ExtractResNET_TF2 --FPS {rate} makes such from the videos"
    else:
        make = ""
    return (
        "not on Hugging Face. SoccerNet's old server had it (--source EXRCSDrive), which has "
        f"refused connections since August 2026{make}"
    )


def note_revisions(root: Path, fetched: Sequence[tuple[str, Remote]]) -> None:
    """Add files to the dataset's record of where each is from, at which revision.

    Raises
    ------
    SpottingError
        The record is damaged or cannot be written.
    """
    path = root / RECORD
    known = read_json(path) if path.exists() else {}
    for name, remote in fetched:
        place = remote.place
        known[name] = {
            "repository": place.repository,
            "branch": place.branch,
            "revision": remote.revision,
            **({"sha256": remote.sha256} if remote.sha256 else {"git": remote.blob}),
        }
    write_json(path, dict(sorted(known.items())))


def staged(root: Path, inner: Path) -> Path:
    """Give a file's place in the staging folder; `UsageError` where a link leads out of that."""
    part = root / STAGING / inner
    if part.parent.resolve() != (root.resolve() / STAGING / inner).parent:
        raise UsageError(
            f"{root / STAGING}: a link in it leads elsewhere, which is not followed; take it away"
        )
    return part


def clear_staging(root: Path) -> None:
    """Take away the staging folder, but for files that another run may go on with."""
    folders = [path for path in (root / STAGING).rglob("*") if path.is_dir()]
    for folder in [*sorted(folders, reverse=True), root / STAGING]:
        with contextlib.suppress(OSError):  # there is something in it
            folder.rmdir()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _errors() -> tuple[type[BaseException], ...]:
    """What Hugging Face's client raises when it cannot fetch; it speaks HTTP with one of these."""
    found: list[type[BaseException]] = [OSError]
    for name in ("httpx", "httpx2"):
        with contextlib.suppress(ImportError):
            found.append(importlib.import_module(name).HTTPError)
    return tuple(found)


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
