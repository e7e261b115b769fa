"""The checkpoint of a training: all that it needs to go on to the identical model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError, UsageError
from action_spotting.fusion.model import read_arrays, write_arrays

CHECKPOINT_FILE = "checkpoint.npz"
GROUPS = ("weight", "optimizer", "best")


@dataclass(frozen=True)
class Checkpoint:
    """A training after an epoch.

    Attributes
    ----------
    identity
        What a training that goes on must share: settings, games.
    log
        A row an epoch.
    best, best_epoch
        The best tight average-mAP so far, and its epoch, from 1.
    arrays
        By group: the network's weights, the optimizer's variables, the best epoch's weights.
    """

    identity: Mapping[str, Any]
    log: list[dict[str, Any]]
    best: float
    best_epoch: int
    arrays: Mapping[str, Sequence[np.ndarray]]

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        arrays = {
            f"{group}_{i:04d}": np.asarray(value)
            for group in GROUPS
            for i, value in enumerate(self.arrays[group])
        }
        story = {"log": self.log, "best": self.best, "best_epoch": self.best_epoch}
        text = json.dumps({**self.identity, **story}, sort_keys=True)
        arrays["story"] = np.frombuffer(text.encode(), dtype=np.uint8)
        write_arrays(folder / CHECKPOINT_FILE, arrays)


def read_checkpoint(folder: Path, identity: Mapping[str, Any]) -> Checkpoint:
    """Read the checkpoint of the training with this `identity`.

    Raises
    ------
    UsageError
        It is that of another training; every difference is named.
    InputError
        It is damaged.
    """
    path = folder / CHECKPOINT_FILE
    arrays = read_arrays(path)
    try:
        story = json.loads(arrays["story"].tobytes())
        differences = [
            f"{name} was {story['settings'].get(name)!r}, now {value!r}"
            for name, value in identity["settings"].items()
            if story["settings"].get(name) != value
        ]
        differences += [
            f"the {split} games are others"
            for split in ("train", "valid")
            if story[split] != identity[split]
        ]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a whole checkpoint; --overwrite trains anew") from error
    if differences:
        raise UsageError(
            f"{folder} holds a training with other settings: {'; '.join(differences)}. "
            "Name another --model_dir, or --overwrite to train anew"
        )
    groups = {
        group: [arrays[name] for name in sorted(arrays) if name.startswith(f"{group}_")]
        for group in GROUPS
    }
    return Checkpoint(identity, story["log"], story["best"], story["best_epoch"], groups)
