"""What a model folder holds of a published head: its form, its rules, where it is from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from action_spotting.dataset.classes import ACTIONS_V2, actions
from action_spotting.errors import InputError
from action_spotting.io.files import is_name, typed

DENSE_ANCHORS, NETVLAD = "dense_anchors", "netvlad"
KINDS = (DENSE_ANCHORS, NETVLAD)

_Rows = Annotated[int, msgspec.Meta(ge=1, le=4096)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
_Text = Annotated[str, msgspec.Meta(max_length=2000)]


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a published head is from.

    Attributes
    ----------
    name
        What it is called here.
    source
        Address or file that it was imported from.
    licence, attribution
        Of its variables, and whom to name.
    protocol
        The games that it was trained on, as far as known.
    scores
        The scores that its authors publish, with the split.
    sha256
        Of each file that was read, by its name.
    """

    name: _Text = ""
    source: _Text = ""
    licence: _Text = ""
    attribution: _Text = ""
    protocol: _Text = ""
    scores: _Text = ""
    sha256: dict[str, str] = {}


class PublishedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Form and rules of a published head.

    Attributes
    ----------
    head
        ``dense_anchors`` (a U-net over chunks: confidence and displacement of every row) or
        ``netvlad`` (a window around every row, pooled and classified).
    modality
        The feature that it takes, as in ``1_<name>.npy``.
    classes, label_version
        Its classes, and whether they are those of ``Labels.json`` (1) or ``Labels-v2.json`` (2).
    fps
        Feature rows a second; row *i* is *i*/fps seconds after the half's start.
    chunk_rows
        Rows that the network sees at once.
    parts
        Parts of a window that are pooled apart: 1, or 2 (before and after its middle).
    pooling
        Of ``netvlad``: ``netvlad`` or ``max``.
    nms_window_s
        Reach of the suppression to either side, in seconds.
    soft_nms
        Lower neighbours in proportion to their nearness; else remove them.
    floor
        Confidence under which nothing is given.
    lost_rows
        Rows at the end of a half for which the authors' code gives nothing.
    moves
        Whether it has a displacement.
    origin
        Where it is from.

    Examples
    --------
    >>> PublishedSettings(head="netvlad", modality="ResNET_TF2_PCA512", nms_window_s=15.0).fps
    2.0
    """

    head: Literal["dense_anchors", "netvlad"]
    modality: _Text
    nms_window_s: _Seconds
    classes: tuple[str, ...] = ACTIONS_V2
    label_version: Literal[1, 2] = 2
    fps: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 2.0
    chunk_rows: _Rows = 224
    parts: Literal[1, 2] = 1
    pooling: Literal["netvlad", "max"] = "netvlad"
    soft_nms: bool = False
    floor: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    lost_rows: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    moves: bool = False
    origin: Origin = msgspec.field(default_factory=Origin)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The features that it takes: one."""
        return (self.modality,)

    def as_dict(self) -> dict[str, Any]:
        """Give the settings as JSON-able values.

        Returns
        -------
        dict
            Under the names in ``model.json``.
        """
        return msgspec.to_builtins(self)


def read_settings(content: Any, where: str) -> PublishedSettings:
    """Read the settings of a published head from the JSON of a model folder.

    Parameters
    ----------
    content
        The decoded JSON.
    where
        Name of the file, for the error message.

    Returns
    -------
    PublishedSettings
        Checked settings.

    Raises
    ------
    InputError
        A field is missing, unknown, of another type or out of range.
    """
    settings = typed(content, PublishedSettings, where)
    names = (settings.modality, *settings.classes)
    if not all(is_name(name) and "/" not in name for name in names):
        raise InputError(f"{where}: modality and classes {names!r} are not all names")
    if len(set(settings.classes)) < len(settings.classes) or not settings.classes:
        raise InputError(f"{where}: no class, or one that is named twice")
    strange = set(settings.classes) - {*actions(settings.label_version)}
    if strange:
        raise InputError(
            f"{where}: {sorted(strange)} are no classes of version "
            f"{settings.label_version} of the labels"
        )
    return settings
