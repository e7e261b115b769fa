"""The network: an encoder a modality, late fusion, a trunk with a minute of context, two outputs.

After an idea common to the dense-anchor heads: one confidence and one displacement a row and
class. Fully convolutional, so that training chunks and whole halves are the same to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import keras
from keras import layers, ops, random

from action_spotting.backend import backend_name
from action_spotting.fusion.settings import HeadSettings

PRIOR = 0.01
"""The confidence that an untrained network gives."""

Tensors = Mapping[str, Any]


class Composite(layers.Layer):
    """A layer of layers, which are built when they are first called.

    Keras would trace each level of them for that, which takes seconds.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.built = True


class Block(Composite):
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


class Stack(Composite):
    """Blocks one after the other, a dilation each."""

    def __init__(self, width: int, dilations: Sequence[int], dropout: float) -> None:
        super().__init__()
        self._blocks = [Block(width, dilation, dropout) for dilation in dilations]

    def call(self, x: Any, inside: Any, seed: Any = None) -> Any:
        """Run `x` ``(batch, rows, width)`` through the blocks."""
        for i, block in enumerate(self._blocks):
            x = block(x, inside, _step(seed, i))
        return x


class Outputs(Composite):
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
        displacement = ops.tanh(ops.cast(self._displacement(x), "float32")) * self._reach_s
        return ops.cast(self._logits(x), "float32"), displacement


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

    def __init__(self, settings: HeadSettings) -> None:
        super().__init__(dtype="float32")
        self.built = True  # as `Composite`
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
        equal = keras.initializers.Constant(float(ops.log(ops.exp(1.0 / summands) - 1)))
        self._summand = self.add_weight(
            name="summand", shape=(summands, classes), initializer=equal
        )
        prior = keras.initializers.Constant(float(ops.log(PRIOR / (1 - PRIOR))))
        self._bias = self.add_weight(name="bias", shape=(classes,), initializer=prior)

    @staticmethod
    def least_numbers(settings: HeadSettings, dims: Mapping[str, int]) -> int:
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
    def summand_weights(self) -> Any:
        """Non-negative weights of trunk and branches by class, ``(summands, classes)``."""
        return ops.softplus(self._summand)

    def call(
        self,
        features: Tensors,
        present: Tensors,
        inside: Any,
        mixup_lambda: Any = None,
        seed: Any = None,
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
        mixup_lambda
            Weight of each chunk when it is mixed with its partner in the batch, ``(batch,)``.
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
            mask, step = present[name][:, :, None], _step(seed, 100 * (i + 1))
            embedding, mask = encoder(features[name], mask, inside, mixup_lambda, step)
            embeddings.append(embedding)
            masks.append(mask)
        outputs, weights, branches = [], [], []
        summand = self.summand_weights
        if self._with_trunk:
            fused = self._fuse(embeddings, masks)
            outputs.append(self._outputs(self._trunk(fused, _like(inside, fused), seed)))
            weights.append(summand[0] * ops.ones_like(inside))
        if self._with_branches:
            own = summand[-len(masks) :]
            there = [own[i] * mask for i, mask in enumerate(masks)]
            whole = ops.sum(own, axis=0) / (_total(there) + 1e-6)
            weights += [weight * whole for weight in there]
            for i, (branch, x) in enumerate(zip(self._branches, embeddings, strict=True)):
                outputs.append(branch(x, _like(inside, x), _step(seed, 1000 * (i + 1))))
                branches.append(outputs[-1][0] + self._bias)
        logits, displacements = (
            _total([w * x for w, x in zip(weights, xs, strict=True)])
            for xs in zip(*outputs, strict=True)
        )
        return {
            "logits": logits + self._bias,
            "displacement": displacements / (_total(weights) + 1e-6),
            "branches": branches,
        }

    def batch_loss(self, batch: Tensors, positive_weight: Any) -> Any:
        """Compute a batch's loss: confidence, displacement, and each branch's own confidence.

        Parameters
        ----------
        batch
            What `chunks.Batches` makes.
        positive_weight
            Weight of a positive row of each class, ``(classes,)``.
        """
        settings, given = self.settings, batch["mixup_lambda"]
        weight = given[:, None, None]
        other = ops.where(given[:, None] < 1, ops.flip(batch["inside"], axis=0), 0)
        inside = ops.maximum(batch["inside"], other)
        outputs = self(batch["features"], batch["present"], inside, given, batch["seed"])
        confidence = weight * batch["confidence"] + (1 - weight) * ops.flip(
            batch["confidence"], axis=0
        )

        def entropy(logits: Any) -> Any:
            values = cross_entropy(confidence, logits, positive_weight)
            return ops.sum(values * inside[:, :, None]) / ops.sum(inside)

        loss = entropy(outputs["logits"])
        for branch in outputs["branches"]:
            loss += settings.branch_weight * entropy(branch)
        if settings.displacement_s:
            away, near = batch["displacement"], batch["near"]
            total = _huber(outputs["displacement"], away, near * weight)
            away, near = ops.flip(away, axis=0), ops.flip(near, axis=0) * (1 - weight)
            total += _huber(outputs["displacement"], away, near)
            count = ops.sum(batch["near"])
            loss += settings.displacement_weight * total / (count + 1.0)
        return loss

    def run_half(self, features: Tensors, present: Tensors, inside: Any) -> tuple[Any, Any]:
        """Give logits and displacement of every row of a half, ``(rows, classes)``, in one pass.

        Parameters
        ----------
        features, present
            By modality, float32 ``(rows, dims)`` and ``(rows,)``.
        inside
            1 where the row belongs to the half, float32 ``(rows,)``; the others come last.
        """
        one = {name: x[None] for name, x in features.items()}
        there = {name: x[None] for name, x in present.items()}
        outputs = self(one, there, inside[None])
        return outputs["logits"][0], outputs["displacement"][0]

    def _fuse(self, embeddings: list[Any], masks: list[Any]) -> Any:
        weights = [
            gate(x) * _like(mask, x)
            for gate, x, mask in zip(self._gates, embeddings, masks, strict=True)
        ]
        total = _total([w * x for w, x in zip(weights, embeddings, strict=True)])
        return total / (_total(weights) + 1e-3)


class Encoder(Composite):
    """Features of one modality to embeddings; a learned vector stands for what is missing."""

    def __init__(self, settings: HeadSettings) -> None:
        super().__init__(autocast=False)
        self._hidden = settings.feature_dropout
        self._project = layers.Dense(settings.width)
        self._stack = Stack(settings.width, settings.encoder_dilations, settings.dropout)
        self._missing = self.add_weight(name="missing", shape=(settings.width,))

    def call(
        self, x: Any, mask: Any, inside: Any, mixup_lambda: Any = None, seed: Any = None
    ) -> tuple[Any, Any]:
        """Give embeddings ``(batch, rows, width)`` and the mask after mixing."""
        y = self._project(_dropout(x, self._hidden, _step(seed, -1)))
        mask_y = _like(mask, y)
        y = y * mask_y + ops.cast(self._missing, y.dtype) * (1 - mask_y)
        if mixup_lambda is not None:
            y, mask = mixup(y, mixup_lambda), mixup(mask, mixup_lambda)
        inside = _like(inside, y)
        return self._stack(y * inside, inside, seed), mask


class Branch(Composite):
    """A modality's own way from embedding to outputs."""

    def __init__(self, settings: HeadSettings) -> None:
        super().__init__()
        self._narrow = layers.Dense(settings.branch_width)
        self._stack = Stack(settings.branch_width, settings.branch_dilations, settings.dropout)
        self._outputs = Outputs(len(settings.classes), settings.displacement_s)

    def call(self, x: Any, inside: Any, seed: Any = None) -> tuple[Any, Any]:
        """Give evidence and displacement, each ``(batch, rows, classes)``."""
        return self._outputs(self._stack(self._narrow(x) * inside, inside, seed))


def mixup(x: Any, mixup_lambda: Any) -> Any:
    """Mix each chunk of a batch with its partner, which is its mirror image in the batch."""
    weight = _like(mixup_lambda[:, None, None], x)
    return weight * x + (1 - weight) * ops.flip(x, axis=0)


def cross_entropy(wanted: Any, logits: Any, positive_weight: Any) -> Any:
    """Binary cross-entropy of each row and class, positives weighing ``positive_weight``."""
    # TensorFlow adds gradients in an order that depends on names: this is its own function's.
    with keras.name_scope("logistic_loss"):
        weight = 1 + (positive_weight - 1) * wanted
        softplus = ops.log1p(ops.exp(-ops.abs(logits))) + ops.relu(-logits)
        return ops.add((1 - wanted) * logits, weight * softplus)


class DrawnSeed(random.SeedGenerator):
    """A seed that was drawn before: two numbers of the batch."""

    def __init__(self, seed: Any) -> None:
        self._seed = self._initial_seed = seed

    def next(self, ordered: bool = True) -> Any:
        """Give it, as the back end takes it."""
        return ops.cast(self._seed, "uint32") if backend_name() == "jax" else self._seed


def _total(summands: Sequence[Any]) -> Any:
    return reduce(ops.add, summands)


def _huber(given: Any, wanted: Any, weight: Any) -> Any:
    away = ops.abs(given - wanted)
    return ops.sum(weight * ops.where(away < 1, 0.5 * away**2, away - 0.5))


def _step(seed: Any, by: int) -> Any:
    """Give each place of the network a seed of its own; None: no dropout."""
    return None if seed is None else seed + by


def _like(mask: Any, x: Any) -> Any:
    return ops.cast(mask, x.dtype)


def _dropout(x: Any, rate: float, seed: Any) -> Any:
    """Hide whole channels of a chunk ``(batch, rows, channels)``: rows tell of each other."""
    if seed is None or rate == 0:
        return x
    return random.dropout(x, rate, noise_shape=(None, 1, x.shape[2]), seed=DrawnSeed(seed))
