"""The baseline's pooling, against the published equations written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from action_spotting.fusion.netvlad import NetVLADNetwork
from action_spotting.fusion.pooling import Pool
from action_spotting.fusion.settings import make_settings


def pooled_by_hand(x: np.ndarray, assign: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """NetVLAD of the rows of one window, each scaled to length 1."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    share = np.exp(x @ assign)
    share /= share.sum(axis=1, keepdims=True)
    clusters = [
        sum(share[t, k] * (x[t] - centres[k]) for t in range(len(x))) for k in range(len(centres))
    ]
    flat = np.concatenate([v / np.linalg.norm(v) for v in clusters])
    return flat / np.linalg.norm(flat)


def test_pooling_is_the_published_one():
    rng = np.random.default_rng(0)
    pool = Pool(4, 6)
    windows = (5 * rng.normal(size=(3, 7, 6))).astype(np.float32)
    found = pool(windows).numpy()
    centres, assign = (
        next(v.numpy() for v in pool.weights if v.shape == shape) for shape in ((4, 6), (6, 4))
    )
    for window, row in zip(windows, found, strict=True):
        assert np.allclose(row, pooled_by_hand(window, assign, centres), atol=1e-5)


@pytest.mark.filterwarnings("error:.*build")  # Keras of a layer that is left without its weights
@pytest.mark.parametrize(("dims", "weights"), [({"A": 512}, 6), ({"A": 512, "B": 8}, 8)])
def test_only_features_of_another_width_are_projected(dims, weights):
    rng = np.random.default_rng(0)
    settings = make_settings("full", head="netvlad", modalities=tuple(dims), classes=("Goal",))
    network = NetVLADNetwork(settings)
    windows = {n: rng.normal(size=(2, 30, d)).astype(np.float32) for n, d in dims.items()}
    there = {name: np.ones((2, 30), np.float32) for name in dims}
    logits = network(windows, there, np.ones((2, 30), np.float32))["logits"]
    assert logits.shape == (2, 1, 1)
    assert len(network.weights) == weights
    numbers = sum(int(np.prod(v.shape)) for v in network.weights if len(v.shape) == 2)
    assert NetVLADNetwork.least_numbers(settings, dims) == numbers
