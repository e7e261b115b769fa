"""The pooling heads of SoccerNet and OpenSportsLab: a window around every row, classified.

NetVLAD++ (Giancola and Ghanem, CVPRW 2021), NetVLAD, NetRVLAD and MaxPool. Their pooling is that of
`action_spotting.fusion.pooling`; NetRVLAD has centres of 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import Input, Model, layers, ops

from action_spotting.backend import compiled
from action_spotting.fusion.pooling import Pool
from action_spotting.fusion.published.batches import run_in_batches
from action_spotting.fusion.published.dense_anchors import check_shapes
from action_spotting.fusion.published.settings import PublishedSettings

PROJECTION = 512
ROWS_AT_ONCE, WINDOWS_AT_ONCE = 1024, 128


class Windows:
    """A pooling head, with random weights.

    Parameters
    ----------
    settings
        Its form.
    width
        Numbers of a feature row; other than 512 they are projected to 512.
    clusters
        Of each part's pool.
    """

    def __init__(self, settings: PublishedSettings, width: int, clusters: int) -> None:
        self.settings = settings
        self.project = layers.Dense(PROJECTION) if width != PROJECTION else None
        rows = Input((width,))
        stem = Model(rows, self.project(rows)) if self.project else None
        self.stem = compiled(stem, stem.variables) if stem else None
        window = Input((settings.chunk_rows, PROJECTION))
        middle = settings.chunk_rows // 2
        parts = [window] if settings.parts == 1 else [window[:, :middle], window[:, middle:]]
        vlad = settings.pooling == "netvlad"
        self.pools = [Pool(clusters, PROJECTION) for _ in parts] if vlad else []
        pooled = [pool(part) for pool, part in zip(self.pools, parts, strict=False)]
        pooled = pooled or [ops.max(part, axis=1) for part in parts]
        self.classify = layers.Dense(len(settings.classes))
        joined = ops.concatenate(pooled, axis=-1) if len(pooled) > 1 else pooled[0]
        network = Model(window, self.classify(joined))
        self.network = compiled(network, network.variables)

    def variables(self) -> dict[str, Any]:
        """Give the variables by their names in ``weights.npz``.

        Returns
        -------
        dict
            Keras variables.
        """
        named = {"classify/kernel": self.classify.kernel, "classify/bias": self.classify.bias}
        for i, pool in enumerate(self.pools):
            named |= {f"pool{i}/{name}": v for name, v in pool.variables_by_name.items()}
        if self.project:
            named |= {"project/kernel": self.project.kernel, "project/bias": self.project.bias}
        return named

    def assign(self, arrays: Mapping[str, np.ndarray], where: str) -> None:
        """Set all variables; `InputError` where one is missing or of another shape."""
        variables = self.variables()
        check_shapes(arrays, {name: tuple(v.shape) for name, v in variables.items()}, where)
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def run(self, rows: np.ndarray) -> np.ndarray:
        """Classify the window around every row of a half; its ends are repeated outwards.

        Parameters
        ----------
        rows
            Float32 ``(rows, width)``, 1 row or more.

        Returns
        -------
        float32 array ``(rows, classes)``
            Logits.
        """
        count = len(rows)
        if self.stem:
            rows = run_in_batches(self.stem, count, lambda a, b: rows[a:b], ROWS_AT_ONCE)
        around = np.arange(self.settings.chunk_rows) - self.settings.chunk_rows // 2

        def block(start: int, stop: int) -> np.ndarray:
            at = np.clip(np.arange(start, stop)[:, None] + around, 0, count - 1)
            return rows[at]

        return run_in_batches(self.network, count, block, WINDOWS_AT_ONCE)
