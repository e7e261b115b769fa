"""The sample matches as the subject of a run: made, and given weights where none can be had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from action_spotting.backend import has_bfloat16
from action_spotting.errors import InputError
from action_spotting.extraction.registry import RANDOM, Pretrained
from action_spotting.io.files import read_json, write_json
from action_spotting.io.pretrained import PretrainedFile, WeightsUnavailable, find
from action_spotting.pipeline.model_files import DETECTOR, assets_folder
from action_spotting.pipeline.plan import Plan

CHOICE_FILE = "weights.json"


def demo_plan(plan: Plan) -> Plan:
    """Give `plan` the stand-in detector and, where no pretrained weights are had, random ones.

    Only here random weights take the place of pretrained ones that cannot be had. The choice is
    kept beside the matches, so that a later run goes on with the same features.
    """
    from action_spotting.sample import write_detector

    detector = assets_folder(plan.model_dir) / DETECTOR
    write_detector(detector)
    names = _choice(plan.root / CHOICE_FILE, plan.pretrained)
    pretrained = _with_detector(plan.pretrained, names, detector)
    return replace(plan, pretrained=pretrained, notes=tuple(_notes(pretrained, detector)))


def _with_detector(wanted: Pretrained, names: dict[str, str], detector: Path) -> Pretrained:
    chosen = Pretrained(names["resnet"], names["vggish"], precision=names["precision"])
    if wanted.yolov5:
        return replace(chosen, yolov5=wanted.yolov5)
    note = "stand-in for the sample matches, no YOLOv5"
    return replace(chosen, yolov5=detector, yolov5_note=note)


def _choice(path: Path, wanted: Pretrained) -> dict[str, str]:
    """Give weights and precision of the networks, as chosen by the first run on these matches."""
    from action_spotting.audio.vggish_weights import AUDIOSET
    from action_spotting.visual.resnet_network import IMAGENET, KERAS_CACHE

    if path.exists():
        names = read_json(path)
        if not isinstance(names, dict) or set(names) != {"resnet", "vggish", "precision"}:
            raise InputError(f"{path}: not the choice of weights of a demo; delete its folder")
        return names
    names = {
        "resnet": _or_random(wanted.resnet, "imagenet", IMAGENET, KERAS_CACHE),
        "vggish": _or_random(wanted.vggish, "audioset", AUDIOSET),
        "precision": "bfloat16" if has_bfloat16(None) else "float32",
    }
    write_json(path, names)
    return names


def _or_random(
    wanted: str, published: str, file: PretrainedFile, folder: Path | None = None
) -> str:
    if wanted != published:
        return wanted
    try:
        find(file, folder)
    except WeightsUnavailable:
        return RANDOM
    return wanted


def _notes(pretrained: Pretrained, detector: Path) -> list[str]:
    notes = ["Sample matches: generated pictures and sounds, no real football."]
    for network, weights in (("ResNet-152", pretrained.resnet), ("VGGish", pretrained.vggish)):
        if weights == RANDOM:
            notes.append(
                f"{network} has random weights (seed 0): the pretrained ones could not be "
                "downloaded. Its features tell less than those of the trained network."
            )
    if pretrained.precision == "bfloat16":
        notes.append("ResNet-152 computes in bfloat16, for which this processor has hardware.")
    if pretrained.yolov5 == detector:
        notes.append(
            "The detector is a small stand-in built for these pictures, not a trained YOLOv5."
        )
    return notes
