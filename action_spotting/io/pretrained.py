"""Pretrained files: named by the user, found in a cache, or downloaded and verified.

The cache is ``$ACTION_SPOTTING_WEIGHTS``, else ``~/.cache/action_spotting``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.io.files import check_plain, open_own, open_plain, whole_file
from action_spotting.io.locks import InWork, claim
from action_spotting.io.progress import Progress

TIMEOUT_S = 20
"""Without any answer."""
MAX_BYTES = 2 * 2**30
BLOCK_BYTES = 2**16
WAIT_S = 0.5
GIT = "git"
"""Kind of digest: SHA-1 of a file as Git names its content."""
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
        ``"md5:…"`` or ``"sha256:…"`` of the whole file, or ``"git:…"`` as of ``git hash-object``,
        as its publisher states it; empty: none is known.
    option
        The door's option that names another file, for the error.
    """

    name: str
    url: str
    digest: str
    option: str = "--weights"


def cache_folder() -> Path:
    """Give the folder where pretrained files are kept.

    Raises
    ------
    UsageError
        This user has no home folder, and the environment names no other.
    """
    named = os.environ.get("ACTION_SPOTTING_WEIGHTS") or "~/.cache/action_spotting"
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise UsageError(
            "this user has no home folder to keep pretrained files in; name a folder for them in "
            "the environment variable ACTION_SPOTTING_WEIGHTS"
        ) from error


def find(file: PretrainedFile, folder: Path | None = None) -> Path:
    """Find a pretrained file in `folder`, then in the cache; else download it into the cache.

    Of several processes one downloads; the others wait for it.

    Raises
    ------
    WeightsUnavailable
        With the reason, the address, the place to put the file, and the option that names another.
    UsageError
        A file is there, but its checksum is another; or the cache cannot be written to.
    """
    target = cache_folder() / file.name
    for path in (folder / file.name if folder else target, target):
        if path.exists():
            problem = _mismatch(path, file.digest)
            if problem:
                raise UsageError(f"{path}: {problem}: delete it, and it is fetched anew")
            return path
    while True:
        try:
            with claim(target):
                if not target.exists():
                    _download(file, target)
                    return target
        except InWork:
            time.sleep(WAIT_S)
        else:
            return find(file)


def _download(file: PretrainedFile, target: Path) -> None:
    """Download `file` with a progress bar; it appears only when its digest is right.

    Where the server allows it, what a broken transfer has brought is kept, ``.<name>.partial``, and
    the next one goes on behind it.
    """
    import requests

    begun = target.with_name(f".{target.name}.partial")
    try:
        with whole_file(target) as part:
            if os.path.lexists(begun):
                os.close(open_own(begun, os.O_RDWR))  # no link, no pipe
                begun.replace(part)
            resumable = [bool(part.stat().st_size)]
            try:
                _receive(file, part, resumable)
            except BaseException:
                if resumable[0] and part.stat().st_size:
                    part.replace(begun)
                raise
    except (requests.RequestException, ValueError) as error:  # ValueError: no address at all
        reason = first_cause(error)
        kept = "what has come is kept; " if begun.exists() else ""
        raise WeightsUnavailable(
            f"{file.name} is not here and cannot be downloaded ({kept}{reason or repr(reason)}). "
            f"Fetch {file.url} and put it at {target}, or name a file of your own with "
            f"{file.option}"
        ) from error


def first_cause(error: BaseException) -> BaseException:
    """Give the error below all others: it says more than what wraps it."""
    while error.__context__:
        error = error.__context__
    return error


def _receive(file: PretrainedFile, part: Path, resumable: list[bool]) -> None:
    """Append to `part` what is lacking of the file; `resumable` tells whether to keep it so."""
    import requests

    headers = {"User-Agent": "action_spotting", "Accept-Encoding": "identity"}
    done = part.stat().st_size
    if done:
        headers["Range"] = f"bytes={done}-"
    with (
        requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer,
        part.open("ab") as handle,
        Progress(None, file.name, "B", unit_scale=True) as bar,
    ):
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            resumable[0] = False
        answer.raise_for_status()
        if not answer.url.startswith(("https:", file.url.partition("/")[0])):
            raise requests.RequestException(f"it is redirected to {answer.url}")
        if answer.status_code != requests.codes.partial_content:
            handle.truncate(0)
            done = 0
        ranges = answer.headers.get("Accept-Ranges", "") == "bytes"
        resumable[0] = bool(file.digest) and (ranges or done > 0)
        if answer.raw.length_remaining is not None:
            bar.total = done + answer.raw.length_remaining
        bar.update(done)
        for block in chain(
            (b"",), answer.iter_content(BLOCK_BYTES)
        ):  # b"": too large from the first
            handle.write(block)
            bar.update(len(block))
            if max(bar.total or 0, handle.tell()) > MAX_BYTES:
                resumable[0] = False
                raise requests.RequestException(f"it is larger than {MAX_BYTES} bytes")
        handle.flush()
        resumable[0] = False
        problem = _mismatch(part, file.digest)
        if problem:
            kind = answer.headers.get("Content-Type", "of no stated kind")
            raise requests.RequestException(f"what came is {kind}: {problem}")


def _mismatch(path: Path, digest: str) -> str | None:
    kind, _, want = digest.partition(":")
    if not digest:
        return None
    with open_plain(path) as handle:
        digester = partial(hashlib.new, "sha1" if kind == GIT else kind, usedforsecurity=False)
        if kind == GIT:
            start = f"blob {path.stat().st_size}\0".encode()
            digester = partial(digester, start)
        have = hashlib.file_digest(handle, digester).hexdigest()
    if have == want:
        return None
    return f"{kind} is {have}, expected {want}; the file is not the published one or is damaged"


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading, as ``h5py.File``; all of its content lies in it.

    Raises
    ------
    InputError
        No plain file; or a link, or a dataset, whose content lies in another file.
    """
    import h5py

    def outside(name: str, item: Any) -> str | None:
        stored = isinstance(item, h5py.Dataset) and (item.is_virtual or item.external)
        return name if stored else None

    with h5py.File(check_plain(path), "r") as file:
        link = file.id.links.visit(
            lambda name, info: name if info.type == h5py.h5l.TYPE_EXTERNAL else None, info=True
        )
        found = link.decode(errors="replace") if link else file.visititems(outside)
        if found:
            raise InputError(f"{path}: {found} lies in another file, which is not read")
        yield file
