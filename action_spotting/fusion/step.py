"""One step of the training: gradients and the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from action_spotting.backend import backend_name, gpus
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
    """Make the training step: a batch in, its loss out, which may still be in work."""
    make = {"tensorflow": _tensorflow_step, "torch": _torch_step, "jax": _jax_step}[backend_name()]
    return make(network, optimizer, keras.ops.convert_to_tensor(positive_weight))


def _tensorflow_step(
    network: keras.Model, optimizer: keras.Optimizer, weight: Any
) -> Callable[[Mapping[str, Any]], Any]:
    import tensorflow as tf

    @tf.function(autograph=False, jit_compile=bool(gpus()))  # type: ignore[untyped-decorator, unused-ignore]
    def step(batch: Mapping[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            loss = network.batch_loss(batch, weight)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def _torch_step(
    network: keras.Model, optimizer: keras.Optimizer, weight: Any
) -> Callable[[Mapping[str, Any]], Any]:
    import torch

    variables = network.trainable_variables

    def step(batch: Mapping[str, Any]) -> Any:
        network.zero_grad()
        given = keras.tree.map_structure(keras.ops.convert_to_tensor, dict(batch))
        loss = network.batch_loss(given, weight)
        loss.backward()
        with torch.no_grad():
            optimizer.apply([variable.value.grad for variable in variables], variables)
        return loss.detach()

    return step


def _jax_step(
    network: keras.Model, optimizer: keras.Optimizer, weight: Any
) -> Callable[[Mapping[str, Any]], Any]:
    import jax

    trained, kept = network.trainable_variables, optimizer.variables

    def loss_of(values: Sequence[Any], batch: Mapping[str, Any]) -> Any:
        with keras.StatelessScope(list(zip(trained, values, strict=True))):
            return network.batch_loss(batch, weight)

    @jax.jit  # type: ignore[untyped-decorator, unused-ignore]
    def update(values: Sequence[Any], state: Sequence[Any], batch: Mapping[str, Any]) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(values, batch)
        return loss, optimizer.stateless_apply(state, gradients, values)

    def step(batch: Mapping[str, Any]) -> Any:
        values, state = [v.value for v in trained], [v.value for v in kept]
        loss, (values, state) = update(values, state, dict(batch))
        for variable, value in zip([*trained, *kept], [*values, *state], strict=True):
            variable.assign(value)
        return loss

    return step
