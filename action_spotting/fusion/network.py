"""The network: an encoder a modality, late fusion, a trunk with a minute of context, two outputs.

After an idea common to the dense-anchor heads: one confidence and one displacement a row and
class. Fully convolutional, so that training chunks and whole halves are the same to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from action_spotting.fusion.settings import Settings

PRIOR = 0.01
"""The confidence that an untrained network gives."""

Tensors = Mapping[str, Any]


class Block(layers.Layer):
    """Residual block: normalise, dilated convolution, ReLU, mix channels, dropout of channels.

    What lies outside the half is kept at 0, the convolution's own padding: an end of a half
    looks like any chunk's end.
    """

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self._norm = layers.LayerNormalization()
        self._conv = layers.Conv1D(
            width, 3, padding="same", dilation_rate=dilation, activation="relu"
        )
        self._mix = layers.Dense(width)
        self._dropout = dropout

    def call(self, x: Any, inside: Any, seed: Any = None) -> Any:
        """Add the block's output to `x` ``(batch, rows, width)``."""
        y = self._mix(self._conv(self._norm(x) * inside))
        return x + _dropout(y, self._dropout, seed)


class Stack(layers.Layer):
    """Blocks one after the other, a dilation each."""

    def __init__(self, width: int, dilations: Sequence[int], dropout: float) -> None:
        super().__init__()
        self._blocks = [Block(width, dilation, dropout) for dilation in dilations]

    def call(self, x: Any, inside: Any, seed: Any = None) -> Any:
        """Run `x` ``(batch, rows, width)`` through the blocks."""
        for i, block in enumerate(self._blocks):
            x = block(x, inside, None if seed is None else seed + i)
        return x


class Outputs(layers.Layer):
    """Confidence logits and displacements of every row and class."""

    def __init__(self, classes: int, displacement_s: float) -> None:
        super().__init__()
        self._norm = layers.LayerNormalization()
        self._logits = layers.Dense(classes)
        self._displacement = layers.Dense(classes)
        self._reach_s = displacement_s

    def call(self, x: Any) -> tuple[Any, Any]:
        """Give evidence (logits without the prior) and seconds, each ``(batch, rows, classes)``."""
        x = self._norm(x)
        displacement = tf.tanh(tf.cast(self._displacement(x), tf.float32)) * self._reach_s
        return tf.cast(self._logits(x), tf.float32), displacement


class SpottingNetwork(keras.Model):
    """The late-fusion head.

    Parameters
    ----------
    settings
        Modalities, classes, fusion, sizes.

    Notes
    -----
    ``embedding``: the modalities' embeddings are averaged with learned gates, over those that
    are there, and go through the trunk. ``score``: each modality has a branch (a small trunk)
    with outputs of its own, whose logits add up with a weight a class; those of the branches that
    are there stand in for those that are not. ``hybrid``: both, the trunk's logits being one more
    summand.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(dtype="float32")
        classes, width = len(settings.classes), settings.width
        self.settings = settings
        self._with_trunk = settings.fusion in ("embedding", "hybrid")
        self._with_branches = settings.fusion in ("score", "hybrid")
        self.encoders = [Encoder(settings) for _ in settings.modalities]
        if self._with_trunk:
            self._gates = [layers.Dense(width, activation="sigmoid") for _ in self.encoders]
            self._trunk = Stack(width, settings.dilations, settings.dropout)
            self._outputs = Outputs(classes, settings.displacement_s)
        if self._with_branches:
            self._branches = [Branch(settings) for _ in self.encoders]
        summands = self._with_trunk + self._with_branches * len(self.encoders)
        self._share = self.add_weight(
            name="share",
            shape=(summands, classes),
            initializer=keras.initializers.Constant(float(tf.math.log(tf.exp(1.0 / summands) - 1))),
        )
        self._bias = self.add_weight(
            name="bias",
            shape=(classes,),
            initializer=keras.initializers.Constant(float(tf.math.log(PRIOR / (1 - PRIOR)))),
        )

    @staticmethod
    def least_numbers(settings: Settings, dims: Mapping[str, int]) -> int:
        """Count the weights of the convolutions, of which a network has at least so many."""
        width, narrow, classes = settings.width, settings.branch_width, len(settings.classes)
        count = sum(dims.values()) * width
        count += 4 * width**2 * len(settings.encoder_dilations) * len(dims)
        if settings.fusion in ("embedding", "hybrid"):
            count += width**2 * (4 * len(settings.dilations) + len(dims)) + 2 * width * classes
        if settings.fusion in ("score", "hybrid"):
            branch = narrow * (width + 4 * narrow * len(settings.branch_dilations) + 2 * classes)
            count += branch * len(dims)
        return count

    @property
    def shares(self) -> Any:
        """Non-negative weight of each summand and class, ``(summands, classes)``."""
        return tf.nn.softplus(self._share)

    def call(
        self, features: Tensors, present: Tensors, inside: Any, mix: Any = None, seed: Any = None
    ) -> dict[str, Any]:
        """Run the head.

        Parameters
        ----------
        features
            By modality, normalised, float32 ``(batch, rows, dims)``.
        present
            By modality, 1 where its row can be used, float32 ``(batch, rows)``.
        inside
            1 where the row belongs to the half, float32 ``(batch, rows)``.
        mix
            Share of each chunk when it is mixed with its mirror in the batch, ``(batch,)``.
        seed
            Two int32 for dropout; None: none.

        Returns
        -------
        dict
            ``logits`` and ``displacement`` (seconds), float32 ``(batch, rows, classes)``;
            ``branches``, the logits of each modality's branch (empty in ``embedding``).
        """
        inside = inside[:, :, None]
        embeddings, masks = [], []
        for i, (name, encoder) in enumerate(
            zip(self.settings.modalities, self.encoders, strict=True)
        ):
            mask = present[name][:, :, None]
            step = None if seed is None else seed + 100 * (i + 1)
            embedding, mask = encoder(features[name], mask, inside, mix, step)
            embeddings.append(embedding)
            masks.append(mask)
        logits, displacements, scale, branches = [], [], [], []
        share = self.shares
        if self._with_trunk:
            fused = self._fuse(embeddings, masks)
            logit, displacement = self._outputs(self._trunk(fused, _like(inside, fused), seed))
            logits.append(logit)
            displacements.append(displacement)
            scale.append(share[0] * tf.ones_like(inside))
        if self._with_branches:
            own = share[-len(masks) :]
            there = [own[i] * mask for i, mask in enumerate(masks)]
            whole = tf.reduce_sum(own, axis=0) / (tf.add_n(there) + 1e-6)
            scale += [weight * whole for weight in there]
            for i, (branch, x) in enumerate(zip(self._branches, embeddings, strict=True)):
                step = None if seed is None else seed + 1000 * (i + 1)
                logit, displacement = branch(x, _like(inside, x), step)
                logits.append(logit)
                displacements.append(displacement)
                branches.append(logit + self._bias)
        total = tf.add_n(scale) + 1e-6
        return {
            "logits": tf.add_n([s * z for s, z in zip(scale, logits, strict=True)]) + self._bias,
            "displacement": tf.add_n([s * d for s, d in zip(scale, displacements, strict=True)])
            / total,
            "branches": branches,
        }

    def batch_loss(self, batch: Tensors, positive_weight: Any) -> Any:
        """Compute a batch's loss: confidence, displacement, and each branch's own confidence.

        Parameters
        ----------
        batch
            What `windows.Batches` makes.
        positive_weight
            Weight of a positive row of each class, ``(classes,)``.
        """
        settings, mix = self.settings, batch["mix"]
        share = mix[:, None, None]
        other = tf.where(mix[:, None] < 1, batch["inside"][::-1], 0)
        inside = tf.maximum(batch["inside"], other)
        outputs = self(batch["features"], batch["present"], inside, mix=mix, seed=batch["seed"])
        confidence = share * batch["confidence"] + (1 - share) * batch["confidence"][::-1]

        def entropy(logits: Any) -> Any:
            values = tf.nn.weighted_cross_entropy_with_logits(confidence, logits, positive_weight)
            return tf.reduce_sum(values * inside[:, :, None]) / tf.reduce_sum(inside)

        loss = entropy(outputs["logits"])
        for branch in outputs["branches"]:
            loss += settings.branch_weight * entropy(branch)
        if settings.displacement_s:
            away, near = batch["displacement"], batch["near"]
            given = outputs["displacement"]
            total = _huber(given, away, near * share)
            total += _huber(given, away[::-1], near[::-1] * (1 - share))
            loss += settings.displacement_weight * total / (tf.reduce_sum(near) + 1.0)
        return loss

    def run_half(self, features: Tensors, present: Tensors) -> tuple[Any, Any]:
        """Give logits and displacement of every row of a half, ``(rows, classes)``, in one pass.

        Parameters
        ----------
        features, present
            By modality, float32 ``(rows, dims)`` and ``(rows,)``.
        """
        one = {name: x[None] for name, x in features.items()}
        there = {name: x[None] for name, x in present.items()}
        outputs = self(one, there, tf.ones_like(next(iter(there.values()))))
        return outputs["logits"][0], outputs["displacement"][0]

    def _fuse(self, embeddings: list[Any], masks: list[Any]) -> Any:
        weights = [
            gate(x) * _like(mask, x)
            for gate, x, mask in zip(self._gates, embeddings, masks, strict=True)
        ]
        total = tf.add_n([w * x for w, x in zip(weights, embeddings, strict=True)])
        return total / (tf.add_n(weights) + 1e-3)


class Encoder(layers.Layer):
    """Features of one modality to embeddings; a learned vector stands for what is missing."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(autocast=False)
        self._hidden = settings.feature_dropout
        self._project = layers.Dense(settings.width)
        self._stack = Stack(settings.width, settings.encoder_dilations, settings.dropout)
        self._missing = self.add_weight(name="missing", shape=(settings.width,))

    def call(
        self, x: Any, mask: Any, inside: Any, mix: Any = None, seed: Any = None
    ) -> tuple[Any, Any]:
        """Give embeddings ``(batch, rows, width)`` and the mask after mixing."""
        y = self._project(_dropout(x, self._hidden, None if seed is None else seed - 1))
        mask_y = _like(mask, y)
        y = y * mask_y + tf.cast(self._missing, y.dtype) * (1 - mask_y)
        if mix is not None:
            y, mask = mixed(y, mix), mixed(mask, mix)
        inside = _like(inside, y)
        return self._stack(y * inside, inside, seed), mask


class Branch(layers.Layer):
    """A modality's own way from embedding to outputs."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._narrow = layers.Dense(settings.branch_width)
        self._stack = Stack(settings.branch_width, settings.branch_dilations, settings.dropout)
        self._outputs = Outputs(len(settings.classes), settings.displacement_s)

    def call(self, x: Any, inside: Any, seed: Any = None) -> tuple[Any, Any]:
        """Give evidence and displacement, each ``(batch, rows, classes)``."""
        return self._outputs(self._stack(self._narrow(x) * inside, inside, seed))


def mixed(x: Any, share: Any) -> Any:
    """Mix each element of a batch with its mirror: ``share * x + (1 - share) * x[::-1]``."""
    share = tf.cast(tf.reshape(share, [-1] + [1] * (len(x.shape) - 1)), x.dtype)
    return share * x + (1 - share) * tf.reverse(x, [0])


def _huber(given: Any, wanted: Any, weight: Any) -> Any:
    away = tf.abs(given - wanted)
    return tf.reduce_sum(weight * tf.where(away < 1, 0.5 * away**2, away - 0.5))


def _like(mask: Any, x: Any) -> Any:
    return tf.cast(mask, x.dtype)


def _dropout(x: Any, rate: float, seed: Any) -> Any:
    """Hide whole channels of a chunk ``(batch, rows, channels)``: rows tell of each other."""
    if seed is None or rate == 0:
        return x
    shape = [tf.shape(x)[0], 1, x.shape[2]]
    return tf.nn.experimental.stateless_dropout(x, rate, seed, noise_shape=shape)
