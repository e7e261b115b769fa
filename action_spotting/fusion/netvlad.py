"""The baseline: NetVLAD++ (Giancola and Ghanem, CVPRW 2021), written anew in Keras.

A window of 15 s is cut in the middle; each part's rows are pooled over learned clusters, and one
layer turns the two descriptions into class confidences. It knows that something happened within
the window, not when; here to compare with on equal data, splits and scoring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import Model, layers, ops, random

from action_spotting.fusion.network import DrawnSeed, cross_entropy
from action_spotting.fusion.pooling import Pool, Projection
from action_spotting.fusion.settings import HeadSettings

CLUSTERS = 32
"""Of each of the two parts: half of the published vocabulary of 64."""

PROJECTION = 512
"""Numbers a row that the clusters see; features of another width are projected to it."""

WINDOWS_AT_ONCE = 128

Tensors = Mapping[str, Any]


class NetVLADNetwork(Model):
    """Windows of concatenated features to class confidences; no displacement."""

    def __init__(self, settings: HeadSettings) -> None:
        super().__init__(dtype="float32")
        self.built = True  # its layers are built when they are first called
        self.settings = settings
        self._project = Projection(PROJECTION)
        self._before, self._after = Pool(CLUSTERS, PROJECTION), Pool(CLUSTERS, PROJECTION)
        self._classify = layers.Dense(len(settings.classes))

    @staticmethod
    def least_numbers(settings: HeadSettings, dims: Mapping[str, int]) -> int:
        """Count the weights of projection, clusters and classifier without biases."""
        projected = 0 if sum(dims.values()) == PROJECTION else sum(dims.values())
        return PROJECTION * (projected + 2 * CLUSTERS * (len(settings.classes) + 2))

    def call(
        self, features: Tensors, present: Tensors, inside: Any, seed: Any = None
    ) -> dict[str, Any]:
        """Give one row of logits a window, ``(batch, 1, classes)``; what is missing is 0."""
        return {"logits": self._classify_windows(self._rows(features, present), seed)[:, None]}

    def batch_loss(self, batch: Tensors, positive_weight: Any) -> Any:
        """Binary cross-entropy of each class: does any of its events lie in the window?"""
        outputs = self(batch["features"], batch["present"], batch["inside"], seed=batch["seed"])
        truth = ops.max(batch["confidence"], axis=1, keepdims=True)
        values = cross_entropy(truth, outputs["logits"], positive_weight)
        return ops.mean(ops.sum(values, axis=-1))

    def run_half(self, features: Tensors, present: Tensors, inside: Any) -> tuple[Any, Any]:
        """Classify the window around every row; gives logits ``(rows, classes)`` and no move."""
        y = self._rows(features, present)
        rows, length = ops.shape(y)[0], self.settings.chunk_rows
        last = ops.cast(ops.sum(inside), "int32") - 1
        around = ops.arange(length) - length // 2

        def block(start: Any) -> Any:
            centres = ops.minimum(start + ops.arange(WINDOWS_AT_ONCE), last)
            at = ops.clip(centres[:, None] + around, 0, last)
            return self._classify_windows(ops.take(y, at, axis=0))

        starts = ops.arange(0, rows, WINDOWS_AT_ONCE, dtype="int32")
        logits = ops.reshape(ops.map(block, starts), (-1, len(self.settings.classes)))[:rows]
        return logits, ops.zeros_like(logits)

    def _rows(self, features: Tensors, present: Tensors) -> Any:
        there = [features[n] * present[n][..., None] for n in self.settings.modalities]
        return self._project(ops.concatenate(there, axis=-1))

    def _classify_windows(self, y: Any, seed: Any = None) -> Any:
        middle = self.settings.chunk_rows // 2
        parts = [self._before(y[:, :middle]), self._after(y[:, middle:])]
        pooled = ops.concatenate(parts, axis=-1)
        if seed is not None:
            pooled = random.dropout(pooled, self.settings.dropout, seed=DrawnSeed(seed))
        return ops.cast(self._classify(pooled), "float32")
