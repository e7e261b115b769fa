"""One step of the training: gradients and the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from action_spotting.fusion import device
from action_spotting.fusion.games import Matches
from action_spotting.fusion.settings import Settings

UNDECAYED = ["bias", "gamma", "beta", "missing", "share"]


def make_optimizer(network: keras.Model, settings: Settings, steps: int) -> keras.Optimizer:
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


def positive_weights(matches: Matches, settings: Settings) -> np.ndarray:
    """Weigh a positive row of each class: the root of how rare it is, capped; ``(classes,)``."""
    label = np.concatenate([half.label for half in matches.halves])
    events = np.bincount(label, minlength=len(settings.classes))
    positive = np.maximum(events, 1) * 2 * settings.positive_s * settings.fps
    weights = np.clip(np.sqrt(matches.rows / positive), 1, settings.positive_weight)
    return weights.astype(np.float32)


def make_step(
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    positive_weight: np.ndarray,
) -> Callable[[Mapping[str, Any]], Any]:
    """Make the training step: a batch in, its loss out; several GPUs share the batch."""
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    weight = tf.constant(positive_weight)

    def learn(batch: Mapping[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            loss = network.batch_loss(batch, weight) / replicas
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    @tf.function(jit_compile=device.has_gpu() and replicas == 1)
    def step(batch: Mapping[str, Any]) -> Any:
        return strategy.reduce("SUM", strategy.run(learn, (batch,)), axis=None)

    def share(batch: Mapping[str, Any]) -> Any:
        def part(context: Any) -> Any:
            replica = context.replica_id_in_sync_group
            mine = tf.nest.map_structure(lambda x: x[replica::replicas], dict(batch))
            return {**mine, "seed": batch["seed"] + replica}

        return strategy.experimental_distribute_values_from_function(part)

    return step if replicas == 1 else lambda batch: step(share(batch))
