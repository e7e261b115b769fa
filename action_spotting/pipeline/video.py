"""One match of one's own: from its video to spots, a report and files for other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting import door
from action_spotting.dataset.features import align, open_feature, read_record
from action_spotting.dataset.labels import Spots, game_time, write_predictions
from action_spotting.dataset.layout import feature_path, predictions_path
from action_spotting.dataset.media import Clip, probe
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction import Job, Summary, extract_all
from action_spotting.pipeline.assets import find_detector, load_model_pca
from action_spotting.pipeline.features import Pretrained, base_of, is_sound, make_extractor, pca_of
from action_spotting.pipeline.stages import relative
from action_spotting.weights import WeightsUnavailable

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
        what people look at; the predictions keep everything.
    overwrite
        Make features anew.
    exports
        Files for other tools: of `action_spotting.export.registry.FORMATS`.
    highlights, overlay
        Videos to make (mp4), or None.
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
        All of them.
    classes
        What their labels index.
    thresholds
        Confidence from which people see a spot, float ``(classes,)``.
    notices
        What the user should know: modalities done without, sound that ends early.
    files
        What was written, by what it is: predictions, report, …
    """

    spots: Spots
    classes: Sequence[str]
    thresholds: np.ndarray
    notices: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def seen(self) -> Spots:
        """The spots that people see, in the order of the match."""
        spots = self.spots
        keep = np.flatnonzero(spots.confidence >= self.thresholds[spots.label])
        keep = keep[np.lexsort((spots.position_ms[keep], spots.half[keep]))]
        return take(spots, keep)


def spot_video(plan: VideoPlan) -> VideoOutcome:
    """Take a video through the whole chain; features already in ``plan.out`` are used again.

    Writes the features, ``Predictions-v2.json``, ``report.html`` and the exports into
    ``plan.out``.

    Raises
    ------
    SpottingError
        What it cannot go on with: no such model, no picture, weights that are not there.
    """
    clips = clips_of(plan)
    door.load_tensorflow()
    from action_spotting.fusion.prediction import load_models

    models = load_models(plan.model_dirs)
    provenance = common_provenance([model.provenance for model in models.models])
    notices: list[str] = []
    modalities = usable_modalities(models.modalities, clips, notices)
    modalities = make_features(plan, modalities, provenance, clips, notices)
    halves = [
        models.spot_half(open_half(plan.out, number, modalities), half=number) for number in clips
    ]
    outcome = VideoOutcome(
        join(halves), models.classes, parse_threshold(plan.threshold, models.thresholds), notices
    )
    path = predictions_path(plan.out, "", models.label_version)
    write_predictions(path, plan.videos[0].stem, outcome.spots, models.classes)
    outcome.files["predictions"] = path
    _show(plan, clips, outcome)
    return outcome


def clips_of(plan: VideoPlan) -> dict[int, Clip]:
    """Tell which part of which file is which half, after a look at the files.

    Raises
    ------
    UsageError
        More than two videos, a second half's start with two, or one that is not in the video.
    InputError
        A file that is no video, has no picture, or is shorter than a second.
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
    """Lay out the spots that people see."""
    seen = outcome.seen
    hidden = len(outcome.spots) - len(seen)
    more = f"{hidden} weaker spots are in the predictions only (see --threshold)"
    if not len(seen):
        return f"no spot reaches its class's threshold; {more}"
    rows = [
        [
            outcome.classes[seen.label[i]],
            game_time(int(seen.half[i]), int(seen.position_ms[i])),
            f"{seen.confidence[i]:.2f}",
        ]
        for i in range(len(seen))
    ]
    return door.table(["action", "half - time", "confidence"], rows) + f"\n{more}"


def usable_modalities(
    modalities: Sequence[str], clips: Mapping[int, Clip], notices: list[str]
) -> list[str]:
    """Leave out the modalities of the sound where no half has a sound track."""
    if any(probe(clip.path).sounds for clip in clips.values()):
        return list(modalities)
    dropped = [name for name in modalities if is_sound(name)]
    if dropped:
        notices.append(f"no sound track; spotted without {', '.join(dropped)}")
    kept = [name for name in modalities if name not in dropped]
    if not kept:
        raise InputError("the video has no sound track, and the model knows nothing but sound")
    return kept


def make_features(
    plan: VideoPlan,
    modalities: Sequence[str],
    provenance: Mapping[str, Any],
    clips: Mapping[int, Clip],
    notices: list[str],
) -> list[str]:
    """Make the features of every half as the model's were made; gives the modalities at hand.

    The first of the model's modalities must be had. Another whose weights are not there is left
    out with a notice.
    """
    made = []
    for name in modalities:
        try:
            _make_feature(plan, name, provenance.get(name) or {}, clips, notices)
        except (UsageError, WeightsUnavailable) as error:
            if name == modalities[0]:
                raise
            notices.append(f"spotted without {name}: {error}")
            continue
        made.append(name)
    return made


def open_half(folder: Path, number: int, modalities: Sequence[str]) -> dict[str, np.ndarray]:
    """Open the features of a half, cut to one length; those that are not there are left out."""
    paths = {name: feature_path(folder, number, name) for name in modalities}
    arrays = align({path: open_feature(path) for path in paths.values() if path.exists()})
    return {name: arrays[path] for name, path in paths.items() if path in arrays}


def common_provenance(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the settings of every modality that any of the models was trained on."""
    return {name: settings for record in records for name, settings in record.items()}


def parse_threshold(text: str, best: np.ndarray) -> np.ndarray:
    """Read ``--threshold``: ``auto`` or one number in [0, 1]; gives one a class.

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


def join(halves: Sequence[Spots]) -> Spots:
    """Put the spots of several halves into one."""
    return Spots(
        *(
            np.concatenate([getattr(half, column) for half in halves])
            for column in ("half", "position_ms", "label", "confidence")
        )
    )


def take(spots: Spots, index: np.ndarray) -> Spots:
    """Choose among spots."""
    return Spots(
        spots.half[index], spots.position_ms[index], spots.label[index], spots.confidence[index]
    )


def closing_text(outcome: VideoOutcome) -> str:
    """Word the end: the spots that people see, notices, where the files are."""
    parts = [spots_table(outcome)]
    parts += [f"note: {notice}" for notice in outcome.notices]
    parts.append("\n".join(f"{what}: {path}" for what, path in outcome.files.items()))
    return "\n\n".join(parts)


def _check_video(path: Path) -> float:
    found = probe(path)
    if not found.has_picture:
        raise InputError(f"{path}: has no picture; a video is expected")
    if 0 < found.duration_s < SHORTEST_S:
        raise InputError(f"{path}: {found.duration_s:.2f} s long; there is nothing to spot in it")
    return found.duration_s


def _make_feature(
    plan: VideoPlan,
    name: str,
    settings: Mapping[str, Any],
    clips: Mapping[int, Clip],
    notices: list[str],
) -> None:
    """Make one modality of every half; settings are those of the model's training."""
    reduced = pca_of(name)
    base = base_of(name)
    like = settings.get("features") if reduced else settings
    targets = {number: feature_path(plan.out, number, base) for number in clips}
    for number, target in targets.items():
        _check_source(target, clips[number], plan.overwrite)
    detector = plan.pretrained.yolov5 or find_detector(plan.model_dirs)
    extractor = make_extractor(base, replace(plan.pretrained, yolov5=detector), like)
    jobs = [Job(target, partial(clips.__getitem__, n)) for n, target in targets.items()]
    _check(extract_all(extractor, jobs, overwrite=plan.overwrite), notices)
    if reduced:
        from action_spotting.visual.pca import reduce_files

        pairs = {feature_path(plan.out, n, name): target for n, target in targets.items()}
        pca = load_model_pca(plan.model_dirs, reduced[1])
        _check(reduce_files(pca, pairs, overwrite=plan.overwrite), notices)


def _check(summary: Summary, notices: list[str]) -> None:
    """Stop when a half could not be done: there is only one match, and it is wanted whole."""
    if summary.failures:
        raise InputError("; ".join(summary.failures.values()))
    notices += summary.warnings.values()


def _check_source(target: Path, clip: Clip, overwrite: bool) -> None:
    """Refuse to go on with the features of another video that lie in the same folder."""
    record = read_record(target) if target.exists() and not overwrite else None
    source = (record or {}).get("source") or {}
    now = (clip.path.name, clip.path.stat().st_size, clip.start_s, clip.duration_s)
    then = tuple(source.get(key) for key in ("file", "bytes", "start_s", "duration_s"))
    if source and now != then:
        raise UsageError(
            f"{target.parent} holds the features of another video ({source.get('file')}); choose "
            "another --out, or --overwrite them"
        )


def _show(plan: VideoPlan, clips: Mapping[int, Clip], outcome: VideoOutcome) -> None:
    """Make what people and other tools look at, of the spots above their thresholds."""
    from action_spotting.evaluation.report import Match, write_report
    from action_spotting.export.match import build_match
    from action_spotting.export.registry import write_exports
    from action_spotting.export.thumbnails import thumbnails

    title, seen = plan.videos[0].stem, outcome.seen
    match = build_match(title, seen, outcome.classes, clips, folder=plan.out)
    for path in write_exports(match, plan.exports, plan.out):
        outcome.files[path.name] = path
    if match.moments:
        _make_videos(plan, match, outcome)
    elif plan.highlights or plan.overlay:
        outcome.notices.append("no spot reaches its threshold: no highlights, no overlay")
    report = Match(
        title,
        seen,
        videos={number: relative(clip.path, plan.out) for number, clip in clips.items()},
        pictures=[(moment.index, jpeg) for moment, jpeg in thumbnails(match)],
    )
    path = plan.out / "report.html"
    write_report(path, [report], classes=outcome.classes, title=title, notes=outcome.notices)
    outcome.files["report"] = path


def _make_videos(plan: VideoPlan, match: Any, outcome: VideoOutcome) -> None:
    from action_spotting.export.reel import highlights
    from action_spotting.export.ticker import overlay

    if plan.highlights:
        highlights(match, plan.highlights)
        outcome.files["highlights"] = plan.highlights
    if plan.overlay:
        for path in overlay(match, plan.overlay):
            outcome.files[path.name] = path
