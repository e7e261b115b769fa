"""The features of one match: what is missing is made, picture and sound side by side.

The picture of a half is decoded once for all networks that look at it, and so is its sound for
all that hear it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from action_spotting.dataset.features import State, compare_settings, feature_state, read_record
from action_spotting.dataset.layout import feature_path
from action_spotting.dataset.media import Clip, probe
from action_spotting.dataset.modalities import base_of, is_sound, pca_of
from action_spotting.errors import InputError, UsageError
from action_spotting.extraction.driver import Extractor, claimed
from action_spotting.extraction.registry import Pretrained, make_extractor
from action_spotting.io.ffmpeg import BAR
from action_spotting.io.pretrained import WeightsUnavailable
from action_spotting.pipeline.model_files import find_detector, find_pca, pca_files

if TYPE_CHECKING:
    from action_spotting.reduction.pca import PCA


@dataclass(frozen=True)
class FeaturePlan:
    """Whose features are to be made, and as what model's.

    Attributes
    ----------
    out
        The match's folder.
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


def make_features(plan: FeaturePlan, notices: list[str]) -> list[str]:
    """Make the features that are missing as the model's were made; gives the modalities at hand.

    What nothing is missing of is not loaded. The first of the modalities must be had; another
    whose weights are not there is left out with a notice, and so is the sound of a half that has
    none.

    Raises
    ------
    UsageError
        The folder holds features of another video; or the first modality cannot be made as for
        the model's training.
    InputError
        A half that cannot be read, or features there that were made with other settings.
    WeightsUnavailable
        The first modality's weights are not there.
    """
    _check_sources(plan)
    needs: dict[str, _Need] = {}
    at_hand = []
    for name in plan.modalities:
        try:
            needs[name] = _need(plan, name)
        except (UsageError, WeightsUnavailable) as error:
            if name == plan.modalities[0]:
                raise
            notices.append(f"spotted without {name}: {error}")
            continue
        at_hand.append(name)
        if silent := [str(n) for n in plan.clips if n not in _halves(plan.clips, name)]:
            notices.append(f"half {', '.join(silent)} has no sound; spotted without {name} there")
    for name, need in needs.items():
        for number in need.reduce:  # or an old one might outlive what it was made from
            feature_path(plan.out, number, name).unlink(missing_ok=True)
    _extract(plan, needs, notices)
    _reduce(plan, needs)
    return at_hand


@dataclass(frozen=True)
class _Need:
    """What of a modality is to be made: the halves to extract, and those to project."""

    extract: Mapping[int, Extractor]
    reduce: Mapping[int, PCA]


def _need(plan: FeaturePlan, name: str) -> _Need:
    base, settings = base_of(name), plan.provenance.get(name) or {}
    reduced = pca_of(name)
    like = (settings.get("features") or {}) if reduced else settings
    make = partial(make_extractor, base, _pretrained(plan), like)
    extractor = None if like else make()
    lacking = _lacking(plan, base, extractor.settings if extractor else like)
    extract = dict.fromkeys(lacking, extractor or make()) if lacking else {}
    if not reduced:
        return _Need(extract, {})
    halves = {*lacking, *_lacking(plan, name, settings)}
    pca = _load_pca(plan, reduced[1], settings.get("pca")) if halves else None
    return _Need(extract, dict.fromkeys(sorted(halves), pca) if pca else {})


def _pretrained(plan: FeaturePlan) -> Pretrained:
    return replace(plan.pretrained, yolov5=plan.pretrained.yolov5 or find_detector(plan.model_dirs))


def _load_pca(plan: FeaturePlan, dims: int, like: Mapping[str, Any] | None) -> PCA:
    from action_spotting.reduction.files import load_pca

    files = plan.pretrained.pca or find_pca(plan.model_dirs, dims)
    if files is None:
        raise UsageError(
            f"no model folder has {' and '.join(path.name for path in pca_files(Path(), dims))} "
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


def _halves(clips: Mapping[int, Clip], name: str) -> list[int]:
    """The halves of which a modality can be made: of the sound, those that have any."""
    return [n for n, clip in clips.items() if not is_sound(name) or probe(clip.path).sounds]


def _lacking(plan: FeaturePlan, name: str, settings: Mapping[str, Any]) -> list[int]:
    """The halves that have no valid file of a feature."""
    lacking = []
    for number in _halves(plan.clips, name):
        state, reason = feature_state(feature_path(plan.out, number, name), None, settings or None)
        if plan.overwrite or state in (State.MISSING, State.BROKEN):
            lacking.append(number)
        elif state is State.STALE:
            raise InputError(f"{reason}; --overwrite makes it anew")
    return lacking


def _check_sources(plan: FeaturePlan) -> None:
    """Refuse to go on with the features of another video that lie in the same folder."""
    if plan.overwrite:
        return
    for name in plan.modalities:
        for number, clip in plan.clips.items():
            _check_source(feature_path(plan.out, number, base_of(name)), clip)


def _check_source(target: Path, clip: Clip) -> None:
    record = read_record(target) if target.exists() else None
    source = (record or {}).get("source") or {}
    now = (clip.path.name, clip.path.stat().st_size, clip.start_s, clip.duration_s)
    then = tuple(source.get(key) for key in ("file", "bytes", "start_s", "duration_s"))
    if source and now != then:
        raise UsageError(
            f"{target.parent} holds the features of another video ({source.get('file')}); choose "
            "another --out, or --overwrite them"
        )


def _extract(plan: FeaturePlan, needs: Mapping[str, _Need], notices: list[str]) -> None:
    """Extract what is missing half by half, with one bar over the time of all of them."""
    todo: dict[int, dict[Path, Any]] = {}
    for name, need in needs.items():
        for number, extractor in need.extract.items():
            target = feature_path(plan.out, number, base_of(name))
            todo.setdefault(number, {})[target] = extractor
    if not todo:
        return
    lengths = {number: _length_s(plan.clips[number]) for number in todo}
    begun = 0.0
    with tqdm(total=sum(lengths.values()), desc="features", disable=None, bar_format=BAR) as bar:
        for number, targets in sorted(todo.items()):
            at = partial(_advance, bar, begun)
            with ExitStack() as claims:
                for target in targets:
                    claims.enter_context(claimed(target))
                warning = extract_half(plan.clips[number], targets, at)
            notices += [f"half {number}: {warning}"] if warning else []
            begun += lengths[number]
            _advance(bar, begun, 0.0)


def extract_half(
    clip: Clip, targets: Mapping[Path, Any], advance: Callable[[float], object]
) -> str | None:
    """Extract features of picture and sound side by side; what ends one ends the other.

    Parameters
    ----------
    clip
        The half.
    targets
        The files to make, each with its extractor.
    advance
        Is told how many seconds of the half have been read.

    Returns
    -------
    str or None
        What the user should know about picture and sound.
    """
    from action_spotting.audio.extractors import SoundExtractor, extract_sound
    from action_spotting.extraction.shared_decoding import extract_frames

    sound = {t: e for t, e in targets.items() if isinstance(e, SoundExtractor)}
    picture = {t: e for t, e in targets.items() if t not in sound}
    stop = threading.Event()

    def tell(leads: bool, seconds: float) -> None:
        if stop.is_set():
            raise CancelledError
        if leads:
            advance(seconds)

    with ThreadPoolExecutor(2, thread_name_prefix="half") as pool:
        seen = pool.submit(extract_frames, clip, picture, tell=partial(tell, True))
        heard = pool.submit(extract_sound, clip, sound, tell=partial(tell, not picture))
        both: list[Future] = [seen, heard]
        try:
            for done in as_completed(both):
                done.result()
        except BaseException:
            stop.set()
            raise
    return "; ".join(filter(None, (seen.result(), heard.result()))) or None


def _advance(bar: tqdm, begun: float, seconds: float) -> None:
    bar.update(min(begun + seconds, bar.total) - bar.n)


def _length_s(clip: Clip) -> float:
    if clip.duration_s is not None:
        return clip.duration_s
    return max(0.0, probe(clip.path).duration_s - (clip.start_s or 0.0))


def _reduce(plan: FeaturePlan, needs: Mapping[str, _Need]) -> None:
    from action_spotting.reduction.pca import reduce_file

    for name, need in needs.items():
        for number, pca in need.reduce.items():
            source = feature_path(plan.out, number, base_of(name))
            reduce_file(pca, source, feature_path(plan.out, number, name))
