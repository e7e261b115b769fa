"""The sound stage: which halves, which features, what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from action_spotting.audio.extractors import (
    FFTExtractor,
    SoundOptions,
    VGGishExtractor,
    vggish_name,
)
from action_spotting.dataset.layout import SOUND_SUFFIXES, VIDEO_SUFFIXES, Half
from action_spotting.dataset.media import Clip
from action_spotting.dataset.splits import list_halves, read_splits
from action_spotting.errors import UsageError, unknown
from action_spotting.extraction.cluster import extract_on_cluster
from action_spotting.extraction.driver import Job, extract_all
from action_spotting.io.files import existing_folder
from action_spotting.io.items import Summary, run_items

FEATURES = ("VGGish", "FFT")


@dataclass(frozen=True)
class SoundPlan:
    """What to extract, from what, and how.

    Attributes
    ----------
    features
        Of `FEATURES`.
    root
        A SoccerNet folder, a folder of own matches, or any folder of media.
    out
        Where the feature files go, laid out as `root`; None: beside the media.
    video, split, game_id
        Which media of which games; see `action_spotting.dataset`.
    media, target
        One file instead of a folder, and where its features go: a ``.npy``, or a folder.
    start_s, duration_s
        The part of that file.
    weights, vggish, pca, batch_size
        As for `VGGishExtractor`.
    sound
        How sound is read.
    plot
        Draw each half's FFT features, as a ``.png`` beside them.
    overwrite, fail_fast, workers, shard
        As for `action_spotting.extraction.driver.extract_all`.
    scheduler
        The address of a Dask cluster that does it; None: this process. Paths must be absolute.
    """

    features: Sequence[str] = FEATURES
    root: Path | None = None
    out: Path | None = None
    video: str = "LQ"
    split: str = "all"
    game_id: int | None = None
    media: Path | None = None
    target: Path | None = None
    start_s: float | None = None
    duration_s: float | None = None
    weights: str = "audioset"
    vggish: str = "soccer"
    pca: Path | None = None
    batch_size: int = 64
    sound: SoundOptions = field(default_factory=SoundOptions)
    plot: bool = False
    overwrite: bool = False
    fail_fast: bool = False
    workers: int = 1
    shard: tuple[int, int] = (1, 1)
    scheduler: str | None = None


def run(plan: SoundPlan) -> list[Summary]:
    """Extract what `plan` asks for.

    Returns
    -------
    list of Summary
        One a feature, and one of the pictures where they are asked for.

    Raises
    ------
    UsageError
        Nothing to work on, or options that do not go together.
    WeightsUnavailable, InputError
        The weights of VGGish cannot be had or are no such weights.
    """
    if plan.plot and "FFT" not in plan.features:
        raise UsageError("--plot draws the FFT features; add FFT to --features")
    jobs = {feature: jobs_of(plan, feature) for feature in dict.fromkeys(plan.features)}
    makers = {feature: _maker(plan, feature) for feature in jobs}
    how: dict[str, Any] = {
        "overwrite": plan.overwrite,
        "fail_fast": plan.fail_fast,
        "shard": plan.shard,
    }
    if plan.scheduler:
        summaries = [
            extract_on_cluster(
                plan.scheduler, feature_name(plan, feature), make, jobs[feature], **how
            )
            for feature, make in makers.items()
        ]
    else:
        extractors = {feature: make() for feature, make in makers.items()}
        summaries = [
            extract_all(extractor, jobs[feature], workers=plan.workers, **how)
            for feature, extractor in extractors.items()
        ]
    return [*summaries, _draw(jobs["FFT"], plan)] if plan.plot else summaries


def jobs_of(plan: SoundPlan, feature: str) -> list[Job]:
    """List the halves, or media, that `plan` is about, with their feature file's place."""
    if feature not in FEATURES:
        raise UsageError(unknown("feature", feature, FEATURES))
    name = feature_name(plan, feature)
    if plan.media is not None:
        return [_single_job(plan, plan.media, name)]
    root = _dataset(plan)
    if any((root / game).is_dir() for games in read_splits(root).values() for game in games):
        halves = list_halves(root, plan.split, plan.game_id)
        return [_half_job(half, plan, name) for half in halves]
    if plan.split != "all" or plan.game_id is not None:
        raise UsageError(f"{root}: no matches in it, so --split and --game_ID mean nothing")
    return _folder_jobs(root, plan.out or root, name)


def results_folder(plan: SoundPlan) -> Path:
    """Give the folder that the features go to."""
    if plan.media is None:
        return plan.out or _dataset(plan)
    place = plan.target or plan.media.parent
    return place.parent if place.suffix == ".npy" else place


def _dataset(plan: SoundPlan) -> Path:
    if plan.root is None:
        raise UsageError("nothing to work on: give --root_path, or --path_video for one file")
    return existing_folder(plan.root, "--root_path")


def feature_name(plan: SoundPlan, feature: str) -> str:
    """Give the name of a feature in its files."""
    return vggish_name(plan.vggish) if feature == "VGGish" else feature


def _half_job(half: Half, plan: SoundPlan, name: str) -> Job:
    placed = replace(half, root=plan.out or half.root)
    return Job(placed.feature(name), partial(half.clip, plan.video, sound_files=True))


def _folder_jobs(root: Path, out: Path, name: str) -> list[Job]:
    suffixes = VIDEO_SUFFIXES + SOUND_SUFFIXES
    jobs: dict[Path, Path] = {}
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        kept = path.suffix == ".wav" and path.with_suffix(".npy").exists()
        if path.suffix.lower() not in suffixes or hidden or kept:
            continue
        target = out / path.relative_to(root).with_name(f"{path.stem}_{name}.npy")
        if target in jobs:
            raise UsageError(f"{jobs[target]} and {path} would both give {target.name}; rename one")
        jobs[target] = path
    if not jobs:
        raise UsageError(f"{root}: no media in it ({' '.join(suffixes)})")
    return [Job(target, partial(Clip, path)) for target, path in jobs.items()]


def _single_job(plan: SoundPlan, media: Path, name: str) -> Job:
    target = plan.target or media.parent
    if target.suffix == ".npy" and len(plan.features) > 1:
        raise UsageError("--path_features is one file, but --features asks for several")
    if target.suffix != ".npy":
        target = target / f"{media.stem}_{name}.npy"
    return Job(target, partial(Clip, media, plan.start_s, plan.duration_s))


def _maker(plan: SoundPlan, feature: str) -> partial[Any]:
    # One pass over the sound is enough to leave the .wav: that of the first feature.
    keep_wav = plan.sound.keep_wav and feature == plan.features[0]
    sound = replace(plan.sound, keep_wav=keep_wav)
    if feature == "FFT":
        return partial(FFTExtractor, sound=sound)
    return partial(
        VGGishExtractor,
        weights=plan.weights,
        variant=plan.vggish,
        pca=plan.pca,
        batch_size=plan.batch_size,
        sound=sound,
    )


def _draw(jobs: Sequence[Job], plan: SoundPlan) -> Summary:
    from action_spotting.audio.plot import draw_half

    index, count = plan.shard
    mine = {str(job.target): job for job in jobs[index - 1 :: count] if job.target.exists()}
    return run_items(
        "pictures",
        mine,
        lambda job: ("done", draw_half(job.target, job.clip().path)),
        fail_fast=plan.fail_fast,
    )
