"""Every number of the head, with what it is for; presets for small and for large sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.errors import InputError, UsageError, unknown

MODALITIES = ("ResNET_TF2_PCA512", "VGGish", "FFT", "YOLOv5")
HEADS = ("dense", "netvlad")
FUSIONS = ("embedding", "score", "hybrid")
PRECISIONS = ("auto", "float32", "bfloat16")
MOST = {"fps": 1000, "chunk_rows": 20_000, "smooth_s": 10}
MOST_DILATION = 4096
MOST_OTHERS = 2**32


def _number(default: Any, group: str, text: str) -> Any:
    return field(default=default, metadata={"group": group, "help": text})


@dataclass(frozen=True)
class Settings:
    """What a head is trained with; stored in the model folder.

    Examples
    --------
    >>> Settings(width=64).chunk_rows
    224
    """

    modalities: tuple[str, ...] = MODALITIES
    classes: tuple[str, ...] = ACTIONS_V2
    label_version: int = 2
    head: str = "dense"
    fusion: str = "hybrid"
    seed: int = 0

    fps: float = _number(2.0, "data", "feature rows a second")
    chunk_rows: int = _number(224, "data", "rows of a training chunk")
    epoch_chunks: int = _number(0, "data", "chunks an epoch; 0: as many as the rows fill once")
    anchored: float = _number(0.5, "data", "share of chunks drawn at events, classes balanced")
    centre: bool = _number(True, "data", "subtract each half's own mean from its features")

    width: int = _number(128, "network", "channels of embeddings and trunk")
    branch_width: int = _number(64, "network", "channels of one modality's own branch")
    encoder_dilations: tuple[int, ...] = _number((1,), "network", "encoder blocks' dilations")
    dilations: tuple[int, ...] = _number(
        (1, 2, 4, 8, 16, 32, 64), "network", "trunk blocks' dilations (context in rows)"
    )
    branch_dilations: tuple[int, ...] = _number(
        (1, 4, 16), "network", "branch blocks' dilations (score, hybrid)"
    )
    dropout: float = _number(0.1, "network", "share of channels hidden in every block")

    positive_s: float = _number(2.0, "targets", "rows this close to an event are positive, s")
    displacement_s: float = _number(6.0, "targets", "largest displacement, s; 0: none is learned")
    positive_weight: float = _number(5.0, "targets", "largest weight of a positive row")
    displacement_weight: float = _number(0.5, "targets", "weight of the displacement loss")
    branch_weight: float = _number(0.3, "targets", "weight of each branch's own loss")

    epochs: int = _number(20, "training", "epochs")
    batch_size: int = _number(16, "training", "chunks a batch")
    learning_rate: float = _number(4e-3, "training", "peak learning rate")
    weight_decay: float = _number(0.02, "training", "decoupled weight decay (times the rate)")
    warmup: float = _number(0.05, "training", "share of the steps that warm up")
    mixup: float = _number(0.3, "training", "alpha of the mixing of chunks; 0: none")
    modality_dropout: float = _number(
        0.5, "training", "share of the chunks that lose some of their modalities"
    )
    feature_dropout: float = _number(0.1, "training", "share of features hidden in a chunk")
    time_mask_rows: int = _number(12, "training", "longest stretch hidden in a modality; 0: none")
    shift_rows: int = _number(1, "training", "largest shift between modalities, rows")
    precision: str = "auto"

    window_s: float = _number(0.0, "spotting", "suppression window, s; 0: chosen on validation")
    smooth_s: float = _number(1.0, "spotting", "sigma of the smoothing over time, s; 0: none")
    soft_nms: bool = _number(True, "spotting", "lower neighbours instead of removing them")
    score_map: bool = _number(True, "spotting", "spread confidences over the 200 thresholds")

    def as_dict(self) -> dict[str, Any]:
        """Give the settings as JSON-able values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


@dataclass(frozen=True)
class Number:
    """One of the numbers of `Settings`, for a command's options."""

    name: str
    group: str
    text: str
    default: Any


def numbers() -> list[Number]:
    """List the numbers of `Settings` with their groups, help texts and defaults."""
    return [
        Number(f.name, f.metadata["group"], f.metadata["help"], f.default)
        for f in dataclasses.fields(Settings)
        if f.metadata
    ]


PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "chunk_rows": 64,
        "epoch_chunks": 320,
        "epochs": 15,
        "width": 48,
        "branch_width": 32,
        "encoder_dilations": (1,),
        "dilations": (1, 2, 4, 8),
        "branch_dilations": (1, 2, 4),
    },
    "full": {},
}
HEAD_PRESETS: dict[str, dict[str, Any]] = {
    "dense": {},
    "netvlad": {
        "chunk_rows": 30,
        "epoch_chunks": 0,
        "anchored": 0.0,
        "centre": False,
        "dropout": 0.4,
        "positive_s": 0.25,
        "displacement_s": 0.0,
        "positive_weight": 1.0,
        "epochs": 10,
        "batch_size": 256,
        "learning_rate": 3e-3,
        "weight_decay": 0.0,
        "mixup": 0.0,
        "modality_dropout": 0.0,
        "feature_dropout": 0.0,
        "time_mask_rows": 0,
        "shift_rows": 0,
        "window_s": 15.0,
        "smooth_s": 0.0,
        "soft_nms": False,
        "score_map": False,
    },
}
"""What a head needs instead of the preset's numbers.

The baseline has its authors' own but for the rate and the epochs: they train at 1e-3 for as long
as it helps, which takes many more.
"""

PRESET_HELP = "small: a few matches, a CPU, about a minute; full: SoccerNet, a GPU or a patient CPU"


def make_settings(preset: str = "full", **overrides: Any) -> Settings:
    """Make settings from a preset and what shall differ from it; None leaves a value as it is.

    >>> make_settings("small", width=32).width
    32
    """
    if preset not in PRESETS:
        raise UsageError(unknown("preset", preset, PRESETS))
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in overrides.items()
        if value is not None
    }
    head = given.get("head", "dense")
    if head not in HEADS:
        raise UsageError(unknown("head", head, HEADS))
    values: dict[str, Any] = {**PRESETS[preset], **HEAD_PRESETS[head], **given}
    return check(Settings(**values))


def from_dict(content: Mapping[str, Any], where: str) -> Settings:
    """Rebuild settings from a model folder's JSON; `where` names it in the error."""
    known = {f.name: f for f in dataclasses.fields(Settings)}
    strange = sorted(set(content) ^ set(known))
    if strange:
        raise InputError(f"{where}: settings missing or unknown: {', '.join(strange)}")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    for name, value in values.items():
        want = type(known[name].default)
        if not isinstance(value, (int, float) if want is float else want):
            raise InputError(f"{where}: setting {name} is {value!r}, expected {want.__name__}")
    return check(Settings(**values))


def check(settings: Settings) -> Settings:
    """Return `settings`, or raise `UsageError` with every problem."""
    problems = [
        unknown(kind, given, known)
        for kind, given, known in (
            ("head", settings.head, HEADS),
            ("fusion", settings.fusion, FUSIONS),
            ("precision", settings.precision, PRECISIONS),
        )
        if given not in known
    ]
    problems += _empty(settings) + _out_of_range(settings)
    if problems:
        raise UsageError("; ".join(problems))
    return settings


def _empty(settings: Settings) -> list[str]:
    problems = []
    for name in ("modalities", "classes"):
        values = getattr(settings, name)
        if not all(isinstance(value, str) for value in values):
            return [f"{name}: {values!r} are not all names"]
        if not values:
            problems.append(f"{name}: name one at least")
        problems += [f"{name}: {v!r} is named twice" for v in set(values) if values.count(v) > 1]
    return problems


def _out_of_range(settings: Settings) -> list[str]:
    at_least_one = ("chunk_rows", "epochs", "batch_size", "width", "branch_width")
    shares = ("anchored", "warmup", "modality_dropout")
    rates = ("dropout", "feature_dropout")
    problems = [
        f"{name} is {getattr(settings, name)}, expected 1 or more"
        for name in at_least_one
        if getattr(settings, name) < 1
    ]
    problems += [
        f"{name} is {getattr(settings, name)}, expected 0 to 1"
        for name in shares
        if not 0 <= getattr(settings, name) <= 1
    ]
    problems += [
        f"{name} is {getattr(settings, name)}, expected 0 or more, less than 1"
        for name in rates
        if not 0 <= getattr(settings, name) < 1
    ]
    problems += [
        f"{f.name} is {value}, expected 0 or more, at most {MOST.get(f.name, MOST_OTHERS)}"
        for f in dataclasses.fields(settings)
        if isinstance(value := getattr(settings, f.name), (int, float))
        and not 0 <= value <= MOST.get(f.name, MOST_OTHERS)
    ]
    problems += [
        f"{f.name} is {value}, expected whole numbers of 1 or more, at most {MOST_DILATION}"
        for f in dataclasses.fields(settings)
        if f.metadata
        and isinstance(value := getattr(settings, f.name), tuple)
        and not all(isinstance(v, int) and 1 <= v <= MOST_DILATION for v in value)
    ]
    if settings.fps <= 0:
        problems.append(f"fps is {settings.fps}, expected more than 0")
    return problems
