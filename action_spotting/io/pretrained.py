"""Pretrained files: named by the user, found in a cache, or downloaded and verified.

The cache is ``$ACTION_SPOTTING_WEIGHTS``, else ``~/.cache/action_spotting``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from action_spotting.errors import SpottingError, UsageError
from action_spotting.io.files import whole_file

TIMEOUT_S = 20
HDF5_ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError)
"""What h5py raises for a file that is damaged."""


class WeightsUnavailable(SpottingError):
    """A pretrained file is neither here nor to be had from its address."""


@dataclass(frozen=True)
class PretrainedFile:
    """A published file.

    Parameters
    ----------
    name
        Its file name in the cache.
    url
        Where it is published.
    digest
        ``"md5:…"`` or ``"sha256:…"`` of the whole file, as its publisher states it.
    option
        The door's option that names another file, for the error.
    """

    name: str
    url: str
    digest: str
    option: str = "--weights"


def cache_folder() -> Path:
    """Give the folder where pretrained files are kept."""
    named = os.environ.get("ACTION_SPOTTING_WEIGHTS")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "action_spotting"


def find(file: PretrainedFile, folder: Path | None = None) -> Path:
    """Find a pretrained file in `folder`, then in the cache; else download it into the cache.

    Raises
    ------
    WeightsUnavailable
        With the address, the place to put the file, and the option that names another.
    UsageError
        A file is there, but its checksum is another.
    """
    places = [place / file.name for place in (folder, cache_folder()) if place]
    for path in places:
        if path.is_file():
            verify(path, file.digest)
            return path
    target = cache_folder() / file.name
    try:
        download(file, target)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise WeightsUnavailable(
            f"{file.name} is not here and cannot be downloaded ({reason}). Fetch {file.url} and "
            f"put it at {target}, or name a file of your own with {file.option}"
        ) from error
    return target


def download(file: PretrainedFile, target: Path) -> None:
    """Download `file` to `target` with a progress bar; it appears only when its digest is right."""
    request = urllib.request.Request(file.url, headers={"User-Agent": "action_spotting"})
    with (
        urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer,
        whole_file(target) as part,
    ):
        total = int(answer.headers.get("Content-Length", 0)) or None
        with (
            part.open("wb") as handle,
            tqdm.wrapattr(answer, "read", total=total, desc=file.name, disable=None) as source,
        ):
            shutil.copyfileobj(source, handle, 2**20)
        verify(part, file.digest)


def elsewhere(item: Any) -> bool:
    """Tell whether the content of an HDF5 dataset lies in other files, which are not read."""
    return bool(item.is_virtual or item.external)


def verify(path: Path, digest: str) -> None:
    """Raise `UsageError` unless the file's hash is `digest`."""
    kind, _, want = digest.partition(":")
    have = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as handle:
        while block := handle.read(2**20):
            have.update(block)
    if have.hexdigest() != want:
        raise UsageError(
            f"{path}: {kind} is {have.hexdigest()}, expected {want}; the file is not the published "
            "one or is damaged: delete it, and it is fetched anew"
        )
