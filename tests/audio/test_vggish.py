"""The network: published names, every tensor in use, the same rows however they are batched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.signal

from action_spotting.audio import vggish_weights
from action_spotting.audio.vggish import (
    STANDARD_SAMPLES,
    Network,
    Soccer,
    Standard,
    around,
    build_network,
)
from action_spotting.audio.vggish_weights import AUDIOSET, PCA, load, random_tensors
from action_spotting.io import pretrained

from .test_vggish_weights import NARROW, audioset_variables, save_checkpoint, save_keras

LAYERS = (
    *("conv1", "pool1", "conv2", "pool2", "conv3_1", "conv3_2", "pool3", "conv4_1", "conv4_2"),
    "average",
)


def forward(tensors: vggish_weights.Tensors, patch: np.ndarray) -> np.ndarray:
    """The convolutions by scipy, one channel pair after the other: slow, and nothing to it."""
    x = patch[None].astype(np.float64)
    for layer, (kernel, bias) in tensors.items():
        rows = [
            sum(
                scipy.signal.correlate2d(x[i], kernel[:, :, i, o], mode="same")
                for i in range(len(x))
            )
            + bias[o]
            for o in range(kernel.shape[3])
        ]
        x = np.maximum(rows, 0)
        if layer in ("conv1", "conv2", "conv3_2"):
            high, wide = x.shape[1] + x.shape[1] % 2, x.shape[2]
            x = np.pad(x, ((0, 0), (0, high - x.shape[1]), (0, 0)))
            x = x.reshape(len(x), high // 2, 2, wide // 2, 2).max(axis=(2, 4))
    return x.mean(axis=(1, 2))


@pytest.fixture(scope="module")
def soccer() -> Soccer:
    return Soccer("random", batch_size=4)


def noise(rows: int, samples: int = 8000) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (rows, samples)).astype(np.float32)


def test_windows_around_half_seconds():
    blocks = np.split(noise(7), [3, 4])
    windows = np.concatenate(list(around(blocks, STANDARD_SAMPLES)))
    line = np.pad(np.concatenate(blocks).ravel(), 3800)
    assert windows.shape == (7, 15600)
    for row, window in enumerate(windows):
        np.testing.assert_array_equal(window, line[row * 8000 : row * 8000 + 15600])


@pytest.mark.slow
def test_layers_carry_the_published_names():
    names = [layer.name for layer in build_network(frames=46, dense=False).layers]
    assert tuple(names[1:]) == LAYERS
    model = build_network(frames=96, dense=True)
    assert [layer.name for layer in model.layers[-4:]] == ["flatten", "fc1_1", "fc1_2", "fc2"]
    assert model.output_shape == (None, 128)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["checkpoint", "keras"])
def test_a_row_equals_an_independent_forward_pass(tmp_path, form):
    variables = audioset_variables()
    save = save_checkpoint if form == "checkpoint" else save_keras
    weights = load(
        str(save(tmp_path / "w.h5" if form == "keras" else tmp_path / "w.ckpt", variables)),
        dense=False,
    )
    patch = np.random.default_rng(2).normal(0, 1, (1, 10, 64)).astype(np.float32)
    network = Network(weights, frames=10, dense=False, batch_size=2)
    expected = forward(weights.tensors, patch[0])
    np.testing.assert_allclose(network(patch)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("dense", "frames"), [(False, 12), (True, 96)])
def test_every_tensor_changes_the_outcome(monkeypatch, dense, frames):
    monkeypatch.setattr(vggish_weights, "DENSE", NARROW)
    patch = np.random.default_rng(2).normal(0, 1, (1, frames, 64)).astype(np.float32)
    tensors = random_tensors(dense=dense)

    def row(tensors: vggish_weights.Tensors) -> np.ndarray:
        weights = vggish_weights.Weights(tensors, {})
        return Network(weights, frames=frames, dense=dense, batch_size=1)(patch)

    plain = row(tensors)
    for layer in NARROW if dense else tensors:
        kernel, bias = tensors[layer]
        for other in ((kernel * 1.1, bias), (kernel, bias + 0.1)):
            assert np.abs(row({**tensors, layer: other}) - plain).max() > 1e-4, layer


@pytest.mark.slow
def test_rows_are_the_same_however_they_come(soccer):
    sound = noise(9)
    together = np.concatenate(list(soccer.rows([sound])))
    assert together.shape == (9, 512)
    alone = np.concatenate(list(soccer.rows(np.split(sound, [1, 2, 7]))))
    # Where a row stands in its batch changes the last bits on some processors.
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
    with ThreadPoolExecutor(4) as pool:
        for rows in pool.map(lambda _: np.concatenate(list(soccer.rows([sound]))), range(8)):
            np.testing.assert_array_equal(rows, together)


@pytest.mark.slow
def test_the_standard_embedding_ends_in_whole_numbers(tmp_path):
    pca = tmp_path / "pca.npz"
    np.savez(pca, pca_eigen_vectors=np.eye(128), pca_means=np.zeros(128))
    standard = Standard("random", pca=pca, batch_size=2)
    rows = np.concatenate(list(standard.rows([noise(3)])))
    assert rows.shape == (3, 128)
    assert ((rows == np.floor(rows)) & (rows >= 0) & (rows <= 255)).all()
    embeddings = np.array([[-5.0, -2.0, 0.0, 1.0, 2.0, 9.0] + [0.0] * 122])
    assert standard.postprocess(embeddings)[0, :6].tolist() == [0, 0, 127, 191, 255, 255]
    assert set(standard.origin) == {"variant", "weights", "pca"}


@pytest.mark.slow
def test_google_s_own_smoke_test():
    """Mean and deviation that vggish_smoke_test.py expects, within its 10 %."""
    for file in (AUDIOSET, PCA):
        if not (pretrained.cache_folder() / file.name).is_file():
            pytest.skip(f"{file.name} is not in {pretrained.cache_folder()}: fetch {file.url}")
    standard = Standard("audioset", batch_size=3)
    tone = np.pad(np.sin(2 * np.pi * 1000 * np.arange(48000) / 16000), (0, 240))
    windows = np.stack([tone[i * 15360 :][:STANDARD_SAMPLES] for i in range(3)])
    embeddings = standard.embed(windows)
    assert embeddings.mean() == pytest.approx(0.000657, rel=0.1)
    assert embeddings.std() == pytest.approx(0.343, rel=0.1)
    quantised = standard.postprocess(embeddings)
    assert quantised.mean() == pytest.approx(126.0, rel=0.1)
    assert quantised.std() == pytest.approx(89.3, rel=0.1)
