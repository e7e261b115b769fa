"""The features of one game of one's own: what is missing is made as the model's were made."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from action_spotting.dataset.feature_types import base_of, is_audio, pca_of
from action_spotting.dataset.features import State, feature_state
from action_spotting.dataset.layout import feature_path, parse_feature
from action_spotting.dataset.media import Clip, probe
from action_spotting.dataset.records import compare_settings, source_of
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.driver import Extractor, extract_all
from action_spotting.extraction.job import Job, clear_leftovers
from action_spotting.extraction.registry import Pretrained, make_extractor
from action_spotting.io.items import Summary
from action_spotting.io.pretrained import WeightsUnavailable
from action_spotting.pipeline.model_files import assets_folder, find_detector, pca_files, pcas_in
from action_spotting.reduction import released
from action_spotting.reduction.files import load_pca
from action_spotting.reduction.pca import PCA
from action_spotting.reduction.projection import reduce_files


@dataclass(frozen=True)
class FeaturePlan:
    """Whose features are to be made, and as what model's.

    Attributes
    ----------
    out
        The game's folder.
    clips
        Each half's part of a video.
    modalities
        The features' names, the most needed first.
    provenance
        The settings that each was made with for the model's training, where they are known.
    model_dirs
        The models' folders, which keep PCAs and perhaps a detector.
    pretrained
        Weights of the feature networks.
    overwrite
        Make all anew.
    """

    out: Path
    clips: Mapping[int, Clip]
    modalities: Sequence[str]
    provenance: Mapping[str, Any]
    model_dirs: Sequence[Path]
    pretrained: Pretrained
    overwrite: bool = False

    def halves(self, name: str) -> list[int]:
        """The halves of which a feature can be made: of sound, those that have any."""
        return [
            n for n, clip in self.clips.items() if not is_audio(name) or probe(clip.path).sounds
        ]

    def lacking(self, name: str, settings: Mapping[str, Any] | None) -> dict[int, Path]:
        """The files of a feature that are missing or broken; a stale one is an `InputError`."""
        lacking = {}
        for number in self.halves(name):
            path = feature_path(self.out, number, name)
            source = source_of(self.clips[number])
            state, reason = feature_state(path, None, settings or None, source)
            if self.overwrite or state in (State.MISSING, State.BROKEN):
                lacking[number] = path
            elif state is State.STALE:
                raise InputError(f"{reason}; --overwrite makes it anew, another --out keeps it")
        return lacking


def make_features(
    plan: FeaturePlan, notices: list[str], begin: Callable[[], object] = lambda: None
) -> list[str]:
    """Make the features that are missing as the model's were made; gives the modalities at hand.

    What nothing is missing of is not loaded. The first of the modalities must be had; another
    whose weights are not there is left out with a notice, and so is the sound of a half that has
    none. `begin` is called when all that is needed is there.

    Raises
    ------
    UsageError
        The first modality cannot be made as for the model's training.
    InputError
        A half that cannot be read, or features there that were made with other settings or from
        another video.
    WeightsUnavailable
        The first modality's weights are not there.
    """
    modalities = _with_sound(plan, notices)
    todo, at_hand = _Todo(), []
    for name in modalities:
        try:
            todo.add(plan, name)
        except (UsageError, WeightsUnavailable) as error:
            if name == modalities[0]:
                raise
            notices.append(f"spotted without {name}: {error}")
            continue
        at_hand.append(name)
        if silent := [str(n) for n in plan.clips if n not in plan.halves(name)]:
            notices.append(f"half {', '.join(silent)} has no sound; spotted without {name} there")
    begin()
    for name, number in itertools.product(at_hand, plan.clips):
        for feature in {name, base_of(name)}:
            clear_leftovers(feature_path(plan.out, number, feature))
    _extract(plan, todo, notices)
    for pca, pairs in todo.projections:
        all_here([reduce_files(pca, pairs, overwrite=True, fail_fast=True)])
    return at_hand


def all_here(summaries: Sequence[Summary]) -> None:
    """Raise `InputError` where another process still makes what the next stage is to work on."""
    for summary in summaries:
        for item, text in summary.elsewhere.items():
            raise InputError(
                f"{summary.stage}: others are making {len(summary.elsewhere)} of the halves, such "
                f"as {item}, {text}. What follows needs them: run the same command again when "
                "they are done"
            )


@dataclass
class _Todo:
    """What is to be made.

    Attributes
    ----------
    extractors
        By feature.
    targets
        Of each half, the files to extract and their features.
    projections
        PCAs, each with ``{target: source}``.
    """

    extractors: dict[str, Extractor] = field(default_factory=dict)
    targets: dict[int, dict[Path, str]] = field(default_factory=lambda: defaultdict(dict))
    projections: list[tuple[PCA, dict[Path, Path]]] = field(default_factory=list)

    def add(self, plan: FeaturePlan, name: str) -> None:
        """Add what of a modality is lacking, and what makes it; all of it or nothing."""
        base, settings, reduced = base_of(name), plan.provenance.get(name) or {}, pca_of(name)
        like = (settings.get("features") or {}) if reduced else settings
        detector = plan.pretrained.yolov5 or find_detector(plan.model_dirs)
        make = partial(make_extractor, base, replace(plan.pretrained, yolov5=detector), like)
        extractor = self.extractors.get(base) or (None if like else make())
        lacking = plan.lacking(base, extractor.settings if extractor else like)
        if lacking:
            extractor = extractor or make()
        if reduced:
            again = {*lacking, *plan.lacking(name, settings)}
            if again:
                pca = _load_pca(plan, name, reduced[1], settings.get("pca"))
                at = partial(feature_path, plan.out)
                self.projections.append((pca, {at(n, name): at(n, base) for n in again}))
        if extractor:
            self.extractors[base] = extractor
        for number, path in lacking.items():
            self.targets[number][path] = base


def _with_sound(plan: FeaturePlan, notices: list[str]) -> list[str]:
    """Leave out the modalities of sound where no half has any."""
    silent = [name for name in plan.modalities if not plan.halves(name)]
    if silent:
        notices.append(f"no sound track; spotted without {', '.join(silent)}")
    if len(silent) == len(plan.modalities):
        raise InputError("the video has no sound track, and the model knows nothing but sound")
    return [name for name in plan.modalities if name not in silent]


def _load_pca(plan: FeaturePlan, name: str, dims: int, like: Mapping[str, Any] | None) -> PCA:
    """Load the PCA of a reduced feature; of the released one, which has no record, SoccerNet's."""
    kept = pcas_in(map(assets_folder, plan.model_dirs), name)
    files = plan.pretrained.pca or next(iter(kept), None)
    if files is None and name == released.FEATURE and not like:
        files = released.released_pca()
    if files is None:
        raise UsageError(
            f"no model folder has {' and '.join(path.name for path in pca_files(Path(), name))} "
            "in its assets/; name those of its training with --pca_file and --scaler_file"
        )
    pca = load_pca(*files)
    differences = compare_settings({"sha256": pca.sha256, "dims": pca.dims}, like) if like else []
    if differences or pca.dims != dims:
        raise UsageError(
            f"{files[0]}: not the PCA of the model's training ({'; '.join(differences)}); name "
            "that with --pca_file and --scaler_file"
        )
    return pca


def _extract(plan: FeaturePlan, todo: _Todo, notices: list[str]) -> None:
    """Extract what is missing, half by half."""
    jobs = [Job(partial(replace, plan.clips[n]), todo.targets[n]) for n in sorted(todo.targets)]
    if not jobs:
        return
    makers = {name: partial(todo.extractors.__getitem__, name) for name in todo.extractors}
    summaries = extract_all(makers, jobs, overwrite=plan.overwrite, fail_fast=True, workers=1)
    all_here(summaries)
    for summary in summaries:
        for item, warning in summary.warnings.items():
            number, _ = parse_feature(Path(item)) or (0, "")
            notice = f"half {number}: {warning}"
            notices += [notice] if notice not in notices else []
