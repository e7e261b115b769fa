"""The checkpoint of a training: all that it needs to go on to the identical model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from action_spotting.dataset.records import compare_settings
from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.arrays import read_arrays, write_arrays
from action_spotting.io.files import parse_json, typed

CHECKPOINT_FILE = "checkpoint.npz"
GROUPS = ("weight", "optimizer", "best")
"""The arrays: the network's weights, the optimizer's variables, the best epoch's weights."""

Arrays = Mapping[str, Sequence[np.ndarray]]


class Epoch(msgspec.Struct):
    """A row of the log: `tight` is the average-mAP on the validation games."""

    epoch: int
    loss: float
    tight: float = 0.0


class Story(msgspec.Struct):
    """What a checkpoint says beside its arrays.

    `settings`, `train`, `valid`, `backend`, `dims`, `provenance` and `rates` (of what is resampled)
    are what a training that goes on must share (an older checkpoint may lack the last three);
    `best` is the best tight average-mAP so far, `best_epoch` its epoch, from 1.
    """

    settings: dict[str, Any]
    train: list[str]
    valid: list[str]
    backend: str = "tensorflow"
    dims: dict[str, int] | None = None
    provenance: dict[str, Any] | None = None
    rates: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    log: list[Epoch] = []
    best: float = -1.0
    best_epoch: int = 0

    def differences(self, other: Story) -> list[str]:
        """Name what this training does not share with an `other`."""
        found = [
            f"{name} was {self.settings.get(name)!r}, now {value!r}"
            for name, value in other.settings.items()
            if self.settings.get(name) != value
        ]
        found += [
            f"the {split} games are others"
            for split in ("train", "valid")
            if getattr(self, split) != getattr(other, split)
        ]
        found += compare_settings(self.backend, other.backend, "back end")
        if self.dims is not None:
            found += compare_settings(other.dims, self.dims, "width")
        if self.provenance is not None:
            found += compare_settings(other.provenance, self.provenance, "features")
            found += compare_settings(other.rates or None, self.rates or None, "rates")
        return found


def write_checkpoint(folder: Path, story: Story, arrays: Arrays) -> None:
    """Write a checkpoint, whole or not at all."""
    content = {
        f"{group}_{i:04d}": np.asarray(value)
        for group in GROUPS
        for i, value in enumerate(arrays[group])
    }
    text = json.dumps(msgspec.to_builtins(story), sort_keys=True)
    content["story"] = np.frombuffer(text.encode(), dtype=np.uint8)
    write_arrays(folder / CHECKPOINT_FILE, content)


def check_same(folder: Path, settings: Mapping[str, Any]) -> None:
    """Raise `UsageError` where the training begun in `folder` has other settings."""
    story, _ = _read(folder)
    _refuse(folder, story.differences(msgspec.structs.replace(story, settings=dict(settings))))


def read_checkpoint(folder: Path, now: Story) -> tuple[Story, Arrays]:
    """Read the checkpoint of a training that `now` is to go on.

    Raises
    ------
    UsageError
        It is that of another training; every difference is named.
    InputError
        It is damaged.
    """
    story, arrays = _read(folder)
    _refuse(folder, story.differences(now))
    if not 1 <= story.best_epoch <= len(story.log) or not np.isfinite(story.best):
        raise InputError(
            f"{folder / CHECKPOINT_FILE}: epoch {story.best_epoch} of {len(story.log)} with "
            f"{story.best} cannot be the best; --overwrite trains anew"
        )
    groups = {
        group: [arrays[name] for name in sorted(arrays) if name.startswith(f"{group}_")]
        for group in GROUPS
    }
    return story, groups


def _read(folder: Path) -> tuple[Story, Mapping[str, np.ndarray]]:
    path = folder / CHECKPOINT_FILE
    arrays = read_arrays(path)
    try:
        return typed(parse_json(arrays["story"].tobytes(), str(path)), Story, str(path)), arrays
    except (KeyError, InputError) as error:
        reason = f"not a whole checkpoint ({error}); --overwrite trains anew"
        raise InputError(f"{path}: {reason}") from error


def _refuse(folder: Path, differences: Sequence[str]) -> None:
    if differences:
        raise UsageError(
            f"{folder} holds a training with other settings, games or features: "
            f"{'; '.join(differences)}. Name another --model_dir, or --overwrite to train anew"
        )
