"""Published files to a model folder: variables are read and checked, no code of theirs runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from action_spotting.dataset.classes import ACTIONS_V2
from action_spotting.dataset.feature_types import feature_type
from action_spotting.dataset.records import sha256
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.published import spivak
from action_spotting.fusion.published.dense_anchors import CONFIDENCE, DISPLACEMENT
from action_spotting.fusion.published.model import PublishedModel
from action_spotting.fusion.published.settings import DENSE_ANCHORS, Origin, read_settings
from action_spotting.fusion.published.soccernet import (
    Rules,
    feature_of,
    read_config,
    read_pooling,
)

TORCH_SUFFIXES = (".pth", ".tar", ".pt", ".bin", ".ckpt")
CONFIG_SUFFIXES = (".yaml", ".yml")
_DEEPEST = 4

SPIVAK_ORIGIN = Origin(
    licence="CC-BY-4.0 (variables), Apache-2.0 (their code, of which nothing is here)",
    attribution="J. V. B. Soares, A. Shah, T. Biswas, Temporally Precise Action Spotting in Soccer "
    "Videos Using Dense Detection Anchors, ICIP 2022; (c) Yahoo Inc., yahoo/spivak",
)
POOLING_ORIGIN = Origin(
    licence="not stated in the files: ask their publisher",
    attribution="S. Giancola and B. Ghanem, Temporally-Aware Feature Pooling for Action Spotting "
    "in Soccer Broadcasts, CVPR Workshops 2021; SoccerNet, OpenSportsLab",
    protocol="trained on train, stopped on valid; test unseen (as their authors describe it)",
)


@dataclass
class Sources:
    """The published files of one head, by what they are."""

    saved_models: list[Path] = field(default_factory=list)
    scalers: list[Path] = field(default_factory=list)
    torch: list[Path] = field(default_factory=list)
    configs: list[Path] = field(default_factory=list)

    def add(self, path: Path, depth: int = 0) -> None:
        """Add a file, or those of a folder, by name; what else lies there is left alone.

        Parameters
        ----------
        path
            File or folder.
        depth
            How far below a path that was named.
        """
        if (path / spivak.INDEX).is_file():
            self.saved_models.append(path)
        elif path.is_dir():
            for inner in sorted(path.iterdir()) if depth < _DEEPEST else ():
                self.add(inner, depth + 1)
        elif path.suffix == ".pkl" and (not depth or "normalizer" in path.name):
            self.scalers.append(path)
        elif path.suffix in TORCH_SUFFIXES:
            self.torch.append(path)
        elif path.suffix in CONFIG_SUFFIXES:
            self.configs.append(path)

    def files(self) -> dict[str, Path]:
        """Give every file of which numbers are taken, by a short name."""
        variables = [
            found
            for folder in self.saved_models
            for found in sorted((folder / spivak.VARIABLES.parent).glob("variables.*"))
        ]
        paths = [*variables, *self.scalers, *self.torch, *self.configs]
        return {"/".join(path.parts[-4:]): path for path in paths}


def import_head(
    paths: Sequence[Path],
    *,
    feature: str | None = None,
    rules: Rules | None = None,
    origin: Origin | None = None,
) -> PublishedModel:
    """Read a published head from its files.

    Parameters
    ----------
    paths
        Files and folders: of yahoo/spivak one or two SavedModel folders and the normaliser's
        ``.pkl``; of SoccerNet or OpenSportsLab the file of PyTorch and, if there is one, its
        ``config.yaml``.
    feature
        The feature that it takes; None: SoccerNet's of its width.
    rules
        Lengths of window and suppression, and the floor, that differ from those known.
    origin
        Where it is from; what is empty is filled in.

    Returns
    -------
    PublishedModel
        To run, or to save with `save_published`.

    Raises
    ------
    UsageError
        Something is missing, or files of several heads.
    InputError
        A file is damaged, holds code, or another network.

    Examples
    --------
    >>> head = import_head([Path("NETVLAD_v1.pth.tar")])  # doctest: +SKIP
    >>> head.settings.classes  # doctest: +SKIP
    ('Card', 'Substitution', 'Goal')
    """
    found = Sources()
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        found.add(path)
    named = ", ".join(map(str, paths))
    if found.torch and found.saved_models:
        raise UsageError(f"{named}: files of TensorFlow and of PyTorch; name one head")
    if not found.torch and not found.saved_models:
        raise UsageError(
            f"{named}: no published head: neither a folder with {spivak.INDEX}, nor a file that "
            f"ends with {', '.join(TORCH_SUFFIXES)}"
        )
    read = _read_spivak if found.saved_models else _read_pooling
    form, arrays, known = read(found, feature, rules or Rules())
    hashes = {name: sha256(path) for name, path in found.files().items()}
    known = msgspec.structs.replace(known, source=named, sha256=hashes)
    settings = read_settings(form | {"origin": _merged(origin, known)}, named)
    kind = feature_type(settings.modality)
    model = PublishedModel(settings, arrays, named)
    if kind and kind.width != model.width:
        raise UsageError(
            f"{named}: the head takes rows of {model.width} numbers, but {settings.modality} has "
            f"{kind.width}"
        )
    return model


def _merged(origin: Origin | None, known: Origin) -> dict[str, Any]:
    given = msgspec.to_builtins(origin or Origin())
    return msgspec.to_builtins(known) | {name: value for name, value in given.items() if value}


def _read_spivak(
    found: Sources, feature: str | None, rules: Rules
) -> tuple[dict[str, Any], dict[str, np.ndarray], Origin]:
    """Read networks and normaliser; without displacement the suppression is their hard one."""
    if len(found.scalers) != 1:
        there = ", ".join(map(str, found.scalers)) or "none is there"
        raise UsageError(f"one normaliser is needed (resnet_normalizer.pkl); {there}")
    scale = spivak.read_scale(found.scalers[0])
    networks = spivak.read_networks(found.saved_models, len(ACTIONS_V2))
    moves = DISPLACEMENT in networks
    arrays = {"scale": scale}
    for output, (folder, values) in networks.items():
        first = next(iter(values.values()))
        if first.shape[1] != len(scale):
            raise InputError(
                f"{folder} takes rows of {first.shape[1]} numbers, {found.scalers[0]} is for "
                f"{len(scale)}"
            )
        arrays |= {f"{output}/{name}": array for name, array in values.items()}
    folder = networks[CONFIDENCE][0]
    form = {
        "head": DENSE_ANCHORS,
        "modality": feature or feature_of(len(scale), folder),
        "moves": moves,
        "soft_nms": moves,
        # the soft one reaches as far to either side as they say, the hard one half as far
        "nms_window_s": (rules.nms_window_s or 4.0) if moves else (rules.nms_window_s or 20.0) / 2,
        "floor": 1e-5 if rules.floor is None else rules.floor,
    }
    origin = msgspec.structs.replace(SPIVAK_ORIGIN, protocol=spivak.protocol_of(folder))
    return form, arrays, origin


def _read_pooling(
    found: Sources, feature: str | None, rules: Rules
) -> tuple[dict[str, Any], dict[str, np.ndarray], Origin]:
    if len(found.torch) > 1 or len(found.configs) > 1:
        several = ", ".join(map(str, found.torch if len(found.torch) > 1 else found.configs))
        raise UsageError(f"several heads or configurations ({several}); name one")
    configs = found.configs or [
        path for path in (found.torch[0].with_name("config.yaml"),) if path.is_file()
    ]
    for path in configs:
        rules = rules.or_else(read_config(path))
    form, arrays = read_pooling(found.torch[0], rules, feature)
    return form, arrays, POOLING_ORIGIN
