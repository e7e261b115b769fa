"""Training: the loop, its checkpoint, the choice of the epoch, the calibration at its end.

A checkpoint is written after every epoch; a training that was killed goes on from it to the
identical model.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from action_spotting.errors import SOME_FAILED, InputError, UsageError
from action_spotting.fusion import calibration as calibrations
from action_spotting.fusion import device
from action_spotting.fusion.calibration import Calibration, Scorer, to_spots
from action_spotting.fusion.chunks import Batches, prefetch
from action_spotting.fusion.games import (
    HalfData,
    Matches,
    check_fps,
    check_provenance,
    open_matches,
    read_rows,
)
from action_spotting.fusion.model import (
    MODEL_FILE,
    Dense,
    SpottingModel,
    assign,
    make_network,
    pick_peaks,
    read_arrays,
    save_model,
    write_arrays,
)
from action_spotting.fusion.normalisation import survey
from action_spotting.fusion.peak_picking import NO_PEAKS, Peaks
from action_spotting.fusion.settings import Settings
from action_spotting.fusion.step import make_optimizer, make_step, positive_weights
from action_spotting.io.files import whole_file, write_json
from action_spotting.io.locks import InWork, claim

CHECKPOINT_FILE = "checkpoint.npz"
LOG_FILE = "log.csv"
MACHINE_FILE = "machine.json"
"""What the last digits hang on: the part of the log that is no table."""


@dataclass
class TrainingResult:
    """What a training came to.

    Attributes
    ----------
    model
        The head of the best epoch, calibrated.
    log
        A row an epoch: epoch, loss, tight average-mAP on the validation games.
    best_epoch
        Counted from 1.
    chunks_per_second
        Speed of this run's training steps, without validation; 0 when none was left to do.
    warnings, failures
        By game or file.
    """

    model: SpottingModel
    log: list[dict[str, Any]]
    best_epoch: int
    chunks_per_second: float
    warnings: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 when every game was used, 3 when some were left out."""
        return SOME_FAILED if self.failures else 0

    def __str__(self) -> str:
        """The epoch that was chosen, then each warning and each game left out."""
        best = self.log[self.best_epoch - 1]
        lines = [
            f"trained {len(self.log)} epochs ({self.chunks_per_second:.0f} chunks/s); "
            f"epoch {self.best_epoch} is the best: tight average-mAP {100 * best['tight']:.1f} % "
            "on the validation games, over the classes with enough events"
        ]
        lines += [f"  warning  {item}: {text}" for item, text in self.warnings.items()]
        lines += [f"  LEFT OUT {item}: {text}" for item, text in self.failures.items()]
        return "\n".join(lines)


def train(
    root: Path,
    train_games: Sequence[str],
    valid_games: Sequence[str],
    model_dir: Path,
    settings: Settings,
    *,
    score: Scorer,
    resume: bool = False,
    overwrite: bool = False,
    fail_fast: bool = False,
    tensorboard: Path | None = None,
    after_epoch: Callable[[int], None] | None = None,
) -> TrainingResult:
    """Train a head and write its model folder.

    Parameters
    ----------
    root
        The dataset folder.
    train_games, valid_games
        Games below it; the valid ones choose the epoch and the calibration.
    model_dir
        Where the model goes. A training begun there with the same settings and games goes on
        from its last epoch.
    settings
        Everything else.
    score
        Tight average-mAP of spots (the evaluation room's ``average_map``).
    resume
        Only go on: an error when there is nothing to go on from.
    overwrite
        Begin anew whatever is in `model_dir`.
    fail_fast
        Raise for a game that cannot be used instead of leaving it out.
    tensorboard
        Folder for TensorBoard's events.
    after_epoch
        Called with each epoch's number, from 1, when its checkpoint is written.

    Raises
    ------
    UsageError
        A modality is nowhere, or `model_dir` holds a training with other settings, or another
        process trains there.
    InputError
        No usable game, no event of the classes, features that do not belong together.
    """
    train_set, valid_set = (
        open_matches(
            root,
            games,
            settings.modalities,
            classes=settings.classes,
            version=settings.label_version,
        )
        for games in (train_games, valid_games)
    )
    failures = {**train_set.failures, **valid_set.failures}
    if fail_fast and failures:
        raise InputError("; ".join(failures.values()))
    if not any(len(half.label) for half in train_set.halves):
        raise InputError(
            f"{root}: no event of the {len(settings.classes)} classes in "
            f"{len(train_set.games)} training games; check --label_version and --classes"
        )
    check_fps(train_set.provenance, settings.fps)
    check_provenance(valid_set.provenance, train_set.provenance, "the validation games")
    state = _State(train_set, valid_set, settings, score)
    try:
        with claim(model_dir / MODEL_FILE):
            state.begin(model_dir, resume=resume, overwrite=overwrite)
            write_json(model_dir / MACHINE_FILE, device.describe())
            _run_epochs(state, model_dir, tensorboard, after_epoch)
            model = state.finish()
            save_model(model_dir, model, state.log)
    except InWork as error:
        raise UsageError(f"{model_dir}: {error}; name another --model_dir") from error
    return TrainingResult(
        model,
        state.log,
        state.best_epoch,
        state.chunks / state.step_seconds if state.chunks else 0.0,
        {**train_set.warnings, **valid_set.warnings},
        failures,
    )


def _run_epochs(
    state: _State,
    model_dir: Path,
    tensorboard: Path | None,
    after_epoch: Callable[[int], None] | None,
) -> None:
    settings = state.settings
    total = settings.epochs * state.batches.per_epoch
    with tqdm(
        total=total,
        initial=len(state.log) * state.batches.per_epoch,
        desc="train",
        unit="batch",
        disable=None,
    ) as bar:
        for epoch in range(len(state.log), settings.epochs):
            loss = state.run_epoch(epoch, bar.update)
            tight = state.validate(epoch)
            bar.set_postfix(loss=f"{loss:.4f}", tight=f"{tight:.3f}", best=f"{state.best:.3f}")
            state.save(model_dir)
            write_log(model_dir / LOG_FILE, state.log)
            if tensorboard:
                _write_tensorboard(tensorboard, state.log[-1])
            if after_epoch:
                after_epoch(epoch + 1)


class _State:
    """All that changes while training, and all that a checkpoint must hold."""

    def __init__(
        self, train_set: Matches, valid_set: Matches, settings: Settings, score: Scorer
    ) -> None:
        self.settings, self.score = settings, score
        self.train_set, self.valid_set = train_set, valid_set
        self.log: list[dict[str, Any]] = []
        self.best, self.best_epoch = -1.0, 0
        self.chunks, self.step_seconds = 0, 0.0

    def begin(self, model_dir: Path, *, resume: bool, overwrite: bool) -> None:
        """Set everything up, from the checkpoint where there is one."""
        path = model_dir / CHECKPOINT_FILE
        found = path.exists() and not overwrite
        if resume and not found:
            raise UsageError(f"{model_dir}: no {CHECKPOINT_FILE} to go on from; leave out --resume")
        if not found and not overwrite and (model_dir / MODEL_FILE).exists():
            raise UsageError(f"{model_dir}: already holds a model; --overwrite trains anew")
        device.set_up(self.settings.seed)
        arrays = read_arrays(path) if found else {}
        if found:
            self._check_same(arrays, path)
        self._survey()
        with device.strategy().scope():
            self._build()
        if found:
            self._restore(arrays, path)

    def _survey(self) -> None:
        self.normalisation, own = survey(self.train_set, centre=self.settings.centre)
        self.batches = Batches(self.train_set.halves, own, self.normalisation, self.settings)

    def _build(self) -> None:
        settings = self.settings
        keras.utils.set_random_seed(settings.seed)
        dims = {name: self.train_set.dims[name] for name in settings.modalities}
        with device.mixed(settings.precision):
            self.network = make_network(settings, dims)
        self.model = SpottingModel(settings, self.normalisation, self.train_set.provenance)
        if settings.window_s:
            windows_s = np.full(len(settings.classes), settings.window_s)
            self.model.calibration = replace(self.model.calibration, windows_s=windows_s)
        self.optimizer = make_optimizer(
            self.network, settings, settings.epochs * self.batches.per_epoch
        )
        self.best_weights = self._weights()
        weights = positive_weights(self.train_set, settings)
        self._step = make_step(self.network, self.optimizer, weights)

    def run_epoch(self, epoch: int, tick: Callable[[int], Any]) -> float:
        """Train one epoch; gives its mean loss."""
        losses, began = [], time.monotonic()
        for batch in prefetch(lambda i: self.batches(epoch, i), self.batches.per_epoch):
            losses.append(self._step(batch))
            tick(1)
        loss = float(np.mean([float(value) for value in losses]))
        self.step_seconds += time.monotonic() - began
        self.chunks += self.batches.per_epoch * self.settings.batch_size
        if not np.isfinite(loss):
            raise InputError(
                f"the loss is {loss} in epoch {epoch + 1}; lower --learning_rate "
                f"(now {self.settings.learning_rate})"
            )
        self.log.append({"epoch": epoch + 1, "loss": round(loss, 6)})
        return loss

    def validate(self, epoch: int) -> float:
        """Score the weights on the validation games; remember them when they are best."""
        weights = self._weights()
        assign(self.model.network.trainable_variables, weights, "")
        dense = dense_games(self.model, self.valid_set)
        basis = self.model.calibration
        spots = [
            to_spots(halves, lambda p: p.confidence, self.settings.classes)
            for halves in _peaks_of(dense, self.settings, basis.windows_s, basis.share)
        ]
        tight = calibrations.usual_average(
            self.score(self.valid_set.annotations, spots), self.valid_set.annotations
        )
        self.log[-1]["tight"] = round(tight, 6)
        if tight >= self.best:
            self.best, self.best_epoch = tight, epoch + 1
            self.best_weights = weights
        return tight

    def finish(self) -> SpottingModel:
        """Calibrate the best epoch's head on the validation games."""
        assign(self.model.network.trainable_variables, self.best_weights, "")
        self.model.calibration = calibrate(self.model, self.valid_set, self.score)
        return self.model

    def save(self, model_dir: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        groups = {
            "weight": self._weights(),
            "optimizer": [v.numpy() for v in self.optimizer.variables],
            "best": self.best_weights,
        }
        arrays = {
            f"{group}_{i:04d}": np.asarray(value)
            for group, values in groups.items()
            for i, value in enumerate(values)
        }
        story = {"log": self.log, "best": self.best, "best_epoch": self.best_epoch}
        text = json.dumps({**self._identity(), **story}, sort_keys=True)
        arrays["story"] = np.frombuffer(text.encode(), dtype=np.uint8)
        write_arrays(model_dir / CHECKPOINT_FILE, arrays)

    def _weights(self) -> list[np.ndarray]:
        return [v.numpy() for v in self.network.trainable_variables]

    def _identity(self) -> dict[str, Any]:
        return {
            "settings": self.settings.as_dict(),
            "train": self.train_set.games,
            "valid": self.valid_set.games,
        }

    def _check_same(self, arrays: Mapping[str, np.ndarray], path: Path) -> None:
        try:
            self._story = json.loads(arrays["story"].tobytes())
            differences = [
                f"{name} was {self._story['settings'].get(name)!r}, now {value!r}"
                for name, value in self.settings.as_dict().items()
                if self._story["settings"].get(name) != value
            ]
            for split in ("train", "valid"):
                if self._story[split] != self._identity()[split]:
                    differences.append(f"the {split} games are others")
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a whole checkpoint; --overwrite trains anew") from error
        if differences:
            raise UsageError(
                f"{path.parent} holds a training with other settings: {'; '.join(differences)}. "
                "Name another --model_dir, or --overwrite to train anew"
            )

    def _restore(self, arrays: Mapping[str, np.ndarray], path: Path) -> None:
        def group(name: str) -> list[np.ndarray]:
            return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]

        assign(self.network.trainable_variables, group("weight"), str(path))
        assign(self.optimizer.variables, group("optimizer"), str(path))
        self.best_weights = group("best")
        self.log = self._story["log"]
        self.best, self.best_epoch = self._story["best"], self._story["best_epoch"]


def calibrate(model: SpottingModel, valid_set: Matches, score: Scorer) -> Calibration:
    """Choose what comes after the network on the validation games."""
    settings, dense = model.settings, dense_games(model, valid_set)
    return calibrations.fit(
        lambda windows_s, share: _peaks_of(dense, settings, windows_s, share),
        valid_set.annotations,
        score,
        classes=len(settings.classes),
        window_s=settings.window_s,
        score_map=settings.score_map,
    )


def dense_games(model: SpottingModel, matches: Matches) -> dict[tuple[str, int], Dense]:
    """Run a head over all halves of `matches`, by game and half."""
    return {
        (data.half.game, data.half.number): model.dense(load_half(data)) for data in matches.halves
    }


def load_half(data: HalfData) -> dict[str, np.ndarray]:
    """Read the features of one half."""
    return {name: read_rows(data, name, 0, data.rows) for name in data.paths}


def _peaks_of(
    dense: Mapping[tuple[str, int], Dense],
    settings: Settings,
    windows_s: np.ndarray,
    share: float,
) -> list[list[Peaks]]:
    games = dict.fromkeys(game for game, _ in dense)

    def peaks(half: tuple[str, int]) -> Peaks:
        if half not in dense:
            return NO_PEAKS
        return pick_peaks(dense[half], settings, windows_s, share)

    return [[peaks((game, number)) for number in (1, 2)] for game in games]


def write_log(path: Path, log: Sequence[Mapping[str, Any]]) -> None:
    """Write the training log as CSV."""
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(log[0]))
        writer.writeheader()
        writer.writerows(log)


def _write_tensorboard(folder: Path, row: Mapping[str, Any]) -> None:
    # tf.summary.scalar needs TensorBoard to be installed; the events it writes do not.
    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
    )
    with tf.summary.create_file_writer(str(folder)).as_default(step=row["epoch"]):
        for name in ("loss", "tight"):
            tf.summary.write(name, tf.constant(row[name], tf.float32), metadata=metadata)
