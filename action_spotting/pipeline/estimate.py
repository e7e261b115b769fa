"""What spotting a video would cost on this machine, found out on a short part of it.

Every network that the model needs works on two parts of the video, a short and a longer one: the
slope between them is what a second of the video costs, the rest is what it takes to begin.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.backend import load_backend
from action_spotting.dataset.feature_types import base_of, feature_type, pca_of
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import InputError
from action_spotting.extraction.driver import extract_all
from action_spotting.extraction.job import job_of_clip
from action_spotting.extraction.registry import make_extractor
from action_spotting.io.tables import table
from action_spotting.pipeline.features import FeaturePlan
from action_spotting.pipeline.model_files import check_models, find_detector
from action_spotting.pipeline.video import clips_of
from action_spotting.pipeline.video_plan import VideoPlan

SHORT_S, LONG_S = 4.0, 24.0
"""Seconds of the two parts."""

HEADER_BYTES = 128


@dataclass
class Step:
    """What a step costs.

    Attributes
    ----------
    name
        The feature, or the head.
    begin_s
        What it takes to begin, whatever the video's length.
    work_s
        What the whole video takes.
    disk_bytes
        Of the files it leaves.
    """

    name: str
    begin_s: float
    work_s: float
    disk_bytes: int


@dataclass
class Estimate:
    """What spotting a video would cost.

    Attributes
    ----------
    video_s
        Its length.
    steps
        In order; they overlap where there are cores for it.
    memory_bytes
        Most memory that the trial took; it does not grow with the length.
    """

    video_s: float
    steps: list[Step] = field(default_factory=list)
    memory_bytes: int = 0

    @property
    def total_s(self) -> float:
        """All steps one after another."""
        return sum(step.begin_s + step.work_s for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Give everything as what `json` writes."""
        steps = [vars(step) for step in self.steps]
        return {**vars(self), "steps": steps, "total_s": self.total_s}

    def __str__(self) -> str:
        """A table, and the sums."""
        rows = [
            [step.name, f"{step.begin_s:.0f} s", _clock(step.work_s), _megabytes(step.disk_bytes)]
            for step in self.steps
        ]
        disk = sum(step.disk_bytes for step in self.steps)
        rows.append(["all", "", _clock(self.total_s), _megabytes(disk)])
        return (
            f"{_clock(self.video_s)} of video, from a trial with {LONG_S:g} s of it; steps that "
            "run side by side take less\n\n"
            f"{table(['step', 'to begin', 'time', 'disk'], rows)}\n\n"
            f"memory: {_megabytes(self.memory_bytes)} at most, whatever the length\n"
            "not in it: exports, highlights and overlay"
        )


def estimate(plan: VideoPlan) -> Estimate:
    """Find out what spotting a video would cost on this machine; writes nothing that stays.

    Parameters
    ----------
    plan
        As for `action_spotting.pipeline.video.spot_video`.

    Returns
    -------
    Estimate
        Time and disk of each step, and memory.

    Raises
    ------
    SpottingError
        As `spot_video`; or the video is too short for a trial.

    Examples
    --------
    >>> plan = VideoPlan((Path("match.mp4"),), (Path("model"),), Path())
    >>> print(estimate(plan))  # doctest: +SKIP
    """
    clips = clips_of(plan)
    check_models(plan.model_dirs)
    lengths = {number: _length_s(clip) for number, clip in clips.items()}
    longest = max(lengths, key=lengths.__getitem__)
    if lengths[longest] < LONG_S:
        raise InputError(f"{clips[longest].path}: shorter than the {LONG_S:g} s of a trial")
    load_backend()
    from action_spotting.fusion.prediction import load_models

    began = time.monotonic()
    models = load_models(plan.model_dirs)
    begin_s = time.monotonic() - began
    wanted = _wanted(plan, clips, models)
    found = Estimate(sum(lengths.values()))
    for name in {base_of(name): name for name in models.modalities}.values():
        if wanted.halves(name):  # else there is no sound
            found.steps.append(_feature(wanted, name, clips[longest], found.video_s))
    found.steps.append(_head(models, begin_s, list(lengths.values())))
    found.memory_bytes = _peak_bytes()
    return found


def _wanted(plan: VideoPlan, clips: Mapping[int, Clip], models: Any) -> FeaturePlan:
    """Plan the features as they are made for spotting."""
    detector = plan.pretrained.yolov5 or find_detector(plan.model_dirs)
    return FeaturePlan(
        out=plan.out,
        clips=clips,
        modalities=models.modalities,
        provenance={n: s for model in models.models for n, s in model.provenance.items()},
        model_dirs=plan.model_dirs,
        pretrained=replace(plan.pretrained, yolov5=detector),
    )


def _feature(plan: FeaturePlan, modality: str, clip: Clip, video_s: float) -> Step:
    """Try what a modality is made from on two parts from the middle of a clip."""
    name, settings = base_of(modality), plan.provenance.get(modality) or {}
    like = (settings.get("features") or {}) if pca_of(modality) else settings
    began = time.monotonic()
    extractor = make_extractor(name, plan.pretrained, like)
    made_s = time.monotonic() - began
    middle_s = (clip.start_s or 0.0) + (_length_s(clip) - LONG_S) / 2
    with tempfile.TemporaryDirectory() as folder:

        def run(part_s: float, place: str) -> float:
            job = job_of_clip(Clip(clip.path, middle_s, part_s), [name], Path(folder) / place)
            made = partial(extract_all, {name: lambda: extractor}, [job], fail_fast=True, workers=1)
            return _seconds(made)

        first_s = run(SHORT_S, "first")  # compiles what is to be compiled
        short_s, long_s = run(SHORT_S, "short"), run(LONG_S, "long")
    slope = max(0.0, (long_s - short_s) / (LONG_S - SHORT_S))
    begin_s = made_s + max(0.0, first_s - slope * SHORT_S)
    rows = round(video_s * float(extractor.settings.get("fps", 2.0)))
    return Step(name, begin_s, slope * video_s, _bytes(rows, extractor.width, len(plan.clips)))


def _head(models: Any, begin_s: float, lengths_s: list[float]) -> Step:
    """Run the head over rows of nothing, as many as the video has; with the reduced features."""
    widths = {name: known.width for name in models.modalities if (known := feature_type(name))}
    seconds, disk = 0.0, 0
    for length_s in lengths_s:
        rows = round(length_s * models.fps)
        blank = {name: np.zeros((rows, width), np.float32) for name, width in widths.items()}
        seconds += _seconds(partial(models.run, blank))
        disk += sum(_bytes(rows, width, 1) for name, width in widths.items() if pca_of(name))
    return Step("reduced features, head", begin_s, seconds, disk)


def _length_s(clip: Clip) -> float:
    return clip.duration_s or probe(clip.path).duration_s - (clip.start_s or 0.0)


def _bytes(rows: int, width: int, files: int) -> int:
    return 4 * rows * width + files * HEADER_BYTES


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _peak_bytes() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
