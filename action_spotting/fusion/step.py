"""One step of the training: gradients and the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from action_spotting.fusion import device
from action_spotting.fusion.half_data import HalfData
from action_spotting.fusion.settings import HeadSettings

UNDECAYED = ["bias", "gamma", "beta", "missing", "summand"]


def make_optimizer(network: keras.Model, settings: HeadSettings, steps: int) -> keras.Optimizer:
    """Make the optimizer: AdamW, a rate that warms up and falls along a cosine, clipped gradients.

    Parameters
    ----------
    network
        Its variables are trained.
    settings
        Rate, decay, warm-up.
    steps
        Batches of the whole training.
    """
    warmup = max(1, int(settings.warmup * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=settings.learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=settings.weight_decay, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=UNDECAYED)
    optimizer.build(network.trainable_variables)
    return optimizer


def positive_weights(halves: Sequence[HalfData], settings: HeadSettings) -> np.ndarray:
    """Weigh a positive row of each class: the root of how rare it is, capped; ``(classes,)``."""
    label = np.concatenate([half.label for half in halves])
    events = np.bincount(label, minlength=len(settings.classes))
    positive = np.maximum(events, 1) * 2 * settings.positive_s * settings.fps
    weights = np.sqrt(sum(half.rows for half in halves) / positive)
    return np.clip(weights, 1, settings.positive_weight).astype(np.float32)


def make_step(
    network: keras.Model, optimizer: keras.Optimizer, positive_weight: np.ndarray
) -> Callable[[Mapping[str, Any]], Any]:
    """Make the training step: a batch in, its loss out."""
    weight = tf.constant(positive_weight)

    @tf.function(jit_compile=device.has_gpu())  # type: ignore[untyped-decorator, unused-ignore]
    def step(batch: Mapping[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            loss = network.batch_loss(batch, weight)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step
