"""From clips to feature files: one decoding of the video and one of the audio serve all features.

Every extraction goes through `extract_all`: of a dataset or one video, here or on a cluster.
What is skipped, redone, claimed and listed as failed is decided feature file by feature file; one
that fails stops only itself. Any number of processes may run over one folder.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from action_spotting.dataset.feature_types import AUDIO
from action_spotting.dataset.features import write_feature
from action_spotting.dataset.media import Clip, probe
from action_spotting.dataset.records import source_of
from action_spotting.extraction import cluster
from action_spotting.extraction.job import Job, shard_of, to_make
from action_spotting.io.items import ITEM_ERRORS, Outcome, Summary, run_all
from action_spotting.io.locks import InWork
from action_spotting.io.progress import SECONDS, Progress
from action_spotting.io.threads import tee

Result = Outcome | Exception
Read = tuple[float, float]
"""How many seconds of a clip are read, and of how many."""


class Extractor(Protocol):
    """What turns the video or the audio of a clip into the rows of a feature.

    Attributes
    ----------
    width
        Numbers in a row.
    settings
        All that two files must share to be used together (hash of weights, transform, …);
        JSON-able, it goes into the provenance record.
    medium
        `PICTURE` or `AUDIO`, of `action_spotting.dataset.feature_types`.
    decoding
        How the medium is decoded: `visual.frames.FrameOptions` or `audio.extractors.AudioOptions`.
        Extractors with equal ones share a decoding.
    """

    width: int
    settings: Mapping[str, Any]
    medium: str
    decoding: Any

    def rows(self, stream: Iterator[np.ndarray], target: Path) -> Iterator[np.ndarray]:
        """Turn what is decoded into blocks of rows.

        Parameters
        ----------
        stream
            BGR uint8 frames ``(height, width, 3)``, or blocks of half-seconds of audio
            ``(n, 8000)``.
        target
            The feature file that the rows go to; more files may be written beside it.

        Yields
        ------
        numpy.ndarray
            Rows ``(n, width)``.

        Raises
        ------
        InputError
            The clip cannot be used.
        """
        ...


def default_workers() -> int:
    """Give the number of halves to work on at once: half the processors, in [2, 8].

    While one half waits for its decoder, another uses the network.

    Returns
    -------
    int
        2 to 8.

    Examples
    --------
    >>> default_workers() >= 2
    True
    """
    return max(2, min(8, (os.cpu_count() or 2) // 2))


def extract_all(
    makers: Mapping[str, Callable[[], Extractor]],
    jobs: Sequence[Job],
    *,
    overwrite: bool = False,
    fail_fast: bool = False,
    workers: int | None = None,
    shard: tuple[int, int] = (1, 1),
    scheduler: str | None = None,
) -> list[Summary]:
    """Make the feature files of all jobs that are missing or not valid.

    Parameters
    ----------
    makers
        What makes the extractor of each feature that the jobs name; called once in a process.
        The extractors must be thread-safe.
    jobs
        The clips and the features wanted. Video and audio of a clip are decoded side by side.
    overwrite
        Redo files that are already there.
    fail_fast
        Raise at the first file that fails instead of listing it.
    workers
        Jobs in work at once; None: `default_workers`.
    shard
        ``(i, n)``: take every n-th job, beginning with the i-th (from 1).
    scheduler
        The address of a Dask cluster to run on; None: this process. Makers and jobs must then
        be picklable and paths absolute.

    Returns
    -------
    list of Summary
        One a feature, in the order of `makers`: made, skipped, warnings and failures by file name.
        A file made with other settings is a failure that says which setting differs, never
        silently kept or replaced.

    Raises
    ------
    SpottingError
        From a maker, such as missing weights; from the cluster; or, with `fail_fast`, what is wrong
        with the first file that fails.

    Examples
    --------
    >>> import tempfile, scipy.io.wavfile
    >>> from action_spotting.audio.extractors import fft_extractor
    >>> from action_spotting.extraction.job import job_of_clip
    >>> path = Path(tempfile.mkdtemp()) / "match.wav"
    >>> scipy.io.wavfile.write(path, 16_000, np.zeros(32_000, np.int16))
    >>> [summary] = extract_all({"FFT": fft_extractor}, [job_of_clip(Clip(path), ["FFT"])])
    >>> [Path(name).name for name in summary.done], np.load(path.with_name("match_FFT.npy")).shape
    (['match_FFT.npy'], (4, 48))
    """
    began, stop = time.monotonic(), threading.Event()
    items = {part.name: part for job in shard_of(jobs, shard) for part in job.by_medium()}
    summaries, read = {name: Summary(name) for name in makers}, dict[str, Read]()
    work = partial(extract_job, overwrite=overwrite, fail_fast=fail_fast)
    with contextlib.ExitStack() as stack:
        call: Callable[[Job], dict[Path, Result]]
        pool: Executor | None = None
        if scheduler:
            work = partial(work, run=uuid.uuid4().hex)
            call, pool = stack.enter_context(
                cluster.connect(scheduler, partial(_make, makers), work, items)
            )
            at_once = len(items)
        else:
            call = partial(work, _make(makers), read=read, stop=stop)
            parts = max((len(job.by_medium()) for job in jobs), default=1)
            at_once = parts * (workers or default_workers())
        bar = stack.enter_context(_progress(", ".join(makers), len(items), scheduler))
        show = bar.tick if scheduler else lambda: bar.reach(*_read_of(read, len(items)))

        def account(item: str, future: Future[dict[Path, Result]]) -> None:
            length_s = read.get(item, (0.0, 0.0))[1]
            read[item] = length_s, length_s
            bar.update(1 if scheduler else 0)
            show()
            try:
                _account(items[item], future, summaries, fail_fast)
            except BaseException:
                stop.set()
                raise

        run_all(items, call, account, workers=at_once, pool=pool, tick=show)
    for summary in summaries.values():
        summary.seconds = time.monotonic() - began
    return list(summaries.values())


def extract_job(
    extractors: Mapping[str, Extractor],
    job: Job,
    *,
    overwrite: bool = False,
    fail_fast: bool = False,
    run: str = "",
    read: MutableMapping[str, Read] | None = None,
    stop: threading.Event | None = None,
) -> dict[Path, Result]:
    """Do one job: claim the files that are to be made, decode, make them.

    Parameters
    ----------
    extractors
        By the name of their feature.
    job
        A clip and the features wanted of it.
    overwrite, fail_fast, run
        As for `extract_all` and `action_spotting.io.locks.claim`.
    read
        Takes, under the job's name, how many seconds of the clip are read, and of how many.
    stop
        Ends the work when it is set.

    Returns
    -------
    dict
        The result for each target: ``("done" | "skipped", warning)``, or the error.

    Raises
    ------
    SpottingError
        With `fail_fast`: what is wrong with the first file that fails.
    """
    work = _Work(job, fail_fast, {} if read is None else read, stop or threading.Event())
    groups: dict[Any, dict[Path, Extractor]] = {}
    clip: Clip | Exception
    source: Mapping[str, Any] | None = None
    try:
        clip = job.clip()
        source = source_of(clip)
    except ITEM_ERRORS as error:  # what is there needs no media
        clip = error
    with contextlib.ExitStack() as claims:
        for target, name in job.targets.items():
            extractor = extractors[name]
            with work.noting([target]):
                wanted = to_make(
                    target,
                    extractor.width,
                    extractor.settings,
                    source=source,
                    overwrite=overwrite,
                    run=run,
                )
                if claims.enter_context(wanted):
                    groups.setdefault(extractor.decoding, {})[target] = extractor
                else:
                    work.results[target] = "skipped", None
        for group in groups.values():
            with work.noting(group):
                if isinstance(clip, Exception):
                    raise clip
                work.decode(clip, group)
    return work.results


@dataclass
class _Work:
    """The work on one job; `results` is what has become of its targets."""

    job: Job
    fail_fast: bool
    read: MutableMapping[str, Read]
    stop: threading.Event
    results: dict[Path, Result] = field(default_factory=dict)

    @contextlib.contextmanager
    def noting(self, targets: Iterable[Path]) -> Iterator[None]:
        """Note what fails the targets as the result of those that have none yet."""
        try:
            yield
        except ITEM_ERRORS as error:
            if self.fail_fast and not isinstance(error, InWork):
                raise
            self.results |= {t: error for t in targets if t not in self.results}

    def decode(self, clip: Clip, group: Mapping[Path, Extractor]) -> None:
        """Make the files of features that share a decoding."""
        warnings: list[str] = []
        first = next(iter(group.values()))
        decode = _decode_audio if first.medium == AUDIO else _decode_picture

        def work(
            stream: Iterable[np.ndarray],
            item_s: float,
            row_count: Callable[[], int | None] = lambda: None,
        ) -> None:
            for target in group:  # the decoder may begin anew
                self.results.pop(target, None)
            writers = [partial(self.write, clip, t, e, row_count) for t, e in group.items()]
            tee(self.watched(stream, item_s, clip), writers)

        decode(clip, first.decoding, work, warnings.append)
        warning = "; ".join(dict.fromkeys(warnings)) or None
        for target in group:
            if self.results[target] == ("done", None):
                self.results[target] = "done", warning

    def watched(
        self, stream: Iterable[np.ndarray], item_s: float, clip: Clip
    ) -> Iterator[np.ndarray]:
        """Pass `stream` on, telling how far it is, until `stop` is set."""
        length_s = clip.duration_s or probe(clip.path).duration_s - (clip.start_s or 0.0)
        for number, item in enumerate(stream, start=1):
            if self.stop.is_set():
                raise CancelledError
            if length_s > 0:
                self.read[self.job.name] = min(length_s, number * item_s), length_s
            yield item

    def write(
        self,
        clip: Clip,
        target: Path,
        extractor: Extractor,
        row_count: Callable[[], int | None],
        stream: Iterator[np.ndarray],
    ) -> None:
        """Write a feature file of what is decoded; the half has ``row_count()`` rows."""
        with self.noting([target]):
            with write_feature(target, extractor.width, extractor.settings, clip) as writer:
                for rows in extractor.rows(stream, target):
                    writer.append(rows)
                if (count := row_count()) is not None:
                    writer.cut(count)
            self.results[target] = "done", None


def _decode_picture(
    clip: Clip, options: Any, work: Callable[..., Any], warn: Callable[[str], object]
) -> None:
    from action_spotting.visual.frames import with_frames

    with_frames(clip, options, lambda frames: work(frames, 1 / options.fps), warn=warn)


def _decode_audio(
    clip: Clip, options: Any, work: Callable[..., Any], warn: Callable[[str], object]
) -> None:
    from action_spotting.audio.waveform import BLOCK_ROWS, ROWS_PER_S, Waveform

    sound = Waveform(clip, track=options.track, resampler=options.resampler)
    work(sound.blocks(), BLOCK_ROWS / ROWS_PER_S, lambda: sound.row_count)
    if sound.warning:
        warn(sound.warning)


def _progress(name: str, count: int, scheduler: str | None) -> Progress:
    """Show progress in seconds of media; on a cluster, which does not tell them, in clips."""
    return Progress(count, name, "clip") if scheduler else Progress(0, name, "s", shown=SECONDS)


def _read_of(read: Mapping[str, Read], count: int) -> Read:
    """Sum up what is read of `count` clips; one not yet begun counts as long as the others."""
    known = list(read.values())
    begun = [length_s for _, length_s in known if length_s]
    mean_s = sum(begun) / len(begun) if begun else 0.0
    return sum(done_s for done_s, _ in known), sum(begun) + mean_s * (count - len(known))


def _make(makers: Mapping[str, Callable[[], Extractor]]) -> dict[str, Extractor]:
    return {name: make() for name, make in makers.items()}


def _account(
    job: Job,
    future: Future[dict[Path, Result]],
    summaries: Mapping[str, Summary],
    fail_fast: bool,
) -> None:
    try:
        results = future.result()
    except ITEM_ERRORS as error:  # with `fail_fast`, or from a cluster
        results = dict.fromkeys(job.targets, error)
    for target, name in job.targets.items():
        summaries[name].account(str(target), results[target], fail_fast=fail_fast)
