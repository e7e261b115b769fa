"""Every setting of the head, with what it is for; presets for small and for large sets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, get_type_hints

import msgspec

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.feature_types import MODALITIES
from action_spotting.errors import UsageError, unknown
from action_spotting.io.files import is_name, typed

HEADS = ("dense", "netvlad")
FUSIONS = ("embedding", "score", "hybrid")
PRECISIONS = ("auto", "float32", "bfloat16")


class Range(NamedTuple):
    """Allowed values of a number: from `low` to `high`.

    Attributes
    ----------
    low, high
        The limits; `low` is allowed.
    below
        Whether `high` itself is excluded.

    Examples
    --------
    >>> Range(0, 1, below=True).holds(1)
    False
    """

    low: float = 0
    high: float = 2**32
    below: bool = False

    def holds(self, value: float) -> bool:
        """Tell whether `value` lies in the range; NaN does not.

        Parameters
        ----------
        value
            The number.

        Returns
        -------
        bool
        """
        return self.low <= value <= self.high and not (self.below and value == self.high)

    def __str__(self) -> str:
        return f"{self.low} or more, {'less than' if self.below else 'at most'} {self.high}"


NOT_NEGATIVE, ONE_OR_MORE = Range(), Range(1)
FRACTION, RATE = Range(0, 1), Range(0, 1, below=True)
DILATION = Range(1, 4096)


def _number(
    group: str, default: Any, text: str, allowed: Range = NOT_NEGATIVE, stored: str = ""
) -> Any:
    allowed = FRACTION if isinstance(default, bool) else allowed
    metadata = {"group": group, "help": text, "range": allowed, "stored": stored}
    return field(default=default, metadata=metadata)


_data, _network, _target, _training, _spotting = (
    partial(_number, group) for group in ("data", "network", "targets", "training", "spotting")
)


@dataclass(frozen=True)
class HeadSettings:
    """Settings of a head, stored in the model folder. `make_settings` makes checked ones.

    Attributes
    ----------
    modalities
        Names of features, as in ``1_<name>.npy``.
    classes
        Names of the classes, in the order of the head's outputs.
    label_version
        1 (``Labels.json``) or 2 (``Labels-v2.json``).
    head
        ``dense``, or ``netvlad`` (the pooling baseline).
    fusion
        Where the modalities are fused: ``embedding``, ``score`` or ``hybrid``.
    seed
        The same seed gives the same model.
    precision
        ``float32``, ``bfloat16``, or ``auto``: bfloat16 where the hardware has it.
    numbers
        Listed below, each with its type, range and meaning.

    Examples
    --------
    >>> HeadSettings(width=64).chunk_rows
    224
    """

    modalities: tuple[str, ...] = MODALITIES
    classes: tuple[str, ...] = ACTIONS_V2
    label_version: int = 2
    head: str = "dense"
    fusion: str = "hybrid"
    seed: int = 0

    fps: float = _data(2.0, "feature rows a second", Range(0.01, 1000))
    chunk_rows: int = _data(224, "rows of a training chunk", Range(1, 20_000))
    epoch_chunks: int = _data(0, "chunks an epoch; 0: as many as the rows fill once")
    event_fraction: float = _data(
        0.5, "share of chunks drawn at events, classes balanced", FRACTION, "anchored"
    )
    subtract_half_mean: bool = _data(
        True, "subtract each half's own mean from its features", stored="centre"
    )

    width: int = _network(128, "channels of embeddings and trunk", ONE_OR_MORE)
    branch_width: int = _network(64, "channels of one modality's own branch", ONE_OR_MORE)
    encoder_dilations: tuple[int, ...] = _network((1,), "encoder blocks' dilations", DILATION)
    dilations: tuple[int, ...] = _network(
        (1, 2, 4, 8, 16, 32, 64), "trunk blocks' dilations (context in rows)", DILATION
    )
    branch_dilations: tuple[int, ...] = _network(
        (1, 4, 16), "branch blocks' dilations (score, hybrid)", DILATION
    )
    dropout: float = _network(0.1, "share of channels hidden in every block", RATE)

    positive_s: float = _target(2.0, "rows this close to an event are positive, s")
    displacement_s: float = _target(6.0, "largest displacement, s; 0: none is learned")
    positive_weight: float = _target(5.0, "largest weight of a positive row")
    displacement_weight: float = _target(0.5, "weight of the displacement loss")
    branch_weight: float = _target(0.3, "weight of each branch's own loss")

    epochs: int = _training(20, "epochs", ONE_OR_MORE)
    batch_size: int = _training(16, "chunks a batch", ONE_OR_MORE)
    learning_rate: float = _training(4e-3, "peak learning rate")
    weight_decay: float = _training(0.02, "decoupled weight decay (times the rate)")
    warmup: float = _training(0.05, "share of the steps that warm up", FRACTION)
    mixup: float = _training(0.3, "alpha of the mixup of chunks; 0: none")
    modality_dropout: float = _training(
        0.5, "share of the chunks that lose some of their modalities", FRACTION
    )
    feature_dropout: float = _training(0.1, "share of features hidden in a chunk", RATE)
    time_mask_rows: int = _training(12, "longest stretch hidden in a modality; 0: none")
    shift_rows: int = _training(1, "largest shift between modalities, rows")
    precision: str = "auto"

    nms_window_s: float = _spotting(
        0.0, "suppression window, s; 0: chosen on validation", stored="window_s"
    )
    smooth_s: float = _spotting(1.0, "sigma of the smoothing over time, s; 0: none", Range(0, 10))
    soft_nms: bool = _spotting(True, "lower neighbours instead of removing them")
    spread_confidences: bool = _spotting(
        True, "spread confidences over the 200 thresholds", stored="score_map"
    )

    def as_dict(self) -> dict[str, Any]:
        """Give the settings as JSON-able values, under their names in ``model.json``.

        Returns
        -------
        dict
            JSON-able values by name.
        """
        return {
            _OLDER.get(name, name): list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
        }


def numbers() -> list[dataclasses.Field]:
    """List the numeric fields of `HeadSettings`.

    Returns
    -------
    list
        Their ``metadata`` holds group, help, range, stored (an older name).
    """
    return [f for f in dataclasses.fields(HeadSettings) if f.metadata]


_OLDER = {f.name: f.metadata["stored"] for f in numbers() if f.metadata["stored"]}
"""Names in ``model.json`` that differ: the older ones, so that no folder becomes unreadable."""

_Stored: Any = msgspec.defstruct(
    "HeadSettings",
    [
        (name, kind, msgspec.field(name=_OLDER.get(name)))
        for name, kind in get_type_hints(HeadSettings).items()
    ],
    kw_only=True,
    forbid_unknown_fields=True,
)
"""What ``model.json`` holds of the settings."""

HeadSettings.__doc__ = f"{HeadSettings.__doc__}\n" + "\n".join(
    f"    {f.name} ({f.type}: {f.metadata['range']}): {f.metadata['help']}" for f in numbers()
)

PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "chunk_rows": 64, "epoch_chunks": 320, "epochs": 15, "width": 48, "branch_width": 32,
        "encoder_dilations": (1,), "dilations": (1, 2, 4, 8), "branch_dilations": (1, 2, 4),
    },
    "full": {},
}  # fmt: skip
HEAD_PRESETS: dict[str, dict[str, Any]] = {
    "dense": {},
    "netvlad": {
        "chunk_rows": 30, "epoch_chunks": 0, "event_fraction": 0.0, "subtract_half_mean": False,
        "dropout": 0.4, "positive_s": 0.25, "displacement_s": 0.0, "positive_weight": 1.0,
        "epochs": 10, "batch_size": 256, "learning_rate": 3e-3, "weight_decay": 0.0,
        "mixup": 0.0, "modality_dropout": 0.0, "feature_dropout": 0.0, "time_mask_rows": 0,
        "shift_rows": 0, "nms_window_s": 15.0, "smooth_s": 0.0, "soft_nms": False,
        "spread_confidences": False,
    },
}  # fmt: skip
"""What a head needs instead of the preset's numbers.

The baseline has its authors' own but for the rate and the epochs: they train at 1e-3 for as long
as it helps, which takes many more.
"""

PRESET_HELP = "small: a few matches, a CPU, about a minute; full: SoccerNet, a GPU or a patient CPU"


def make_settings(preset: str = "full", **overrides: Any) -> HeadSettings:
    """Make the settings of a training from a preset and values that override it.

    Parameters
    ----------
    preset
        ``small`` (a few games, a CPU) or ``full`` (SoccerNet).
    **overrides
        Fields of `HeadSettings` (or their older names); None keeps the preset's value.

    Returns
    -------
    HeadSettings
        Checked settings.

    Raises
    ------
    UsageError
        An unknown preset, head or other choice, or values out of range: all in one message.

    Examples
    --------
    >>> make_settings("small", width=32, modalities=["FFT"]).modalities
    ('FFT',)
    """
    if preset not in PRESETS:
        raise UsageError(unknown("preset", preset, PRESETS))
    newer = {old: new for new, old in _OLDER.items()}
    given: dict[str, Any] = {
        newer.get(name, name): tuple(value) if isinstance(value, list) else value
        for name, value in overrides.items()
        if value is not None
    }
    head = given.get("head", "dense")
    if head not in HEADS:
        raise UsageError(unknown("head", head, HEADS))
    return _checked(HeadSettings(**{**PRESETS[preset], **HEAD_PRESETS[head], **given}))


def read_settings(content: Any, where: str) -> HeadSettings:
    """Read settings from the JSON of a model folder.

    Parameters
    ----------
    content
        The decoded JSON.
    where
        Name of the file, for the error message.

    Returns
    -------
    HeadSettings
        Checked settings.

    Raises
    ------
    InputError
        A field is missing, unknown or of another type.
    UsageError
        Values out of range.
    """
    return _checked(HeadSettings(**msgspec.structs.asdict(typed(content, _Stored, where))))


def _checked(settings: HeadSettings) -> HeadSettings:
    """Return `settings`, or raise `UsageError` with every problem."""
    problems = [
        unknown(kind, getattr(settings, kind), known)
        for kind, known in (("head", HEADS), ("fusion", FUSIONS), ("precision", PRECISIONS))
        if getattr(settings, kind) not in known
    ]
    for name in ("modalities", "classes"):
        values = getattr(settings, name)
        if not all(isinstance(v, str) and is_name(v) and "/" not in v for v in values):
            problems.append(f"{name}: {values!r} are not all names")
            continue
        if not values:
            problems.append(f"{name}: name one at least")
        problems += [f"{name}: {v!r} is named twice" for v in set(values) if values.count(v) > 1]
    allowed = {"seed": NOT_NEGATIVE, **{f.name: f.metadata["range"] for f in numbers()}}
    for name, limits in allowed.items():
        value = getattr(settings, name)
        if isinstance(value, tuple):
            if not all(isinstance(v, int) and limits.holds(v) for v in value):
                problems.append(f"{name} is {value}, expected whole numbers of {limits}")
        elif not limits.holds(value):
            problems.append(f"{name} is {value}, expected {limits}")
    if settings.label_version not in (1, 2):
        problems.append(f"label_version is {settings.label_version}, expected 1 or 2")
    if problems:
        raise UsageError("; ".join(problems))
    return settings
