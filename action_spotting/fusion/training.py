"""Training: the loop, the choice of the epoch, the postprocessing chosen at its end.

A checkpoint is written after every epoch; a training that was killed is continued from it and gives
the identical model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

from action_spotting.backend import backend_name
from action_spotting.dataset.rate_text import write_rates
from action_spotting.errors import SOME_FAILED, InputError, UsageError
from action_spotting.fusion import device, log_files
from action_spotting.fusion.arrays import assign
from action_spotting.fusion.calibration import (
    Scorer,
    average_of_common,
    score_peaks,
)
from action_spotting.fusion.checkpoint import (
    CHECKPOINT_FILE,
    Epoch,
    Story,
    read_checkpoint,
    write_checkpoint,
)
from action_spotting.fusion.chunks import Batches
from action_spotting.fusion.half_data import Rates
from action_spotting.fusion.model import (
    MODEL_FILE,
    SpottingModel,
    make_network,
    save_model,
)
from action_spotting.fusion.normalisation import fit_normalisation
from action_spotting.fusion.settings import HeadSettings
from action_spotting.fusion.split_data import (
    SplitData,
    check_provenance,
    open_split,
)
from action_spotting.fusion.step import make_optimizer, make_step, positive_weights
from action_spotting.fusion.validation import choose_postprocessing, make_picker
from action_spotting.io.files import write_json
from action_spotting.io.items import note
from action_spotting.io.locks import InWork, claim
from action_spotting.io.progress import Progress
from action_spotting.io.reasons import grouped
from action_spotting.io.threads import prefetch

logger = logging.getLogger(__name__)


@dataclass
class TrainingResult:
    """The result of a training.

    Attributes
    ----------
    model
        The head of the best epoch, with its postprocessing.
    log
        One row an epoch: epoch, loss, tight average-mAP on the validation games.
    best_epoch
        Counted from 1.
    chunks_per_second
        Speed of this run's training steps, without validation; 0 if no epoch was left to train.
    warnings, failures
        Messages by game or file.
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
        lines += [f"  warning  {line}" for line in grouped(self.warnings)]
        lines += [f"  LEFT OUT {line}" for line in grouped(self.failures)]
        return "\n".join(lines)


def train(
    root: Path,
    train_games: Sequence[str],
    valid_games: Sequence[str],
    model_dir: Path,
    settings: HeadSettings,
    *,
    score: Scorer,
    rates: Rates | None = None,
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
        Games below it; the epoch and the postprocessing are chosen on `valid_games`.
    model_dir
        The model folder. A training begun there with the same settings and games is continued from
        its last epoch.
    settings
        Settings of the head, see `make_settings`.
    score
        Gives the tight average-mAP, such as ``partial(average_map, metric="tight")``.
    rates
        Where the rows of features stand, of those that know better than their records and names.
    resume
        Raise if there is no checkpoint to continue from.
    overwrite
        Train anew whatever is in `model_dir`.
    fail_fast
        Raise for a game that cannot be used instead of leaving it out.
    tensorboard
        Folder for TensorBoard's event files; None: none are written.
    after_epoch
        Called with each epoch's number, from 1, once its checkpoint is written.

    Returns
    -------
    TrainingResult
        The head, its log, and the games left out.

    Raises
    ------
    UsageError
        No game has features of a modality, the features have other settings, `model_dir` holds a
        model or another training, or another process trains there.
    InputError
        No usable game, no event of the classes, feature files that do not agree, or a loss that is
        not finite.

    Examples
    --------
    >>> settings = make_settings("small", modalities=("FFT",))  # doctest: +SKIP
    >>> tight = partial(average_map, metric="tight")  # doctest: +SKIP
    >>> games = list_games(root, "train"), list_games(root, "valid")  # doctest: +SKIP
    >>> train(root, *games, Path("model"), settings, score=tight).best_epoch  # doctest: +SKIP
    """
    log_files.check_tensorboard(tensorboard)
    train_set, valid_set = _open_sets(root, train_games, valid_games, settings, rates)
    failures = {**train_set.failures, **valid_set.failures}
    note("train", failures)
    if fail_fast and failures:
        raise InputError("; ".join(failures.values()))
    _check_sets(root, train_set, valid_set, settings)
    try:
        with claim(model_dir / MODEL_FILE):
            found = _find_checkpoint(model_dir, resume=resume, overwrite=overwrite)
            training = _Training(train_set, valid_set, settings, score)
            training.begin(model_dir if found else None)
            write_json(model_dir / device.MACHINE_FILE, device.describe())
            _run_epochs(training, model_dir, tensorboard, after_epoch)
            model = training.finish()
            log = msgspec.to_builtins(training.story.log)
            save_model(model_dir, model, log)
    except InWork as error:
        raise UsageError(f"{model_dir}: {error}; name another --model_dir") from error
    return TrainingResult(
        model,
        log,
        training.story.best_epoch,
        training.chunks / training.step_seconds if training.chunks else 0.0,
        {**training.warnings, **valid_set.warnings},
        failures,
    )


def _open_sets(
    root: Path,
    train_games: Sequence[str],
    valid_games: Sequence[str],
    settings: HeadSettings,
    rates: Rates | None,
) -> tuple[SplitData, SplitData]:
    """Open the training and the validation games."""
    opened = partial(
        open_split,
        root,
        modalities=settings.modalities,
        classes=settings.classes,
        version=settings.label_version,
        fps=settings.fps,
    )
    train_set = opened(train_games, rates=rates)
    valid_set = opened(valid_games, rates={**(rates or {}), **train_set.rates})
    return train_set, valid_set


def _check_sets(
    root: Path, train_set: SplitData, valid_set: SplitData, settings: HeadSettings
) -> None:
    """Check that there is something to learn, and that both sets were made alike."""
    if not any(len(half.label) for half in train_set.halves):
        raise InputError(
            f"{root}: no event of the {len(settings.classes)} classes in "
            f"{len(train_set.games)} training games; check --label_version and --classes"
        )
    check_provenance(valid_set.provenance, train_set.provenance, "the validation games")


def _find_checkpoint(model_dir: Path, *, resume: bool, overwrite: bool) -> bool:
    """Tell whether to continue from a checkpoint; refuse to overwrite a model."""
    found = (model_dir / CHECKPOINT_FILE).exists() and not overwrite
    if resume and not found:
        raise UsageError(f"{model_dir}: no {CHECKPOINT_FILE} to go on from; leave out --resume")
    if not found and not overwrite and (model_dir / MODEL_FILE).exists():
        raise UsageError(f"{model_dir}: already holds a model; --overwrite trains anew")
    return found


def _run_epochs(
    training: _Training,
    model_dir: Path,
    tensorboard: Path | None,
    after_epoch: Callable[[int], None] | None,
) -> None:
    epochs, batches = training.settings.epochs, training.batches.per_epoch
    begun = len(training.story.log)
    with Progress(epochs * batches, "train", "batch", initial=begun * batches) as bar:
        for epoch in range(begun, epochs):
            loss = training.run_epoch(epoch, bar.update)
            tight = training.validate(epoch)
            best = training.story.best
            bar.set_postfix(loss=f"{loss:.4f}", tight=f"{tight:.3f}", best=f"{best:.3f}")
            logger.info("train: epoch %d, loss %.4f, tight %.3f", epoch + 1, loss, tight)
            training.save(model_dir)
            log_files.write_log(model_dir / log_files.LOG_FILE, training.story.log)
            if tensorboard:
                log_files.write_tensorboard(tensorboard, training.story.log[-1])
            if after_epoch:
                after_epoch(epoch + 1)


class _Training:
    """All that changes while training."""

    def __init__(
        self,
        train_set: SplitData,
        valid_set: SplitData,
        settings: HeadSettings,
        score: Scorer,
    ) -> None:
        self.settings, self.score = settings, score
        self.train_set, self.valid_set = train_set, valid_set
        self.chunks, self.step_seconds = 0, 0.0
        self.story = Story(
            settings.as_dict(),
            train_set.games,
            valid_set.games,
            backend=backend_name(),
            dims=train_set.dims,
            provenance=train_set.provenance,
            rates=write_rates(train_set.rates) or msgspec.UNSET,
        )

    def begin(self, resumed: Path | None) -> None:
        """Set everything up, from the checkpoint in the folder `resumed` where there is one."""
        device.set_up(self.settings.seed)
        saved = read_checkpoint(resumed, self.story) if resumed else None
        settings, halves = self.settings, self.train_set.halves
        normalisation, half_means, warnings = fit_normalisation(
            halves, self.train_set.dims, subtract_half_mean=settings.subtract_half_mean
        )
        self.warnings = {**self.train_set.warnings, **warnings}
        self.batches = Batches(halves, normalisation, half_means, settings)
        keras.utils.set_random_seed(settings.seed)
        with device.compute_in(settings.precision):
            self.network = make_network(settings, self.train_set.dims)
        self.model = SpottingModel(
            settings, normalisation, self.train_set.provenance, rates=self.train_set.rates
        )
        steps = settings.epochs * self.batches.per_epoch
        self.optimizer = make_optimizer(self.network, settings, steps)
        self.best_weights = self._weights()
        weight = positive_weights(halves, settings)
        self._step = make_step(self.network, self.optimizer, weight)
        if saved:
            story, arrays = saved
            assign(self.network.trainable_variables, arrays["weight"], str(resumed))
            assign(self.optimizer.variables, arrays["optimizer"], str(resumed))
            self.best_weights = list(arrays["best"])
            self.story.log, self.story.best = story.log, story.best
            self.story.best_epoch = story.best_epoch

    def run_epoch(self, epoch: int, tick: Callable[[int], Any]) -> float:
        """Train one epoch; gives its mean loss."""
        losses, began = [], time.monotonic()
        batches = (self.batches(epoch, i) for i in range(self.batches.per_epoch))
        for batch in prefetch(batches, depth=1):
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
        self.story.log.append(Epoch(epoch + 1, round(loss, 6)))
        return loss

    def validate(self, epoch: int) -> float:
        """Score the weights on the validation games; remember them when they are best."""
        weights = self._weights()
        assign(self.model.network.trainable_variables, weights, "")
        chosen, annotations = self.model.postprocessing, self.valid_set.annotations
        pick = make_picker(self.model, self.valid_set)
        peaks = pick(chosen.nms_windows_s, chosen.displacement_scale)
        tight = average_of_common(score_peaks(self.score, annotations, peaks), annotations)
        self.story.log[-1].tight = round(tight, 6)
        if tight >= self.story.best:
            self.story.best, self.story.best_epoch = tight, epoch + 1
            self.best_weights = weights
        return tight

    def finish(self) -> SpottingModel:
        """Choose the postprocessing of the best epoch's head on the validation games."""
        assign(self.model.network.trainable_variables, self.best_weights, "")
        self.model.postprocessing = choose_postprocessing(self.model, self.valid_set, self.score)
        return self.model

    def save(self, model_dir: Path) -> None:
        """Write the checkpoint."""
        arrays = {
            "weight": self._weights(),
            "optimizer": [v.numpy() for v in self.optimizer.variables],
            "best": self.best_weights,
        }
        write_checkpoint(model_dir, self.story, arrays)

    def _weights(self) -> list[np.ndarray]:
        return [v.numpy() for v in self.network.trainable_variables]
