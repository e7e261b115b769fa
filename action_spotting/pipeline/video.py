"""One match of one's own: from its video to spots, a report and files for other tools."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from action_spotting.backend import load_tensorflow
from action_spotting.dataset.event_files import write_predictions
from action_spotting.dataset.events import Events, game_time
from action_spotting.dataset.layout import feature_path, predictions_path, relative
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import SOME_FAILED, InputError, SpottingError, UsageError
from action_spotting.extraction.registry import GPU, Pretrained
from action_spotting.fusion.half_data import (
    open_features,
)
from action_spotting.io.tables import table
from action_spotting.pipeline.features import FeaturePlan, make_features

if TYPE_CHECKING:
    from action_spotting.fusion.prediction import Ensemble

SHORTEST_S = 1.0
AUTO = "auto"


@dataclass(frozen=True)
class VideoPlan:
    """What is to be spotted, with what, and what is to be made of it.

    Attributes
    ----------
    videos
        One file, or one a half.
    model_dirs
        One model folder, or several that form an ensemble.
    out
        The match's folder: features, predictions, report and all the rest go there.
    second_half_start_s
        Where the second half begins in a single file of a whole match.
    pretrained
        Weights of the feature networks.
    threshold
        ``auto``: each class's best-F1 threshold from validation; else one number for all. For
        report, exports and videos; the predictions keep all spots.
    overwrite
        Extract features that are already there again.
    exports
        Files for other tools: of `action_spotting.export.registry.FORMATS`.
    highlights, overlay
        Videos to make (mp4), or None.

    Examples
    --------
    >>> halves = (Path("first.mp4"), Path("second.mp4"))
    >>> plan = VideoPlan(halves, (Path("model"),), Path("my_match"), exports=("csv",))
    >>> plan.threshold
    'auto'
    """

    videos: tuple[Path, ...]
    model_dirs: tuple[Path, ...]
    out: Path
    second_half_start_s: float | None = None
    pretrained: Pretrained = field(default_factory=Pretrained)
    threshold: str = AUTO
    overwrite: bool = False
    exports: tuple[str, ...] = ()
    highlights: Path | None = None
    overlay: Path | None = None


@dataclass
class VideoOutcome:
    """What became of a video.

    Attributes
    ----------
    spots
        All spots, those below their threshold too.
    probability
        Probability that each spot lies within 2.5 s of an event, in [0, 1]; float ``(n,)``.
    thresholds
        Least confidence of a spot that is shown, float ``(classes,)``.
    notices
        What the user should know: missing modalities, sound that ends early.
    files
        What was written, by what it is: predictions, report, …
    failures
        Why exports, highlights or an overlay could not be made.
    """

    spots: Events
    probability: np.ndarray
    thresholds: np.ndarray
    notices: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """3 when something could not be made, else 0."""
        return SOME_FAILED if self.failures else 0

    @property
    def rows(self) -> np.ndarray:
        """Indices of the spots that reach their class's threshold, in the order of the match."""
        spots = self.spots
        keep = np.flatnonzero(spots.confidence >= self.thresholds[spots.label])
        return keep[np.lexsort((spots.label[keep], spots.position_ms[keep], spots.half[keep]))]


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
    _check_outputs(plan)
    load_tensorflow()
    from action_spotting.fusion.peak_picking import NO_PEAKS
    from action_spotting.fusion.postprocessing import to_spots
    from action_spotting.fusion.prediction import load_models
    from action_spotting.visual.resnet_network import use_device

    use_device(GPU)  # before TensorFlow runs the head, after which it cannot be chosen any more
    models = load_models(plan.model_dirs)
    thresholds = parse_threshold(plan.threshold, models.thresholds)
    notices: list[str] = []
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
    peaks = [models.peaks(models.run(half)) if half else NO_PEAKS for half in opened]
    chosen = models.postprocessing
    spots = to_spots(peaks, chosen.spread, models.classes)
    probability = np.concatenate([chosen.probability(half) for half in peaks])
    outcome = VideoOutcome(spots, probability, thresholds, notices)
    path = predictions_path(plan.out, "", models.label_version)
    write_predictions(path, plan.videos[0].stem, outcome.spots)
    outcome.files["predictions"] = path
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


def spots_table(outcome: VideoOutcome) -> str:
    """Lay out the spots that reach the threshold of their class.

    Parameters
    ----------
    outcome
        As `spot_video` gives it.

    Returns
    -------
    str
        One line a spot, and the number of those that are not shown.

    Examples
    --------
    >>> spots = Events([1], [61_500], [2], confidence=[0.4])
    >>> print(spots_table(VideoOutcome(spots, np.array([0.3]), np.full(17, 0.5))))
    no spot reaches its class's threshold; 1 weaker spots are in the predictions only (see ...)
    """
    rows = outcome.rows
    seen, probability = outcome.spots.take(rows), outcome.probability[rows]
    hidden = len(outcome.spots) - len(seen)
    more = f"{hidden} weaker spots are in the predictions only (see --threshold)"
    if not len(seen):
        return f"no spot reaches its class's threshold; {more}"
    cells = [
        [
            seen.classes[seen.label[i]],
            game_time(int(seen.half[i]), int(seen.position_ms[i])),
            f"{seen.confidence[i]:.2f}",
            f"{probability[i]:.2f}",
        ]
        for i in range(len(seen))
    ]
    return table(["action", "half - time", "confidence", "probability"], cells) + f"\n{more}"


def _open_half(
    folder: Path, number: int, modalities: Sequence[str], models: Ensemble
) -> dict[str, np.ndarray]:
    """Open the features of a half, cut to one length; those that are not there are left out."""

    paths = {name: feature_path(folder, number, name) for name in modalities}
    there = {name: path for name, path in paths.items() if path.exists()}
    return open_features(there, models.fps, models.rates) if there else {}


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


def closing_text(outcome: VideoOutcome) -> str:
    """Sum up a run: the table of spots, the notices, the failures, the paths of the files.

    Parameters
    ----------
    outcome
        As `spot_video` gives it.

    Returns
    -------
    str
        Several paragraphs.
    """
    parts = [spots_table(outcome)]
    parts += [f"note: {notice}" for notice in outcome.notices]
    parts += [f"FAILED {what}: {reason}" for what, reason in outcome.failures.items()]
    parts.append("\n".join(f"{what}: {path}" for what, path in outcome.files.items()))
    return "\n\n".join(parts)


def _check_video(path: Path) -> float:
    found = probe(path)
    if not found.has_picture:
        raise InputError(f"{path}: has no picture; a video is expected")
    if 0 < found.duration_s < SHORTEST_S:
        raise InputError(f"{path}: {found.duration_s:.2f} s long; there is nothing to spot in it")
    return found.duration_s


def _check_outputs(plan: VideoPlan) -> None:
    """Refuse what could not be written at the end before hours of work begin."""
    from action_spotting.export.footage import check_target
    from action_spotting.export.overlay import overlay_paths
    from action_spotting.export.registry import check_formats

    check_formats(plan.exports)
    overlays = overlay_paths(plan.overlay, range(1, len(plan.videos) + 1)) if plan.overlay else []
    for path in overlays:
        check_target(path, plan.videos)
    if plan.highlights:
        check_target(plan.highlights, plan.videos, overlays)


def show(plan: VideoPlan, clips: Mapping[int, Clip], outcome: VideoOutcome) -> None:
    """Write report, exports, highlights and overlay of the spots that reach their thresholds.

    An export, highlights or an overlay that fails does not stop the others; its reason goes to
    ``outcome.failures``.

    Parameters
    ----------
    plan
        What to make, and where.
    clips
        The media by half, as `clips_of` gives them.
    outcome
        The spots; gets the files, notices and failures.

    Raises
    ------
    SpottingError
        The media cannot be read, or the report cannot be written.
    """
    from action_spotting.evaluation.report import Game, write_report
    from action_spotting.export.registry import write_exports
    from action_spotting.export.thumbnails import thumbnails
    from action_spotting.export.timeline import build_timeline

    title, seen = plan.videos[0].stem, outcome.spots.take(outcome.rows)
    timeline = build_timeline(title, seen, clips, folder=plan.out)
    if timeline.moved:
        outcome.notices.append(f"{timeline.moved} spots outside their half are shown at its end")
    if not timeline.moments and (plan.highlights or plan.overlay):
        outcome.notices.append("no spot reaches its threshold: no highlights, no overlay")
    report = Game(
        title,
        seen,
        probability=outcome.probability[outcome.rows],
        videos={number: relative(clip.path, plan.out) for number, clip in clips.items()},
        starts_s={half.number: (half.lead_ms + half.file_ms) / 1000 for half in timeline.halves},
        pictures=[(moment.index, jpeg) for moment, jpeg in thumbnails(timeline)],
    )
    path = plan.out / "report.html"
    write_report(path, [report], title=title, notes=outcome.notices)
    outcome.files["report"] = path
    for name in plan.exports:
        with _alone(name, outcome):
            for path in write_exports(timeline, [name], plan.out):
                outcome.files[path.name] = path
    if timeline.moments:
        _make_videos(plan, timeline, outcome)


def _make_videos(plan: VideoPlan, timeline: Any, outcome: VideoOutcome) -> None:
    from action_spotting.export.overlay import overlay
    from action_spotting.export.reel import highlights

    if plan.highlights:
        with _alone("highlights", outcome):
            highlights(timeline, plan.highlights)
            outcome.files["highlights"] = plan.highlights
    if plan.overlay:
        with _alone("overlay", outcome):
            for path in overlay(timeline, plan.overlay):
                outcome.files[path.name] = path


@contextlib.contextmanager
def _alone(what: str, outcome: VideoOutcome) -> Iterator[None]:
    """Enter a failure in the outcome instead of raising it."""
    try:
        yield
    except SpottingError as error:
        outcome.failures[what] = str(error)
