"""One match of one's own: from its video to spots, a report and files for other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.backend import load_backend, use_device
from action_spotting.dataset.event_files import write_predictions
from action_spotting.dataset.layout import feature_path, predictions_path
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.registry import GPU
from action_spotting.fusion.half_data import open_features
from action_spotting.fusion.split_data import provenance_of
from action_spotting.pipeline.features import FeaturePlan, make_features
from action_spotting.pipeline.model_files import check_models
from action_spotting.pipeline.show import check_outputs, show
from action_spotting.pipeline.video_plan import AUTO, VideoOutcome, VideoPlan

SHORTEST_S = 1.0


def spot_video(plan: VideoPlan, begin: Callable[[], object] = lambda: None) -> VideoOutcome:
    """Take a video through the whole chain; features already in ``plan.out`` are used again.

    Writes the features, ``Predictions-v2.json``, ``report.html`` and the exports into
    ``plan.out``.

    Parameters
    ----------
    plan
        Videos, models and what to make.
    begin
        Called when all is checked, before anything is made.

    Returns
    -------
    VideoOutcome
        The spots, the files written and what failed.

    Raises
    ------
    SpottingError
        A model or pretrained weights are missing, a file is no video, or the output cannot be
        written.

    Examples
    --------
    >>> plan = VideoPlan((Path("match.mp4"),), (Path("model"),), Path("my_match"))
    >>> outcome = spot_video(plan)  # doctest: +SKIP
    >>> print(spots_table(outcome))  # doctest: +SKIP
    """
    clips = clips_of(plan)
    check_outputs(plan)
    check_models(plan.model_dirs)
    parse_threshold(plan.threshold, np.zeros(1))
    load_backend()
    from action_spotting.fusion.peak_picking import NO_PEAKS
    from action_spotting.fusion.postprocessing import to_spots
    from action_spotting.fusion.prediction import load_models
    from action_spotting.fusion.published.notes import write_notice

    use_device(GPU)  # before TensorFlow runs the head, after which it cannot be chosen any more
    models = load_models(plan.model_dirs, plan.combination)
    thresholds = parse_threshold(plan.threshold, models.thresholds)
    notices = list(plan.notes)
    wanted = FeaturePlan(
        out=plan.out,
        clips=clips,
        modalities=models.modalities,
        provenance=_common_provenance([model.provenance for model in models.models]),
        model_dirs=plan.model_dirs,
        pretrained=plan.pretrained,
        overwrite=plan.overwrite,
    )
    modalities = make_features(wanted, notices, begin)
    opened = [_open_half(plan.out, number, modalities, models) for number in clips]
    notices += _head_notes(plan.out, clips, models)
    peaks = [models.peaks(models.run(half)) if half else NO_PEAKS for half in opened]
    chosen = models.postprocessing
    spots = to_spots(peaks, chosen.spread, models.classes)
    probability = None
    if chosen.calibrated:
        probability = np.concatenate([chosen.probability(half) for half in peaks])
    outcome = VideoOutcome(spots, probability, thresholds, notices)
    path = predictions_path(plan.out, "", models.label_version)
    write_predictions(path, plan.videos[0].stem, outcome.spots)
    outcome.files["predictions"] = path
    if notice := write_notice(plan.out, models.models):
        outcome.files["heads"] = notice
    show(plan, clips, outcome)
    return outcome


def clips_of(plan: VideoPlan) -> dict[int, Clip]:
    """Find the media of each half, after a check of the files.

    Parameters
    ----------
    plan
        Its `videos` and `second_half_start_s` are used.

    Returns
    -------
    dict of int to Clip
        By half.

    Raises
    ------
    UsageError
        More than two videos, a second half's start with two, or one that is not in the video.
    InputError
        A file that is no video, has no video stream, or is shorter than a second.
    """
    start_s, first = plan.second_half_start_s, plan.videos[0]
    if len(plan.videos) > 2 or (len(plan.videos) == 2 and start_s is not None):
        raise UsageError(
            "give one video, two videos (one a half), or one video with --second_half_start"
        )
    durations = [_check_video(path) for path in plan.videos]
    if start_s is None:
        return {number: Clip(path) for number, path in enumerate(plan.videos, start=1)}
    if not 0 < start_s < durations[0]:
        raise UsageError(f"--second_half_start {start_s:g} s is not within {first}")
    return {
        1: Clip(first, start_s=0.0, duration_s=start_s),
        2: Clip(first, start_s=start_s, duration_s=durations[0] - start_s),
    }


def _open_half(
    folder: Path, number: int, modalities: Sequence[str], models: Any
) -> dict[str, np.ndarray]:
    """Open the features of a half, cut to one length; those that are not there are left out."""

    paths = {name: feature_path(folder, number, name) for name in modalities}
    there = {name: path for name, path in paths.items() if path.exists()}
    return open_features(there, models.fps, models.rates) if there else {}


def _head_notes(folder: Path, numbers: Iterable[int], models: Any) -> list[str]:
    """Say whose heads these are, and whether their features were made with random weights."""
    from action_spotting.fusion.published.notes import notes_of

    found = [(name, feature_path(folder, n, name)) for name in models.modalities for n in numbers]
    records = {name: provenance_of(path) for name, path in found if path.exists()}
    return notes_of(models.models, records)


def _common_provenance(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the settings of every modality that any of the models was trained on."""
    return {name: settings for record in records for name, settings in record.items()}


def parse_threshold(text: str, best: np.ndarray) -> np.ndarray:
    """Read ``--threshold``: ``auto`` or one number in [0, 1].

    Parameters
    ----------
    text
        The option.
    best
        The models' thresholds, for ``auto``; float ``(classes,)``.

    Returns
    -------
    np.ndarray
        One a class, ``(classes,)``.

    Raises
    ------
    UsageError
        Neither ``auto`` nor a number in [0, 1].

    Examples
    --------
    >>> parse_threshold("0.5", np.array([0.2, 0.9])).tolist()
    [0.5, 0.5]
    """
    if text == AUTO:
        return best
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"--threshold {text!r}: expected auto or a number from 0 to 1")
    return np.full(len(best), value)


def _check_video(path: Path) -> float:
    found = probe(path)
    if not found.has_picture:
        raise InputError(f"{path}: has no picture; a video is expected")
    if 0 < found.duration_s < SHORTEST_S:
        raise InputError(f"{path}: {found.duration_s:.2f} s long; there is nothing to spot in it")
    return found.duration_s
