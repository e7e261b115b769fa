"""A published head by its name: fetched once, verified, imported, kept in the cache.

The cache is that of all pretrained files (`action_spotting.io.pretrained`). A machine without a
network uses a copy of it, or of its folder ``heads/<name>/files``, which holds the files as their
publisher laid them out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from action_spotting.errors import InputError, SpottingError, UsageError
from action_spotting.fusion.model import MODEL_FILE
from action_spotting.fusion.published.catalogue import (
    BEST_FIRST,
    Entry,
    HostedFile,
    entry_named,
)
from action_spotting.fusion.published.importing import (
    CONFIG_SUFFIXES,
    TORCH_SUFFIXES,
    import_head,
)
from action_spotting.fusion.published.model import save_published
from action_spotting.io.pretrained import (
    TIMEOUT_S,
    PretrainedFile,
    WeightsUnavailable,
    cache_folder,
    find,
    first_cause,
)

MAX_LISTING_BYTES = 4 * 2**20


class _Large(msgspec.Struct):
    oid: str


class _Listed(msgspec.Struct):
    type: str
    path: str
    oid: str
    lfs: _Large | None = None


def _head_folder(entry: Entry) -> Path:
    """Give the model folder of a head in the cache."""
    return cache_folder() / "heads" / entry.name


def fetch_head(name: str) -> Path:
    """Give the model folder of a published head; what is lacking is fetched and imported.

    Parameters
    ----------
    name
        Of the catalogue.

    Returns
    -------
    Path
        Model folder, for `load_models`.

    Raises
    ------
    UsageError
        No such head, or a file is there whose checksum is another.
    WeightsUnavailable
        A file is neither here nor to be had; the message says which, where from and where to.
    InputError
        The files are of another network.

    Examples
    --------
    >>> fetch_head("netvlad-v1").name  # doctest: +SKIP
    'netvlad-v1'
    """
    entry = entry_named(name)
    folder = _head_folder(entry)
    if not (folder / MODEL_FILE).is_file():
        files = _files(entry)
        model = import_head(files, feature=entry.modality, origin=entry.origin)
        save_published(folder, model)
    return folder


def model_folders(named: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Find the model folders that ``--model`` and ``--model_dir`` name.

    Parameters
    ----------
    named
        Model folders, or names of the catalogue; empty: the best of the catalogue that can be had.

    Returns
    -------
    list of Path, list of str
        Model folders, and what the user should know.

    Raises
    ------
    UsageError, WeightsUnavailable, InputError
        As `fetch_head`.

    Examples
    --------
    >>> model_folders(["no-such-head"])
    Traceback (most recent call last):
    ...
    action_spotting.errors.UsageError: unknown published head 'no-such-head'...
    """
    if named:
        return [Path(n) if is_folder(n) else fetch_head(n) for n in named], []
    reasons: list[SpottingError] = []
    for name in BEST_FIRST:
        try:
            folder = fetch_head(name)
        except SpottingError as error:
            reasons.append(error)
            continue
        notes = [f"no --model: {name} of the published heads, {_why(name)}"]
        return [folder], notes + [f"instead of a better one: {reason}" for reason in reasons]
    raise WeightsUnavailable(f"no published head can be had; of the best: {reasons[0]}")


def is_folder(name: str) -> bool:
    """Tell whether a name is a folder's, not one of the catalogue.

    Parameters
    ----------
    name
        As of ``--model``.

    Returns
    -------
    bool
    """
    return "/" in name or os.sep in name or Path(name).is_dir()


def _why(name: str) -> str:
    if name == BEST_FIRST[0]:
        return "the only one that localises; no score of it on these features is published"
    return f"published scores: {entry_named(name).origin.scores}"


def _find(hosted: HostedFile, below: str, url: str = "") -> Path:
    name = f"heads/{below}/{hosted.path}"
    return find(PretrainedFile(name, url or hosted.url, hosted.digest, "--model DIR"))


def _files(entry: Entry) -> list[Path]:
    """Find or fetch the files of a head."""
    below = f"{entry.name}/files"
    place = cache_folder() / "heads" / below
    wanted = list(entry.files)
    if entry.listed:
        there = [path for path in place.rglob("*") if _is_part(path.name)]
        if any(path.name.endswith(TORCH_SUFFIXES) for path in there):
            return there
    lacking = [hosted for hosted in wanted if not (place / hosted.path).exists()]
    if entry.repository and (lacking or entry.listed):
        listing = _listing(entry, place)
        wanted = [_completed(hosted, listing, entry) for hosted in wanted]
        if entry.listed:
            wanted = [HostedFile(p, d) for p, d in listing.items() if _is_part(p)]
            if not any(path.path.endswith(TORCH_SUFFIXES) for path in wanted):
                raise InputError(f"{entry.address}: no file of PyTorch's in it ({[*listing]})")
    for hosted in wanted:
        _find(hosted, below, _url(entry, hosted))
    return [place] if not entry.listed else [place / hosted.path for hosted in wanted]


def _is_part(name: str) -> bool:
    return name.endswith((*TORCH_SUFFIXES, *CONFIG_SUFFIXES)) and not name.startswith(".")


def _completed(hosted: HostedFile, listing: dict[str, str], entry: Entry) -> HostedFile:
    """Fill in a digest that only the host knows."""
    if hosted.digest:
        return hosted
    if hosted.path not in listing:
        raise UsageError(
            f"{entry.address} has no {hosted.path}: it was moved or renamed. Fetch the head by "
            "hand and import it with Models/ImportHead.py"
        )
    return HostedFile(hosted.path, listing[hosted.path])


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _url(entry: Entry, hosted: HostedFile) -> str:
    if hosted.url:
        return hosted.url
    return f"{_endpoint()}/{entry.repository}/resolve/{entry.revision}/{hosted.path}"


def _listing(entry: Entry, place: Path) -> dict[str, str]:
    """Ask the host for the files of a revision and their digests."""
    import requests

    url = f"{_endpoint()}/api/models/{entry.repository}/tree/{entry.revision}?recursive=true"
    try:
        headers = {"User-Agent": "action_spotting"}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
            answer.raise_for_status()
            data = answer.raw.read(MAX_LISTING_BYTES, decode_content=True)
        listed = msgspec.json.decode(data, type=list[_Listed])
    except (requests.RequestException, msgspec.DecodeError, OSError, ValueError) as error:
        needed = (
            ", ".join(hosted.path for hosted in entry.files)
            or "the file of PyTorch's and config.yaml"
        )
        raise WeightsUnavailable(
            f"{entry.name} is not here and its files cannot be asked for ({first_cause(error)}). "
            f"Fetch {needed} of {entry.address} and put them, in these folders, into {place}; or "
            "import a copy with Models/ImportHead.py and name its folder"
        ) from error
    return {
        file.path: f"sha256:{file.lfs.oid}" if file.lfs else f"git:{file.oid}"
        for file in listed
        if file.type == "file" and ".." not in file.path.split("/") and file.path[:1] != "/"
    }
