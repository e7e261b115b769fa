"""Weights load by name, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from action_spotting.audio import vggish_weights
from action_spotting.audio.vggish_weights import (
    KERAS_SUFFIXES,
    load,
    random_tensors,
    read_keras,
    read_pca,
    scope,
    shapes,
)
from action_spotting.errors import InputError, UsageError

NARROW = {"fc1_1": (6 * 4 * 512, 8), "fc1_2": (8, 8), "fc2": (8, 128)}
"""Fully connected layers whose 280 MB need not be made, in their true order."""


def audioset_variables(*, dense: bool = False) -> dict[str, np.ndarray]:
    """Random tensors under the names of the AudioSet checkpoint, biases included."""
    rng = np.random.default_rng(1)
    variables = {}
    for layer, (kernel, bias) in random_tensors(dense=dense, seed=1).items():
        variables[f"{scope(layer)}/weights"] = kernel
        variables[f"{scope(layer)}/biases"] = rng.normal(0, 0.1, bias.shape).astype(np.float32)
    return variables


def save_checkpoint(path: Path, variables: dict[str, np.ndarray], *, version: int = 1) -> Path:
    """Write a checkpoint as TensorFlow 1 did; version 1 is one file, as AudioSet's."""
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session() as session:
        made = {
            name: tf.compat.v1.get_variable(name, initializer=tf.constant(value))
            for name, value in variables.items()
        }
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(made, write_version=version)
        saver.save(session, str(path), write_meta_graph=False, write_state=False)
    return path


def save_keras(path: Path, variables: dict[str, np.ndarray], *, prefix: str = "") -> Path:
    """Write an ``.h5`` as Keras 2 did: a group a layer, in it ``<layer>/kernel:0``."""
    with h5py.File(path, "w") as file:
        for name, value in variables.items():
            layer, _, kind = name.removeprefix("vggish/").rpartition("/")
            layer = prefix + layer if layer.startswith("fc") else layer
            file[f"{layer}/{layer}/{'kernel' if kind == 'weights' else 'bias'}:0"] = value
    return path


def test_scopes_are_those_of_the_audioset_checkpoint():
    assert [scope(layer) for layer in shapes(dense=True)] == [
        "vggish/conv1",
        "vggish/conv2",
        "vggish/conv3/conv3_1",
        "vggish/conv3/conv3_2",
        "vggish/conv4/conv4_1",
        "vggish/conv4/conv4_2",
        "vggish/fc1/fc1_1",
        "vggish/fc1/fc1_2",
        "vggish/fc2",
    ]


def test_random_weights_say_so_and_are_the_same_again():
    first, again = (load("random", dense=False) for _ in range(2))
    assert first.origin == {"random": "seed 0"}
    for layer, (kernel, bias) in first.tensors.items():
        np.testing.assert_array_equal(kernel, again.tensors[layer][0])
        assert not bias.any()


def test_a_keras_file_loads_by_name(tmp_path):
    variables = audioset_variables()
    path = save_keras(tmp_path / "weights.h5", variables)
    weights = load(str(path), dense=False)
    assert weights.origin["file"] == "weights.h5"
    assert len(weights.origin["sha256"][0]) == 64
    for layer, (kernel, bias) in weights.tensors.items():
        np.testing.assert_array_equal(kernel, variables[f"{scope(layer)}/weights"])
        np.testing.assert_array_equal(bias, variables[f"{scope(layer)}/biases"])


def test_all_that_is_wrong_with_a_keras_file_is_named(tmp_path):
    variables = audioset_variables()
    del variables["vggish/conv3/conv3_1/weights"]
    variables["vggish/conv2/biases"] = np.zeros(7, np.float32)
    path = save_keras(tmp_path / "weights.h5", variables)
    with pytest.raises(InputError) as caught:
        read_keras(path, dense=False)
    message = str(caught.value)
    assert "conv2's bias is float32 (7,), not (128,)" in message
    assert "conv3_1's kernel is missing" in message


@pytest.mark.parametrize("suffix", KERAS_SUFFIXES)
def test_no_file_and_no_keras_file(tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    with pytest.raises(UsageError, match="no such file"):
        load(str(path), dense=False)
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match="not an HDF5 file"):
        load(str(path), dense=False)


def test_pca_parameters(tmp_path):
    path = tmp_path / "pca.npz"
    vectors, means = np.eye(128) * 2, np.arange(128.0)[:, None]
    np.savez(path, pca_eigen_vectors=vectors, pca_means=means)
    read = read_pca(path)
    np.testing.assert_array_equal(read[0], vectors)
    np.testing.assert_array_equal(read[1], means[:, 0])
    np.savez(path, pca_eigen_vectors=vectors[:5])
    with pytest.raises(InputError, match="pca_eigen_vectors, pca_means missing or of another"):
        read_pca(path)
    path.write_bytes(b"no")
    with pytest.raises(InputError, match="not VGGish's PCA parameters"):
        read_pca(path)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "dense"), [(1, False), (2, False), (2, True)])
def test_an_audioset_checkpoint_loads_by_name(tmp_path, monkeypatch, version, dense):
    monkeypatch.setattr(vggish_weights, "DENSE", NARROW)
    variables = audioset_variables(dense=dense) | {"global_step": np.int64(3)}
    path = save_checkpoint(tmp_path / "vggish_model.ckpt", variables, version=version)
    weights = load(str(path), dense=dense)
    assert set(weights.tensors) == set(shapes(dense=dense))
    assert len(weights.origin["sha256"]) == version
    for layer, (kernel, bias) in weights.tensors.items():
        np.testing.assert_array_equal(kernel, variables[f"{scope(layer)}/weights"])
        np.testing.assert_array_equal(bias, variables[f"{scope(layer)}/biases"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["weights", "biases"])
@pytest.mark.parametrize("layer", shapes(dense=False))
def test_a_missing_or_misshapen_tensor_is_named(tmp_path, layer, kind):
    variables = audioset_variables()
    word = {"weights": "kernel", "biases": "bias"}[kind]
    name = f"{scope(layer)}/{kind}"
    good = variables.pop(name)
    path = save_checkpoint(tmp_path / "a.ckpt", variables)
    with pytest.raises(InputError, match=f"{layer}'s {word} is missing .*{scope(layer)}/"):
        load(str(path), dense=False)
    path = save_checkpoint(tmp_path / "b.ckpt", variables | {name: good[..., :-1]})
    with pytest.raises(InputError, match=rf"{layer}'s {word} is \(.*\), not \("):
        load(str(path), dense=False)


@pytest.mark.slow
def test_no_checkpoint(tmp_path):
    with pytest.raises(UsageError, match="no such file or checkpoint"):
        load(str(tmp_path / "none.ckpt"), dense=False)
    (tmp_path / "a.ckpt").write_text("not a checkpoint")
    with pytest.raises(InputError, match="not a TensorFlow checkpoint"):
        load(str(tmp_path / "a.ckpt"), dense=False)
