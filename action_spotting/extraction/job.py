"""Jobs, the unit of work of all extraction, and how a feature file is claimed, kept or redone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from action_spotting.dataset.feature_types import is_audio
from action_spotting.dataset.features import State, feature_state
from action_spotting.dataset.layout import Half, feature_path, side_path
from action_spotting.dataset.media import Clip
from action_spotting.dataset.media_names import SOUND_SUFFIXES, VIDEO_SUFFIXES
from action_spotting.errors import InputError, UsageError
from action_spotting.io.files import clear_parts
from action_spotting.io.items import Outcome
from action_spotting.io.locks import InWork, claim, claim_path

_SUFFIXES = (".npy", "_boxes.npz")  # of what is made with a feature file


@dataclass(frozen=True)
class Job:
    """A clip and the features wanted of it; plain data, to be sent to other machines.

    Attributes
    ----------
    clip
        Finds the media when the job runs, so that a half without media fails alone. It must be
        picklable to be sent: ``partial(half.clip, "LQ")``, not a lambda.
    targets
        The feature files, each with the name of its feature.

    Examples
    --------
    >>> half = Half(Path("data"), "league/2015-2016/A 1 - 0 B", 1)
    >>> job = Job(partial(half.clip, "LQ"), {half.feature("FFT"): "FFT"})
    """

    clip: Callable[[], Clip]
    targets: Mapping[Path, str]

    @property
    def name(self) -> str:
        """What it is listed as: its first target."""
        return str(next(iter(self.targets)))

    def by_medium(self) -> list[Job]:
        """Split the job into its video features and its audio features, which decode side by side.

        Returns
        -------
        list of Job
            One a medium, for the same clip.

        Examples
        --------
        >>> job = job_of_clip(Clip(Path("match.mp4")), ["FFT", "ResNET_TF2", "VGGish"])
        >>> [list(part.targets.values()) for part in job.by_medium()]
        [['FFT', 'VGGish'], ['ResNET_TF2']]
        """
        parts: dict[bool, dict[Path, str]] = {}
        for target, name in self.targets.items():
            parts.setdefault(is_audio(name), {})[target] = name
        return [replace(self, targets=targets) for targets in parts.values()]


def jobs_of_halves(
    halves: Iterable[Half],
    features: Sequence[str],
    video: str = "LQ",
    *,
    out: Path | None = None,
    sound_files: bool = False,
) -> list[Job]:
    """Make a job for each half, with the media that `Half.clip` finds.

    Parameters
    ----------
    halves
        Of a dataset folder.
    features
        Names of the features.
    video, sound_files
        As for `Half.clip`.
    out
        Where the files go, laid out as the dataset; None: beside the media.

    Returns
    -------
    list of Job
        In the order of `halves`.

    Examples
    --------
    >>> halves = [Half(Path("data"), "league/season/game", number) for number in (1, 2)]
    >>> [Path(job.name).name for job in jobs_of_halves(halves, ["ResNET_TF2", "FFT"])]
    ['1_ResNET_TF2.npy', '2_ResNET_TF2.npy']
    """
    jobs = []
    for half in halves:
        placed = replace(half, root=out or half.root)
        targets = {placed.target(name): name for name in features}
        jobs.append(Job(partial(half.clip, video, sound_files=sound_files), targets))
    return jobs


def jobs_of_files(root: Path, features: Sequence[str], out: Path | None = None) -> list[Job]:
    """Make a job for each media file of any folder; its features are ``<stem>_<name>.npy``.

    Parameters
    ----------
    root
        The folder; hidden files in it are left out, and so is a ``.wav`` that lies beside its
        features.
    features
        Names of the features.
    out
        Where the files go, laid out as `root`; None: beside the media.

    Returns
    -------
    list of Job
        Sorted by the path of the media.

    Raises
    ------
    UsageError
        No media, or two files that would share a feature file.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "match.mp4").touch()
    >>> [Path(job.name).name for job in jobs_of_files(root, ["FFT"])]
    ['match_FFT.npy']
    """
    suffixes = VIDEO_SUFFIXES + SOUND_SUFFIXES
    media: dict[Path, Path] = {}
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        hidden = any(part.startswith(".") for part in inner.parts)
        kept = path.suffix == ".wav" and path.with_suffix(".npy").exists()
        if path.suffix.lower() not in suffixes or hidden or kept:
            continue
        place = (out or root) / inner.with_suffix("")
        if place in media:
            name = feature_path(place.parent, place.name, features[0]).name
            raise UsageError(f"{media[place]} and {path} would both give {name}; rename one")
        media[place] = path
    if not media:
        raise UsageError(f"{root}: no media in it ({' '.join(suffixes)})")
    return [
        Job(
            partial(Clip, path),
            {feature_path(place.parent, place.name, name): name for name in features},
        )
        for place, path in media.items()
    ]


def job_of_clip(clip: Clip, features: Sequence[str], place: Path | None = None) -> Job:
    """Make the job of one clip.

    Parameters
    ----------
    clip
        The media file, or the part of it.
    features
        Names of the features.
    place
        The feature file (``.npy``, for one feature), a folder, or None: beside the media.

    Returns
    -------
    Job
        For `extract_all`.

    Raises
    ------
    UsageError
        One file for several features.

    Examples
    --------
    >>> job_of_clip(Clip(Path("match.mp4")), ["FFT"]).name
    'match_FFT.npy'
    """
    folder = place or clip.path.parent
    targets = {feature_path(folder, clip.path.stem, name): name for name in features}
    if folder.suffix == ".npy":
        if len(features) > 1:
            raise UsageError("--path_features is one file, but --features asks for several")
        targets = {folder: features[0]}
    return Job(partial(Clip, clip.path, clip.start_s, clip.duration_s), targets)


def shard_of(jobs: Sequence[Job], shard: tuple[int, int]) -> list[Job]:
    """Take one of n equal parts of the jobs, to share them between n processes.

    Parameters
    ----------
    jobs
        All jobs.
    shard
        ``(i, n)``: every n-th job, beginning with the i-th (from 1).

    Returns
    -------
    list of Job
        The jobs of this part.

    Examples
    --------
    >>> jobs = [job_of_clip(Clip(Path(f"{i}.mp4")), ["FFT"]) for i in range(5)]
    >>> [job.name for job in shard_of(jobs, (2, 3))]
    ['1_FFT.npy', '4_FFT.npy']
    """
    index, count = shard
    return list(jobs[index - 1 :: count])


def clear_leftovers(target: Path) -> None:
    """Take away the claim and the parts that a killed run left beside a feature file.

    A claim that another process holds stays, and so do its parts; what lies in a claim's place and
    is none of ours stays too, for the file is not to be written.

    Parameters
    ----------
    target
        The feature file, which is whole.
    """
    if claim_path(target).exists():
        with contextlib.suppress(InWork, UsageError), claim(target):
            _clear_parts(target)


def _clear_parts(target: Path) -> None:
    for suffix in _SUFFIXES:
        clear_parts(side_path(target, suffix))


@contextlib.contextmanager
def to_make(
    target: Path,
    width: int,
    settings: Mapping[str, Any],
    *,
    source: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    run: str = "",
) -> Iterator[bool]:
    """Tell whether a feature file is to be made; while the block runs it is claimed.

    Parameters
    ----------
    target, width, settings
        The file, its numbers a row, and what its record must say.
    source
        The media it must be made from, as `source_of` describes them; None: any.
    overwrite
        Make it even if it is there.
    run
        See `action_spotting.io.locks.claim`.

    Yields
    ------
    bool
        False: a valid file is there.

    Raises
    ------
    InputError
        It is there, but made with other settings or from other media.
    InWork
        Another process is making it.
    """

    def _wanted() -> bool:
        if overwrite:
            return True
        state, reason = feature_state(target, width, settings, source)
        if state is State.STALE:
            raise InputError(f"{reason}; --overwrite makes it anew")
        return state is not State.DONE

    if not _wanted():
        clear_leftovers(target)
        yield False
        return
    with contextlib.ExitStack() as claimed:
        try:
            claimed.enter_context(claim(target, run=run))
        except InWork:
            if _wanted():
                raise
        else:
            _clear_parts(target)
        yield _wanted()


def make_file(
    target: Path,
    width: int,
    settings: Mapping[str, Any],
    make: Callable[[], object],
    **how: Any,
) -> Outcome:
    """Make a feature file unless a valid one is there.

    Parameters
    ----------
    target, width, settings
        As for `to_make`.
    make
        Called, while the file is claimed, to make it.
    **how
        ``source``, ``overwrite`` and ``run``, as for `to_make`.

    Returns
    -------
    Outcome
        ``("done", None)``, or ``("skipped", None)`` where a valid file is there.

    Raises
    ------
    InputError
        It is there, but made with other settings or from other media.
    InWork
        Another process is making it.
    """
    with to_make(target, width, settings, **how) as wanted:
        if wanted:
            make()
    return ("done" if wanted else "skipped"), None
